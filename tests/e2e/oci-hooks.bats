# Hooks, line by line of config.md "POSIX-platform Hooks" and runtime.md "Lifecycle".
load lib/bundle

setup() {
	OUT=$HOME_OCI/out
	rm -rf "$OUT"
	mkdir -p "$OUT"
	chmod 777 "$OUT"
	export OUT
	# in the runtime's namespace and, as /out/hook, in the container
	cat >"$OUT/hook" <<-'END'
		#!/bin/sh
		# hook NAME FOLDER: who called, from where, and the state
		echo "$1 $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/net)" >>"$2/log"
		cat >"$2/$1.json"
		env >"$2/$1.env"
	END
	chmod 755 "$OUT/hook"
}

# HOOKS: every kind calls it, Python
HOOKS='
import os
out = os.environ["OUT"]
c["mounts"].append({"destination": "/out", "type": "bind", "source": out, "options": ["bind"]})
def hook(name, *more, path=out + "/hook", folder=out, **keys):
    return {"path": path, "args": ["hook", name, folder], **keys}
kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
c["hooks"] = {k: [hook(k)] for k in kinds}
c["hooks"]["startContainer"] = [hook("startContainer", path="/out/hook", folder="/out")]
'

order() {
	cut -d' ' -f1 "$OUT/log" | tr '\n' ' '
}

field() { # KIND FIELD: of the state that the hook was given
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$OUT/$1.json" "$2"
}

# vm: always
@test "hooks: all six in order, each with its state, in its namespaces" {
	bundle o1 "$HOOKS
c['annotations'] = {'a.b': 'c'}
p['args'] = ['sh', '-c', 'readlink /proc/self/ns/mnt > /out/inside; readlink /proc/self/ns/net >> /out/inside; sleep 1000']"
	oci create -b "$BUNDLE" o1 </dev/null >/dev/null 2>&1 3>&-
	[ "$(order)" = "prestart createRuntime createContainer " ]
	local pid
	pid=$(oci state o1 | sed -n 's/.*"pid": \(.*\),/\1/p')
	oci start o1
	[ "$(order)" = "prestart createRuntime createContainer startContainer poststart " ]
	wait_for test -s "$OUT/inside"
	oci delete --force o1
	[ "$(order)" = "prestart createRuntime createContainer startContainer poststart poststop " ]
	local kind mine theirs
	mine="$(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/net)"
	theirs=$(tr '\n' ' ' <"$OUT/inside")
	for kind in prestart createRuntime poststart poststop; do
		grep -qxF "$kind $mine" "$OUT/log"
	done
	for kind in createContainer startContainer; do
		grep -qxF "$kind ${theirs% }" "$OUT/log"
	done
	for kind in prestart createRuntime poststart; do
		[ "$(field $kind pid)" = "$pid" ]
	done
	# as the container sees it
	[ "$(field createContainer pid)" = 1 ]
	[ "$(field startContainer pid)" = 1 ]
	for kind in prestart createRuntime createContainer startContainer; do
		[ "$(field $kind status)" = created ]
	done
	[ "$(field poststart status)" = running ]
	[ "$(field poststop status)" = stopped ]
	for kind in prestart createRuntime createContainer startContainer poststart poststop; do
		[ "$(field $kind id)" = o1 ]
		[ "$(field $kind bundle)" = "$BUNDLE" ]
		[ "$(field $kind annotations)" = "{'a.b': 'c'}" ]
		[ "$(field $kind ociVersion)" = 1.3.0 ]
	done
}

@test "hooks: several of a kind in the listed order, with their arguments and environment" {
	bundle o2 "$HOOKS
c['hooks'] = {'createRuntime': [hook('first', env=['ONE=1']), hook('second'), hook('third', env=['THREE=3'])],
    'startContainer': [hook('inner', path='/out/hook', folder='/out')]}
p['env'].append('FROM=process')
p['args'] = ['true']"
	FROM=caller oci run -b "$BUNDLE" o2
	[ "$(order)" = "first second third inner " ]
	grep -qx ONE=1 "$OUT/first.env"
	! grep -q FROM= "$OUT/first.env" || false
	grep -qx THREE=3 "$OUT/third.env"
	# as with runc: a hook without an environment has the caller's, or inside the process's
	grep -qx FROM=caller "$OUT/second.env"
	grep -qx FROM=process "$OUT/inner.env"
	# which has a HOME
	grep -qx HOME=/ "$OUT/inner.env"
}

