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
C /t/same
A /t/same2" || is "$(changes)" "C /t
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
	for i in $(seq 200); do
		"$@" 2>/dev/null && return
		sleep 0.05
	done
	return 1
}

@test "diff of what is not there is not found" {
	fails_with 1 "No such container: nobody" docker diff nobody
}
