# From a container to bytes: diff, export, commit; import with changes. KIST_PEER=dockerd bats tests/e2e/commit.bats runs
# what is not about kist alone against Docker.
load lib/engine

setup_file() {
	engine_start
	load_busybox
}
teardown_file() {
	engine_stop
}
setup() {
	W=$(mktemp -d "$KIST_HOME/test.XXXXXX")
}
teardown() {
	docker rm -f -v c1 c2 c3 >/dev/null 2>&1 || true
	docker rmi -f new new2 new:1 imported >/dev/null 2>&1 || true
	rm -rf "$W"
}

only_kist() {
	[ "${KIST_PEER:-}" != dockerd ] || skip "about kist alone"
}

# made COMMAND: a container c1 in which a shell has run it; it has ended.
made() {
	docker run --name c1 --network none "${@:2}" busybox sh -ec "$1"
}

# Its changes, sorted: dockerd gives them in no order.
changes() {
	docker diff c1 | LC_ALL=C sort -k 2
}

is() {
	[ "$1" = "$2" ] || { diff <(echo "$2") <(echo "$1"); return 1; }
}

# An image with something to change: folders, files, links.
base() {
	docker image inspect base >/dev/null 2>&1 && return
	docker run --name c3 --network none busybox sh -ec '
		mkdir -p /t/d/sub /t/gone /t/opaque/sub /t/e; cd /t
		echo 1 >file; echo 1 >mode; echo 1 >owner; echo 1 >touched; echo 1 >deleted; echo 1 >type; echo 1 >same
		echo 1 >d/a; echo 1 >d/sub/b; echo 1 >gone/x; echo 1 >opaque/x; echo 1 >opaque/sub/y; ln -s file link
		echo 1 >h1; ln h1 h2; touch -d @1000000 file mode owner touched deleted type same'
	docker commit c3 base >/dev/null
	docker rm c3 >/dev/null
}

based() {
	base
	docker run --name c1 --network none "${@:2}" base sh -ec "cd /t; $1"
}

@test "diff says nothing of a container that changed nothing" {
	made true
	is "$(changes)" ""
	docker create --name c2 busybox
	is "$(docker diff c2)" ""
}

@test "every container has an empty /.dockerenv, and neither diff nor commit tells of it" {
	made 'test -f /.dockerenv; test ! -s /.dockerenv; test -x /.dockerenv'
	is "$(changes)" ""
	docker commit c1 new >/dev/null
	is "$(docker image inspect -f '{{.RootFS.Layers}}' new)" "$(docker image inspect -f '{{.RootFS.Layers}}' busybox)"
	docker export c1 >"$W/c1.tar"
	tar -tf "$W/c1.tar" .dockerenv
	# nor where the image has one
	docker import "$W/c1.tar" imported >/dev/null
	docker run --name c2 --network none imported test -f /.dockerenv
	is "$(docker diff c2)" ""
	only_kist
	# one that somebody has written to is theirs
	docker run --name c3 --network none busybox sh -c 'echo mine >/.dockerenv'
	is "$(docker diff c3)" "A /.dockerenv"
}

# etc_image NAME COMMAND: an image with busybox, /etc as COMMAND makes it, and what links of it may lead to.
etc_image() {
	rm -rf "$W/root"
	mkdir -p "$W/root/bin" "$W/root/etc" "$W/root/run/net"
	cp "$(command -v busybox)" "$W/root/bin/busybox"
	for name in sh cat readlink stat tail; do ln -s busybox "$W/root/bin/$name"; done
	echo mine | tee "$W/root/etc/other" "$W/root/run/net/stub" >/dev/null
	(cd "$W/root" && eval "$2")
	tar -C "$W/root" -c . | docker import - "$1" >/dev/null
}

# What a container of it sees: four names in /etc, and that the links' ends are as they were.
etc_seen() { # IMAGE
	docker run --name c1 --hostname seen --network none "$1" /bin/sh -c '
		cd /etc; stat -c "%F" resolv.conf hosts hostname mtab; readlink mtab; cat hostname; tail -n 1 hosts
		[ ! -e other ] || cat other; cat /run/net/stub'
}

