# Kubernetes' container runtime interface: containerd's plugin for it with kist-oci for its runtime, called as kubelet
# calls it (lib/cri.py). On a containerd of its own, in a network namespace of its own. KIST_CRIO=/path/to/crio: CRI-O instead.
load lib/peers
if [ -z "${KIST_CRIO:-}" ]; then
	load lib/cri_containerd
else
	load lib/cri_crio
fi
bats_require_minimum_version 1.5.0

IMAGE_NAME=docker.io/library/busybox:latest
PAUSE_NAME=registry.example/pause:1

setup_file() {
	cri_home || return 0
	if ! /usr/bin/python3 -c 'import grpc' 2>/dev/null; then
		export PEERS_WHY="python3-grpcio is not installed"
		return 0
	fi
	if [ ! -x /usr/lib/cni/bridge ]; then
		export PEERS_WHY="containernetworking-plugins is not installed"
		return 0
	fi
	net_make
	hold
	network
	mkdir "$PEERS/logs"
	cri_config
	pause_image
	chmod 711 "$PEERS"
	daemon
	# the plugin looks at its network's configuration when it changes
	if ! retry 20 cri Version || ! images; then
		peers_failed "the CRI" "$PEERS/log"
	fi
	# where the runtime is what fails, the tests are to say so
	retry 10 imported || true
}

