# Kubernetes' container runtime interface: containerd's plugin for it with kist-oci for its runtime, called as kubelet
# calls it (lib/cri.py). On a containerd of its own, in a network namespace of its own.
load lib/peers
bats_require_minimum_version 1.5.0

IMAGE_NAME=docker.io/library/busybox:latest
PAUSE_NAME=registry.example/pause:1

setup_file() {
	peers_home containerd ctr cc || return 0
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
	config
	pause_image
	chmod 711 "$PEERS"
	daemon
	# the plugin looks at its network's configuration when it changes
	if ! retry 20 cri Version || ! images; then
		peers_failed "containerd's CRI plugin" "$PEERS/log"
	fi
	# where the runtime is what fails, the tests are to say so
	retry 10 imported || true
}

config() {
	mkdir -p "$PEERS/cni" "$PEERS/logs"
	cat >"$PEERS/config.toml" <<-END
		version = 2
		root = "$PEERS/root"
		state = "$PEERS/state"
		[grpc]
		address = "$PEERS/containerd.sock"
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "$PAUSE_NAME"
		netns_mounts_under_state_dir = true
		# who lacks CAP_SYS_RESOURCE lowers no scores
		restrict_oom_score_adj = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		bin_dir = "/usr/lib/cni"
		conf_dir = "$PEERS/cni"
		[plugins."io.containerd.grpc.v1.cri".containerd]
		default_runtime_name = "kist"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kist]
		runtime_type = "io.containerd.runc.v2"
		[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kist.options]
		BinaryName = "$RUNTIME"
		Root = "$PEERS/runc"
	END
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
	local archive
	for archive in "$IMAGE" "$PEERS/pause.tar"; do
		timeout "$(patience 60)" ctr -a "$PEERS/containerd.sock" -n k8s.io image import "$archive" >>"$PEERS/load" 2>&1 3>&- || return
	done
}

# The plugin hears of images that ctr has imported a little later.
imported() {
	local pod
	pod=$(cri RunPodSandbox "$(pod probe)" 2>>"$PEERS/probe") || return
	cri RemovePodSandbox "{$(id "$pod")}"
}

# Mounts of the pods' are to go with this file: a mount namespace, in which the plugin may make its mounts shared, and with a
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
		setsid containerd -c "$PEERS/config.toml" >>"$PEERS/log" 2>&1 </dev/null 3>&- &
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
	timeout "$(patience 60)" /usr/bin/python3 "$BATS_TEST_DIRNAME/lib/cri.py" "$PEERS/containerd.sock" "$@" 3>&-
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
		c = {"metadata": {"name": name, "attempt": 0}, "image": {"image": image}, "command": json.loads(args),
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
	"$RUNTIME" --root "$PEERS/runc/k8s.io" "$@"
}

RUNNING=1 EXITED=2

@test "a pod and a container in it: create, start, exec, logs, status, stop, remove" {
	POD=$(cri RunPodSandbox "$(pod one)")
	[ "$(runtime list -q)" = "$(field pod_sandbox_id <<<"$POD")" ]
	# by this runtime and no other: the plugin passes over options that it does not know
	[[ "$(runtime state "$(field pod_sandbox_id <<<"$POD")")" == *'"status": "running"'* ]]
	local c
	c=$(create web '["sh", "-c", "echo to-out; echo to-err >&2; trap \"exit 7\" TERM; while :; do sleep 0.1; done"]')
	cri StartContainer "{$(id "$c")}"
	state_is "$c" $RUNNING
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

@test "containers of a pod share its network and its messages, and have processes of their own unless it says otherwise" {
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
	# one process namespace for all of a pod
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
		cat /sys/fs/cgroup/{memory,.}"$CGROUP/four/$(field container_id <<<"$c")"/{memory.limit_in_bytes,memory.max} 2>/dev/null
	}
	[ "$(memory)" = 33554432 ]
	cri UpdateContainerResources "{$(id "$c"), \"linux\": {\"memory_limit_in_bytes\": 67108864}}"
	[ "$(memory)" = 67108864 ]
	[ "$(cri ContainerStats "{$(id "$c")}" | field stats.memory.working_set_bytes.value)" -gt 0 ]
}

@test "a container that fails to start, runs out of memory, or is privileged" {
	POD=$(cri RunPodSandbox "$(pod five 'c["linux"]["security_context"]["privileged"] = 1')")
	local c
	c=$(create none '["/no/such/program"]')
	run cri StartContainer "{$(id "$c")}"
	[ "$status" != 0 ]
	[[ "$output" == *"OCI runtime create failed"*"/no/such/program"*"no such file or directory"* ]]
	c=$(create greedy '["tail", "/dev/zero"]' 'c["linux"]["resources"] = {"memory_limit_in_bytes": 16777216}')
	cri StartContainer "{$(id "$c")}"
	retry 20 state_is "$c" $EXITED
	[ "$(cri ContainerStatus "{$(id "$c")}" | field status.reason)" = OOMKilled ]
	c=$(create all '["sleep", "1000"]' 'l["privileged"] = 1; del l["masked_paths"], l["readonly_paths"]')
	cri StartContainer "{$(id "$c")}"
	run cri ExecSync "{$(id "$c"), \"cmd\": [\"sh\", \"-c\", \"mkdir /m && mount -t tmpfs x /m && touch /m/x && echo mounted; grep Seccomp: /proc/self/status\"]}"
	echo "$output"
	[[ "$output" == *mounted*"Seccomp:"*0* ]]
}

@test "containerd's end: pods and containers outlive it, and it finds them again" {
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
