# `system check`: each kind of damage is found by name, and repaired from what is here or from the registry.
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	engine_start
	registry_start plain 5000
	odd_images
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$W/odd.tar" docker://127.0.0.1:5000/test/odd:1
}
teardown_file() {
	registry_there || return 0
	registry_stop_all
	engine_stop
}
setup() {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	IMAGE=localhost:5000/test/odd:1
	kist pull -q $IMAGE >/dev/null
	D=$KIST_HOME/data
	LAYER=$D/layers/$(diff_id 1)
}
teardown() {
	registry_there || return 0
	nothing_here
}

# Bottom first, without "sha256:".
diff_id() {
	kist image inspect -f "{{index .RootFS.Layers $1}}" $IMAGE | cut -d: -f2
}
blob_of() { # layer
	registry_skopeo inspect --tls-verify=false --raw docker://127.0.0.1:5000/test/odd:1 | jq -r ".layers[$1].digest" | cut -d: -f2
}
attribute() { # FILE NAME [HEX]: sets, or without a value removes it
	python3 -c 'import os, sys
f, n, *v = sys.argv[1:]
os.setxattr(f, n, bytes.fromhex(v[0])) if v else os.removexattr(f, n)' "$@"
}
# As it was, with its time: what the folder's other changes do to that is no part of the test.
keep_time() { # FOLDER COMMAND...
	local dir=$1
	shift
	touch -r "$dir" "$W/time"
	"$@"
	touch -r "$W/time" "$dir"
}
# found PATH TEXT: exactly this file is damaged, and it is said why.
found() {
	run kist system check
	[ "$status" = 1 ] || { echo "status $status: $output"; return 1; }
	[ "$(grep -c '^  /' <<<"$output")" = 1 ] || { echo "$output"; return 1; }
	grep -qF "  /$1: $2" <<<"$output" || { echo "$output"; return 1; }
	[[ "$output" == *"layer sha256:${LAYER##*/}: 1 difference from what it came as"*"of localhost:5000/test/odd:1"* ]]
}
# repaired, and whole afterwards
mended() {
	run kist system check --repair
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	whole
}
whole() {
	run kist system check
	[ "$status" = 0 ] || { echo "$output"; return 1; }
	[[ "$output" == *"all whole"* ]]
	[ -z "$(ls "$D/staging")" ]
	# PAX headers and all
	kist save "$IMAGE" | tar -xO "blobs/sha256/$(basename "$LAYER")" | sha256sum | grep -q "^$(basename "$LAYER") "
}

@test "system check finds an image with one of each kind of file whole" {
	run kist system check
	[ "$status" = 0 ]
	[[ "$output" == *"1 images, 2 layers, 4 blobs: all whole"* ]]
	[ "$(kist system check --json | jq -c .Findings)" = "[]" ]
}

@test "a flipped byte, a file that is too long or too short, a missing and an added file are found by name" {
	flip "$LAYER/odd/file" 500000
	found odd/file "another content than it came with"
	mended
	echo more >>"$LAYER/odd/twice"
	touch -d @1600000000 "$LAYER/odd/twice"
	found odd/twice "11 bytes instead of 6"
	mended
	truncate -s 1000 "$LAYER/odd/empty"
	touch -d @1600000000 "$LAYER/odd/empty"
	found odd/empty "1000 bytes instead of 0"
	mended
	truncate -s 3 "$LAYER/odd/twice"
	touch -d @1600000000 "$LAYER/odd/twice"
	found odd/twice "3 bytes instead of 6"
	mended
	keep_time "$LAYER/odd" rm "$LAYER/odd/capable"
	found odd/capable "a file is missing"
	mended
	echo smuggled >"$LAYER/etc/smuggled"
	found etc/smuggled "a file that the layer did not bring"
	mended
	[ ! -e "$LAYER/etc/smuggled" ]
}

