# Storage drivers: containers on plain copies (vfs), and what becomes of a data root that is used with several.
# `KIST_DRIVER=vfs bats tests/e2e/FILE.bats` runs any other file with it.
load lib/engine

setup_file() {
	export KIST_DRIVER=vfs
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
	docker rmi -f made:1 made:2 flat >/dev/null 2>&1 || true
	rm -rf "$W"
}

# restart DRIVER [flags]: the same data root with another driver; "" chooses.
restart() {
	export KIST_DRIVER=$1
	engine_end
	engine_run "${@:2}"
}

is() {
	[ "$1" = "$2" ] || { diff <(echo "$2") <(echo "$1"); return 1; }
}

CHANGES='mkdir -p /d/sub; echo 1 >/d/sub/file; ln /d/sub/file /d/hard; ln -s file /d/sub/soft; rm /etc/group
	echo x >>/etc/passwd; rm -r /root; mkdir /root; echo 1 >/root/new
	for f in /d/sub/file /d/sub/soft /d/sub /d /etc/passwd /etc /root/new /root; do touch -h -d @1000 "$f"; done'

@test "info, and inspect of images and containers, name the driver as Docker's vfs does" {
	is "$(docker info -f '{{.Driver}} {{json .DriverStatus}}')" "vfs null"
	docker info | grep -q 'Storage Driver: vfs'
	kist info | grep -q 'Storage Driver: vfs'
	docker create --name c1 busybox
	is "$(docker inspect -f '{{.Driver}} {{json .GraphDriver}}' c1)" 'vfs {"Data":null,"Name":"vfs"}'
	is "$(docker image inspect -f '{{json .GraphDriver}}' busybox)" '{"Data":null,"Name":"vfs"}'
}

@test "a container's root is a plain folder, which is its own" {
	run docker run --rm busybox sh -ec 'grep " / " /proc/mounts; echo 1 >/bin/mine; cat /bin/mine'
	[ "$status" = 0 ]
	[[ "$output" != overlay* ]]
	[ "${lines[1]}" = 1 ]
	fails_with 1 "No such file" docker run --rm busybox cat /bin/mine
	[ "$(docker run --rm busybox busybox echo works)" = works ]
}

@test "run, exec, stop and start keep what was written" {
	docker run -d --name c1 busybox sleep 1000
	docker exec c1 sh -c 'echo 1 >/tmp/file'
	docker stop -t 0 c1
	docker start c1
	[ "$(docker exec c1 cat /tmp/file)" = 1 ]
	docker restart -t 0 c1
	[ "$(docker exec c1 cat /tmp/file)" = 1 ]
}

@test "a read-only root cannot be written to, a tmpfs in it can" {
	fails_with 1 "Read-only file system" docker run --rm --read-only busybox touch /x
	docker run --rm --read-only --tmpfs /t busybox touch /t/x
}

@test "volumes are filled from the image" {
	docker run --name c1 -v /etc busybox true
	docker run --rm --volumes-from c1 busybox grep -q root /etc/passwd
}

@test "diff lists what Docker lists" {
	docker run --name c1 --network none busybox sh -ec "$CHANGES"
	is "$(docker diff c1 | LC_ALL=C sort -k 2)" "A /d
A /d/hard
A /d/sub
A /d/sub/file
A /d/sub/soft
C /etc
D /etc/group
C /etc/passwd
C /root
A /root/new"
	docker run --name c2 --network none busybox test -f /.dockerenv
	is "$(docker diff c2)" ""
}

@test "the same changes become the same layer with either driver, and its archive has the same digests" {
	docker run --name c1 --network none busybox sh -ec "$CHANGES"
	docker commit c1 made:1
	is "$(docker run --rm made:1 sh -c 'cat /d/hard; ls /root; ls /etc/group 2>&1')" "1
new
ls: /etc/group: No such file or directory"
	restart overlay2
	docker run --name c2 --network none busybox sh -ec "$CHANGES"
	docker commit c2 made:2
	is "$(docker image inspect -f '{{json .RootFS}}' made:2)" "$(docker image inspect -f '{{json .RootFS}}' made:1)"
	docker save made:1 busybox >"$W/overlay.tar"
	restart vfs
	docker save made:1 busybox >"$W/vfs.tar"
	cmp "$W/overlay.tar" "$W/vfs.tar"
}

@test "export has all files, without the image's deleted ones, and is imported again" {
	docker run --name c1 --network none busybox sh -ec "$CHANGES"
	docker export c1 | tar -t >"$W/list"
	grep -qx d/sub/file "$W/list"
	grep -qx bin/busybox "$W/list"
	! grep -q 'etc/group\|\.wh\.' "$W/list" || false
	docker export c1 | docker import - flat
	[ "$(docker run --rm flat cat /d/hard)" = 1 ]
}

@test "sizes are those of what was written, not of the copy" {
	docker run --name c1 --network none busybox sh -c 'head -c 100000 /dev/zero >/file'
	is "$(docker inspect -s -f '{{.SizeRw}}' c1)" 100000
	docker ps -as --format '{{.Names}} {{.Size}}' | grep -q '^c1 100kB (virtual'
	docker system df -v | grep -q 'c1'
}