@test "an image's links at /etc/resolv.conf, hosts, hostname and mtab give way, and are in what is committed" {
	local kind where victim=$W/victim n=0
	echo safe >"$victim"
	mkdir "$W/folder"
	while read -r kind where; do
		n=$((n + 1))
		etc_image "links:$n" "ln -s $where etc/resolv.conf; ln -s $where etc/hosts; ln -s $where etc/hostname
			case $kind in file) echo x >etc/mtab ;; none) ;; *) ln -s $where etc/mtab ;; esac"
		run etc_seen "links:$n"
		is "$status ${lines[*]:0:6}" "0 regular file regular file regular file symbolic link /proc/mounts seen"
		is "${lines[-2]} ${lines[-1]}" "mine mine"
		# a second start finds what the first one made
		docker start -a c1 | cmp - <(printf '%s\n' "${lines[@]}")
		is "$(changes)" ""
		docker commit c1 new >/dev/null
		is "$(inspect '{{.RootFS.Layers}}' new)" "$(inspect '{{.RootFS.Layers}}' "links:$n")"
		# beside a change of the container's own, too
		docker rm c1 >/dev/null
		docker run --name c1 --network none "links:$n" /bin/sh -c 'echo 1 >/etc/new'
		is "$(changes)" "C /etc
A /etc/new"
		docker commit c1 new >/dev/null
		docker save new | tar -xO "$(docker save new | tar -xO manifest.json | jq -r '.[0].Layers[-1]')" | tar -t >"$W/names"
		is "$(cat "$W/names")" "etc/
etc/new"
		docker rm c1 >/dev/null
		docker rmi -f new "links:$n" >/dev/null
	done <<-END
		link /run/net/stub
		file ../run/net/stub
		none other
		link /not/there
		link nothing
		link ../../../../../../../..$victim
		link $victim
		link /proc/self/cwd/x
		link $W/folder
	END
	is "$(cat "$victim")" safe
	is "$(ls "$W/folder")" ""
}

@test "an /etc that is a link gives way to a folder, and stays the image's" {
	etc_image odd:1 'mv etc real; ln -s real etc'
	run etc_seen odd:1
	is "$status ${lines[*]:0:6}" "0 regular file regular file regular file symbolic link /proc/mounts seen"
	is "$(changes)" ""
	docker commit c1 new >/dev/null
	is "$(inspect '{{.RootFS.Layers}}' new)" "$(inspect '{{.RootFS.Layers}}' odd:1)"
	docker rm c1 >/dev/null
	docker rmi -f new odd:1 >/dev/null
}

@test "what a container does with its /etc/mtab stays, and is committed" {
	made '[ -e /ran ] || { readlink /etc/mtab; rm /etc/mtab; echo own >/etc/mtab; touch /ran; }'
	docker start c1 >/dev/null
	docker wait c1 >/dev/null
	docker commit c1 new >/dev/null
	docker export c1 | tar -xO etc/mtab | grep -qx own
	changes | grep -q ' /etc/mtab$'
}

@test "diff names what was added, changed and deleted, as Docker does" {
	based 'echo 2 >>file; echo new >added; mkdir -p deep/er; echo 1 >deep/er/f; rm deleted'
	is "$(changes)" "C /t
A /t/added
A /t/deep
A /t/deep/er
A /t/deep/er/f
D /t/deleted
C /t/file"
}

@test "diff sees modes, owners and times; a folder below which something changed has changed" {
	based 'chmod 600 mode; chown 7 owner; touch touched; echo 2 >>d/sub/b; chmod 700 e'
	is "$(changes)" "C /t
C /t/d
C /t/d/sub
C /t/d/sub/b
C /t/e
C /t/mode
C /t/owner
C /t/touched"
}

@test "diff passes over what was copied up but is as it was" {
	based 'chmod 600 same; chmod 644 same; chown 7 d; chown 0 d'
	is "$(changes)" ""
}

@test "diff sees types that were replaced" {
	based 'rm type; mkdir type; echo 1 >type/x; rm -r gone; echo 1 >gone; rm link; echo 1 >link'
	is "$(changes)" "C /t
C /t/gone
C /t/link
C /t/type
A /t/type/x"
}

