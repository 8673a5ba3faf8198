# containerd's runc v2 shim with kist-oci for its binary: ctr's commands, on a containerd of its own.
load lib/peers
bats_require_minimum_version 1.5.0

IMAGE_NAME=docker.io/library/busybox:latest

setup_file() {
	peers_home containerd ctr script || return 0
	cat >"$PEERS/config.toml" <<-EOF
		version = 2
		root = "$PEERS/root"
		state = "$PEERS/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri"]
		[grpc]
		address = "$PEERS/containerd.sock"
	EOF
	cat >"$PEERS/ctr" <<-EOF
		#!/bin/sh
		exec timeout --foreground -k 1 $(patience 30) ctr -a $PEERS/containerd.sock "\$@"
	EOF
	chmod +x "$PEERS/ctr"
	# what ctr 1.6 asks for with --uidmap drops --runc-binary: then "runc" in the shim's PATH is run
	mkdir "$PEERS/bin"
	ln -s "$RUNTIME" "$PEERS/bin/runc"
	# a mapped root enters the bundle through these
	chmod 711 "$PEERS"
	daemon
	if ! retry 20 "$PEERS/ctr" version || ! ctr_ image import --all-platforms "$IMAGE" >"$PEERS/load" 2>&1; then
		peers_failed containerd "$PEERS/log"
	fi
}

daemon() {
	PATH=$PEERS/bin:$PATH setsid containerd -c "$PEERS/config.toml" >>"$PEERS/log" 2>&1 </dev/null 3>&- &
	echo $! >"$PEERS/pid"
	disown
}

teardown_file() {
	[ -n "${PEERS:-}" ] || return 0
	kill "$(cat "$PEERS/pid")" 2>/dev/null
	retry 10 eval '! kill -0 '"$(cat "$PEERS/pid")"
	peers_clear
}

setup() {
	peers_setup
}

teardown() {
	local id
	[ -z "${PEERS_WHY:-}" ] || return 0
	for id in $(ctr_ container ls -q); do
		ctr_ task rm -f "$id"
		ctr_ container rm "$id"
	done >/dev/null 2>&1
	return 0
}

ctr_() {
	"$PEERS/ctr" "$@" 3>&-
}

once() {
	ctr_ run --rm --runc-binary "$RUNTIME" --runc-root "$PEERS/runc" --cgroup "$CGROUP/t" "$@"
}

behind() { # NAME COMMAND...
	local name=$1
	shift
	ctr_ run -d --runc-binary "$RUNTIME" --runc-root "$PEERS/runc" --cgroup "$CGROUP/$name" $IMAGE_NAME "$name" "$@"
}

# seen COMMAND...: what it prints. ctr gives up on output that it has not begun to read when the program ends: so the program,
# which has END at its end, ends when all was seen.
END='; echo the end; read -r line'
seen() {
	local ctr status=0 read=0
	rm -f "$PEERS/in"
	mkfifo "$PEERS/in"
	"$@" <"$PEERS/in" >"$PEERS/seen" 2>&1 &
	ctr=$!
	exec 7>"$PEERS/in"
	retry 20 grep -qx "the end" "$PEERS/seen" || read=1
	echo >&7 || true
	exec 7>&-
	wait "$ctr" || status=$?
	grep -vx "the end" "$PEERS/seen" || true
	[ $read = 0 ] && return $status
}

task_is() {
	[ "$(ctr_ task ls | awk -v id="$1" '$1 == id {print $3}')" = "$2" ]
}

@test "ctr run: output, exit codes, a missing program" {
	# not by seen: the two streams apart
	mkfifo "$PEERS/in"
	once --cwd /tmp --env A=b $IMAGE_NAME t sh -c 'echo out; echo err >&2; pwd; echo $A; read -r line; exit $line' \
		<"$PEERS/in" >"$PEERS/out" 2>"$PEERS/err" &
	ctr=$!
	exec 7>"$PEERS/in"
	retry 20 grep -qx b "$PEERS/out"
	retry 20 grep -qx err "$PEERS/err"
	echo 7 >&7
	exec 7>&-
	status=0
	wait "$ctr" || status=$?
	[ "$status" = 7 ]
	[ "$(cat "$PEERS/out")" = $'out\n/tmp\nb' ]
	run once $IMAGE_NAME t no-such-program
	[ "$status" = 1 ]
	[[ "$output" == *'OCI runtime create failed'*'executable file not found in $PATH'* ]]
	run ctr_ container ls -q
	[ -z "$output" ]
}

