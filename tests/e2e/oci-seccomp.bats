# Seccomp as config-linux.md "Seccomp" has it: every action, operator and flag, and the listener.
load lib/bundle

agent() { # NAME ERRNO [COUNT [HOLD]]: one behind $SOCKET, writing to $LOG
	SOCKET=$HOME_OCI/$1.sock LOG=$HOME_OCI/$1.log
	rm -f "$SOCKET" "$LOG"
	timeout 60 python3 "$BATS_TEST_DIRNAME/lib/seccomp_agent.py" "$SOCKET" "$LOG" "$2" "${3:-1}" "${@:4}" 3>&- &
	AGENT=$!
	wait_for [ -S "$SOCKET" ]
}

# notify RULE-CHANGES: a profile that notifies of mkdir on $SOCKET, as Python
notify() {
	echo "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'listenerPath': '$SOCKET'," \
		"'listenerMetadata': 'for the agent'," \
		"'syscalls': [{'names': ['mkdir', 'mkdirat'${1:-}], 'action': 'SCMP_ACT_NOTIFY'}]}"
}

# vm: always
@test "seccomp notify: the agent gets the container process state and answers, on run" {
	agent n1 99
	bundle n1 "c['annotations'] = {'a.b': 'c'}; $(notify); p['args'] = ['mkdir', '/tmp/x']"
	run oci run -b "$BUNDLE" n1
	[ "$status" = 1 ]
	[[ "$output" == *"Cannot assign requested address"* || "$output" == *"99"* ]]
	wait "$AGENT"
	python3 - "$LOG" "$BUNDLE" <<'PY'
import json, sys
lines = open(sys.argv[1]).read().splitlines()
state = json.loads(lines[0])
assert state["ociVersion"] == "1.3.0", state
assert state["fds"] == ["seccompFd"], state
assert state["metadata"] == "for the agent", state
assert state["pid"] > 1 and state["state"]["pid"] == state["pid"], state
assert state["state"]["id"] == "n1" and state["state"]["status"] == "created", state
assert state["state"]["bundle"] == sys.argv[2], state
assert state["state"]["annotations"] == {"a.b": "c"}, state
assert lines[1] == "eof fds=1", lines
assert [l for l in lines if l.startswith("call")] == ["call 83"], lines
PY
}

@test "seccomp notify: create sends nothing, start does; an exec gets a listener of its own" {
	agent n2 0 2
	bundle n2 "$(notify)"
	oci create -b "$BUNDLE" n2 </dev/null >/dev/null 2>&1 3>&-
	[ ! -s "$LOG" ]
	oci start n2
	# the agent reads when it comes to it
	wait_for grep -q '"status":"created"' "$LOG"
	# the agent lets the call through, to a read-only file system
	run oci exec n2 mkdir /tmp/y
	[ "$status" = 1 ]
	[[ "$output" == *"Read-only file system"* ]]
	python3 - "$LOG" "$(oci state n2 | sed -n 's/.*"pid": \(.*\),/\1/p')" <<'PY'
import json, sys
states = [json.loads(l) for l in open(sys.argv[1]) if l.startswith("{")]
assert len(states) == 2, states
assert states[1]["state"]["status"] == "running", states
assert states[1]["state"]["pid"] == int(sys.argv[2]) == states[0]["pid"], states
assert states[1]["pid"] != states[0]["pid"], states
PY
	oci delete --force n2
	wait "$AGENT"
	grep -q '^call 83$' "$LOG"
}

@test "seccomp notify: calls that the runtime makes itself wait for the agent, too" {
	agent n3 0
	bundle n3 "p['noNewPrivileges'] = True; $(notify ", 'read', 'sendmsg', 'execve', 'close', 'capset', 'prctl'"); p['args'] = ['echo', 'lived']"
	run oci run -b "$BUNDLE" n3
	[ "$status" = 0 ]
	[ "$output" = lived ]
	wait "$AGENT"
	grep -q '^call 59$' "$LOG"
	grep -q '^call 0$' "$LOG"
	agent n3b 0 2
	bundle n3b "$(notify ", 'read', 'sendmsg', 'execve', 'close', 'capset', 'prctl', 'clone', 'setsid'")"
	oci create -b "$BUNDLE" n3b </dev/null >/dev/null 2>&1 3>&-
	oci start n3b
	run oci exec n3b echo lived
	[ "$status" = 0 ]
	[ "$output" = lived ]
	oci delete --force n3b
	wait "$AGENT"
}

