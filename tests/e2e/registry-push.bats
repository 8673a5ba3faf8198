# Pushes with the stock docker command and with kist to Debian's docker-registry; skopeo and dockerd read them.
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	engine_start
	registry_start plain 5000
	registry_start closed 5001 htpasswd
}
teardown_file() {
	registry_there || return 0
	registry_stop_all
	engine_stop
}
setup() {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	load_busybox
}
teardown() {
	registry_there || return 0
	nothing_here
}

put_image() {
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 "$@"
}
raw() { # name:tag
	registry_skopeo inspect --tls-verify=false --raw "docker://127.0.0.1:5000/$1"
}
uploads() { # since line
	tail -n "+$1" "$(registry_log plain)" | grep -c 'http.request.method=PUT.*/blobs/uploads/' || true
}
log_lines() {
	echo $(($(wc -l <"$(registry_log plain)") + 1))
}

@test "an image that was pulled is pushed byte for byte, by docker and by kist" {
	put_image from/x 1 --oci --layers 3 --bytes 200000 --compress gzip,zstd,plain >/dev/null
	docker pull -q localhost:5000/from/x:1
	docker tag localhost:5000/from/x:1 localhost:5000/to/x:1
	docker tag localhost:5000/from/x:1 localhost:5000/to/y:1
	run docker push localhost:5000/to/x:1
	[ "$status" = 0 ]
	[[ "$output" == *"The push refers to repository [localhost:5000/to/x]"* ]]
	[[ "$output" == *"Mounted from from/x"* ]]
	kist push localhost:5000/to/y:1
	raw from/x:1 >"$BATS_TEST_TMPDIR/before"
	raw to/x:1 | cmp - "$BATS_TEST_TMPDIR/before"
	raw to/y:1 | cmp - "$BATS_TEST_TMPDIR/before"
	[[ "$output" == *"1: digest: sha256:$(sha256sum <"$BATS_TEST_TMPDIR/before" | cut -d' ' -f1) size: $(wc -c <"$BATS_TEST_TMPDIR/before")" ]]
	registry_skopeo copy -q --src-tls-verify=false docker://127.0.0.1:5000/to/y:1 "dir:$BATS_TEST_TMPDIR/dir"
}

