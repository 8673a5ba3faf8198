# checkpoint and restore through criu, the one in $PATH. Skipped where that says that it cannot work with this kernel.
load lib/bundle
eval "$(declare -f setup_file | sed 1s/setup_file/bundle_setup_file/)"

setup_file() {
	bundle_setup_file
	CRIU_SKIP=""
	if ! command -v criu >/dev/null; then
		CRIU_SKIP="criu is not installed"
	elif ! timeout 60 criu check >"$HOME_OCI/criu-check" 2>&1; then
		CRIU_SKIP="criu check: $(grep -m1 Error "$HOME_OCI/criu-check")"
	fi
	export CRIU_SKIP
	# or it would refuse
	CRIU_KEEPS_PRIVS=$([ -n "$CRIU_SKIP" ] || criu --version | awk '/^Version/ { print $2 }' | awk -F. '$1 > 3 || $2 >= 19 { print "yes" }')
	export CRIU_KEEPS_PRIVS
}

eval "$(declare -f bundle | sed 1s/bundle/bundle_bundle/)"

bundle() {
	bundle_bundle "$1" "${2:-pass}
if not os.environ[\"CRIU_KEEPS_PRIVS\"]: p[\"noNewPrivileges\"] = False"
}

setup() {
	IMAGES=$HOME_OCI/images-$BATS_TEST_NUMBER
	OUT=$HOME_OCI/out-$BATS_TEST_NUMBER
	: >"$OUT"
}

eval "$(declare -f teardown | sed 1s/teardown/bundle_teardown/)"

# Shown where a test fails.
teardown() {
	grep level=error "$OUT" || true
	bundle_teardown
}

# For tests that need a criu that works.
criu_works() {
	[ -z "$CRIU_SKIP" ] || skip "$CRIU_SKIP"
}

# CAP_SYS_RESOURCE
may_have_resources() {
	[ $((0x$(sed -n 's/^CapEff:\t//p' /proc/self/status) >> 24 & 1)) = 1 ]
}

has_feature() {
	criu check --feature "$1" >/dev/null 2>&1 || skip "criu says that this kernel lacks $1"
}

# start ID: detached, standard output and error added to $OUT.
start() {
	oci run -d -b "$BUNDLE" "$1" </dev/null >>"$OUT" 2>&1 3>&-
}

# save ID [OPTION...]
save() {
	local id=$1
	shift
	oci checkpoint --image-path "$IMAGES" "$@" "$id" 3>&-
}

# restored ID [OPTION...]: detached, with the same streams.
restored() {
	local id=$1
	shift
	oci restore -d -b "$BUNDLE" --image-path "$IMAGES" "$@" "$id" </dev/null >>"$OUT" 2>&1 3>&-
}

lines() {
	[ "$(wc -l <"$OUT")" -ge "$1" ]
}

pid_of() {
	oci state "$1" | sed -n 's/.*"pid": \(.*\),/\1/p'
}

# goes on where a restore ends its sleep, as criu does that of newer busyboxes
ON='p["args"] = ["tail", "-f", "/dev/null"]'
COUNTER='p["args"] = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done"]'

# Every number once, in order: the counter neither started anew nor lost one.
counted() {
	head -n "$(wc -l <"$OUT")" "$OUT" >"$OUT.so-far"
	diff "$OUT.so-far" <(seq "$(wc -l <"$OUT.so-far")")
}

groups_of() {
	find /sys/fs/cgroup -type d -path "*$CGROUP/$1"
}

# vm: always
@test "checkpoint ends a container, restore lets it go on with its memory, limits and identity" {
	criu_works
	bundle a1 "$COUNTER"'; r["pids"] = {"limit": 77}; c["annotations"] = {"some": "thing"}'
	start a1
	wait_for lines 5
	save a1
	run oci list -q
	[ -z "$output" ]
	[ -z "$(groups_of a1)" ]
	local before now
	before=$(wc -l <"$OUT")
	restored a1 --pid-file "$HOME_OCI/pid"
	[ "$(status_of a1)" = running ]
	[ "$(pid_of a1)" = "$(cat "$HOME_OCI/pid")" ]
	oci state a1 | grep -q '"some": "thing"'
	wait_for lines $((before + 5))
	counted
	[ "$(limit pids.max pids.max pids a1)" = 77 ]
	grep -q "$CGROUP/a1" "/proc/$(pid_of a1)/cgroup"
	[ ! -e "$HOME_OCI/state/a1/criu-root" ]
	! grep -q criu-root /proc/self/mountinfo || false
	# it is a container like any other
	[ "$(oci exec a1 sh -c 'echo $$; cat /proc/1/cmdline | tr "\0" " "' 3>&- | tail -1 | cut -c1-5)" = "sh -c" ]
	oci pause a1
	is a1 paused
	oci resume a1
	oci kill a1 KILL
	wait_for is a1 stopped
	oci delete a1
	[ -z "$(groups_of a1)" ]
	# from the same images once more, and that again
	: >"$OUT"
	restored a1
	wait_for grep -qx $((before + 1)) "$OUT"
	IMAGES=$IMAGES-again
	save a1
	before=$(tail -n 1 "$OUT")
	restored a1
	wait_for grep -qx $((before + 1)) "$OUT"
}

@test "seccomp filter, no_new_privs, capabilities, limits and mounts are after a restore what they were" {
	criu_works
	# criu asks for the limits of processes that are not its own user's
	SOME_UID=$(may_have_resources && echo 5 || echo 0)
	export SOME_UID
	bundle s1 "$ON"'; c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["chroot"], "action": "SCMP_ACT_ERRNO"}]}; p["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 300, "hard": 400}]; c["process"]["user"] = {"uid": int(os.environ["SOME_UID"]), "gid": int(os.environ["SOME_UID"])}; c["hostname"] = "saved"; p["oomScoreAdj"] = 200'
	start s1
	local what before
	what() {
		grep -E 'Seccomp:|NoNewPrivs|Cap|Uid|Gid' "/proc/$(pid_of s1)/status"
		cat "/proc/$(pid_of s1)/limits" "/proc/$(pid_of s1)/oom_score_adj"
		# target, flags, type; propagation numbers and order are the kernel's
		sed 's/ shared:[0-9]*\| master:[0-9]*//' "/proc/$(pid_of s1)/mountinfo" | awk '{ print $5, $6, $8 }' | sort
		oci exec s1 hostname 3>&-
	}
	what >"$HOME_OCI/before"
	grep -q 'Seccomp:.*2' "$HOME_OCI/before"
	[ -z "$CRIU_KEEPS_PRIVS" ] || grep -q 'NoNewPrivs:.*1' "$HOME_OCI/before"
	grep -q '^/ ro' "$HOME_OCI/before"
	grep -qx saved "$HOME_OCI/before"
	save s1
	restored s1
	what >"$HOME_OCI/after"
	diff "$HOME_OCI/before" "$HOME_OCI/after"
}

@test "standard streams that were pipes or files are the caller's at the restore" {
	criu_works
	bundle p1 'p["args"] = ["sh", "-c", "n=0; while read l; do n=$((n+1)); echo $n $l; echo $n >&2; done"]'
	mkfifo "$HOME_OCI/in1" "$HOME_OCI/in2"
	cat "$HOME_OCI/in1" 3>&- | oci run -d -b "$BUNDLE" p1 2>>"$HOME_OCI/err1" 3>&- | cat >"$HOME_OCI/out1" 3>&- &
	exec 7>"$HOME_OCI/in1"
	echo one >&7
	wait_for grep -qx "1 one" "$HOME_OCI/out1"
	save p1
	exec 7>&-
	grep -q '\["pipe:\[[0-9]*\]","pipe:\[[0-9]*\]","file\[[0-9a-f]*:[0-9a-f]*\]"\]' "$IMAGES/descriptors.json"
	cat "$HOME_OCI/in2" 3>&- | oci restore -d -b "$BUNDLE" --image-path "$IMAGES" p1 2>>"$HOME_OCI/err2" 3>&- | cat >"$HOME_OCI/out2" 3>&- &
	exec 7>"$HOME_OCI/in2"
	echo two >&7
	wait_for grep -qx "2 two" "$HOME_OCI/out2"
	exec 7>&-
	wait_for is p1 stopped
	[ "$(cat "$HOME_OCI/err1" "$HOME_OCI/err2")" = $'1\n2' ]
}

# vm: seldom
@test "open files keep their position, unlinked ones their content, fifos and signal handlers theirs" {
	criu_works
	bundle f1 'p["args"] = ["sh", "-c", "cd /dev/shm; seq 100 >kept; seq 100 >gone; exec 4<kept 5<gone; rm gone; read a <&4; read a <&5; read b <&5; mkfifo q; exec 6<>q; echo in-fifo >&6; trap \"read a <&4; read b <&5; read d <&6; echo $$ \\$a \\$b \\$d\" USR1; echo up; while :; do sleep 0.05; done"]'
	start f1
	wait_for lines 1
	save f1
	restored f1
	oci kill f1 USR1
	wait_for grep -qx "1 2 3 in-fifo" "$OUT"
}

@test "a checkpoint with --leave-running leaves the container running, and its images make a second one" {
	criu_works
	bundle l1 "$COUNTER"
	start l1
	wait_for lines 3
	local pid
	pid=$(pid_of l1)
	save l1 --leave-running --work-path "$HOME_OCI/work-l1"
	[ -s "$HOME_OCI/work-l1/dump.log" ]
	[ ! -e "$IMAGES/dump.log" ]
	[ "$(pid_of l1)" = "$pid" ]
	is l1 running
	wait_for lines $(($(wc -l <"$OUT") + 3))
	counted
	sed -i "s,$CGROUP/l1,$CGROUP/l2," "$BUNDLE/config.json"
	oci restore -d -b "$BUNDLE" --image-path "$IMAGES" --work-path "$HOME_OCI/work-l2" l2 </dev/null >"$HOME_OCI/out-l2" 2>&1 3>&-
	wait_for test -s "$HOME_OCI/out-l2"
	[ -s "$HOME_OCI/work-l2/restore.log" ]
	is l1 running
	is l2 running
	grep -q "$CGROUP/l2" "/proc/$(pid_of l2)/cgroup"
	! grep -q "$CGROUP/l1" "/proc/$(pid_of l2)/cgroup"
}

# vm: seldom
@test "bind mounts come back, on a new copy of the root file system, in a folder reached by a link, read-only" {
	criu_works
	mkdir -p "$HOME_OCI/data/inner" "$HOME_OCI/other/inner" "$HOME_OCI/copy"
	echo file >"$HOME_OCI/data-file"
	mkdir -p "$HOME_OCI/linked/real"
	cp -a "$HOME_OCI/rootfs/." "$HOME_OCI/linked/"
	ln -sfn real "$HOME_OCI/linked/alias"
	bundle b1 "$COUNTER"'; h = os.environ["HOME_OCI"]; c["root"]["path"] = h + "/linked"; c["mounts"] += [
{"destination": "/data", "source": h + "/data", "type": "bind", "options": ["rbind"]},
{"destination": "/data/inner/x", "source": h + "/other", "type": "bind", "options": ["bind", "ro"]},
{"destination": "/alias/deep", "source": h + "/other", "type": "bind", "options": ["rbind", "ro", "nosuid"]},
{"destination": "/same", "source": h + "/other", "type": "bind", "options": ["rbind", "ro", "nosuid"]},
{"destination": "/same-inner", "source": h + "/other/inner", "type": "bind", "options": ["rbind", "ro", "nosuid"]},
{"destination": "/etc/file", "source": h + "/data-file", "type": "bind", "options": ["bind", "rprivate"]}]'
	start b1
	wait_for lines 3
	local before
	before=$(awk '{ print $5, $6 }' "/proc/$(pid_of b1)/mountinfo" | sort)
	[[ "$before" == *"/real/deep ro,nosuid"* ]]
	[[ "$before" == *"/same ro,nosuid"*"/same-inner ro,nosuid"* ]]
	save b1
	# as an engine has it that restores on another machine
	rm -rf "$HOME_OCI/linked" "$HOME_OCI/data/inner/x"
	mkdir -p "$HOME_OCI/linked/real"
	cp -a "$HOME_OCI/rootfs/." "$HOME_OCI/linked/"
	ln -sfn real "$HOME_OCI/linked/alias"
	rm -f "$HOME_OCI/linked/etc/file"
	restored b1
	# criu forgets the attributes of a mount that shows what another one shows and has the same ones
	diff <(echo "$before") <(awk '{ print $5, $6 }' "/proc/$(pid_of b1)/mountinfo" | sort)
	oci exec b1 sh -c 'echo new >/data/made; cat /etc/file' 3>&- | grep -qx file
	[ "$(cat "$HOME_OCI/data/made")" = new ]
	run oci exec b1 touch /alias/deep/x 3>&-
	[ "$status" = 1 ]
	wait_for lines $(($(wc -l <"$OUT") + 3))
	counted
}

