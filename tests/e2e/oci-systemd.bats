#!/usr/bin/env bats
# vm: root user
# kist-oci --systemd-cgroup: a container's cgroup is a unit of systemd's. Needs systemd as PID 1: tests/vm/run -- bats
# tests/e2e/oci-systemd.bats, and with --user for the user's own manager.
load lib/bundle

setup() {
	UNITS=()
	case $BATS_TEST_DESCRIPTION in
	*"without systemd"*)
		[ ! -d /run/systemd/system ] || skip "systemd runs here"
		return
		;;
	esac
	[ -d /run/systemd/system ] || skip "systemd does not run here: tests/vm/run"
	[ -x "$KIST_BUILD/bin/kist-systemd" ] || skip "built without libsystemd"
	if [ "$(id -u)" != 0 ]; then
		CTL="systemctl --user" ROOTLESS=--rootless SLICE=user.slice
		MINE=$($CTL show -p ControlGroup --value)
	else
		CTL=systemctl ROOTLESS="" SLICE=system.slice MINE=""
	fi
}

soci() {
	oci --systemd-cgroup "$@"
}

# sbundle NAME 'PYTHON': a bundle whose unit is kisttest-NAME.scope
sbundle() {
	bundle "$1" "
if '$ROOTLESS':
    n = {'uid': [('container', 0, os.getuid(), 1)], 'gid': [('container', 0, os.getgid(), 1)]}
    c['linux']['namespaces'] = [x for x in c['linux']['namespaces'] if x['type'] != 'network'] + [{'type': 'user'}]
    for k in ('uid', 'gid'):
        c['linux'][k + 'Mappings'] = [{'containerID': 0, 'hostID': n[k][0][2], 'size': 1}]
    for m in c['mounts']:
        m['options'] = [o for o in m.get('options', []) if not o.startswith('gid=')]
    c['mounts'] = [m for m in c['mounts'] if m['destination'] != '/sys']
    r.pop('devices', None)
c['linux']['cgroupsPath'] = ':kisttest:$1'
${2:-}"
}

prop() { # UNIT PROPERTY
	$CTL show -p "$2" --value "$1"
}

# The folder of a unit that runs.
folder() {
	echo "/sys/fs/cgroup$(prop "$1" ControlGroup)"
}

gone() { # UNIT
	[ -z "$($CTL list-units --all --plain --no-legend "$1")" ]
}

@test "without systemd --systemd-cgroup says that there is none" {
	bundle none "c['linux']['cgroupsPath'] = ':kisttest:none'"
	run soci run --bundle "$BUNDLE" none
	[ "$status" -eq 1 ]
	[[ $output == *"systemd is not running on this machine"* ]]
	run oci state none
	[[ $output == *"does not exist"* ]]
}

# vm: always
@test "a container is a delegated scope in its slice, with init in it" {
	sbundle scope
	soci create --bundle "$BUNDLE" scope
	unit=kisttest-scope.scope
	[ "$(prop $unit ActiveState)" = active ]
	[ "$(prop $unit Slice)" = $SLICE ]
	[ "$(prop $unit ControlGroup)" = "$MINE/$SLICE/$unit" ]
	[ "$(prop $unit Description)" = "kist container scope" ]
	[ "$(prop $unit Delegate)" = yes ]
	[ "$(prop $unit DefaultDependencies)" = no ]
	[ "$(prop $unit MemoryAccounting)" = yes ]
	[ "$(prop $unit Transient)" = yes ]
	[ "$(cat "$(folder $unit)/cgroup.procs")" = "$(oci state scope | jq .pid)" ]
	oci start scope
	is scope running
	oci delete --force scope
	gone $unit
}

