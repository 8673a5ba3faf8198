# Images with the stock docker command: load, import, list, inspect, tag, remove, history.
load lib/engine

setup_file() {
	engine_start
}
teardown_file() {
	engine_stop
}
setup() {
	load_busybox
}
teardown() {
	nothing_here
}

layers() {
	ls "$KIST_HOME/data/layers" 2>/dev/null | grep -c -E '^[0-9a-f]{64}$'
}

@test "load says what it loaded" {
	run docker load -i "$(busybox_archive)"
	[ "$status" = 0 ]
	[[ "$output" == *"Loaded image: busybox:latest"* ]]
}

@test "load takes gzip and zstd, and OCI layouts" {
	docker rmi -f busybox
	gzip -c "$(busybox_archive)" | docker load | grep -q 'busybox:latest'
	docker rmi -f busybox
	zstd -q -c "$(busybox_archive)" | docker load | grep -q 'busybox:latest'
	docker rmi -f busybox
	command -v skopeo || skip "skopeo is not installed"
	skopeo copy -q --insecure-policy "docker-archive:$(busybox_archive)" \
		"oci-archive:$BATS_TEST_TMPDIR/oci.tar:layout:1"
	docker load -i "$BATS_TEST_TMPDIR/oci.tar"
	docker run --rm "$(docker images -q | head -n 1)" true
}

@test "loading twice changes nothing" {
	id=$(docker images -q busybox)
	load_busybox
	[ "$(docker images -q busybox)" = "$id" ]
	[ "$(docker images -q | wc -l)" = 1 ]
}

@test "tag, list, filter, untag" {
	docker tag busybox my/name:v1
	docker tag busybox localhost:5000/other
	[ "$(docker images -q | sort -u | wc -l)" = 1 ]
	docker images --format '{{.Repository}}:{{.Tag}}' | grep -qx 'my/name:v1'
	docker images --format '{{.Repository}}:{{.Tag}}' | grep -qx 'localhost:5000/other:latest'
	[ "$(docker images --filter reference='my/*' --format '{{.Tag}}')" = v1 ]
	[ "$(docker images my/name -q | wc -l)" = 1 ]
	run docker rmi my/name:v1
	[ "$output" = "Untagged: my/name:v1" ]
	docker run --rm localhost:5000/other true
	fails_with 1 "No such image: my/name:v1" docker rmi my/name:v1
	fails_with 1 "invalid reference format" docker tag busybox 'name/UPPER:x'
}

@test "rmi removes the layers with the last name" {
	[ "$(layers)" -ge 1 ]
	run docker rmi busybox
	[[ "$output" == *"Untagged: busybox:latest"* ]]
	[[ "$output" == *"Deleted: sha256:"* ]]
	[ "$(layers)" = 0 ]
}

@test "rmi refuses what a container uses" {
	docker run -d --name c1 busybox sleep 100
	fails_with 1 "conflict: unable to remove repository reference" docker rmi busybox
	id=$(docker images -q busybox)
	fails_with 1 "image is being used by running container" docker rmi "$id"
	docker tag busybox second
	docker rmi second
	docker exec c1 true
}

@test "rmi -f takes the name; the container keeps its layers" {
	docker create --name c1 busybox sh -c 'ls /bin/busybox'
	docker rmi -f busybox
	docker start -a c1 | grep -q /bin/busybox
}

@test "inspect and history" {
	[ "$(docker image inspect -f '{{.Os}}' busybox)" = linux ]
	[ "$(docker image inspect -f '{{json .Config.Cmd}}' busybox)" = '["sh"]' ]
	[ "$(docker image inspect -f '{{len .RootFS.Layers}}' busybox)" = 1 ]
	[[ "$(docker image inspect -f '{{.Id}}' busybox)" =~ ^sha256:[0-9a-f]{64}$ ]]
	docker history busybox | grep -q busybox-static
	[ "$(docker history -q --no-trunc busybox | head -n 1)" = "$(docker image inspect -f '{{.Id}}' busybox)" ]
	fails_with 1 "No such image: nosuch:latest" docker image inspect nosuch
}

@test "import makes an image of a tree, with changes to its configuration" {
	mkdir -p "$BATS_TEST_TMPDIR/root/bin"
	cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/bin/"
	tar -C "$BATS_TEST_TMPDIR/root" -c . | docker import -c 'CMD ["/bin/busybox","echo","imported"]' \
		-c 'ENV A=b' -m 'made here' - imp:1
	[ "$(docker run --rm imp:1)" = imported ]
	[ "$(docker run --rm imp:1 /bin/busybox sh -c 'echo $A')" = b ]
	docker history imp:1 | grep -q 'made here'
}

@test "a hundred and twenty-seven layers" {
	"$KIST_TOP/scripts/busybox-image" -l 126 -t deep:1 -o "$BATS_TEST_TMPDIR/deep.tar"
	docker load -q -i "$BATS_TEST_TMPDIR/deep.tar"
	[ "$(docker run --rm deep:1 sh -c 'ls /layers | wc -l')" = 126 ]
	[ "$(docker run --rm deep:1 cat /layers/77)" = 77 ]
}

