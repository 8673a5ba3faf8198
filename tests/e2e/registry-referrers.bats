# Pushes of what has a subject (distribution-spec 1.1 "Pushing Manifests with Subject"): to docker-registry, which keeps no list
# of what refers to what, and to registries that do, or are changed by others at the same time (lib/image_mock.py).
load lib/engine
load lib/registry

ABOUT=sha256:$(printf 'a%.0s' {1..64})

setup_file() {
	registry_there || return 0
	engine_start --registry-timeout "$(patience 5)" --max-download-attempts 2
	registry_start plain 5000
	registry_mock odd 7000 --other http://127.0.0.1:7000
}
teardown_file() {
	registry_there || return 0
	registry_stop_all
	engine_stop
}
setup() {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	registry_forget odd
}
teardown() {
	registry_there || return 0
	nothing_here
}

curl_registry() {
	in_net curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' "$@"
}
raw() { # REPOSITORY REF
	curl_registry "http://127.0.0.1:5000/v2/$1/manifests/$2"
}
list() { # REPOSITORY: what its tag for $ABOUT names
	raw "$1" "${ABOUT/:/-}"
}

# refers REPOSITORY JQ [FLAGS]: an image, or index, with what jq adds to its manifest, is in REPOSITORY of docker-registry and here
# as localhost:5000/REPOSITORY:1. $DIGEST and $SIZE are its manifest's.
refers() {
	local file=$BATS_TEST_TMPDIR/manifest
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 "$1" plain --oci "${@:3}" >/dev/null
	raw "$1" plain | jq -c "$2" >"$file"
	DIGEST=sha256:$(sha256sum <"$file" | cut -d' ' -f1)
	SIZE=$(wc -c <"$file")
	curl_registry -o /dev/null -X PUT -H "Content-Type: $(jq -r .mediaType "$file")" --data-binary "@$file" \
		"http://127.0.0.1:5000/v2/$1/manifests/1"
	docker pull -q "localhost:5000/$1:1"
}

subject='.subject = {"mediaType": "m", "digest": "'$ABOUT'", "size": 7}'

push_one() { # NAME TARGET: what refers to $subject, of type/NAME, is pushed as TARGET
	refers "from/$1" "$subject"' | .artifactType = "type/'"$1"'"' --seed "$1"
	docker tag "localhost:5000/from/$1:1" "$2"
	docker push -q "$2"
}

@test "what has a subject is added to the list that the tag names, once" {
	local cli entries
	refers from/a "$subject"' | .annotations = {"k": "v", "l": ""}' --seed a
	entries='[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"'$DIGEST'","size":'$SIZE',"artifactType":"application/vnd.oci.image.config.v1+json","annotations":{"k":"v","l":""}}'
	for cli in docker kist docker; do
		docker tag localhost:5000/from/a:1 localhost:5000/to/a:1
		$cli push -q localhost:5000/to/a:1
		[ "$(list to/a)" = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":'"$entries]}" ]
	done
	# byte for byte as ever
	raw from/a 1 | cmp - <(raw to/a 1)
	[ "$(kist registry referrers "localhost:5000/to/a@$ABOUT")" = "$DIGEST application/vnd.oci.image.config.v1+json" ]
	# and the next one
	first=$DIGEST
	refers from/b "$subject"' | .artifactType = "type/b"' --seed b
	docker tag localhost:5000/from/b:1 localhost:5000/to/a:b
	kist push -q localhost:5000/to/a:b
	[ "$(list to/a | jq -c .manifests)" = "$entries,"'{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"'$DIGEST'","size":'$SIZE',"artifactType":"type/b"}]' ]
	[ "$(kist registry referrers "localhost:5000/to/a@$ABOUT")" = "$first application/vnd.oci.image.config.v1+json"$'\n'"$DIGEST type/b" ]
	[ "$(kist registry referrers "localhost:5000/to/a@$ABOUT" --artifact-type type/b)" = "$DIGEST type/b" ]
}

