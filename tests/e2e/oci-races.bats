# Verbs that meet: two at once, one that is killed in the middle, folders that are half made. Staged for real; what
# must hold in every interleaving is what is asserted.
load lib/bundle

# oci_bg FILE ARGUMENT...: in the background, its output in FILE, itself as $OCI_PID.
oci_bg() {
	local out=$1
	shift
	# here already: nobody is to read what another has left in it
	: >"$out"
	"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" "$@" </dev/null >"$out" 2>&1 3>&- &
	OCI_PID=$!
}

# Waits for a process of ours; its exit code in $CODE.
code_of() {
	CODE=0
	wait "$1" || CODE=$?
}

# Of two processes exactly one succeeds, the other ends with 1.
one_of() {
	local first
	code_of "$1"
	first=$CODE
	code_of "$2"
	[ "$((first + CODE))" = 1 ]
}

# The mark of a test's programs: how long they sleep, which nobody else's program does.
setup() {
	export MARK=7${CGROUP##*-}$(printf %02d "$BATS_TEST_NUMBER")
}

# Says which processes there are of this test: its programs, and kist-oci and hooks that were told of its folders.
processes() {
	local p args
	for p in /proc/[0-9]*; do
		mapfile -d '' -t args 2>/dev/null <"$p/cmdline" || continue
		case "${args[*]} " in
		"sleep $MARK " | *" --root $HOME_OCI/"* | *"$HOME_OCI/go"*) echo "process left: ${p#/proc/} (${args[*]})" ;;
		esac
	done
}

left_of() { # ID
	[ ! -e "$HOME_OCI/state/$1" ] || echo "folder left:" $(ls -A "$HOME_OCI/state/$1")
	find /sys/fs/cgroup -path "*$CGROUP/$1" -type d -printf 'cgroup left: %p\n'
	sed -n "\\|$HOME_OCI/rootfs|s|^|mount left: |p" /proc/self/mountinfo
	processes
}

# Nothing of container ID is there, of whom this test has no other: folder, cgroups, mounts, processes.
clean() { # ID
	local left
	left=$(left_of "$1")
	echo "$left"
	[ -z "$left" ]
}

# A bundle whose hook of that kind, or createRuntime, stops until $HOME_OCI/go is there, and says so in $HOME_OCI/in.
held_bundle() { # NAME [KIND]
	rm -f "$HOME_OCI/go" "$HOME_OCI/in"
	bundle "$1" 'd = os.environ["HOME_OCI"]; c["hooks"] = {"'"${2:-createRuntime}"'": [{"path": "/bin/sh", "args": ["sh", "-c", "echo >" + d + "/in; while [ ! -e " + d + "/go ]; do sleep 0.02; done"]}]}
p["args"] = ["sleep", os.environ["MARK"]]'
}

# seen PATTERN: clean fails, and says so.
seen() {
	run clean cl
	echo "$output"
	[ "$status" = 1 ]
	grep -q -e "$1" <<<"$output"
}

@test "what these tests look for is seen where it is left" {
	clean cl
	sleep "$MARK" 3>&- &
	local pid=$!
	seen "process left: $pid (sleep $MARK)"
	kill "$pid"
	wait "$pid" || true
	held_bundle cl
	oci_bg /dev/null create -b "$BUNDLE" cl
	wait_for test -e "$HOME_OCI/in"
	seen "process left: $OCI_PID (.* create "
	seen "process left: .*(sh -c echo >$HOME_OCI/in"
	touch "$HOME_OCI/go"
	code_of "$OCI_PID"
	seen "folder left: .*state.json"
	seen "cgroup left: /sys/fs/cgroup.*$CGROUP/cl"
	seen "process left: .* create "
	oci delete --force cl
	clean cl
	held_bundle cl poststart
	oci create -b "$BUNDLE" cl </dev/null >/dev/null 2>&1 3>&-
	oci_bg /dev/null start cl
	wait_for test -e "$HOME_OCI/in"
	seen "process left: $OCI_PID (.* start cl)"
	touch "$HOME_OCI/go"
	code_of "$OCI_PID"
	oci_bg /dev/null exec cl sleep "$MARK"
	wait_for seen "process left: $OCI_PID (.* exec cl "
	wait_for seen "process left: .*(sleep $MARK)"
	oci delete --force cl
	code_of "$OCI_PID"
	clean cl
	held_bundle cl poststop
	oci_bg /dev/null run -b "$BUNDLE" cl
	wait_for is cl running
	seen "process left: $OCI_PID (.* run -b "
	oci_bg /dev/null delete --force cl
	wait_for test -e "$HOME_OCI/in"
	seen "process left: $OCI_PID (.* delete --force cl)"
	touch "$HOME_OCI/go"
	wait
	clean cl
}

