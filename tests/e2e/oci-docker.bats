# Debian's dockerd with --add-runtime: docker's commands, on a daemon of its own in a network namespace of its own.
load lib/peers
bats_require_minimum_version 1.5.0

setup_file() {
	peers_home docker dockerd script || return 0
	export DOCKER_HOST=unix://$PEERS/docker.sock DOCKER_CONFIG=$PEERS/config DOCKER_BUILDKIT=0
	net_make
	printf '#!/bin/sh\nexec timeout --foreground -k 1 %s docker "$@"\n' "$(patience 60)" >"$PEERS/docker"
	chmod +x "$PEERS/docker"
	hold
	daemon
	if ! retry 30 "$PEERS/docker" version || ! d load -q -i "$IMAGE" >"$PEERS/load" 2>&1; then
		peers_failed dockerd "$PEERS/log"
	fi
	d tag busybox:latest bb
}

# daemon [flags]: in the network and mount namespaces of this file, so that neither firewall nor mounts of the host change.
daemon() {
	nsenter --net="/run/netns/$KIST_NETNS" --mount="/proc/$(cat "$PEERS/holder")/ns/mnt" -- setsid dockerd \
		--data-root "$PEERS/data" --exec-root "$PEERS/exec" --host "$DOCKER_HOST" --pidfile "$PEERS/pid" \
		--bip 10.88.0.1/24 --live-restore --add-runtime "kist=$RUNTIME" --default-runtime kist --cgroup-parent "$CGROUP" \
		--exec-opt native.cgroupdriver=cgroupfs "$@" >>"$PEERS/log" 2>&1 </dev/null 3>&- &
	disown
}

# Keeps a mount namespace, in which the daemon alone sees that there are ids for nobody.
hold() {
	printf 'nobody:100000:65536\nnogroup:100000:65536\n' >"$PEERS/subid"
	unshare -m --propagation private sh -c '
		for f in /etc/subuid /etc/subgid; do
			[ ! -e $f ] || mount --bind "$0/subid" $f
		done
		mount --make-rshared / && echo $$ >"$0/holder" && exec sleep infinity' "$PEERS" >/dev/null 2>&1 </dev/null 3>&- &
	disown
	retry 10 test -s "$PEERS/holder"
}

stop_daemon() {
	local pid
	pid=$(cat "$PEERS/pid") || return 0
	kill "$pid"
	retry 30 eval "! kill -0 $pid"
	rm -f "$PEERS/pid"
}

teardown_file() {
	[ -n "${PEERS:-}" ] || return 0
	d ps -aq | xargs -r "$PEERS/docker" rm -f >/dev/null 2>&1
	# its containerd goes with it where no container lives
	stop_daemon
	kill "$(cat "$PEERS/holder")"
	net_remove
	peers_clear
}

setup() {
	peers_setup
}

teardown() {
	[ -n "${PEERS_WHY:-}" ] || d ps -aq | xargs -r "$PEERS/docker" rm -f >/dev/null 2>&1
	return 0
}

d() {
	"$PEERS/docker" "$@" 3>&-
}

once() {
	d run --rm --network none "$@"
}

behind() { # NAME [flags] IMAGE COMMAND
	d run -d --network none --name "$@" >/dev/null
}

field() { # CONTAINER TEMPLATE
	d inspect -f "$2" "$1"
}

field_is() { # CONTAINER TEMPLATE VALUE
	[ "$(field "$1" "$2")" = "$3" ]
}

READY='trap "exit 3" TERM; trap "exit 4" USR1; echo ready; while :; do sleep 0.1; done'

ready() {
	d logs "$1" 2>&1 | grep -q ready
}

