# vm: root user
# kist-oci for users without privileges: on a machine where they have no cgroups, and where some are delegated to them.
load lib/bundle
load lib/rootless

eval "common_$(declare -f setup_file)"
eval "common_$(declare -f teardown_file)"

setup_file() {
	common_setup_file
	rootless_begin
}

teardown_file() {
	rootless_end
	common_teardown_file
}

teardown() {
	local id
	for id in $(rl list -q); do
		rl delete --force "$id"
	done
}

rl_is() {
	[ "$(rl state "$1" | sed -n 's/.*"status": "\(.*\)",/\1/p')" = "$2" ]
}

# May they make cgroups beside their own? Then the manager has delegated them.
delegated() {
	local own
	own=$(as_user sed -n 's/^0:://p' /proc/self/cgroup)
	[ ! -e /sys/fs/cgroup/unified ] && as_user test -w "/sys/fs/cgroup$(dirname "$own")/cgroup.procs"
}

# vm: always
@test "run: root in there is the caller outside; output, exit code, nothing left" {
	rootless run 'p["args"] = ["sh", "-c", "id -u; tr -s \" \" </proc/self/uid_map; cat /proc/self/setgroups; hostname; exit 7"]'
	run rl run -b "$BUNDLE" run
	echo "$output"
	[ "$status" = 7 ]
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = " 0 $RL_UID 1" ]
	[ "${lines[2]}" = deny ]
	[ "${lines[3]}" = kist-oci ]
	[ -z "$(rl list -q)" ]
	[ ! -e "$HOME_OCI/xdg/kist-oci/run" ]
}

@test "state is in \$XDG_RUNTIME_DIR, for nobody else and not to be cleared away" {
	rootless where
	rl run -d -b "$BUNDLE" where </dev/null >/dev/null 2>&1 3>&-
	[ "$(stat -c %a "$HOME_OCI/xdg/kist-oci")" = 1700 ]
	[ -d "$HOME_OCI/xdg/kist-oci/where" ]
	run rl list
	[[ "$output" == *where*running*"#$RL_UID"* || "$output" == *where*running*"$RL_USER"* ]]
}

# vm: always
@test "the life of a container: create, start, state, exec, kill, delete" {
	rootless life
	rl create -b "$BUNDLE" --pid-file "$HOME_OCI/xdg/pid" life </dev/null >/dev/null 2>&1 3>&-
	rl_is life created
	rl start life
	rl_is life running
	[ "$(rl exec life sh -c 'id -u; echo $$ >/dev/null; exit 0')" = 0 ]
	run rl exec life sh -c 'exit 5'
	[ "$status" = 5 ]
	run rl exec --cwd /tmp -e A=b life sh -c 'pwd; echo $A; readlink /proc/self/ns/user'
	[ "${lines[0]}" = /tmp ]
	[ "${lines[1]}" = b ]
	[ "${lines[2]}" = "$(as_user readlink "/proc/$(cat "$HOME_OCI/xdg/pid")/ns/user")" ]
	run rl exec -u 5 life id -u
	[ "$status" = 255 ]
	rl kill life KILL
	wait_for rl_is life stopped
	rl delete life
	run rl state life
	[ "$status" = 1 ]
}

@test "without a cgroup what needs one says so" {
	! delegated || skip "cgroups are delegated here"
	rootless none
	rl run -d -b "$BUNDLE" none </dev/null >/dev/null 2>&1 3>&-
	[ -z "$(find /sys/fs/cgroup -path '*/kist/none' 2>/dev/null)" ]
	local verb
	for verb in "pause none" "ps none" "update --pids-limit 5 none" "events --stats none"; do
		run rl $verb
		echo "$verb: $output"
		[ "$status" = 1 ]
		[[ "$output" == *"no cgroup"* ]]
	done
	rl exec none true
}