@test "diff sees through a folder that was removed and made anew" {
	based 'rm -r opaque; mkdir opaque; echo 2 >opaque/new; mkdir opaque/sub'
	is "$(changes)" "C /t
C /t/opaque
A /t/opaque/new
C /t/opaque/sub
D /t/opaque/sub/y
D /t/opaque/x"
}

@test "diff of a renamed folder: one gone, one new" {
	based 'mv d renamed; mv opaque/sub moved'
	is "$(changes)" "C /t
D /t/d
A /t/moved
A /t/moved/y
C /t/opaque
D /t/opaque/sub
A /t/renamed
A /t/renamed/a
A /t/renamed/sub
A /t/renamed/sub/b"
}

@test "diff shows nothing of what came and went" {
	based 'mkdir n; echo 1 >n/x; rm n/x; echo 1 >tmp; rm tmp; rm -r e; mkdir -p f/g; rmdir f/g'
	is "$(changes)" "C /t
D /t/e
A /t/f
A /t/n"
}

@test "diff of hard links: those that were written to have parted" {
	based 'echo 2 >>h1; ln same same2'
	is "$(changes)" "C /t
C /t/h1
A /t/same2"
}

@test "diff works on a running container, and shows mount points of volumes" {
	docker run -d --name c1 --network none -v /data/vol --tmpfs /tmpfs busybox sh -c 'echo 1 >/data/vol/x; echo 1 >/new; sleep 100'
	wait_until docker exec c1 test -e /new
	is "$(changes)" "A /data
A /data/vol
A /new
A /tmpfs"
}

wait_until() {
	local i
	for i in $(seq "$(patience 200)"); do
		"$@" 2>/dev/null && return
		sleep 0.05
	done
	return 1
}

@test "diff of what is not there is not found" {
	fails_with 1 "No such container: nobody" docker diff nobody
}

# ---- export ----

@test "export is the root file system as the container sees it" {
	based 'rm deleted; echo 2 >>file; mknod dev c 1 3; mkfifo fifo; echo 1 >opaque/z; rm -r gone; ln file file2'
	docker export c1 >"$W/all.tar"
	tar -tf "$W/all.tar" | grep '^t/' | LC_ALL=C sort >"$W/names"
	is "$(cat "$W/names")" "t/
t/d/
t/d/a
t/d/sub/
t/d/sub/b
t/dev
t/e/
t/fifo
t/file
t/file2
t/h1
t/h2
t/link
t/mode
t/opaque/
t/opaque/sub/
t/opaque/sub/y
t/opaque/x
t/opaque/z
t/owner
t/same
t/touched
t/type"
	is "$(tar -xOf "$W/all.tar" t/file)" "1
2"
	tar -tvf "$W/all.tar" t/dev | grep -q '^crw.* 1,3 '
	tar -tvf "$W/all.tar" t/file2 | grep -q 'link to t/file'
	tar -tvf "$W/all.tar" bin/busybox
}

@test "export of a running container leaves out what is mounted" {
	docker run -d --name c1 --network none -v /data --tmpfs /tmpfs busybox sh -c 'echo 1 >/data/x; echo 1 >/tmpfs/y; echo 1 >/new; sleep 100'
	wait_until docker exec c1 test -e /new
	docker export c1 | tar -t >"$W/names"
	grep -qx new "$W/names"
	grep -qx data/ "$W/names"
	fails_with 1 "" grep -E '^(data/x|tmpfs/y|proc/self|sys/kernel)' "$W/names"
}

@test "an export that is imported makes the same tree again" {
	based 'chown 1234:4321 owner; chmod 4755 mode; echo ü >ü'
	docker export c1 >"$W/1.tar"
	docker import "$W/1.tar" imported >/dev/null
	docker create --name c2 imported true >/dev/null
	docker export c2 >"$W/2.tar"
	is "$(tar --numeric-owner -tvf "$W/2.tar" | grep ' t/' | sort -k 6)" "$(tar --numeric-owner -tvf "$W/1.tar" | grep ' t/' | sort -k 6)"
}