@test "without a cgroupsPath the unit is kist-ID.scope" {
	sbundle default "c['linux'].pop('cgroupsPath')"
	soci run --detach --bundle "$BUNDLE" default+1
	[ "$(prop 'kist-default\x2b1.scope' ControlGroup)" = "$MINE/$SLICE/kist-default\\x2b1.scope" ]
	[ "$(prop 'kist-default\x2b1.scope' ActiveState)" = active ]
	oci delete --force default+1
	gone 'kist-default*'
}

@test "a slice with dashes lies in the slices that it names" {
	sbundle nested "c['linux']['cgroupsPath'] = 'kisttest-a-b.slice:x:nested'"
	soci run --detach --bundle "$BUNDLE" nested
	[ "$(prop x-nested.scope ControlGroup)" = \
		"$MINE/kisttest.slice/kisttest-a.slice/kisttest-a-b.slice/x-nested.scope" ]
	oci delete --force nested
	$CTL stop kisttest.slice
}

@test "a name that ends in .slice is a slice, which ends with its container" {
	[ -z "$ROOTLESS" ] || skip "a user may not move a process there from outside their manager's tree"
	sbundle slice "c['linux']['cgroupsPath'] = '-:ignored:kisttest-own.slice'"
	soci run --detach --bundle "$BUNDLE" slice
	[ "$(prop kisttest-own.slice ActiveState)" = active ]
	[ "$(cat "$(folder kisttest-own.slice)/cgroup.procs")" = "$(oci state slice | jq .pid)" ]
	oci delete --force slice
	[ "$(prop kisttest-own.slice ActiveState)" = inactive ]
	$CTL stop kisttest.slice
}

@test "what cgroupsPath may not be is refused by its name" {
	for path in /kist/x a:b a.slice:b:c:d 'a/b.slice:p:n' 'no:p:n' '-a.slice:p:n' 'a--b.slice:p:n' 'x.slice:p/q:n' '-:p:-.slice'; do
		sbundle bad "c['linux']['cgroupsPath'] = '$path'"
		run soci create --bundle "$BUNDLE" bad
		[ "$status" -eq 1 ]
		[[ $output == *"linux.cgroupsPath"* ]]
	done
	[ -z "$(oci list -q)" ]
}

# vm: always
@test "limits are properties of the unit and exact in its files, and daemon-reload undoes no property" {
	sbundle limits "
r['memory'] = {'limit': 64 << 20, 'reservation': 32 << 20, 'swap': 96 << 20}
r['cpu'] = {'shares': 512, 'quota': 12345, 'period': 50000}
r['pids'] = {'limit': 77}
r['unified'] = {'memory.high': '%d' % (48 << 20), 'memory.oom.group': '1'}"
	soci run --detach --bundle "$BUNDLE" limits
	unit=kisttest-limits.scope
	[ "$(prop $unit MemoryMax)" = $((64 << 20)) ]
	[ "$(prop $unit MemoryLow)" = $((32 << 20)) ]
	[ "$(prop $unit MemorySwapMax)" = $((32 << 20)) ]
	[ "$(prop $unit MemoryHigh)" = $((48 << 20)) ]
	[ "$(prop $unit TasksMax)" = 77 ]
	[ "$(prop $unit CPUQuotaPeriodUSec)" = 50ms ]
	check() {
		cd "$(folder $unit)"
		[ "$(cat memory.max)" = $((64 << 20)) ]
		[ "$(cat memory.low)" = $((32 << 20)) ]
		[ "$(cat memory.swap.max)" = $((32 << 20)) ]
		[ "$(cat memory.high)" = $((48 << 20)) ]
		[ "$(cat pids.max)" = 77 ]
		[ "$(cat cpu.weight)" = "$(prop $unit CPUWeight)" ]
	}
	check
	[ "$(cat cpu.max)" = "12345 50000" ]
	[ "$(cat memory.oom.group)" = 1 ]
	$CTL daemon-reload
	check
	# in whole per cent, which is all that systemd knows
	[ "$(cat cpu.max)" = "12345 50000" ] || [ "$(cat cpu.max)" = "12500 50000" ]
	# older ones have no property for a scope, and write 0
	if [ "$($CTL --version | awk 'NR == 1 { print int($2) }')" -ge 253 ]; then
		[ "$(prop $unit OOMPolicy)" = kill ]
		[ "$(cat memory.oom.group)" = 1 ]
	fi
}