@test "rm, rmi and prune free everything" {
	docker run --name c1 --network none busybox true
	local id
	id=$(docker inspect -f '{{.Id}}' c1)
	[ -x "$KIST_HOME/data/containers/$id/root/bin/busybox" ]
	docker rm c1
	[ ! -e "$KIST_HOME/data/containers/$id" ]
	docker run --name c2 --network none busybox sh -c 'echo 1 >/file'
	docker commit c2 made:1
	docker rmi made:1
	docker container prune -f
	[ -z "$(ls "$KIST_HOME/data/containers")" ]
	[ -z "$(ls "$KIST_HOME/data/staging")" ]
	docker system df | grep -q '^Containers *0'
}

@test "a container keeps its driver when the data root is used with another" {
	docker run --name c1 --network none busybox sh -c 'echo 1 >/file'
	restart overlay2
	is "$(docker info -f '{{.Driver}}')" overlay2
	docker run --name c2 --network none busybox sh -c 'echo 2 >/file'
	is "$(docker inspect -f '{{.Name}} {{.GraphDriver.Name}}' c1 c2)" "/c1 vfs
/c2 overlay2"
	is "$(docker diff c1)" "A /file"
	restart vfs
	is "$(docker inspect -f '{{.Driver}}' c2)" overlay2
	docker start -a c2
	is "$(docker diff c1; docker diff c2)" "A /file
A /file"
}

@test "--storage-opt is refused in Docker's words" {
	fails_with 125 "Filesystem does not support, or has not enabled quotas" docker run --rm --storage-opt size=1G busybox true
	fails_with 125 "Storage opt colour not supported" docker run --rm --storage-opt colour=red busybox true
	restart overlay2
	fails_with 125 "--storage-opt is supported only for overlay over xfs with 'pquota' mount option" \
		docker run --rm --storage-opt size=1G busybox true
	restart vfs
	[ -z "$(docker ps -aq)" ]
}

@test "without a driver named overlay2 is taken; an unknown one is refused" {
	restart ""
	is "$(docker info -f '{{.Driver}}')" overlay2
	restart vfs
	run "$BIN/kistd" -s floppy --data-root "$W/data" --exec-root "$W/exec" --host "unix://$W/sock" \
		--pidfile "$W/pid" --bridge none
	[ "$status" != 0 ]
	[[ "$output" == *'storage driver "floppy"'* ]]
	echo '{"storage-driver": "tape"}' >"$W/daemon.json"
	run "$BIN/kistd" --config-file "$W/daemon.json" --data-root "$W/data" --exec-root "$W/exec" --host "unix://$W/sock" \
		--pidfile "$W/pid" --bridge none
	[ "$status" != 0 ]
	[[ "$output" == *'storage driver "tape"'* ]]
}

# A data root inside of an overlay, as in a container of another engine: overlayfs takes no such upper folder.
@test "where overlayfs does not work vfs is taken, and the log says so" {
	mkdir -p "$W/lower" "$W/upper" "$W/work" "$W/merged"
	mount -t overlay overlay -o "lowerdir=$W/lower,upperdir=$W/upper,workdir=$W/work" "$W/merged"
	engine_end
	local home=$KIST_HOME status=0
	inside || status=$?
	umount_soon "$W/merged"
	KIST_HOME=$home
	KIST_DRIVER=vfs engine_run
	return $status
}

inside() {
	ln -s "$W/merged" "$W/home"
	KIST_HOME=$W/merged KIST_DRIVER='' DOCKER_HOST=unix://$W/merged/kist.sock engine_run || return 1
	export -n DOCKER_HOST
	local result=0
	{
		H="docker -H unix://$W/merged/kist.sock"
		$H load -q -i "$(busybox_archive)" &&
			is "$($H info -f '{{.Driver}}')" vfs &&
			is "$($H run --rm --network none busybox echo works)" works &&
			$H run --name c1 --network none busybox rm -r /etc/group /root &&
			$H commit c1 made:1 &&
			is "$($H run --rm --network none made:1 sh -c 'ls -d /etc/group /root /etc/passwd 2>/dev/null; true')" /etc/passwd &&
			is "$($H diff c1 | wc -l)" 3 &&
			[ -e "$W/merged/data/plain-whiteouts" ] &&
			grep -q 'storage driver overlay2 does not work' "$W/merged/kistd.log"
	} || result=1
	KIST_HOME=$W/merged engine_end
	keep_reports "$W/merged/kistd.log"
	return $result
}

@test "a container for which there is no room is refused, and leaves nothing" {
	mkdir "$W/small"
	mount -t tmpfs -o size=32m tmpfs "$W/small"
	engine_end
	local status=0
	crowded || status=$?
	umount_soon "$W/small"
	KIST_DRIVER=vfs engine_run
	return $status
}

crowded() {
	export -n DOCKER_HOST
	KIST_HOME=$W/small DOCKER_HOST=unix://$W/small/kist.sock engine_run || return 1
	local result=0 before
	H="docker -H unix://$W/small/kist.sock"
	{
		$H load -q -i "$(busybox_archive)" &&
			$H run --name c1 --network none busybox sh -c 'head -c 10000000 /dev/urandom >/big' &&
			$H commit c1 made:1 &&
			$H rm c1 &&
			$H create --name c1 --network none made:1 &&
			before=$(ls "$W/small/data/containers") &&
			fails_with 1 "room for" $H create --name c2 --network none made:1 &&
			is "$(ls "$W/small/data/containers")" "$before" &&
			is "$(ls "$W/small/data/staging")" "" &&
			is "$($H ps -aq --no-trunc)" "$before" &&
			$H rm c1 && $H run --rm --network none made:1 ls /big
	} || result=1
	KIST_HOME=$W/small engine_end
	return $result
}
