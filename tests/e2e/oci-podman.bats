# podman with --runtime kist-oci: its own commands, on a store of its own.
load lib/peers
bats_require_minimum_version 1.5.0

# default_ulimits: podman's own are above what a machine without CAP_SYS_RESOURCE may set.
setup_file() {
	peers_home podman script || return 0
	mkdir "$PEERS/networks"
	cat >"$PEERS/containers.conf" <<-EOF
		[containers]
		default_ulimits = ["nofile=512:512", "nproc=1024:1024"]
		[network]
		network_config_dir = "$PEERS/networks"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		infra_image = "localhost/pause:latest"
		infra_command = "/bin/sleep 1000"
		runtime_supports_json = ["kist-oci", "runc", "crun"]
	EOF
	cat >"$PEERS/pod" <<-EOF
		#!/bin/sh
		export CONTAINERS_CONF=$PEERS/containers.conf
		export PODMAN_IGNORE_CGROUPSV1_WARNING=1
		exec timeout --foreground -k 1 $(patience 60) podman --root $PEERS/root --runroot $PEERS/run --tmpdir $PEERS/tmp \
			--storage-driver overlay --runtime $RUNTIME "\$@"
	EOF
	chmod +x "$PEERS/pod"
	if ! pod load -q -i "$IMAGE" >"$PEERS/load" 2>&1; then
		peers_failed podman "$PEERS/load"
	fi
	pod tag busybox:latest bb
	printf 'FROM bb\nCMD sleep 1000\n' | pod build -q -t localhost/pause:latest - >/dev/null
}

teardown_file() {
	[ -n "${PEERS:-}" ] || return 0
	pod rm --all --force -t 0 >/dev/null 2>&1
	# podman build names no cgroup: what kist-oci takes then lies in this folder, which stays, for others
	find /sys/fs/cgroup -maxdepth 2 -type d -name kist -exec rmdir {} + 2>/dev/null
	peers_clear
}

setup() {
	peers_setup
	# conmon notes there, in a file "oom", that memory ran out or a cgroup of v1 went
	cd "$PEERS"
}

teardown() {
	[ -n "${PEERS_WHY:-}" ] && return 0
	pod pod rm --all --force -t 0 >/dev/null 2>&1
	pod rm --all --force -t 0 >/dev/null 2>&1
	return 0
}

pod() {
	"$PEERS/pod" "$@" 3>&-
}

once() {
	pod run --rm --network none --cgroup-parent "$CGROUP" "$@"
}

behind() { # NAME [flags] IMAGE COMMAND: in the background
	pod run -d --network none --cgroup-parent "$CGROUP" --name "$@" >/dev/null
}

# A program that says when it is ready and ends with 3 when it is told to.
READY='trap "exit 3" TERM; echo ready; while :; do sleep 0.1; done'

ready() {
	pod logs "$1" 2>&1 | grep -q ready
}

@test "podman run: exit codes, and the errors that podman knows" {
	run once bb sh -c 'echo out; echo err >&2; exit 7'
	[ "$status" = 7 ]
	[[ "$output" == *out* && "$output" == *err* ]]
	run -127 once bb no-such-program
	[ "$status" = 127 ]
	[[ "$output" == *"attempted to invoke a command that was not found"* ]]
	run once bb /etc/passwd
	[ "$status" = 126 ]
	[[ "$output" == *"permission denied"* ]]
	run once --timeout 1 bb sleep 100
	[ "$status" = 255 ]
}

@test "podman run: user, groups, folder, umask, environment, standard input" {
	run once -u postgres --group-add 7 -w /tmp --umask 0077 -e A=b bb sh -c 'id; pwd; umask; echo $A'
	[ "${lines[0]}" = "uid=70(postgres) gid=70(postgres) groups=7,29(audio),70(postgres)" ]
	[ "${lines[1]}" = /tmp ]
	[ "${lines[2]}" = 0077 ]
	[ "${lines[3]}" = b ]
	[ "$(echo "from a pipe" | once -i bb cat)" = "from a pipe" ]
}

