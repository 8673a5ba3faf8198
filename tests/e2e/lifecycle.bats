# Containers' lives with the stock docker command: create to remove, states, names, signals.
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

state() {
	docker inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}}' "$1"
}

@test "run passes output, exit code and arguments through" {
	run docker run --rm busybox sh -c 'echo out; echo err >&2; exit 42'
	[ "$status" = 42 ]
	[[ "$output" == *out* && "$output" == *err* ]]
	[ "$(docker run --rm busybox echo 'a  b' '$HOME' '*')" = 'a  b $HOME *' ]
}

@test "run keeps stdout and stderr apart" {
	[ "$(docker run --rm busybox sh -c 'echo out; echo err >&2' 2>/dev/null)" = out ]
	[ "$(docker run --rm busybox sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" = err ]
}

@test "a hundred thousand lines arrive whole and in order" {
	docker run --rm busybox sh -c 'seq 100000' >"$BATS_TEST_TMPDIR/out"
	seq 100000 | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "stdin flows in with -i and its end arrives" {
	[ "$(seq 50000 | docker run -i --rm busybox wc -l)" = 50000 ]
	[ "$(echo hi | docker run -i --rm busybox cat)" = hi ]
}

@test "binary stdin and stdout are unchanged" {
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/in"
	docker run -i --rm busybox cat <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
}

@test "create, start, stop, start, restart, kill, rm: states on the way" {
	docker create --name c1 busybox sleep 1000
	[ "$(state c1)" = "created false 0" ]
	docker start c1
	[ "$(state c1)" = "running true 0" ]
	docker stop -t 1 c1
	[ "$(state c1)" = "exited false 137" ]
	docker start c1
	pid=$(docker inspect -f '{{.State.Pid}}' c1)
	docker restart -t 0 c1
	[ "$(docker inspect -f '{{.State.Pid}}' c1)" != "$pid" ]
	docker kill c1
	retry 5 bash -c '[ "$(docker inspect -f "{{.State.Status}}" c1)" = exited ]'
	docker rm c1
	fails_with 1 "No such container: c1" docker rm c1
}

@test "stop sends the stop signal and waits for the answer" {
	docker run -d --name c1 --stop-signal USR1 busybox \
		sh -c 'trap "echo got it; exit 7" USR1; echo ready; while :; do sleep 0.1; done'
	retry 5 bash -c 'docker logs c1 | grep -q ready'
	docker stop c1
	[ "$(state c1)" = "exited false 7" ]
	docker logs c1 | grep -q 'got it'
}

@test "kill sends any signal by name and number" {
	docker run -d --name c1 busybox sh -c 'trap "echo hup" HUP; echo ready; while :; do sleep 0.1; done'
	retry 5 bash -c 'docker logs c1 | grep -q ready'
	docker kill -s HUP c1
	retry 5 bash -c 'docker logs c1 | grep -q hup'
	[ "$(state c1)" = "running true 0" ]
	docker kill --signal 9 c1
	retry 5 bash -c '[ "$(docker inspect -f "{{.State.ExitCode}}" c1)" = 137 ]'
	fails_with 1 "is not running" docker kill c1
	fails_with 1 "nvalid signal" docker kill -s NOSUCH c1
}

# vm: always
@test "pause and unpause" {
	docker run -d --name c1 busybox sh -c 'while :; do date +%s%N; sleep 0.05; done'
	docker pause c1
	[ "$(docker inspect -f '{{.State.Status}} {{.State.Paused}}' c1)" = "paused true" ]
	[[ "$(docker ps --format '{{.Status}}')" == *"(Paused)"* ]]
	# the last lines may still be on their way to the log
	still() {
		before=$(docker logs c1 | wc -l)
		sleep 0.4
		[ "$(docker logs c1 | wc -l)" = "$before" ]
	}
	retry 5 still
	before=$(docker logs c1 | wc -l)
	fails_with 1 "is already paused" docker pause c1
	docker unpause c1
	fails_with 1 "is not paused" docker unpause c1
	retry 5 bash -c "[ \$(docker logs c1 | wc -l) -gt $before ]"
}

@test "names: given, made up, unique, changed" {
	docker create --name one busybox true
	run docker create --name one busybox true
	[ "$status" = 1 ]
	[[ "$output" == *'Conflict. The container name "/one" is already in use by container'* ]]
	docker rename one two
	[ "$(docker inspect -f '{{.Name}}' two)" = /two ]
	fails_with 1 "No such container: one" docker start one
	docker create busybox true
	[[ "$(docker ps -l --format '{{.Names}}')" =~ ^[a-z]+_[a-z]+[0-9]*$ ]]
	fails_with 1 "Invalid container name" docker create --name 'a/b' busybox true
}

@test "containers are found by name, id and a unique start of the id" {
	id=$(docker create --name one busybox true)
	[ "$(docker inspect -f '{{.Id}}' "${id:0:6}")" = "$id" ]
	[ "$(docker inspect -f '{{.Id}}' "$id")" = "$id" ]
	[ "$(docker inspect -f '{{.Id}}' one)" = "$id" ]
}

@test "a missing program is 127, one that cannot be run is 126, and nothing is left behind" {
	fails_with 127 "executable file not found in \$PATH" docker run --rm busybox nosuchprogram
	fails_with 127 "no such file or directory" docker run --rm busybox /no/such
	fails_with 126 "permission denied" docker run --rm busybox /etc/passwd
	[ -z "$(docker ps -aq)" ]
}

@test "an unknown image is 125 and clear" {
	run docker run --rm --pull never nosuch:1 true
	[ "$status" = 125 ]
	[[ "$output" == *"No such image: nosuch:1"* ]]
}

@test "a program that ends by a signal is 128 plus its number" {
	run docker run --rm busybox sh -c 'kill -TERM $$'
	# PID 1 ignores what it has no handler for: the shell lives on and ends by itself
	[ "$status" = 0 ]
	run docker run --rm --init busybox sh -c 'kill -KILL $$'
	[ "$status" = 137 ]
}

@test "--init runs as PID 1, forwards signals and reaps" {
	docker run -d --name c1 --init busybox sh -c 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done'
	retry 5 bash -c 'docker logs c1 | grep -q up'
	docker exec c1 sh -c 'tr "\0" " " </proc/1/cmdline' | grep -q init
	docker exec -d c1 sh -c 'sleep 0.1 & exit 0'
	docker stop c1
	[ "$(state c1)" = "exited false 5" ]
}

@test "--rm removes the container and its anonymous volumes" {
	docker run --rm -v /data --name c1 busybox touch /data/x
	[ -z "$(docker ps -aq)" ]
	[ -z "$(docker volume ls -q)" ]
}

@test "rm refuses a running container; -f does not" {
	docker run -d --name c1 busybox sleep 100
	fails_with 1 "container is running: stop the container before removing or force remove" docker rm c1
	docker rm -f c1
	[ -z "$(docker ps -aq)" ]
}

@test "environment: image's, --env, --env-file, HOME, HOSTNAME, and nothing else" {
	printf 'FROM_FILE=1\n# comment\nWITH=a=b c\n' >"$BATS_TEST_TMPDIR/env"
	export FROM_HERE=here
	run docker run --rm -e A=1 -e FROM_HERE --env-file "$BATS_TEST_TMPDIR/env" busybox env
	[[ "$output" == *"A=1"* && "$output" == *"FROM_HERE=here"* && "$output" == *"FROM_FILE=1"* ]]
	[[ "$output" == *"WITH=a=b c"* && "$output" == *"HOME=/root"* && "$output" == *"HOSTNAME="* ]]
	[[ "$output" == *"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"* ]]
	[ "${#lines[@]}" = 7 ]
}

@test "user by name and number, groups from the image's own files" {
	[ "$(docker run --rm -u postgres busybox id)" = "uid=70(postgres) gid=70(postgres) groups=29(audio),70(postgres)" ]
	[ "$(docker run --rm -u 1234:33 busybox id)" = "uid=1234 gid=33(www-data) groups=33(www-data)" ]
	[ "$(docker run --rm -u 33 busybox id -u)" = 33 ]
	[ "$(docker run --rm -u daemon:staff busybox id -gn)" = staff ]
	[[ "$(docker run --rm -u postgres --group-add wheel --group-add 777 busybox id -G)" == *10*777* ]]
	[ "$(docker run --rm -u postgres busybox sh -c 'echo $HOME')" = /home ]
	[ "$(docker run --rm -u postgres busybox grep CapEff /proc/self/status)" = "CapEff:	0000000000000000" ]
	fails_with 125 "unable to find user nobodyhere: no matching entries in passwd file" \
		docker run --rm -u nobodyhere busybox id
}

@test "working folder: given, made if missing" {
	[ "$(docker run --rm -w /etc busybox pwd)" = /etc ]
	[ "$(docker run --rm -w /new/deep busybox pwd)" = /new/deep ]
	fails_with 125 "invalid" docker run --rm -w relative busybox pwd
}

@test "rlimits, sysctls, shm size, read-only root, tmpfs" {
	[ "$(docker run --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -Sn; ulimit -Hn' | tr '\n' ' ')" = "100 200 " ]
	[ "$(docker run --rm --sysctl net.ipv4.ip_local_port_range='2000 3000' busybox cat /proc/sys/net/ipv4/ip_local_port_range)" = "2000	3000" ]
	docker run --rm --shm-size 10m busybox df -k /dev/shm | grep -q '10240'
	fails_with 1 "Read-only file system" docker run --rm --read-only busybox touch /x
	docker run --rm --read-only --tmpfs /t:size=1m,mode=700 busybox sh -c 'touch /t/x && df -k /t | grep -q 1024'
	fails_with 125 "" docker run --rm --sysctl kernel.panic=1 busybox true
}

@test "capabilities and privileges" {
	docker run --rm --cap-drop ALL busybox grep CapEff /proc/self/status | grep -q 0000000000000000
	docker run --rm --cap-drop ALL --cap-add NET_ADMIN busybox grep CapEff /proc/self/status | grep -q 0000000000001000
	docker run --rm --cap-add SYS_ADMIN busybox sh -c 'mkdir /m; mount -t tmpfs t /m'
	fails_with 1 "" docker run --rm busybox sh -c 'mkdir /m; mount -t tmpfs t /m'
	docker run --rm --privileged busybox sh -c 'mkdir /m; mount -t tmpfs t /m && ls /dev/kmsg'
	docker run --rm --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status | grep -q 1
	docker run --rm --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status | grep -q 0
	fails_with 125 "nvalid" docker run --rm --cap-add NOSUCH busybox true
}

@test "a seccomp profile from a file" {
	printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}' \
		>"$BATS_TEST_TMPDIR/p.json"
	fails_with 1 "Operation not permitted" docker run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/p.json" busybox mkdir /x
}