# vm: seldom
@test "a read-only bind mount that the container has made writable stays so while it writes there" {
	criu_works
	mkdir -p "$HOME_OCI/data"
	bundle b2 'p["args"] = ["sh", "-c", "mount -o remount,rw,bind /data; exec 5>/data/log; i=0; while :; do i=$((i+1)); echo $i; echo $i >&5; sleep 0.05; done"]
for k in p["capabilities"]: p["capabilities"][k].append("CAP_SYS_ADMIN")
c["mounts"].append({"destination": "/data", "source": os.environ["HOME_OCI"] + "/data", "type": "bind", "options": ["rbind", "ro", "nosuid"]})'
	start b2
	wait_for lines 3
	save b2
	restored b2
	grep -q " /data rw,nosuid" "/proc/$(pid_of b2)/mountinfo"
	wait_for lines $(($(wc -l <"$OUT") + 3))
	counted
	oci delete --force b2
	cmp -n "$(wc -c <"$HOME_OCI/data/log")" "$HOME_OCI/data/log" "$OUT"
}

@test "a terminal is the receiver's on the console socket again" {
	criu_works
	cat >"$HOME_OCI/receive" <<'PY'
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(1)
c, _ = s.accept()
_, anc, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(4))
fd = array.array("i", anc[0][2])[0]
out = open(sys.argv[2], "ab", buffering=0)
os.write(fd, sys.argv[3].encode() + b"\n")
while True:
    try:
        b = os.read(fd, 4096)
    except OSError:
        break
    if not b:
        break
    out.write(b)