@test "podman run --group-add keep-groups: the caller's supplementary groups stay" {
	run setpriv --groups 4242 "$PEERS/pod" run --rm --network none --cgroup-parent "$CGROUP" --group-add keep-groups bb id -G
	[[ " $output " == *" 4242 "* ]]
	run setpriv --groups 4242 "$PEERS/pod" run --rm --network none --cgroup-parent "$CGROUP" bb id -G
	[[ " $output " != *" 4242 "* ]]
}

@test "podman run --preserve-fds: the descriptor arrives" {
	[ "$("$PEERS/pod" run --rm --network none --preserve-fds 1 --cgroup-parent "$CGROUP" bb cat /proc/self/fd/3 3<<<handed)" = handed ]
}

@test "podman run: capabilities, seccomp, no-new-privileges, masks" {
	run once --cap-drop all --cap-add net_admin --security-opt no-new-privileges bb grep -E 'CapEff|CapBnd|NoNew|Seccomp:' /proc/self/status
	[[ "${lines[0]}" == *0000000000001000 && "${lines[1]}" == *0000000000001000 ]]
	[[ "${lines[2]}" == *1 && "${lines[3]}" == *2 ]]
	run once -u 70 --cap-add net_raw bb grep CapAmb /proc/self/status
	[[ "$output" == *0000000000002000 ]]
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":38}]}' >"$PEERS/seccomp.json"
	run once --security-opt seccomp="$PEERS/seccomp.json" bb mkdir /tmp/x
	[[ "$output" == *"Function not implemented"* ]]
	run once --security-opt seccomp=unconfined --security-opt mask=/proc/meminfo bb sh -c 'grep Seccomp: /proc/self/status; wc -c </proc/meminfo'
	[[ "${lines[0]}" == *0 && "${lines[1]}" == 0 ]]
	run once --privileged bb sh -c 'grep -E "Seccomp:" /proc/self/status; grep -c " /proc/" /proc/self/mountinfo'
	[[ "${lines[0]}" == *0 && "${lines[1]}" == 0 ]]
}

@test "podman run: read-only root, tmpfs, devices, volumes, shm" {
	mkdir "$PEERS/vol"
	echo kept >"$PEERS/vol/file"
	run once --read-only --tmpfs /mnt:size=1m,mode=700 --shm-size 1m --device /dev/cpu_dma_latency:/dev/control:r \
		-v "$PEERS/vol:/vol:ro" -v named:/named --mount type=bind,src="$PEERS/vol",target=/bound,bind-propagation=rslave \
		bb sh -c 'exec 2>&1; touch /x; stat -c %a /mnt; df -k /dev/shm | tail -n 1 | tr -s " " | cut -d" " -f2; true </dev/control && echo read
			(: >/dev/control); cat /vol/file; touch /vol/x; touch /named/x /bound/x && ls /named'
	[[ "${lines[0]}" == *"/x: Read-only file system" ]]
	[ "${lines[1]}" = 700 ]
	[ "${lines[2]}" = 1024 ]
	[ "${lines[3]}" = read ]
	[[ "${lines[4]}" == *"/dev/control: Operation not permitted" ]]
	[ "${lines[5]}" = kept ]
	[[ "${lines[6]}" == *"/vol/x: Read-only file system" ]]
	[ "${lines[7]}" = x ]
	[ -e "$PEERS/vol/x" ]
	run once --mount type=image,source=bb,destination=/image -v "$PEERS/vol:/over:O" bb sh -c 'ls -d /image/bin; touch /over/new'
	[ "${lines[0]}" = /image/bin ]
	[ ! -e "$PEERS/vol/new" ]
}

