# Attach, terminals, logs and exec with the stock docker command.
load lib/engine

setup_file() {
	engine_start
	load_busybox
}
teardown_file() {
	engine_stop
}
teardown() {
	local ids
	ids=$(docker ps -aq)
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null 2>&1
}

# on_terminal 'EXPECT SCRIPT': runs it with a pseudo-terminal under the command.
on_terminal() {
	expect -c "set timeout $(patience 10); log_user 1; $1"
}

@test "a terminal: size, raw keys, end of file, exit code" {
	run on_terminal '
		spawn -noecho sh -c "stty rows 33 cols 101; exec docker run -it --rm --name c1 busybox sh"
		expect "/ #"; send "stty size\r"; expect "33 101"
		expect "/ #"; send "tty\r"; expect "/dev/pts/0"
		expect "/ #"; send "exit 9\r"; expect eof
		exit [lindex [wait] 3]'
	[ "$status" = 9 ]
}

@test "ctrl-c in a terminal reaches the container's program, not the client" {
	run on_terminal '
		spawn -noecho docker run -it --rm busybox sh -c "trap \"echo caught; exit 3\" INT; echo go; while :; do sleep 0.1; done"
		expect "go"; send "\x03"; expect "caught"; expect eof
		exit [lindex [wait] 3]'
	[ "$status" = 3 ]
}

@test "the size of a terminal follows the client's" {
	docker run -dit --name c1 busybox sh
	curl -sf --unix-socket "$KIST_HOME/kist.sock" -X POST 'http://d/v1.41/containers/c1/resize?h=50&w=160'
	[ "$(docker exec c1 sh -c 'stty size </proc/1/fd/0')" = "50 160" ]
}

@test "detach keys leave the container running; attach comes back" {
	run on_terminal '
		spawn -noecho docker run -it --name c1 busybox sh
		expect "/ #"; send "\x10\x11"; expect eof
		exit [lindex [wait] 3]'
	[ "$status" = 0 ]
	[ "$(docker inspect -f '{{.State.Running}}' c1)" = true ]
	run on_terminal '
		spawn -noecho docker attach --detach-keys ctrl-x,x c1
		send "\r"; expect "/ #"; send "echo ba''ck\r"; expect "back"; send "\x18x"; expect eof'
	[[ "$output" == *back* ]]
	[ "$(docker inspect -f '{{.State.Running}}' c1)" = true ]
}

attached() { # CONTAINER SINCE [HOW MANY]
	local count
	count=$(docker events --since "$2" --until "$(date +%s)" --filter container="$1" --filter event=attach | grep -c attach)
	[ "$count" -ge "${3:-1}" ]
}

@test "two clients attached to one container both get its output" {
	id=$(docker run -di --name c1 busybox sh -c 'read x; echo "got $x"')
	since=$(date +%s)
	docker attach --no-stdin c1 >"$BATS_TEST_TMPDIR/a" &
	a=$!
	docker attach --no-stdin c1 >"$BATS_TEST_TMPDIR/b" &
	b=$!
	retry 10 attached "$id" "$since" 2
	echo word | docker attach c1
	wait $a $b
	[ "$(cat "$BATS_TEST_TMPDIR/a")" = "got word" ]
	[ "$(cat "$BATS_TEST_TMPDIR/b")" = "got word" ]
}

@test "attach gives the exit code and forwards signals" {
	id=$(docker run -d --name c1 busybox sh -c 'trap "exit 6" TERM; echo up; while :; do sleep 0.1; done')
	retry 5 bash -c 'docker logs c1 | grep -q up'
	since=$(date +%s)
	docker attach c1 >/dev/null &
	client=$!
	# forwards signals before it asks to be attached
	retry 10 attached "$id" "$since"
	kill -TERM $client
	code=0
	wait $client || code=$?
	[ $code = 6 ]
	fails_with 1 "You cannot attach to a stopped container, start it first" docker attach c1
}

@test "start -a and start -ai" {
	docker create --name c1 busybox sh -c 'echo out; exit 2'
	run docker start -a c1
	[ "$status" = 2 ]
	[ "$output" = out ]
	docker create -i --name c2 busybox cat
	[ "$(echo through | docker start -ai c2)" = through ]
}

@test "a client that is killed leaves the container alone, and is noticed" {
	docker run -d --name c1 busybox sh -c 'while :; do echo tick; sleep 0.05; done'
	docker attach c1 >/dev/null &
	client=$!
	sleep "$(patience 0.3)"
	kill -9 $client
	before=$(docker logs c1 | wc -l)
	retry 5 bash -c "[ \$(docker logs c1 | wc -l) -gt $((before + 5)) ]"
}