@test "another mode, owner or time is found by name" {
	chmod 4755 "$LAYER/odd/capable"
	found odd/capable "mode 4755 instead of 0755"
	mended
	chown 12:34 "$LAYER/odd/twice"
	found odd/twice "owner 12:34 instead of 0:0"
	mended
	chown -h 5:5 "$LAYER/odd/link"
	found odd/link "owner 5:5 instead of 0:0"
	mended
	chmod 777 "$LAYER/odd"
	found odd "mode 0777 instead of 0750"
	mended
	touch "$LAYER/odd/empty"
	found odd/empty "time "
	mended
	touch "$LAYER/odd"
	found odd "time "
	mended
	chmod 700 "$LAYER"
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"layer sha256:${LAYER##*/}: mode 0700 instead of 0755"* ]]
	mended
}

@test "another link target, a hard link that is none, another device and another kind are found by name" {
	keep_time "$LAYER/odd" sh -c "ln -snf /etc/passwd '$LAYER/odd/link' && touch -h -d @1600000000 '$LAYER/odd/link'"
	found odd/link 'target "/etc/passwd" instead of "file"'
	mended
	keep_time "$LAYER/odd" sh -c "cp -p '$LAYER/odd/hard' '$W/copy' && rm '$LAYER/odd/hard' && cp -p '$W/copy' '$LAYER/odd/hard'"
	found odd/hard "a file of its own instead of another name of one"
	mended
	[ "$LAYER/odd/hard" -ef "$LAYER/odd/file" ]
	keep_time "$LAYER/odd" sh -c "rm '$LAYER/odd/device' && mknod -m 644 '$LAYER/odd/device' c 1 9 && touch -d @1600000000 '$LAYER/odd/device'"
	found odd/device "device 1:9 instead of 1:3"
	mended
	keep_time "$LAYER/odd" sh -c "rm '$LAYER/odd/fifo' && echo >'$LAYER/odd/fifo'"
	found odd/fifo "a file instead of a fifo"
	mended
	keep_time "$LAYER/odd" sh -c "rm '$LAYER/odd/file' && mkdir '$LAYER/odd/file'"
	run kist system check
	[[ "$output" == *"/odd/file: a folder instead of a file"* ]]
	mended
}

@test "attributes that changed, came or went are found by name, capabilities among them" {
	attribute "$LAYER/odd/capable" security.capability
	found odd/capable "attribute security.capability is missing"
	mended
	attribute "$LAYER/odd/empty" security.capability 0100000200200000000000000000000000000000
	found odd/empty "attribute security.capability was added"
	mended
	attribute "$LAYER/odd/capable" user.note 00
	found odd/capable "attribute user.note has another value"
	mended
	attribute "$LAYER/odd/opaque" trusted.overlay.opaque
	found odd/opaque "attribute trusted.overlay.opaque is missing"
	mended
	attribute "$LAYER/odd" trusted.overlay.opaque 79
	found odd "attribute trusted.overlay.opaque was added"
	mended
}

@test "a whiteout that is missing or was added is found by name" {
	rm "$LAYER/etc/group"
	found etc/group "a whiteout is missing"
	mended
	mknod "$LAYER/etc/passwd" c 0 0
	found etc/passwd "a whiteout that the layer did not bring"
	mended
	kist run --rm --network none $IMAGE sh -c 'test -e /etc/passwd && test ! -e /etc/group'
}

@test "of very many damaged files a hundred are named and the others counted, on a terminal's own terms" {
	for i in $(seq 150); do : >"$LAYER/etc/bad$i"; done
	: >"$LAYER/etc/$(printf 'new\nline\033\302\233')"
	run kist system check
	[ "$status" = 1 ]
	[ "$(grep -c '^  /' <<<"$output")" = 100 ]
	[[ "$output" == *"151 differences from what it came as"*"  and 51 more"* ]]
	[ "$(kist system check --json | jq -c '.Findings[] | [.Kind, (.Files | length), .MoreFiles]')" = '["layer",100,51]' ]
	rm "$LAYER"/etc/bad*
	found 'etc/new\x0aline\x1b\xc2\x9b' "a file that the layer did not bring"
	mended
}