# vm: always
@test "podman run: memory, cpus, pids" {
	run once --memory 20m --cpus 0.5 --cpuset-cpus 0 --pids-limit 20 --memory-reservation 10m bb sh -c "
		$(own_limit memory/memory.limit_in_bytes memory.max); $(own_limit cpu/cpu.cfs_quota_us cpu.max)
		$(own_limit cpuset/cpuset.cpus cpuset.cpus); $(own_limit pids/pids.max pids.max)
		$(own_limit memory/memory.soft_limit_in_bytes memory.low)"
	[ "${lines[0]}" = 20971520 ]
	[[ "${lines[1]}" == 50000* ]]
	[ "${lines[2]}" = 0 ]
	[ "${lines[3]}" = 20 ]
	[ "${lines[4]}" = 10485760 ]
	run once --memory 20m bb tail /dev/zero
	[ "$status" = 137 ]
}

@test "podman run: ulimits, sysctls, oom score, personality" {
	run once --ulimit nofile=100:200 --ulimit nproc=1024:1024 --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=1234 --oom-score-adj 500 bb sh -c \
		'ulimit -n; ulimit -Hn; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/self/oom_score_adj'
	[ "${lines[*]}" = "100 200 1 1234 500" ]
	run once --personality LINUX32 bb uname -m
	[ "$output" = i686 ] || [ "$(uname -m)" != x86_64 ]
}

@test "podman run: the host's namespaces, and private ones" {
	run once --pid host --ipc host --uts host --cgroupns host bb sh -c 'for n in pid ipc uts cgroup; do readlink /proc/self/ns/$n; done'
	[ "${lines[0]}" = "$(readlink /proc/self/ns/pid)" ]
	[ "${lines[1]}" = "$(readlink /proc/self/ns/ipc)" ]
	[ "${lines[2]}" = "$(readlink /proc/self/ns/uts)" ]
	[ "${lines[3]}" = "$(readlink /proc/self/ns/cgroup)" ]
	run pod run --rm --network host --cgroup-parent "$CGROUP" bb readlink /proc/self/ns/net
	[ "$output" = "$(readlink /proc/self/ns/net)" ]
	run once --hostname name --cgroupns private bb sh -c 'hostname; grep -c libpod /proc/self/cgroup; echo $$'
	[ "${lines[*]}" = "name 0 1" ]
}

@test "podman run: user namespaces by mapping, joined, and with a terminal" {
	run once --uidmap 0:100000:65536 --gidmap 0:200000:65536 bb sh -c 'cat /proc/self/uid_map /proc/self/gid_map; id -u; touch /root/x; stat -c %u /root/x'
	[ "$(echo "${lines[0]}" | tr -s ' ')" = " 0 100000 65536" ]
	[ "$(echo "${lines[1]}" | tr -s ' ')" = " 0 200000 65536" ]
	[ "${lines[2]} ${lines[3]}" = "0 0" ]
	behind mapped --uidmap 0:100000:65536 bb sleep 1000
	[ "$(pod exec mapped id -u)" = 0 ]
	run pod run --rm --network container:mapped --userns container:mapped --cgroup-parent "$CGROUP" bb cat /proc/self/uid_map
	[ "$(echo "$output" | tr -s ' ')" = " 0 100000 65536" ]
	run tty "$PEERS/pod run --rm -it --network none --cgroup-parent $CGROUP --uidmap 0:100000:65536 bb sh -c 'tty; stat -c %u /dev/console'"
	echo "$output"
	[[ "$output" == *"/dev/pts/0"*0* ]]
}

@test "podman run: --init, --systemd, --tty, --sdnotify" {
	if [ -x /usr/bin/tini-static ]; then
		run once --init --init-path /usr/bin/tini-static bb cat /proc/1/comm
		[ "$output" = podman-init ]
	fi
	run once --systemd=always bb sh -c 'grep -c "^tmpfs /run " /proc/mounts; echo $container'
	[ "${lines[0]}" -ge 1 ]
	[ "${lines[1]}" = podman ]
	run tty "$PEERS/pod run --rm -it --network none --cgroup-parent $CGROUP bb sh -c 'tty; exit 5'"
	[ "$status" = 5 ]
	[[ "$output" == *"/dev/pts/0"* ]]
	run once --sdnotify=ignore --annotation a=b --label c=d bb true
	[ "$status" = 0 ]
}