# fails KIND: a container whose hook of that kind fails, and a poststop hook
fails() {
	bundle fail "$HOOKS
c['hooks'] = {'$1': [{'path': '/bin/false' if '$1' != 'startContainer' else '/bin/false'}, hook('never', path='/out/hook' if '$1' == 'startContainer' else out + '/hook')],
    'poststop': [hook('poststop')]}
p['args'] = ['sh', '-c', 'echo ran >> /out/ran; sleep 1000']"
}

gone() {
	run oci state fail
	[[ "$output" == *"does not exist"* ]]
	run find /sys/fs/cgroup -path "*$CGROUP/fail*"
	[ -z "$output" ]
	[ "$(order)" = "poststop " ]
	rm -f "$OUT/log" "$OUT/ran"
}

@test "hooks: one that fails is named, ends the container, and poststop hooks run" {
	local kind
	for kind in prestart createRuntime createContainer; do
		fails $kind
		run oci create -b "$BUNDLE" fail
		[ "$status" = 1 ]
		[[ "$output" == *"error running $kind hook /bin/false: exit status 1"* ]]
		[ ! -e "$OUT/ran" ]
		gone
		run oci run -b "$BUNDLE" fail
		[ "$status" = 1 ]
		gone
	done
	for kind in startContainer poststart; do
		fails $kind
		oci create -b "$BUNDLE" fail </dev/null >/dev/null 2>&1 3>&-
		run oci start fail
		[ "$status" = 1 ]
		[[ "$output" == *"error running $kind hook /bin/false: exit status 1"* ]]
		[ $kind = poststart ] || [ ! -e "$OUT/ran" ]
		gone
		run oci run -b "$BUNDLE" fail
		[ "$status" = 1 ]
		gone
	done
}

# says TEXT SCRIPT [KIND]: what is said of a hook that fails
says() {
	SCRIPT=$2 bundle words "c['hooks'] = {'${3:-createRuntime}': [{'path': '/bin/sh', 'args': ['sh', '-c', __import__('os').environ['SCRIPT']]}]}"
	run oci run -b "$BUNDLE" words
	echo "$output"
	[ "$status" = 1 ]
	[[ "$output" == *"error running ${3:-createRuntime} hook /bin/sh: $1\""* ]]
}

@test "hooks: what one that fails said on its standard output and error is told, bounded and without control characters" {
	local kind long
	for kind in prestart createContainer startContainer poststart; do
		says "exit status 3, stdout: out, stderr: err" "echo out; echo err >&2; exit 3" $kind
	done
	says "exit status 3, stdout: , stderr: " "exit 3"
	says "signal: killed, stdout: , stderr: last words" 'echo last words >&2; kill -9 $$'
	says "signal: signal 40, stdout: , stderr: " 'kill -40 $$'
	says "signal: I/O possible, stdout: , stderr: " 'kill -29 $$'
	says "exit status 1, stdout: a b  [31mc d, stderr: " 'printf "a\nb\r\033[31mc\td"; exit 1'
	long=$(printf '%191s' | tr ' ' y)
	says "exit status 1, stdout: $long, stderr: END" "head -c 300000 /dev/zero | tr '\\0' y; echo END >&2; exit 1"
	# one that leaves a process with its streams is not waited for
	says "exit status 4, stdout: left, stderr: " "echo left; sleep 1000 & echo \$! >'$OUT/left'; exit 4"
	kill "$(cat "$OUT/left")"
}

@test "hooks: poststop hooks that fail are warned of, and the others run" {
	bundle o4 "$HOOKS
c['hooks'] = {'poststop': [{'path': '/bin/false'}, hook('second')]}
p['args'] = ['true']"
	run oci run -b "$BUNDLE" o4
	[ "$status" = 0 ]
	[[ "$output" == *"error running poststop hook /bin/false"* ]]
	[ "$(order)" = "second " ]
	run oci state o4
	[[ "$output" == *"does not exist"* ]]
}

