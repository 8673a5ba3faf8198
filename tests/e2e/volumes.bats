# Volumes and mounts with the stock docker command.
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
	ids=$(docker volume ls -q)
	[ -z "$ids" ] || docker volume rm $ids >/dev/null 2>&1
}

@test "create, list, inspect, filter, remove" {
	[ "$(docker volume create one)" = one ]
	docker volume create --label a=b two
	[[ "$(docker volume create)" =~ ^[0-9a-f]{64}$ ]]
	[ "$(docker volume ls -q | wc -l)" = 3 ]
	[ "$(docker volume ls -q --filter label=a=b)" = two ]
	[ "$(docker volume ls -q --filter name=on)" = one ]
	[ "$(docker volume inspect -f '{{.Driver}} {{.Scope}} {{index .Labels "a"}}' two)" = "local local b" ]
	[ -d "$(docker volume inspect -f '{{.Mountpoint}}' one)" ]
	[ "$(docker volume rm one)" = one ]
	fails_with 1 "o such volume" docker volume inspect one # No in older commands
	fails_with 1 "includes invalid characters" docker volume create '../x'
	fails_with 1 "nosuch" docker volume create -d nosuch x
}

@test "a named volume keeps its content and is shared" {
	docker run --rm -v data:/d busybox sh -c 'echo kept > /d/f'
	[ "$(docker run --rm -v data:/d busybox cat /d/f)" = kept ]
	[ "$(docker run --rm --mount type=volume,src=data,dst=/e,readonly busybox cat /e/f)" = kept ]
	fails_with 1 "Read-only file system" docker run --rm -v data:/d:ro busybox touch /d/x
}

@test "a fresh volume gets the image's content with owners; nocopy does not" {
	[ "$(docker run --rm -v fresh:/etc busybox head -n 1 /etc/passwd)" = "root:x:0:0:root:/root:/bin/sh" ]
	run docker run --rm -v plain:/etc:nocopy busybox cat /etc/passwd
	[ "$status" != 0 ]
	[ "$(docker run --rm -v tmpv:/tmp busybox stat -c %a /tmp)" = 1777 ]
}

@test "a fresh volume over /etc gets no links of the image's at the places of the engine's files, and none of its own there" {
	local d=$BATS_TEST_TMPDIR/root n
	mkdir -p "$d/bin" "$d/real"
	cp "$(command -v busybox)" "$d/bin/busybox"
	tar -C "$d" -c . | docker import - etc:none
	echo other >"$d/real/other"
	ln -s real "$d/etc"
	tar -C "$d" -c . | docker import - etc:link
	rm "$d/etc"
	mkdir -p "$d/etc/hostname"
	echo x >"$d/etc/x"
	ln -s /x "$d/etc/resolv.conf"
	ln -s ../real/other "$d/etc/hosts"
	ln -s /nowhere "$d/etc/mtab"
	tar -C "$d" -c . | docker import - etc:links
	rm -r "$d"/etc/[hrm]*
	for n in hostname hosts mtab resolv.conf; do echo "the image's" >"$d/etc/$n"; done
	tar -C "$d" -c . | docker import - etc:files
	for n in none link links files; do
		docker create --name "etc$n" --network none -v "etc$n:/etc" "etc:$n" \
			busybox sh -c 'for i in hosts resolv.conf; do grep -c . /etc/$i && grep -c " /etc/$i " /proc/mounts; done'
		run in_volume "etc$n"
		case $n in
		none | link) is "$output" "$(printf '%s\n' 755 "755 0 0 0 "{hostname,hosts,resolv.conf} "mtab /proc/mounts")" ;;
		files) is "$output" "$(printf '%s\n' 755 "755 0 0 0 "{hostname,hosts,resolv.conf} "644 2 0 0 x" "mtab /proc/mounts")" ;;
		links) is "$output" "$(printf '%s\n' 755 "755 0 0 0 "{hosts,resolv.conf} "644 2 0 0 x" "hostname/" "mtab /proc/mounts")" ;;
		esac
	done
	docker rm etclinks # a name cannot be mounted on a folder
	for n in none link files; do
		run docker start -a "etc$n"
		[[ "$status ${lines[1]} ${lines[3]}" = "0 1 1" && "${lines[0]}" -gt 0 && "${lines[2]}" -gt 0 ]] || { echo "$n: $output"; false; }
		run in_volume "etc$n"
		[[ "$output" == *"755 0 0 0 hosts"*"755 0 0 0 resolv.conf"* ]]
		docker rm "etc$n"
	done
	docker volume rm etc{none,link,links,files}
	docker rmi etc:{none,link,links,files}
}
is() {
	[ "$1" = "$2" ] || { printf "got:\n%s\nnot:\n%s\n" "$1" "$2"; return 1; }
}
in_volume() { # NAME: mode; mode, size, owner and name of its files; folders; links
	cd "$(docker volume inspect -f '{{.Mountpoint}}' "$1")" || return
	stat -c %a .
	find . -maxdepth 1 -type f -printf '%m %s %U %G %f\n' | sort -k5
	find . -mindepth 1 -maxdepth 1 -type d -printf '%f/\n'
	find . -maxdepth 1 -type l -printf '%f %l\n'
}