@test "an index has a subject as well, and so has what is in it" {
	local inner
	refers from/i . --seed i
	inner=$(raw from/i plain | jq -c "$subject"' | .artifactType = "type/inner"')
	curl_registry -o /dev/null -X PUT -H "Content-Type: application/vnd.oci.image.manifest.v1+json" --data-binary "$inner" \
		http://127.0.0.1:5000/v2/from/i/manifests/inner
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%d,"platform":{"os":"linux","architecture":"amd64"}}],"subject":{"mediaType":"m","digest":"%s","size":7},"annotations":{"a":"b"}}' \
		"$(printf %s "$inner" | sha256sum | cut -d' ' -f1)" "${#inner}" "$ABOUT" >"$BATS_TEST_TMPDIR/index"
	curl_registry -o /dev/null -X PUT -H "Content-Type: application/vnd.oci.image.index.v1+json" --data-binary "@$BATS_TEST_TMPDIR/index" \
		http://127.0.0.1:5000/v2/from/i/manifests/2
	docker pull -q localhost:5000/from/i:2
	docker tag localhost:5000/from/i:2 localhost:5000/to/i:1
	docker push -q localhost:5000/to/i:1
	list to/i | jq -c '.manifests[] | [.mediaType, .digest, .artifactType, .annotations]' | diff - <(
		echo '["application/vnd.oci.image.manifest.v1+json","sha256:'"$(printf %s "$inner" | sha256sum | cut -d' ' -f1)"'","type/inner",null]'
		echo '["application/vnd.oci.image.index.v1+json","sha256:'"$(sha256sum <"$BATS_TEST_TMPDIR/index" | cut -d' ' -f1)"'",null,{"a":"b"}]')
}

@test "what has no subject is in no list" {
	refers from/n . --seed n
	docker tag localhost:5000/from/n:1 localhost:5000/to/n:1
	docker push -q localhost:5000/to/n:1
	! list to/n || false
}

@test "a tag that names something else is left alone, and the push says what stands" {
	local cli before
	refers from/f . --seed f
	docker tag localhost:5000/from/f:1 localhost:5000/to/f:plain
	docker push -q localhost:5000/to/f:plain
	raw to/f plain >"$BATS_TEST_TMPDIR/foreign"
	curl_registry -o /dev/null -X PUT -H "Content-Type: application/vnd.oci.image.manifest.v1+json" \
		--data-binary "@$BATS_TEST_TMPDIR/foreign" "http://127.0.0.1:5000/v2/to/f/manifests/${ABOUT/:/-}"
	refers from/g "$subject" --seed f
	docker tag localhost:5000/from/g:1 localhost:5000/to/f:1
	for cli in docker kist; do
		fails_with 1 "localhost:5000/to/f:1 was pushed, but is not listed among what refers to $ABOUT: this registry keeps no such list, and the tag ${ABOUT/:/-} could not be updated: the tag names no image index but \"application/vnd.oci.image.manifest.v1+json\"" \
			$cli push localhost:5000/to/f:1
	done
	list to/f | cmp - "$BATS_TEST_TMPDIR/foreign"
	raw to/f 1 | cmp - <(raw from/g 1)
}

@test "a registry that lists referrers by itself is left to it" {
	refers from/l "$subject" --seed l
	docker tag localhost:5000/from/l:1 localhost:7000/lists/l:1
	docker push -q localhost:7000/lists/l:1
	registry_asked odd | grep -q '"method": "PUT", "path": "/v2/lists/l/manifests/1", "status": 201'
	! registry_asked odd | grep sha256- || false
}

@test "somebody who was faster is not written over" {
	refers from/r "$subject" --seed r
	docker tag localhost:5000/from/r:1 localhost:7000/raced/r:1
	docker push -q localhost:7000/raced/r:1
	registry_forget odd
	push_one s localhost:7000/raced/r:2
	[ "$(kist registry referrers "localhost:7000/raced/r@$ABOUT" | cut -d' ' -f2 | tr '\n' ' ')" = "application/vnd.oci.image.config.v1+json type/somebody type/s " ]
	[ "$(registry_asked odd | jq -r 'select(.path | test("manifests/sha256-")) | "\(.method) \(.status)"' | tr '\n' ' ')" = "GET 200 PUT 412 GET 200 PUT 201 GET 200 " ]
}