@test "cpusets are properties, too" {
	[ -z "$ROOTLESS" ] || grep -qw cpuset "/sys/fs/cgroup$MINE/cgroup.controllers" || skip "cpuset is not delegated"
	sbundle cpuset "r['cpu'] = {'cpus': '0', 'mems': '0'}"
	soci run --detach --bundle "$BUNDLE" cpuset
	unit=kisttest-cpuset.scope
	[ "$(prop $unit AllowedCPUs)" = 0 ]
	[ "$(prop $unit AllowedMemoryNodes)" = 0 ]
	$CTL daemon-reload
	[ "$(cat "$(folder $unit)/cpuset.cpus")" = 0 ]
}

# vm: always
@test "update changes the unit and its files" {
	sbundle update "r['memory'] = {'limit': 64 << 20}"
	soci run --detach --bundle "$BUNDLE" update
	unit=kisttest-update.scope
	oci update --memory 80m --pids-limit 55 --cpu-quota 33333 --cpu-period 100000 update
	[ "$(prop $unit MemoryMax)" = $((80 << 20)) ]
	[ "$(prop $unit TasksMax)" = 55 ]
	dir=$(folder $unit)
	[ "$(cat "$dir/memory.max")" = $((80 << 20)) ]
	[ "$(cat "$dir/cpu.max")" = "33333 100000" ]
	$CTL daemon-reload
	[ "$(cat "$dir/memory.max")" = $((80 << 20)) ]
	[ "$(cat "$dir/pids.max")" = 55 ]
}

@test "a container with one process and little memory starts" {
	sbundle small "
r['pids'] = {'limit': 1}
r['memory'] = {'limit': 1 << 20}"
	soci run --detach --bundle "$BUNDLE" small
	is small running
}

@test "annotations set any property of the unit" {
	sbundle notes "c['annotations'] = {
'org.systemd.property.TimeoutStopUSec': 'uint64 123456789',
'org.systemd.property.CollectMode': \"'inactive'\",
'org.systemd.property.Documentation': \"['man:one(1)', 'man:two(2)']\",
'org.systemd.property.RuntimeMaxSec': '1.5e3',
'org.other': 'is not ours'}"
	soci run --detach --bundle "$BUNDLE" notes
	unit=kisttest-notes.scope
	[ "$(prop $unit TimeoutStopUSec)" = "2min 3.456789s" ]
	[ "$(prop $unit CollectMode)" = inactive ]
	run prop $unit Documentation
	[[ $output == *"man:one(1)"*"man:two(2)"* ]]
	[ "$(prop $unit RuntimeMaxUSec)" = 25min ]
}

@test "an annotation that is no property is refused by its name, before anything exists" {
	for note in "'org.systemd.property.A-B': 'true'" "'org.systemd.property.Foo': '['" \
		"'org.systemd.property.Foo': 'uint32 -1'" "'org.systemd.property.KillSec': \"'x'\""; do
		sbundle bad "c['annotations'] = {$note}"
		run soci create --bundle "$BUNDLE" bad
		[ "$status" -eq 1 ]
		[[ $output == *"annotations.org.systemd.property."* ]]
	done
	sbundle bad "c['annotations'] = {'org.systemd.property.NoSuchThing': 'true'}"
	run soci create --bundle "$BUNDLE" bad
	[ "$status" -eq 1 ]
	[[ $output == *NoSuchThing* ]]
	[ -z "$(oci list -q)" ]
	gone kisttest-bad.scope
}