network() {
	mkdir "$PEERS/cni"
	cat >"$PEERS/cni/10-test.conflist" <<-END
		{"cniVersion": "0.4.0", "name": "kist-test", "plugins": [{"type": "bridge", "bridge": "kistcni0",
		 "isGateway": true, "ipam": {"type": "host-local", "dataDir": "$PEERS/ipam",
		 "ranges": [[{"subnet": "10.87.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
	END
}

# The pod's own container, which holds its namespaces: a program that waits for SIGTERM.
pause_image() {
	local dir=$PEERS/pause
	mkdir -p "$dir/root"
	cat >"$dir/pause.c" <<-'END'
		#include <signal.h>
		#include <unistd.h>
		static void end(int sig)
		{
			(void)sig;
			_exit(0);
		}
		int main(void)
		{
			signal(SIGTERM, end);
			for (;;)
				pause();
		}
	END
	cc -O2 -static -o "$dir/root/pause" "$dir/pause.c"
	tar -C "$dir/root" -cf "$dir/layer.tar" pause
	/usr/bin/python3 - "$dir" "$PAUSE_NAME" <<-'END'
		import hashlib, json, sys
		folder, name = sys.argv[1:]
		diff = "sha256:" + hashlib.sha256(open(folder + "/layer.tar", "rb").read()).hexdigest()
		json.dump({"architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(__import__("os").uname().machine, "amd64"), "os": "linux",
		    "config": {"Entrypoint": ["/pause"]}, "rootfs": {"type": "layers", "diff_ids": [diff]}}, open(folder + "/config.json", "w"))
		json.dump([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}], open(folder + "/manifest.json", "w"))
	END
	tar -C "$dir" -cf "$PEERS/pause.tar" manifest.json config.json layer.tar
}

images() {
	{
		cri_image "$IMAGE" $IMAGE_NAME && cri_image "$PEERS/pause.tar" $PAUSE_NAME
	} >>"$PEERS/load" 2>&1
}

# containerd's plugin hears of images that ctr has imported a little later.
imported() {
	local pod
	pod=$(cri RunPodSandbox "$(pod probe)" 2>>"$PEERS/probe") || return
	cri RemovePodSandbox "{$(id "$pod")}"
}

# Mounts of the pods' are to go with this file: a mount namespace, in which the daemon may make its mounts shared, and with a
# /var/lib of its own, where libcni keeps records of who has what.
hold() {
	mkdir -p "$PEERS/var-lib"
	unshare -m --propagation private sh -c 'mount --bind "$0/var-lib" /var/lib && mount --make-rshared / && echo $$ >"$0/holder" && exec sleep infinity' \
		"$PEERS" >/dev/null 2>&1 </dev/null 3>&- &
	disown
	retry 10 test -s "$PEERS/holder"
}

daemon() {
	nsenter --net="/run/netns/$KIST_NETNS" --mount="/proc/$(cat "$PEERS/holder")/ns/mnt" -- \
		setsid sh "$PEERS/daemon" >>"$PEERS/log" 2>&1 </dev/null 3>&- &
	echo $! >"$PEERS/pid"
	disown
}

teardown_file() {
	[ -n "${PEERS:-}" ] || return 0
	if [ -e "$PEERS/pid" ]; then
		clear_pods
		kill "$(cat "$PEERS/pid")" 2>/dev/null || true
		retry 10 eval '! kill -0 '"$(cat "$PEERS/pid")"
	fi
	[ ! -s "$PEERS/holder" ] || kill "$(cat "$PEERS/holder")" || true
	[ -z "${KIST_NETNS:-}" ] || net_remove
	peers_clear
}

setup() {
	peers_setup
}

clear_pods() {
	local pod
	for pod in $(cri ListPodSandbox | grep -o '"id": "[^"]*"' | cut -d'"' -f4); do
		cri StopPodSandbox "{\"pod_sandbox_id\": \"$pod\"}"
		cri RemovePodSandbox "{\"pod_sandbox_id\": \"$pod\"}"
	done >/dev/null 2>&1
}

teardown() {
	[ -n "${PEERS_WHY:-}" ] || clear_pods
	return 0
}

cri() {
	timeout "$(patience 60)" /usr/bin/python3 "$BATS_TEST_DIRNAME/lib/cri.py" "$PEERS/cri.sock" "$@" 3>&-
}

# field NAME: of the answer on standard input
field() {
	/usr/bin/python3 -c '
import json, sys
for value in [json.load(sys.stdin)]:
    for name in sys.argv[1].split("."):
        value = value.get(name, "")
    print(value)' "$1"
}

# id ANSWER: "pod_sandbox_id": "..." or "container_id": "..."
id() {
	echo "$1" | tr -d '{}'
}

# sandbox NAME ['PYTHON'] and container NAME ARGS-AS-JSON ['PYTHON']: their configurations, changed by statements on c.
# A sandbox's is kept, as kubelet names it again with each container.
sandbox() {
	/usr/bin/python3 - "$1" "${2:-}" "$PEERS" "$CGROUP" <<-'END'
		import json, sys
		name, change, peers, cgroup = sys.argv[1:]
		c = {"metadata": {"name": name, "uid": name, "namespace": "default", "attempt": 0}, "hostname": name,
		     "log_directory": peers + "/logs", "linux": {"cgroup_parent": cgroup + "/" + name,
		     "security_context": {"namespace_options": {"network": 0, "pid": 1, "ipc": 0}, "seccomp": {"profile_type": 0}}}}
		exec(change)
		print(json.dumps(c))
	END
}

container() {
	/usr/bin/python3 - "$1" "$2" "${3:-}" "$IMAGE_NAME" <<-'END'
		import json, sys
		name, args, change, image = sys.argv[1:]
		c = {"metadata": {"name": name, "attempt": 0}, "image": {"image": image, "user_specified_image": image}, "command": json.loads(args),
		     "log_path": name + ".log", "linux": {"resources": {}, "security_context": {
		     "namespace_options": {"network": 0, "pid": 1, "ipc": 0}, "seccomp": {"profile_type": 0},
		     "masked_paths": ["/proc/kcore", "/proc/timer_list"], "readonly_paths": ["/proc/sys"]}}}
		l = c["linux"]["security_context"]
		exec(change)
		print(json.dumps(c))
	END
}

pod() { # NAME [PYTHON]: what RunPodSandbox is asked
	sandbox "$@" >"$PEERS/sandbox"
	echo "{\"config\": $(cat "$PEERS/sandbox"), \"runtime_handler\": \"kist\"}"
}

create() { # NAME ARGS [PYTHON]: a container in $POD, the last that was made; its answer
	cri CreateContainer "{$(id "$POD"), \"config\": $(container "$@"), \"sandbox_config\": $(cat "$PEERS/sandbox")}"
}

state_is() { # CONTAINER STATE
	[ "$(cri ContainerStatus "{$(id "$1")}" | field status.state)" = "$2" ]
}

runtime() {
	"$RUNTIME" --root "$(cri_state)" "$@"
}

RUNNING=1 EXITED=2

@test "a pod and a container in it: create, start, exec, logs, status, stop, remove" {
	POD=$(cri RunPodSandbox "$(pod one)")
	# by this runtime and no other: a daemon passes over options that it does not know
	[ "$(runtime list -q)" = "$(cri_pod_container "$(field pod_sandbox_id <<<"$POD")")" ]
	local c
	c=$(create web '["sh", "-c", "echo to-out; echo to-err >&2; trap \"exit 7\" TERM; while :; do sleep 0.1; done"]')
	cri StartContainer "{$(id "$c")}"
	state_is "$c" $RUNNING
	[[ "$(runtime state "$(field container_id <<<"$c")")" == *'"status": "running"'* ]]
	run cri ExecSync "{$(id "$c"), \"cmd\": [\"sh\", \"-c\", \"echo in; hostname; echo bad >&2; exit 3\"]}"
	echo "$output"
	[ "$output" = '{"stdout": "in\none\n", "stderr": "bad\n", "exit_code": 3}' ]
	run cri ExecSync "{$(id "$c"), \"cmd\": [\"no-such-program\"]}"
	[ "$status" != 0 ]
	[[ "$output" == *"executable file not found in"* ]]
	retry 5 grep -q " stdout F to-out" "$PEERS/logs/web.log"
	retry 5 grep -q " stderr F to-err" "$PEERS/logs/web.log"
	cri StopContainer "{$(id "$c"), \"timeout\": 10}"
	run cri ContainerStatus "{$(id "$c")}"
	[ "$(field status.state <<<"$output") $(field status.exit_code <<<"$output")" = "$EXITED 7" ]
	cri RemoveContainer "{$(id "$c")}"
	cri StopPodSandbox "{$(id "$POD")}"
	cri RemovePodSandbox "{$(id "$POD")}"
	[ -z "$(runtime list -q)" ]
	run find /sys/fs/cgroup -type d -path "*$CGROUP/one/*"
	echo "$output"
	[ -z "$output" ]
}

@test "containers of a pod share its network and its messages, and have processes of their own" {
	POD=$(cri RunPodSandbox "$(pod two)")
	local ip a b
	ip=$(cri PodSandboxStatus "{$(id "$POD")}" | field status.network.ip)
	[[ "$ip" == 10.87.0.* ]]
	a=$(create a '["sh", "-c", "mkdir /tmp/www; echo hello >/tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"]')
	b=$(create b '["sleep", "1000"]')
	cri StartContainer "{$(id "$a")}"
	cri StartContainer "{$(id "$b")}"
	fetched() { # ADDRESS
		cri ExecSync "{$(id "$b"), \"cmd\": [\"wget\", \"-qO-\", \"http://$1:8080/\"]}" | grep -q hello
	}
	retry 10 fetched 127.0.0.1
	fetched "$ip"
	[[ "$(cri ExecSync "{$(id "$b"), \"cmd\": [\"ps\", \"-o\", \"pid,args\"]}")" == *"1 sleep 1000"* ]]
}

@test "containers of a pod share its processes where it says so" {
	cri_shares_processes || skip "the pod's own container has an OOM score that nobody may set here"
	local a
	local of='c["linux"]["security_context"]["namespace_options"]["pid"] = 0'
	POD=$(cri RunPodSandbox "$(pod three "$of")")
	a=$(create a '["sleep", "1001"]' "$of")
	cri StartContainer "{$(id "$a")}"
	run cri ExecSync "{$(id "$a"), \"cmd\": [\"ps\", \"-o\", \"args\"]}"
	[[ "$output" == *"/pause"*"sleep 1001"* ]]
}

@test "what a pod's manifest says of a container: user, capabilities, mounts, limits and their update, seccomp, masks" {
	mkdir -p "$PEERS/vol"
	echo shared >"$PEERS/vol/file"
	POD=$(cri RunPodSandbox "$(pod four 'c["linux"]["sysctls"] = {"net.ipv4.ip_unprivileged_port_start": "80"}')")
	local c
	c=$(create web '["sleep", "1000"]' "l.update({'run_as_user': {'value': 1000}, 'run_as_group': {'value': 1001}, 'supplemental_groups': [7], 'readonly_rootfs': 1, 'no_new_privs': 1, 'capabilities': {'drop_capabilities': ['ALL'], 'add_capabilities': ['NET_BIND_SERVICE']}})
c['envs'] = [{'key': 'A', 'value': 'b'}]; c['working_dir'] = '/tmp'
c['mounts'] = [{'container_path': '/mnt', 'host_path': '$PEERS/vol', 'readonly': 1}]
c['linux']['resources'] = {'memory_limit_in_bytes': 33554432, 'cpu_period': 100000, 'cpu_quota': 50000, 'cpu_shares': 512, 'oom_score_adj': 500}")
	cri StartContainer "{$(id "$c")}"
	run cri ExecSync "{$(id "$c"), \"cmd\": [\"sh\", \"-c\", \"id -u; id -g; id -G; pwd; echo \$A; cat /mnt/file; (echo x >/mnt/x) 2>&1; (echo x >/x) 2>&1; cat /proc/timer_list | wc -c; cat /proc/self/oom_score_adj; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; grep -E '^(CapBnd|NoNewPrivs|Seccomp):' /proc/self/status\"]}"
	echo "$output"
	[ "$status" = 0 ]
	run field stdout <<<"$output"
	[ "${lines[*]::6}" = "1000 1001 1001 7 /tmp b shared" ]
	[[ "${lines[6]}" == *"Read-only file system" && "${lines[7]}" == *"Read-only file system" ]]
	[ "${lines[*]:8:3}" = "0 500 80" ]
	[[ "${lines[11]}" == *0000000000000400 && "${lines[12]}" == *1 && "${lines[13]}" == *2 ]]
	memory() {
		cat /sys/fs/cgroup/{memory,.}"$CGROUP/four/$(cri_cgroup "$(field container_id <<<"$c")")"/{memory.limit_in_bytes,memory.max} 2>/dev/null
	}
	[ "$(memory)" = 33554432 ]
	cri UpdateContainerResources "{$(id "$c"), \"linux\": {\"memory_limit_in_bytes\": 67108864}}"
	[ "$(memory)" = 67108864 ]
	[ "$(cri ContainerStats "{$(id "$c")}" | field stats.memory.working_set_bytes.value)" -gt 0 ]
}

@test "a container that fails to start, runs out of memory, or is privileged" {
	POD=$(cri RunPodSandbox "$(pod five 'c["linux"]["security_context"]["privileged"] = 1')")
	local c
	# the one calls the runtime when a container is created, the other when it is started
	begin() {
		c=$(create "$@") && cri StartContainer "{$(id "$c")}"
	}
	run begin none '["/no/such/program"]'
	[ "$status" != 0 ]
	[[ "$output" == *"$CRI_FAILED"*"/no/such/program"*"no such file or directory"* ]]
	c=$(create greedy '["tail", "/dev/zero"]' 'c["linux"]["resources"] = {"memory_limit_in_bytes": 16777216}')
	cri StartContainer "{$(id "$c")}"
	retry 20 state_is "$c" $EXITED
	killed() { [ "$(cri ContainerStatus "{$(id "$c")}" | field status.reason)" = OOMKilled ]; }
	retry 10 killed
	c=$(create all '["sleep", "1000"]' 'l["privileged"] = 1; del l["masked_paths"], l["readonly_paths"]')
	cri StartContainer "{$(id "$c")}"
	run cri ExecSync "{$(id "$c"), \"cmd\": [\"sh\", \"-c\", \"mkdir /m && mount -t tmpfs x /m && touch /m/x && echo mounted; grep Seccomp: /proc/self/status\"]}"
	echo "$output"
	[[ "$output" == *mounted*"Seccomp:"*0* ]]
}

@test "the daemon's end: pods and containers outlive it, and it finds them again" {
	POD=$(cri RunPodSandbox "$(pod six)")
	local c
	c=$(create web '["sh", "-c", "trap \"exit 5\" TERM; while :; do sleep 0.1; done"]')
	cri StartContainer "{$(id "$c")}"
	kill -KILL "$(cat "$PEERS/pid")"
	daemon
	retry 20 state_is "$c" $RUNNING
	[ "$(cri ExecSync "{$(id "$c"), \"cmd\": [\"echo\", \"again\"]}" | field stdout)" = again ]
	cri StopContainer "{$(id "$c"), \"timeout\": 10}"
	[ "$(cri ContainerStatus "{$(id "$c")}" | field status.exit_code)" = 5 ]
}

# cri-tools' own program for the calls that stream; where it comes from, docs/oci.md says
crictl_() {
	in_net timeout --foreground "$(patience 60)" "${KIST_CRICTL:-crictl}" -r "unix://$PEERS/cri.sock" -i "unix://$PEERS/cri.sock" "$@" 3>&-
}

@test "exec and attach, with a terminal and without, and forwarding a port: by crictl" {
	command -v "${KIST_CRICTL:-crictl}" >/dev/null || skip "crictl is not installed"
	local c id pod at
	POD=$(cri RunPodSandbox "$(pod seven)")
	pod=$(field pod_sandbox_id <<<"$POD")
	c=$(create echoes '["sh", "-c", "while read -r line; do echo \"got $line\"; done"]' 'c["stdin"] = 1; c["tty"] = 1')
	cri StartContainer "{$(id "$c")}"
	id=$(field container_id <<<"$c")
	[ "$(echo "from a pipe" | crictl_ exec -i "$id" cat)" = "from a pipe" ]
	run crictl_ exec "$id" sh -c 'exit 3'
	[ "$status" != 0 ]
	[[ "$output" == *"exit code 3"* ]]
	run tty "nsenter --net=/run/netns/$KIST_NETNS -- ${KIST_CRICTL:-crictl} -r unix://$PEERS/cri.sock -i unix://$PEERS/cri.sock exec -it $id tty"
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *"/dev/pts/"* ]]
	mkfifo "$PEERS/typed"
	crictl_ attach -i "$id" <"$PEERS/typed" >"$PEERS/attached" 2>&1 &
	exec 7>"$PEERS/typed"
	echo hello >&7
	retry 10 grep -q "got hello" "$PEERS/attached"
	exec 7>&-
	c=$(create web '["sh", "-c", "mkdir /tmp/www; echo page >/tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www"]')
	cri StartContainer "{$(id "$c")}"
	# not in_net: what is killed is to be timeout(1), which ends crictl, and not a shell in front of it
	nsenter --net="/run/netns/$KIST_NETNS" -- timeout "$(patience 60)" "${KIST_CRICTL:-crictl}" -r "unix://$PEERS/cri.sock" \
		port-forward "$pod" 18080:8080 >"$PEERS/forward" 2>&1 3>&- &
	at=$!
	page() {
		[ "$(in_net curl -s --max-time "$(patience 5)" http://127.0.0.1:18080/)" = page ]
	}
	retry 10 page
	kill $at
	retry 10 eval '! kill -0 '$at
}