@test "namespaces shared with the host and with others" {
	[ "$(docker run --rm --pid host busybox readlink /proc/self/ns/pid)" = "$(readlink /proc/self/ns/pid)" ]
	[ "$(docker run --rm --uts host busybox hostname)" = "$(hostname)" ]
	[ "$(docker run --rm --ipc host busybox readlink /proc/self/ns/ipc)" = "$(readlink /proc/self/ns/ipc)" ]
	docker run -d --name c1 --ipc shareable busybox sh -c 'echo shared >/dev/shm/x; exec sleep 100'
	retry 5 docker exec c1 test -s /dev/shm/x
	[ "$(docker run --rm --ipc container:c1 busybox cat /dev/shm/x)" = shared ]
	[ "$(docker run --rm --pid container:c1 busybox sh -c 'tr "\0" " " </proc/1/cmdline')" = "sleep 100 " ]
}

@test "a device from the host" {
	docker run --rm --device /dev/full:/dev/voll busybox sh -c 'test -c /dev/voll && ! echo x >/dev/voll'
	docker run --rm --device /dev/zero:/dev/nought:r busybox sh -c 'head -c 1 /dev/nought | wc -c' | grep -q 1
	fails_with 127 "error gathering device information" docker run --rm --device /dev/nosuch busybox true
}