@test "the container's cgroup namespace begins at its unit" {
	sbundle cgroupns "p['args'] = ['cat', '/proc/self/cgroup']"
	run soci run --bundle "$BUNDLE" cgroupns
	[ "$status" -eq 0 ]
	[ "$output" = "0::/" ]
	gone kisttest-cgroupns.scope
}

# vm: always
@test "exec, ps, pause, kill --all and events know the unit's cgroup" {
	sbundle verbs
	soci run --detach --bundle "$BUNDLE" verbs
	unit=kisttest-verbs.scope
	run oci exec verbs cat /proc/self/cgroup
	[ "$status" -eq 0 ]
	[ "$output" = "0::/" ]
	oci exec --detach verbs sleep 2000
	[ "$(oci ps --format json verbs | jq length)" = 2 ]
	[ "$(wc -l <"$(folder $unit)/cgroup.procs")" = 2 ]
	oci pause verbs
	is verbs paused
	grep -q "frozen 1" "$(folder $unit)/cgroup.events"
	oci resume verbs
	oci events --stats verbs | jq -e '.data.pids.current == 2'
	oci kill --all verbs KILL
	wait_for is verbs stopped
	oci delete verbs
	gone $unit
}

@test "a container that has ended leaves no unit, nor has it failed" {
	sbundle end "p['args'] = ['false']"
	run soci run --bundle "$BUNDLE" end
	[ "$status" -eq 1 ]
	gone kisttest-end.scope
	soci create --bundle "$BUNDLE" end
	oci start end
	wait_for is end stopped
	wait_for gone kisttest-end.scope
	oci delete end
	gone kisttest-end.scope
}

@test "delete clears a unit that failed and stays" {
	sbundle failed "
c['annotations'] = {'org.systemd.property.CollectMode': \"'inactive'\",
'org.systemd.property.RuntimeMaxSec': '$((1 + $(patience 1)))', 'org.systemd.property.SendSIGKILL': 'true'}
c['annotations']['org.systemd.property.KillSignal'] = '9'"
	soci run --detach --bundle "$BUNDLE" failed
	i=0
	until [ "$(prop kisttest-failed.scope ActiveState)" = failed ]; do
		i=$((i + 1))
		[ $i -lt 400 ]
		sleep 0.1
	done
	wait_for is failed stopped
	oci delete failed
	gone kisttest-failed.scope
	# without the end after so many seconds, which may pass before one looks
	sbundle failed
	soci run --detach --bundle "$BUNDLE" failed
	is failed running
}

@test "delete --force of a container whose state.json is damaged leaves no unit" {
	sbundle wreck
	soci run -d -b "$BUNDLE" wreck </dev/null >/dev/null 2>&1 3>&-
	[ "$(prop kisttest-wreck.scope ActiveState)" = active ]
	echo '{' >"$HOME_OCI/state/wreck/state.json"
	oci delete --force wreck
	[ ! -e "$HOME_OCI/state/wreck" ]
	gone kisttest-wreck.scope
}

@test "a unit that exists is not taken over, and not stopped" {
	sbundle one "c['linux']['cgroupsPath'] = ':kisttest:same'"
	soci run --detach --bundle "$BUNDLE" one
	sbundle two "c['linux']['cgroupsPath'] = ':kisttest:same'"
	run soci run --detach --bundle "$BUNDLE" two
	[ "$status" -eq 1 ]
	[[ $output == *kisttest-same.scope* ]]
	[[ $output == *exist* || $output == *already* ]]
	is one running
	[ "$(prop kisttest-same.scope ActiveState)" = active ]
	[ "$(oci list -q)" = one ]
}