PY
	bundle t1 'p["terminal"] = True; p["args"] = ["sh", "-c", "n=0; while read l; do n=$((n+1)); echo [$n $l] $(tty); done"]'
	timeout 60 python3 "$HOME_OCI/receive" "$HOME_OCI/c1" "$HOME_OCI/tty1" first 3>&- &
	wait_for test -S "$HOME_OCI/c1"
	oci run -d -b "$BUNDLE" --console-socket "$HOME_OCI/c1" t1 </dev/null 3>&-
	wait_for grep -q "\[1 first\] /dev/pts/0" "$HOME_OCI/tty1"
	save t1
	timeout 60 python3 "$HOME_OCI/receive" "$HOME_OCI/c2" "$HOME_OCI/tty2" second 3>&- &
	wait_for test -S "$HOME_OCI/c2"
	run oci restore -d -b "$BUNDLE" --image-path "$IMAGES" t1
	[ "$status" = 1 ]
	[[ "$output" == *"without setting console socket"* ]]
	oci restore -d -b "$BUNDLE" --image-path "$IMAGES" --console-socket "$HOME_OCI/c2" t1 </dev/null 3>&-
	wait_for grep -q "\[2 second\] /dev/pts/0" "$HOME_OCI/tty2"
}

# vm: seldom
@test "restore in the foreground gives the exit code and leaves nothing" {
	criu_works
	bundle w1 'p["args"] = ["sh", "-c", "trap \"echo bye; exit 9\" TERM; echo up; while :; do sleep 0.05; done"]'
	start w1
	wait_for lines 1
	save w1
	"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" restore -b "$BUNDLE" --image-path "$IMAGES" w1 </dev/null >>"$OUT" 2>&1 3>&- &
	wait_for is w1 running
	kill -TERM $!
	status=0
	wait $! || status=$?
	[ "$status" = 9 ]
	grep -qx bye "$OUT"
	run oci list -q
	[ -z "$output" ]
	[ -z "$(groups_of w1)" ]
}

