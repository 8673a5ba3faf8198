# Archives of images: save, load, and what dockerd, skopeo, umoci and podman say about them.
load lib/engine
load lib/archives

setup_file() {
	engine_start
	W=$(mktemp -d /tmp/kist-test-archives.XXXXXX)
	export W
	load_busybox
	# a second layer on top of it, made by another program than those that we compare with
	mkdir -p "$W/root/etc"
	head -c 200000 /dev/urandom >"$W/root/random"
	echo hello >"$W/root/etc/hello"
	ln "$W/root/etc/hello" "$W/root/hard"
	tar -C "$W/root" -c . | kist import - two:v1
	kist tag two:v1 two:v2
}
teardown_file() {
	peer_stop
	engine_stop
	rm -rf --one-file-system "$W"
}

@test "the same images give the same bytes, in the order of their digests" {
	kist save -o "$W/one.tar" busybox two:v1
	kist save busybox two:v1 >"$W/again.tar"
	cmp "$W/one.tar" "$W/again.tar"
	docker save busybox two:v1 | cmp - "$W/one.tar"
	tar -tf "$W/one.tar" | grep blobs/sha256/. >"$W/names"
	sort -c "$W/names"
}

@test "every blob of an archive is what its name says" {
	kist save -o "$W/one.tar" busybox two
	mkdir -p "$W/x" && tar -C "$W/x" -xf "$W/one.tar"
	(cd "$W/x/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum -c --quiet)
	rm -r "$W/x"
}

@test "a repository is saved with all tags, a tag alone, an id without name" {
	[ "$(kist save two | tar -xO manifest.json | jq -c '[.[].RepoTags]')" = '[["two:v1","two:v2"]]' ]
	[ "$(kist save two:v2 | tar -xO manifest.json | jq -c '[.[].RepoTags]')" = '[["two:v2"]]' ]
	id=$(kist images -q two:v1)
	[ "$(kist save "$id" | tar -xO manifest.json | jq -c '[.[].RepoTags]')" = '[null]' ]
	[ "$(kist save two:v2 busybox two:v1 | tar -xO manifest.json | jq -c '[.[].RepoTags]')" = \
		'[["two:v2","two:v1"],["busybox:latest"]]' ]
}

@test "dockerd loads what is saved, and says the same of it" {
	peer_start
	kist save busybox two | peer load
	[ "$(layers_of peer busybox)" = "$(layers_of kist busybox)" ]
	[ "$(layers_of peer two:v1)" = "$(layers_of kist two:v1)" ]
	[ "$(peer images -q two:v2)" = "$(kist images -q two:v2)" ]
}

@test "what dockerd saves is loaded, and its layers are saved again byte for byte" {
	peer_start
	peer load -q -i "$(busybox_archive)"
	tar -C "$W/root" -c . | peer import -m other - theirs:1
	peer save busybox theirs:1 >"$W/theirs.tar"
	kist load -i "$W/theirs.tar"
	[ "$(layers_of kist theirs:1)" = "$(layers_of peer theirs:1)" ]
	kist save -o "$W/ours.tar" theirs:1
	layer=$(tar -xOf "$W/theirs.tar" manifest.json |
		jq -r '.[] | select(.RepoTags == ["theirs:1"]).Layers[0]')
	tar -xOf "$W/theirs.tar" "$layer" | cmp - <(blob "$W/ours.tar" "$(kist image inspect -f '{{index .RootFS.Layers 0}}' theirs:1)")
	kist rmi theirs:1
}

@test "skopeo reads both forms, and agrees on every digest" {
	need skopeo
	kist save -o "$W/one.tar" two:v1
	kist save --format oci -o "$W/oci.tar" two:v1
	id=$(kist images -q --no-trunc two:v1)
	[ "$(skopeo inspect --config --raw "docker-archive:$W/one.tar" | sha256sum | cut -c1-64)" = "${id#sha256:}" ]
	want=$(tar -xOf "$W/oci.tar" index.json | jq -r '.manifests[0].digest')
	[ "$(skopeo inspect --raw "oci-archive:$W/oci.tar" | sha256sum | cut -c1-64)" = "${want#sha256:}" ]
	skopeo copy -q --insecure-policy "oci-archive:$W/oci.tar" "dir:$W/dir"
	rm -r "$W/dir"
	skopeo copy -q --insecure-policy "docker-archive:$W/one.tar" "dir:$W/dir"
	rm -r "$W/dir"
}

@test "podman loads what is saved" {
	need podman
	kist save -o "$W/one.tar" two:v1 busybox
	podman --root "$W/podman" --runroot "$W/podman-run" --storage-driver vfs load -q -i "$W/one.tar"
	[ "$(podman --root "$W/podman" --runroot "$W/podman-run" --storage-driver vfs images -q --no-trunc two:v1)" = \
		"$(kist images -q --no-trunc two:v1)" ]
	podman --root "$W/podman" --runroot "$W/podman-run" --storage-driver vfs save -q busybox >"$W/podman.tar"
	kist load -q -i "$W/podman.tar"
}

@test "umoci unpacks what is saved as OCI" {
	need umoci
	mkdir "$W/layout"
	kist save --format oci two:v1 | tar -C "$W/layout" -x
	umoci unpack --rootless --image "$W/layout:v1" "$W/bundle" 2>/dev/null
	diff -r "$W/root" "$W/bundle/rootfs"
	rm -r "$W/layout" "$W/bundle"
}

@test "an OCI archive is saved again with the same manifest and compressed blobs" {
	layout "$W/layout"
	tar -C "$W/layout" -c . >"$W/in.tar"
	kist rmi two:v1 two:v2
	id=$(kist load -i "$W/in.tar" | sed 's/.*ID: //')
	kist tag "$id" two:v1 && kist tag "$id" two:v2
	kist save --format oci -o "$W/out.tar" two:v1
	[ "$(manifest_of "$W/out.tar")" = "$(jq -r '.manifests[0].digest' "$W/layout/index.json")" ]
	mkdir "$W/out" && tar -C "$W/out" -xf "$W/out.tar"
	diff -r "$W/out/blobs" "$W/layout/blobs"
	rm -r "$W/out" "$W/layout"
	# and for docker there is the plain layer still
	kist save -o "$W/one.tar" two:v1
	skopeo inspect "docker-archive:$W/one.tar" >/dev/null
}

@test "of several platforms the one that fits is loaded, or the one that is asked for" {
	layout "$W/layout"
	first=$(jq -r '.manifests[0].digest' "$W/layout/index.json")
	file=$W/layout/blobs/sha256/${first#sha256:}
	config=$(jq -r .config.digest "$file")
	other=$(jq -c '.architecture = "s390x"' "$W/layout/blobs/sha256/${config#sha256:}" | put_blob "$W/layout")
	size=$(stat -c %s "$W/layout/blobs/sha256/${other#sha256:}")
	second=$(jq -c ".config.digest = \"$other\" | .config.size = $size" "$file" | put_blob "$W/layout")
	index=$(jq -nc "{schemaVersion: 2, mediaType: \"application/vnd.oci.image.index.v1+json\", manifests: [
		{mediaType: \"application/vnd.oci.image.manifest.v1+json\", digest: \"$second\",
		 size: $(stat -c %s "$W/layout/blobs/sha256/${second#sha256:}"), platform: {os: \"linux\", architecture: \"s390x\"}},
		{mediaType: \"application/vnd.oci.image.manifest.v1+json\", digest: \"$first\",
		 size: $(stat -c %s "$file"), platform: {os: \"linux\", architecture: \"amd64\"}}]}" | put_blob "$W/layout")
	jq -nc "{schemaVersion: 2, manifests: [{mediaType: \"application/vnd.oci.image.index.v1+json\", digest: \"$index\",
		size: $(stat -c %s "$W/layout/blobs/sha256/${index#sha256:}"),
		annotations: {\"org.opencontainers.image.ref.name\": \"multi:1\"}}]}" >"$W/layout/index.json"
	tar -C "$W/layout" -c . >"$W/in.tar"
	kist load -i "$W/in.tar"
	[ "$(kist image inspect -f '{{.Architecture}}' multi:1)" = amd64 ]
	kist save --format oci -o "$W/out.tar" multi:1
	[ "$(manifest_of "$W/out.tar")" = "$index" ]
	blob "$W/out.tar" "$index" | cmp - "$W/layout/blobs/sha256/${index#sha256:}"
	# with more indexes around it, up to five
	for n in 2 3 4 5 6; do
		index=$(jq -nc "{schemaVersion: 2, mediaType: \"application/vnd.oci.image.index.v1+json\", manifests: [
			{mediaType: \"application/vnd.oci.image.index.v1+json\", digest: \"$index\",
			size: $(stat -c %s "$W/layout/blobs/sha256/${index#sha256:}")}]}" | put_blob "$W/layout")
		jq -nc "{schemaVersion: 2, manifests: [{mediaType: \"application/vnd.oci.image.index.v1+json\", digest: \"$index\",
			size: $(stat -c %s "$W/layout/blobs/sha256/${index#sha256:}"),
			annotations: {\"org.opencontainers.image.ref.name\": \"multi:$n\"}}]}" >"$W/layout/index.json"
		tar -cf "$W/multi.tar" -C "$W/layout" .
		[ $n -lt 6 ] || break
		kist load -q -i "$W/multi.tar"
		kist save --format oci -o "$W/out.tar" multi:$n
		[ "$(manifest_of "$W/out.tar")" = "$index" ]
		blob "$W/out.tar" "$index" | cmp - "$W/layout/blobs/sha256/${index#sha256:}"
	done
	fails_with 1 "more than 5 indexes lie one in the other" kist load -q -i "$W/multi.tar"
	[ "$(skopeo inspect --config --raw "oci-archive:$W/out.tar" | sha256sum | cut -c1-64)" = "${config#sha256:}" ]
	kist load --platform linux/s390x -i "$W/in.tar"
	[ "$(kist image inspect -f '{{.Architecture}}' multi:1)" = s390x ]
	fails_with 1 "requested platform (linux/ppc64le) not found" kist load --platform linux/ppc64le -i "$W/in.tar"
	kist rmi multi:1
	rm -r "$W/layout"
}

@test "an artifact beside an image is passed over, alone it is refused" {
	layout "$W/layout"
	empty=$(printf '{}' | put_blob "$W/layout")
	artifact=$(jq -nc "{schemaVersion: 2, mediaType: \"application/vnd.oci.image.manifest.v1+json\",
		artifactType: \"application/x.thing\", config: {mediaType: \"application/vnd.oci.empty.v1+json\", digest: \"$empty\", size: 2},
		layers: []}" | put_blob "$W/layout")
	descriptor="{\"mediaType\": \"application/vnd.oci.image.manifest.v1+json\", \"digest\": \"$artifact\", \"size\": $(stat -c %s "$W/layout/blobs/sha256/${artifact#sha256:}")}"
	cp "$W/layout/index.json" "$W/index.json"
	jq -c ".manifests += [$descriptor]" "$W/index.json" >"$W/layout/index.json"
	tar -C "$W/layout" -c . | kist load
	jq -c ".manifests = [$descriptor]" "$W/index.json" >"$W/layout/index.json"
	tar -C "$W/layout" -c . >"$W/in.tar"
	fails_with 1 "holds no image" kist load -i "$W/in.tar"
	rm -r "$W/layout"
}

@test "archives and layers come compressed in every way" {
	layout "$W/layout"
	kist rmi two:v1 two:v2
	for how in gzip bzip2 xz zstd; do
		tar -C "$W/layout" -c . | $how -c >"$W/in.tar.$how"
		kist load -q -i "$W/in.tar.$how"
		kist save two:v1 >/dev/null 2>&1 && return 1
		docker image prune -f >/dev/null
	done
	rm -r "$W/layout"
	# the layer itself, in an old docker archive
	mkdir "$W/old"
	tar -C "$W/root" -c . >"$W/layer"
	diff_id=$(sha256sum <"$W/layer" | cut -c1-64)
	echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$diff_id\"]}}" >"$W/old/c.json"
	echo '[{"Config":"c.json","RepoTags":["two:v1","two:v2"],"Layers":["x/layer.tar"]}]' >"$W/old/manifest.json"
	mkdir "$W/old/x"
	for how in gzip bzip2 xz zstd; do
		$how -c "$W/layer" >"$W/old/x/layer.tar"
		tar -C "$W/old" -c . | kist load -q
		kist save two:v1 | tar -xO "blobs/sha256/$diff_id" | cmp - "$W/layer"
		kist rmi two:v1 two:v2
	done
	tar -C "$W/root" -c . | kist import - two:v1
	kist tag two:v1 two:v2
}

# An old docker archive around the layer $W/layer, compressed by COMMAND.
packed_image() { # NAME COMMAND...
	local name=$1 diff_id
	shift
	diff_id=$(sha256sum <"$W/layer" | cut -c1-64)
	rm -rf "$W/old"
	mkdir -p "$W/old/x"
	echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$diff_id\"]}}" >"$W/old/c.json"
	echo "[{\"Config\":\"c.json\",\"RepoTags\":[\"$name\"],\"Layers\":[\"x/layer.tar\"]}]" >"$W/old/manifest.json"
	# from a pipe, so that the window is as asked for
	# shellcheck disable=SC2002
	cat "$W/layer" | "$@" >"$W/old/x/layer.tar"
	tar -C "$W/old" -c .
}
contents() {
	find "$KIST_HOME"/data/{content,ingest,layers,recipes,staging} -mindepth 1 | sort
}

@test "zstd's longest window is taken, and what would need more memory is refused for that" {
	local before said
	mkdir "$W/long"
	head -c 1000000 /dev/urandom >"$W/long/1"
	head -c 110000000 /dev/zero >"$W/long/2"
	cp "$W/long/1" "$W/long/3"
	tar -C "$W/long" --sort=name -c . >"$W/layer"
	packed_image long:1 zstd -q -c --long=27 >"$W/long.tar"
	# the last file is nothing but a reference to the first
	[ "$(stat -c %s "$W/old/x/layer.tar")" -lt 1200000 ]
	kist load -q -i "$W/long.tar"
	kist save long:1 | tar -xO "blobs/sha256/$(sha256sum <"$W/layer" | cut -c1-64)" | cmp - "$W/layer"
	docker create --name long long:1 true
	docker export long | tar -xO 3 | cmp - "$W/long/3"
	docker rm long
	kist rmi long:1
	# and around it all
	zstd -q -c --long=27 <"$W/long.tar" | kist load -q
	kist rmi long:1
	echo x >"$W/long/2"
	tar -C "$W/long" -c . >"$W/layer"
	before=$(contents)
	packed_image long:1 zstd -q -c --long=28 >"$W/long.tar"
	said="zstd data needs a window of 256 MiB, more than the 128 MiB that are allowed"
	fails_with 1 "$said" kist load -i "$W/long.tar"
	fails_with 1 "$said" kist import "$W/old/x/layer.tar" long:1
	packed_image long:1 xz -c --lzma2=preset=0,dict=256MiB >"$W/long.tar"
	fails_with 1 "xz data needs 257 MiB of memory to be decompressed, more than the 200 MiB that are allowed" \
		kist load -i "$W/long.tar"
	fails_with 1 "No such image" kist image inspect long:1
	[ "$(contents)" = "$before" ]
	rm -r "$W/long" "$W/long.tar" "$W/old" "$W/layer"
}

@test "nothing is written to a terminal, and a failure leaves no file" {
	run timeout 20 script -qec "kist save busybox" /dev/null
	[[ "$output" == *"cowardly refusing to save to a terminal. Use the -o flag or redirect"* ]]
	fails_with 1 "No such image: nothing:latest" kist save -o "$W/none.tar" busybox nothing
	[ ! -e "$W/none.tar" ]
	fails_with 1 "invalid output path" kist save -o "$W/no/such/folder" busybox
	fails_with 1 "invalid format" kist save --format zip busybox
	fails_with 1 "does not provide the specified platform" kist save --platform linux/s390x busybox
	! ls "$W" | grep tmp-
}

@test "a client that leaves ends the archive" {
	head -c 30000000 /dev/urandom >"$W/big"
	tar -C "$W" -c big | kist import - big:1
	kist save big:1 | head -c 1000000 >/dev/null || true
	local i
	for i in $(seq "$(patience 100)"); do
		pgrep -P "$(engine_pid)" -x kist-transfer >/dev/null || break
		sleep 0.05
	done
	! pgrep -P "$(engine_pid)" -x kist-transfer || false
	kist rmi big:1
	rm "$W/big"
}

@test "an archive that cannot be finished is cut off, and named in the log" {
	layer=$(kist image inspect -f '{{index .RootFS.Layers 0}}' two:v1)
	file=$KIST_HOME/data/layers/${layer#sha256:}/random
	cp -p "$file" "$W/good"
	flip "$file" 100000
	run kist save -o "$W/bad.tar" two:v1
	[ "$status" != 0 ]
	[ ! -e "$W/bad.tar" ]
	grep -q "the layer's file \"random\" has another content" "$KIST_HOME/kistd.log"
	cat "$W/good" >"$file"
	touch -r "$W/good" "$file"
	kist save -o "$W/good.tar" two:v1
}

# ---- system check ----

layer_folder() { # IMAGE
	local layer
	layer=$(kist image inspect -f '{{index .RootFS.Layers 0}}' "$1")
	echo "$KIST_HOME/data/layers/${layer#sha256:}"
}
# An image "kept", whose layer came compressed in an OCI archive.
load_kept() {
	need skopeo
	rm -rf "$W/kept" "$W/kept-root"
	[ -z "$(kist images -q kept:1)" ] || kist rmi kept:1
	mkdir "$W/kept-root"
	head -c 500000 /dev/urandom >"$W/kept-root/random"
	tar -C "$W/kept-root" -c . | kist import - kept:1
	kist save -o "$W/kept.tar" kept:1
	kist rmi kept:1
	skopeo copy -q --insecure-policy "docker-archive:$W/kept.tar" "oci:$W/kept:kept:1"
	tar -C "$W/kept" -c . | kist load
}

@test "system check finds a whole store whole" {
	load_kept
	run kist system check
	[ "$status" = 0 ]
	[[ "$output" == *"all whole"* ]]
	[ "$(kist system check --json | jq '.Findings | length')" = 0 ]
}

@test "a damaged layer is named with its file and images, and unpacked again from its blob" {
	load_kept
	flip "$(layer_folder kept:1)/random" 99999
	touch "$(layer_folder kept:1)/random"
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"2 differences from what it came as"*"of kept:1"*"/random: another content than it came with"*"--repair unpacks it again"*"1 damaged"* ]]
	run kist system check --repair
	[ "$status" = 0 ]
	[[ "$output" == *"unpacked again"* ]]
	cmp "$W/kept-root/random" "$(layer_folder kept:1)/random"
	kist system check | grep -q "all whole"
}

@test "a layer that a container has is not replaced" {
	load_kept
	id=$(kist create kept:1 true)
	flip "$(layer_folder kept:1)/random" 99999
	run kist system check --repair
	[ "$status" = 1 ]
	[[ "$output" == *"remove the containers that have it"* ]]
	! cmp -s "$W/kept-root/random" "$(layer_folder kept:1)/random" || false
	kist rm "$id"
	kist system check --repair
}

@test "a lost layer and a lost recipe come back" {
	load_kept
	folder=$(layer_folder kept:1)
	rm -r "$folder"
	run kist system check
	[ "$status" = 1 ]
	kist system check --repair
	cmp "$W/kept-root/random" "$folder/random"
	echo bad >"$KIST_HOME/data/recipes/${folder##*/}/recipe"
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"recipe is damaged"* ]]
	kist system check --repair
	kist system check
}

@test "a damaged blob is dropped, and its image is used as before" {
	load_kept
	kist save -o "$W/before.tar" kept:1
	blob=$(ls -S "$KIST_HOME/data/content/sha256" | head -n 1)
	flip "$KIST_HOME/data/content/sha256/$blob" 1000
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"blob sha256:$blob: its digest is"*"of kept:1"* ]]
	run kist system check --repair
	[ "$status" = 0 ]
	[ ! -e "$KIST_HOME/data/content/sha256/$blob" ]
	kist system check
	kist save kept:1 | cmp - "$W/before.tar"
	rm -f "$KIST_HOME/data/content/sha256/$(kist images -q --no-trunc kept:1 | cut -d: -f2)"
	run kist system check --repair
	[ "$status" = 1 ]
	[[ "$output" == *"it is missing"*"pull or load"* ]]
	kist rmi -f kept:1
	kist system check
}