@test "without a cgroup a limit, or a cgroup by name, is an error" {
	! delegated || skip "cgroups are delegated here"
	rootless limit 'l["resources"] = {"pids": {"limit": 5}}'
	run rl run -b "$BUNDLE" limit
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *'"pids\"'*"no cgroup can be made"* || "$output" == *pids*"no cgroup can be made"* ]]
	rootless limit 'l["cgroupsPath"] = "/kist-rootless-test/x"'
	run rl run -b "$BUNDLE" limit
	[ "$status" = 1 ]
	[[ "$output" == *kist-rootless-test* ]]
	# devices are no limit: nothing could be made or opened that the user could not
	rootless limit 'l["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}; p["args"] = ["true"]'
	rl run -b "$BUNDLE" limit
	[ -z "$(rl list -q)" ]
}

# vm: always
@test "with delegated cgroups: limits, pause, ps, update, statistics" {
	delegated || skip "no cgroups are delegated here"
	rootless deleg 'l["resources"] = {"pids": {"limit": 50}, "memory": {"limit": 67108864}, "devices": [{"allow": False, "access": "rwm"}]}
p["args"] = ["sh", "-c", "cat /proc/self/cgroup; sleep 1000"]'
	rl run -d -b "$BUNDLE" deleg </dev/null >"$HOME_OCI/xdg/out" 2>&1 3>&-
	local pid group
	pid=$(rl state deleg | sed -n 's/.*"pid": \(.*\),/\1/p')
	group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
	echo "$group"
	[[ "$group" == */kist/deleg ]]
	[ "$(cat "$group/pids.max")" = 50 ]
	[ "$(cat "$group/memory.max")" = 67108864 ]
	rl pause deleg
	rl_is deleg paused
	rl resume deleg
	rl update --pids-limit 40 deleg
	[ "$(cat "$group/pids.max")" = 40 ]
	[[ "$(rl ps -f json deleg)" == *"$pid"* ]]
	[[ "$(rl events --stats deleg)" == *'"type":"stats"'* ]]
	rl exec deleg true
	rl delete --force deleg
	[ ! -e "$group" ]
}

# vm: always
@test "subordinate ids are mapped by newuidmap and newgidmap, and groups may be set" {
	command -v newuidmap >/dev/null || skip "newuidmap is not installed"
	rootless sub 'subids(); p["user"] = {"uid": 33, "gid": 44, "additionalGids": [55]}
p["args"] = ["sh", "-c", "id -u; id -g; id -G; tr -s \" \" </proc/self/uid_map; cat /proc/self/setgroups; touch /mnt/file; stat -c %u:%g /mnt/file"]
c["mounts"].append({"destination": "/mnt", "type": "bind", "source": os.environ["HOME_OCI"] + "/xdg/shared", "options": ["bind"]})'
	as_user mkdir -p "$HOME_OCI/xdg/shared"
	as_user chmod 777 "$HOME_OCI/xdg/shared"
	run rl run -b "$BUNDLE" sub
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 33 ]
	[ "${lines[1]}" = 44 ]
	[ "${lines[2]}" = "44 55" ]
	[ "${lines[3]}" = " 0 $RL_UID 1" ]
	[ "${lines[4]}" = " 1 $RL_SUBID 65536" ]
	[ "${lines[5]}" = allow ]
	[ "${lines[6]}" = 33:44 ]
	[ "$(stat -c %u "$HOME_OCI/xdg/shared/file")" = $((RL_SUBID + 32)) ]
	rl run -d -b "$BUNDLE" sub2 </dev/null >/dev/null 2>&1 3>&- || true
	rootless sub 'subids()'
	rl run -d -b "$BUNDLE" sub3 </dev/null >/dev/null 2>&1 3>&-
	[ "$(rl exec -u 7:8 -g 9 sub3 id -G)" = "8 9" ]
}

@test "ids that are nobody's of the caller's are refused" {
	rootless foreign 'l["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]'
	run rl run -b "$BUNDLE" foreign
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"ids that are not the caller's own"* ]]
	rootless foreign 'subids(65537)'
	run rl run -b "$BUNDLE" foreign
	[ "$status" = 1 ]
	[ -z "$(rl list -q)" ]
}

@test "without a user namespace nothing is made, and it says why" {
	rootless nouser 'l["namespaces"] = [n for n in l["namespaces"] if n["type"] != "user"]; del l["uidMappings"], l["gidMappings"]'
	run rl run -b "$BUNDLE" nouser
	[ "$status" = 1 ]
	[[ "$output" == *"rootless container requires user namespaces"* ]]
}