# vm: always
@test "podman exec: exit codes, user, terminal, detached, privileged, descriptors" {
	behind a bb sh -c "$READY"
	run pod exec a sh -c 'echo x; exit 9'
	[ "$status" = 9 ]
	[ "$output" = x ]
	run pod exec -u postgres -w /tmp -e A=b a sh -c 'id -un; pwd; echo $A'
	[ "${lines[*]}" = "postgres /tmp b" ]
	run -127 pod exec a no-such-program
	[ "$status" = 127 ]
	run pod exec a /etc/passwd
	[ "$status" = 126 ]
	[ "$(echo in | pod exec -i a cat)" = in ]
	[ "$("$PEERS/pod" exec --preserve-fds 1 a cat /proc/self/fd/3 3<<<handed)" = handed ]
	run tty "$PEERS/pod exec -it a tty"
	[[ "$output" == *"/dev/pts/0"* ]]
	pod exec -d a touch /tmp/behind
	retry 5 pod exec a test -e /tmp/behind
	run pod exec --privileged a grep CapEff /proc/self/status
	local all=${lines[0]}
	run pod exec a grep CapEff /proc/self/status
	[ "${lines[0]}" != "$all" ]
}

@test "podman's containers: logs, top, stats, pause, cp, diff, stop, kill, wait, restart, rm" {
	behind a --health-cmd true --health-interval disable bb sh -c "$READY"
	retry 10 ready a
	run pod top a pid comm
	[[ "${lines[1]}" == 1* ]]
	run pod stats --no-stream --format '{{.Name}} {{.PIDs}}' a
	[[ "$output" == "a "[1-9]* ]]
	pod healthcheck run a
	pod pause a
	run pod ps --filter status=paused --format '{{.Names}}'
	[ "$output" = a ]
	pod unpause a
	[ "$(pod exec a echo back)" = back ]
	echo content >"$PEERS/f"
	pod cp "$PEERS/f" a:/tmp/
	[ "$(pod exec a cat /tmp/f)" = content ]
	# "podman diff a" would first ask for an image whose ID begins with an a
	run pod container diff a
	[[ "$output" == *"A /tmp/f"* ]]
	pod stop a
	[ "$(pod inspect -f '{{.State.Status}} {{.State.ExitCode}}' a)" = "exited 3" ]
	pod start a
	pod kill -s KILL a
	[ "$(pod wait a)" = 137 ]
	pod restart -t 0 a
	[ "$(pod inspect -f '{{.State.Status}}' a)" = running ]
	pod rm -f -t 0 a
	run pod ps -aq
	[ -z "$output" ]
}

@test "podman update: a new memory limit reaches the cgroup" {
	behind a bb sleep 1000
	pod container update --memory 50m --cpus 0.3 a || skip "this podman has no update"
	run pod exec a sh -c "$(own_limit memory/memory.limit_in_bytes memory.max); $(own_limit cpu/cpu.cfs_quota_us cpu.max)"
	[ "${lines[0]}" = 52428800 ]
	[[ "${lines[1]}" == 30000* ]]
}

@test "podman create, start --attach, attach, commit, export" {
	pod create --name b --network none --cgroup-parent "$CGROUP" bb sh -c 'echo made >/made; echo created' >/dev/null
	[ "$(pod start -a b)" = created ]
	pod commit -q b made >/dev/null
	[ "$(once made cat /made)" = made ]
	[[ "$(pod export b | tar -t)" == *made* ]]
	behind c -i bb sh -c 'read x; echo got $x; exit 6'
	echo it | timeout 20 "$PEERS/pod" attach c >"$PEERS/attached" 3>&- || true
	[ "$(pod wait c)" = 6 ]
	[ "$(pod logs c)" = "got it" ]
}

@test "podman run --restart: on failure as often as told" {
	run pod run --name r --restart on-failure:2 --network none --cgroup-parent "$CGROUP" bb false
	restarts() { [ "$(pod inspect -f '{{.RestartCount}}' r)" = "$1" ]; }
	retry 10 restarts 2
}