@test "holes in the image's files are holes in a fresh volume" {
	[ "${KIST_PEER:-}" != dockerd ] || skip "looks into kist's folders"
	local layer
	layer=$(docker image inspect -f '{{index .RootFS.Layers 0}}' busybox)
	layer=$KIST_HOME/data/layers/${layer#sha256:}
	truncate -s 4T "$layer/etc/huge"
	run timeout 60 docker run --rm -v huge:/etc busybox stat -c %s /etc/huge
	rm "$layer/etc/huge"
	[ "$output" = 4398046511104 ]
	[ "$(stat -c %b "$(docker volume inspect -f '{{.Mountpoint}}' huge)/huge")" -lt 1000 ]
}

@test "a volume in use is not removed" {
	docker create --name c1 -v used:/d busybox true
	fails_with 1 "volume is in use" docker volume rm used
	[ "$(docker ps -a --filter volume=used --format '{{.Names}}')" = c1 ]
	docker rm c1
	docker volume rm used
}

@test "rm -v removes anonymous volumes, not named ones" {
	docker create --name c1 -v /anon -v named:/named busybox true
	[ "$(docker volume ls -q | wc -l)" = 2 ]
	docker rm -v c1
	[ "$(docker volume ls -q)" = named ]
}

@test "bind mounts: folders, files, read-only, made by -v, refused by --mount" {
	d=$BATS_TEST_TMPDIR/d
	mkdir -p "$d"
	echo host >"$d/f"
	[ "$(docker run --rm -v "$d:/d" busybox sh -c 'cat /d/f; echo c > /d/g')" = host ]
	[ "$(cat "$d/g")" = c ]
	[ "$(docker run --rm -v "$d/f:/etc/passwd:ro" busybox cat /etc/passwd)" = host ]
	fails_with 1 "Read-only file system" docker run --rm -v "$d:/d:ro" busybox touch /d/x
	docker run --rm -v "$d/made:/d" busybox true
	[ -d "$d/made" ]
	fails_with 125 "bind source path does not exist" docker run --rm --mount "type=bind,src=$d/nosuch,dst=/d" busybox true
	[ ! -e "$d/nosuch" ]
}

@test "mounts below mounts, and over files of the image" {
	d=$BATS_TEST_TMPDIR/d
	mkdir -p "$d/outer/inner" "$d/inner2"
	echo i2 >"$d/inner2/f"
	[ "$(docker run --rm -v "$d/inner2:/o/inner" -v "$d/outer:/o" busybox cat /o/inner/f)" = i2 ]
}

@test "tmpfs mounts and their options" {
	docker run --rm --tmpfs /t busybox mount | grep -E '^tmpfs on /t type tmpfs \(rw,nosuid,nodev,noexec,relatime'
	docker run --rm --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox sh -c 'stat -c %a /t; df -k /t | tail -n 1' |
		tr '\n' ' ' | grep -E '^1770 .* 1024 '
}

@test "a mount target that is a symlink in the image stays inside" {
	w=$BATS_TEST_TMPDIR/w
	mkdir -p "$w/bin"
	cp "$(command -v busybox)" "$w/bin/sh"
	ln -s ../../../../../../..$BATS_TEST_TMPDIR/escape "$w/trap"
	mkdir "$BATS_TEST_TMPDIR/escape"
	tar -C "$w" -c . | docker import - trap:1
	docker volume create vol
	docker run --rm -v vol:/trap trap:1 /bin/sh -c 'echo x > /trap/file' || true
	[ -z "$(ls "$BATS_TEST_TMPDIR/escape")" ]
	docker run --rm -v vol:/trap/deeper trap:1 /bin/sh -c 'echo x > /trap/deeper/file' || true
	[ -z "$(ls "$BATS_TEST_TMPDIR/escape")" ]
	docker rmi trap:1
}

@test "inspect shows the mounts" {
	docker create --name c1 -v data:/d:ro -v "$BATS_TEST_TMPDIR:/b" --tmpfs /t busybox true
	docker inspect c1 | jq -e '.[0].Mounts | map(select(.Type == "volume" and .Name == "data" and .Destination == "/d" and .RW == false)) | length == 1'
	docker inspect c1 | jq -e --arg s "$BATS_TEST_TMPDIR" '.[0].Mounts | map(select(.Type == "bind" and .Source == $s and .Destination == "/b" and .RW)) | length == 1'
	docker inspect c1 | jq -e '.[0].HostConfig.Tmpfs == {"/t": ""}'
}

@test "a mount that came up on the host shows in an rshared or rslave one" {
	d=$BATS_TEST_TMPDIR/p
	mkdir -p "$d"
	mount -t tmpfs t "$d"
	mount --make-shared "$d"
	mkdir "$d/sub"
	docker run -d --name c1 -v "$d:/p:rslave" busybox sleep 100
	mount -t tmpfs t2 "$d/sub"
	docker exec c1 grep -q ' /p/sub ' /proc/mounts
	umount "$d/sub"
	docker rm -f c1
	umount "$d"
}