@test "an image that was pulled is saved with the registry's digests, and loaded and pushed again with them" {
	local tar=$BATS_TEST_TMPDIR/s.tar raw=$BATS_TEST_TMPDIR/before digest blob
	put_image from/s 1 --oci --layers 3 --bytes 200000 --seed s --compress gzip,zstd,plain >/dev/null
	docker pull -q localhost:5000/from/s:1
	raw from/s:1 >"$raw"
	kist save --format oci -o "$tar" localhost:5000/from/s:1
	digest=$(tar -xOf "$tar" index.json | jq -r '.manifests[0].digest')
	tar -xOf "$tar" "blobs/${digest/://}" | cmp - "$raw"
	for blob in $(jq -r '.config.digest, .layers[].digest' "$raw"); do
		[ "sha256:$(tar -xOf "$tar" "blobs/${blob/://}" | sha256sum | cut -d' ' -f1)" = "$blob" ]
	done
	docker rmi localhost:5000/from/s:1
	kist load -q -i "$tar"
	docker tag localhost:5000/from/s:1 localhost:5000/to/s:1
	docker push -q localhost:5000/to/s:1
	raw to/s:1 | cmp - "$raw"
}

@test "an image that was pulled is pushed byte for byte after a save and a load in docker's form, and saved so" {
	put_image from/r 1 --layers 2 --bytes 200000 --seed r >/dev/null
	raw from/r:1 >"$BATS_TEST_TMPDIR/before"
	digest=sha256:$(sha256sum <"$BATS_TEST_TMPDIR/before" | cut -d' ' -f1)
	kist pull -q localhost:5000/from/r:1
	kist save -o "$BATS_TEST_TMPDIR/r.tar" localhost:5000/from/r:1
	kist load -q -i "$BATS_TEST_TMPDIR/r.tar"
	kist tag localhost:5000/from/r:1 localhost:5000/to/r:1
	kist tag "$(docker images -q localhost:5000/from/r:1)" localhost:5000/to/r:id
	for name in from/r:1 to/r:1 to/r:id; do
		kist push -q "localhost:5000/$name"
		raw "$name" | cmp - "$BATS_TEST_TMPDIR/before"
		[ "$(kist save --format oci "localhost:5000/$name" | tar -xO index.json | jq -r '.manifests[0].digest')" = "$digest" ]
	done
	[ "$(docker image inspect -f '{{join .RepoDigests " "}}' localhost:5000/from/r:1)" = "localhost:5000/from/r@$digest localhost:5000/to/r@$digest" ]
}

@test "plain layers that were pulled stay plain under every name, those of an archive are sent compressed, and the same again" {
	put_image from/plain 1 --oci --bytes 200000 --seed plain --compress plain >/dev/null
	raw from/plain:1 >"$BATS_TEST_TMPDIR/before"
	kist pull -q localhost:5000/from/plain:1
	id=$(docker images -q --no-trunc localhost:5000/from/plain:1)
	kist tag "$id" localhost:5000/to/plain:1
	kist push -q localhost:5000/to/plain:1
	raw to/plain:1 | cmp - "$BATS_TEST_TMPDIR/before"
	for form in docker oci; do
		kist tag "$id" localhost:5000/to/packed:1
		kist save --format $form -o "$BATS_TEST_TMPDIR/plain.tar" localhost:5000/to/packed:1
		docker rmi -f "$id" >/dev/null
		kist load -q -i "$BATS_TEST_TMPDIR/plain.tar"
		kist push -q localhost:5000/to/packed:1
		raw to/packed:1 >"$BATS_TEST_TMPDIR/packed-$form"
		[ "$(jq -r '.layers[].mediaType' "$BATS_TEST_TMPDIR/packed-$form")" = application/vnd.docker.image.rootfs.diff.tar.gzip ]
		# also when a manifest comes that was not there before
		kist pull -q localhost:5000/from/plain:1
		kist push -q localhost:5000/to/packed:1
		raw to/packed:1 | cmp - "$BATS_TEST_TMPDIR/packed-$form"
	done
	cmp "$BATS_TEST_TMPDIR/packed-docker" "$BATS_TEST_TMPDIR/packed-oci"
}

@test "podman pulls what we pushed, and we pull what podman pushed" {
	command -v podman >/dev/null || skip "podman is not installed"
	pod() {
		in_net env -u DOCKER_CONFIG podman --root "$BATS_TEST_TMPDIR/p" --runroot "$BATS_TEST_TMPDIR/pr" \
			--tmpdir "$BATS_TEST_TMPDIR/pt" --storage-driver vfs "$@"
	}
	docker tag busybox localhost:5000/pod/box:1
	docker push -q localhost:5000/pod/box:1
	ours=$(docker image inspect -f '{{.Id}} {{json .RootFS.Layers}}' busybox)
	pod pull -q --tls-verify=false localhost:5000/pod/box:1
	[ "sha256:$(pod image inspect -f '{{.Id}} {{json .RootFS.Layers}}' localhost:5000/pod/box:1)" = "$ours" ]
	pod push -q --tls-verify=false localhost:5000/pod/box:1 localhost:5000/pod/back:1
	docker rmi localhost:5000/pod/box:1
	docker pull -q localhost:5000/pod/back:1
	[ "$(docker image inspect -f '{{.Id}} {{json .RootFS.Layers}}' localhost:5000/pod/back:1)" = "$ours" ]
}

@test "blobs go to another registry as they came" {
	put_image from/z 1 --layers 2 --bytes 200000 --seed z >/dev/null
	docker pull -q localhost:5000/from/z:1
	docker tag localhost:5000/from/z:1 localhost:5001/own/z:1
	fails_with 1 "no basic auth credentials" docker push localhost:5001/own/z:1
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	run kist push localhost:5001/own/z:1
	[ "$status" = 0 ]
	[ "$(grep -c ': Pushed' <<<"$output")" = 2 ]
	registry_skopeo inspect --raw --tls-verify=false --creds "$REGISTRY_USER:$REGISTRY_PASSWORD" docker://127.0.0.1:5001/own/z:1 |
		cmp - <(raw from/z:1)
}

@test "an image that was loaded gets a manifest that skopeo reads, and the second push sends nothing" {
	docker tag busybox localhost:5000/made/box:1
	run docker push localhost:5000/made/box:1
	[ "$status" = 0 ]
	[[ "$output" == *": Pushed"* ]]
	[ "$(raw made/box:1 | jq -r .mediaType)" = application/vnd.docker.distribution.manifest.v2+json ]
	[ "$(raw made/box:1 | jq -r .config.digest)" = "$(docker inspect --format '{{.Id}}' busybox)" ]
	registry_skopeo copy -q --src-tls-verify=false docker://127.0.0.1:5000/made/box:1 "docker-archive:$BATS_TEST_TMPDIR/a.tar:x:1"
	before=$(log_lines)
	run kist push localhost:5000/made/box:1
	[[ "$output" == *"Layer already exists"* ]]
	[ "$(uploads "$before")" = 0 ]
	digest="sha256:$(raw made/box:1 | sha256sum | cut -d' ' -f1)"
	[[ "$output" == *"1: digest: $digest size: "* ]]
	docker inspect --format '{{json .RepoDigests}}' busybox | grep -q "localhost:5000/made/box@$digest"
}

@test "the same content is compressed to the same digest" {
	docker tag busybox localhost:5000/same/a:1
	docker push -q localhost:5000/same/a:1
	raw same/a:1 >"$BATS_TEST_TMPDIR/a"
	docker rmi -f "$(docker images -q busybox)"
	load_busybox
	docker tag busybox localhost:5001/same/b:1
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	kist push -q localhost:5001/same/b:1
	registry_skopeo inspect --raw --tls-verify=false --creds "$REGISTRY_USER:$REGISTRY_PASSWORD" docker://127.0.0.1:5001/same/b:1 |
		cmp - "$BATS_TEST_TMPDIR/a"
}

@test "a committed container is pushed and pulled again" {
	docker run --name c1 busybox sh -c 'echo new >/file'
	docker commit c1 localhost:5000/made/commit:1
	docker push -q localhost:5000/made/commit:1
	docker rmi localhost:5000/made/commit:1
	docker pull -q localhost:5000/made/commit:1
	[ "$(docker run --rm localhost:5000/made/commit:1 cat /file)" = new ]
}

@test "all tags of a repository, and tags that there are not" {
	docker tag busybox localhost:5000/tags/p:one
	docker tag busybox localhost:5000/tags/p:two
	docker push -q -a localhost:5000/tags/p
	[ "$(kist registry tags localhost:5000/tags/p | sort | tr '\n' ' ')" = "one two " ]
	for cli in docker kist; do
		fails_with 1 "tag does not exist: localhost:5000/tags/p:three" $cli push localhost:5000/tags/p:three
		fails_with 1 "An image does not exist locally with the tag: localhost:5000/tags/q" $cli push localhost:5000/tags/q:1
		fails_with 1 "tag can't be used with --all-tags/-a" $cli push -a localhost:5000/tags/p:one
	done
}

@test "a registry that is not there, or speaks no TLS, is named with /v2/ and its address, as by dockerd" {
	docker tag busybox localhost:5999/x:1
	docker tag busybox 192.0.2.1:5000/x:1
	for cli in docker kist; do
		for what in pull push; do
			fails_with 1 'Get "http://localhost:5999/v2/": dial tcp 127.0.0.1:5999: connect: connection refused' \
				$cli $what localhost:5999/x:1
			fails_with 1 'Get "https://192.0.2.1:5000/v2/": http: server gave HTTP response to HTTPS client' \
				$cli $what 192.0.2.1:5000/x:1
		done
	done
}

@test "dockerd pulls what we pushed, and runs with the same digests" {
	command -v dockerd >/dev/null || skip "dockerd is not installed"
	docker tag busybox localhost:5000/peer/box:1
	docker push -q localhost:5000/peer/box:1
	mkdir -p "$BATS_TEST_TMPDIR/d"
	nsenter --net="/run/netns/$KIST_NETNS" -- unshare -m --propagation private dockerd --data-root "$BATS_TEST_TMPDIR/d/data" \
		--exec-root "$BATS_TEST_TMPDIR/d/exec" --host "unix://$BATS_TEST_TMPDIR/d/s" --pidfile "$BATS_TEST_TMPDIR/d/pid" \
		--bridge none --iptables=false --ip6tables=false --storage-driver vfs >"$BATS_TEST_TMPDIR/d/log" 2>&1 </dev/null 3>&- &
	peer=$!
	for i in $(seq "$(patience 200)"); do
		docker -H "unix://$BATS_TEST_TMPDIR/d/s" version >/dev/null 2>&1 && break
		sleep 0.1
	done
	ours=$(docker inspect --format '{{.Id}} {{json .RootFS.Layers}}' localhost:5000/peer/box:1)
	run docker -H "unix://$BATS_TEST_TMPDIR/d/s" pull localhost:5000/peer/box:1
	theirs=$(docker -H "unix://$BATS_TEST_TMPDIR/d/s" inspect --format '{{.Id}} {{json .RootFS.Layers}}' localhost:5000/peer/box:1)
	# and back: what dockerd pushes, we pull
	docker -H "unix://$BATS_TEST_TMPDIR/d/s" tag localhost:5000/peer/box:1 localhost:5000/peer/back:1
	docker -H "unix://$BATS_TEST_TMPDIR/d/s" push -q localhost:5000/peer/back:1
	kill "$(cat "$BATS_TEST_TMPDIR/d/pid")"
	wait_gone "$peer"
	[ "$status" = 0 ]
	[ "$ours" = "$theirs" ]
	docker pull -q localhost:5000/peer/back:1
	[ "$(docker inspect --format '{{.Id}} {{json .RootFS.Layers}}' localhost:5000/peer/back:1)" = "$ours" ]
}