@test "podman pod: shared namespaces, pause, stop, start, kill, rm" {
	pod pod create --name p --network none --share ipc,net,uts,pid --cgroup-parent "$CGROUP" >/dev/null
	pod run -d --pod p --name pa bb sleep 1000 >/dev/null
	[ "$(pod exec pa readlink /proc/1/ns/net)" = "$(pod run --rm --pod p bb readlink /proc/self/ns/net)" ]
	[ "$(pod run --rm --pod p bb cat /proc/1/comm)" = sleep ]
	pod pod pause p
	pod pod unpause p
	pod pod stop -t 0 p
	pod pod start p
	pod pod kill p
	pod pod rm -f -t 0 p
	run pod ps -aq
	[ -z "$output" ]
}

@test "podman play kube, generate kube" {
	cat >"$PEERS/kube.yaml" <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: k}
		spec:
		  hostNetwork: true
		  containers:
		  - name: c
		    image: localhost/bb:latest
		    imagePullPolicy: Never
		    command: ["sleep", "1000"]
		    resources: {limits: {memory: 30Mi}}
		    securityContext: {readOnlyRootFilesystem: true}
	EOF
	pod tag busybox:latest localhost/bb:latest
	pod play kube "$PEERS/kube.yaml" >/dev/null
	[ "$(pod exec k-c sh -c "$(own_limit memory/memory.limit_in_bytes memory.max)")" = 31457280 ]
	run pod exec k-c touch /x
	[[ "$output" == *"Read-only file system"* ]]
	[[ "$(pod generate kube k)" == *'sleep'* ]]
	pod play kube --down "$PEERS/kube.yaml" >/dev/null
	run pod ps -aq
	[ -z "$output" ]
}

@test "podman build: RUN steps run through the runtime" {
	printf 'FROM bb\nRUN echo built >/b && id -u\nRUN --mount=type=tmpfs,target=/mnt touch /mnt/x\nUSER postgres\nRUN whoami >/tmp/who\nCMD cat /b /tmp/who\n' >"$PEERS/Containerfile"
	mkdir -p "$PEERS/vol"
	run pod build -q --network none -f "$PEERS/Containerfile" -t built "$PEERS/vol"
	[ "$status" = 0 ]
	run once built
	[ "${lines[*]}" = "built postgres" ]
	run bash -c 'printf "FROM bb\nRUN exit 3\n" | "$0" build --network none -' "$PEERS/pod"
	[ "$status" = 3 ]
	[[ "$output" == *"exit status 3"* ]]
}

@test "podman: six containers at once" {
	local i
	for i in 1 2 3 4 5 6; do
		once bb echo "$i" >"$PEERS/out.$i" 2>&1 &
	done
	wait
	[ "$(cat "$PEERS"/out.* | tr -d '\n')" = 123456 ]
}

# Every number once, in order.
counted() {
	pod logs "$1" >"$PEERS/counted"
	[ -s "$PEERS/counted" ]
	diff "$PEERS/counted" <(seq "$(wc -l <"$PEERS/counted")")
}

@test "podman container checkpoint and restore: the same container goes on, also from an archive" {
	if ! timeout 60 criu check >"$PEERS/criu" 2>&1; then
		skip "criu check: $(grep -m1 Error "$PEERS/criu")"
	fi
	mkdir -p "$PEERS/vol"
	behind c1 -v "$PEERS/vol:/vol" bb sh -c 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done'
	pod container checkpoint c1
	[ "$(pod inspect -f '{{.State.Status}} {{.State.Checkpointed}}' c1)" = "exited true" ]
	pod container restore c1
	[ "$(pod inspect -f '{{.State.Status}} {{.State.Restored}}' c1)" = "running true" ]
	pod exec c1 touch /vol/touched /kept
	pod container checkpoint --leave-running c1
	counted c1
	pod container checkpoint --export "$PEERS/c1.tar" c1
	pod rm -f -t 0 c1
	# a new root file system, made of the image and what had changed
	pod container restore --import "$PEERS/c1.tar" --name c2
	pod exec c2 ls /kept /vol/touched
	[ "$(pod inspect -f '{{.State.Status}}' c2)" = running ]
}