@test "layers: whiteouts, opaque folders, hard links, attributes, sparse files, devices, owners" {
	w=$BATS_TEST_TMPDIR/w
	mkdir -p "$w/root/bin" "$w/root/gone" "$w/root/opaque" "$w/two/opaque"
	cp "$(command -v busybox)" "$w/root/bin/"
	echo x >"$w/root/gone/file"
	echo x >"$w/root/removed"
	echo old >"$w/root/opaque/old"
	echo link >"$w/root/one"
	ln "$w/root/one" "$w/root/other"
	truncate -s 5M "$w/root/sparse"
	mknod "$w/root/dev-null" c 1 3
	mkfifo "$w/root/fifo"
	echo owned >"$w/root/owned"
	chown 123:456 "$w/root/owned"
	chmod 4755 "$w/root/owned"
	cp "$w/root/bin/busybox" "$w/root/capable"
	setcap cap_net_raw+ep "$w/root/capable" 2>/dev/null || true
	setfattr -n user.colour -v red "$w/root/one" 2>/dev/null || true
	touch "$w/two/.wh.removed" "$w/two/.wh.gone" "$w/two/opaque/.wh..wh..opq"
	echo new >"$w/two/opaque/new"
	a=$w/archive
	mkdir -p "$a/1" "$a/2"
	tar --xattrs --xattrs-include='*' -S --numeric-owner -cf "$a/1/layer.tar" -C "$w/root" .
	tar --numeric-owner -cf "$a/2/layer.tar" -C "$w/two" .
	d1=$(sha256sum <"$a/1/layer.tar" | cut -d' ' -f1) d2=$(sha256sum <"$a/2/layer.tar" | cut -d' ' -f1)
	printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/busybox","sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' "$d1" "$d2" >"$a/c.json"
	printf '[{"Config":"c.json","RepoTags":["odd:1"],"Layers":["1/layer.tar","2/layer.tar"]}]' >"$a/manifest.json"
	tar -C "$a" -c . | docker load -q
	run docker run --rm odd:1 /bin/busybox sh -c '
		cd /; B=/bin/busybox
		$B ls removed gone 2>&1
		$B ls opaque
		$B stat -c "%h %i" one other | $B uniq | $B wc -l
		$B stat -c "%s %b" sparse
		$B stat -c "%t %T %F" dev-null
		$B stat -c "%F" fifo
		$B stat -c "%u %g %a" owned'
	[[ "$output" == *"removed: No such file"*"gone: No such file"* ]]
	[ "${lines[2]}" = new ]
	[ "${lines[3]}" = 1 ]
	[[ "${lines[4]}" =~ ^5242880\ [0-9]$ ]]
	[ "${lines[5]}" = "1 3 character special file" ]
	[ "${lines[6]}" = fifo ]
	[ "${lines[7]}" = "123 456 4755" ]
	layer=$KIST_HOME/data/layers/$d1
	if getcap "$w/root/capable" 2>/dev/null | grep -q net_raw; then
		getcap "$layer/capable" "$layer"/*/capable 2>/dev/null | grep -q net_raw
	fi
}

@test "a layer, or an import, of no bytes at all is empty, as for dockerd" {
	local empty=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 a=$BATS_TEST_TMPDIR/a
	mkdir -p "$a/x" "$a/blobs/sha256"
	printf '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' $empty >"$a/c.json"
	: >"$a/none"
	for layer in x/layer.tar blobs/sha256/$empty; do
		: >"$a/$layer"
		printf '[{"Config":"c.json","RepoTags":["empty:1"],"Layers":["%s"]}]' "$layer" >"$a/manifest.json"
		tar -C "$a" -c c.json manifest.json none "$layer" | docker load -q
		[ "$(docker image inspect -f '{{.RootFS.Layers}}' empty:1)" = "[sha256:$empty]" ]
		docker rmi empty:1
	done
	docker import - empty:1 </dev/null
	gzip </dev/null | docker import - empty:2
	for tag in 1 2; do [ "$(docker image inspect -f '{{.RootFS.Layers}} {{.Size}}' empty:$tag)" = "[sha256:$empty] 0" ]; done
}

@test "what is not an image is refused and leaves nothing" {
	docker rmi -f busybox
	fails_with 1 "" docker load -i /etc/passwd
	head -c 100000 "$(busybox_archive)" >"$BATS_TEST_TMPDIR/short.tar"
	fails_with 1 "" docker load -i "$BATS_TEST_TMPDIR/short.tar"
	mkdir "$BATS_TEST_TMPDIR/x"
	tar -C "$BATS_TEST_TMPDIR/x" -xf "$(busybox_archive)"
	sed -i 's/"sha256:[0-9a-f]\{8\}/"sha256:00000000/' "$BATS_TEST_TMPDIR"/x/*.json
	tar -C "$BATS_TEST_TMPDIR/x" -c . >"$BATS_TEST_TMPDIR/bad.tar"
	fails_with 1 "" docker load -i "$BATS_TEST_TMPDIR/bad.tar"
	[ -z "$(docker images -aq)" ]
	[ "$(layers)" = 0 ]
	[ -z "$(find "$KIST_HOME/data" -path '*staging*' -mindepth 3 -print -quit)" ]
}
