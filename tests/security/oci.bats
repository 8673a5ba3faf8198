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
 {'destination': '/vol/dir', 'type': 'tmpfs', 'source': 'staged'},
 {'destination': '/vol/dir/sub', 'type': 'tmpfs', 'source': 'staged'}]
p['args'] = ['sh', '-c', 'touch /vol/dir/sub/x; cat /vol/dir/secret /vol/link/secret /vol/dir/sub/secret; grep -c \" - tmpfs staged \" /proc/self/mountinfo; true']"
	swapping "$VOL/dir" "$VOL/link"
	rounds
	still
	[ "$RAN" -gt 0 ]
	! grep -q "the host's" "$HOME_OCI/out" || false
	# wherever in the container they landed, none went out of it
	[ "$(grep -c '^2$' "$HOME_OCI/out")" = "$RAN" ]
	unharmed
}

@test "CVE-2021-30465: nor does a link to the container's own root of the file system lead out" {
	stage slash
	mkdir -p "$VOL/dir"
	ln -s / "$VOL/link"
	bundle slash "c['mounts'] += [{'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']},
 {'destination': '/vol/dir/etc', 'type': 'bind', 'source': '$VICTIM', 'options': ['rbind']}]
p['args'] = ['sh', '-c', 'cat /vol/dir/etc/passwd /vol/link/etc/passwd /etc/passwd; grep -c victim-slash /proc/self/mountinfo; true']"
	swapping "$VOL/dir" "$VOL/link"
	rounds
	still
	[ "$RAN" -gt 0 ]
	! grep -q root: "$HOME_OCI/out" || false
	[ "$(grep -c '^1$' "$HOME_OCI/out")" = "$RAN" ]
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
	for to in "$UP$VICTIM/console" /proc/version; do
		rm -rf "$VOL/console" "$VOL/link"
		touch "$VOL/console"
		ln -s "$to" "$VOL/link"
		mkdir -p "$VOL/pts"
		bundle console "c['mounts'] = [m for m in c['mounts'] if m['destination'] not in ('/dev', '/dev/shm', '/dev/mqueue')]
