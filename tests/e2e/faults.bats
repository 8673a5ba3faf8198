# kill -9 of every program at any moment: nothing is lost, nothing is left, nothing runs twice.
load lib/engine

setup_file() {
	engine_start
	load_busybox
}
teardown_file() {
	engine_stop
}
teardown() {
	curl -sf --unix-socket "$KIST_HOME/kist.sock" http://d/_ping >/dev/null || engine_run
	local ids
	ids=$(docker ps -aq)
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null 2>&1
}

monitor_of() {
	cut -d' ' -f1 "$KIST_HOME/exec/containers/$1/monitor.pid"
}

# nothing_left: no trace of any container that the daemon does not know
nothing_left() {
	local known left dir
	known=$(docker ps -aq --no-trunc) || return 1
	for dir in "$KIST_HOME"/exec/containers/* "$KIST_HOME"/data/containers/*; do
		[ -e "$dir" ] || continue
		case "$known" in *"$(basename "$dir")"*) ;; *) echo "left: $dir"; return 1 ;; esac
	done
	grep -c "$KIST_HOME" /proc/self/mountinfo | grep -qx 0 || { grep "$KIST_HOME" /proc/self/mountinfo; return 1; }
	[ "$(in_net ip -o link | grep -c veth)" -le "$(docker ps -q | wc -l)" ] || { in_net ip -o link; return 1; }
	left=$(find /sys/fs/cgroup -maxdepth 3 -type d -regextype posix-extended -regex ".*/$KIST_CGROUP/[0-9a-f]{64}" 2>/dev/null | xargs -r -n1 basename | sort -u)
	for dir in $left; do
		case "$known" in *"$dir"*) ;; *) echo "left: cgroup $dir"; return 1 ;; esac
	done
}