@test "logs: all, streams apart, tail, timestamps, since, until" {
	docker run --name c1 busybox sh -c 'echo one; echo two >&2; sleep 1.2; echo three' || true
	[ "$(docker logs c1 2>/dev/null)" = "one
three" ]
	[ "$(docker logs c1 2>&1 >/dev/null)" = two ]
	[ "$(docker logs --tail 1 c1 2>&1)" = three ]
	[ "$(docker logs --tail 0 c1 2>&1)" = "" ]
	[[ "$(docker logs -t --tail 1 c1)" =~ ^20[0-9]{2}-[0-9-]+T[0-9:]+\.[0-9]{9}Z\ three$ ]]
	at=$(docker logs -t --tail 1 c1 | cut -d' ' -f1)
	[ "$(docker logs --since "$at" c1 2>&1)" = three ]
	[ "$(docker logs --until "${at%Z}Z" c1 2>&1 | grep -c -v three)" = 2 ]
	[ "$(docker logs --since 1h c1 2>&1 | wc -l)" = 3 ]
}

@test "logs -f follows to the end of the container" {
	docker run -d --name c1 busybox sh -c 'for i in $(seq 30); do echo $i; sleep 0.02; done'
	docker logs -f c1 >"$BATS_TEST_TMPDIR/out"
	seq 30 | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "long lines and lines without an end are logged whole" {
	docker run --name c1 busybox sh -c 'head -c 50000 /dev/zero | tr "\0" x; echo; printf end' >/dev/null
	docker logs c1 >"$BATS_TEST_TMPDIR/out"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/out")" = 50004 ]
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/out")" = end ]
}

@test "the log file rotates, and logs reads all of what is kept" {
	docker run --name c1 --log-opt max-size=10k --log-opt max-file=3 busybox seq 2000 >/dev/null
	docker logs c1 >"$BATS_TEST_TMPDIR/out"
	[ "$(tail -n 1 "$BATS_TEST_TMPDIR/out")" = 2000 ]
	first=$(head -n 1 "$BATS_TEST_TMPDIR/out")
	[ "$first" -gt 1 ]
	seq "$first" 2000 | cmp - "$BATS_TEST_TMPDIR/out"
	path=$(docker inspect -f '{{.LogPath}}' c1)
	[ "$(ls "$path"* | wc -l)" = 3 ]
}

@test "--log-driver none keeps nothing and says so" {
	docker run --name c1 --log-driver none busybox echo x
	fails_with 1 "configured logging driver does not support reading" docker logs c1
}

@test "exec: output, exit code, user, folder, environment, stdin" {
	docker run -d --name c1 -e A=1 busybox sleep 100
	[ "$(docker exec c1 echo hello)" = hello ]
	run docker exec c1 sh -c 'exit 5'
	[ "$status" = 5 ]
	[ "$(docker exec -u postgres c1 id -un)" = postgres ]
	[ "$(docker exec -w /etc c1 pwd)" = /etc ]
	[ "$(docker exec -e B=2 c1 sh -c 'echo $A$B')" = 12 ]
	[ "$(seq 1000 | docker exec -i c1 wc -l)" = 1000 ]
	[ "$(docker exec c1 sh -c 'echo o; echo e >&2' 2>/dev/null)" = o ]
	[ "$(docker exec c1 ps -o args | tail -n +2 | head -n 1)" = "sleep 100" ]
}

@test "exec: what cannot be run" {
	docker run -d --name c1 busybox sleep 100
	fails_with 127 "executable file not found in \$PATH" docker exec c1 nosuch
	fails_with 126 "permission denied" docker exec c1 /etc/passwd
	fails_with 126 "unable to find user nosuch" docker exec -u nosuch c1 true
	docker kill c1
	retry 5 bash -c '[ "$(docker inspect -f "{{.State.Running}}" c1)" = false ]'
	fails_with 1 "is not running" docker exec c1 true
}

@test "exec with a terminal" {
	docker run -d --name c1 busybox sleep 100
	run on_terminal '
		spawn -noecho sh -c "stty rows 22 cols 99; exec docker exec -it c1 sh"
		expect "/ #"; send "stty size\r"; expect "22 99"
		expect "/ #"; send "exit 4\r"; expect eof
		exit [lindex [wait] 3]'
	[ "$status" = 4 ]
}

@test "exec -d runs on its own" {
	docker run -d --name c1 busybox sleep 100
	docker exec -d c1 sh -c 'echo done > /done'
	retry 5 docker exec c1 test -s /done
}

@test "exec has the container's limits, capabilities and filter" {
	docker run -d --name c1 --memory 64m busybox sleep 100
	docker exec c1 grep CapEff /proc/self/status | grep -q 00000000a80425fb
	docker exec c1 grep Seccomp: /proc/self/status | grep -q 2
	[ "$(docker exec c1 sh -c 'cut -d: -f2- /proc/self/cgroup | sort')" = "$(docker exec c1 sh -c 'cut -d: -f2- /proc/1/cgroup | sort')" ]
	docker exec --privileged c1 grep CapEff /proc/self/status | grep -q -v 00000000a80425fb
}

@test "a hundred execs in a row and twenty at once" {
	docker run -d --name c1 busybox sleep 1000
	for i in $(seq 100); do
		[ "$(docker exec c1 echo "$i")" = "$i" ]
	done
	for i in $(seq 20); do
		(docker exec c1 sh -c "echo $i" >"$BATS_TEST_TMPDIR/e$i") &
	done
	wait
	for i in $(seq 20); do
		[ "$(cat "$BATS_TEST_TMPDIR/e$i")" = "$i" ]
	done
}

@test "ten thousand lines through a terminal" {
	docker run -t --rm busybox seq 10000 | tr -d '\r' | cmp - <(seq 10000)
}