@test "kill -9 of create at any moment, a hundred times: delete --force leaves no folder, cgroup, process or mount" {
	bundle k9 'p["args"] = ["sleep", os.environ["MARK"]]'
	# how long one takes here, so that the moments fall all over it
	local i start whole
	start=$EPOCHREALTIME
	oci create -b "$BUNDLE" k9 </dev/null >/dev/null 2>&1 3>&-
	whole=$((${EPOCHREALTIME/./} - ${start/./}))
	oci delete --force k9
	for i in $(seq 100); do
		oci_bg /dev/null create -b "$BUNDLE" k9
		sleep "$(printf '0.%06d' $((whole * i / 90 % 1000000)))"
		kill -9 "$OCI_PID" 2>/dev/null || true
		wait "$OCI_PID" 2>/dev/null || true
		oci delete --force k9
		[ ! -e "$HOME_OCI/state/k9" ]
	done
	wait_for clean k9
	# the id is free for good
	oci run -d -b "$BUNDLE" k9 </dev/null >/dev/null 2>&1 3>&-
	oci delete --force k9
	clean k9
}

@test "kill -9 of run, start, exec and delete at random moments: delete --force clears" {
	bundle k8 'p["args"] = ["sleep", os.environ["MARK"]]'
	local i verb
	for i in $(seq 12); do
		for verb in "run -b $BUNDLE k8" "start k8" "exec k8 sleep $MARK" "delete --force k8"; do
			oci delete --force k8
			case $verb in
			start*) oci create -b "$BUNDLE" k8 </dev/null >/dev/null 2>&1 3>&- ;;
			exec* | delete*) oci run -d -b "$BUNDLE" k8 </dev/null >/dev/null 2>&1 3>&- ;;
			esac
			oci_bg /dev/null $verb
			sleep "$(patience "0.0$((RANDOM % 4))$((RANDOM % 10))")"
			kill -9 "$OCI_PID" 2>/dev/null || true
			wait "$OCI_PID" 2>/dev/null || true
			oci delete --force k8
			[ ! -e "$HOME_OCI/state/k8" ]
		done
	done
	wait_for clean k8
}

@test "create killed at every system call of its own that changes something: delete --force clears" {
	command -v strace >/dev/null || skip "strace is not installed"
	bundle ks 'p["args"] = ["sleep", os.environ["MARK"]]'
	local call n
	for call in mkdirat mkdir renameat rename write bind clone3 clone fcntl openat; do
		for n in 1 2 3 5 8 13; do
			traced 30 -qq -o /dev/null -e "inject=$call:signal=KILL:when=$n" \
				"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" create -b "$BUNDLE" ks \
				</dev/null >/dev/null 2>&1 3>&- || true
			oci delete --force ks
			[ ! -e "$HOME_OCI/state/ks" ]
		done
	done
	wait_for clean ks
}