@test "containers outlive the daemon: running, logging, ending meanwhile" {
	id=$(docker run -d --name runs -p 127.0.0.1:7070:80 busybox sh -c 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done')
	ends=$(docker run -d --name ends -v "$BATS_TEST_TMPDIR:/go" busybox sh -c 'until [ -e /go/on ]; do sleep 0.1; done; echo bye; exit 9')
	oom=$(docker run -d --name oom -v "$BATS_TEST_TMPDIR:/go" --memory 24m --memory-swap 24m busybox \
		sh -c 'until [ -e /go/on ]; do sleep 0.1; done; x=$(head -c 60000000 /dev/zero | tr "\0" x)')
	pid=$(docker inspect -f '{{.State.Pid}}' runs)
	address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' runs)
	ends=$(monitor_of "$ends") oom=$(monitor_of "$oom")
	engine_end -KILL
	touch "$BATS_TEST_TMPDIR/on"
	wait_gone "$ends"
	wait_gone "$oom"
	engine_run
	[ "$(docker inspect -f '{{.State.Running}} {{.State.Pid}} {{.NetworkSettings.IPAddress}}' runs)" = "true $pid $address" ]
	[ "$(docker inspect -f '{{.State.Running}} {{.State.ExitCode}}' ends)" = "false 9" ]
	[ "$(docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' oom)" = "true 137" ]
	[ "$(docker logs ends)" = bye ]
	docker logs runs >"$BATS_TEST_TMPDIR/log"
	seq 0 $(($(wc -l <"$BATS_TEST_TMPDIR/log") - 1)) | cmp - "$BATS_TEST_TMPDIR/log"
	[ "$(docker exec runs echo in)" = in ]
	docker port runs | grep -q 127.0.0.1:7070
	# its address is not given to anybody else
	docker run -d --name other busybox sleep 100
	[ "$(docker inspect -f '{{.NetworkSettings.IPAddress}}' other)" != "$address" ]
	docker stop -t 0 runs
	[ "$(docker wait runs)" = 137 ]
	docker rm -f runs ends oom other
	retry 10 nothing_left >&2
}

@test "a daemon that is asked to stop leaves containers running" {
	docker run -d --name runs busybox sleep 100
	engine_end -TERM
	[ ! -e "$KIST_HOME/kistd.pid" ]
	engine_run
	[ "$(docker inspect -f '{{.State.Running}}' runs)" = true ]
}

@test "a daemon that is asked to stop does not wait for the monitors of containers that were removed" {
	local i
	for i in $(seq 12); do
		docker run --rm --network none busybox true
		docker run --rm --network none busybox true
		engine_end # fails if that takes 10 seconds
		engine_run
	done
	[ -z "$(docker ps -aq)" ]
}

@test "an attached client survives the daemon's death" {
	docker create --name runs busybox sh -c 'for i in $(seq 60); do echo $i; sleep 0.05; done'
	docker start -a runs >"$BATS_TEST_TMPDIR/out" 2>/dev/null &
	client=$!
	retry 10 grep -q . "$BATS_TEST_TMPDIR/out"
	engine_end -KILL
	retry 10 grep -qx 60 "$BATS_TEST_TMPDIR/out"
	engine_run
	wait $client || true
	[ "$(docker wait runs)" = 0 ]
}

@test "a --rm container that ended while the daemon was dead is removed" {
	docker run -d --rm --name gone busybox sleep 1
	engine_end -KILL
	sleep 1.5
	engine_run
	retry 10 bash -c '[ -z "$(docker ps -aq)" ]'
	retry 10 nothing_left >&2
}

@test "kill -9 of a monitor ends its container, with 137, and leaves nothing" {
	id=$(docker run -d --name c1 -p 7071:80 busybox sleep 1000)
	pid=$(docker inspect -f '{{.State.Pid}}' c1)
	kill -9 "$(monitor_of "$id")"
	retry 10 bash -c '[ "$(docker inspect -f "{{.State.Running}} {{.State.ExitCode}}" c1)" = "false 137" ]'
	retry 10 bash -c "[ ! -d /proc/$pid ] || grep -q '^State:.Z' /proc/$pid/status"
	docker start c1
	[ "$(docker exec c1 echo again)" = again ]
	docker rm -f c1
	retry 10 nothing_left >&2
}

@test "kill -9 of a monitor while the daemon is dead, too" {
	id=$(docker run -d --name c1 busybox sleep 1000)
	pid=$(docker inspect -f '{{.State.Pid}}' c1)
	engine_end -KILL
	monitor=$(monitor_of "$id")
	kill -9 "$monitor"
	wait_gone "$monitor"
	engine_run
	[ "$(docker inspect -f '{{.State.Running}} {{.State.ExitCode}}' c1)" = "false 137" ]
	retry 10 bash -c "[ ! -d /proc/$pid ] || grep -q '^State:.Z' /proc/$pid/status"
	docker rm c1
	retry 10 nothing_left >&2
}

# rm_k: k is not there, or can be removed
rm_k() {
	kist rm -f k >/dev/null 2>&1 || true
	! kist inspect k >/dev/null 2>&1
}

@test "kill -9 of kist leaves a container that can be seen and removed" {
	for _ in $(seq "$(chances 100)"); do
		kist run --name k busybox sleep 1000 >/dev/null 2>&1 &
		client=$!
		sleep "$(patience "0.0$(printf %02d $((RANDOM % 30)))")"
		kill -9 $client 2>/dev/null || true
		wait $client 2>/dev/null || true
		# what it asked for last may still be on its way
		retry 5 rm_k
	done
	retry 10 nothing_left >&2
}

@test "kill -9 of the daemon at a hundred random moments" {
	local i bad=0
	docker run -d --name witness busybox sh -c 'i=0; while :; do echo $i; i=$((i+1)); sleep 0.05; done'
	for i in $(seq "$(chances 100)"); do
		( for j in 1 2 3; do
			docker run --rm busybox true
			docker run -d --name "r$i-$j" -v "v$i:/d" -p 80 busybox sh -c 'echo x; exit 3'
			docker stop -t 0 "r$i-$j"
			docker rm -v "r$i-$j"
			docker volume rm "v$i"
		done ) >/dev/null 2>&1 &
		worker=$!
		sleep "$(patience "0.$(printf %03d $((RANDOM % 250)))")"
		engine_end -KILL
		# and the client that it runs, which would ask the next daemon
		kill -STOP $worker 2>/dev/null || true
		clients=$(pgrep -P $worker || true)
		kill -KILL $worker $clients 2>/dev/null || true
		wait $worker 2>/dev/null || true
		for client in $clients; do wait_gone "$client"; done
		engine_run
		[ "$(docker inspect -f '{{.State.Running}}' witness)" = true ]
		# what it remembers can be removed; there is nothing between created and gone
		docker ps -a --format '{{.Names}} {{.State}}' | while read -r name state; do
			[ "$name" = witness ] && continue
			case $state in created | running | exited) ;; removing) continue ;; *) echo "$name is $state"; exit 1 ;; esac
			docker rm -f -v "$name" >/dev/null
		done
		for v in $(docker volume ls -q); do docker volume rm "$v" >/dev/null; done
	done
	docker logs witness >"$BATS_TEST_TMPDIR/log"
	seq 0 $(($(wc -l <"$BATS_TEST_TMPDIR/log") - 1)) | cmp - "$BATS_TEST_TMPDIR/log"
	docker rm -f witness
	retry 10 nothing_left >&2
	sqlite=$(command -v sqlite3) && [ "$($sqlite "$KIST_HOME/data/kist.db" 'pragma integrity_check')" = ok ] || [ -z "$sqlite" ]
}

