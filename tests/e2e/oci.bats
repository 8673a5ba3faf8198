# vm: root bare
# kist-oci on runc's command line, with a busybox bundle.
load lib/bundle

# vm: always
@test "run: output, exit code, nothing left" {
	bundle r1 'p["args"] = ["sh", "-c", "echo out; echo err >&2; id -u; exit 7"]'
	run oci run -b "$BUNDLE" r1
	[ "$status" = 7 ]
	[[ "$output" == *out* && "$output" == *err* && "$output" == *0* ]]
	run oci list -q
	[ -z "$output" ]
	[ ! -e "$HOME_OCI/state/r1" ]
	run find /sys/fs/cgroup -path "*$CGROUP/r1"
	[ -z "$output" ]
}

@test "run: a signal's exit code, and signals are forwarded" {
	bundle r2 'p["args"] = ["sh", "-c", "trap \"exit 5\" TERM; echo up; while :; do sleep 0.1; done"]'
	"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" r2 >"$HOME_OCI/out" 3>&- &
	wait_for grep -q up "$HOME_OCI/out"
	kill -TERM $!
	status=0
	wait $! || status=$?
	[ "$status" = 5 ]
	bundle r3 'p["args"] = ["sh", "-c", "kill -KILL $$"]; c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
	run oci run -b "$BUNDLE" r3
	[ "$status" = 137 ]
}

# vm: always
@test "the life of a container: create, start, kill, delete, each with its errors" {
	bundle l1
	oci create -b "$BUNDLE" --pid-file "$HOME_OCI/pid" l1 </dev/null >/dev/null 2>&1 3>&-
	[ "$(status_of l1)" = created ]
	[ "$(oci state l1 | sed -n 's/.*"pid": \(.*\),/\1/p')" = "$(cat "$HOME_OCI/pid")" ]
	run oci create -b "$BUNDLE" l1
	[ "$status" = 1 ]
	[[ "$output" == *"container with given ID already exists"* ]]
	# not the program yet
	! grep -q sleep "/proc/$(cat "$HOME_OCI/pid")/cmdline" || false
	oci start l1
	[ "$(status_of l1)" = running ]
	run oci start l1
	[ "$status" = 1 ]
	[[ "$output" == *"cannot start an already running container"* ]]
	run oci delete l1
	[ "$status" = 1 ]
	[[ "$output" == *"cannot delete container l1 that is not stopped: running"* ]]
	run oci kill l1 FOO
	[[ "$output" == *'unknown signal \"FOO\"'* ]]
	oci kill l1 KILL
	wait_for is l1 stopped
	run oci kill l1
	[ "$status" = 1 ]
	[[ "$output" == *"container not running"* ]]
	run oci start l1
	[[ "$output" == *"cannot start a container that has stopped"* ]]
	run oci exec l1 true
	[ "$status" = 255 ]
	[[ "$output" == *"cannot exec in a stopped container"* ]]
	oci delete l1
	run oci delete l1
	[ "$status" = 1 ]
	[[ "$output" == *"container does not exist"* ]]
	oci delete --force l1
}

@test "a missing program fails create, as a wrong one does" {
	bundle m1 'p["args"] = ["no-such-program"]'
	run oci create -b "$BUNDLE" m1
	[ "$status" = 1 ]
	[[ "$output" == *'executable file not found in $PATH'* ]]
	bundle m2 'p["args"] = ["/etc"]'
	run oci run -b "$BUNDLE" m2
	[ "$status" = 1 ]
	[ ! -e "$HOME_OCI/state/m1" ]
	[ ! -e "$HOME_OCI/state/m2" ]
	run find /sys/fs/cgroup -path "*$CGROUP/m?"
	[ -z "$output" ]
}