@test "create that fails while its network namespace is being made: who makes that finds the socket still open" {
	command -v strace >/dev/null || skip "strace is not installed"
	[ "$(uname -m)" = x86_64 ] || [ "$(uname -m)" = aarch64 ] || skip "it is not made beside here"
	bundle kn 'c["linux"]["resources"]["hugepageLimits"] = [{"pageSize": "7MB", "limit": 1}]'
	local i
	# on a busy machine it may not have been begun by then
	for i in 1 2 3 4 5; do
		traced 30 -f -qq -o "$HOME_OCI/calls" -e trace=clone,unshare,sendmsg -e inject=unshare:delay_enter=500000 \
			"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" create -b "$BUNDLE" kn </dev/null >"$HOME_OCI/said" 2>&1 3>&- || true
		cat "$HOME_OCI/calls" "$HOME_OCI/said"
		grep -q hugetlb "$HOME_OCI/said"
		! grep -q "sendmsg" "$HOME_OCI/calls" || break
	done
	grep -q "sendmsg.* = 1$" "$HOME_OCI/calls"
	! grep "sendmsg.* = -1" "$HOME_OCI/calls" || false
	run oci state kn
	[ "$status" = 1 ]
}

# vm: always
@test "two deletes: one removes, the other finds nothing; the poststop hook runs once" {
	local i a b
	for i in $(seq 10); do
		bundle dd 'd = os.environ["HOME_OCI"]; c["hooks"] = {"poststop": [{"path": "/bin/sh", "args": ["sh", "-c", "echo x >>" + d + "/stops"]}]}'
		rm -f "$HOME_OCI/stops"
		oci run -d -b "$BUNDLE" dd </dev/null >/dev/null 2>&1 3>&-
		oci kill dd KILL
		wait_for is dd stopped
		oci_bg "$HOME_OCI/a" delete dd
		a=$OCI_PID
		oci_bg "$HOME_OCI/b" delete dd
		b=$OCI_PID
		one_of "$a" "$b"
		[ "$(cat "$HOME_OCI/a" "$HOME_OCI/b" | grep -c "container does not exist")" = 1 ]
		[ "$(wc -l <"$HOME_OCI/stops")" = 1 ]
		[ ! -e "$HOME_OCI/state/dd" ]
	done
}

@test "two forced deletes of a running container both succeed" {
	bundle df 'p["args"] = ["sleep", os.environ["MARK"]]'
	local i a b
	for i in $(seq 10); do
		oci run -d -b "$BUNDLE" df </dev/null >/dev/null 2>&1 3>&-
		oci_bg "$HOME_OCI/a" delete -f df
		a=$OCI_PID
		oci_bg "$HOME_OCI/b" delete -f df
		b=$OCI_PID
		code_of "$a"
		[ "$CODE" = 0 ]
		code_of "$b"
		[ "$CODE" = 0 ]
	done
	wait_for clean df
}

@test "two starts: one starts, the other is told that it runs" {
	bundle ss
	local i a b
	for i in $(seq 10); do
		oci create -b "$BUNDLE" ss </dev/null >/dev/null 2>&1 3>&-
		oci_bg "$HOME_OCI/a" start ss
		a=$OCI_PID
		oci_bg "$HOME_OCI/b" start ss
		b=$OCI_PID
		one_of "$a" "$b"
		[ "$(cat "$HOME_OCI/a" "$HOME_OCI/b" | grep -c "cannot start an already running container")" = 1 ]
		is ss running
		oci delete --force ss
	done
}

@test "two creates of one id: one makes it, the other is refused and takes nothing away" {
	bundle cc
	local i a b
	for i in $(seq 10); do
		oci_bg "$HOME_OCI/a" create -b "$BUNDLE" cc
		a=$OCI_PID
		oci_bg "$HOME_OCI/b" create -b "$BUNDLE" cc
		b=$OCI_PID
		one_of "$a" "$b"
		[ "$(cat "$HOME_OCI/a" "$HOME_OCI/b" | grep -c "container with given ID already exists")" = 1 ]
		is cc created
		oci start cc
		is cc running
		oci delete --force cc
	done
}