@test "a content that a layer keeps beside its files is verified, too" {
	kept=$(find "$D/recipes/${LAYER##*/}" -type f ! -name recipe)
	[ "$(cat "$kept")" = first ]
	flip "$kept" 2
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"another content than it came with"* ]]
	mended
	rm "$D/recipes/${LAYER##*/}"/[0-9a-f]*[0-9a-f]
	run kist system check
	[ "$status" = 1 ]
	mended
}

@test "a byte in the hole of a sparse file is found" {
	mkdir "$W/sparse"
	truncate -s 3M "$W/sparse/holes"
	printf data | dd of="$W/sparse/holes" bs=1 seek=2000000 conv=notrunc status=none
	tar --sparse -C "$W/sparse" -c . | kist import - sparse:1
	layer=$D/layers/$(kist image inspect -f '{{index .RootFS.Layers 0}}' sparse:1 | cut -d: -f2)
	touch -r "$layer/holes" "$W/time"
	[ "$(stat -c %s "$layer/holes")" = 3145728 ]
	kist system check
	printf x | dd of="$layer/holes" bs=1 seek=100000 conv=notrunc status=none
	touch -r "$W/time" "$layer/holes"
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"/holes: another content than it came with"* ]]
	printf '\0' | dd of="$layer/holes" bs=1 seek=100000 conv=notrunc status=none
	touch -r "$W/time" "$layer/holes"
	kist system check
}

@test "files that belong to nothing are found and removed, a container's lost folder is found and made again" {
	echo >"$D/content/sha256/0000000000000000000000000000000000000000000000000000000000000000"
	mkdir "$D/layers/1111111111111111111111111111111111111111111111111111111111111111"
	id=$(kist create $IMAGE true)
	rm -r "$D/containers/$id/upper"
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"stray content/sha256/0000"*"belongs to no image"*"stray layers/1111"*"container $id: its folder \"upper\" is missing"* ]]
	mended
	[ ! -e "$D/layers/1111111111111111111111111111111111111111111111111111111111111111" ]
	kist start "$id"
	kist rm -f "$id"
}

@test "a layer, a recipe, a row that are gone or wrong come back without the registry" {
	: >"$(registry_log plain)"
	rm -r "$LAYER"
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"its folder is missing"* ]]
	mended
	rm -r "$D/recipes/${LAYER##*/}"
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"its recipe is missing"* ]]
	mended
	flip "$D/recipes/${LAYER##*/}/recipe" 100
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"recipe is damaged"* ]]
	mended
	[ ! -s "$(registry_log plain)" ]
}

# ---- what has to come again ----

# What the registry was asked for since the last `: >log`, once each.
asked() {
	grep -o 'http.request.uri="\?/v2/[^" ]*' "$(registry_log plain)" | grep -o '\(blobs\|manifests\)/.*' | sort -u
}
only_asked() { # DIGEST...
	local want
	want=$(printf 'blobs/sha256:%s\n' "$@" | sort)
	[ "$(asked)" = "$want" ] || { echo "asked for: $(asked); not only: $want"; return 1; }
}

@test "a damaged, cut or lost blob is fetched again, and nothing else" {
	blob=$(blob_of 1)
	file=$D/content/sha256/$blob
	for damage in 'flip "$file" 100' 'truncate -s 100 "$file"' 'rm "$file"'; do
		eval "$damage"
		: >"$(registry_log plain)"
		run kist system check
		[ "$status" = 1 ]
		[[ "$output" == *"blob sha256:$blob: "*"of localhost:5000/test/odd:1"*"--repair fetches it again from localhost:5000/test/odd"*"1 damaged"* ]]
		[ ! -s "$(registry_log plain)" ]
		run kist system check --repair --json
		[ "$status" = 0 ]
		[ "$(jq -c '.Findings[] | [.Kind, .Repaired, .Remedy]' <<<"$output")" = '["blob",true,"fetched again from localhost:5000/test/odd"]' ]
		only_asked "$blob"
		whole
		[ "$(sha256sum <"$file" | cut -d' ' -f1)" = "$blob" ]
	done
}