@test "seccomp notify: startContainer hooks share the program's listener" {
	agent n4 0
	bundle n4 "$(notify); c['hooks'] = {'startContainer': [{'path': '/bin/mkdir', 'args': ['mkdir', '-p', '/tmp']}]}; p['args'] = ['mkdir', '-p', '/tmp/']"
	run oci run -b "$BUNDLE" n4
	[ "$status" = 0 ]
	wait "$AGENT"
	[ "$(grep -c '^{' "$LOG")" = 1 ]
}

@test "seccomp notify: a startContainer hook runs where the program's filter refuses what hooks elsewhere ask for" {
	agent n4b 0
	bundle n4b "$(notify "], 'action': 'SCMP_ACT_NOTIFY'}, {'names': ['prctl', 'getppid'], 'action': 'SCMP_ACT_ERRNO'}, {'names': ['mkdir'"); c['hooks'] = {'startContainer': [{'path': '/bin/true'}]}; p['args'] = ['mkdir', '-p', '/tmp/']"
	run oci run -b "$BUNDLE" n4b
	[ "$status" = 0 ] || { echo "$output"; false; }
	wait "$AGENT"
}

@test "seccomp notify: without an agent the program does not start, and nothing is left" {
	SOCKET=$HOME_OCI/nobody.sock
	bundle n5 "$(notify); p['args'] = ['echo', 'ran']"
	run oci run -b "$BUNDLE" n5
	[ "$status" = 1 ]
	[[ "$output" == *"linux.seccomp.listenerPath"*"nobody.sock"* ]]
	[[ "$output" != *ran* ]]
	run oci list -q
	[ -z "$output" ]
	bundle n5 "$(notify)"
	oci create -b "$BUNDLE" n5 </dev/null >/dev/null 2>&1 3>&-
	run oci start n5
	[ "$status" = 1 ]
	[[ "$output" == *"linux.seccomp.listenerPath"* ]]
	wait_for is n5 stopped
}

@test "seccomp notify: refused for write, as the default, and without a path; the path alone is ignored" {
	SOCKET=$HOME_OCI/nobody.sock
	bundle n6 "$(notify ", 'write'")"
	run oci run -b "$BUNDLE" n6
	[[ "$output" == *"SCMP_ACT_NOTIFY cannot be used for the write syscall"* ]]
	bundle n6 "$(notify); c['linux']['seccomp']['defaultAction'] = 'SCMP_ACT_NOTIFY'"
	run oci run -b "$BUNDLE" n6
	[[ "$output" == *"linux.seccomp.defaultAction"* ]]
	bundle n6 "$(notify); del c['linux']['seccomp']['listenerPath']"
	run oci run -b "$BUNDLE" n6
	[[ "$output" == *"linux.seccomp.listenerPath: is needed by SCMP_ACT_NOTIFY"* ]]
	bundle n6 "$(notify); s = c['linux']['seccomp']; s['syscalls'] = []; del s['listenerPath']"
	run oci run -b "$BUNDLE" n6
	[[ "$output" == *"linux.seccomp.listenerMetadata"* ]]
	bundle n6 "$(notify); c['linux']['seccomp']['syscalls'] = []; p['args'] = ['echo', 'ran']"
	run oci run -b "$BUNDLE" n6
	[ "$output" = ran ]
}

# acts ACTION [MORE]: runs mkdir under a rule with that action
acts() {
	bundle act "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': '$1'${2:-}}]}; p['args'] = ['mkdir', '/tmp/x']"
	run oci run -b "$BUNDLE" act
}

# vm: always
@test "seccomp: every action does what it says" {
	local action
	for action in KILL KILL_THREAD KILL_PROCESS TRAP; do
		acts "SCMP_ACT_$action"
		[ "$status" = 159 ]
	done
	acts SCMP_ACT_ERRNO
	[[ "$output" == *"Operation not permitted"* ]]
	acts SCMP_ACT_ERRNO ", 'errnoRet': 28"
	[[ "$output" == *"No space left on device"* ]]
	# nobody traces it
	acts SCMP_ACT_TRACE ", 'errnoRet': 7"
	[[ "$output" == *"Function not implemented"* ]]
	for action in ALLOW LOG; do
		acts "SCMP_ACT_$action"
		[[ "$output" == *"Read-only file system"* ]]
	done
	acts SCMP_ACT_ALLOW ", 'errnoRet': 7"
	[ "$status" = 1 ]
	[[ "$output" == *"errnoRet has no meaning with SCMP_ACT_ALLOW"* ]]
	acts SCMP_ACT_NONE
	[[ "$output" == *"linux.seccomp.syscalls[0].action: there is no action SCMP_ACT_NONE"* ]]
}

@test "seccomp: the default action and its errno hold for what no rule names" {
	local known='[n for r in __import__("json").load(open("'$KIST_TOP'/share/seccomp.json"))["syscalls"] for n in r["names"] if n not in ("mkdir", "mkdirat")]'
	bundle dflt "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 28, 'syscalls': [{'names': $known, 'action': 'SCMP_ACT_ALLOW'}]}; p['args'] = ['mkdir', '/tmp/x']"
	run oci run -b "$BUNDLE" dflt
	[[ "$output" == *"No space left on device"* ]]
	bundle dflt "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_KILL_PROCESS', 'syscalls': [{'names': $known, 'action': 'SCMP_ACT_ALLOW'}]}; p['args'] = ['mkdir', '/tmp/x']"
	run oci run -b "$BUNDLE" dflt
	[ "$status" = 159 ]
	bundle dflt "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'defaultErrnoRet': 28}"
	run oci run -b "$BUNDLE" dflt
	[[ "$output" == *"errnoRet has no meaning with SCMP_ACT_ALLOW"* ]]
}

# kills ARGS: which of the signals 4, 5 and 6 a rule on kill's arguments lets through (init is deaf to them)
kills() {
	bundle op "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['kill'], 'action': 'SCMP_ACT_ERRNO', 'args': [$1]}]}; p['args'] = ['sh', '-c', 'for n in 4 5 6; do kill -\$n 1 2>/dev/null && echo -n \$n; done; true']"
	run oci run -b "$BUNDLE" op
}

@test "seccomp: every operator on arguments, several at once, and alternatives" {
	local op
	while read -r op passes; do
		kills "{'index': 1, 'value': 5, 'op': 'SCMP_CMP_$op'}"
		[ "$output" = "$passes" ] || { echo "$op: $output, not $passes"; false; }
	done <<-END
		NE 5
		LT 56
		LE 6
		EQ 46
		GE 4
		GT 45
	END
	kills "{'index': 1, 'value': 6, 'valueTwo': 4, 'op': 'SCMP_CMP_MASKED_EQ'}"
	[ "$output" = 6 ]
	kills "{'index': 1, 'value': 5, 'op': 'SCMP_CMP_EQ'}, {'index': 0, 'value': 2, 'op': 'SCMP_CMP_EQ'}"
	[ "$output" = 456 ]
	kills "{'index': 1, 'value': 5, 'op': 'SCMP_CMP_EQ'}, {'index': 0, 'value': 1, 'op': 'SCMP_CMP_EQ'}"
	[ "$output" = 46 ]
	kills "{'index': 1, 'value': 5, 'op': 'SCMP_CMP_EQ'}, {'index': 1, 'value': 6, 'op': 'SCMP_CMP_EQ'}"
	[ "$output" = 4 ]
	kills "{'index': 6, 'value': 5, 'op': 'SCMP_CMP_EQ'}"
	[[ "$output" == *"args[0].index: must be below 6"* ]]
	kills "{'index': 1, 'value': 5, 'op': 'SCMP_CMP_IN'}"
	[[ "$output" == *"args[0].op: there is no operator SCMP_CMP_IN"* ]]
}

@test "seccomp: every flag is accepted by the kernel, alone, together and with a listener; others are refused" {
	local flags
	for flags in "'TSYNC'" "'LOG'" "'SPEC_ALLOW'" "'WAIT_KILLABLE_RECV'" "'TSYNC', 'LOG', 'SPEC_ALLOW', 'WAIT_KILLABLE_RECV'" ""; do
		bundle flag "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'flags': ['SECCOMP_FILTER_FLAG_' + f for f in [$flags]], 'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO'}]}; p['args'] = ['mkdir', '/tmp/x']"
		run oci run -b "$BUNDLE" flag
		[[ "$output" == *"Operation not permitted"* ]]
	done
	agent flag 28
	bundle flag "$(notify); c['linux']['seccomp']['flags'] = ['SECCOMP_FILTER_FLAG_' + f for f in ['TSYNC', 'LOG', 'SPEC_ALLOW', 'WAIT_KILLABLE_RECV']]; p['args'] = ['mkdir', '/tmp/x']"
	run oci run -b "$BUNDLE" flag
	[[ "$output" == *"No space left on device"* ]]
	wait "$AGENT"
	bundle flag "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'flags': ['SECCOMP_FILTER_FLAG_NEW_LISTENER']}"
	run oci run -b "$BUNDLE" flag
	[[ "$output" == *"linux.seccomp.flags: there is no flag SECCOMP_FILTER_FLAG_NEW_LISTENER"* ]]
}

# installed ARGS...: the flags, as a number, of each filter that a process of kist-oci ARGS sets. Probes for a flag hand
# over no filter.
installed() {
	traced 30 -f -qq -X raw -e trace=seccomp -o "$HOME_OCI/calls" \
		"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" "$@" </dev/null >/dev/null 2>&1 3>&-
	sed -nE 's/^[0-9]+ +seccomp\(0x1, (0x[0-9a-f]+|0), [{].*\) += [0-9]+$/\1/p' "$HOME_OCI/calls"
}

@test "seccomp: LOG lets a call through and tells the kernel's audit; so do all with the flag LOG, and without it not" {
	local flags expected
	grep -qw errno /proc/sys/kernel/seccomp/actions_logged && grep -qw log /proc/sys/kernel/seccomp/actions_logged ||
		skip "this machine logs fewer actions"
	while IFS=: read -r flags expected; do
		# both calls are the shell's own
		bundle log "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'flags': [$flags], 'syscalls': [
    {'names': ['umask'], 'action': 'SCMP_ACT_ERRNO'}, {'names': ['chdir'], 'action': 'SCMP_ACT_LOG'}]}