@test "two creates with one cgroup: one makes it, the other is refused and the first's stays" {
	bundle ga 'c["linux"]["cgroupsPath"] = os.environ["CGROUP"] + "/shared"'
	local ga=$BUNDLE i a b id
	bundle gb 'c["linux"]["cgroupsPath"] = os.environ["CGROUP"] + "/shared"'
	for i in $(seq 15); do
		oci_bg "$HOME_OCI/a" create -b "$ga" ga
		a=$OCI_PID
		oci_bg "$HOME_OCI/b" create -b "$BUNDLE" gb
		b=$OCI_PID
		one_of "$a" "$b"
		grep -q "shared is not empty" "$HOME_OCI/a" "$HOME_OCI/b"
		id=$(oci list -q)
		oci start "$id"
		is "$id" running
		oci delete --force "$id"
	done
}

@test "a container that is stopped at the gate keeps no state or list waiting" {
	bundle sg
	# with a queue for few callers: each state leaves one there
	unshare -n sh -c 'echo 4 >/proc/sys/net/core/somaxconn && exec "$@"' - \
		"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" create -b "$BUNDLE" sg </dev/null >/dev/null 2>&1 3>&-
	oci kill sg STOP
	local i
	for i in $(seq 8); do
		timeout 5 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" state sg >"$HOME_OCI/out"
		grep -q '"status": "created"' "$HOME_OCI/out"
	done
	timeout 5 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" list | grep -q created
	oci kill sg CONT
	oci start sg
	is sg running
}

@test "delete against start: whoever is second is told, and a started one is not half deleted" {
	bundle ds 'p["args"] = ["sleep", os.environ["MARK"]]'
	local i a b
	for i in $(seq 15); do
		oci create -b "$BUNDLE" ds </dev/null >/dev/null 2>&1 3>&-
		oci_bg "$HOME_OCI/a" start ds
		a=$OCI_PID
		oci_bg "$HOME_OCI/b" delete ds
		b=$OCI_PID
		code_of "$a"
		a=$CODE
		code_of "$b"
		b=$CODE
		echo "start: $a $(cat "$HOME_OCI/a"); delete: $b $(cat "$HOME_OCI/b")"
		if [ "$b" = 0 ]; then
			[ ! -e "$HOME_OCI/state/ds" ]
			[ "$a" = 1 ]
		else
			[ "$a" = 0 ]
			grep -q "cannot delete container ds that is not stopped: running" "$HOME_OCI/b"
			is ds running
		fi
		oci delete --force ds
	done
	wait_for clean ds
}

@test "while create is under way: state and list show it, kill and start refuse, create of the same id too; then it works" {
	held_bundle wc
	oci_bg "$HOME_OCI/out" create -b "$BUNDLE" wc
	local creating=$OCI_PID
	wait_for test -e "$HOME_OCI/in"
	is wc creating
	oci list -f json | grep -q '"status":"creating"'
	run oci kill wc KILL
	[ "$status" = 1 ]
	[[ "$output" == *"container not running"* ]]
	run oci create -b "$BUNDLE" wc
	[ "$status" = 1 ]
	[[ "$output" == *"already exists"* ]]
	run oci exec wc true
	[ "$status" = 255 ]
	# this one waits for create, and then starts
	oci_bg "$HOME_OCI/a" start wc
	touch "$HOME_OCI/go"
	code_of "$creating"
	[ "$CODE" = 0 ]
	code_of "$OCI_PID"
	[ "$CODE" = 0 ]
	is wc running
	oci delete --force wc
}

# A bundle whose hook of that kind hangs as "sleep MARK", and its program, too. FOLDER: where the hook finds $HOME_OCI.
hanging_bundle() { # ID KIND [FOLDER]
	rm -f "$HOME_OCI/in"
	bundle "$1" 'c["hooks"] = {"'"$2"'": [{"path": "/bin/sh", "args": ["sh", "-c", "echo >'"${3:-$HOME_OCI}"'/in; exec sleep '"$MARK"'"]}]}
c["mounts"].append({"destination": "/out", "type": "bind", "source": os.environ["HOME_OCI"], "options": ["bind"]})
p["args"] = ["sleep", os.environ["MARK"]]'
}