@test "ctr run: read-only root, mounts, devices, capabilities, seccomp, privileges" {
	mkdir "$PEERS/vol"
	run seen once --read-only --mount "type=bind,src=$PEERS/vol,dst=/mnt,options=rbind:ro" \
		--mount type=tmpfs,src=tmpfs,dst=/media,options=size=4k --device /dev/cpu_dma_latency --seccomp \
		--cap-add CAP_SYS_ADMIN --cap-drop CAP_KILL $IMAGE_NAME t sh -c 'touch /x 2>&1; touch /mnt/x 2>&1; df -k /media | tail -n 1
			ls /dev/cpu_dma_latency; grep -E "CapEff|NoNew|Seccomp:" /proc/self/status'"$END"
	[[ "${lines[0]}" == *"/x: Read-only file system" ]]
	[[ "${lines[1]}" == *"/mnt/x: Read-only file system" ]]
	[ "$(echo "${lines[2]}" | awk '{print $2}')" = 4 ]
	[ "${lines[3]}" = /dev/cpu_dma_latency ]
	[[ "${lines[4]}" == *00000000a82425db ]]
	[[ "${lines[5]}" == *1 && "${lines[6]}" == *2 ]]
	run seen once --privileged --allow-new-privs $IMAGE_NAME t sh -c 'grep -E "CapEff|NoNew|Seccomp:" /proc/self/status'"$END"
	[[ "${lines[0]}" != *00000000a82425db && "${lines[1]}" == *0 && "${lines[2]}" == *0 ]]
	run seen once --no-pivot --annotation a=b $IMAGE_NAME t sh -c "echo without pivot_root$END"
	[ "$output" = "without pivot_root" ]
}

# vm: always
@test "ctr run: memory, cpus, and what is killed for want of memory" {
	run seen once --memory-limit 20971520 --cpus 0.5 --mount type=bind,src=/sys/fs/cgroup,dst=/cg,options=rbind:ro $IMAGE_NAME t \
		sh -c "cat /cg/memory$CGROUP/t/memory.limit_in_bytes 2>/dev/null || cat /cg$CGROUP/t/memory.max
			cat /cg/cpu$CGROUP/t/cpu.cfs_quota_us 2>/dev/null || cat /cg$CGROUP/t/cpu.max$END"
	[ "${lines[0]}" = 20971520 ]
	[[ "${lines[1]}" == 50000* ]]
	run once --memory-limit 20971520 $IMAGE_NAME t tail /dev/zero
	[ "$status" = 137 ]
}

@test "ctr run: the host's network, a user namespace, namespaces of another task" {
	run seen once --net-host $IMAGE_NAME t sh -c "readlink /proc/self/ns/net$END"
	[ "$output" = "$(readlink /proc/self/ns/net)" ]
	run seen once --uidmap 0:100000:65536 --gidmap 0:100000:65536 $IMAGE_NAME t sh -c "id -u; cat /proc/self/uid_map$END"
	[ "${lines[0]}" = 0 ]
	[ "$(echo "${lines[1]}" | tr -s ' ')" = " 0 100000 65536" ]
	behind other sleep 1000
	local pid
	pid=$(ctr_ task ls | awk '$1 == "other" {print $2}')
	run seen once --with-ns "pid:/proc/$pid/ns/pid" --with-ns "network:/proc/$pid/ns/net" $IMAGE_NAME t sh -c "cat /proc/1/comm; readlink /proc/self/ns/net$END"
	[ "${lines[0]}" = sleep ]
	[ "${lines[1]}" = "$(readlink "/proc/$pid/ns/net")" ]
}