@test "a damaged configuration and a damaged manifest are fetched again" {
	config=$(kist images -q --no-trunc $IMAGE | cut -d: -f2)
	flip "$D/content/sha256/$config" 10
	: >"$(registry_log plain)"
	mended
	only_asked "$config"
	manifest=$(kist image inspect -f '{{index .RepoDigests 0}}' $IMAGE | cut -d: -f2-)
	rm "$D/content/sha256/${manifest##*:}"
	: >"$(registry_log plain)"
	mended
	[ "$(asked)" = "manifests/${manifest#*@}" ] || [ "$(asked)" = "manifests/sha256:${manifest##*:}" ]
	[ "$(kist run --rm --network none $IMAGE echo it runs)" = "it runs" ]
}

@test "a layer whose blob is damaged as well costs that one blob" {
	blob=$(blob_of 1)
	flip "$LAYER/odd/file" 5
	chmod 600 "$LAYER/odd/twice"
	flip "$D/content/sha256/$blob" 77
	: >"$(registry_log plain)"
	mended
	only_asked "$blob"
}

@test "a plain layer, of which no blob is kept, is fetched and unpacked again" {
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 test/plain 1 --bytes 100000 --compress plain >/dev/null
	kist pull -q localhost:5000/test/plain:1
	layer=$(kist image inspect -f '{{index .RootFS.Layers 0}}' localhost:5000/test/plain:1 | cut -d: -f2)
	: >"$(registry_log plain)"
	flip "$D/layers/$layer/layer0/data" 5
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"--repair fetches it again from localhost:5000/test/plain"* ]]
	mended
	only_asked "$layer"
	[ ! -e "$D/content/sha256/$layer" ]
}

@test "without the registry nothing is repaired, nothing is worse, and it is said why" {
	blob=$(blob_of 1)
	config=$(kist images -q --no-trunc $IMAGE | cut -d: -f2)
	registry_stop plain
	flip "$D/content/sha256/$blob" 100
	flip "$LAYER/odd/file" 5
	cp -p "$D/content/sha256/$blob" "$W/damaged"
	run kist system check --repair
	[ "$status" = 1 ]
	[[ "$output" == *"blob sha256:$blob: "*"fetch it again: "*"connection refused"*"layer sha256:${LAYER##*/}"*"2 damaged"* ]]
	cmp "$W/damaged" "$D/content/sha256/$blob"
	[ -z "$(ls "$D/staging")" ]
	[ "$(kist run --rm --network none $IMAGE echo it runs)" = "it runs" ]
	registry_start plain 5000
	mended
}

@test "a registry that sends something else is refused, and nothing is worse" {
	blob=$(blob_of 1)
	file=$(find "$REGISTRY_HOME/plain/data" -path "*/$blob/data")
	flip "$D/content/sha256/$blob" 100
	cp "$file" "$W/good"
	flip "$file" 200
	run kist system check --repair
	[ "$status" = 1 ]
	[[ "$output" == *"what the registry sent has the digest sha256:"* ]]
	[ -z "$(ls "$D/staging")" ]
	cp "$W/good" "$file"
	mended
}