p['args'] = ['sh', '-c', 'printf kist-logs > /proc/self/comm; umask 0; cd /tmp && [ \$PWD = /tmp ]']"
		run /usr/bin/python3 "$BATS_TEST_DIRNAME/lib/seccomp_audit.py" kist-logs 0x7ffc0000 \
			"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" log 3>&-
		[ "$status" != 77 ] || skip "the kernel's audit cannot be heard: $output"
		[ "$status" = 0 ]
		[ "$(sort -u <<<"$output" | xargs)" = "$expected" ]
	done <<-'END'
		:0x7ffc0000
		'SECCOMP_FILTER_FLAG_LOG':0x50000 0x7ffc0000
	END
}

@test "seccomp notify: a signal interrupts a call that the agent has taken, but with WAIT_KILLABLE_RECV only a fatal one does" {
	local flags pid
	for flags in "" "'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'"; do
		rm -f "$HOME_OCI/release"
		agent wait 0 1 "$HOME_OCI/release"
		bundle wait "$(notify); c['linux']['seccomp']['syscalls'][0]['names'] = ['chdir']; c['linux']['seccomp']['flags'] = [$flags]
p['args'] = ['sh', '-c', 'trap \"echo caught\" USR1; cd /tmp; echo in \$PWD; cd /']"
		oci run -d -b "$BUNDLE" wait </dev/null >"$HOME_OCI/said" 2>&1 3>&-
		wait_for grep -q ^call "$LOG"
		pid=$(oci state wait | sed -n 's/.*"pid": \(.*\),/\1/p')
		oci kill wait USR1
		if [ -z "$flags" ]; then
			wait_for grep -qx caught "$HOME_OCI/said"
			touch "$HOME_OCI/release"
			wait_for is wait stopped
			wait_for grep -qx gone "$LOG"
			! grep -qx "in /tmp" "$HOME_OCI/said" || false
		else
			grep -q "^ShdPnd:.*[1-9a-f]" "/proc/$pid/status"
			[ ! -s "$HOME_OCI/said" ]
			touch "$HOME_OCI/release"
			wait_for is wait stopped
			! grep -qx gone "$LOG" || false
			[ "$(xargs <"$HOME_OCI/said")" = "caught in /tmp" ]
		fi
		oci delete wait
		wait "$AGENT"
	done
	# SIGKILL is one
	rm -f "$HOME_OCI/release"
	agent wait 0 1 "$HOME_OCI/release"
	oci run -d -b "$BUNDLE" wait </dev/null >"$HOME_OCI/said" 2>&1 3>&-
	wait_for grep -q ^call "$LOG"
	oci kill wait KILL
	wait_for is wait stopped
	touch "$HOME_OCI/release"
	wait "$AGENT"
	grep -qx gone "$LOG"
	oci delete wait
}