@test "a client that leaves an export ends it" {
	only_kist
	docker run -d --name c1 --network none busybox sh -c 'dd of=/huge bs=1 count=0 seek=1000000000000; sleep 100'
	wait_until docker exec c1 test -e /huge
	docker export c1 | head -c 10000000 >/dev/null
	wait_until no_transfer
}

no_transfer() {
	! pgrep -P "$(engine_pid)" -x kist-transfer >/dev/null
}

@test "export of what is not there is not found" {
	fails_with 1 "No such container: nobody" docker export -o "$W/x" nobody
}

# ---- commit ----

inspect() {
	docker image inspect -f "$1" "$2"
}

@test "a commit is the image and what the container changed" {
	made 'echo hello >/hello; rm /bin/false; mkdir -p /a/b'
	id=$(docker commit -a "A <a@b>" -m "it changed" c1 new)
	[[ "$id" =~ ^sha256:[0-9a-f]{64}$ ]]
	is "$(inspect '{{.Id}}' new)" "$id"
	is "$(inspect '{{.Author}} {{.Comment}} {{len .RootFS.Layers}}' new)" "A <a@b> it changed 2"
	is "$(inspect '{{.Parent}}' new)" "$(inspect '{{.Id}}' busybox)"
	is "$(docker run --rm --network none new cat /hello)" hello
	fails_with 1 "" docker run --rm --network none new test -e /bin/false
	docker run --rm --network none new test -d /a/b
}

@test "history of a commit: one entry more, with the container's command, the comment and the layer's size" {
	made 'printf 12345 >/five'
	docker commit -m why c1 new
	run docker history --no-trunc --format '{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}' new
	is "${lines[0]}" "$(inspect '{{.Id}}' new)|sh -ec printf 12345 >/five|5B|why"
	is "${#lines[@]}" "$(($(docker history -q busybox | wc -l) + 1))"
	is "$(inspect '{{.Size}}' new)" "$(($(inspect '{{.Size}}' busybox) + 5))"
}

@test "a commit of nothing has no layer, and a history entry without size" {
	made true
	docker commit c1 new
	docker commit c1 new2
	is "$(inspect '{{.RootFS.Layers}}' new)" "$(inspect '{{.RootFS.Layers}}' busybox)"
	is "$(inspect '{{.RootFS.Layers}}' new2)" "$(inspect '{{.RootFS.Layers}}' busybox)"
	is "$(docker history --format '{{.Size}}' new | head -n 1)" 0B
}

@test "the same changes committed twice are the same layer" {
	based 'echo 2 >>file; rm deleted; mkdir new; echo 1 >new/x'
	docker commit c1 new
	docker commit c1 new2
	is "$(inspect '{{.RootFS.Layers}}' new)" "$(inspect '{{.RootFS.Layers}}' new2)"
	[ "$(inspect '{{.RootFS.Layers}}' new)" != "$(inspect '{{.RootFS.Layers}}' base)" ]
}

@test "whiteouts, opaque folders, links, owners, modes and attributes survive a commit" {
	based 'rm deleted; rm -r opaque; mkdir opaque; echo 2 >opaque/new; ln file file2; chown 1234:4321 owner; chmod 4755 mode
		rm -r gone; ln -s /x link2; mknod dev c 1 3; rm type; mkdir type' --cap-add SYS_ADMIN
	docker export c1 >"$W/1.tar"
	docker commit c1 new
	docker create --name c2 new >/dev/null
	docker export c2 >"$W/2.tar"
	is "$(tar --numeric-owner -tvf "$W/2.tar" | grep ' t/')" "$(tar --numeric-owner -tvf "$W/1.tar" | grep ' t/')"
}

@test "a commit takes the container's configuration" {
	docker run --name c1 --network none -e A=1 -e B=2 -l x=y --expose 80 -w /tmp -u 7 -v /vol --entrypoint echo --stop-signal INT busybox hello world
	docker commit c1 new
	is "$(inspect '{{.Config.Env}} {{.Config.Labels}} {{.Config.ExposedPorts}}' new)" "$(docker inspect -f '{{.Config.Env}} {{.Config.Labels}} {{.Config.ExposedPorts}}' c1)"
	is "$(inspect '{{.Config.WorkingDir}} {{.Config.User}} {{.Config.Volumes}} {{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.StopSignal}}' new)" \
		"/tmp 7 map[/vol:{}] [echo] [hello world] INT"
	is "$(docker run --rm --network none new)" "hello world"
}