@test "ctr run --tty, and exec with one" {
	# they go on for a while: see above seen()
	run tty "$PEERS/ctr run --rm -t --runc-binary $RUNTIME --runc-root $PEERS/runc --cgroup $CGROUP/t $IMAGE_NAME t sh -c 'tty; sleep 1; exit 4'"
	[ "$status" = 4 ]
	[[ "$output" == *"/dev/pts/0"* ]]
	behind a sleep 1000
	run tty "$PEERS/ctr task exec -t --exec-id e a sh -c 'tty; sleep 1'"
	[[ "$output" == *"/dev/pts/0"* ]]
}

# vm: always
@test "a task's life: exec, ps, metrics, pause, resume, kill, delete" {
	behind a sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
	task_is a RUNNING
	run seen ctr_ task exec --exec-id e1 a sh -c "echo ex$END; exit 9"
	[ "$status" = 9 ]
	[ "$output" = ex ]
	run seen ctr_ task exec --exec-id e2 --cwd /tmp --user 70:50 a sh -c "pwd; id -u; id -g$END"
	[ "${lines[*]}" = "/tmp 70 50" ]
	run ctr_ task exec --exec-id e3 a no-such-program
	[[ "$output" == *'OCI runtime exec failed'*'executable file not found in $PATH'* ]]
	ctr_ task exec -d --exec-id e4 a sleep 1000
	[[ "$(ctr_ task ps a)" == *e4* ]]
	ctr_ task kill --exec-id e4 -s KILL a
	retry 5 eval '[[ "$(ctr_ task ps a)" != *e4* ]]'
	if on_v2; then
		[[ "$(ctr_ task metrics a)" == *memory.usage* ]]
	else
		[[ "$(ctr_ task metrics a)" == *memory.usage_in_bytes* ]]
	fi
	ctr_ task pause a
	task_is a PAUSED
	ctr_ task resume a
	task_is a RUNNING
	run ctr_ task rm a
	[ "$status" = 1 ]
	ctr_ task kill a
	retry 10 task_is a STOPPED
	run ctr_ task rm a
	[[ "$output" == *"exit code 3"* ]]
	ctr_ container rm a
}

@test "ctr task kill --all ends what init left, delete --force a running task" {
	behind a sh -c 'sleep 1000 & sleep 1000'
	ctr_ task kill --all -s KILL a
	retry 10 task_is a STOPPED
	ctr_ task rm a || true
	ctr_ container rm a
	behind b sleep 1000
	ctr_ task rm -f b || true
	run ctr_ task ls -q
	[ -z "$output" ]
	run find /sys/fs/cgroup -path "*$CGROUP/[ab]"
	[ -z "$output" ]
}

@test "containerd: tasks outlive it, and it finds them again" {
	behind a sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
	kill -KILL "$(cat "$PEERS/pid")"
	daemon
	retry 20 "$PEERS/ctr" version
	retry 10 task_is a RUNNING
	# not by its output, which ctr gives up on where it has not begun to read it when the process ends
	run ctr_ task exec --exec-id e a sh -c 'echo again >/told; exit 9'
	[ "$status" = 9 ]
	[ "$(cat "/proc/$(ctr_ task ls | awk '$1 == "a" {print $2}')/root/told")" = again ]
	ctr_ task kill a
	retry 10 task_is a STOPPED
}

@test "containerd: eight containers at once" {
	local i pid pids=()
	mkdir "$PEERS/eight"
	for i in 1 2 3 4 5 6 7 8; do
		# in a file: ctr gives up on output that it has not begun to read when the program ends
		ctr_ run --rm --runc-binary "$RUNTIME" --runc-root "$PEERS/runc" --cgroup "$CGROUP/m$i" \
			--mount "type=bind,src=$PEERS/eight,dst=/mnt,options=rbind:rw" $IMAGE_NAME "m$i" \
			sh -c "echo $i >/mnt/$i" >"$PEERS/out.$i" 2>&1 &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	[ "$(cat "$PEERS"/eight/* | tr -d '\n')" = 12345678 ]
}