# vm: always
@test "--cgroup-parent is cleaned as dockerd does: .. leads no further up than to the root" {
	local given wanted id own
	while read -r given wanted; do
		id=$(docker run -d --network none --cgroup-parent "$given" busybox sleep 1000)
		own=$(cat "/proc/$(docker inspect -f '{{.State.Pid}}' "$id")/cgroup")
		[[ "$own" == *":/$KIST_CGROUP/$wanted/$id"* ]] || { echo "$given: $own"; false; }
		[ "$(docker inspect -f '{{.HostConfig.CgroupParent}}' "$id")" = "$given" ]
		docker pause "$id"
		docker unpause "$id"
		docker rm -f "$id"
		[ -z "$(find /sys/fs/cgroup -path "*$KIST_CGROUP*" -name "$id")" ]
	done <<-END
		/$KIST_CGROUP/a/../b b
		/../../$KIST_CGROUP/c c
		$KIST_CGROUP/d d
		../$KIST_CGROUP/e e
		//$KIST_CGROUP/./f/ f
	END
}

@test "top, port, ps with its filters" {
	docker run -d --name c1 -l color=red -p 127.0.0.1:7099:80 busybox sleep 100
	docker top c1 | grep -q 'sleep 100'
	docker top c1 -o pid,comm | grep -q sleep
	[[ "$(docker port c1)" == "80/tcp -> 127.0.0.1:7099" ]]
	docker create --name c2 busybox false
	[ "$(docker ps --format '{{.Names}}')" = c1 ]
	[ "$(docker ps -a --filter status=created --format '{{.Names}}')" = c2 ]
	[ "$(docker ps -a --filter label=color=red --format '{{.Names}}')" = c1 ]
	[ "$(docker ps -a --filter name=c2 --format '{{.Names}}')" = c2 ]
	[ "$(docker ps -a --filter ancestor=busybox -q | wc -l)" = 2 ]
	[ "$(docker ps -n 1 --format '{{.Names}}')" = c2 ]
	docker start c2
	retry 5 bash -c '[ "$(docker ps -a --filter exited=1 --format "{{.Names}}")" = c2 ]'
	[ "$(docker ps -a --filter before=c2 --format '{{.Names}}')" = c1 ]
	[ "$(docker ps -a --filter since=c1 --format '{{.Names}}')" = c2 ]
	[ "$(docker ps -a --filter publish=7099 --format '{{.Names}}')" = c1 ]
	[ "$(docker ps -a --filter expose=80 --format '{{.Names}}')" = c1 ]
	fails_with 1 "nvalid filter" docker ps --filter nosuch=1
}