@test "hooks that prepare the network run at a restore, with the new pid" {
	criu_works
	printf '#!/bin/sh\necho "$1 $(tr -d " \\n" | sed "s/.*\\"pid\\":\\([0-9]*\\).*/\\1/")" >>%s/hooks\n' "$HOME_OCI" >"$HOME_OCI/hook"
	chmod +x "$HOME_OCI/hook"
	bundle h1 "$ON"'; h = os.environ["HOME_OCI"] + "/hook"; c["hooks"] = {k: [{"path": h, "args": ["hook", k]}] for k in ["prestart", "createRuntime", "poststop"]}'
	start h1
	: >"$HOME_OCI/hooks"
	save h1
	[ "$(cut -d' ' -f1 "$HOME_OCI/hooks")" = poststop ]
	: >"$HOME_OCI/hooks"
	restored h1
	[ "$(cat "$HOME_OCI/hooks")" = "prestart $(pid_of h1)"$'\n'"createRuntime $(pid_of h1)" ]
}

@test "a restore that fails leaves nothing: hook, images, id, terminal" {
	criu_works
	bundle e1 "$COUNTER"
	start e1
	wait_for lines 3
	save e1 --leave-running
	run oci restore -d -b "$BUNDLE" --image-path "$IMAGES" e1
	[ "$status" = 1 ]
	[[ "$output" == *"container with given ID already exists"* ]]
	is e1 running
	oci delete --force e1
	bundle e1 "$COUNTER"'; c["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo not today >&2; exit 3"]}]}'
	run restored e1
	[ "$status" = 1 ]
	grep -q "createRuntime hook /bin/sh: exit status 3, stdout: , stderr: not today" "$OUT"
	bundle e1 "$COUNTER"
	run oci restore -d -b "$BUNDLE" --image-path "$HOME_OCI/nowhere" e1
	[ "$status" = 1 ]
	[[ "$output" == *"--image-path"*nowhere* ]]
	mkdir -p "$HOME_OCI/empty"
	run oci restore -d -b "$BUNDLE" --image-path "$HOME_OCI/empty" e1
	[ "$status" = 1 ]
	[[ "$output" == *"holds no checkpoint"* ]]
	# cut off: criu's own words, and where to read more
	rm "$IMAGES/inventory.img"
	run oci restore -d -b "$BUNDLE" --image-path "$IMAGES" e1
	[ "$status" = 1 ]
	[[ "$output" == *"criu failed: type RESTORE errno "*"; log file: $IMAGES/restore.log"* ]]
	run oci list -q
	[ -z "$output" ]
	[ ! -e "$HOME_OCI/state/e1" ]
	[ -z "$(groups_of e1)" ]
	! grep -q criu-root /proc/self/mountinfo
}