@test "kill -9 of monitors at random moments" {
	for i in $(seq "$(chances 100)"); do
		docker run -d --name "m$i" -p 80 busybox sh -c 'for i in $(seq 50); do echo $i; sleep 0.01; done' >/dev/null 2>&1 &
		client=$!
		sleep "$(patience "0.$(printf %03d $((RANDOM % 80)))")"
		for f in "$KIST_HOME"/exec/containers/*/monitor.pid; do
			kill -9 "$(cut -d' ' -f1 "$f" 2>/dev/null)" 2>/dev/null || true
		done
		wait $client || true
		retry 30 bash -c "[ \"\$(docker inspect -f '{{.State.Running}}' m$i 2>/dev/null)\" != true ]"
		docker rm -f "m$i" >/dev/null 2>&1 || true
	done
	retry 10 nothing_left >&2
}

@test "a start that fails halfway leaves nothing" {
	docker run -d --name holds -p 7072:80 busybox sleep 100
	fails_with 125 "port is already allocated" docker run --name c1 -p 7072:80 busybox true
	fails_with 127 "executable file not found" docker run --name c2 -p 7073:80 busybox nosuch
	docker run -d --name c3 -p 7073:80 busybox sleep 100
	docker rm -f holds c1 c2 c3
	retry 10 nothing_left >&2
}

@test "bad options and settings stop the start with a message that names them" {
	d=$BATS_TEST_TMPDIR/x
	mkdir -p "$d"
	try() {
		in_net timeout "$(patience 10)" "$BIN/kistd" --data-root "$d/d" --exec-root "$d/e" --host "unix://$d/s" --bridge none \
			--cgroup-parent "/$KIST_CGROUP" --pidfile "$d/p" "$@"
	}
	fails_with 1 "nosuch" try --nosuch
	echo '{"nosuch-key": 1}' >"$d/daemon.json"
	fails_with 1 "nosuch-key" try --config-file "$d/daemon.json"
	echo '{"log-level": 7}' >"$d/daemon.json"
	fails_with 1 "log-level" try --config-file "$d/daemon.json"
	echo '{"log-level": "debug"}' >"$d/daemon.json"
	fails_with 1 "log-level" try --config-file "$d/daemon.json" --log-level info
	echo '{' >"$d/daemon.json"
	fails_with 1 "daemon.json" try --config-file "$d/daemon.json"
	fails_with 1 "bip" try --bip 300.1.1.1/24
	fails_with 1 "tcp" try --host tcp://127.0.0.1:1
}

@test "a data root of any length" {
	long=$KIST_HOME/$(printf 'a%.0s' $(seq 200))/$(printf 'b%.0s' $(seq 200))
	mkdir -p "$long"
	(
		KIST_HOME=$BATS_TEST_TMPDIR/l
		mkdir -p "$KIST_HOME"
		DOCKER_HOST=unix://$KIST_HOME/kist.sock
		nsenter --net="/run/netns/$KIST_NETNS" -- "$BIN/kistd" --data-root "$long" --exec-root "$KIST_HOME/exec" --host "$DOCKER_HOST" \
			--bridge none --cgroup-parent "/$KIST_CGROUP" --pidfile "$KIST_HOME/p" >"$KIST_HOME/log" 2>&1 3>&- &
		daemon=$!
		retry 5 test -S "$KIST_HOME/kist.sock"
		retry 5 docker version >/dev/null
		docker load -q -i "$(busybox_archive)"
		"$KIST_TOP/scripts/busybox-image" -l 126 -t deep:1 | docker load -q
		[ "$(docker run --rm --network none deep:1 sh -c 'ls /layers | wc -l')" = 126 ]
		kill $daemon
		wait_gone $daemon
		keep_reports "$KIST_HOME/log"
	)
}