@test "docker run: the runtime is kist-oci, exit codes, docker's own errors" {
	run d info -f '{{.DefaultRuntime}}'
	[ "$output" = kist ]
	run once bb sh -c 'echo out; echo err >&2; exit 7'
	[ "$status" = 7 ]
	[[ "$output" == *out* && "$output" == *err* ]]
	run -127 once bb no-such-program
	[[ "$output" == *'OCI runtime create failed'*'executable file not found in $PATH'* ]]
	run once bb /etc/passwd
	[ "$status" = 126 ]
	run once --runtime kist -u postgres --group-add 7 -w /new/folder -e A=b bb sh -c 'id; pwd; echo $A'
	[ "${lines[0]}" = "uid=70(postgres) gid=70(postgres) groups=7,29(audio),70(postgres)" ]
	[ "${lines[1]} ${lines[2]}" = "/new/folder b" ]
	[ "$(echo in | once -i bb cat)" = in ]
}

# vm: always
@test "docker run: capabilities, seccomp, no-new-privileges, masked paths, --privileged" {
	run once --cap-drop all --cap-add net_admin --security-opt no-new-privileges bb sh -c \
		'grep -E "CapEff|NoNew|Seccomp:" /proc/self/status; grep -c " /proc/" /proc/self/mountinfo'
	[[ "${lines[0]}" == *0000000000001000 && "${lines[1]}" == *1 && "${lines[2]}" == *2 ]]
	[ "${lines[3]}" -gt 3 ]
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}' >"$PEERS/seccomp.json"
	run once --security-opt seccomp="$PEERS/seccomp.json" bb mkdir /tmp/x
	[[ "$output" == *"Function not implemented"* ]]
	run once --security-opt seccomp=unconfined --security-opt systempaths=unconfined bb sh -c 'grep Seccomp: /proc/self/status; grep -c " /proc/" /proc/self/mountinfo'
	[[ "${lines[0]}" == *0 && "${lines[1]}" == 0 ]]
	run once --privileged bb sh -c 'grep Seccomp: /proc/self/status; ls /dev | wc -l'
	[[ "${lines[0]}" == *0 && "${lines[1]}" -gt 15 ]]
}

@test "docker run: read-only root, tmpfs, devices, volumes, shm" {
	mkdir "$PEERS/vol"
	run once --read-only --tmpfs /mnt:size=1m,mode=700 --shm-size 1m --device /dev/cpu_dma_latency:/dev/control:r \
		-v "$PEERS/vol:/vol:ro" -v named:/named --mount "type=bind,src=$PEERS/vol,dst=/bound,bind-propagation=rslave" bb sh -c '
			exec 2>&1; touch /x; stat -c %a /mnt; df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2; true </dev/control && echo read
			(: >/dev/control); touch /vol/x; touch /named/x /bound/x && ls /named'
	[[ "${lines[0]}" == *"/x: Read-only file system" ]]
	[ "${lines[1]} ${lines[2]} ${lines[3]}" = "700 1024 read" ]
	[[ "${lines[4]}" == *"/dev/control: Operation not permitted" ]]
	[[ "${lines[5]}" == *"/vol/x: Read-only file system" ]]
	[ "${lines[6]}" = x ]
	[ -e "$PEERS/vol/x" ]
}

# vm: always
@test "docker run: memory, cpus, pids; update changes them" {
	local limits
	limits="$(own_limit memory/memory.limit_in_bytes memory.max); $(own_limit cpu/cpu.cfs_quota_us cpu.max)
		$(own_limit cpuset/cpuset.cpus cpuset.cpus); $(own_limit pids/pids.max pids.max)"
	behind aa -m 20m --memory-swap 30m --cpus 0.5 --cpuset-cpus 0 --pids-limit 20 bb sleep 1000
	run d exec aa sh -c "$limits"
	[[ "${lines[0]} ${lines[1]%% *} ${lines[2]} ${lines[3]}" == "20971520 50000 0 20" ]]
	d update -m 64m --memory-swap 128m --cpus 0.3 --pids-limit 30 --cpuset-cpus 0-1 aa
	run d exec aa sh -c "$limits"
	[[ "${lines[0]} ${lines[1]%% *} ${lines[2]} ${lines[3]}" == "67108864 30000 0-1 30" ]]
}

@test "docker run: a container killed for want of memory says so, in its state and as an event" {
	local since
	since=$(date +%s)
	run d run --name aa --network none -m 20m bb tail /dev/zero
	[ "$status" = 137 ]
	# two events, of which the end may be the first to arrive
	retry 10 field_is aa '{{.State.OOMKilled}} {{.State.ExitCode}}' "true 137"
	run d events --since "$since" --until "$(($(date +%s) + 1))" --filter container=aa --format '{{.Action}}'
	[[ "$output" == *oom* ]]
}