@test "groups cannot be set where setgroups is denied, and it says so" {
	rootless groups 'p["user"] = {"uid": 0, "gid": 0, "additionalGids": [0]}'
	run rl run -b "$BUNDLE" groups
	[ "$status" = 1 ]
	[[ "$output" == *"supplementary groups"* ]]
}

@test "bind mounts keep the flags that a user namespace locks, and cannot lose them" {
	rootless locked 'c["mounts"].append({"destination": "/mnt", "type": "bind", "source": os.environ["HOME_OCI"] + "/locked", "options": ["rbind", "ro"]})
p["args"] = ["grep", " /mnt ", "/proc/self/mountinfo"]'
	[ "$(id -u)" = 0 ] || skip "takes root, who mounts it"
	mkdir -p "$HOME_OCI/locked"
	mount -t tmpfs -o nosuid,nodev,noatime tmpfs "$HOME_OCI/locked"
	run rl run -b "$BUNDLE" locked
	echo "$output"
	[ "$status" = 0 ]
	[[ "$output" == *" /mnt ro,nosuid,nodev,noatime"* ]]
	rootless locked 'c["mounts"].append({"destination": "/mnt", "type": "bind", "source": os.environ["HOME_OCI"] + "/locked", "options": ["rbind", "suid"]})'
	run rl run -b "$BUNDLE" locked
	umount "$HOME_OCI/locked"
	[ "$status" = 1 ]
	[[ "$output" == *"/mnt"*"not permitted"* ]]
}

@test "a file system that mounts anew: tmpfs with mode, tmpcopyup, terminals for group 5 that is not there" {
	as_user mkdir -p "$HOME_OCI/rootfs/data"
	as_user sh -c "echo hello >$HOME_OCI/rootfs/data/file"
	rootless fs 'c["mounts"].append({"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "mode=700"]})
next(m for m in c["mounts"] if m["destination"] == "/dev/pts")["options"].append("gid=5")
p["args"] = ["sh", "-c", "cat /data/file; stat -c %a /data; echo new >/data/new; ls /dev/pts/ptmx"]'
	run rl run -b "$BUNDLE" fs
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = hello ]
	[ "${lines[1]}" = 700 ]
	[ "${lines[2]}" = /dev/pts/ptmx ]
}

@test "sysfs without a network namespace is the host's" {
	rootless sysfs 'i = next(i for i, m in enumerate(c["mounts"]) if m["destination"] == "/sys")
c["mounts"][i] = {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]}
p["args"] = ["ls", "/sys/class/net/lo/address"]'
	run rl run -b "$BUNDLE" sysfs
	echo "$output"
	[ "$status" = 0 ]
}

# vm: always
@test "CVE-2023-25809: no cgroup of the host's is writable, whatever is said of /sys" {
	local h theirs=() namespaces
	# some that the container's root, who is the caller, could write to if it got at them
	if [ "$(id -u)" = 0 ]; then
		for h in /sys/fs/cgroup{,/unified,/pids}; do
			[ ! -e "$h/cgroup.procs" ] || theirs+=("$h$CGROUP/theirs")
		done
		mkdir -p "${theirs[@]}"
		chown -R "$RL_UID" "${theirs[@]}"
		as_user mkdir "${theirs[@]/%//may}"
	fi
	# also where the caller shares the host's cgroup namespace
	for namespaces in 'pass' 'l["namespaces"] = [n for n in l["namespaces"] if n["type"] != "cgroup"]'; do
		rootless cgroup "$namespaces"'
p["args"] = ["sh", "-c", "find /sys/fs/cgroup/ -name cgroup.procs | while read -r f; do (echo 1 >$f) 2>/dev/null && echo wrote $f; done; find /sys/fs/cgroup/ -type d | while read -r d; do mkdir $d/made 2>/dev/null && echo made $d; done; exit 3"]
for s in ("bounding", "effective", "permitted"): p["capabilities"].setdefault(s, []).extend(["CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN"])'
		run rl run -b "$BUNDLE" cgroup
		echo "$output"
		[ "$status" = 3 ]
		[[ "$output" != *wrote* && "$output" != *made* ]]
	done
	[ -z "${theirs[*]}" ] || rmdir "${theirs[@]/%//may}" "${theirs[@]}"
}