@test "--change: what the Dockerfile would say" {
	docker create --name c1 -e OLD=o -l keep=me -v /old busybox echo old >/dev/null
	docker commit -c 'CMD ["echo", "a b"]' -c 'ENV X=1 Y="two words" Z=$OLD' -c 'LABEL a=b "c d"=e' -c 'EXPOSE 80 90/udp' \
		-c 'USER 7:8' -c 'VOLUME /v1 /v2' -c 'WORKDIR /tmp' -c 'ONBUILD RUN  x y' \
		-c 'HEALTHCHECK --interval=5s --retries=2 CMD test -e /x' c1 new >/dev/null
	is "$(inspect '{{json .Config.Cmd}} {{.Config.Env}}' new)" \
		"[\"echo\",\"a b\"] [OLD=o $(inspect '{{index .Config.Env 0}}' busybox) X=1 Y=two words Z=o]"
	is "$(inspect '{{json .Config.Labels}}' new)" '{"a":"b","c d":"e","keep":"me"}'
	is "$(inspect '{{.Config.ExposedPorts}} {{.Config.User}} {{.Config.Volumes}}' new)" \
		"map[80/tcp:{} 90/udp:{}] 7:8 map[/old:{} /v1:{} /v2:{}]"
	is "$(inspect '{{.Config.WorkingDir}} {{json .Config.OnBuild}}' new)" '/tmp ["RUN  x y"]'
	is "$(inspect '{{json .Config.Healthcheck}}' new)" '{"Test":["CMD-SHELL","test -e /x"],"Interval":5000000000,"Retries":2}'
}

@test "--change STOPSIGNAL" {
	only_kist # 20.10 does not take it yet
	docker create --name c1 busybox >/dev/null
	docker commit -c 'STOPSIGNAL INT' c1 new >/dev/null
	is "$(inspect '{{.Config.StopSignal}}' new)" INT
}

@test "--change ENTRYPOINT takes the command away, unless one comes before" {
	docker create --name c1 busybox echo old >/dev/null
	docker commit -c 'ENTRYPOINT ["x"]' c1 new >/dev/null
	is "$(inspect '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' new)" '["x"] null'
	docker commit -c 'CMD a b' -c 'ENTRYPOINT x y' c1 new2 >/dev/null
	is "$(inspect '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' new2)" '["/bin/sh","-c","x y"] ["/bin/sh","-c","a b"]'
}

@test "--change: what is none is refused, and nothing is made" {
	docker create --name c1 busybox >/dev/null
	before=$(docker images -aq | wc -l)
	fails_with 1 "run is not a valid change command" docker commit -c 'run x' c1
	fails_with 1 "ENV must have two arguments" docker commit -c 'ENV x' c1
	fails_with 1 "VOLUME" docker commit -c 'VOLUME [""]' c1
	fails_with 1 "HEALTHCHECK" docker commit -c 'HEALTHCHECK NOSUCH' c1
	fails_with 1 "x" docker commit -c 'EXPOSE x' c1
	is "$(docker images -aq | wc -l)" "$before"
}

@test "a commit pauses the container while it reads, and it runs afterwards" {
	id=$(docker run -d --name c1 --network none busybox sleep 100)
	since=$(date +%s)
	docker commit c1 new
	is "$(docker inspect -f '{{.State.Status}}' c1)" running
	docker events --since "$since" --until "$(($(date +%s) + 1))" --filter container="$id" --format '{{.Action}}' | grep -E 'commit|pause' | sort >"$W/events"
	is "$(cat "$W/events")" "commit
pause
unpause"
	since=$(date +%s.%N)
	docker commit --pause=false c1 new2
	is "$(docker events --since "$since" --until "$(($(date +%s) + 1))" --filter container="$id" --format '{{.Action}}' | grep -E 'commit|pause')" commit
}

@test "a paused container stays paused" {
	docker run -d --name c1 --network none busybox sleep 100
	docker pause c1
	docker commit c1 new
	is "$(docker inspect -f '{{.State.Status}}' c1)" paused
	docker unpause c1
}

