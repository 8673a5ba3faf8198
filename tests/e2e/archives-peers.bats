# Archives that other people's programs write, and what they read of ours: ids, diffIDs and digests are the same everywhere.
load lib/engine
load lib/archives

setup_file() {
	engine_start
	W=$(mktemp -d /tmp/kist-test-archives.XXXXXX)
	export W
	load_busybox
	mkdir -p "$W/root/etc" "$W/tars"
	head -c 100000 /dev/urandom >"$W/root/random"
	echo hello >"$W/root/etc/hello"
	ln "$W/root/etc/hello" "$W/root/hard"
	ln -s hello "$W/root/etc/soft"
	# busybox with a layer on top, both as they are for docker, and as files
	kist save busybox | tar -C "$W/tars" -x
	cp "$W/tars/blobs/sha256/$(kist image inspect -f '{{index .RootFS.Layers 0}}' busybox | cut -d: -f2)" "$W/base.tar"
	tar -C "$W/root" -c . >"$W/top.tar"
	ARCHIVE="python3 $BATS_TEST_DIRNAME/lib/docker_archive.py"
	export ARCHIVE
	$ARCHIVE docker "$W/made.tar" "[{\"layers\": [\"$W/base.tar\", \"$W/top.tar\"], \"tags\": [\"made:1\"]}]" >"$W/made"
	kist load -q -i "$W/made.tar"
}
teardown_file() {
	peer_stop
	engine_stop
	rm -rf --one-file-system "$W"
}
teardown() {
	rm -rf --one-file-system "$W/out" "$W/layout" "$W/bundle" "$W"/in*.tar
}

field() { # NUMBER OF LINE, NAME: of what docker_archive.py said last
	sed -n "$1p" "$W/said" | jq -r ".$2"
}
same_image() { # NAME: as made:1 is
	[ "$(kist image inspect -f '{{.Id}} {{.RootFS.Layers}}' "$1")" = "$(kist image inspect -f '{{.Id}} {{.RootFS.Layers}}' made:1)" ]
}
# without COMMAND...: with made:1 gone meanwhile, so that a load has to unpack
without() {
	kist rmi -f made:1 >/dev/null
	"$@" || return 1
	[ "$(kist images -q --no-trunc "$NAME")" = "$(jq -r .id "$W/made")" ] || return 1
	kist run --rm --network none "$NAME" sh -c 'cat /etc/hello; test /hard -ef /etc/hello' | grep -qx hello || return 1
	kist load -q -i "$W/made.tar"
}
no_podman() {
	need podman
	POD="env -u DOCKER_CONFIG podman --root $W/podman --runroot $W/podman-run --storage-driver vfs"
}

@test "docker 28: an archive in both forms keeps its manifest, and is saved again with it" {
	[ "$(kist save --format oci made:1 | tar -xO index.json | jq -r '.manifests[0].digest')" = "$(jq -r .digest "$W/made")" ]
	kist save --format oci -o "$W/out.tar" made:1
	blob "$W/out.tar" "$(jq -r .digest "$W/made")" | cmp - <(blob "$W/made.tar" "$(jq -r .digest "$W/made")")
	# the same for docker
	kist save made:1 | tar -xO index.json | jq -e ".manifests[0].digest == \"$(jq -r .digest "$W/made")\""
}