@test "a container that joins another's pid namespace has a unit of its own" {
	sbundle first
	soci run --detach --bundle "$BUNDLE" first
	pid=$(oci state first | jq .pid)
	sbundle second "
for n in c['linux']['namespaces']:
    if n['type'] == 'pid' or (n['type'] == 'user' and '$ROOTLESS'): n['path'] = '/proc/$pid/ns/' + n['type']
if '$ROOTLESS':
    c['linux'].pop('uidMappings'), c['linux'].pop('gidMappings')
"
	soci run --detach --bundle "$BUNDLE" second
	[ "$(cat "$(folder kisttest-second.scope)/cgroup.procs")" = "$(oci state second | jq .pid)" ]
	oci delete --force second
	gone kisttest-second.scope
	is first running
}

@test "restore makes a unit around the container, a scope or a slice, with its limits" {
	[ -z "$ROOTLESS" ] || skip "criu needs root"
	command -v criu >/dev/null || skip "criu is not installed"
	for path in ':kisttest:saved' '-:x:kisttest-saved.slice'; do
		sbundle saved "
c['linux']['cgroupsPath'] = '$path'
p['noNewPrivileges'] = False
# a restore ends the sleep of newer busyboxes
p['args'] = ['tail', '-f', '/dev/null']
r['memory'] = {'limit': 96 << 20}"
		unit=kisttest-saved.${path##*[.:]}
		unit=${unit/.saved/.scope}
		soci run --detach --bundle "$BUNDLE" saved </dev/null >/dev/null 2>&1 3>&-
		oci checkpoint --image-path "$HOME_OCI/saved-$unit" saved
		gone $unit || [ "$(prop $unit ActiveState)" = inactive ]
		soci restore --detach --bundle "$BUNDLE" --image-path "$HOME_OCI/saved-$unit" saved </dev/null >/dev/null 2>&1 3>&-
		is saved running
		[ "$(prop $unit ActiveState)" = active ]
		[ "$(prop $unit MemoryMax)" = $((96 << 20)) ]
		[ "$(prop $unit Description)" = "kist container saved" ]
		[ "$(cat "$(folder $unit)/cgroup.procs")" = "$(oci state saved | jq .pid)" ]
		[ "$(cat "$(folder $unit)/memory.max")" = $((96 << 20)) ]
		# what is there already is nobody else's
		run soci restore --detach --bundle "$BUNDLE" --image-path "$HOME_OCI/saved-$unit" other 3>&-
		[ "$status" -eq 1 ]
		is saved running
		oci delete --force saved
		gone $unit || [ "$(prop $unit ActiveState)" = inactive ]
	done
	$CTL stop kisttest.slice
}

@test "kill -9 of create at any moment leaves what delete --force clears" {
	sbundle killed
	for ms in 0 20 40 60 80 100 130 160 200 250 300 400 500 700; do
		"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" --systemd-cgroup create --bundle "$BUNDLE" killed \
			</dev/null >/dev/null 2>&1 3>&- &
		sleep "$(printf '0.%03d' $ms)"
		kill -9 $! || :
		wait $! || :
		oci delete --force killed
		wait_for gone kisttest-killed.scope
		run oci state killed
		[ "$status" -ne 0 ]
	done
}

# vm: always
@test "two deletes and a kill at once leave no unit" {
	sbundle race
	for i in 1 2 3; do
		soci create --bundle "$BUNDLE" race
		oci delete --force race &
		oci delete --force race &
		oci kill race KILL 2>/dev/null || :
		wait
		gone kisttest-race.scope
		[ -z "$(oci list -q)" ]
	done
}

@test "features says that systemd cgroups are supported where kist-systemd is installed" {
	oci features | jq -e '.linux.cgroup.systemd and .linux.cgroup.systemdUser'
	oci features | jq -e '.potentiallyUnsafeConfigAnnotations | index("org.systemd.property.")'
	# found beside the program: without it there is nothing to make units with
	mkdir "$HOME_OCI/alone"
	cp "$KIST_BUILD/bin/kist-oci" "$HOME_OCI/alone/"
	"$HOME_OCI/alone/kist-oci" features | jq -e '.linux.cgroup | (.systemd or .systemdUser) | not'
}
