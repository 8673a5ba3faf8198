# The command line as a caller sees it: what is said and with which exit code, in every state of a container. The
# expected values are runc's (1.1.5, and 1.5 where the two differ and the later one is meant).
bats_require_minimum_version 1.5.0
load lib/bundle

# The message without its time; the program's own name as runc has its.
said() {
	sed 's/^time="[^"]*" level=//; s/kist-oci/runc/g' "$HOME_OCI/err"
}

# oci_bg FILE ARGUMENT...: in the background, its output in FILE, itself (not timeout(1)) as $OCI_PID.
oci_bg() {
	local out=$1
	shift
	# here already: nobody is to read what another has left in it
	: >"$out"
	"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" "$@" </dev/null >"$out" 2>&1 3>&- &
	OCI_PID=$!
}

# in_state ID STATE: a container in that state, made anew if it is in another.
in_state() {
	is "$1" "$2" 2>/dev/null && return
	oci delete --force "$1"
	case $2 in
	none) return ;;
	created) oci create -b "$BUNDLE" "$1" </dev/null >/dev/null 2>&1 3>&- ;;
	*) oci run -d -b "$BUNDLE" "$1" </dev/null >/dev/null 2>&1 3>&- ;;
	esac
	case $2 in
	paused) oci pause "$1" ;;
	stopped) oci kill "$1" KILL && wait_for is "$1" stopped ;;
	esac
}