@test "a registry that asks for a password gets the user's" {
	registry_start closed 5001 htpasswd
	registry_skopeo copy -q --dest-tls-verify=false --dest-creds "$REGISTRY_USER:$REGISTRY_PASSWORD" \
		"docker-archive:$W/odd.tar" docker://127.0.0.1:5001/test/secret:1
	kist rmi $IMAGE
	echo "$REGISTRY_PASSWORD" | kist login --username "$REGISTRY_USER" --password-stdin localhost:5001
	kist pull -q localhost:5001/test/secret:1
	blob=$(registry_skopeo inspect --tls-verify=false --creds "$REGISTRY_USER:$REGISTRY_PASSWORD" --raw \
		docker://127.0.0.1:5001/test/secret:1 | jq -r '.layers[1].digest' | cut -d: -f2)
	rm "$D/content/sha256/$blob"
	DOCKER_CONFIG=$W/nobody run kist system check --repair
	[ "$status" = 1 ]
	[[ "$output" == *"fetch it again: "* ]]
	kist system check --repair
	kist system check
	registry_stop closed
}

@test "a layer that a container has is left alone, and repaired when the container is gone" {
	id=$(kist run -d --network none $IMAGE sleep 600)
	flip "$LAYER/odd/file" 5
	run kist system check --repair
	[ "$status" = 1 ]
	[[ "$output" == *"remove the containers that have it"* ]]
	kist exec "$id" test -s /odd/file
	kist rm -f "$id"
	mended
}

@test "an image that came from no registry loses a damaged blob, and goes on without" {
	kist rmi $IMAGE
	mkdir "$W/oci"
	registry_skopeo copy -q "docker-archive:$W/odd.tar" "oci:$W/oci:own:1"
	tar -C "$W/oci" -c . | kist load
	blob=$(ls -S "$D/content/sha256" | head -n 1)
	flip "$D/content/sha256/$blob" 100
	run kist system check --repair
	[ "$status" = 0 ]
	[[ "$output" == *"dropped"* ]]
	kist system check
	layer=$D/layers/$(kist image inspect -f '{{index .RootFS.Layers 0}}' own:1 | cut -d: -f2)
	chmod 700 "$layer/bin"
	run kist system check --repair
	[ "$status" = 1 ]
	[[ "$output" == *"remove its images, then pull or load them again"* ]]
}

@test "kill -9 in the middle of a repair leaves everything as it was, and the next one repairs" {
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 test/big 1 --bytes 6000000 --layers 2 >/dev/null
	# through a proxy that takes its time
	nsenter --net="/run/netns/$KIST_NETNS" -- python3 "$REGISTRY_LIB/slow_proxy.py" --listen 5010 --to 5000 --rate 1500000 \
		--log "$W/proxy.log" </dev/null >/dev/null 2>&1 3>&- &
	proxy=$!
	retry 10 in_net curl -so /dev/null http://127.0.0.1:5010/v2/
	kist pull -q localhost:5010/test/big:1
	layer=$(kist image inspect -f '{{index .RootFS.Layers 0}}' localhost:5010/test/big:1 | cut -d: -f2)
	flip "$D/layers/$layer/layer0/data" 5
	for blob in $(ls -S "$D/content/sha256" | head -n 2); do flip "$D/content/sha256/$blob" 100; done
	(cd "$D/content/sha256" && sha256sum ./*) >"$W/before"
	kist system check --repair >"$W/out" 2>&1 3>&- &
	client=$!
	retry 10 something_fetched
	kill -9 "$(engine_pid)"
	wait_gone "$(engine_pid)"
	wait "$client" || true
	engine_run
	(cd "$D/content/sha256" && sha256sum ./*) | cmp - "$W/before"
	[ -z "$(ls "$D/staging")" ]
	run kist system check
	[ "$status" = 1 ]
	[[ "$output" == *"3 damaged"* ]]
	# a client that leaves ends it as well
	kist system check --repair >"$W/out" 2>&1 3>&- &
	client=$!
	retry 10 something_fetched
	kill "$client"
	retry 10 nothing_staged
	kist system check --repair
	kist system check
	kill "$proxy"
}
something_fetched() {
	[ -n "$(find "$D/staging" -maxdepth 1 -type f -size +100k)" ]
}
nothing_staged() {
	[ -z "$(ls "$D/staging")" ]
}
