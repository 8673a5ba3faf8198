# The kist command: docker's verbs, words, tables, templates and exit codes. Where it can be, the same command is
# given to docker on the same daemon, and both must print the same.
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

# same ARGUMENTS...: output and exit code of kist and docker agree (names of the programs aside)
same() {
	local k d kc=0 dc=0
	case $(docker --version) in
	*" version 20."* | *" version 23."*) skip "this docker prints what old ones did" ;;
	esac
	local i
	# seconds may have passed between the two: more than one try
	for i in 1 2 3; do
		kc=0 dc=0
		k=$(kist "$@" 2>&1) || kc=$?
		d=$(docker "$@" 2>&1) || dc=$?
		k=${k//kist/docker} d=${d//kist/docker}
		[ "$k" != "$d" ] || break
	done
	if [ "$k" != "$d" ]; then
		# seconds have passed between the two: ages, and the columns that they move
		k=$(ageless <<<"$k") d=$(ageless <<<"$d")
	fi
	if [ "$k" != "$d" ] || [ $kc != $dc ]; then
		printf 'kist (%s):\n%s\ndocker (%s):\n%s\n' $kc "$k" $dc "$d"
		return 1
	fi
}

@test "lists look like docker's" {
	kist run -d --name c1 -p 127.0.0.1:7080:80 -p 9000-9002:9000-9002/udp -l a=b busybox sleep 100
	kist create --name c2 busybox sh -c 'echo a long command line that is cut; true'
	kist create --name c3 -l text=日本語 busybox echo 日本語日本語日本語日本語 🐳 é
	sleep 1.1
	same ps
	same ps -a
	same ps -aq
	same ps -aq --format '{{.Names}}'
	same images -q --format '{{.Tag}}'
	same ps -a --no-trunc
	same ps -l
	same ps -n 1
	same ps -a --filter name=c2
	same ps --filter label=a=b --format '{{.Names}}: {{.Ports}} {{.Label "a"}} {{.Networks}} {{.Mounts}}'
	same ps -a --format 'table {{.ID}}\t{{.Names}}\t{{.State}}'
	same ps -a --format 'table{{.ID}}\t{{.Names}} '
	same ps -a --format '  {{.ID}} x '
	same ps -a --format 'table {{.Label "text"}}\t{{.Names}}\t{{.Command}}\t{{.State}}'
	same ps -a --format '{{.Names}}\t|\n'
	same ps --format json
	same images
	same images -q
	same images --digests
	same images --no-trunc
	same images --format '{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}'
	same images --digests --format 'table {{.ID}}\t{{.Tag}}'
	same images --digests --format 'table{{.Digest}}\t{{.Tag}}'
	same image ls
	same history busybox
	same history --no-trunc busybox
	same port c1
	same port c1 80
	same top c1
	kist volume create vol1
	same volume ls
	same volume inspect vol1
	same volume ls -q
	kist volume rm vol1
	same network ls
	same network inspect bridge
	same network ls --format '{{.Name}} {{.Driver}}'
}

@test "inspect and templates" {
	kist run -d --name c1 -e A=1 -l a=b -l c=d -p 7081:80 busybox sleep 100
	same inspect c1
	same inspect -s c1
	same container inspect c1
	same inspect busybox
	same image inspect busybox
	same inspect --type image c1
	same inspect nosuch
	for format in '{{.Name}}' '{{.State.Status}} {{.State.Running}}' '{{json .Config.Env}}' \
		'{{range .Config.Env}}{{println .}}{{end}}' '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}' \
		'{{index .Config.Labels "a"}}' '{{len .Config.Env}}' '{{if .State.Running}}up{{else}}down{{end}}' \
		'{{if eq .State.Status "running"}}yes{{end}}' '{{upper .Name}} {{lower "ABC"}}' \
		'{{join .Config.Cmd ","}}' '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}' \
		'{{with .Config}}{{.Image}}{{end}}' '{{- .Name -}}  x' '{{printf "%s-%d" .Name 3}}' '{{.HostConfig.Memory}}' \
		'{{range $i, $e := .Config.Cmd}}{{if $i}}, {{end}}{{$e}}{{end}}' '{{.NoSuchField}}' '{{.Config.Labels}}' \
		'{{json .}}' '{{not .State.Running}} {{and true .Name}} {{or false "x"}}' '{{.State}' '{{nosuch}}' '{{title "abc"}}' \
		'{{split .Name "/"}}' '{{slice .Id 0 12}}' '{{.NetworkSettings.IPAddress}}'; do
		same inspect -f "$format" c1
	done
}

@test "run: output, exit codes, errors" {
	[ "$(kist run --rm busybox echo hello)" = hello ]
	[ "$(echo in | kist run -i --rm busybox cat)" = in ]
	run kist run --rm busybox sh -c 'exit 42'
	[ "$status" = 42 ]
	fails_with 127 "executable file not found in \$PATH" kist run --rm busybox nosuch
	fails_with 126 "permission denied" kist run --rm busybox /etc/passwd
	fails_with 125 "No such image" kist run --rm --pull never nosuch true
	fails_with 125 "unknown flag: --nosuch" kist run --nosuch busybox
	fails_with 1 "requires at least 1 argument" kist run
	seq 100000 >"$BATS_TEST_TMPDIR/in"
	kist run -i --rm busybox cat <"$BATS_TEST_TMPDIR/in" | cmp - "$BATS_TEST_TMPDIR/in"
}