@test "wait gives the exit code, also of the next exit and of removal" {
	docker run -d --name c1 busybox sh -c 'sleep 0.5; exit 3'
	[ "$(docker wait c1)" = 3 ]
	[ "$(docker wait c1)" = 3 ]
	docker create --name c2 busybox sh -c 'exit 4'
	curl -s -v -N --unix-socket "$KIST_HOME/kist.sock" -X POST 'http://d/v1.41/containers/c2/wait?condition=next-exit' \
		>"$BATS_TEST_TMPDIR/next" 2>"$BATS_TEST_TMPDIR/next.head" &
	waiter=$!
	curl -s -v -N --unix-socket "$KIST_HOME/kist.sock" -X POST 'http://d/v1.41/containers/c2/wait?condition=removed' \
		>"$BATS_TEST_TMPDIR/removed" 2>"$BATS_TEST_TMPDIR/removed.head" &
	remover=$!
	# the head of the answer says that it waits
	retry 10 grep -q '200 OK' "$BATS_TEST_TMPDIR/next.head"
	retry 10 grep -q '200 OK' "$BATS_TEST_TMPDIR/removed.head"
	docker start c2
	wait $waiter
	grep -q '"StatusCode":4' "$BATS_TEST_TMPDIR/next"
	docker rm -f c2
	wait $remover
	grep -q '"StatusCode":4' "$BATS_TEST_TMPDIR/removed"
}

@test "events tell the life of a container in docker's order" {
	since=$(date +%s.%N)
	docker run --name c1 -l a=b busybox true
	docker rm c1
	run docker events --since "$since" --until "$(date +%s.%N)" --filter container=c1 --format '{{.Type}} {{.Action}}'
	[ "$output" = "container create
container attach
container start
container die
container destroy" ]
	docker events --since "$since" --until "$(date +%s.%N)" --filter event=die --format '{{json .}}' |
		jq -e '.Actor.Attributes.exitCode == "0" and .Actor.Attributes.a == "b" and .Actor.Attributes.image == "busybox"'
}

@test "forty containers at once do not meet" {
	for i in $(seq 40); do
		docker run -d --name "many$i" busybox sh -c "echo $i; sleep 1000" >/dev/null &
	done
	wait
	[ "$(docker ps -q | wc -l)" = 40 ]
	for i in $(seq 40); do
		retry 5 bash -c "[ \"\$(docker logs many$i)\" = $i ]"
	done
	[ "$(docker ps -q | xargs docker inspect -f '{{.NetworkSettings.IPAddress}}' | sort -u | wc -l)" = 40 ]
}

@test "pausing while programs are started in a container hangs neither" {
	docker run -d --name froze busybox sleep 600
	(for _ in $(seq 15); do docker exec froze true >/dev/null 2>&1 || true; done) 3>&- &
	local execs=$!
	for _ in $(seq 15); do
		timeout 20 docker pause froze
		timeout 20 docker unpause froze
	done
	wait $execs
	timeout 20 docker exec froze true
	timeout 20 docker rm -f froze
}

@test "logs and events that wait for a time to come end then" {
	docker run -d --name quiet busybox sleep 600
	SECONDS=0
	timeout 20 docker logs -f --until "$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)" quiet
	timeout 20 docker events --until "$(($(date +%s) + 2))"
	[ $SECONDS -le "$(patience 10)" ]
}

@test "inspect shows which paths are hidden, and null where none is" {
	docker run -d --name hidden busybox sleep 600
	docker inspect hidden | jq -e '.[0].HostConfig | (.MaskedPaths | index("/proc/kcore")) and (.ReadonlyPaths | index("/proc/sys"))'
	docker create --name open --privileged busybox
	docker inspect open | jq -e '.[0].HostConfig | .MaskedPaths == null and .ReadonlyPaths == null'
}

@test "a container with --rm can be restarted" {
	docker run -d --rm --name again busybox sleep 600
	docker exec again touch /kept
	docker restart -t 0 again
	docker restart -t 0 again
	docker exec again ls /kept
}
