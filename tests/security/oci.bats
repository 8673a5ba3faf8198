# Published escapes from containers, staged against bundles of kist-oci; where they are races, with somebody who really
# exchanges files while containers start.
load ../e2e/lib/bundle

eval "common_$(declare -f setup_file)"
eval "common_$(declare -f teardown_file)"

ROUNDS=25

setup_file() {
	common_setup_file
	cc -O2 -static -o "$HOME_OCI/swap" "$BATS_TEST_DIRNAME/swap.c"
	mkdir -p "$HOME_OCI/rootfs/"{proc,sys,dev,vol}
}

teardown_file() {
	common_teardown_file
}

teardown() {
	[ -z "${SWAPPER:-}" ] || kill "$SWAPPER" 2>/dev/null || true
	local id
	for id in $(oci list -q); do
		oci delete --force "$id"
	done
}

# swapping A B: exchanges the two from now on
swapping() {
	"$HOME_OCI/swap" "$1" "$2" 3>&- &
	SWAPPER=$!
}

# still: the race was on all the time, and is over
still() {
	kill -0 "$SWAPPER"
	kill "$SWAPPER"
	wait "$SWAPPER" 2>/dev/null || true
	SWAPPER=
}

# A folder of the host's that attacks aim at: $VICTIM; and the shared volume, $VOL.
stage() {
	VICTIM=$HOME_OCI/victim-$1 VOL=$HOME_OCI/vol-$1
	mkdir -p "$VICTIM" "$VOL"
	echo "the host's" >"$VICTIM/secret"
	UP=../../../../../../../..
}

# Nothing was made in the victim, and nothing mounted there or in the volume.
unharmed() {
	[ "$(ls -A "$VICTIM")" = secret ]
	! grep -q "$HOME_OCI" /proc/self/mountinfo
}

# runs the bundle again and again; how often it came to its program is in $RAN
rounds() {
	local i
	RAN=0
	: >"$HOME_OCI/out"
	for i in $(seq $ROUNDS); do
		if oci run -b "$BUNDLE" "race-$i" </dev/null >>"$HOME_OCI/out" 2>"$HOME_OCI/err"; then
			RAN=$((RAN + 1))
		fi
	done
	echo "$RAN of $ROUNDS ran; the last error: $(cat "$HOME_OCI/err")"
}

# Whoever may trace in the container can speak for a process that is about to join it.
@test "what an exec's process says, a container may say for it: no process of the host's is taken for it" {
	[ -z "${KIST_ASAN:-}" ] || skip "a program with a sanitizer does not start inside a container"
	local victim i
	sleep 1000 3>&- &
	victim=$!
	mkdir -p "$HOME_OCI/out-say" "$HOME_OCI/rootfs/attack"
	cc -O2 -static -o "$HOME_OCI/rootfs/attack/catch" "$BATS_TEST_DIRNAME/catch.c"
	bundle say "
p['args'] = ['/attack/catch', 'say', '/out/say', '$victim']
for s in ('bounding', 'effective', 'permitted'): p['capabilities'][s].append('CAP_SYS_PTRACE')
c['mounts'].append({'destination': '/out', 'type': 'bind', 'source': '$HOME_OCI/out-say', 'options': ['rbind']})"
	mkdir -p "$HOME_OCI/rootfs/out"
	oci run -d -b "$BUNDLE" say </dev/null >/dev/null 2>&1 3>&-
	retry_say() { grep -q "$1" "$HOME_OCI/out-say/say"; }
	wait_for retry_say watching
	for i in $(seq 200); do
		oci exec say true </dev/null >/dev/null 2>&1 || true
		! retry_say said || break
	done
	oci delete --force say
	kill -0 "$victim"
	kill "$victim"
	retry_say said || skip "the container never caught an exec in time to speak for it, 200 times"
}

@test "CVE-2021-30465: a mount's destination in a shared volume, exchanged for a link to the host" {
	stage target
	mkdir -p "$VOL/dir"
	ln -s "$UP$VICTIM" "$VOL/link"
	bundle target "c['mounts'] += [{'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']},
 {'destination': '/vol/dir', 'type': 'tmpfs', 'source': 'tmpfs'},
 {'destination': '/vol/dir/sub', 'type': 'tmpfs', 'source': 'tmpfs'}]
p['args'] = ['sh', '-c', 'touch /vol/dir/sub/x; cat /vol/dir/secret /vol/link/secret /vol/dir/sub/secret; true']"
	swapping "$VOL/dir" "$VOL/link"
	rounds
	still
	[ "$RAN" -gt 0 ]
	! grep -q "the host's" "$HOME_OCI/out" || false
	unharmed
}

@test "CVE-2021-30465: nor does a link to the container's own root of the file system lead out" {
	stage slash
	mkdir -p "$VOL/dir"
	ln -s / "$VOL/link"
	bundle slash "c['mounts'] += [{'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']},
 {'destination': '/vol/dir/etc', 'type': 'bind', 'source': '$VICTIM', 'options': ['rbind']}]