@test "events of a commit name image, reference and comment" {
	docker create --name c1 busybox >/dev/null
	since=$(date +%s)
	id=$(docker commit -m "a comment" c1 new:1)
	run docker events --since "$since" --until "$(($(date +%s) + 1))" --filter event=commit \
		--format '{{.Type}} {{.Actor.Attributes.comment}} {{.Actor.Attributes.imageID}} {{.Actor.Attributes.imageRef}} {{.Actor.Attributes.name}}'
	is "${lines[-1]}" "container a comment $id new:1 c1"
	docker events --since "$since" --until "$(($(date +%s) + 1))" --filter type=image --format '{{.Action}} {{.Actor.Attributes.name}}' | grep -qx "tag new:1"
}

@test "a name moves to the new image; the old one stays without" {
	docker create --name c1 busybox >/dev/null
	old=$(docker commit c1 new)
	docker commit -m x c1 new >/dev/null
	is "$(inspect '{{.RepoTags}}' "$old")" "[]"
	docker rmi "$old"
}

@test "commits that cannot be" {
	fails_with 1 "No such container: nobody" docker commit nobody new
	docker create --name c1 busybox >/dev/null
	fails_with 1 "" docker commit c1 UPPER
	fails_with 1 "" docker commit c1 "new@sha256:$(printf '0%.0s' $(seq 64))"
}

@test "an image that others are based on stays when its name goes" {
	made 'echo 1 >/x'
	docker commit c1 new
	docker run --name c2 --network none new sh -c 'echo 2 >/y'
	docker commit c2 new2
	docker rm c1 c2
	docker rmi new
	is "$(docker run --rm --network none new2 cat /x /y)" "1
2"
}

# ---- kist's own command line ----

@test "kist diff, export and commit do what docker's do" {
	only_kist
	based 'rm deleted; echo 2 >>file; mkdir new; echo 1 >new/x'
	is "$(kist diff c1)" "$(docker diff c1)"
	is "$(kist diff c1 | head -n 2)" "C /t
D /t/deleted"
	kist export c1 >"$W/1.tar"
	kist container export -o "$W/2.tar" c1
	docker export c1 >"$W/3.tar"
	cmp "$W/1.tar" "$W/2.tar"
	cmp "$W/1.tar" "$W/3.tar"
	id=$(kist commit -a me -m why -c 'ENV K=v' -c 'CMD ["echo","hi"]' c1 new:1)
	is "$(inspect '{{.Id}} {{.Author}} {{.Comment}} {{index .RepoTags 0}}' new:1)" "$id me why new:1"
	is "$(kist run --rm --network none new:1)" hi
	kist commit --pause=false c1 >/dev/null
}

@test "kist export writes a whole file or none, and nothing to a terminal" {
	only_kist
	docker create --name c1 busybox >/dev/null
	fails_with 1 "invalid output path" kist export -o "$W/nowhere/x" c1
	fails_with 1 "must not be a directory" kist export -o "$W" c1
	fails_with 1 "No such container" kist export -o "$W/x" nobody
	is "$(ls "$W")" ""
	fails_with 1 "refusing to export to a terminal" script -qec "kist export c1" /dev/null
	kist export -o /dev/full c1 && return 1
	echo old >"$W/x"
	kist export -o "$W/x" c1
	tar -tf "$W/x" | grep -q '^bin/busybox$'
	is "$(ls "$W")" x
}

@test "import reads a platform in every way that pull does" {
	local said
	tar -C "$BATS_TEST_TMPDIR" -cf "$W/none.tar" -T /dev/null
	for said in arm64 linux/arm64 Linux/aarch64; do
		docker import --platform $said "$W/none.tar" imported
		[ "${KIST_PEER:-}" = dockerd ] || is "$(inspect '{{.Os}} {{.Architecture}} {{.Variant}}' imported | xargs)" "linux arm64"
	done
	docker import --platform linux/arm/v6 "$W/none.tar" imported
	[ "${KIST_PEER:-}" = dockerd ] || is "$(inspect '{{.Os}} {{.Architecture}} {{.Variant}}' imported)" "linux arm v6"
	fails_with 1 '"bogus": unknown operating system or architecture: invalid argument' docker import --platform bogus "$W/none.tar"
	fails_with 1 '"a/b/c/d": cannot parse platform specifier: invalid argument' docker import --platform a/b/c/d "$W/none.tar"
	for said in windows windows/amd64 x/y; do
		fails_with 1 "operating system is not supported" docker import --platform $said "$W/none.tar"
	done
}