# state_table ID: lines of "STATE | COMMAND | CODE | STATE AFTER | MESSAGE" on standard input, each tried.
state_table() {
	local state command code after message bad=0 got
	while IFS='|' read -r state command code after message; do
		[[ "$state" =~ [a-z] ]] || continue
		state=${state// /} code=${code// /} after=${after// /}
		message=${message# }
		in_state "$1" "$state"
		got=0
		eval "oci ${command//ID/$1}" </dev/null >"$HOME_OCI/out" 2>"$HOME_OCI/err" 3>&- || got=$?
		if [ "$got" != "$code" ] || [ "$(said)" != "$message" ]; then
			echo "$state:$command: $got $(said), not $code $message"
			bad=1
		fi
		if [ "$after" = none ]; then
			[ ! -e "$HOME_OCI/state/$1" ]
		else
			wait_for is "$1" "$after"
		fi || {
			echo "$state:$command: left $(status_of "$1"), not $after"
			bad=1
		}
	done
	return $bad
}

@test "every verb in every state has runc's exit code, effect and message" {
	bundle st
	state_table st <<'TABLE'
none | state ID | 1 | none | error msg="container does not exist"
none | start ID | 1 | none | error msg="container does not exist"
none | kill ID | 1 | none | error msg="container does not exist"
none | kill ID SIGFOO | 1 | none | error msg="container does not exist"
none | kill -a ID KILL | 1 | none | error msg="container does not exist"
none | delete ID | 1 | none | error msg="container does not exist"
none | delete -f ID | 0 | none |
none | delete ID --force | 0 | none |
none | exec ID true | 255 | none | error msg="exec failed: container does not exist"
none | exec ID | 255 | none | error msg="exec failed: container does not exist"
none | pause ID | 1 | none | error msg="container does not exist"
none | resume ID | 1 | none | error msg="container does not exist"
none | ps ID | 1 | none | error msg="container does not exist"
none | update --pids-limit 5 ID | 1 | none | error msg="container does not exist"
none | events --stats ID | 1 | none | error msg="container does not exist"
created | state ID | 0 | created |
created | kill ID 0 | 0 | created |
created | exec ID true | 0 | created |
created | ps ID | 0 | created |
created | update --pids-limit 50 ID | 0 | created |
created | events --stats ID | 0 | created |
created | resume ID | 1 | created | error msg="container not paused"
created | create -b "$BUNDLE" ID | 1 | created | error msg="runc create failed: container with given ID already exists"
created | kill ID | 0 | stopped |
created | kill ID INT | 0 | stopped |
created | kill ID KILL | 0 | stopped |
created | pause ID | 0 | paused |
created | delete ID | 0 | none |
created | delete -f ID | 0 | none |
created | start ID | 0 | running |
running | state ID | 0 | running |
running | start ID | 1 | running | error msg="cannot start an already running container"
running | kill ID 0 | 0 | running |
running | kill ID SIGFOO | 1 | running | error msg="unknown signal \"SIGFOO\""
running | kill ID 99 | 1 | running | error msg="unable to signal init: signal 99: invalid argument"
running | kill ID -5 | 1 | running | error msg="unable to signal init: signal -5: invalid argument"
running | delete ID | 1 | running | error msg="cannot delete container st that is not stopped: running"
running | exec ID true | 0 | running |
running | exec ID false | 1 | running |
running | exec ID sh -c 'kill -9 $$' | 137 | running |
running | exec ID | 255 | running | error msg="exec failed: exec args cannot be empty"
running | exec ID no-such | 255 | running | error msg="exec failed: exec: \"no-such\": executable file not found in $PATH"
running | resume ID | 1 | running | error msg="container not paused"
running | ps ID | 0 | running |
running | update --pids-limit 50 ID | 0 | running |
running | run -d -b "$BUNDLE" ID | 1 | running | error msg="runc run failed: container with given ID already exists"
running | kill -a ID KILL | 0 | stopped |
running | pause ID | 0 | paused |
paused | state ID | 0 | paused |
paused | start ID | 1 | paused | error msg="cannot start a container in the paused state"
paused | kill ID 0 | 0 | paused |
paused | delete ID | 1 | paused | error msg="cannot delete container st that is not stopped: paused"
paused | exec ID true | 255 | paused | error msg="exec failed: cannot exec in a paused container (use --ignore-paused to override)"
paused | pause ID | 1 | paused | error msg="container not running"
paused | ps ID | 0 | paused |
paused | resume ID | 0 | running |
paused | kill ID KILL | 0 | stopped |
paused | delete -f ID | 0 | none |
stopped | state ID | 0 | stopped |
stopped | start ID | 1 | stopped | error msg="cannot start a container that has stopped"
stopped | kill ID | 1 | stopped | error msg="container not running"
stopped | kill ID KILL | 1 | stopped | error msg="container not running"
stopped | kill ID 99 | 1 | stopped | error msg="container not running"
stopped | kill -a ID KILL | 0 | stopped |
stopped | exec ID true | 255 | stopped | error msg="exec failed: cannot exec in a stopped container"
stopped | exec --ignore-paused ID true | 255 | stopped | error msg="exec failed: cannot exec in a stopped container"
stopped | pause ID | 1 | stopped | error msg="container not running"
stopped | resume ID | 1 | stopped | error msg="container not paused"
stopped | ps ID | 0 | stopped |
stopped | update --pids-limit 50 ID | 1 | stopped | error msg="container not running"
stopped | events --stats ID | 1 | stopped | error msg="container with id st is not running"
stopped | create -b "$BUNDLE" ID | 1 | stopped | error msg="runc create failed: container with given ID already exists"
stopped | delete ID | 0 | none |
stopped | delete -f ID | 0 | none |
TABLE
}

@test "options: forms, places, and what is said of wrong ones" {
	local line command code message bad=0 got
	while IFS='|' read -r command code message; do
		[ -n "$command" ] || continue
		code=${code// /} message=${message# }
		got=0
		eval "oci $command" </dev/null >"$HOME_OCI/out" 2>"$HOME_OCI/err" 3>&- || got=$?
		# what is wrong with the usage is on standard output, before the help
		if [ "$got" != "$code" ] || [ "$(said)" != "${message:+error msg=$message}" ]; then
			echo "$command: $got $(said), not $code $message"
			bad=1
		fi
	done <<'TABLE'
list -q | 0 |
list --quiet | 0 |
list -q=true -q=false | 0 |
list -f json | 0 |
list -f=json | 0 |
list -format json | 0 |
list --format=table | 0 |
list -f yaml | 1 | "invalid format option"
list -f '' | 1 | "invalid format option"
list -q -f '' | 0 |
list -q=maybe | 1 | "invalid boolean value \"maybe\" for -q: parse error"
list --frob | 1 | "flag provided but not defined: -frob"
list -f | 1 | "flag needs an argument: -f"
list --format | 1 | "flag needs an argument: -format"
--frob list | 1 | "flag provided but not defined: -frob"
--log-format foo list | 1 | "invalid log-format: foo"
--log /no/such/folder/log list | 1 | "open /no/such/folder/log: no such file or directory"
-- list | 0 |
frob | 3 | "No help topic for 'frob'"
help frob | 3 | "No help topic for 'frob'"
help list | 0 |
list --help | 0 |
exec -h | 0 |
-h | 0 |
--help | 0 |
-v | 0 |
create --preserve-fds x id | 1 | "invalid value \"x\" for flag -preserve-fds: parse error"
create --preserve-fds 99999999999 id | 1 | "invalid value \"99999999999\" for flag -preserve-fds: value out of range"
exec -g x id true | 1 | "invalid value \"x\" for flag -g: parse error"
update --pids-limit '' id | 1 | "invalid value \"\" for flag -pids-limit: parse error"
update --blkio-weight '' id | 1 | "invalid value \"\" for flag -blkio-weight: parse error"
update --blkio-weight -1 id | 1 | "invalid value for blkio-weight: -1"
events --stats --interval '' id | 1 | "invalid value \"\" for flag -interval: parse error"
events --stats --interval 5 id | 1 | "invalid value \"5\" for flag -interval: parse error"
events --stats --interval 0s id | 1 | "duration interval must be greater than 0"
run id -b /nonexistent | 1 | "runc run failed: open bundle /nonexistent: no such file or directory"
state '' | 1 | "container id cannot be empty"
state ../x | 1 | "invalid container ID format: ../x"
delete ../x | 1 | "invalid container ID format: ../x"
delete --force ../x | 1 | "invalid container ID format: ../x"
TABLE
	[ "$bad" = 0 ]
	local verb
	for verb in create delete events pause resume run start state update; do
		run oci "$verb"
		[ "$status" = 1 ]
		[[ "$output" == *"\\\"$verb\\\" requires exactly 1 argument(s)"* ]]
		[[ "$output" == *"Incorrect Usage."*"USAGE:"* ]]
		run oci "$verb" a b
		[ "$status" = 1 ]
	done
	for verb in kill exec ps; do
		run oci "$verb"
		[ "$status" = 1 ]
		[[ "$output" == *"\\\"$verb\\\" requires a minimum of 1 argument(s)"* ]]
	done
	run oci kill a b c
	[[ "$output" == *"requires a maximum of 2 argument(s)"* ]]
	for verb in list spec features; do
		run oci "$verb" x
		[ "$status" = 1 ]
		[[ "$output" == *"\\\"$verb\\\" requires exactly 0 argument(s)"* ]]
	done
	run oci --root / list
	[ "$status" = 1 ]
	[[ "$output" == *--root* ]]
}

@test "the log: text and JSON as logrus writes them, in a file with plain words on standard error" {
	bundle lg
	run oci state nobody
	[[ "$output" =~ ^time=\"20[0-9-]+T[0-9:]+Z\"\ level=error\ msg=\"container\ does\ not\ exist\"$ ]]
	run oci --log-format=json state nobody
	python3 -c '
import json, sys, datetime
l = json.loads(sys.argv[1])
assert sorted(l) == ["level", "msg", "time"] and l["level"] == "error" and l["msg"] == "container does not exist", l
datetime.datetime.fromisoformat(l["time"].replace("Z", "+00:00"))' "$output"
	# made at once, and appended to
	rm -f "$HOME_OCI/log"
	oci --log "$HOME_OCI/log" list
	[ -e "$HOME_OCI/log" ]
	[ ! -s "$HOME_OCI/log" ]
	run oci --log "$HOME_OCI/log" --log-format json create --frob "x"
	run oci --log "$HOME_OCI/log" --log-format json exec nobody true
	[ "$status" = 255 ]
	[ "$output" = "exec failed: container does not exist" ]
	[ "$(wc -l <"$HOME_OCI/log")" = 2 ]
	[ "$(python3 -c 'import json, sys; print([json.loads(l)["msg"] for l in open(sys.argv[1])][1])' "$HOME_OCI/log")" = "exec failed: container does not exist" ]
	# a warning is a line of the log and nothing else
	python3 - "$BUNDLE/config.json" <<'PY'
import json, sys
c = json.load(open(sys.argv[1]))
c["process"]["args"] = ["true"]
c["process"]["capabilities"]["bounding"].append("CAP_FROB \"<&>\" \u00e4")
json.dump(c, open(sys.argv[1], "w"))
PY
	rm "$HOME_OCI/log"
	run oci --log "$HOME_OCI/log" --log-format json run -b "$BUNDLE" lg
	[ "$status" = 0 ]
	[ -z "$output" ]
	python3 -c '
import json, sys
l = [json.loads(l) for l in open(sys.argv[1])]
assert len(l) == 1 and l[0]["level"] == "warning" and "CAP_FROB \"<&>\" \u00e4" in l[0]["msg"], l' "$HOME_OCI/log"
}

@test "--debug: the log tells of every step, without it of none" {
	bundle db 'p["args"] = ["true"]; c["hooks"] = {"createRuntime": [{"path": "/bin/true"}], "poststop": [{"path": "/bin/true", "args": ["true", "2"]}]}'
	rm -f "$HOME_OCI/log"
	oci --log "$HOME_OCI/log" run -b "$BUNDLE" db
	[ ! -s "$HOME_OCI/log" ]
	oci --debug --log "$HOME_OCI/log" --log-format json run -b "$BUNDLE" db
	python3 - "$HOME_OCI/log" "$BUNDLE" "$CGROUP/db" <<'PY'
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
assert lines and all(l["level"] == "debug" for l in lines), lines
said = "\n".join(l["msg"] for l in lines)
for part in sys.argv[2], sys.argv[3], "createRuntime hook /bin/true", "its program runs", "poststop hook /bin/true":
    assert part in said, (part, said)
PY
	# lines as a caller parses them
	run oci --debug run -b "$BUNDLE" db
	[ "$status" = 0 ]
	[[ "${lines[0]}" =~ ^time=\"20[0-9-]+T[0-9:]+Z\"\ level=debug\ msg= ]]
}

@test "list: table, JSON and names; what is broken is named and does not hide the others" {
	mkdir -p "$HOME_OCI/state"
	run oci list
	[ "$output" = "ID          PID         STATUS      BUNDLE      CREATED     OWNER" ]
	run oci list -f json
	[ "$output" = null ]
	bundle "lä"
	local wide="$HOME_OCI/bundle-lä"
	oci create -b "$wide" l1 </dev/null >/dev/null 2>&1 3>&-
	mkdir "$HOME_OCI/second"
	sed "s,$CGROUP/l,$CGROUP/second-," "$wide/config.json" >"$HOME_OCI/second/config.json"
	oci create -b "$HOME_OCI/second" .l2 </dev/null >/dev/null 2>&1 3>&-
	oci kill .l2 KILL
	wait_for is .l2 stopped
	chown 4242 "$HOME_OCI/state/.l2"
	mkdir "$HOME_OCI/state/empty" "$HOME_OCI/state/half"
	echo '{"ociVersion":' >"$HOME_OCI/state/half/state.json"
	touch "$HOME_OCI/state/file"
	oci list >"$HOME_OCI/out" 2>"$HOME_OCI/err"
	[ "$(grep -c "^load container" "$HOME_OCI/err")" = 2 ]
	grep -qx "load container empty: container does not exist" "$HOME_OCI/err"
	# columns begin where their titles do; letters count, not bytes
	python3 - "$HOME_OCI/out" "$wide" "$HOME_OCI/second" <<'PY'
import re, sys
lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
assert len(lines) == 3, lines
starts = [m.start() for m in re.finditer(r"\S+", lines[0])]
for line, expected in zip(lines[1:], (".l2", "l1")):
    cells = [line[a:b].strip() for a, b in zip(starts, starts[1:] + [None])]
    assert cells[0] == expected and cells[3] == (sys.argv[2] if expected == "l1" else sys.argv[3]), cells
    assert cells[2] == ("stopped" if expected == ".l2" else "created"), cells
    assert (cells[1] == "0") == (expected == ".l2"), cells
    assert all(line[s - 1] == " " for s in starts[1:]), line
PY
	[ "$(oci list -q 2>/dev/null | tr '\n' ' ')" = ".l2 empty half l1 " ]
	oci list --format json 2>/dev/null | python3 -c '
import json, sys
l = json.load(sys.stdin)
assert [c["id"] for c in l] == [".l2", "l1"], l
assert [c["owner"] for c in l] == ["#4242", "root"], l
assert list(l[1]) == ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"], list(l[1])'
	oci delete --force half
	oci delete --force empty
	oci delete --force .l2
	[ "$(ls -A "$HOME_OCI/state" | grep -v ^: | tr '\n' ' ')" = "file l1 " ]
	rm "$HOME_OCI/state/file"
	# a folder that is named must be there, the default one need not
	run oci --root "$HOME_OCI/none" list
	[ "$status" = 1 ]
	[[ "$output" == *"open --root $HOME_OCI/none: no such file"* ]]
	run env -u XDG_RUNTIME_DIR unshare -m sh -c 'mount -t tmpfs none /run && exec "$0" list -q' "$KIST_BUILD/bin/kist-oci"
	[ "$status $output" = "0 " ]
}

@test "state: the members, their order and their values" {
	bundle sm 'c["annotations"] = {"b": "2", "a.x": "\u00e41\""}; c["ociVersion"] = "1.0.2-dev"'
	oci create -b "$BUNDLE" --pid-file "$HOME_OCI/pid" sm </dev/null >/dev/null 2>&1 3>&-
	oci state sm | python3 -c '
import datetime, json, os, sys
s = json.load(sys.stdin)
assert list(s) == ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"], list(s)
assert s["ociVersion"] == "1.0.2-dev" and s["id"] == "sm" and s["status"] == "created" and s["owner"] == "", s
assert s["pid"] == int(open(sys.argv[1]).read()), s
assert s["bundle"] == sys.argv[2] and s["rootfs"] == os.environ["HOME_OCI"] + "/rootfs", s
assert s["annotations"] == {"b": "2", "a.x": "\u00e41\""}, s
assert s["created"].endswith("Z"), s
now = datetime.datetime.now(datetime.timezone.utc)
made = datetime.datetime.fromisoformat(s["created"][:19] + "+00:00")
assert datetime.timedelta() <= now - made < datetime.timedelta(minutes=2), s' "$HOME_OCI/pid" "$BUNDLE"
	oci delete --force sm
}

@test "kill: names with and without SIG in any case, numbers; each arrives" {
	bundle ks 'p["args"] = ["sh", "-c", "for s in HUP INT USR1 TERM CONT 34 37; do trap \"echo $s >>/out/got\" $s; done; echo up >/out/got; while :; do sleep 0.02; done"]; c["mounts"].append({"destination": "/out", "type": "bind", "source": os.environ["HOME_OCI"], "options": ["bind"]})'
	oci run -d -b "$BUNDLE" ks </dev/null >/dev/null 2>&1 3>&-
	wait_for grep -q up "$HOME_OCI/got"
	local given name
	while read -r given name; do
		echo up >"$HOME_OCI/got"
		oci kill ks $given
		wait_for grep -qx "$name" "$HOME_OCI/got"
	done <<-'TABLE'
		HUP HUP
		SIGHUP HUP
		sighup HUP
		usr1 USR1
		Sigusr1 USR1
		1 HUP
		10 USR1
		SIGCONT CONT
		RTMIN 34
		rtmin+3 37
		SIGRTMIN+3 37
		37 37
	TABLE
	echo up >"$HOME_OCI/got"
	oci kill ks
	wait_for grep -qx TERM "$HOME_OCI/got"
	local wrong
	for wrong in FOO SIG SIGSIGHUP "HUP " 1x RTMIN+99 RTMIN+; do
		run oci kill ks "$wrong"
		[ "$status" = 1 ]
		[[ "$output" == *"unknown signal \\\"$wrong\\\""* ]]
	done
	oci delete --force ks
}

@test "what a document may say that means nothing is passed over, with a warning where somebody may have meant something" {
	bundle mn 'c["linux"]["seccomp"] = {}; c["nobody"] = {"knows": [1]}; p["of"] = "this"; p["args"] = ["grep", "Seccomp:", "/proc/self/status"]'
	run oci run -b "$BUNDLE" mn
	[ "$output" = "$(printf 'Seccomp:\t0')" ]
	bundle mn 'r["devices"] = [{"allow": False, "access": "rwmx"}, {"allow": True, "type": "a", "major": 4, "minor": 5, "access": "r"}]; p["args"] = ["true"]'
	run oci run -b "$BUNDLE" mn
	echo "$output"
	[ "$status" = 0 ]
	[ "$(grep -c level=warning <<<"$output")" = 2 ]
	[[ "$output" == *'access \"rwmx\": only \"rwm\" have a meaning'*'type \"a\" is about every device'* ]]
}

# vm: always
@test "kill KILL and delete --force reach every process where they share a pid namespace" {
	bundle ka 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]; p["args"] = ["sh", "-c", "sleep 1000 & sleep 1001 & exec sleep 1002"]'
	oci run -d -b "$BUNDLE" ka </dev/null >/dev/null 2>&1 3>&-
	three() { [ "$(oci ps -f json ka | tr ',' '\n' | wc -l)" = 3 ]; }
	wait_for three
	oci kill ka KILL
	none() { [ "$(oci ps -f json ka)" = null ]; }
	wait_for none
	oci delete ka
}

@test "ids: runc's letters, and no path" {
	bundle id
	local id
	for id in a A-b_c+d.e .hidden 0 "$(printf 'x%.0s' $(seq 200))"; do
		oci create -b "$BUNDLE" "$id" </dev/null >/dev/null 2>&1 3>&-
		is "$id" created
		oci delete --force "$id"
	done
	for id in . .. / a/b ../a 'a b' a: 'a
b' ä '*' "$(printf 'x%.0s' $(seq 300))" "$(printf 'x%.0s' $(seq 2000))"; do
		run oci create -b "$BUNDLE" "$id"
		[ "$status" = 1 ]
		run oci state "$id"
		[ "$status" = 1 ]
	done
	[ "$(ls -A "$HOME_OCI/state" | grep -v ^:)" = "" ]
}

@test "bundles: spaces, quotes, newlines, other alphabets, bytes that are no text, long paths, relative ones" {
	bundle bp 'p["args"] = ["true"]'
	local name dir
	for name in 'a b' "q'u\"o\\te" $'new\nline' 'ünïcode-漢字' $'\xff\xfe' '-dash' '$HOME' '%s%n'; do
		dir=$HOME_OCI/strange/$name
		mkdir -p "$dir"
		cp "$BUNDLE/config.json" "$dir"
		oci run -b "$dir" bp
		oci create -b "$dir" bp </dev/null >/dev/null 2>&1 3>&-
		# whatever the path is, the documents stay readable
		oci state bp | python3 -c 'import json, sys; s = json.load(sys.stdin); assert s["id"] == "bp"'
		oci list -f json | python3 -c 'import json, sys; json.load(sys.stdin)'
		oci delete --force bp
	done
	dir=$HOME_OCI/long
	while [ ${#dir} -lt 3800 ]; do
		dir=$dir/$(printf 'd%.0s' $(seq 200))
	done
	mkdir -p "$dir"
	cp "$BUNDLE/config.json" "$dir"
	oci run -b "$dir" bp
	cd "$HOME_OCI"
	oci run -b ./bundle-bp bp
	cd "$BUNDLE"
	oci run bp
	oci run --bundle= bp
	run oci run -b "$(printf '/d%.0s' $(seq 5000))" bp
	[ "$status" = 1 ]
}

@test "files that are named may be links, pipes and standard input: config.json, --process, --resources" {
	bundle fl
	mkdir -p "$HOME_OCI/linked"
	ln -sfn "$BUNDLE/config.json" "$HOME_OCI/linked/config.json"
	oci run -d -b "$HOME_OCI/linked" fl </dev/null >/dev/null 2>&1 3>&-
	[ "$(oci exec fl echo linked)" = linked ]
	local process='{"args": ["echo", "piped"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}'
	# one that is slow to come
	[ "$(oci exec --process <(sleep 0.3; echo "$process") fl)" = piped ]
	[ "$(echo "$process" | oci exec --process /dev/stdin fl)" = piped ]
	echo "$process" >"$HOME_OCI/process.json"
	ln -sfn process.json "$HOME_OCI/process.link"
	[ "$(oci exec --process "$HOME_OCI/process.link" fl)" = piped ]
	oci update -r <(echo '{"pids": {"limit": 77}}') fl
	[ "$(limit pids.max pids.max pids fl)" = 77 ]
	run oci exec --process "$HOME_OCI/none" fl
	[ "$status" = 255 ]
	[[ "$output" == *"open $HOME_OCI/none: no such file"* ]]
}

@test "spec: the document, key by key; never over one that is there" {
	mkdir -p "$HOME_OCI/spec"
	oci spec --bundle "$HOME_OCI/spec"
	python3 - "$HOME_OCI/spec/config.json" <<'PY'
import json, os, sys
text = open(sys.argv[1]).read()
c = json.loads(text)
caps = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]
assert c["process"] == {
    "terminal": True, "user": {"uid": 0, "gid": 0}, "args": ["sh"], "cwd": "/", "noNewPrivileges": True,
    "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
    "capabilities": {"bounding": caps, "effective": caps, "permitted": caps},
    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}]}, c["process"]
assert c["root"] == {"path": "rootfs", "readonly": True}
assert c["ociVersion"].startswith("1.") and sorted(c) == ["hostname", "linux", "mounts", "ociVersion", "process", "root"]
l = c["linux"]
assert l["resources"] == {"devices": [{"allow": False, "access": "rwm"}]}
v2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")
assert [n["type"] for n in l["namespaces"]] == ["pid", "network", "ipc", "uts", "mount"] + ["cgroup"] * v2
assert sorted(l["maskedPaths"]) == sorted("/proc/" + p for p in (
    "acpi", "asound", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi")) + ["/sys/firmware"]
assert l["readonlyPaths"] == ["/proc/" + p for p in ("bus", "fs", "irq", "sys", "sysrq-trigger")]
n = ["nosuid", "noexec", "nodev"]
assert [(m["destination"], m["type"], m["source"], m.get("options")) for m in c["mounts"]] == [
    ("/proc", "proc", "proc", None),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", n + ["mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", n),
    ("/sys", "sysfs", "sysfs", n + ["ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", n + ["relatime", "ro"])], c["mounts"]
PY
	mkdir -p "$HOME_OCI/spec-rootless"
	oci spec --rootless -b "$HOME_OCI/spec-rootless"
	python3 - "$HOME_OCI/spec/config.json" "$HOME_OCI/spec-rootless/config.json" <<'PY'
import json, sys
plain, c = (json.load(open(path)) for path in sys.argv[1:])
l, own = c["linux"], [{"containerID": 0, "hostID": 0, "size": 1}]
assert l["uidMappings"] == l["gidMappings"] == own and "resources" not in l
assert l["namespaces"] == [n for n in plain["linux"]["namespaces"] if n["type"] != "network"] + [{"type": "user"}]
at = {m["destination"]: m for m in c["mounts"]}
assert at["/sys"] == {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "nosuid", "noexec", "nodev", "ro"]}
assert at["/dev/pts"]["options"] == ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
assert c["process"] == plain["process"] and list(at) == [m["destination"] for m in plain["mounts"]]
PY
	run oci spec -b "$HOME_OCI/spec"
	[ "$status" = 1 ]
	[[ "$output" == *"config.json exists. Remove it first"* ]]
	run oci spec -b "$HOME_OCI/no-such"
	[ "$status" = 1 ]
}

# vm: always
@test "ps: ps(1)'s columns and options, and the processes of this container alone" {
	bundle pz 'p["args"] = ["sh", "-c", "sleep 1000 & exec sleep 1001"]'
	oci run -d -b "$BUNDLE" pz </dev/null >/dev/null 2>&1 3>&-
	two() { [ "$(oci ps pz | wc -l)" = 3 ]; }
	wait_for two
	run oci ps pz
	[[ "${lines[0]}" == UID*PID*PPID*CMD ]]
	run oci ps pz -o pid,args
	[[ "${lines[0]}" == *PID*COMMAND ]]
	[ "${#lines[@]}" = 3 ]
	run oci ps pz -x -f
	[ "$status" = 0 ]
	run oci ps pz -o args
	[ "$status" = 1 ]
	[[ "$output" == *"couldn't find PID field in ps output"* ]]
	run oci ps pz --no-such-option
	[ "$status" = 1 ]
	oci ps --format json pz | python3 -c 'import json, sys; assert len(json.load(sys.stdin)) == 2'
	run oci ps -f yaml pz
	[ "$status" = 1 ]
	[[ "$output" == *"invalid format option"* ]]
	oci delete --force pz
}

@test "run --keep leaves a stopped container, run without removes it; a failed one leaves nothing" {
	bundle kp 'p["args"] = ["sh", "-c", "exit 6"]'
	run oci run --keep -b "$BUNDLE" kp
	[ "$status" = 6 ]
	is kp stopped
	oci delete kp
	run oci run -b "$BUNDLE" kp
	[ "$status" = 6 ]
	[ ! -e "$HOME_OCI/state/kp" ]
	bundle kp 'p["args"] = ["no-such"]'
	run oci run --keep -b "$BUNDLE" kp
	[ "$status" = 1 ]
	[ ! -e "$HOME_OCI/state/kp" ]
}

# forwards CODE SIGNAL...: each reaches the program behind $OCI_PID, which writes its number; USR2 ends it with that code.
forwards() {
	local s code=0
	for s in "${@:2}"; do
		kill "-$s" "$OCI_PID"
		wait_for grep -qx "$s" "$HOME_OCI/out"
	done
	kill -USR2 "$OCI_PID"
	wait "$OCI_PID" || code=$?
	[ "$code" = "$1" ]
}

@test "run forwards signals, also those that come while the container is made" {
	bundle fs 'p["args"] = ["sh", "-c", "for s in 1 3 10 14 15 18 20 21 22 34; do trap \"echo $s\" $s; done; trap \"exit 7\" 12; echo up; while :; do sleep 0.02; done"]'
	oci_bg "$HOME_OCI/out" run -b "$BUNDLE" fs
	wait_for grep -q up "$HOME_OCI/out"
	local s
	forwards 7 1 3 10 14 15 18 20 21 22 34
	# a hook holds the making up until the signal is there
	bundle fh 'c["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo in >$HOME_OCI/hook.in; while [ ! -e $HOME_OCI/hook.go ]; do sleep 0.05; done".replace("$HOME_OCI", os.environ["HOME_OCI"])]}]}; p["args"] = ["sh", "-c", "trap \"exit 8\" USR1; echo up; while :; do sleep 0.02; done"]'
	rm -f "$HOME_OCI"/hook.*
	oci_bg "$HOME_OCI/out" run -b "$BUNDLE" fh
	wait_for test -e "$HOME_OCI/hook.in"
	kill -TERM "$OCI_PID"
	touch "$HOME_OCI/hook.go"
	# pid 1 has no handler for it and goes on; we were not killed by it
	wait_for grep -q up "$HOME_OCI/out"
	kill -USR1 "$OCI_PID"
	s=0
	wait "$OCI_PID" || s=$?
	[ "$s" = 8 ]
}

@test "a container that run has in the foreground is paused, updated and deleted by others; its hooks run once" {
	bundle fg 'c["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", "echo ended >>" + os.environ["HOME_OCI"] + "/ended"]}]}'
	local file code
	oci_bg "$HOME_OCI/out" run -b "$BUNDLE" fg
	wait_for is fg running
	oci pause fg
	is fg paused
	oci resume fg
	oci update --pids-limit 77 fg
	file=$(limit pids.max pids.max pids fg)
	[ "$file" = 77 ]
	oci delete --force fg
	code=0
	wait "$OCI_PID" || code=$?
	[ $code = 137 ]
	[ "$(cat "$HOME_OCI/out" "$HOME_OCI/ended")" = ended ]
	# nor does its end touch a container that has got the name meanwhile
	oci_bg "$HOME_OCI/out" run -b "$BUNDLE" fg
	wait_for is fg running
	kill -STOP "$OCI_PID"
	oci delete --force fg
	oci run -d -b "$BUNDLE" fg </dev/null >/dev/null 2>&1 3>&-
	kill -CONT "$OCI_PID"
	code=0
	wait "$OCI_PID" || code=$?
	[ $code = 137 ]
	[ ! -s "$HOME_OCI/out" ]
	is fg running
}

@test "run reaps the container's orphans, with --no-subreaper it leaves them to others" {
	bundle or 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]; p["args"] = ["sh", "-c", "(until [ -e /out/seen ]; do sleep 0.1; done & echo $! >/out/orphan) & wait; touch /out/ready; sleep 1000"]; c["mounts"].append({"destination": "/out", "type": "bind", "source": os.environ["HOME_OCI"], "options": ["bind"]})'
	local option parent
	for option in "" --no-subreaper; do
		rm -f "$HOME_OCI/orphan" "$HOME_OCI/ready" "$HOME_OCI/seen"
		oci_bg "$HOME_OCI/out" run $option -b "$BUNDLE" or
		wait_for test -e "$HOME_OCI/ready"
		parent=$(sed -n 's/^PPid:\t//p' "/proc/$(cat "$HOME_OCI/orphan")/status")
		touch "$HOME_OCI/seen"
		if [ -z "$option" ]; then
			[ "$parent" = "$OCI_PID" ]
			gone() { [ ! -e "/proc/$(cat "$HOME_OCI/orphan")" ]; }
			wait_for gone
		else
			[ "$parent" != "$OCI_PID" ]
		fi
		oci kill or KILL
		wait "$OCI_PID" || true
	done
}

@test "signals that the caller ignores are not ignored in the container, nor are exit codes lost" {
	bundle ig 'p["args"] = ["sh", "-c", "grep SigIgn /proc/self/status; exit 5"]'
	# by the system call: libc does not let go of 32 and 33, but not every caller is a program of libc's
	run python3 -c 'import ctypes, os, struct, sys
rt_sigaction = {"x86_64": 13, "aarch64": 134}[os.uname().machine]
for number in range(3, 65):
    if number not in (9, 19):
        assert ctypes.CDLL(None).syscall(rt_sigaction, number, struct.pack("QQQQ", 1, 0, 0, 0), 0, 8) == 0
os.execv(sys.argv[1], sys.argv[1:])' "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" ig
	echo "$output"
	[ "$status" = 5 ]
	# hang-ups and interrupts (bits 0 and 1) are as our caller has them: a job in the background ignores one
	[ $((0x${output##*[[:space:]]} & ~3)) = 0 ]
}

@test "exec: what is given as nothing is the container's own; an id may have a sign" {
	bundle eu 'p["user"] = {"uid": 3, "gid": 4}; p["cwd"] = "/tmp"'
	oci run -d -b "$BUNDLE" eu </dev/null >/dev/null 2>&1 3>&-
	run -0 --separate-stderr oci exec --user '' --cwd '' --apparmor '' --process-label '' --pid-file '' eu sh -c 'echo $(id -u):$(id -g) $(pwd)'
	[ "$output" = "3:4 /tmp" ]
	run -0 --separate-stderr oci exec --user +5 eu sh -c 'echo $(id -u):$(id -g)'
	[ "$output" = 5:4 ]
	run -0 --separate-stderr oci exec --user +5:+6 eu sh -c 'echo $(id -u):$(id -g)'
	[ "$output" = 5:6 ]
	local wrong
	for wrong in 5: : ++5 +-5 -5 + 4294967295; do
		run oci exec --user="$wrong" eu true
		[ "$status" = 255 ]
		[[ "$output" == *"invalid user \\\"$wrong\\\": expected uid[:gid]"* ]]
	done
	run oci ps -f '' eu
	[ "$status" = 1 ]
	[[ "$output" == *"invalid format option"* ]]
}

@test "exec: --cap is ambient where it is inheritable; --no-new-privs in both directions; wrong numbers by their names" {
	bundle ec 'p["capabilities"] = {k: ["CAP_KILL"] for k in ("bounding", "effective", "permitted", "inheritable")}'
	oci run -d -b "$BUNDLE" ec </dev/null >/dev/null 2>&1 3>&-
	run oci exec --user 7 --cap CAP_KILL --cap CAP_CHOWN ec grep -E "^Cap(Inh|Prm|Bnd|Amb)" /proc/self/status
	# of another than root's what is executed keeps the ambient ones
	[ "$(echo $output)" = "CapInh: 0000000000000020 CapPrm: 0000000000000020 CapBnd: 0000000000000021 CapAmb: 0000000000000020" ]
	run oci exec --cap CAP_FROB ec true
	[ "$status" = 0 ]
	[[ "$output" == *"ignoring unknown capability CAP_FROB"* ]]
	run oci exec ec grep NoNewPrivs /proc/self/status
	[[ "$output" == *1 ]]
	run oci exec --no-new-privs=false ec grep NoNewPrivs /proc/self/status
	[[ "$output" == *0 ]]
	bundle ec2 'p["noNewPrivileges"] = False'
	oci run -d -b "$BUNDLE" ec2 </dev/null >/dev/null 2>&1 3>&-
	run oci exec ec2 grep NoNewPrivs /proc/self/status
	[[ "$output" == *0 ]]
	run oci exec --no-new-privs ec2 grep NoNewPrivs /proc/self/status
	[[ "$output" == *1 ]]
	local wrong
	for wrong in "--user x" "--user 1:x" "--user -1" "--user 1:2:3" "-g -5" "-g 99999999999" "--cwd relative" "--cwd /none"; do
		run oci exec $wrong ec true
		[ "$status" = 255 ]
		[[ "$output" == *"${wrong#* }"* || "$output" == *"cwd must be an absolute path"* ]] || { echo "$wrong: $output"; false; }
	done
}

@test "exec: a detached one's pid file, streams that are closed, input from a pipe, its own exit code after the container's end" {
	bundle ex
	oci run -d -b "$BUNDLE" ex </dev/null >/dev/null 2>&1 3>&-
	oci exec -d --pid-file "$HOME_OCI/exec.pid" ex sleep 1003 </dev/null >/dev/null 2>&1 3>&-
	tr '\0' ' ' <"/proc/$(cat "$HOME_OCI/exec.pid")/cmdline" | grep -q "sleep 1003"
	[ "$(head -c 300000 /dev/zero | oci exec ex wc -c)" = 300000 ]
	[ "$(oci exec ex head -c 10000000 /dev/zero | wc -c)" = 10000000 ]
	run bash -c '"$0" --root "$1/state" exec ex sh -c "echo hello; exit 4" <&- 2>&-' "$KIST_BUILD/bin/kist-oci" "$HOME_OCI"
	[ "$output" = hello ]
	[ "$status" = 4 ]
	run bash -c '"$0" --root "$1/state" exec ex sh -c "exit 4" <&- >&- 2>&-' "$KIST_BUILD/bin/kist-oci" "$HOME_OCI"
	[ "$status" = 4 ]
	oci_bg "$HOME_OCI/out" exec ex sh -c 'echo up; sleep 1000'
	wait_for grep -q up "$HOME_OCI/out"
	oci kill ex KILL
	local code=0
	wait "$OCI_PID" || code=$?
	[ "$code" = 137 ]
	wait_for is ex stopped
	oci delete ex
}

@test "delete says so where it cannot read which poststop hooks there are" {
	bundle up 'p["args"] = ["true"]; c["hooks"] = {"poststop": [{"path": "/bin/true"}]}'
	oci run -d -b "$BUNDLE" up </dev/null >/dev/null 2>&1 3>&-
	wait_for is up stopped
	# as another version has it
	printf KPL0 | dd of="$HOME_OCI/state/up/plan" conv=notrunc status=none
	run oci delete up
	[ "$status" = 0 ]
	[[ "$output" == *"level=warning"*"container up: its poststop hooks are not run: "*"the plan"* ]]
	[ ! -e "$HOME_OCI/state/up" ]
}

@test "run and exec with closed streams: the container's are /dev/null, and nothing of the host's" {
	bundle cl 'c["mounts"].append({"destination": "/out", "type": "bind", "source": os.environ["HOME_OCI"], "options": ["bind"]}); p["args"] = ["sh", "-c", "a=$(for f in 0 1 2; do readlink /proc/$$/fd/$f; done); echo \"$a\" >/out/streams"]'
	bundle ce 'c["mounts"].append({"destination": "/out", "type": "bind", "source": os.environ["HOME_OCI"], "options": ["bind"]})'
	oci run -d -b "$BUNDLE" ce </dev/null >/dev/null 2>&1 3>&-
	local which verb s exec="exec ce sh -c 'a=\$(for f in 0 1 2; do readlink /proc/\$\$/fd/\$f; done); echo \"\$a\" >/out/streams'"
	for which in '<&-' '>&-' '2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
		for verb in "run -b $HOME_OCI/bundle-cl cl" "$exec"; do
			rm -f "$HOME_OCI/streams"
			s=0
			bash -c "'$KIST_BUILD/bin/kist-oci' --root '$HOME_OCI/state' $verb $which" </dev/null >/dev/null 2>/dev/null 3>&- || s=$?
			echo "$verb $which: $s"
			[ "$s" = 0 ]
			[ "$(grep -cx /dev/null "$HOME_OCI/streams")" = 3 ]
		done
	done
	oci delete --force ce
}

@test "exec forwards signals, and gives the exit code of what they do" {
	bundle es
	oci run -d -b "$BUNDLE" es </dev/null >/dev/null 2>&1 3>&-
	oci_bg "$HOME_OCI/out" exec es sh -c 'for s in 1 3 10 15 18 20 21 22 34; do trap "echo $s" $s; done; trap "exit 9" 12; echo up; while :; do sleep 0.02; done'
	wait_for grep -q up "$HOME_OCI/out"
	forwards 9 1 3 10 15 18 20 21 22 34
	is es running
}

@test "exec --tty in the foreground: raw meanwhile, with our size, put back at the end; on a terminal alone" {
	bundle et
	oci run -d -b "$BUNDLE" et </dev/null >/dev/null 2>&1 3>&-
	local exec=("$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" exec --tty et sh -c)
	run timeout 100 python3 "$BATS_TEST_DIRNAME/lib/terminal.py" size "${exec[@]}" 'echo ready; read x; stty size; read x; stty size; exit 4' 3>&-
	[ "$output" = "$(printf 'raw True\ncode 4 restored True')" ]
	run timeout 100 python3 "$BATS_TEST_DIRNAME/lib/terminal.py" interrupt "${exec[@]}" 'trap "exit 33" INT; echo ready; while :; do sleep 0.1; done' 3>&-
	[ "$output" = "code 33 restored True" ]
	run oci exec --tty et true </dev/null
	[ "$status" = 255 ]
	[[ "$output" == *"none of the standard streams is one"* ]]
	run oci exec et sh -c 'tty; exit 0' </dev/null
	[ "$output" = "not a tty" ]
}

# terminal SCENARIO 'PROGRAM' [VERB]: see lib/terminal.py.
terminal() {
	bundle tt "p['terminal'] = True; p['args'] = ['sh', '-c', '''$2''']"
	timeout 100 python3 "$BATS_TEST_DIRNAME/lib/terminal.py" "$1" "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" \
		run -b "$BUNDLE" tt 3>&-
}

@test "a terminal in the foreground is raw meanwhile, passes its size on and is put back" {
	run terminal size 'echo ready; read x; stty size; read x; stty size; exit 4'
	[ "$output" = "$(printf 'raw True\ncode 4 restored True')" ]
	run terminal interrupt 'trap "exit 33" INT; echo ready; while :; do sleep 0.1; done'
	[ "$output" = "code 33 restored True" ]
	run terminal killed 'echo ready; sleep 1000'
	[ "$output" = "$(printf 'raw True\ncode 137 restored True')" ]
}

@test "a terminal's output is complete at the end, to a terminal and to a pipe, where lines end as they were written" {
	run terminal flood 'yes 1234567 | head -c 1000000; echo; echo end'
	[ "$output" = "code 0 bytes 1125007 last b'end\\r\\n'" ]
	run terminal piped 'yes 1234567 | head -c 10000000; echo; echo end'
	[ "$output" = "code 0 bytes 10000005 last b'\\nend\\n'" ]
}

@test "a terminal's input that is not read does not hold up output; a reader that goes hangs the program up" {
	run terminal paste 'echo ready; sleep 0.3; yes abcdefg | head -c 300000; echo printed'
	[ "$output" = "code 0" ]
	run terminal closed 'trap "exit 44" HUP; while :; do echo x; sleep 0.05; done'
	[ "$output" = "code 44" ]
}