@test "docker run: ulimits, sysctls, oom score, init, hostname" {
	run once --ulimit nofile=100:200 --sysctl net.ipv4.ip_forward=0 --sysctl kernel.msgmax=999 --oom-score-adj 300 --hostname name bb sh -c \
		'ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/self/oom_score_adj; hostname'
	[ "${lines[*]}" = "100 200 0 999 300 name" ]
	if command -v docker-init >/dev/null; then
		[ "$(once --init bb cat /proc/1/comm)" = docker-init ]
	fi
}

@test "docker run: namespaces of the host and of another container" {
	run once --pid host --ipc host --uts host --cgroupns host bb sh -c 'for n in pid ipc uts cgroup; do readlink /proc/self/ns/$n; done'
	[ "${lines[0]} ${lines[1]}" = "$(readlink /proc/self/ns/pid) $(readlink /proc/self/ns/ipc)" ]
	[ "${lines[2]} ${lines[3]}" = "$(readlink /proc/self/ns/uts) $(readlink /proc/self/ns/cgroup)" ]
	run d run --rm --network host bb readlink /proc/self/ns/net
	[ "$output" = "$(in_net readlink /proc/self/ns/net)" ]
	behind aa --ipc shareable bb sleep 1000
	run d run --rm --pid container:aa --network container:aa --ipc container:aa bb sh -c 'cat /proc/1/comm; for n in pid net ipc; do readlink /proc/self/ns/$n; done'
	[ "${lines[0]}" = sleep ]
	[ "${lines[1]} ${lines[2]} ${lines[3]}" = "$(d exec aa sh -c 'for n in pid net ipc; do readlink /proc/self/ns/$n; done' | tr '\n' ' ' | sed 's/ $//')" ]
}

@test "docker run on the bridge, network connect" {
	behind aa bb sleep 1000
	d rm -f aa >/dev/null
	d run -d --name aa bb sleep 1000 >/dev/null
	[[ "$(d exec aa ip -o -4 addr)" == *10.88.0.* ]]
	d network create more >/dev/null
	d network connect more aa
	[ "$(d exec aa ip -o link | grep -c eth)" = 2 ]
	d rm -f aa >/dev/null
	d network rm more >/dev/null
}

@test "docker exec: exit codes, user, terminal, detached, privileged" {
	behind aa bb sh -c "$READY"
	run d exec aa sh -c 'echo x; exit 9'
	[ "$status $output" = "9 x" ]
	run d exec -u postgres -w /tmp -e A=b aa sh -c 'id -un; pwd; echo $A'
	[ "${lines[*]}" = "postgres /tmp b" ]
	run d exec aa no-such-program
	[[ "$output" == *'OCI runtime exec failed'*'executable file not found in $PATH'* ]]
	run d exec aa /etc/passwd
	[ "$status" = 126 ]
	[ "$(echo in | d exec -i aa cat)" = in ]
	run tty "$PEERS/docker exec -it aa tty"
	[[ "$output" == *"/dev/pts/0"* ]]
	d exec -d aa touch /tmp/behind
	retry 5 d exec aa test -e /tmp/behind
	[ "$(d exec --privileged aa grep CapEff /proc/self/status)" != "$(d exec aa grep CapEff /proc/self/status)" ]
}

@test "docker's containers: logs, top, stats, pause, cp, diff, stop, kill, wait, restart" {
	behind aa --stop-signal USR1 bb sh -c "$READY"
	retry 10 ready aa
	[[ "$(d top aa)" == *"while :; do"* ]]
	[[ "$(d stats --no-stream --format '{{.Name}} {{.PIDs}}' aa)" == "aa "[1-9]* ]]
	d pause aa
	field_is aa '{{.State.Status}}' paused
	run d exec aa true
	[[ "$output" == *"is paused"* ]]
	d unpause aa
	[ "$(d exec aa echo back)" = back ]
	echo content >"$PEERS/f"
	d cp "$PEERS/f" aa:/tmp/
	[ "$(d exec aa cat /tmp/f)" = content ]
	[[ "$(d diff aa)" == *"A /tmp/f"* ]]
	d stop aa
	field_is aa '{{.State.Status}} {{.State.ExitCode}}' "exited 4"
	d start aa
	d kill -s KILL aa
	[ "$(d wait aa)" = 137 ]
	d restart -t 0 aa
	field_is aa '{{.State.Status}}' running
}