p['args'] = ['sh', '-c', 'cat /vol/dir/etc/passwd /vol/link/etc/passwd /etc/passwd; true']"
	swapping "$VOL/dir" "$VOL/link"
	rounds
	still
	[ "$RAN" -gt 0 ]
	! grep -q root: "$HOME_OCI/out" || false
	unharmed
}

@test "CVE-2024-45310: no empty files and folders are made on the host through a shared volume" {
	stage empty
	mkdir -p "$VOL/dir"
	ln -s "$UP$VICTIM" "$VOL/link"
	echo content >"$HOME_OCI/file"
	bundle empty "c['mounts'] += [{'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']},
 {'destination': '/vol/dir/made/file', 'type': 'bind', 'source': '$HOME_OCI/file', 'options': ['bind']},
 {'destination': '/vol/dir/folder', 'type': 'tmpfs', 'source': 'tmpfs'}]
c['linux']['devices'] = [{'path': '/vol/dir/device', 'type': 'c', 'major': 1, 'minor': 3}]
p['args'] = ['true']"
	swapping "$VOL/dir" "$VOL/link"
	rounds
	still
	[ "$RAN" -gt 0 ]
	unharmed
}

@test "CVE-2019-19921, CVE-2023-27561: /proc that is exchanged for a link to a volume: refused, or the kernel's" {
	stage proc
	mkdir -p "$VOL/self/attr" "$VOL/sys/kernel"
	cp -a "$HOME_OCI/rootfs" "$HOME_OCI/rootfs-proc"
	ln -s vol "$HOME_OCI/rootfs-proc/link"
	bundle proc "c['root'] = {'path': '$HOME_OCI/rootfs-proc', 'readonly': False}
c['mounts'].insert(0, {'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']})
c['linux']['sysctl'] = {'kernel.msgmax': '9000'}
p['args'] = ['sh', '-c', 'cd /proc; test -d 1/task || exit 0; cat timer_list sys/kernel/msgmax; (echo x >sys/kernel/msgmax) 2>/dev/null && echo wrote; true']"
	echo mine >"$VOL/sys/kernel/msgmax"
	swapping "$HOME_OCI/rootfs-proc/proc" "$HOME_OCI/rootfs-proc/link"
	rounds
	still
	[ "$RAN" -gt 0 ]
	# where the program found a procfs (and kept it by its working folder, whatever is exchanged meanwhile), it was masked
	# and read-only and has its sysctl; the volume never has
	! grep -v '^9000$' "$HOME_OCI/out" || false
	! grep -q 9000 "$VOL/sys/kernel/msgmax" || false
	unharmed
}

@test "CVE-2019-16884, CVE-2023-28642: /proc or /sys as a link in the image is refused" {
	local what
	for what in proc sys; do
		cp -a "$HOME_OCI/rootfs" "$HOME_OCI/rootfs-$what-link"
		rmdir "$HOME_OCI/rootfs-$what-link/$what"
		mkdir "$HOME_OCI/rootfs-$what-link/fake"
		ln -s fake "$HOME_OCI/rootfs-$what-link/$what"
		bundle link "c['root'] = {'path': '$HOME_OCI/rootfs-$what-link', 'readonly': False}; p['args'] = ['true']"
		run oci run -b "$BUNDLE" link
		[ "$status" = 1 ]
		[[ "$output" == *"must be mounted on ordinary directory"* ]]
		[ -z "$(ls -A "$HOME_OCI/rootfs-$what-link/fake")" ]
	done
}

# vm: always
@test "CVE-2025-31133: /dev/null exchanged for a link to what masks protect" {
	stage null
	mknod -m 666 "$VOL/null" c 1 3
	ln -s /proc/sys/kernel/core_pattern "$VOL/link"
	local before
	before=$(cat /proc/sys/kernel/core_pattern)
	bundle null "c['mounts'] = [m for m in c['mounts'] if not m['destination'].startswith('/dev')] + [{'destination': '/dev', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']}]
c['linux']['maskedPaths'].append('/proc/version')
p['args'] = ['sh', '-c', 'cat /proc/version; echo x >/proc/version; stat -c %t:%T /proc/version; echo x >/proc/sys/kernel/core_pattern']"
	swapping "$VOL/null" "$VOL/link"
	rounds
	still
	# masked by the null device, every time; and core_pattern stays read-only
	[ "$(sort -u "$HOME_OCI/out")" = 1:3 ]
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
}

# a terminal: the caller's own, from python
with_terminal() {
	python3 - "$KIST_BUILD/bin/kist-oci" "$HOME_OCI/state" "$BUNDLE" "$1" <<'PY'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "--root", sys.argv[2], "run", "-b", sys.argv[3], sys.argv[4]])