# listed NAME: the types of what refers to $ABOUT
listed() {
	kist registry referrers "$1@$ABOUT" | cut -d' ' -f2 | sort | tr '\n' ' '
}
# asked: what was done to the list under its tag
asked() {
	registry_asked odd | jq -r 'select(.path | test("manifests/sha256-")) | "\(.method) \(.status)"' | tr '\n' ' '
}

@test "of pushes at the same time none loses its entry" {
	local i j pids
	for j in 1 2 3 4; do
		refers "from/p$j" "$subject"' | .artifactType = "type/'$j'"' --seed "p$j"
	done
	for i in 1 2 3 4; do
		pids=()
		for j in 1 2 3 4; do
			docker tag "localhost:5000/from/p$j:1" "localhost:5000/to/p$i:$j"
		done
		for j in 1 2 3 4; do
			docker push -q "localhost:5000/to/p$i:$j" 3>&- &
			pids+=($!)
		done
		for j in "${pids[@]}"; do
			wait "$j"
		done
		[ "$(listed "localhost:5000/to/p$i")" = "type/1 type/2 type/3 type/4 " ]
	done
}

@test "a list that somebody began meanwhile is not written over" {
	push_one v localhost:7000/first/a:1
	[ "$(asked)" = "GET 404 PUT 412 GET 200 PUT 201 GET 200 " ]
	[ "$(listed localhost:7000/first/a)" = "type/somebody type/v " ]
}

@test "where a registry has no ETag, the push looks whether its entry is there, and adds it again" {
	push_one w localhost:7000/overrun/a:1
	[ "$(asked)" = "GET 404 PUT 201 GET 200 GET 200 PUT 201 GET 200 " ]
	[ "$(listed localhost:7000/overrun/a)" = "type/somebody type/w " ]
}

@test "the ETag of where a registry redirects to is not the registry's" {
	push_one x localhost:7000/moved/a:1
	registry_forget odd
	push_one y localhost:7000/moved/a:2
	[ "$(asked)" = "GET 307 PUT 201 GET 307 " ]
	[ "$(listed localhost:7000/moved/a)" = "type/x type/y " ]
}

@test "a list that is gone where the registry redirects to is not begun anew" {
	refers from/z "$subject" --seed z
	docker tag localhost:5000/from/z:1 localhost:7000/moved.lost/a:1
	in_net curl -sf -o /dev/null -X PUT -H "Content-Type: application/vnd.oci.image.index.v1+json" --data-binary '{"manifests": []}' \
		"http://127.0.0.1:7000/v2/moved.lost/a/manifests/${ABOUT/:/-}"
	registry_forget odd
	fails_with 1 "localhost:7000/moved.lost/a:1 was pushed, but is not listed among what refers to $ABOUT" docker push localhost:7000/moved.lost/a:1
	[ "$(asked)" = "GET 307 " ]
}

@test "a list that cannot be updated fails the push, with the registry's words" {
	refers from/t "$subject" --seed t
	docker tag localhost:5000/from/t:1 localhost:7000/listless/t:1
	fails_with 1 "localhost:7000/listless/t:1 was pushed, but is not listed among what refers to $ABOUT" docker push localhost:7000/listless/t:1
	fails_with 1 "denied: requested access to the resource is denied" kist push localhost:7000/listless/t:1
	docker tag localhost:5000/from/t:1 localhost:7000/listless.never/t:1
	docker push -q localhost:7000/listless.never/t:1
	refers from/u "$subject" --seed u
	docker tag localhost:5000/from/u:1 localhost:7000/listless.never/t:2
	fails_with 1 "412 Precondition Failed" docker push localhost:7000/listless.never/t:2
}

@test "a subject that is no descriptor is refused before it is pushed" {
	refers from/m '.subject = {"digest": "x"}' --seed m
	docker tag localhost:5000/from/m:1 localhost:5000/to/m:1
	fails_with 1 "manifest.subject: the digest \"x\" is none" docker push localhost:5000/to/m:1
	! raw to/m 1 || false
}