@test "docker run -it, attach, create and start -a" {
	run tty "$PEERS/docker run --rm -it --network none bb sh -c 'tty; exit 5'"
	[ "$status" = 5 ]
	[[ "$output" == *"/dev/pts/0"* ]]
	behind aa -i bb sh -c 'read x; echo got $x; exit 6'
	echo it | "$PEERS/docker" attach aa >/dev/null 3>&- || true
	[ "$(d wait aa)" = 6 ]
	[ "$(d logs aa)" = "got it" ]
	d create --name b2 --network none bb echo created >/dev/null
	[ "$(d start -a b2)" = created ]
}

@test "docker run --restart, --health-cmd" {
	behind aa --restart on-failure:2 bb false
	behind b2 --health-cmd 'test -e /ok' --health-interval 300ms --health-retries 1 bb sleep 1000
	retry 20 field_is b2 '{{.State.Health.Status}}' unhealthy
	d exec b2 touch /ok
	retry 20 field_is b2 '{{.State.Health.Status}}' healthy
	retry 20 field_is aa '{{.RestartCount}} {{.State.Status}}' "2 exited"
}

@test "docker build, commit, export: RUN steps run through the runtime" {
	mkdir "$PEERS/build"
	printf 'FROM bb\nRUN echo built >/b && id -u\nUSER postgres\nRUN whoami >/tmp/who\nCMD cat /b /tmp/who\n' >"$PEERS/build/Dockerfile"
	run d build -q -t built "$PEERS/build"
	[ "$status" = 0 ]
	run once built
	[ "${lines[*]}" = "built postgres" ]
	printf 'FROM bb\nRUN exit 3\n' >"$PEERS/build/Dockerfile"
	run d build "$PEERS/build"
	[ "$status" = 3 ]
	behind aa bb sh -c 'echo z >/z; sleep 1000'
	retry 5 d exec aa test -s /z
	d commit -p aa changed >/dev/null
	[ "$(once changed cat /z)" = z ]
	[[ "$(d export aa | tar -t)" == *z* ]]
}

@test "dockerd --live-restore: containers live on while it is stopped and started again" {
	behind aa bb sh -c "$READY"
	local pid
	pid=$(field aa '{{.State.Pid}}')
	stop_daemon
	kill -0 "$pid"
	daemon
	retry 30 d version
	[ "$(d exec aa echo again)" = again ]
	d stop aa
	field_is aa '{{.State.ExitCode}}' 3
}

@test "dockerd --userns-remap: containers in a user namespace" {
	[ -e /etc/subuid ] && [ -e /etc/subgid ] || skip "there is no /etc/subuid"
	d ps -aq | xargs -r "$PEERS/docker" rm -f >/dev/null
	stop_daemon
	# a mapped root enters the data folder through this one
	chmod 711 "$PEERS"
	daemon --userns-remap nobody:nogroup
	retry 30 d version
	d load -q -i "$IMAGE" >/dev/null
	run d run --rm --network none -v named:/named busybox sh -c 'id -u; cat /proc/self/uid_map; touch /named/x && stat -c %u /named/x'
	[ "${lines[0]} ${lines[2]}" = "0 0" ]
	[ "$(echo "${lines[1]}" | tr -s ' ')" = " 0 100000 65536" ]
	[ "$(d run --rm --network none --userns host busybox cat /proc/self/uid_map | tr -s ' ')" = " 0 0 4294967295" ]
	run tty "$PEERS/docker run --rm -it --network none busybox tty"
	[[ "$output" == *"/dev/pts/0"* ]]
}