@test "delete --force while create, start or run hangs in a hook: both end soon, and nothing is left, the hook neither" {
	local pair verb kind maker
	for pair in create:createRuntime create:createContainer start:startContainer start:poststart run:poststart; do
		verb=${pair%:*}
		kind=${pair#*:}
		case $kind in
		startContainer) hanging_bundle dh $kind /out ;;
		*) hanging_bundle dh $kind ;;
		esac
		[ $verb != start ] || oci create -b "$BUNDLE" dh </dev/null >/dev/null 2>&1 3>&-
		case $verb in
		start) oci_bg "$HOME_OCI/out" start dh ;;
		*) oci_bg "$HOME_OCI/out" $verb -b "$BUNDLE" dh ;;
		esac
		maker=$OCI_PID
		wait_for test -e "$HOME_OCI/in"
		timeout "$(patience 8)" "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" delete --force dh
		code_of "$maker"
		[ "$CODE" = 137 ]
		wait_for clean dh
	done
}

@test "delete --force while create is under way, and does not hang: create is left to end" {
	held_bundle dl
	local creating deleting
	oci_bg "$HOME_OCI/out" create -b "$BUNDLE" dl
	creating=$OCI_PID
	wait_for test -e "$HOME_OCI/in"
	oci_bg "$HOME_OCI/a" delete --force dl
	deleting=$OCI_PID
	touch "$HOME_OCI/go"
	code_of "$creating"
	[ "$CODE" = 0 ]
	code_of "$deleting"
	[ "$CODE" = 0 ]
	clean dl
}

@test "delete while create or start hangs in a hook: it gives up soon and says for whom; the hook goes on" {
	local kind maker
	for kind in createRuntime poststart; do
		hanging_bundle dp $kind
		if [ $kind = poststart ]; then
			oci create -b "$BUNDLE" dp </dev/null >/dev/null 2>&1 3>&-
			oci_bg "$HOME_OCI/out" start dp
		else
			oci_bg "$HOME_OCI/out" create -b "$BUNDLE" dp
		fi
		maker=$OCI_PID
		wait_for test -e "$HOME_OCI/in"
		run timeout "$(patience 8)" "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" delete dp
		[ "$status" = 1 ]
		[[ "$output" == *"cannot delete container dp: it is being made or started by process $maker (--force ends that)"* ]]
		kill -0 "$maker"
		# a container that has ended meanwhile is still being started
		[ $kind != poststart ] || oci kill dp KILL
		timeout "$(patience 8)" "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" delete --force dp
		code_of "$maker"
		wait_for clean dp
	done
}

@test "delete --force while another delete hangs in a poststop hook: that one is not killed, this one says who it is" {
	hanging_bundle do poststop
	oci create -b "$BUNDLE" do </dev/null >/dev/null 2>&1 3>&-
	oci_bg "$HOME_OCI/a" delete --force do
	local first=$OCI_PID
	wait_for test -e "$HOME_OCI/in"
	run timeout "$(patience 30)" "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" delete --force do
	[ "$status" = 1 ]
	[[ "$output" == *"cannot delete container do: it is in use by process $first"* ]]
	kill -9 "$first"
	wait "$first" || true
	# its hook went with it; the next would run it again
	rm "$HOME_OCI/state/do/plan"
	oci delete --force do
	wait_for clean do
}

@test "kill -9 of create while its hook runs: the hook ends, too" {
	hanging_bundle hk createRuntime
	oci_bg "$HOME_OCI/out" create -b "$BUNDLE" hk
	wait_for test -e "$HOME_OCI/in"
	kill -9 "$OCI_PID"
	wait "$OCI_PID" || true
	wait_for is hk stopped || is hk creating
	timeout 8 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" delete --force hk
	wait_for clean hk
}