@test "oom_score_adj is raised, and lowering it is refused by name" {
	rootless oom 'p["oomScoreAdj"] = 500; p["args"] = ["cat", "/proc/self/oom_score_adj"]'
	[ "$(rl run -b "$BUNDLE" oom)" = 500 ]
	rootless oom 'p["oomScoreAdj"] = -500'
	run rl run -b "$BUNDLE" oom
	[ "$status" = 1 ]
	[[ "$output" == *oom_score_adj* ]]
}

@test "hooks, seccomp cache and masks work as they do for root" {
	as_user sh -c "printf '#!/bin/sh\ncat >$HOME_OCI/xdg/hook.out\n' >$HOME_OCI/xdg/hook; chmod 755 $HOME_OCI/xdg/hook"
	rootless all 'h = {"path": os.environ["HOME_OCI"] + "/xdg/hook"}
c["hooks"] = {"createRuntime": [h]}
l["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
p["args"] = ["sh", "-c", "mkdir /dev/shm/x; wc -c </proc/timer_list; touch /x"]'
	run rl run -b "$BUNDLE" all
	echo "$output"
	[[ "${lines[0]}" == *"No space left on device"* ]]
	[ "${lines[1]}" = 0 ]
	[[ "${lines[2]}" == *"Read-only file system"* ]]
	grep -q '"id":' "$HOME_OCI/xdg/hook.out"
	[ "$(ls "$HOME_OCI/xdg/kist-oci/:seccomp" | wc -l)" = 1 ]
}

# rl_terminal SCENARIO ARGUMENT...: kist-oci as that user, on a terminal of theirs: see lib/terminal.py.
rl_terminal() {
	local scenario=$1
	shift
	as_user timeout 100 python3 "$HOME_OCI/terminal.py" "$scenario" "$KIST_BUILD/bin/kist-oci" "$@" 3>&-
}

# What a program says of its terminal, to /mnt/said: which one, of whom, and that it may open it and controls it. Then
# what lib/terminal.py asks for.
SAYS='{ tty; stat -c "%u %a" "$(tty)"; (: <>"$(tty)") && (: <>/dev/tty) && echo opened; } >/mnt/said 2>&1
	echo ready; read x; stty size; read x; stty size; exit 4'

said() {
	tr '\n' ' ' <"$HOME_OCI/xdg/said/said"
	rm -f "$HOME_OCI/xdg/said/said"
}

# vm: always
@test "a terminal: run and exec --tty, as root and as another user of the container's" {
	local user ids
	cp "$BATS_TEST_DIRNAME/lib/terminal.py" "$HOME_OCI/terminal.py"
	chmod 644 "$HOME_OCI/terminal.py"
	as_user mkdir -p "$HOME_OCI/xdg/said"
	as_user chmod 777 "$HOME_OCI/xdg/said"
	export SAYS
	for user in 0 33; do
		ids='c["mounts"].append({"destination": "/mnt", "type": "bind", "source": os.environ["HOME_OCI"] + "/xdg/said", "options": ["bind"]}); '
		if [ $user != 0 ]; then
			command -v newuidmap >/dev/null || skip "newuidmap is not installed"
			ids+='subids(); p["user"] = {"uid": 33, "gid": 44}; '
		fi
		rootless term "$ids"'p["terminal"] = True; p["args"] = ["sh", "-c", os.environ["SAYS"]]'
		run rl_terminal size run -b "$BUNDLE" term
		echo "$output"
		[ "$output" = "$(printf 'raw True\ncode 4 restored True')" ]
		[ "$(said)" = "/dev/pts/0 $user 620 opened " ]
		rootless term "$ids"
		rl run -d -b "$BUNDLE" term </dev/null >/dev/null 2>&1 3>&-
		run rl_terminal size exec --tty term sh -c "$SAYS"
		echo "$output"
		[ "$output" = "$(printf 'raw True\ncode 4 restored True')" ]
		[ "$(said)" = "/dev/pts/0 $user 620 opened " ]
		run rl_terminal interrupt exec -t term sh -c 'trap "exit 33" INT; echo ready; while :; do sleep 0.1; done'
		[ "$output" = "code 33 restored True" ]
		run rl exec -t term true </dev/null
		[ "$status" = 255 ]
		[[ "$output" == *"none of the standard streams is one"* ]]
		rl delete --force term
	done
}

@test "a container joins another's namespaces" {
	rootless first
	rl run -d -b "$BUNDLE" first </dev/null >/dev/null 2>&1 3>&-
	local pid
	pid=$(rl state first | sed -n 's/.*"pid": \(.*\),/\1/p')
	rootless second "l['namespaces'] = [{'type': t, 'path': '/proc/$pid/ns/' + f} for t, f in (('user', 'user'), ('pid', 'pid'), ('ipc', 'ipc'), ('uts', 'uts'))] + [{'type': 'mount'}]
del l['uidMappings'], l['gidMappings'], c['hostname']
p['args'] = ['sh', '-c', 'for n in user pid ipc uts; do readlink /proc/self/ns/\$n; done']"
	run rl run -b "$BUNDLE" second
	echo "$output"
	[ "$status" = 0 ]
	local i=0 ns
	for ns in user pid ipc uts; do
		[ "${lines[$i]}" = "$(as_user readlink "/proc/$pid/ns/$ns")" ]
		i=$((i + 1))
	done
}

@test "--rootless: true, false, auto or an error" {
	rootless flag 'p["args"] = ["true"]'
	rl --rootless true run -b "$BUNDLE" flag
	rl --rootless auto run -b "$BUNDLE" flag
	run rl --rootless perhaps run -b "$BUNDLE" flag
	[ "$status" = 1 ]
	[[ "$output" == *perhaps*rootless* ]]
	if ! delegated; then
		run rl --rootless false run -b "$BUNDLE" flag
		[ "$status" = 1 ]
		[[ "$output" == *cgroup* ]]
	fi
}

@test "root of a user namespace is as rootless as its owner" {
	rootless nested 'l["namespaces"] = [n for n in l["namespaces"] if n["type"] != "user"]; del l["uidMappings"], l["gidMappings"]
p["args"] = ["sh", "-c", "id -u; hostname"]'
	run rl_nested run -b "$BUNDLE" nested
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 0 ]
	[ "${lines[1]}" = kist-oci ]
}