@test "namespaces, hostname, masks, read-only root" {
	bundle n1 'p["args"] = ["sh", "-c", "hostname; echo $$; cat /proc/timer_list | wc -c; touch /x; cat /proc/1/cgroup | grep -vc :/$; ip -o link | wc -l"]'
	run oci run -b "$BUNDLE" n1
	echo "$output"
	[ "${lines[0]}" = kist-oci ]
	[ "${lines[1]}" = 1 ]
	[ "${lines[2]}" = 0 ]
	[[ "${lines[3]}" == *"Read-only file system"* ]]
	[ "${lines[4]}" = 0 ]
	[ "${lines[5]}" = 1 ]
}

@test "exec: output, codes, user, environment, folder, process.json, detached" {
	bundle e1
	oci run -d -b "$BUNDLE" e1 </dev/null >/dev/null 2>&1 3>&-
	run oci exec e1 sh -c 'echo hello; exit 3'
	[ "$status" = 3 ]
	[ "$output" = hello ]
	run oci exec -u 1000:1001 -g 5 --cwd /tmp -e A=b e1 sh -c 'id; pwd; echo $A'
	echo "$output"
	[[ "${lines[0]}" == *"uid=1000"*"gid=1001"*5* ]]
	[ "${lines[1]}" = /tmp ]
	[ "${lines[2]}" = b ]
	run oci exec e1 no-such-program
	[ "$status" = 255 ]
	[[ "$output" == *"exec failed"*'executable file not found in $PATH'* ]]
	echo '{"args":["sh","-c","echo $X"],"cwd":"/","env":["X=from-file","PATH=/bin"],"user":{"uid":0,"gid":0}}' >"$HOME_OCI/process.json"
	run oci exec -p "$HOME_OCI/process.json" e1
	[ "$output" = from-file ]
	oci exec -d --pid-file "$HOME_OCI/exec.pid" e1 sleep 77 </dev/null >/dev/null 2>&1 3>&-
	grep -q sleep "/proc/$(cat "$HOME_OCI/exec.pid")/cmdline"
	# it is in the container's cgroups
	! grep -v "$CGROUP/e1\$" "/proc/$(cat "$HOME_OCI/exec.pid")/cgroup" || false
	run oci ps -f json e1
	[[ "$output" == *"$(cat "$HOME_OCI/exec.pid")"* ]]
	run oci ps e1
	[ "${#lines[@]}" = 3 ]
}

# vm: always
@test "pause, resume, exec in between" {
	bundle p1
	oci run -d -b "$BUNDLE" p1 </dev/null >/dev/null 2>&1 3>&-
	run oci resume p1
	[[ "$output" == *"container not paused"* ]]
	oci pause p1
	[ "$(status_of p1)" = paused ]
	run oci exec p1 true
	[ "$status" = 255 ]
	[[ "$output" == *"cannot exec in a paused container"* ]]
	oci resume p1
	[ "$(status_of p1)" = running ]
	oci exec p1 true
	# a paused one can be deleted by force
	oci pause p1
	oci delete --force p1
}

# vm: always
@test "limits: set at the start, changed by update" {
	bundle u1 'r.update({"memory": {"limit": 67108864}, "pids": {"limit": 12}, "cpu": {"quota": 50000, "period": 100000}})'
	oci run -d -b "$BUNDLE" u1 </dev/null >/dev/null 2>&1 3>&-
	[ "$(limit memory.limit_in_bytes memory.max memory u1)" = 67108864 ]
	[ "$(limit pids.max pids.max pids u1)" = 12 ]
	oci update --memory 128m --pids-limit 20 u1
	[ "$(limit memory.limit_in_bytes memory.max memory u1)" = 134217728 ]
	[ "$(limit pids.max pids.max pids u1)" = 20 ]
	echo '{"pids":{"limit":-1},"memory":{"limit":33554432}}' | oci update -r - u1
	[ "$(limit pids.max pids.max pids u1)" = max ]
	[ "$(limit memory.limit_in_bytes memory.max memory u1)" = 33554432 ]
	run oci update --memory x u1
	[ "$status" = 1 ]
	run oci events --stats u1
	[[ "$output" == *'"type":"stats"'*'"limit":33554432'* ]]
}