@test "run --detach that waits to be told that the container is ready holds up no other verb" {
	bundle rd 'p["args"] = ["sleep", os.environ["MARK"]]'
	NOTIFY_SOCKET=$HOME_OCI/nobody oci_bg "$HOME_OCI/out" run --detach -b "$BUNDLE" rd
	wait_for is rd running
	timeout "$(patience 5)" "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" pause rd
	is rd paused
	kill -0 "$OCI_PID"
	oci delete --force rd
	code_of "$OCI_PID"
	[ "$CODE" = 0 ]
	clean rd
}

# vm: always
@test "execs racing a kill and a delete end, one way or the other, and leave nothing" {
	bundle ed 'p["args"] = ["sleep", os.environ["MARK"]]'
	local i j pids
	for i in $(seq 8); do
		oci run -d -b "$BUNDLE" ed </dev/null >/dev/null 2>&1 3>&-
		pids=()
		for j in 1 2 3; do
			oci_bg /dev/null exec ed sleep "$MARK"
			pids+=("$OCI_PID")
		done
		sleep "$(patience "0.0$((RANDOM % 6))")"
		oci delete --force ed
		for j in "${pids[@]}"; do
			code_of "$j"
			[ "$CODE" = 255 ] || [ "$CODE" = 137 ]
		done
		[ ! -e "$HOME_OCI/state/ed" ]
	done
	wait_for clean ed
}

@test "the program's end between the verbs: kill, exec and delete take it as a stopped container" {
	local i
	bundle pe 'p["args"] = ["true"]'
	for i in $(seq 10); do
		oci create -b "$BUNDLE" pe </dev/null >/dev/null 2>&1 3>&-
		oci start pe
		run oci kill pe
		[ "$status" = 0 ] || [[ "$output" == *"container not running"* ]]
		run oci exec pe true
		[ "$status" = 255 ] || [ "$status" = 137 ] || [ "$status" = 0 ]
		wait_for is pe stopped
		oci delete pe
	done
}

@test "a root folder that cannot be written, and one that is full: an error that names it, and nothing left" {
	local top=$HOME_OCI/small
	bundle ro
	mkdir -p "$top"
	run unshare -m bash -c '
		mount -t tmpfs -o ro none "$1" || exit 99
		"$0" --root "$1/state" create -b "$2" ro </dev/null' "$KIST_BUILD/bin/kist-oci" "$top" "$BUNDLE"
	[ "$status" = 1 ]
	[[ "$output" == *"$top/state"*"ead-only file system"* || "$output" == *"ead-only file system"* ]]
	# so many pages that each of the files is once the one too many
	local pages
	for pages in 1 2 3; do
		run unshare -m bash -c '
			mount -t tmpfs -o size=$((4096 * $3)) none "$1" || exit 99
			mkdir "$1/state"
			head -c $((4096 * ($3 - 1))) /dev/zero >"$1/filler"
			"$0" --root "$1/state" create -b "$2" ro </dev/null >"$4" 2>&1 3>&-
			code=$?
			"$0" --root "$1/state" delete --force ro
			ls "$1/state" | grep -v ^: && exit 98
			exit $code' "$KIST_BUILD/bin/kist-oci" "$top" "$BUNDLE" "$pages" "$HOME_OCI/out"
		[ "$status" = 1 ]
		grep -q "No space left on device\|no space left on device" "$HOME_OCI/out"
	done
	wait_for clean ro
}

@test "a folder with half of what belongs in it: delete --force clears it, and its container's processes" {
	bundle hf 'p["args"] = ["sleep", os.environ["MARK"]]'
	local without
	for without in state.json plan lock gate; do
		oci create -b "$BUNDLE" hf </dev/null >/dev/null 2>&1 3>&-
		case $without in
		state.json) : >"$HOME_OCI/state/hf/state.json" ;;
		*) rm -f "$HOME_OCI/state/hf/$without" ;;
		esac
		run oci list
		[ "$status" = 0 ]
		oci delete --force hf
		wait_for clean hf
	done
}