@test "a checkpoint that criu refuses leaves the container running and says why" {
	criu_works
	# busybox need not have flock
	cc -static -x c -o "$HOME_OCI/rootfs/bin/hold" - <<'C' || skip "no static C compiler"
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int fd = open("/dev/shm/lock", O_RDWR | O_CREAT, 0600);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 7;
	puts("up");
	fflush(stdout);
	return pause();
}
C
	bundle r1 'p["args"] = ["hold"]'
	start r1
	wait_for lines 1
	run save r1
	[ "$status" = 1 ]
	[[ "$output" == *"criu failed: type DUMP errno "*lock*"log file: $IMAGES/dump.log"* ]]
	is r1 running
	# with the option it works, and the lock is there afterwards
	save r1 --file-locks
	restored r1 --file-locks
	run oci exec r1 hold 3>&-
	[ "$status" = 7 ]
}

# vm: seldom
@test "options are checked before anything is done" {
	bundle o1
	run oci checkpoint nobody
	[ "$status" = 1 ]
	[[ "$output" == *"container does not exist"* ]]
	oci create -b "$BUNDLE" o1 </dev/null >/dev/null 2>&1 3>&-
	run oci checkpoint --image-path "$IMAGES" o1
	[ "$status" = 1 ]
	[[ "$output" == *"Container cannot be checkpointed in created state"* ]]
	oci start o1
	local bad
	for bad in --manage-cgroups-mode=none --parent-path=/abs --page-server=host --page-server=:1 --page-server=a:b \
		--page-server=h:70000 --empty-ns=pid "--lazy-pages --status-fd=77" --status-fd=x; do
		# shellcheck disable=SC2086
		run oci checkpoint --image-path "$IMAGES" $bad o1
		[ "$status" = 1 ]
		[[ "$output" == *"${bad%%=*}"* || "$output" == *status-fd* ]]
	done
	run oci checkpoint --image-path "$IMAGES" --pre-dump --parent-path=missing o1
	[ "$status" = 1 ]
	[[ "$output" == *"--parent-path"*missing* ]]
	run oci --criu /nonexistent/criu checkpoint --image-path "$IMAGES" o1
	[ "$status" = 1 ]
	[[ "$output" == *"cannot find /nonexistent/criu"* ]]
	is o1 running
	oci kill o1 KILL
	wait_for is o1 stopped
	run oci checkpoint --image-path "$IMAGES" o1
	[ "$status" = 1 ]
	[[ "$output" == *"Container cannot be checkpointed in stopped state"* ]]
}

# vm: always
@test "a container that is paused can be saved, and runs when it is back" {
	criu_works
	bundle z1 "$COUNTER"
	start z1
	wait_for lines 3
	oci pause z1
	save z1
	run oci list -q
	[ -z "$output" ]
	[ -z "$(groups_of z1)" ]
	local before
	before=$(wc -l <"$OUT")
	restored z1
	wait_for lines $((before + 3))
	counted
}

@test "TCP connections inside a new network namespace survive with --tcp-established, and loopback is up" {
	criu_works
	bundle n1 'p["args"] = ["sh", "-c", "cd /dev/shm; mkfifo a b; nc -l -p 7000 <a >got & exec 3>a; until grep -q :1B58 /proc/net/tcp*; do sleep 0.05; done; nc 127.0.0.1 7000 <b & exec 4>b; echo first >&4; while [ ! -s got ]; do sleep 0.05; done; trap \"echo second >&4\" USR1; echo up; while :; do sleep 0.05; [ $(wc -l <got) = 2 ] && cat got && break; done; sleep 100"]'
	start n1
	wait_for lines 1
	run save n1
	[ "$status" = 1 ]
	[[ "$output" == *"criu failed"*"onnected TCP socket"* ]]
	is n1 running
	run save n1 --tcp-established
	if [[ "$output" == *"Can't get 1:16 opt"* ]]; then
		skip "this criu is too old for Linux 6.16: SO_PASSCRED of a TCP socket"
	fi
	[ "$status" = 0 ]
	restored n1 --tcp-established
	oci exec n1 ip addr show lo 3>&- | grep -q 'UP'
	oci kill n1 USR1
	wait_for grep -qx second "$OUT"
	grep -qx first "$OUT"
}

# vm: seldom
@test "a joined network namespace is joined again" {
	criu_works
	ip netns add "kist-criu-$$"
	ip -n "kist-criu-$$" addr add 10.9.9.9/32 dev lo
	bundle j1 "$COUNTER"'; [n.update(path="/run/netns/kist-criu-'$$'") for n in c["linux"]["namespaces"] if n["type"] == "network"]'
	start j1
	wait_for lines 3
	save j1
	restored j1
	local inside
	inside=$(oci exec j1 ip addr show lo 3>&-)
	oci delete --force j1
	run restored j1
	ip netns del "kist-criu-$$"
	[[ "$inside" == *10.9.9.9* ]]
	[ "$status" = 0 ]
	oci delete --force j1
	run restored j1
	[ "$status" = 1 ]
	grep -q "network namespace /run/netns/kist-criu-$$" "$OUT"
}