# vm: always
@test "seccomp: the kernel is given exactly the flags of the profile, by run, start and exec" {
	command -v strace >/dev/null || skip "strace is not installed"
	local names bits
	while IFS=: read -r names bits; do
		bundle handed "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO'}]}
p['args'] = ['true']
if '$names' != 'absent':
    c['linux']['seccomp']['flags'] = ['SECCOMP_FILTER_FLAG_' + f for f in '$names'.split()]"
		run installed run -b "$BUNDLE" handed
		[ "$output" = "$bits" ] || { echo "$names: $output, not $bits"; false; }
	done <<-'END'
		TSYNC:0x1
		LOG:0x2
		SPEC_ALLOW:0x4
		TSYNC LOG SPEC_ALLOW:0x7
		:0
		absent:0x4
	END
	# with a listener also the two of its own: NEW_LISTENER, and TSYNC_ESRCH beside TSYNC
	agent handed 28 2
	bundle handed "$(notify); c['linux']['seccomp']['flags'] = ['SECCOMP_FILTER_FLAG_' + f for f in ['TSYNC', 'LOG', 'WAIT_KILLABLE_RECV']]"
	oci create -b "$BUNDLE" handed </dev/null >/dev/null 2>&1 3>&-
	local pid tracer
	pid=$(oci state handed | sed -n 's/.*"pid": \(.*\),/\1/p')
	timeout 30 strace -qq -X raw -e trace=seccomp -o "$HOME_OCI/init" -p "$pid" >/dev/null 2>&1 3>&- &
	tracer=$!
	wait_for grep -q "^TracerPid:.*[1-9]" "/proc/$pid/status"
	oci start handed
	run installed exec handed true
	[ "$output" = 0x3b ]
	kill "$tracer"
	wait "$tracer" || true
	grep -qE "seccomp\(0x1, 0x3b, [{].*\) += [0-9]+$" "$HOME_OCI/init"
	oci delete --force handed
	wait "$AGENT"
}