@test "docker 28: several images with common layers and several names, and one that index.json leaves out" {
	$ARCHIVE docker "$W/in.tar" "[{\"layers\": [\"$W/base.tar\", \"$W/top.tar\"], \"tags\": [\"a:1\", \"example.com/x/b:2\"]},
		{\"layers\": [\"$W/base.tar\"], \"indexed\": false}, {\"layers\": [\"$W/top.tar\", \"$W/base.tar\"], \"tags\": [\"c:1\"]}]" >"$W/said"
	kist load -i "$W/in.tar" >"$W/loaded"
	[ "$(sort "$W/loaded")" = "$(printf 'Loaded image ID: %s\nLoaded image: a:1\nLoaded image: c:1\nLoaded image: example.com/x/b:2' "$(field 2 id)")" ]
	[ "$(kist images -q --no-trunc a:1)" = "$(field 1 id)" ]
	[ "$(kist images -q --no-trunc example.com/x/b:2)" = "$(field 1 id)" ]
	kist image inspect "$(field 2 id)" >/dev/null
	kist save --format oci -o "$W/out.tar" a:1 c:1
	tar -xOf "$W/out.tar" index.json | jq -r '.manifests[].digest' | sort | cmp - <(printf '%s\n' "$(field 1 digest)" "$(field 3 digest)" | sort)
	kist rmi -f a:1 example.com/x/b:2 c:1 "$(field 2 id)"
}

@test "manifest.json says which image has a name, where index.json says otherwise" {
	$ARCHIVE docker "$W/in.tar" "[{\"layers\": [\"$W/base.tar\"], \"tags\": [\"right:1\"], \"index_tags\": [\"wrong:1\"]},
		{\"layers\": [\"$W/top.tar\"], \"tags\": [\"wrong:1\"], \"index_tags\": [\"right:1\"]}]" >"$W/said"
	kist load -q -i "$W/in.tar"
	[ "$(kist images -q --no-trunc right:1)" = "$(field 1 id)" ]
	[ "$(kist images -q --no-trunc wrong:1)" = "$(field 2 id)" ]
	kist rmi right:1 wrong:1
}

@test "BuildKit: the index, with its attestation, and the compressed layers are kept" {
	$ARCHIVE buildkit "$W/in.tar" "[{\"layers\": [\"$W/base.tar\", \"$W/top.tar\"], \"tags\": [\"built:1\"]}]" >"$W/said"
	[ "$(kist load -i "$W/in.tar")" = "Loaded image: built:1" ]
	kist save --format oci -o "$W/out.tar" built:1
	[ "$(manifest_of "$W/out.tar")" = "$(field 1 digest)" ]
	manifest=$(blob "$W/in.tar" "$(field 1 digest)" | jq -r '.manifests[0].digest')
	for layer in $(blob "$W/in.tar" "$manifest" | jq -r '.layers[].digest'); do
		blob "$W/out.tar" "$layer" | sha256sum | grep -q "^${layer#sha256:}"
	done
	kist rmi built:1
}

@test "dockerd 20.10 saves, we load: the same image, and it runs" {
	peer_start
	peer load -q -i "$W/made.tar"
	peer save made:1 >"$W/in.tar"
	NAME=made:1 without kist load -q -i "$W/in.tar"
}

@test "what dockerd 20.10 committed tells old clients the container that it was made from" {
	peer_start
	peer load -q -i "$W/made.tar"
	id=$(peer create made:1 true)
	peer commit "$id" committed:1
	peer save committed:1 >"$W/in.tar"
	peer rm "$id"
	peer rmi committed:1
	kist load -q -i "$W/in.tar"
	inspect() { curl -sf --unix-socket "$KIST_HOME/kist.sock" "http://localhost/v$1/images/committed:1/json"; }
	[ "$(inspect 1.44 | jq -r '.Container, .ContainerConfig.Hostname')" = "$(printf '%s\n' "$id" "${id:0:12}")" ]
	inspect 1.45 | jq -e 'has("Container") or has("ContainerConfig") | not'
	kist rmi committed:1
}

@test "dockerd loads what we save: the same image, layers byte for byte, and it runs there" {
	peer_start
	peer rmi -f made:1 >/dev/null 2>&1 || true
	kist save made:1 | peer load -q
	[ "$(layers_of peer made:1)" = "$(layers_of kist made:1)" ]
	[ "$(peer run --rm --network none made:1 cat /etc/soft)" = hello ]
	peer save made:1 >"$W/back.tar"
	for layer in $(tar -xOf "$W/back.tar" manifest.json | jq -r '.[0].Layers[]'); do
		tar -xOf "$W/back.tar" "$layer" | sha256sum | cut -c1-64
	done | cmp - <(kist image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' made:1 | sed -n 's/sha256://p')
}

@test "skopeo writes docker-archive, oci-archive and a layout: the same image each time" {
	need skopeo
	kist save -o "$W/from.tar" made:1
	copy() { skopeo copy -q --insecure-policy "$@"; }
	copy "docker-archive:$W/from.tar" "docker-archive:$W/in1.tar:sko:1"
	NAME=sko:1 without kist load -q -i "$W/in1.tar"
	# from OCI to OCI: skopeo writes another configuration when it converts
	kist save --format oci -o "$W/oci.tar" made:1
	copy "oci-archive:$W/oci.tar" "oci-archive:$W/in2.tar:docker.io/library/sko:2"
	NAME=sko:2 without kist load -q -i "$W/in2.tar"
	copy --dest-compress "oci-archive:$W/oci.tar" "oci:$W/layout:example.com/sko:3"
	tar -C "$W/layout" -cf "$W/in3.tar" .
	NAME=example.com/sko:3 without kist load -q -i "$W/in3.tar"
	# and again, unchanged
	kist save --format oci -o "$W/out.tar" example.com/sko:3
	[ "$(manifest_of "$W/out.tar")" = "$(jq -r '.manifests[0].digest' "$W/layout/index.json")" ]
	kist rmi sko:1 sko:2 example.com/sko:3
}

@test "skopeo reads both of our forms: config and manifest have our digests, every layer is verified" {
	need skopeo
	kist save -o "$W/one.tar" made:1
	kist save --format oci -o "$W/oci.tar" made:1
	id=$(jq -r .id "$W/made")
	for from in "docker-archive:$W/one.tar" "oci-archive:$W/oci.tar" "oci-archive:$W/one.tar"; do
		[ "$(skopeo inspect --config --raw "$from" | sha256sum | cut -c1-64)" = "${id#sha256:}" ]
		skopeo copy -q --insecure-policy "$from" "dir:$W/out"
		rm -r "$W/out"
	done
	[ "$(skopeo inspect --format '{{.Digest}}' "oci-archive:$W/oci.tar")" = "$(manifest_of "$W/oci.tar")" ]
	skopeo inspect "docker-archive:$W/one.tar" | jq -r '.Layers[]' |
		cmp - <(kist image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' made:1 | sed '/^$/d')
}

@test "umoci unpacks what we save, and we load what it has repacked" {
	need umoci
	mkdir "$W/layout"
	kist save --format oci made:1 | tar -C "$W/layout" -x
	# it would copy the name to what it makes
	jq -c 'del(.manifests[].annotations["io.containerd.image.name"])' "$W/layout/index.json" >"$W/index.json"
	cp "$W/index.json" "$W/layout/"
	umoci unpack --image "$W/layout:1" "$W/bundle" 2>/dev/null
	diff --no-dereference -r "$W/root/etc" "$W/bundle/rootfs/etc" | grep -v '^Only in .*/bundle' && return 1
	echo new >"$W/bundle/rootfs/new"
	rm "$W/bundle/rootfs/random"
	umoci repack --image "$W/layout:docker.io/library/umoci:1" "$W/bundle" 2>/dev/null
	tar -C "$W/layout" -cf "$W/in.tar" .
	kist load -q -i "$W/in.tar"
	[ "$(kist run --rm --network none umoci:1 sh -c 'cat /new; ls /random 2>&1')" = "$(printf 'new\nls: /random: No such file or directory')" ]
	digest=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "docker.io/library/umoci:1").digest' "$W/layout/index.json")
	[ "$(kist save --format oci umoci:1 | tar -xO index.json | jq -r '.manifests[0].digest')" = "$digest" ]
	kist rmi umoci:1
}

@test "podman loads what we save, and we load what it saves in every format" {
	no_podman
	kist save -o "$W/one.tar" made:1
	$POD load -q -i "$W/one.tar"
	[ "$($POD images -q --no-trunc made:1)" = "$(jq -r .id "$W/made")" ]
	$POD image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' made:1 | sed '/^$/d' |
		cmp - <(kist image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' made:1 | sed '/^$/d')
	$POD tag made:1 example.com/pod:1
	$POD save -q --format docker-archive -o "$W/in1.tar" example.com/pod:1
	NAME=example.com/pod:1 without kist load -q -i "$W/in1.tar"
	kist rmi example.com/pod:1
	$POD save -q --format oci-archive -o "$W/in2.tar" example.com/pod:1
	kist load -q -i "$W/in2.tar"
	kist run --rm --network none example.com/pod:1 cat /etc/hello | grep -qx hello
	kist rmi example.com/pod:1
	kist save busybox | $POD load -q
	$POD save -q --multi-image-archive -o "$W/in3.tar" example.com/pod:1 docker.io/library/busybox:latest
	kist rmi -f made:1
	kist load -i "$W/in3.tar" | sort | cmp - <(printf 'Loaded image: busybox:latest\nLoaded image: example.com/pod:1\n')
	[ "$(kist images -q --no-trunc example.com/pod:1)" = "$(jq -r .id "$W/made")" ]
	kist rmi example.com/pod:1
	kist load -q -i "$W/made.tar"
}

@test "buildah pushes archives of both forms, and we load them" {
	need buildah
	BAH="env -u DOCKER_CONFIG buildah --root $W/podman --runroot $W/podman-run --storage-driver vfs"
	kist save -o "$W/one.tar" made:1
	$BAH pull -q "docker-archive:$W/one.tar"
	$BAH push -q made:1 "docker-archive:$W/in1.tar:bah:1"
	NAME=bah:1 without kist load -q -i "$W/in1.tar"
	$BAH push -q made:1 "oci-archive:$W/in2.tar:docker.io/library/bah:2"
	kist load -q -i "$W/in2.tar"
	kist run --rm --network none bah:2 cat /etc/hello | grep -qx hello
	kist rmi bah:1 bah:2
}

@test "what we save as OCI is loaded again by us under the same names and digests" {
	kist tag made:1 example.com/other:2
	kist save --format oci -o "$W/out.tar" made:1 example.com/other:2
	kist rmi made:1 example.com/other:2
	kist load -i "$W/out.tar" | sort | cmp - <(printf 'Loaded image: example.com/other:2\nLoaded image: made:1\n')
	kist save --format oci made:1 example.com/other:2 | cmp - "$W/out.tar"
	kist rmi example.com/other:2
}