@test "user namespace: saved and restored with its mappings" {
	criu_works
	# what its root could not make or open
	chmod 666 "$OUT"
	mkdir -p "$HOME_OCI/rootfs/proc" "$HOME_OCI/rootfs/dev" "$HOME_OCI/rootfs/sys"
	bundle u1 "$COUNTER"'; c["linux"]["namespaces"].append({"type": "user"}); m = [{"containerID": 0, "hostID": 300000, "size": 65536}]; c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = m'
	start u1
	wait_for lines 3
	run save u1
	if [ "$status" != 0 ] && [[ "$output" == *"rlimit"* ]]; then
		skip "criu needs CAP_SYS_RESOURCE for processes of another user"
	fi
	[ "$status" = 0 ]
	local before
	before=$(wc -l <"$OUT")
	restored u1
	[ "$(awk '{ print $2 }' "/proc/$(pid_of u1)/uid_map")" = 300000 ]
	[ "$(oci exec u1 id -u 3>&-)" = 0 ]
	wait_for lines $((before + 3))
	counted
}

# vm: seldom
@test "a criu that would not restore a cgroup namespace in a small user namespace is refused, at the checkpoint already" {
	criu_works
	[[ "$(criu --version | awk '/^Version/ { print $2 }')" =~ ^(3\.19|4\.[012])(\.|$) ]] || skip "this criu does"
	chmod 666 "$OUT"
	mkdir -p "$HOME_OCI/rootfs/proc" "$HOME_OCI/rootfs/dev" "$HOME_OCI/rootfs/sys"
	bundle u2 "$COUNTER"'; c["linux"]["namespaces"].append({"type": "user"}); m = [{"containerID": 0, "hostID": 300000, "size": 65534}]; c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = m'
	start u2
	wait_for lines 3
	run save u2
	[ "$status" = 1 ]
	[[ "$output" == *"a cgroup namespace would not be restored in a user namespace without id 65534"* ]]
	is u2 running
}

@test "a chain of pre-dumps ends in a checkpoint that restores" {
	criu_works
	has_feature mem_dirty_track
	bundle d1 "$COUNTER"
	start d1
	wait_for lines 3
	save d1 --pre-dump
	is d1 running
	local first=$IMAGES
	IMAGES=$HOME_OCI/images-d1-2
	save d1 --pre-dump --parent-path "../${first##*/}"
	is d1 running
	IMAGES=$HOME_OCI/images-d1-3
	save d1 --parent-path ../images-d1-2 --auto-dedup
	[ "$(readlink "$IMAGES/parent")" = ../images-d1-2 ]
	local before
	before=$(wc -l <"$OUT")
	restored d1
	wait_for lines $((before + 3))
	counted
}

# vm: seldom
@test "pre-dump says what the kernel lacks" {
	criu_works
	if criu check --feature mem_dirty_track >/dev/null 2>&1; then
		skip "this kernel tracks memory changes"
	fi
	bundle d2
	start d2
	run save d2 --pre-dump
	[ "$status" = 1 ]
	[[ "$output" == *"pre-dump needs the kernel to track memory changes"* ]]
	is d2 running
}

# vm: seldom
@test "memory pages go to a page server" {
	criu_works
	bundle g1 "$COUNTER"
	start g1
	wait_for lines 3
	mkdir -p "$HOME_OCI/pages" "$IMAGES"
	timeout 60 criu page-server --images-dir "$HOME_OCI/pages" --address 127.0.0.1 --port 7327 >/dev/null 2>&1 3>&- &
	wait_for grep -q ":1C9F 00000000:0000 0A" /proc/net/tcp
	save g1 --page-server 127.0.0.1:7327
	wait $!
	[ -z "$(find "$IMAGES" -name 'pages-*.img' -size +0)" ]
	[ -n "$(find "$HOME_OCI/pages" -name 'pages-*.img' -size +0)" ]
	# criu finds them where the other images are
	cp "$HOME_OCI"/pages/page*.img "$IMAGES"
	local before
	before=$(wc -l <"$OUT")
	restored g1
	wait_for lines $((before + 3))
	counted
}

# vm: seldom
@test "lazy pages: --status-fd says when they are served, and the restored container gets them" {
	criu_works
	has_feature uffd-noncoop
	may_have_resources || skip "criu needs CAP_SYS_RESOURCE for its pipes"
	bundle y1 "$COUNTER"
	start y1
	wait_for lines 3
	mkdir -p "$HOME_OCI/work-y1"
	mkfifo "$HOME_OCI/status"
	oci checkpoint --image-path "$IMAGES" --lazy-pages --page-server 127.0.0.1:7328 --status-fd 8 y1 8>"$HOME_OCI/status" 3>&- 2>"$HOME_OCI/lazy.err" &
	local saving=$!
	[ "$(timeout 60 head -c 1 "$HOME_OCI/status" | od -An -tx1)" = " 00" ] || {
		cat "$HOME_OCI/lazy.err"
		return 1
	}
	timeout 60 criu lazy-pages --page-server --address 127.0.0.1 --port 7328 --images-dir "$IMAGES" \
		--work-dir "$HOME_OCI/work-y1" >/dev/null 2>&1 3>&- &
	wait_for test -S "$HOME_OCI/work-y1/lazy-pages.socket"
	local before
	before=$(wc -l <"$OUT")
	sed -i "s,$CGROUP/y1,$CGROUP/y2," "$BUNDLE/config.json"
	restored y2 --lazy-pages --work-path "$HOME_OCI/work-y1"
	wait "$saving"
	wait_for lines $((before + 3))
	counted
	run oci list -q
	[ "$output" = y2 ]
}