@test "seccomp: calls of another architecture pass the rules only where the profile names it" {
	[ "$(uname -m)" = x86_64 ] || skip "only x86-64 runs calls of another architecture in the same program"
	command -v cc >/dev/null || skip "no C compiler to make the program with"
	cat >"$HOME_OCI/foreign.c" <<-'END'
		/* getpid by the i386 gate, then exit with 7 if that was our pid */
		static long call(long nr, long a)
		{
			long r;
			__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a) : "rcx", "r11", "memory");
			return r;
		}
		void _start(void)
		{
			int pid;
			__asm__ volatile("int $0x80" : "=a"(pid) : "a"(20) : "memory");
			call(60, pid == call(39, 0) ? 7 : 8);
		}
	END
	cc -O1 -fno-stack-protector -static -nostdlib -o "$HOME_OCI/rootfs/bin/foreign" "$HOME_OCI/foreign.c"
	local arches
	for arches in "" "'SCMP_ARCH_X86_64'"; do
		bundle arch "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': [$arches], 'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO'}]}; p['args'] = ['foreign']"
		run oci run -b "$BUNDLE" arch
		[ "$status" = 159 ]
	done
	bundle arch "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'], 'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_ERRNO'}]}; p['args'] = ['foreign']"
	run oci run -b "$BUNDLE" arch
	[ "$status" = 7 ]
	bundle arch "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_VAX'], 'syscalls': []}"
	run oci run -b "$BUNDLE" arch
	[[ "$output" == *"linux.seccomp.architectures: "*"SCMP_ARCH_VAX"* ]]
	# one of the specification's that the library is too old for, with which "features" does not list it
	local newer
	for newer in LOONGARCH64 M68K SH SHEB; do
		bundle arch "c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64', 'SCMP_ARCH_$newer'], 'syscalls': []}; p['args'] = ['true']"
		run oci run -b "$BUNDLE" arch
		[ "$status" = 0 ] || [[ "$output" == *"linux.seccomp.architectures: libseccomp "*" does not know SCMP_ARCH_$newer"* ]]
		[[ "$status $(oci features)" == "0 "*"SCMP_ARCH_$newer\""* || "$status $(oci features)" == "1 "* && "$(oci features)" != *"SCMP_ARCH_$newer\""* ]]
	done
}

@test "a filter that kills for what init does at the gate leaves room for that, in a joined pid namespace too" {
	local pid
	bundle s9
	oci run -d -b "$BUNDLE" s9 </dev/null >/dev/null 2>&1 3>&-
	pid=$(oci state s9 | sed -n 's/.*"pid": \(.*\),/\1/p')
	bundle s10 "
p['args'] = ['echo', 'lived']
p['noNewPrivileges'] = False
for n in c['linux']['namespaces']:
    if n['type'] == 'pid':
        n['path'] = '/proc/$pid/ns/pid'
c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['rt_sigaction'], 'action': 'SCMP_ACT_KILL_PROCESS'}]}"
	oci create -b "$BUNDLE" s10 </dev/null >"$HOME_OCI/out" 2>&1 3>&-
	oci start s10
	wait_for grep -q lived "$HOME_OCI/out"
}