# vm: always
@test "a memory limit kills, and events says so" {
	bundle o1 'r.update({"memory": {"limit": 16777216, "swap": 16777216}}); p["args"] = ["sh", "-c", "sleep '$((1 + $(patience 1)))'; tail /dev/zero"]'
	oci run -d -b "$BUNDLE" o1 </dev/null >/dev/null 2>&1 3>&-
	run oci events --interval 20s o1
	[[ "$output" == *'"type":"oom"'* ]]
}

# vm: always
@test "devices: the usual ones work, others do not" {
	bundle d1 'p["args"] = ["sh", "-c", "echo x >/dev/null && head -c4 /dev/urandom | wc -c; mknod /tmp/kmsg c 1 11 && cat /tmp/kmsg"]; p["capabilities"]["bounding"] += ["CAP_MKNOD"]; p["capabilities"]["effective"] += ["CAP_MKNOD"]; p["capabilities"]["permitted"] += ["CAP_MKNOD"]; c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["dev"]})'
	run oci run -b "$BUNDLE" d1
	[ "${lines[0]}" = 4 ]
	[[ "${lines[1]}" == *"Operation not permitted"* ]]
}

@test "seccomp: rules apply, the compiled filter is kept and used again" {
	bundle s1 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}; p["args"] = ["sh", "-c", "mkdir /dev/shm/x; grep Seccomp: /proc/self/status"]'
	run oci run -b "$BUNDLE" s1
	[[ "${lines[0]}" == *"No space left on device"* ]]
	[ "${lines[1]}" = "$(printf 'Seccomp:\t2')" ]
	[ "$(ls "$HOME_OCI/state/:seccomp" | wc -l)" = 1 ]
	run oci run -b "$BUNDLE" s1
	[[ "${lines[0]}" == *"No space left on device"* ]]
}

@test "a terminal over the console socket" {
	bundle t1 'p["terminal"] = True; p["args"] = ["sh", "-c", "tty; stty size; read x; echo got-$x"]; p["consoleSize"] = {"height": 33, "width": 101}'
	python3 - "$HOME_OCI/console" >"$HOME_OCI/tty.out" 3>&- <<'PY' &
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1]); s.listen()
c, _ = s.accept()
_, anc, _, _ = c.recvmsg(100, 100)
fd = array.array("i", anc[0][2])[0]
os.write(fd, b"abc\n")
while True:
    try:
        b = os.read(fd, 1000)
    except OSError:
        break
    if not b:
        break
    os.write(1, b)
PY
	wait_for test -S "$HOME_OCI/console"
	oci run -d -b "$BUNDLE" --console-socket "$HOME_OCI/console" t1 </dev/null 3>&-
	wait_for grep -q got-abc "$HOME_OCI/tty.out"
	grep -q /dev/pts/0 "$HOME_OCI/tty.out"
	grep -q "33 101" "$HOME_OCI/tty.out"
	run oci run -d -b "$BUNDLE" t2
	[[ "$output" == *"without setting console socket"* ]]
}

@test "hooks run in order, with the state on standard input" {
	printf '#!/bin/sh\necho "$1 $(sed "s/.*\\"status\\": *\\"\\([a-z]*\\)\\".*/\\1/")" >>%s/hooks\n' "$HOME_OCI" >"$HOME_OCI/hook"
	chmod +x "$HOME_OCI/hook"
	bundle h1 'h = os.environ["HOME_OCI"] + "/hook"; c["hooks"] = {k: [{"path": h, "args": ["hook", k]}] for k in ["prestart", "createRuntime", "poststart", "poststop"]}; p["args"] = ["true"]'
	run oci run -b "$BUNDLE" h1
	[ "$status" = 0 ]
	run cat "$HOME_OCI/hooks"
	# runtime.md, State: hooks come after step 2, in which the container is "creating"
	[ "${lines[0]}" = "prestart created" ]
	[ "${lines[1]}" = "createRuntime created" ]
	[ "${lines[2]}" = "poststart running" ]
	[ "${lines[3]}" = "poststop stopped" ]
}