@test "import takes a file, standard input and changes" {
	based true
	docker export c1 >"$W/x.tar"
	since=$(date +%s)
	id=$(docker import -m why -c 'ENV A=1 B=$A' -c 'ENV C=$A' -c 'ENTRYPOINT ["cat"]' -c 'CMD ["/t/file"]' "$W/x.tar" imported)
	is "$(inspect '{{.Id}} {{.Comment}} {{json .Config.Env}} {{json .Config.Entrypoint}}' imported)" \
		"$id why [\"A=1\",\"B=\",\"C=1\"] [\"cat\"]"
	is "$(docker run --rm --network none imported)" 1
	docker events --since "$since" --until "$(($(date +%s) + 1))" --filter event=import --format '{{.Actor.ID}}' | grep -qx "$id"
	gzip -c "$W/x.tar" | docker import - imported
	fails_with 1 "is not a valid change command" docker import -c 'FROM x' "$W/x.tar"
	only_kist
	is "$(kist import -c 'CMD ["true"]' "$W/x.tar" imported | cut -c 1-7)" sha256:
	is "$(inspect '{{json .Config.Cmd}}' imported)" '["true"]'
	kist import - imported <"$W/x.tar"
}

# ---- faults ----

@test "a container that a killed daemon had paused for a commit runs again when it comes back" {
	only_kist
	docker run -d --name c1 --network none busybox sh -c 'dd if=/dev/zero of=/big bs=1 count=0 seek=800000000; i=0; while :; do i=$((i+1)); echo $i >/c; mv /c /count; sleep 0.05; done'
	wait_until docker exec c1 test -e /count
	docker commit c1 new >/dev/null 2>&1 &
	wait_until paused
	kill -9 "$(engine_pid)"
	wait_gone "$(engine_pid)"
	wait || true
	fails_with 0 "" paused_by_cgroup c1
	engine_run
	is "$(docker inspect -f '{{.State.Status}}' c1)" running
	before=$(docker exec c1 cat /count)
	wait_until counted_on "$before"
	fails_with 1 "No such image" docker image inspect new
	is "$(ls "$KIST_HOME/data/staging")" ""
	is "$(ls "$KIST_HOME/exec/containers/"*/paused-by-commit 2>/dev/null)" ""
}

paused() {
	[ "$(docker inspect -f '{{.State.Status}}' c1)" = paused ]
}

counted_on() { # FROM
	[ "$(docker exec c1 cat /count)" -gt "$1" ]
}

# Frozen, as the kernel sees it: nobody is there to say so.
paused_by_cgroup() {
	local id
	id=$(ls "$KIST_HOME/exec/containers")
	grep -qsE 'FROZEN|^frozen 1' /sys/fs/cgroup/freezer/"$KIST_CGROUP/$id"/freezer.state \
		/sys/fs/cgroup/"$KIST_CGROUP/$id"/cgroup.events /sys/fs/cgroup/unified/"$KIST_CGROUP/$id"/cgroup.events
}

@test "a commit that fails lets the container go on and leaves nothing" {
	only_kist
	docker run -d --name c1 --network none busybox sh -c 'mkdir /d; echo 1 >/d/.wh.bin; sleep 100'
	wait_until docker exec c1 test -e /d/.wh.bin
	before=$(docker images -aq | wc -l)
	fails_with 1 '"d/.wh.bin" cannot be in a layer' docker commit c1 new
	is "$(docker inspect -f '{{.State.Status}}' c1)" running
	docker exec c1 true
	is "$(docker images -aq | wc -l)" "$before"
	is "$(ls "$KIST_HOME/data/staging")" ""
	docker export c1 | tar -t | grep -qx d/.wh.bin
}

