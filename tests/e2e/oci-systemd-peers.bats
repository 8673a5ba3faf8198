#!/usr/bin/env bats
# vm: root user
# Other people's engines with the systemd cgroup driver over kist-oci: podman (also as an ordinary user), dockerd and
# containerd make it ask systemd for the scope. Needs systemd as PID 1: tests/vm/run -- bats tests/e2e/oci-systemd-peers.bats
load lib/peers
bats_require_minimum_version 1.5.0

setup() {
	[ -d /run/systemd/system ] || skip "systemd does not run here: tests/vm/run"
	on_v2 || skip "cgroup v1: systemd's properties have other names"
	[ -x "$KIST_BUILD/bin/kist-systemd" ] || skip "built without libsystemd"
	CTL=systemctl
	[ "$(id -u)" = 0 ] || CTL="systemctl --user"
	STOP=()
}

teardown() {
	[ -n "${PEERS:-}" ] || return 0
	[ -z "${STOP[*]}" ] || "${STOP[@]}"
	[ "$(id -u)" = 0 ] || podman unshare rm -rf "$PEERS/root"
	peers_clear
}

# Prints limits from inside, where there may be no cgroup namespace.
LIMITS='cd "/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)" && cat memory.max pids.max cpu.max'

needs() { # PROGRAM...
	peers_home "$@" || skip "$PEERS_WHY"
}

root_only() {
	[ "$(id -u)" = 0 ] || skip "takes root"
}

prop() { # UNIT PROPERTY
	$CTL show -p "$2" --value "$1"
}

gone() { # UNIT
	[ -z "$($CTL list-units --all --plain --no-legend "$1")" ]
}

# limits MEMORY PIDS CPU SCOPE COMMAND...: are those, as COMMAND sees them inside, and as the scope's properties have them.
# PIDS may be empty, where there is no limit but systemd's own.
limits() {
	local memory=$1 pids=$2 quota=$3 scope=$4
	shift 4
	: "${pids:=$(prop "$scope" TasksMax)}"
	run "$@" sh -c "$LIMITS"
	echo "$output"
	[ "${lines[0]} ${lines[1]} ${lines[2]%% *}" = "$memory ${pids/infinity/max} $quota" ]
	[ "$(prop "$scope" MemoryMax)" = "$memory" ]
	[ "$(prop "$scope" TasksMax)" = "$pids" ]
	[ "$(prop "$scope" CPUQuotaPerSecUSec)" = "$((quota / 100))ms" ]
}

# process_in SCOPE PID: it is in the scope, which is one and is delegated.
process_in() {
	[ "$(prop "$1" ActiveState)" = active ]
	[ "$(prop "$1" Delegate)" = yes ]
	[ "$(sed -n 's/^0:://p' "/proc/$2/cgroup")" = "$(prop "$1" ControlGroup)" ]
}

pod() {
	timeout 100 podman --root "$PEERS/root" --runroot "$PEERS/run" --tmpdir "$PEERS/tmp" --storage-driver vfs \
		--events-backend file --cgroup-manager systemd --runtime "$RUNTIME" "$@" 3>&-
}

pod_stop() {
	pod rm --all --force -t 0 >/dev/null 2>&1
}

# vm: always
@test "podman --cgroup-manager systemd: the scope has the limits, exec is in it, nothing stays" {
	needs podman
	STOP=(pod_stop)
	pod load -q -i "$IMAGE"
	pod run -d --name a --network none --memory 32m --pids-limit 30 --cpus 0.5 busybox sleep 1000
	local scope
	scope=libpod-$(pod inspect -f '{{.Id}}' a).scope
	process_in "$scope" "$(pod inspect -f '{{.State.Pid}}' a)"
	limits 33554432 30 50000 "$scope" pod exec a
	[ "$(pod exec a sh -c 'exit 7' || echo $?)" = 7 ]
	[ "$(pod exec a cat /proc/self/cgroup)" = "$(pod exec a cat /proc/1/cgroup)" ]
	# what systemd writes again is the same
	$CTL daemon-reload
	limits 33554432 30 50000 "$scope" pod exec a
	pod pause a
	pod unpause a
	pod stop -t 0 a
	retry 10 gone "$scope"
	pod start a
	process_in "$scope" "$(pod inspect -f '{{.State.Pid}}' a)"
	pod rm -f -t 0 a
	retry 10 gone "libpod-*.scope"
}

docker_() {
	timeout 100 docker --host "unix://$PEERS/docker.sock" --config "$PEERS/config" "$@" 3>&-
}