@test "a failing poststop hook keeps the others from nothing" {
	bundle h2 'h = [{"path": "/bin/false"}, {"path": "/bin/touch", "args": ["touch", os.environ["HOME_OCI"] + "/second"]}]; c["hooks"] = {"poststop": h}; p["args"] = ["true"]'
	run oci run -b "$BUNDLE" h2
	[ "$status" = 0 ]
	[[ "$output" == *"error running poststop hook /bin/false: exit status 1"* ]]
	[ -e "$HOME_OCI/second" ]
	rm "$HOME_OCI/second"
	oci create -b "$BUNDLE" h2 </dev/null >/dev/null 2>&1 3>&-
	run oci delete h2
	[ "$status" = 0 ]
	[ -e "$HOME_OCI/second" ]
}

@test "an overlay may have layers whose names take more than 255 bytes" {
	local long=$HOME_OCI/$(printf 'l%.0s' {1..200})
	mkdir -p "$long-a" "$long-b"
	echo below >"$long-b/file"
	bundle ov "l = '$long'"'; c["mounts"].append({"destination": "/mnt", "type": "overlay", "source": "overlay", "options": ["lowerdir=%s-a:%s-b" % (l, l), "nosuid", "private"]}); c["root"]["readonly"] = False; p["args"] = ["sh", "-c", "cat /mnt/file; grep /mnt /proc/self/mountinfo | cut -d\" \" -f 5,6; grep -c /mnt /proc/self/mountinfo; pwd"]'
	run oci run -b "$BUNDLE" ov
	echo "$output"
	[ "${lines[*]}" = "below /mnt rw,nosuid,relatime 1 /" ]
}

@test "preserved descriptors arrive, others do not" {
	bundle f1 'p["args"] = ["sh", "-c", "cat <&3; ls /proc/self/fd | tr \"\\n\" \" \""]'
	run bash -c 'exec 3<<<"from outside" 4</dev/null 9</etc/passwd; "$0" --root "$1/state" run -b "$2" --preserve-fds 2 f1' \
		"$KIST_BUILD/bin/kist-oci" "$HOME_OCI" "$BUNDLE"
	[ "${lines[0]}" = "from outside" ]
	# 3 and 4, and the one that ls reads the folder with
	[ "${lines[1]}" = "0 1 2 3 4 5 " ]
}

@test "wrong documents are refused by the path of what is wrong, and leave nothing" {
	bundle w1 'p["rlimits"] = [{"type": "RLIMIT_FOO", "soft": 1, "hard": 1}]'
	run oci create -b "$BUNDLE" w1
	[ "$status" = 1 ]
	[[ "$output" == *"process.rlimits[0].type"* ]]
	bundle w2 'c["linux"]["resources"]["network"] = {"classID": 1}'
	if [ ! -d /sys/fs/cgroup/net_cls ]; then
		run oci create -b "$BUNDLE" w2
		[ "$status" = 1 ]
		[[ "$output" == *net_cls* ]]
	fi
	run oci create -b /nonexistent w3
	[ "$status" = 1 ]
	run oci create -b "$HOME_OCI" w4
	[[ "$output" == *"config.json not found"* ]]
	run oci create -b "$BUNDLE" ../w5
	[[ "$output" == *"invalid container ID format"* ]]
	run oci list -q
	[ -z "$output" ]
}

