# Images for several platforms, and what is no image: lists of Docker's schema 2, OCI indexes, digests, all tags, artifacts and what
# refers to an image; with docker and kist through kistd, and docker-registry.
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	engine_start
	registry_start plain 5000
	registry_start other 5001
	registry_mock odd 7000
}
teardown_file() {
	registry_there || return 0
	registry_stop_all
	engine_stop
}
setup() {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
}
teardown() {
	registry_there || return 0
	nothing_here
}

put_image() {
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 "$@"
}
raw() { # port/name:tag
	registry_skopeo inspect --tls-verify=false --raw "docker://127.0.0.1:$1"
}
three=linux/arm64,linux/amd64,linux/arm/v7
platform_of() {
	docker inspect --format '{{.Os}}/{{.Architecture}}{{with .Variant}}/{{.}}{{end}}' "$1"
}

@test "a list of schema 2 and an OCI index give the platform that is asked for, else this machine's" {
	for kind in "" --oci; do
		name=many/list$kind
		put_image "$name" 1 --platforms $three $kind --seed "seed$kind" >"$BATS_TEST_TMPDIR/digests"
		for cli in docker kist; do
			run $cli pull "localhost:5000/$name:1"
			[[ "$output" == *"Digest: $(head -n 1 "$BATS_TEST_TMPDIR/digests")"* ]]
			[ "$(platform_of "localhost:5000/$name:1")" = linux/amd64 ]
			for p in ${three//,/ } linux/arm; do
				$cli pull -q --platform "$p" "localhost:5000/$name:1"
				[ "$(platform_of "localhost:5000/$name:1")" = "${p/%arm/arm/v7}" ]
			done
			fails_with 1 "no matching manifest for linux/s390x in the manifest list entries" \
				$cli pull --platform linux/s390x "localhost:5000/$name:1"
			# and the one that was there is there
			[ "$(platform_of "localhost:5000/$name:1")" = linux/arm/v7 ]
		done
	done
}

@test "this machine is plain amd64, whatever its processor has: an index without that gives 386, or nothing, as containerd" {
	[ "$(dpkg --print-architecture)" = amd64 ] || skip "not an amd64"
	put_image level/two 1 --platforms linux/amd64/v2,linux/arm64 >/dev/null
	put_image level/both 1 --platforms linux/amd64/v2,linux/386 >/dev/null
	for cli in docker kist; do
		fails_with 1 "no matching manifest for linux/amd64 in the manifest list entries" $cli pull localhost:5000/level/two:1
		$cli pull -q localhost:5000/level/both:1
		[ "$(platform_of localhost:5000/level/both:1)" = linux/386 ]
		$cli pull -q --platform linux/amd64/v3 localhost:5000/level/both:1
		[ "$(platform_of localhost:5000/level/both:1)" = linux/amd64/v2 ]
	done
}

@test "a name that stands for another platform's image alone brings it, with a warning" {
	put_image alone/x 1 --platforms linux/arm64 --oci >/dev/null
	digest=$(raw 5000/alone/x:1 | jq -r '.manifests[0].digest // empty')
	name=localhost:5000/alone/x${digest:+@$digest}
	[ -n "$digest" ] || name+=:1
	warning="WARNING: image with reference $name was found but does not provide the specified platform (linux/s390x)"
	for cli in docker kist; do
		$cli pull --platform linux/s390x "$name" >"$BATS_TEST_TMPDIR/said"
		[ "$(grep -c "$warning" "$BATS_TEST_TMPDIR/said")" = 1 ]
		$cli pull --platform linux/arm64 "$name" >"$BATS_TEST_TMPDIR/said"
		! grep WARNING "$BATS_TEST_TMPDIR/said" || false
	done
}

@test "a digest is the index's, or one of its manifests', and brings that" {
	put_image many/digest 1 --platforms $three >"$BATS_TEST_TMPDIR/digests"
	index=$(head -n 1 "$BATS_TEST_TMPDIR/digests")
	arm=$(awk '$1 == "linux/arm64" {print $2}' "$BATS_TEST_TMPDIR/digests")
	docker pull -q "localhost:5000/many/digest@$index"
	[ "$(platform_of "localhost:5000/many/digest@$index")" = linux/amd64 ]
	kist pull -q "localhost:5000/many/digest@$arm"
	[ "$(platform_of "localhost:5000/many/digest@$arm")" = linux/arm64 ]
	docker pull -q "localhost:5000/many/digest:1@$index"
	nothing=sha256:$(printf %064d 1)
	for cli in docker kist; do
		fails_with 1 "manifest for localhost:5000/many/digest@$nothing not found" $cli pull "localhost:5000/many/digest@$nothing"
	done
}

@test "an index's digest stays with the platform that came first by tag, and moves with a pull by it, as with dockerd" {
	put_image many/stays 1 --platforms linux/amd64,linux/arm64 --seed stays >"$BATS_TEST_TMPDIR/digests"
	name=localhost:5000/many/stays
	digest=$name@$(head -n 1 "$BATS_TEST_TMPDIR/digests")
	digests_of() { docker image inspect -f '{{.Architecture}} {{join .RepoDigests " "}}' "$1"; }
	for cli in docker kist; do
		$cli pull -q --platform linux/amd64 $name:1
		amd=$(docker images -q $name:1)
		$cli pull -q --platform linux/arm64 $name:1
		arm=$(docker images -q $name:1)
		[ "$(digests_of "$amd")" = "amd64 $digest" ]
		[ "$(digests_of "$arm")" = "arm64 " ]
		$cli pull -q --platform linux/arm64 "$digest"
		[ "$(docker images -q $name:1)" = "$arm" ]
		[ "$(digests_of "$arm")" = "arm64 $digest" ]
		docker rmi -f "$arm"
		! docker image inspect "$digest" 2>/dev/null || false
	done
}

@test "an index of which all platforms were pulled is pushed whole, byte for byte, else the one there is" {
	put_image many/push 1 --platforms linux/arm64,linux/amd64 --oci >/dev/null
	raw 5000/many/push:1 >"$BATS_TEST_TMPDIR/index"
	docker pull -q localhost:5000/many/push:1
	docker tag localhost:5000/many/push:1 localhost:5001/many/part:1
	docker push -q localhost:5001/many/part:1
	raw 5001/many/part:1 >"$BATS_TEST_TMPDIR/part"
	jq -r '.manifests[] | select(.platform.architecture == "amd64").digest' "$BATS_TEST_TMPDIR/index" >"$BATS_TEST_TMPDIR/want"
	[ "sha256:$(sha256sum <"$BATS_TEST_TMPDIR/part" | cut -d' ' -f1)" = "$(cat "$BATS_TEST_TMPDIR/want")" ]
	docker pull -q --platform linux/arm64 localhost:5000/many/push:1
	docker tag localhost:5000/many/push:1 localhost:5001/many/whole:1
	kist push -q localhost:5001/many/whole:1
	raw 5001/many/whole:1 | cmp - "$BATS_TEST_TMPDIR/index"
	registry_skopeo copy -q --all --src-tls-verify=false docker://127.0.0.1:5001/many/whole:1 "dir:$BATS_TEST_TMPDIR/dir"
	# one of them alone, if that is asked for
	kist push -q --platform linux/arm64 localhost:5001/many/whole:1
	[ "$(raw 5001/many/whole:1 | jq -r .config.digest)" = "$(docker inspect --format '{{.Id}}' localhost:5001/many/whole:1)" ]
	fails_with 1 "does not provide the specified platform" kist push --platform linux/s390x localhost:5001/many/whole:1
}

# z:1, a manifest, and z:multi, an index that lists it and one for arm64
put_two() { # name
	put_image "$1" multi --platforms linux/amd64,linux/arm64 --compress zstd --oci --seed "$1" >"$BATS_TEST_TMPDIR/digests"
	put_image "$1" 1 --compress zstd --oci --seed "$1" >/dev/null
	raw "5000/$1:1" >"$BATS_TEST_TMPDIR/one"
	raw "5000/$1:multi" >"$BATS_TEST_TMPDIR/multi"
	jq -r '.manifests[0].digest' "$BATS_TEST_TMPDIR/multi" |
		cmp - <(echo "sha256:$(sha256sum <"$BATS_TEST_TMPDIR/one" | cut -d' ' -f1)")
}

@test "a name is pushed as what it came with, index or manifest, whatever came for its image later" {
	put_two many/z
	z=localhost:5000/many/z
	kist pull -q $z:1
	kist pull -q --platform linux/arm64 $z:multi
	kist pull -q $z:multi
	kist push -q $z:1
	raw 5000/many/z:1 | cmp - "$BATS_TEST_TMPDIR/one"
	kist push -q -a $z
	raw 5000/many/z:1 | cmp - "$BATS_TEST_TMPDIR/one"
	raw 5000/many/z:multi | cmp - "$BATS_TEST_TMPDIR/multi"
	# a tag is what its source is; an id stands for no index
	docker tag $z:1 localhost:5001/many/z:1
	docker tag $z:multi localhost:5001/many/z:multi
	docker tag "$z@$(head -n 1 "$BATS_TEST_TMPDIR/digests")" localhost:5001/many/z:digest
	docker tag "$(docker images -q $z:multi)" localhost:5001/many/z:id
	docker push -q -a localhost:5001/many/z
	for tag in 1 id; do raw 5001/many/z:$tag | cmp - "$BATS_TEST_TMPDIR/one"; done
	for tag in multi digest; do raw 5001/many/z:$tag | cmp - "$BATS_TEST_TMPDIR/multi"; done
	# and what the registry has under it is what a pull makes of it
	in_net curl -s -X PUT -H "Content-Type: $(jq -r .mediaType "$BATS_TEST_TMPDIR/multi")" --data-binary "@$BATS_TEST_TMPDIR/multi" \
		http://127.0.0.1:5001/v2/many/z/manifests/1
	kist pull -q localhost:5001/many/z:1
	run kist pull localhost:5001/many/z:1
	[[ "$output" == *"Image is up to date"* ]]
	docker tag localhost:5001/many/z:1 localhost:5001/many/y:1
	kist push -q localhost:5001/many/y:1
	raw 5001/many/y:1 | cmp - "$BATS_TEST_TMPDIR/multi"
}

@test "a name is saved as what it came with: several names of an image need not be the same, and are loaded as that" {
	put_two many/s
	s=localhost:5000/many/s
	kist pull -q $s:multi
	kist pull -q $s:1
	docker tag $s:1 localhost:5001/many/s:1
	docker tag $s:multi localhost:5001/many/s:multi
	index=$(head -n 1 "$BATS_TEST_TMPDIR/digests")
	one=$(sed -n 2p "$BATS_TEST_TMPDIR/digests" | cut -d' ' -f2)
	kist save --format oci -o "$BATS_TEST_TMPDIR/s.tar" localhost:5001/many/s
	tar -xOf "$BATS_TEST_TMPDIR/s.tar" index.json |
		jq -r '.manifests[] | .annotations["org.opencontainers.image.ref.name"] + " " + .digest' >"$BATS_TEST_TMPDIR/names"
	[ "$(sort "$BATS_TEST_TMPDIR/names")" = "1 $one
multi $index" ]
	kist save --format oci localhost:5001/many/s:1 | tar -t >"$BATS_TEST_TMPDIR/list"
	! grep -q "${index#sha256:}" "$BATS_TEST_TMPDIR/list" || false
	[ "$(kist save --format oci "$s@$index" | tar -xO index.json | jq -r '.manifests[0].digest')" = "$index" ]
	docker rmi -f "$(docker images -q $s:1)" >/dev/null
	kist load -q -i "$BATS_TEST_TMPDIR/s.tar"
	docker push -q -a localhost:5001/many/s
	raw 5001/many/s:1 | cmp - "$BATS_TEST_TMPDIR/one"
	[ "$(kist save --format oci localhost:5001/many/s:multi | tar -xO index.json | jq -r '.manifests[0].digest')" = "$index" ]
}

@test "one platform is pushed with the layers that came, also after an archive of it was loaded" {
	put_two many/c
	c=localhost:5000/many/c
	kist pull -q $c:multi
	kist save --platform linux/amd64 -o "$BATS_TEST_TMPDIR/c.tar" $c:multi
	kist load -q --platform linux/amd64 -i "$BATS_TEST_TMPDIR/c.tar"
	kist pull -q --platform linux/arm64 $c:multi
	kist load -q --platform linux/amd64 -i "$BATS_TEST_TMPDIR/c.tar"
	kist push -q --platform linux/amd64 $c:multi
	raw 5000/many/c:multi | cmp - "$BATS_TEST_TMPDIR/one"
}

@test "indexes in an index lead to the platform that is asked for, and come back with the same digests" {
	for kind in "" --oci; do
		name=many/nested$kind
		put_image "$name" 1 --platforms $three --nested $kind --seed "nested$kind" >"$BATS_TEST_TMPDIR/digests"
		index=$(head -n 1 "$BATS_TEST_TMPDIR/digests")
		raw "5000/$name:1" >"$BATS_TEST_TMPDIR/index"
		for p in linux/arm64 linux/arm/v7 ""; do
			for cli in docker kist; do
				run $cli pull ${p:+--platform $p} "localhost:5000/$name:1"
				[[ "$output" == *"Digest: $index"* ]]
				[ "$(platform_of "localhost:5000/$name:1")" = "${p:-linux/amd64}" ]
			done
			[[ "$output" == *"Image is up to date"* ]]
		done
		fails_with 1 "no matching manifest for linux/s390x in the manifest list entries" \
			kist pull --platform linux/s390x "localhost:5000/$name:1"
		docker tag "localhost:5000/$name:1" "localhost:5001/$name:1"
		docker push -q "localhost:5001/$name:1"
		raw "5001/$name:1" | cmp - "$BATS_TEST_TMPDIR/index"
		# and through an archive
		docker tag "localhost:5000/$name:1" saved:1
		kist save --format oci -o "$BATS_TEST_TMPDIR/saved.tar" saved:1
		[ "$(tar -xOf "$BATS_TEST_TMPDIR/saved.tar" index.json | jq -r '.manifests[0].digest')" = "$index" ]
		docker rmi -f $(docker images -aq) >/dev/null
		docker load -q -i "$BATS_TEST_TMPDIR/saved.tar"
		[ "$(platform_of saved:1)" = linux/amd64 ]
		[ "$(kist save --format oci saved:1 | tar -xO index.json | jq -r '.manifests[0].digest')" = "$index" ]
	done
}

@test "one of several platforms goes out alone, with its own index where there is one" {
	put_image many/alone 1 --platforms $three --nested --oci --seed alone >/dev/null
	raw 5000/many/alone:1 >"$BATS_TEST_TMPDIR/index"
	docker pull -q localhost:5000/many/alone:1
	docker tag localhost:5000/many/alone:1 localhost:5001/many/alone:1
	docker push -q localhost:5001/many/alone:1
	raw 5001/many/alone:1 >"$BATS_TEST_TMPDIR/pushed"
	[ "sha256:$(sha256sum <"$BATS_TEST_TMPDIR/pushed" | cut -d' ' -f1)" = "$(jq -r '.manifests[1].digest' "$BATS_TEST_TMPDIR/index")" ]
}

@test "an image for another platform than asked for counts as missing, and is pulled" {
	put_image many/run 1 --platforms $three --seed run >/dev/null
	image=localhost:5000/many/run:1
	for cli in docker kist; do
		docker pull -q --platform linux/arm64 $image
		fails_with 125 "does not provide the specified platform (linux/amd64): it is for linux/arm64" \
			$cli run --platform linux/amd64 --pull never --rm $image true
		[ "$(platform_of $image)" = linux/arm64 ]
		$cli create --platform linux/amd64 $image true 2>"$BATS_TEST_TMPDIR/err"
		grep "Unable to find image '$image' locally" "$BATS_TEST_TMPDIR/err"
		[ "$(platform_of $image)" = linux/amd64 ]
		fails_with 125 "no matching manifest for linux/s390x" $cli run --platform linux/s390x $image true
		fails_with 125 "invalid platform \"windows/amd64\"" $cli run --platform windows/amd64 $image true
	done
	# nor an image by its ID
	id=$(docker image inspect -f '{{.Id}}' $image)
	for image in "$id" "${id#sha256:}"; do
		for cli in docker kist; do
			fails_with 125 "does not provide the specified platform (linux/s390x): it is for linux/amd64" \
				$cli run --platform linux/s390x --rm "$image" true
		done
	done
	fails_with 125 "No such image" kist run --rm "sha256:$(printf %064d 0)" true
	# no pull brings a container
	run kist create --volumes-from nobody $image true
	[[ "$status" != 0 && "$output" == *"No such container: nobody"* && "$output" != *"Unable to find"* ]]
}

@test "an image for another machine that is taken as it is brings a warning" {
	put_image many/warn 1 --platforms $three,linux/arm64/v9 --seed warn >/dev/null
	image=localhost:5000/many/warn:1
	said="does not match the detected host platform (linux/amd64) and no specific platform was requested"
	for cli in docker kist; do
		for p in arm64 arm/v7 arm64/v9; do
			docker pull -q --platform linux/$p $image
			$cli create $image true 2>"$BATS_TEST_TMPDIR/err"
			[ "$(cat "$BATS_TEST_TMPDIR/err")" = "WARNING: The requested image's platform (linux/$p) $said" ]
			$cli create --platform linux/$p $image true 2>"$BATS_TEST_TMPDIR/err"
			[ ! -s "$BATS_TEST_TMPDIR/err" ]
		done
		docker pull -q --platform linux/amd64 $image
		$cli create $image true 2>"$BATS_TEST_TMPDIR/err"
		[ ! -s "$BATS_TEST_TMPDIR/err" ]
	done
}

@test "an index's entry without a platform is for what its configuration says" {
	docker pull -q 127.0.0.1:7000/nested
	[ "$(platform_of 127.0.0.1:7000/nested)" = linux/amd64 ]
}

api() {
	curl -s --unix-socket "$KIST_HOME/kist.sock" "http://x/$1" | jq "${@:2}"
}

@test "manifests=1 tells of all platforms of an index which are here, who uses them, and whose attestation is whose" {
	put_image many/seen 1 --platforms $three --oci --seed seen >"$BATS_TEST_TMPDIR/digests"
	docker pull -q --platform linux/arm64 localhost:5000/many/seen:1
	docker create --name user --platform linux/arm64 localhost:5000/many/seen:1 >/dev/null
	api v1.47/images/json?manifests=1 -c .[0].Manifests >"$BATS_TEST_TMPDIR/list"
	api v1.48/images/localhost:5000/many/seen:1/json?manifests=1 . >"$BATS_TEST_TMPDIR/one"
	jq -c .Manifests "$BATS_TEST_TMPDIR/one" | cmp - "$BATS_TEST_TMPDIR/list"
	[ "$(jq -r '.[] | .Descriptor.platform.os + "/" + .Descriptor.platform.architecture + "/" + (.Descriptor.platform.variant // "") +
		" " + .ID' "$BATS_TEST_TMPDIR/list" | sed 's,/ , ,')" = "$(tail -n +2 "$BATS_TEST_TMPDIR/digests")" ]
	[ "$(jq -c 'map([.Available, .Kind, .ImageData.Platform.architecture])' "$BATS_TEST_TMPDIR/list")" = \
		'[[true,"image","arm64"],[false,"image","amd64"],[false,"image","arm"]]' ]
	[ "$(jq -c '.[0].ImageData.Containers' "$BATS_TEST_TMPDIR/list")" = "[\"$(docker inspect --format '{{.Id}}' user)\"]" ]
	# what is not here takes no room; what is here takes what the registry sent, and its files
	[ "$(jq -c '.[1].Size, .[1].ImageData.Size.Unpacked' "$BATS_TEST_TMPDIR/list" | tr -d '\n')" = '{"Content":0,"Total":0}0' ]
	id=$(jq -r '.[0].ID' "$BATS_TEST_TMPDIR/list")
	in_net curl -s -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://127.0.0.1:5000/v2/many/seen/manifests/$id" >"$BATS_TEST_TMPDIR/m"
	content=$(($(stat -c %s "$BATS_TEST_TMPDIR/m") + $(jq '[.config.size, .layers[].size] | add' "$BATS_TEST_TMPDIR/m")))
	size=$(docker image inspect --format '{{.Size}}' localhost:5000/many/seen:1)
	[ "$(jq -c '.[0] | [.Size.Content, .Size.Total, .ImageData.Size.Unpacked]' "$BATS_TEST_TMPDIR/list")" = "[$content,$((content + size)),$size]" ]
	[ "$(jq -r .Descriptor.digest "$BATS_TEST_TMPDIR/one")" = "$(head -n 1 "$BATS_TEST_TMPDIR/digests")" ]
	# who does not ask, or speaks an older version, is not told
	for path in v1.46/images/json?manifests=1 v1.51/images/json; do
		[ "$(api $path -c '.[0] | [has("Manifests"), has("Descriptor")]')" = '[false,false]' ]
	done
	[ "$(api v1.47/images/localhost:5000/many/seen:1/json?manifests=1 -c '[has("Manifests"), has("Descriptor")]')" = '[false,false]' ]
	docker rm user
}

@test "images --tree, of docker and of kist, shows the platforms of each image" {
	put_image many/tree 1 --platforms $three --nested --oci --seed tree >/dev/null
	docker pull -q localhost:5000/many/tree:1
	docker load -q -i "$(busybox_archive)"
	docker tag busybox zzz:1
	docker create --name user busybox >/dev/null
	for cli in docker kist; do
		$cli images --tree 2>"$BATS_TEST_TMPDIR/err" | sed 's/\x1b\[[0-9;]*m//g; s/ *$//' | cat -s | sed '${/^$/d}' >"$BATS_TEST_TMPDIR/$cli"
	done
	# docker of API 1.50 marks no image that has no platforms to be used
	grep -v "Info" "$BATS_TEST_TMPDIR/kist" | sed 's/ *U$//; s/[^ ]*\(B\|DISK USAGE\|CONTENT SIZE\)/ \1/g; s/  */ /g' >"$BATS_TEST_TMPDIR/a"
	grep -vE "Info|WARNING" "$BATS_TEST_TMPDIR/docker" | sed 's/ *U$//; s/[^ ]*\(B\|DISK USAGE\|CONTENT SIZE\)/ \1/g; s/  */ /g' >"$BATS_TEST_TMPDIR/b"
	diff -u "$BATS_TEST_TMPDIR/b" "$BATS_TEST_TMPDIR/a"
	grep -q "^└─ linux/amd64 .*[1-9].*kB" "$BATS_TEST_TMPDIR/kist"
	grep -A 1 "^busybox:latest$" "$BATS_TEST_TMPDIR/kist" | grep -q "^zzz:1 .* U$"
	for flag in -q --no-trunc --format=x --digests; do
		for cli in docker kist; do fails_with 1 "is not yet supported with --tree" $cli images --tree $flag; done
	done
	docker rm user
}

@test "docker's --platform of save, load, push, history and inspect is for the image that there is" {
	put_image many/flag 1 --platforms linux/arm64,linux/amd64 --oci --seed flag >"$BATS_TEST_TMPDIR/digests"
	image=localhost:5000/many/flag:1
	docker pull -q --platform linux/arm64 $image
	docker tag $image localhost:5001/many/flag:1
	tar=$BATS_TEST_TMPDIR/flag.tar
	for command in "save -o $tar $image" "push localhost:5001/many/flag:1" "history $image" "inspect $image"; do
		run docker image ${command/ / --platform linux/amd64 }
		[ "$status" = 1 ]
		[[ "$output" == *"was found but does not provide the specified platform"* ]]
	done
	for command in "save -o $tar $image" "push -q localhost:5001/many/flag:1" "history $image" "inspect -f {{.Id}} $image"; do
		docker image ${command/ / --platform linux/arm64 }
	done
	# alone, not its index
	[ "linux/arm64 sha256:$(raw 5001/many/flag:1 | sha256sum | cut -d' ' -f1)" = "$(sed -n 2p "$BATS_TEST_TMPDIR/digests")" ]
	id=$(docker inspect --format '{{.Id}}' $image)
	docker rmi -f "$id" >/dev/null
	fails_with 1 "requested platform (linux/amd64) not found" docker load --platform linux/amd64 -i "$tar"
	[ -z "$(docker images -aq)" ]
	docker load --platform linux/arm64 -i "$tar"
	[ "$(docker inspect --format '{{.Id}}' $image)" = "$id" ]
	fails_with 1 "is an invalid component of" docker save --platform 'linux/a b' -o "$tar" $image
}

@test "docker manifest inspects what we pushed" {
	docker load -q -i "$(busybox_archive)"
	docker tag busybox localhost:5000/made/box:1
	docker push -q localhost:5000/made/box:1
	export DOCKER_CLI_EXPERIMENTAL=enabled
	in_net docker manifest inspect --insecure localhost:5000/made/box:1 >"$BATS_TEST_TMPDIR/m"
	[ "$(jq -r .config.digest "$BATS_TEST_TMPDIR/m")" = "$(docker inspect --format '{{.Id}}' busybox)" ]
	# a list of them that docker makes is pulled again
	in_net docker manifest create --insecure localhost:5000/made/list:1 localhost:5000/made/box:1
	in_net docker manifest push --insecure localhost:5000/made/list:1
	docker pull -q localhost:5000/made/list:1
	[ "$(docker inspect --format '{{.Id}}' localhost:5000/made/list:1)" = "$(docker inspect --format '{{.Id}}' busybox)" ]
}

@test "an artifact is refused by its type, and does not keep others of its repository from being pulled" {
	for kind in artifact bare; do
		for cli in docker kist; do
			fails_with 1 'Encountered remote "application/vnd.oci.empty.v1+json"(unknown) when fetching' $cli pull 127.0.0.1:7000/$kind
		done
		curl -s --unix-socket "$KIST_HOME/kist.sock" http://x/distribution/127.0.0.1:7000/$kind/json >"$BATS_TEST_TMPDIR/d"
		[ "$(jq -c .Platforms "$BATS_TEST_TMPDIR/d")" = '[]' ]
	done
	[ -z "$(docker images -aq)" ]
	docker pull -q 127.0.0.1:7000/index
}

@test "a blob of another repository is mounted, and is sent where it is gone" {
	put_image mount/from 1 --layers 2 --bytes 100000 >/dev/null
	docker pull -q localhost:5000/mount/from:1
	docker tag localhost:5000/mount/from:1 localhost:5000/mount/to:1
	run docker push localhost:5000/mount/to:1
	[ "$(grep -c "Mounted from mount/from" <<<"$output")" = 2 ]
	raw 5000/mount/to:1 | cmp - <(raw 5000/mount/from:1)
	# another registry has neither
	docker tag localhost:5000/mount/from:1 localhost:5001/mount/to:1
	run kist push localhost:5001/mount/to:1
	[ "$(grep -c ": Pushed" <<<"$output")" = 2 ]
	raw 5001/mount/to:1 | cmp - <(raw 5000/mount/from:1)
}

@test "all tags of a repository come and go together" {
	put_image tags/all one --seed 1 >/dev/null
	put_image tags/all two --seed 2 --platforms $three >/dev/null
	run kist pull -a localhost:5000/tags/all
	[ "$status" = 0 ]
	[ "$(docker images --format '{{.Tag}}' localhost:5000/tags/all | sort | tr '\n' ' ')" = "one two " ]
	for t in one two; do docker tag localhost:5000/tags/all:$t localhost:5001/tags/all:$t; done
	docker push -q -a localhost:5001/tags/all
	[ "$(kist registry tags localhost:5001/tags/all | sort | tr '\n' ' ')" = "one two " ]
}

@test "search asks the registry that the term names, and shows what fits the filters" {
	for cli in docker kist; do
		[ "$($cli search --limit 3 --format '{{.Name}} {{.StarCount}}' 127.0.0.1:7000/deb | tr '\n' ' ')" = "deb-0 0 deb-1 1 deb-2 2 " ]
		[ "$($cli search --limit 5 --filter stars=3 --format '{{.Name}}' 127.0.0.1:7000/deb | tr '\n' ' ')" = "deb-3 deb-4 " ]
		[ "$($cli search --limit 5 --filter is-official=true --format '{{.Name}}' 127.0.0.1:7000/deb)" = deb-0 ]
	done
}

@test "what refers to an image is shown with its type" {
	put_image refers/x 1 --oci >"$BATS_TEST_TMPDIR/digests"
	digest=$(head -n 1 "$BATS_TEST_TMPDIR/digests")
	[ -z "$(kist registry referrers localhost:5000/refers/x:1)" ]
	size=$(raw 5000/refers/x:1 | wc -c)
	# docker-registry has no API for it: the tag is what the specification has instead
	entry='{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "'$digest'", "size": '$size', "artifactType":'
	in_net curl -sf -o /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' \
		-d '{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": ['"$entry"' "type/a\u001b[31m"},'"$entry"' "type/b"}]}' \
		"http://127.0.0.1:5000/v2/refers/x/manifests/${digest/:/-}"
	[ "$(kist registry referrers localhost:5000/refers/x:1)" = "$digest type/a\x1b[31m"$'\n'"$digest type/b" ]
	[ "$(kist registry referrers "localhost:5000/refers/x@$digest" --artifact-type type/b)" = "$digest type/b" ]
	fails_with 1 "not found" kist registry referrers localhost:5000/refers/x:none
}