while True:
    try:
        b = os.read(fd, 1000)
    except OSError:
        break
    if not b:
        break
    os.write(1, b)
os.waitpid(pid, 0)
PY
}

@test "CVE-2025-52565: /dev/console exchanged for a link to the host or into /proc" {
	stage console
	local to i
	for to in "$UP$VICTIM/console" /proc/sysrq-trigger; do
		rm -rf "$VOL/console" "$VOL/link"
		touch "$VOL/console"
		ln -s "$to" "$VOL/link"
		mkdir -p "$VOL/pts"
		bundle console "c['mounts'] = [m for m in c['mounts'] if m['destination'] not in ('/dev', '/dev/shm', '/dev/mqueue')]
c['mounts'].insert(1, {'destination': '/dev', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']})
p['terminal'] = True
p['args'] = ['sh', '-c', 'echo up; echo x >/proc/sysrq-trigger']"
		swapping "$VOL/console" "$VOL/link"
		for i in $(seq 5); do
			with_terminal "console-$i" >>"$HOME_OCI/console.out" 2>&1
		done
		still
	done
	grep -q up "$HOME_OCI/console.out"
	unharmed
}

# vm: always
@test "CVE-2025-52881: sysctls and labels go to the kernel's procfs, whatever lies at /proc in the container" {
	stage attr
	mkdir -p "$VOL/sys/kernel" "$VOL/self/attr"
	echo untouched | tee "$VOL/sys/kernel/msgmax" >"$VOL/self/attr/exec"
	# a volume over /proc or in it is refused
	local at
	for at in /proc /proc/self/attr /proc/sys /proc/thread-self /vol/../proc/sys; do
		bundle attr "c['mounts'].append({'destination': '$at', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']})
c['linux']['sysctl'] = {'kernel.msgmax': '9000'}; p['args'] = ['true']"
		run oci run -b "$BUNDLE" attr
		[ "$status" = 1 ]
		[[ "$output" == *"inside /proc"* || "$output" == *thread-self* ]]
	done
	# and without a procfs of its own the container's fake one is not written
	bundle attr "c['mounts'] = [m for m in c['mounts'] if m['destination'] != '/proc'] + [{'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']}]
c['root'] = {'path': '$HOME_OCI/rootfs-attr', 'readonly': False}
c['linux']['maskedPaths'] = c['linux']['readonlyPaths'] = []
c['linux']['sysctl'] = {'kernel.msgmax': '9000'}; p['args'] = ['cat', '/proc/sys/kernel/msgmax']"
	cp -a "$HOME_OCI/rootfs" "$HOME_OCI/rootfs-attr"
	rmdir "$HOME_OCI/rootfs-attr/proc"
	ln -s vol "$HOME_OCI/rootfs-attr/proc"
	run oci run -b "$BUNDLE" attr
	echo "$output"
	[ "$output" = untouched ]
	[ "$(cat "$VOL/sys/kernel/msgmax")" = untouched ]
	[ "$(cat "$VOL/self/attr/exec")" = untouched ]
	unharmed
}

@test "CVE-2025-52881: a sysctl's file that is exchanged while it is written" {
	stage sysctl
	mkdir -p "$VOL/sys/kernel" "$VOL/other/kernel"
	cp -a "$HOME_OCI/rootfs" "$HOME_OCI/rootfs-sysctl"
	ln -s vol "$HOME_OCI/rootfs-sysctl/link"
	touch "$VOL/sys/kernel/msgmax"
	bundle sysctl "c['root'] = {'path': '$HOME_OCI/rootfs-sysctl', 'readonly': False}
c['mounts'].insert(0, {'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']})
c['mounts'] = [m for m in c['mounts'] if m['type'] != 'proc']
c['linux']['maskedPaths'] = c['linux']['readonlyPaths'] = []
c['linux']['sysctl'] = {'kernel.msgmax': '9000'}
p['args'] = ['true']"
	swapping "$HOME_OCI/rootfs-sysctl/proc" "$HOME_OCI/rootfs-sysctl/link"
	rounds
	still
	[ "$RAN" = "$ROUNDS" ]
	[ ! -s "$VOL/sys/kernel/msgmax" ]
	unharmed
}

@test "masked and read-only paths in a shared volume: exchanged for a link, something inside the container is covered" {
	stage masks
	mkdir -p "$VOL/dir"
	ln -s "$UP$VICTIM" "$VOL/link"
	bundle masks "c['mounts'].append({'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']})
c['linux']['maskedPaths'].append('/vol/dir'); c['linux']['readonlyPaths'].append('/vol/dir')
p['args'] = ['true']"
	swapping "$VOL/dir" "$VOL/link"
	rounds
	still
	touch "$VICTIM/writable"
	rm "$VICTIM/writable"
	unharmed
}