# vm: seldom
@test "org.criu.config names a file for criu, which goes before the options" {
	criu_works
	printf 'log-file other.log\n' >"$HOME_OCI/criu.conf"
	bundle k1 "$COUNTER"'; c["annotations"] = {"org.criu.config": os.environ["HOME_OCI"] + "/criu.conf"}'
	start k1
	wait_for lines 3
	save k1
	[ -s "$IMAGES/other.log" ]
	[ ! -e "$IMAGES/dump.log" ]
}

# vm: seldom
@test "every mode of managing cgroups restores into the container's own" {
	criu_works
	local mode
	for mode in soft full strict ignore; do
		bundle "m-$mode" "$COUNTER"
		: >"$OUT"
		IMAGES=$HOME_OCI/images-m-$mode
		start "m-$mode"
		wait_for lines 3
		save "m-$mode" --manage-cgroups-mode "$mode"
		restored "m-$mode" --manage-cgroups-mode "$mode"
		is "m-$mode" running
		grep -q "$CGROUP/m-$mode" "/proc/$(pid_of "m-$mode")/cgroup"
		wait_for lines $(($(wc -l <"$OUT") + 3))
		counted
		[ "$mode" != strict ] || ! oci restore -b "$BUNDLE" --image-path "$IMAGES" --manage-cgroups-mode strict other 3>&-
		oci delete --force "m-$mode"
	done
}

# vm: seldom
@test "kill during a checkpoint: the container ends, and nothing is left but its entry" {
	criu_works
	bundle x1 "$COUNTER"
	local i
	for i in $(seq 10); do
		start x1
		rm -rf "$IMAGES"
		oci checkpoint --image-path "$IMAGES" x1 >/dev/null 2>&1 3>&- &
		sleep "0.0$((i * 2))"
		oci kill x1 KILL 2>/dev/null || true
		wait $! || true
		if [ -e "$HOME_OCI/state/x1" ]; then
			wait_for is x1 stopped
			oci delete x1
		fi
		[ -z "$(groups_of x1)" ]
	done
}

# vm: seldom
@test "kill -9 of a restore at any moment leaves what delete --force clears" {
	criu_works
	bundle v1 "$COUNTER"
	start v1
	wait_for lines 2
	save v1
	local i
	for i in $(seq 10); do
		"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" restore -d -b "$BUNDLE" --image-path "$IMAGES" v1 </dev/null >>"$OUT" 2>&1 3>&- &
		sleep "0.0$((i * 3))"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		oci delete --force v1
		[ ! -e "$HOME_OCI/state/v1" ]
		[ -z "$(groups_of v1)" ]
	done
	! grep -q criu-root /proc/self/mountinfo
}

@test "a criu that would lose no_new_privs is refused, at the checkpoint already" {
	criu_works
	[ -z "$CRIU_KEEPS_PRIVS" ] || skip "this criu keeps it"
	bundle_bundle q1 "$COUNTER"
	start q1
	run save q1
	[ "$status" = 1 ]
	[[ "$output" == *"process.noNewPrivileges would be lost"* ]]
	is q1 running
}

# asked VERB... : what a criu that only writes it down (lib/fake_criu.py) is asked for, a number of rpc.proto a word
asked() {
	rm -f "$HOME_OCI/fake/asked"
	oci --criu "$HOME_OCI/fake/criu" "$@" </dev/null >"$HOME_OCI/said" 2>&1 3>&- || true
	head -n 1 "$HOME_OCI/fake/asked"
}

# as_itself OPTIONS NUMBER=VALUE [NUMBER=VALUE...] VERB...: with the options criu is asked for that, and for nothing else that is new
as_itself() {
	local options=$1 expected=$2 got
	shift 2
	# shellcheck disable=SC2086
	got=$(comm -13 <(tr ' ' '\n' <<<"$PLAIN" | sort) <(asked "$@" $options | tr ' ' '\n' | sort) | tr '\n' ' ')
	[ "$got" = "$expected " ] || { echo "$options: $got, not $expected: $(cat "$HOME_OCI/said")"; return 1; }
}

# each_as_itself VERB... <<"OPTIONS|NUMBER=VALUE...", a line each
each_as_itself() {
	local options expected
	while IFS='|' read -r options expected; do
		as_itself "$options y1" "$expected" "$@"
	done
}