# Ends a daemon in $PEERS/pid, its containers being gone.
daemon_stop() {
	local pid
	pid=$(cat "$PEERS/pid")
	kill "$pid"
	retry 30 eval "! kill -0 $pid"
}

docker_stop() {
	docker_ ps -aq | xargs -r docker --host "unix://$PEERS/docker.sock" rm -f >/dev/null 2>&1
	daemon_stop
}

# vm: seldom
@test "dockerd native.cgroupdriver=systemd: the scope has the limits, exec is in it, update changes it, nothing stays" {
	root_only
	needs docker dockerd
	setsid dockerd --data-root "$PEERS/root" --exec-root "$PEERS/exec" --host "unix://$PEERS/docker.sock" \
		--pidfile "$PEERS/pid" --bridge none --iptables=false --ip6tables=false --storage-driver vfs \
		--exec-opt native.cgroupdriver=systemd --add-runtime "kist=$RUNTIME" >"$PEERS/log" 2>&1 </dev/null 3>&- &
	disown
	STOP=(docker_stop)
	retry 60 docker_ version || peers_failed dockerd "$PEERS/log"
	[ "$(docker_ info -f '{{.CgroupDriver}}')" = systemd ]
	docker_ load -q -i "$IMAGE"
	local scope
	scope=docker-$(docker_ run -d --runtime kist --name aa --network none -m 32m --pids-limit 30 --cpus 0.5 busybox sleep 1000).scope
	process_in "$scope" "$(docker_ inspect -f '{{.State.Pid}}' aa)"
	limits 33554432 30 50000 "$scope" docker_ exec aa
	[ "$(docker_ exec aa sh -c 'exit 7' || echo $?)" = 7 ]
	[ "$(docker_ exec aa cat /proc/self/cgroup)" = "$(docker_ exec aa cat /proc/1/cgroup)" ]
	docker_ update -m 64m --memory-swap 128m --pids-limit 40 --cpus 0.3 aa
	$CTL daemon-reload
	limits 67108864 40 30000 "$scope" docker_ exec aa
	docker_ pause aa
	docker_ unpause aa
	docker_ stop -t 0 aa
	retry 10 gone "$scope"
	docker_ start aa
	process_in "$scope" "$(docker_ inspect -f '{{.State.Pid}}' aa)"
	docker_ rm -f aa
	retry 10 gone "docker-*.scope"
}

ctr_() {
	timeout 60 ctr -a "$PEERS/containerd.sock" "$@" 3>&-
}

ctr_stop() {
	local id
	for id in $(ctr_ container ls -q); do
		ctr_ task rm -f "$id"
		ctr_ container rm "$id"
	done >/dev/null 2>&1
	daemon_stop
}

# vm: seldom
@test "containerd with SystemdCgroup: the scope has the limits, exec is in it, nothing stays" {
	root_only
	needs containerd ctr
	printf '%s\n' 'version = 2' "root = \"$PEERS/root\"" "state = \"$PEERS/state\"" 'disabled_plugins = ["io.containerd.grpc.v1.cri"]' \
		'[grpc]' "address = \"$PEERS/containerd.sock\"" >"$PEERS/config.toml"
	setsid containerd -c "$PEERS/config.toml" >"$PEERS/log" 2>&1 </dev/null 3>&- &
	echo $! >"$PEERS/pid"
	disown
	STOP=(ctr_stop)
	retry 60 ctr_ version || peers_failed containerd "$PEERS/log"
	ctr_ image import --all-platforms "$IMAGE"
	local scope=ctr-kisttest.scope
	ctr_ run -d --runc-binary "$RUNTIME" --runc-root "$PEERS/runc" --runc-systemd-cgroup --cgroup system.slice:ctr:kisttest \
		--mount type=cgroup,src=cgroup,dst=/sys/fs/cgroup,options=nosuid:noexec:nodev:ro \
		--memory-limit 33554432 --cpus 0.5 docker.io/library/busybox:latest a sleep 1000
	process_in "$scope" "$(ctr_ task ls | awk '$1 == "a" {print $2}')"
	limits 33554432 "" 50000 "$scope" ctr_ task exec --exec-id e1 a
	run ctr_ task exec --exec-id e2 a sh -c 'exit 7'
	[ "$status" = 7 ]
	[ "$(ctr_ task exec --exec-id e3 a cat /proc/self/cgroup)" = "$(ctr_ task exec --exec-id e4 a cat /proc/1/cgroup)" ]
	ctr_ task pause a
	ctr_ task resume a
	ctr_ task kill -s KILL a
	retry 10 eval '[[ "$(ctr_ task ls)" == *STOPPED* ]]'
	ctr_ task rm a
	ctr_ container rm a
	retry 10 gone "$scope"
}