@test "run: detached, cidfile, name, then logs, exec, wait, rm" {
	id=$(kist run -d --name c1 --cidfile "$BATS_TEST_TMPDIR/cid" busybox sh -c 'echo one; echo two >&2; sleep 100')
	[ "$(cat "$BATS_TEST_TMPDIR/cid")" = "$id" ]
	fails_with 125 "ontainer ID file found" kist run --cidfile "$BATS_TEST_TMPDIR/cid" busybox true
	retry 5 bash -c 'kist logs c1 2>&1 | grep -q two'
	[ "$(kist logs c1 2>/dev/null)" = one ]
	[ "$(kist exec c1 echo hi)" = hi ]
	run kist exec c1 sh -c 'exit 5'
	[ "$status" = 5 ]
	[ "$(kist stop -t 0 c1)" = c1 ]
	[ "$(kist wait c1)" = 137 ]
	same logs --tail 1 c1
	same logs -t c1
	[ "$(kist rm c1)" = c1 ]
	same rm c1
	same stop nosuch
	same start nosuch
}

@test "a terminal, detaching, attaching" {
	run expect -c '
		set timeout '"$(patience 10)"'
		spawn -noecho sh -c "stty rows 31 cols 77; exec kist run -it --name c1 busybox sh"
		expect "/ #"; send "stty size\r"; expect "31 77"
		expect "/ #"; send "\x10\x11"; expect eof
		exit [lindex [wait] 3]'
	[ "$status" = 0 ]
	run expect -c '
		set timeout '"$(patience 10)"'
		spawn -noecho kist attach c1
		send "\r"; expect "/ #"; send "exit 7\r"; expect eof
		exit [lindex [wait] 3]'
	[ "$status" = 7 ]
}

@test "signals to the client go to the container" {
	kist run --name c1 busybox sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done' >"$BATS_TEST_TMPDIR/out" &
	client=$!
	retry 5 grep -q up "$BATS_TEST_TMPDIR/out"
	kill -TERM $client
	code=0
	wait $client || code=$?
	[ $code = 9 ]
}

@test "pause, rename, kill, restart, events, tag, rmi, load, import" {
	kist run -d --name c1 busybox sleep 100
	[ "$(kist pause c1)" = c1 ]
	[[ "$(kist ps)" == *"(Paused)"* ]]
	kist unpause c1
	kist rename c1 c2
	[ "$(kist restart -t 0 c2)" = c2 ]
	[ "$(kist kill c2)" = c2 ]
	kist wait c2
	kist events --since 10m --until 0s --filter container=c2 --format '{{.Action}}' | grep -q rename
	kist tag busybox other:1
	[ "$(kist rmi other:1)" = "Untagged: other:1" ]
	[ "$(kist load -i "$(busybox_archive)")" = "Loaded image: busybox:latest" ]
	mkdir "$BATS_TEST_TMPDIR/r"
	tar -C "$BATS_TEST_TMPDIR/r" -c . | kist import - imported:1 | grep -q '^sha256:'
	kist rmi imported:1
}

@test "a file below a link that leads to nothing is refused, and it says why" {
	local deep
	[ "${KIST_PEER:-}" != dockerd ] || skip "the words are kist's own"
	for deep in "" sub/; do
		python3 - "$BATS_TEST_TMPDIR/t.tar" "bin/${deep}foo" <<-'P'
		import io, sys, tarfile
		with tarfile.open(sys.argv[1], "w") as t:
		    link = tarfile.TarInfo("bin")
		    link.type, link.linkname = tarfile.SYMTYPE, "usr/bin"
		    t.addfile(link)
		    t.addfile(tarfile.TarInfo(sys.argv[2]), io.BytesIO())
		P
		fails_with 1 "make the folder of \"bin/${deep}foo\": the symlink \"bin\" leads to nothing in the same layer" \
			kist import "$BATS_TEST_TMPDIR/t.tar" dangling:1
	done
}

@test "help, unknown commands, what is not built" {
	kist help | grep -q '^  run '
	kist --help | grep -q 'Usage:'
	kist run --help | grep -q -- '--memory'
	kist run --help | tr -s ' \n' ' ' | grep -q 'at least 1m'
	kist create --memory 1m --rm busybox true
	fails_with 1 "Minimum memory limit allowed is 1MB" kist create --memory 1023k busybox true
	fails_with 1 "unknown command: kist nosuch" kist nosuch
	fails_with 1 "Did you mean 'kist load'?" kist laod
	fails_with 1 "Did you mean 'kist image'?" kist imgae ls
	fails_with 1 "Did you mean 'kist image prune'?

Usage:  kist image COMMAND" kist image prun
	kist run --memroy 1 busybox 2>&1 | grep -q -- '--memory'
	fails_with 1 "not implemented" kist build .
}

@test "completion knows commands and flags" {
	for shell in bash zsh fish; do
		kist completion $shell >"$BATS_TEST_TMPDIR/$shell"
		[ -s "$BATS_TEST_TMPDIR/$shell" ]
	done
	bash -n "$BATS_TEST_TMPDIR/bash"
	kist __complete exe | grep -qw exec
	kist __complete run --mem | grep -q -- --memory
}

@test "without a daemon it says where it looked" {
	fails_with 1 "Cannot connect to the kist daemon at unix:///nonexistent.sock. Is the kistd daemon running?" \
		kist -H unix:///nonexistent.sock ps
	fails_with 125 "Cannot connect" kist -H unix:///nonexistent.sock run busybox
	fails_with 1 'unable to parse host `tcp://192.0.2.7`: the port is missing' kist -H tcp://192.0.2.7 ps
	fails_with 1 'unable to parse host `tcp://[::1]`: the port is missing' kist -H tcp://[::1] ps
	fails_with 1 'unable to parse host `tcp://192.0.2.7:http`' kist -H tcp://192.0.2.7:http ps
}

@test "version and info" {
	kist version | grep -q 'API version'
	[ "$(kist version --format '{{.Server.APIVersion}}')" = 1.51 ]
	kist info | grep -q 'Storage Driver: overlay'
}