c['mounts'].insert(1, {'destination': '/dev', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']})
p['terminal'] = True
p['args'] = ['sh', '-c', 'echo up; ! grep \" /proc/version \" /proc/self/mountinfo || echo covered']"
		swapping "$VOL/console" "$VOL/link"
		for i in $(seq 5); do
			with_terminal "console-$i" >>"$HOME_OCI/console.out" 2>&1
		done
		still
	done
	grep -q up "$HOME_OCI/console.out"
	! grep covered "$HOME_OCI/console.out" || false
	# the link itself, standing still
	ln -sfn /proc/version "$VOL/console"
	with_terminal console-link >"$HOME_OCI/console.out" 2>&1
	cat "$HOME_OCI/console.out"
	grep -q '"/dev/console" cannot be mounted because it is inside /proc' "$HOME_OCI/console.out"
	unharmed
}

@test "CVE-2026-41579, CVE-2026-47766: the image's /dev as a link to the host: nothing is made or removed there" {
	stage dev
	touch "$VICTIM/ptmx"
	local to image mounts before
	before=$(stat -c '%i %z %n' "$VICTIM" "$VICTIM"/*)
	for to in "$VICTIM" "$UP$VICTIM"; do
		for mounts in "m['destination'] == '/dev/pts'" "not m['destination'].startswith('/dev')"; do
			image=$(mktemp -d "$HOME_OCI/rootfs-dev.XXXXXX")
			cp -a "$HOME_OCI/rootfs/." "$image"
			rmdir "$image/dev"
			ln -s "$to" "$image/dev"
			bundle dev "c['root'] = {'path': '$image', 'readonly': False}
c['mounts'] = [m for m in c['mounts'] if $mounts or m['destination'] == '/proc']
p['args'] = ['sh', '-c', 'readlink /dev/fd; stat -c %t:%T /dev/null']"
			run oci run -b "$BUNDLE" dev
			echo "$output"
			[ "$(stat -c '%i %z %n' "$VICTIM" "$VICTIM"/*)" = "$before" ]
			[ "$output" = $'/proc/self/fd\n1:3' ]
		done
	done
	! grep -q "$HOME_OCI" /proc/self/mountinfo
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
	mkdir -p "$VOL/dir" "$HOME_OCI/rootfs$VICTIM"
	ln -s "$UP$VICTIM" "$VOL/link"
	bundle masks "c['mounts'].append({'destination': '/vol', 'type': 'bind', 'source': '$VOL', 'options': ['rbind']})
c['linux']['maskedPaths'].append('/vol/dir'); c['linux']['readonlyPaths'].append('/vol/dir')
p['args'] = ['sh', '-c', 'grep -cE \" (/vol/(dir|link)|$VICTIM) \" /proc/self/mountinfo; true']"
	swapping "$VOL/dir" "$VOL/link"
	rounds
	still
	# one for each, inside
	[ "$RAN" -gt 0 ]
	[ "$(grep -c '^2$' "$HOME_OCI/out")" = "$RAN" ]
	touch "$VICTIM/writable"
	rm "$VICTIM/writable"
	unharmed
}

@test "CVE-2024-21626: a working directory of /proc/self/fd/N leads nowhere, on start, on exec, and through the image's links" {
	stage fd
	local n
	# the caller's own descriptors are of the host, too
	exec 7<"$VICTIM" 8</
	reached() { # what is told by a program that looks for the victim above its working folder
		echo "$output"
		[[ "$output" != *"the host's"* ]]
		[ "$status" != 0 ]
	}
	local look="cat secret ./$UP$VICTIM/secret"
	for n in $(seq 3 10); do
		bundle fd "p['cwd'] = '/proc/self/fd/$n'; p['args'] = ['sh', '-c', '$look']"
		run oci run -b "$BUNDLE" fd </dev/null
		reached
	done
	for n in self/cwd self/root 1/cwd thread-self/fd/7; do
		ln -sfn "/proc/$n" "$HOME_OCI/rootfs/leads"
		bundle fd "p['cwd'] = '/leads'; p['args'] = ['sh', '-c', '$look']"
		run oci run -b "$BUNDLE" fd </dev/null
		reached
	done
	# nor is a program of the host's executed so, in a folder that is the host's or with its name
	for n in $(seq 3 10); do
		bundle fd "p['args'] = ['/proc/self/fd/$n/bin/sh', '-c', 'cat $VICTIM/secret']"
		run oci run -b "$BUNDLE" fd </dev/null
		reached
	done
	bundle fd
	oci run -d -b "$BUNDLE" fd </dev/null >/dev/null 2>&1 3>&-
	for n in $(seq 3 10); do
		run oci exec --cwd "/proc/self/fd/$n" fd sh -c "$look"
		reached
		run oci exec fd "/proc/self/fd/$n/bin/sh" -c "cat $VICTIM/secret"
		reached
	done
	exec 7<&- 8<&-
	rm "$HOME_OCI/rootfs/leads"
}

@test "CVE-2024-40635: ids beyond 32 bits, and the one that means \"none\", are refused by their names, on start and exec" {
	local id how
	for id in 4294967295 4294967296 4294967297 18446744073709551616 -1; do
		bundle wrap "p['user']['uid'] = $id; p['args'] = ['id', '-u']"
		run oci run -b "$BUNDLE" wrap
		echo "$output"
		[ "$status" = 1 ]
		[[ "$output" == *process.user.uid* ]]
		bundle wrap "p['user']['gid'] = $id; p['args'] = ['id', '-g']"
		run oci run -b "$BUNDLE" wrap
		[ "$status" = 1 ]
		[[ "$output" == *process.user.gid* ]]
		bundle wrap "p['user']['additionalGids'] = [$id]; p['args'] = ['id', '-G']"
		run oci run -b "$BUNDLE" wrap
		[ "$status" = 1 ]
		[[ "$output" == *process.user.additionalGids* ]]
	done
	bundle wrap
	oci run -d -b "$BUNDLE" wrap </dev/null >/dev/null 2>&1 3>&-
	for id in 4294967295 4294967296 18446744073709551616 -1; do
		for how in "--user $id" "--user 1:$id" "--additional-gids $id"; do
			run oci exec $how wrap id
			echo "$output"
			# the flag of a number, or what is in the document
			[[ "$status" = 255 || "$output" == *"invalid value"* && "$status" = 1 ]]
		done
	done
}

# runc wrapped the length of a message at 64 KiB, so that what came behind (the mappings) was read as something else.
@test "CVE-2021-43784: parts of a config that take more than 64 KiB come whole or are refused, and never change the others" {
	local users="c['linux']['namespaces'].append({'type': 'user'}); c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]"
	chmod 711 "$HOME_OCI"
	local what n
	for what in "p['env'] += ['V%d=%s' % (i, 'x' * 60000) for i in range(3)]" \
		"p['args'] += ['y' * 65500, 'z' * 100]" \
		"c['annotations'] = {'a%d' % i: 'x' * 65530 for i in range(3)}" \
		"c['linux']['maskedPaths'] += ['/none/%060d' % i for i in range(2000)]" \
		"c['mounts'] += [{'destination': '/dev/shm/%d' % i, 'type': 'tmpfs', 'source': 'x' * 4000, 'options': ['size=4k']} for i in range(20)]"; do
		bundle long "$users; p['args'] = ['sh', '-c', 'cat /proc/self/uid_map; for n in net pid mnt user; do readlink /proc/self/ns/\$n; done']; $what"
		run oci run -b "$BUNDLE" long
		echo "$what: $output"
		[ "$status" = 0 ]
		[ "$(echo ${lines[0]})" = "0 100000 65536" ]
		[ "${#lines[@]}" = 5 ]
		for n in net pid mnt user; do
			[[ "$output" != *"$(readlink /proc/self/ns/$n)"* ]]
		done
	done
	# what the kernel takes no such length of is refused, by its name
	for what in "p['cwd'] = '/' + 'x' * 65530" "c['hostname'] = 'x' * 65540" \
		"c['linux']['namespaces'] = [dict(n, path='/proc/self/ns/net' + '/' * 65536) if n['type'] == 'network' else n for n in c['linux']['namespaces']]" \
		"c['linux']['uidMappings'] = [{'containerID': i, 'hostID': 100000 + i, 'size': 1} for i in range(5000)]" \
		"c['linux']['cgroupsPath'] = '/' + 'x' * 65540"; do
		bundle long "$users; $what; p['args'] = ['true']"
		run oci run -b "$BUNDLE" long
		echo "$what: ${output::300}"
		[ "$status" = 1 ]
		[ ! -e "$HOME_OCI/state/long" ]
	done
}