@test "the command line: version, features, help, unknown verbs and flags, the log file" {
	run oci --version
	[[ "${lines[0]}" == "kist-oci version "* ]]
	[[ "$output" == *"spec: 1."* ]]
	oci features | python3 -c 'import json, sys; f = json.load(sys.stdin); assert "time" in f["linux"]["namespaces"]; assert f["linux"]["seccomp"]["enabled"]'
	run oci frobnicate
	[ "$status" = 3 ]
	run oci create --frob x
	[ "$status" = 1 ]
	[[ "$output" == *"flag provided but not defined: -frob"* ]]
	run oci kill
	[[ "$output" == *'requires a minimum of 1 argument'* ]]
	run oci --log "$HOME_OCI/log" --log-format json state nobody
	[ "$status" = 1 ]
	python3 -c 'import json, sys; l = json.loads(open(sys.argv[1]).read()); assert l["level"] == "error" and l["msg"] == "container does not exist"' "$HOME_OCI/log"
	run oci create --help
	[[ "$output" == *--console-socket* ]]
}

# vm: always
@test "kill -9 of create at any moment leaves what delete --force clears" {
	bundle k1
	local i
	for i in $(seq 1 20); do
		"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" create -b "$BUNDLE" k1 </dev/null >/dev/null 2>&1 3>&- &
		sleep "0.00$((i % 10))"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		oci delete --force k1
		[ ! -e "$HOME_OCI/state/k1" ]
	done
	run find /sys/fs/cgroup -path "*$CGROUP/k1"
	[ -z "$output" ]
}

@test "many at once" {
	bundle c1 'p["args"] = ["true"]'
	local i dir pids=()
	for i in $(seq 1 12); do
		dir=$HOME_OCI/bundle-c-$i
		mkdir -p "$dir"
		sed "s,$CGROUP/c1,$CGROUP/c-$i," "$BUNDLE/config.json" >"$dir/config.json"
		"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$dir" "c-$i" </dev/null 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	run oci list -q
	[ -z "$output" ]
}

@test "podman runs containers with it" {
	command -v podman >/dev/null || skip "podman is not installed"
	local store=$HOME_OCI/podman
	tar -C "$HOME_OCI/rootfs" -c . >"$HOME_OCI/rootfs.tar"
	pod() {
		timeout 60 podman --root "$store/root" --runroot "$store/run" --tmpdir "$store/tmp" --storage-driver vfs \
			--cgroup-manager cgroupfs --events-backend none --runtime "$KIST_BUILD/bin/kist-oci" "$@"
	}
	pod import "$HOME_OCI/rootfs.tar" bb >/dev/null 2>&1 || skip "podman does not work on this machine"
	run pod run --rm --network none --ulimit nofile=512:512 --ulimit nproc=1024:1024 --cgroup-parent "$CGROUP" bb sh -c 'echo from-podman; exit 4'
	echo "$output"
	[[ "$output" == *from-podman* ]]
	[ "$status" = 4 ]
}

@test "a terminal that nobody has is refused" {
	mkdir -p "$BATS_TEST_TMPDIR/b/rootfs"
	cd "$BATS_TEST_TMPDIR/b"
	oci spec
	run oci run notty </dev/null
	[ "$status" != 0 ]
	[[ "$output" == *"none of the standard streams is one"* ]]
	[[ "$(oci list -q)" != *notty* ]]
}

@test "a cgroup with somebody else's process in it is refused and left alone" {
	local dir=/sys/fs/cgroup/pids$CGROUP/taken pid
	[ -d /sys/fs/cgroup/pids ] || dir=/sys/fs/cgroup$CGROUP/taken
	mkdir -p "$dir"
	sleep 100 3>&- &
	pid=$!
	echo $pid >"$dir/cgroup.procs"
	bundle taken
	run oci run --bundle "$BUNDLE" taken
	[ "$status" = 1 ]
	[[ "$output" == *"taken is not empty: process $pid is in it"* ]]
	kill -0 $pid
	[ "$(cat "$dir/cgroup.procs")" = $pid ]
	[ -z "$(oci list -q)" ]
	kill $pid
}