@test "a container removed while it is exported is no whole export" {
	only_kist
	docker run -d --name c1 --network none busybox sh -c 'dd if=/dev/zero of=/aaa bs=1 count=0 seek=3000000000; sleep 100'
	wait_until docker exec c1 test -e /aaa
	mkfifo "$W/pipe"
	docker export c1 >"$W/pipe" 2>"$W/said" &
	exec 9<"$W/pipe"
	head -c 1000000 <&9 >/dev/null
	docker rm -f c1
	cat <&9 >/dev/null
	exec 9<&-
	wait $! && return 1
	grep -qi 'unexpected EOF\|error' "$W/said"
}

@test "files that grow and shrink while they are exported leave the archive whole" {
	docker run -d --name c1 --network none busybox sh -c 'mkdir /t; while :; do
		dd if=/dev/zero of=/t/a bs=300000 count=3 2>/dev/null; : >/t/a; echo x >>/t/b; rm -rf /t/d; mkdir -p /t/d/e; echo 1 >/t/d/e/f; done'
	wait_until docker exec c1 test -e /t/d/e/f
	for i in $(seq 20); do
		docker export c1 | tar -t >"$W/names"
		grep -qx t/b "$W/names"
		tail -n 1 "$W/names" | grep -q '^var\|^usr\|^tmp\|^t'
	done
}

@test "CVE-2018-15664: a folder swapped for a link during an export leads nowhere" {
	echo "of the host" >"$KIST_HOME/secret"
	docker run -d --name c1 --network none -e "H=$KIST_HOME" busybox sh -c 'mkdir -p /t/d; echo 1 >/t/d/secret; cd /t; while :; do
		mv d e; ln -s "../../../../../../../../..$H" d; rm d; ln -s / d; rm d; mv e d; done'
	wait_until docker exec c1 test -e /t
	for _ in $(seq 12); do
		docker export c1 >"$W/x.tar"
		fails_with 1 "" grep -q "of the host" "$W/x.tar"
	done
	tar -tf "$W/x.tar" >/dev/null
}

@test "many names in one folder come in order, and none is missing" {
	only_kist
	docker create --name c1 busybox >/dev/null
	upper=$KIST_HOME/data/containers/$(docker inspect -f '{{.Id}}' c1)/upper
	mkdir "$upper/many"
	(cd "$upper/many" && seq -f 'a-rather-long-name-for-a-file-%06.0f' 8000 | xargs touch)
	docker export c1 | tar -t | grep '^many/a' >"$W/names"
	is "$(wc -l <"$W/names")" 8000
	LC_ALL=C sort -c "$W/names"
	is "$(docker diff c1 | wc -l)" 8001
	docker commit c1 new >/dev/null
	is "$(docker run --rm --network none new sh -c 'ls /many | wc -l')" 8000
}

@test "device nodes of a container are packed, not opened" {
	docker run --name c1 --network none busybox sh -c 'mknod /zero c 1 5; mknod /tty c 5 0; mkfifo /fifo'
	docker export c1 | tar -tv | grep -cE '(zero|tty|fifo)$' | grep -qx 3
	docker commit c1 new >/dev/null
	is "$(docker run --rm --network none new sh -c 'ls -l /zero | cut -c 1')" c
}

@test "a STOPSIGNAL that is none is refused, by commit and by import" {
	only_kist # docker 20.10 does not take the instruction
	docker create --name c1 busybox >/dev/null
	fails_with 1 "nvalid signal: NOSUCH" docker commit -c 'STOPSIGNAL NOSUCH' c1 new
	fails_with 1 "nvalid signal: 999" docker commit -c 'STOPSIGNAL 999' c1 new
	tar -C "$W" -c . >"$KIST_HOME/empty.tar"
	fails_with 1 "nvalid signal: SIGNOT" docker import -c 'STOPSIGNAL SIGNOT' "$KIST_HOME/empty.tar" imported
	docker commit -c 'STOPSIGNAL RTMIN+3' c1 new >/dev/null
	is "$(docker image inspect -f '{{.Config.StopSignal}}' new)" RTMIN+3
	docker commit -c 'STOPSIGNAL sigint' c1 new2 >/dev/null
	is "$(docker image inspect -f '{{.Config.StopSignal}}' new2)" sigint
}