@test "each option is told to criu as itself, and as nothing else" {
	/usr/bin/python3 --version >/dev/null || skip "no /usr/bin/python3"
	mkdir -p "$HOME_OCI/fake" "$HOME_OCI/earlier"
	cp "$BATS_TEST_DIRNAME/lib/fake_criu.py" "$HOME_OCI/fake/criu"
	bundle y1
	start y1
	# with --leave-running, or it would be gone, for what is asked
	local save="checkpoint --leave-running --image-path $IMAGES" load="restore -b $BUNDLE --image-path $IMAGES"
	PLAIN=$(asked checkpoint --pre-dump --image-path "$IMAGES" y1)
	[ "${PLAIN%% *}" = 4 ]
	[[ " $PLAIN " == *" 3=0 4=0 5=0 7=0 8=0 "* ]]
	PLAIN=$(asked $save y1)
	[ "${PLAIN%% *}" = 1 ]
	[[ " $PLAIN " == *" 3=1 4=0 5=0 7=0 8=0 "*" 16=0 18=0 "*" 34=6 "*" 46=0 48=0 "* ]]
	each_as_itself $save <<-END
		--ext-unix-sk|4=1
		--tcp-established|5=1
		--shell-job|7=1
		--file-locks|8=1
		--page-server 127.0.0.1:99|11=127.0.0.1:99
		--parent-path ../earlier|14=../earlier 15=1
		--auto-dedup|16=1
		--work-path $HOME_OCI/earlier|17=5
		--link-remap|18=1
		--manage-cgroups-mode ignore|34=0
		--manage-cgroups-mode soft|34=3
		--manage-cgroups-mode full|34=4
		--manage-cgroups-mode strict|34=5
		--tcp-skip-in-flight|46=1
		--lazy-pages|48=1
	END
	PLAIN=$(asked checkpoint --image-path "$IMAGES" y1)
	[[ " $PLAIN " == *" 3=0 "* ]]
	PLAIN=$(asked $load y1)
	[ "${PLAIN%% *}" = 2 ]
	[[ " $PLAIN " == *" 4=0 5=0 "*" 7=0 8=0 "*" 16=0 18=0 "*" 34=6 "*" 48=0 "* ]]
	[[ " $PLAIN " != *" 53="* && " $PLAIN " != *" 63="* ]]
	each_as_itself $load <<-END
		--ext-unix-sk|4=1
		--tcp-established|5=1
		--shell-job|7=1
		--file-locks|8=1
		--auto-dedup|16=1
		--work-path $HOME_OCI/earlier|17=5
		--manage-cgroups-mode ignore|34=0
		--manage-cgroups-mode soft|34=3
		--manage-cgroups-mode full|34=4
		--lazy-pages|48=1
		--lsm-profile apparmor:x|53=apparmor:x
		--lsm-mount-context some:context|63=some:context
	END
	# what makes no difference to criu: an interface is never restored, and the others are runc's
	local without
	for options in "--empty-ns network" --no-pivot --no-subreaper; do
		without=$(asked $load $options y1)
		[ "$without" = "$PLAIN" ]
	done
	run oci list -q
	[ -z "$output" ]
}

@test "criu's configuration: the annotation's file, else kist-oci's, else runc's; from none where the annotation is empty" {
	/usr/bin/python3 --version >/dev/null || skip "no /usr/bin/python3"
	[ "$(id -u)" = 0 ] || skip "takes root"
	mkdir -p "$HOME_OCI/fake" "$HOME_OCI/etc/criu"
	cp "$BATS_TEST_DIRNAME/lib/fake_criu.py" "$HOME_OCI/fake/criu"
	touch "$HOME_OCI/mine.conf"
	local annotation files expected file
	while IFS='|' read -r annotation files expected; do
		bundle z2 "if '$annotation' != 'absent': c['annotations'] = {'org.criu.config': '$annotation'}"
		rm -f "$HOME_OCI/etc/criu/"* "$HOME_OCI/fake/asked"
		for file in $files; do
			touch "$HOME_OCI/etc/criu/$file.conf"
		done
		start z2
		unshare -m --propagation private sh -c 'mount --bind "$0/etc" /etc && exec "$@"' "$HOME_OCI" \
			"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" --criu "$HOME_OCI/fake/criu" \
			checkpoint --leave-running --image-path "$IMAGES" z2 </dev/null >"$HOME_OCI/said" 2>&1 3>&-
		oci delete --force z2
		[ "$(grep -o ' 51=[^ ]*' "$HOME_OCI/fake/asked")" = "${expected:+ 51=$expected}" ] || {
			echo "$annotation, $files: $(cat "$HOME_OCI/fake/asked" "$HOME_OCI/said")"
			false
		}
	done <<-END
		absent||
		absent|runc|/etc/criu/runc.conf
		absent|kist-oci runc|/etc/criu/kist-oci.conf
		$HOME_OCI/mine.conf|kist-oci runc|$HOME_OCI/mine.conf
		|kist-oci runc|
	END
}