rl_nested() {
	as_user unshare -Urm timeout 60 "$KIST_BUILD/bin/kist-oci" "$@"
}

# In the VM the user has other processes than ours, but none of them is kist-oci.
no_runtime_left() {
	! pgrep -x -U "$RL_UID" kist-oci
}

# vm: always
@test "kill -9 of create at any moment leaves what delete --force clears, and no process" {
	rootless k1
	local i
	for i in $(seq 1 2 24); do
		(exec_as_user "$KIST_BUILD/bin/kist-oci" create -b "$BUNDLE" k1) </dev/null >/dev/null 2>&1 3>&- &
		sleep "$(printf 0.%03d "$i")"
		kill -9 $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		rl delete --force k1
		[ ! -e "$HOME_OCI/xdg/kist-oci/k1" ]
		wait_for no_runtime_left
	done
}

@test "root brings none of its groups where groups cannot be set: neither by exec nor by joining" {
	[ "$(id -u)" = 0 ] || skip "takes root"
	rootless groups
	rl run -d -b "$BUNDLE" groups </dev/null >/dev/null 2>&1 3>&-
	local pid
	pid=$(rl state groups | sed -n 's/.*"pid": \(.*\),/\1/p')
	run setpriv --groups 0,4 timeout 30 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/xdg/kist-oci" exec groups grep Groups: /proc/self/status
	echo "$output"
	[ "$status" = 0 ]
	[ "$(tr -d ' \t' <<<"$output")" = Groups: ]
	bundle joins "c['linux']['namespaces'] = [{'type': 'user', 'path': '/proc/$pid/ns/user'}, {'type': 'mount'}, {'type': 'pid'}, {'type': 'ipc'}, {'type': 'network'}]
del c['hostname']
p['args'] = ['grep', 'Groups:', '/proc/self/status']"
	run setpriv --groups 0,4 timeout 30 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" joins
	echo "$output"
	[ "$status" = 0 ]
	[ "$(tr -d ' \t' <<<"$output")" = Groups: ]
}