# timed KIND: a bundle whose hook of that kind has a second's time and ignores TERM; each has a poststop hook that runs to its end.
# Hook and program leave files.
timed() {
	export KIND=$1 MARK=7${CGROUP##*-}${#1}
	rm -f "$OUT/"{log,ran,hooked}
	bundle o5 "$HOOKS
kind, inside = os.environ['KIND'], os.environ['KIND'] == 'startContainer'
c['hooks'] = {'poststop': [hook('poststop')]}
c['hooks'].setdefault(kind, []).insert(0, {'path': '/bin/sh', 'timeout': 1, 'args': ['sh', '-c',
    'trap \"\" TERM; echo >' + ('/out' if inside else out) + '/hooked; exec sleep ' + os.environ['MARK']]})
p['args'] = ['sh', '-c', 'echo >/out/ran; sleep 1000']"
}

# What was said after $start of that hook, which did not end by itself; of hook and container nothing stays.
timed_out() {
	echo "$output"
	[[ "$output" == *"error running $KIND hook /bin/sh: its time is up"* ]]
	[ -e "$OUT/hooked" ]
	[ $((${EPOCHREALTIME/./} - start)) -ge 1000000 ]
	! pgrep -fx "sleep $MARK" || false
	[ "$(order)" = "poststop " ]
	run oci list -q
	[ -z "$output" ]
	[ -z "$(find /sys/fs/cgroup -path "*$CGROUP/o5" -type d)" ]
}

@test "hooks: a timeout ends a hook of create, even one that ignores TERM, and with it the container" {
	local kind start
	for kind in prestart createRuntime createContainer; do
		timed $kind
		start=${EPOCHREALTIME/./}
		run oci create -b "$BUNDLE" o5
		[ "$status" = 1 ]
		timed_out
	done
}

@test "hooks: a timeout ends a hook of start, even one that ignores TERM, and with it the container" {
	local kind start
	for kind in startContainer poststart; do
		timed $kind
		oci create -b "$BUNDLE" o5 </dev/null >/dev/null 2>&1 3>&-
		start=${EPOCHREALTIME/./}
		run oci start o5
		[ "$status" = 1 ]
		timed_out
		[ $kind = poststart ] || [ ! -e "$OUT/ran" ]
		timed $kind
		start=${EPOCHREALTIME/./}
		run oci run -b "$BUNDLE" o5
		[ "$status" = 1 ]
		timed_out
	done
}

@test "hooks: a timeout ends a poststop hook, even one that ignores TERM, with a warning, and the next one runs" {
	local start
	timed poststop
	oci run -d -b "$BUNDLE" o5 </dev/null >/dev/null 2>&1 3>&-
	wait_for test -e "$OUT/ran"
	start=${EPOCHREALTIME/./}
	run oci delete --force o5
	[ "$status" = 0 ]
	timed_out
}

@test "hooks: relative paths, missing programs and timeouts of zero are refused" {
	bundle o6 "c['hooks'] = {'poststart': [{'path': 'bin/true'}]}"
	run oci create -b "$BUNDLE" o6
	[[ "$output" == *"hooks.poststart[0].path: must be an absolute path"* ]]
	bundle o6 "c['hooks'] = {'poststop': [{'path': '/bin/true', 'timeout': 0}]}"
	run oci create -b "$BUNDLE" o6
	[[ "$output" == *"hooks.poststop[0].timeout: must be greater than zero"* ]]
	bundle o6 "c['hooks'] = {'prestart': [{'path': '/nonexistent'}]}"
	run oci create -b "$BUNDLE" o6
	[[ "$output" == *"error running prestart hook /nonexistent"*"o such file"* ]]
}

@test "hooks: those before pivot_root see the mounts made; the network namespace may be filled" {
	bundle o7 "$HOOKS
c['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', 'pid=\$(sed \"s/.*\\\\\"pid\\\\\":\\\\([0-9]*\\\\).*/\\\\1/\"); nsenter -t \$pid -n ip link add kist0 type veth peer name kist1; grep -q \" /out \\|/out \" /proc/\$pid/mountinfo && echo mounted > ' + out + '/seen']}],
    'createContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'test -d ' + out + ' && ip link show kist0 > ' + out + '/link']}]}
p['args'] = ['test', '-d', '/sys/class/net/kist0']"
	command -v nsenter >/dev/null && command -v ip >/dev/null || skip "no nsenter or no ip"
	ip link add kistprobe type veth peer name kistprobe1 2>/dev/null || skip "this kernel has no veth devices"
	ip link del kistprobe
	run oci run -b "$BUNDLE" o7
	[ "$status" = 0 ]
	grep -q mounted "$OUT/seen"
	grep -q kist0 "$OUT/link"
}
