# Pulls with the stock docker command and with kist, from Debian's docker-registry.
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	engine_start
	registry_start plain 5000
	registry_start closed 5001 htpasswd
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$(busybox_archive)" docker://127.0.0.1:5000/library/box:1
	registry_skopeo copy -q --dest-tls-verify=false --dest-creds "$REGISTRY_USER:$REGISTRY_PASSWORD" \
		"docker-archive:$(busybox_archive)" docker://127.0.0.1:5001/own/box:1
	proxy=$KIST_HOME/proxy.log
	: >"$proxy"
	# not in_net: a function in the background is one shell more, and $! would be that
	nsenter --net="/run/netns/$KIST_NETNS" -- python3 "$REGISTRY_LIB/slow_proxy.py" --listen 5010 --to 5000 --rate 2000000 \
		--log "$proxy" --creep "$KIST_HOME/creep" </dev/null >/dev/null 2>&1 3>&- &
	echo $! >"$KIST_HOME/proxy.pid"
	registry_net
	registry_wait $! http://127.0.0.1:5010/v2/ "$proxy"
}
teardown_file() {
	registry_there || return 0
	kill "$(cat "$KIST_HOME/proxy.pid")" 2>/dev/null || true
	registry_stop_all
	engine_stop
}
setup() {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	: >"$KIST_HOME/proxy.log"
}
teardown() {
	registry_there || return 0
	go_on
	nothing_here
}

put_image() {
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 "$@"
}

# Everything that the manifest names lies in content/, as it came.
content_is_whole() { # name:tag
	local raw d
	raw=$(registry_skopeo inspect --tls-verify=false --raw "docker://127.0.0.1:5000/$1")
	for d in $(jq -r '.config.digest, .layers[].digest' <<<"$raw"); do
		[ "$(sha256sum <"$KIST_HOME/data/content/sha256/${d#sha256:}" | cut -d' ' -f1)" = "${d#sha256:}" ] || {
			echo "$d is not in content/"
			return 1
		}
	done
}

# stop_after BYTES: answers by the proxy come to a crawl after so many of a connection, until go_on
stop_after() {
	echo "$1" >"$KIST_HOME/creep.new"
	mv "$KIST_HOME/creep.new" "$KIST_HOME/creep"
}
go_on() {
	rm -f "$KIST_HOME/creep"
}

blob_gets() {
	grep -c '^GET .*/blobs/' "$KIST_HOME/proxy.log" || true
}

@test "docker pull fetches an image that runs, with the registry's own digest and bytes" {
	run docker pull localhost:5000/library/box:1
	[ "$status" = 0 ]
	[[ "$output" == *"1: Pulling from library/box"* ]]
	[[ "$output" == *"Pulling fs layer"*"Download complete"*"Pull complete"* ]]
	[[ "$output" == *"Status: Downloaded newer image for localhost:5000/library/box:1"* ]]
	digest=$(registry_skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://127.0.0.1:5000/library/box:1)
	[[ "$output" == *"Digest: $digest"* ]]
	[ "$(docker inspect --format '{{index .RepoDigests 0}}' localhost:5000/library/box:1)" = "localhost:5000/library/box@$digest" ]
	[ "$(docker run --rm localhost:5000/library/box:1 echo it runs)" = "it runs" ]
	[ "$(docker run --rm "localhost:5000/library/box@$digest" echo by digest)" = "by digest" ]
	content_is_whole library/box:1
}

@test "kist pull prints a line for each step where there is no terminal, -q the name alone" {
	run kist pull localhost:5000/library/box:1
	[ "$status" = 0 ]
	[[ "$output" == *": Pull complete"*"Status: Downloaded newer image"*"localhost:5000/library/box:1" ]]
	[[ "$output" != *$'\e'* ]]
	run kist pull -q localhost:5000/library/box:1
	[ "$output" = localhost:5000/library/box:1 ]
	fails_with 1 "tag can't be used with --all-tags/-a" kist pull -a localhost:5000/library/box:1
}

@test "kist pull draws a bar for each layer on a terminal, with rate and time left" {
	put_image bars/x 1 --layers 3 --bytes 1000000 >/dev/null
	out=$(SHELL=/bin/sh timeout 60 script -qec "stty cols 100 rows 30; TERM=xterm LC_ALL=C.UTF-8 kist pull localhost:5010/bars/x:1" /dev/null </dev/null)
	[[ "$out" == *"Downloading"*"/1MB"*"B/s"* ]]
	grep -qE '[0-9.]+[kM]?B/1MB +[0-9.]+[kM]?B/s +[0-9]+s' <<<"$out"
	[[ "$out" == *"of 3 layers"* ]]
	[[ "$out" == *"█"* ]]
	[ "$(grep -c "Pull complete  *1MB" <<<"$out")" -ge 3 ]
}

@test "docker draws its bars" {
	put_image bars/y 1 --layers 2 --bytes 1000000 --seed y >/dev/null
	out=$(SHELL=/bin/sh timeout 60 script -qec "stty cols 130 rows 30; TERM=xterm docker pull localhost:5010/bars/y:1" /dev/null </dev/null)
		[[ "$out" == *"Downloading"*"["*">"* ]]
	[[ "$out" == *"Pull complete"* ]]
}

@test "an image that is up to date costs one HEAD" {
	docker pull -q localhost:5010/library/box:1
	: >"$KIST_HOME/proxy.log"
	run docker pull localhost:5010/library/box:1
	[[ "$output" == *"Status: Image is up to date for localhost:5010/library/box:1"* ]]
	grep -v 'GET /v2/ ' "$KIST_HOME/proxy.log" >"$BATS_TEST_TMPDIR/asked"
	[ "$(cut -d' ' -f1-2 "$BATS_TEST_TMPDIR/asked")" = "HEAD /v2/library/box/manifests/1" ]
}

@test "a digest that is here is not asked for at all" {
	docker pull -q localhost:5010/library/box:1
	digest=$(docker inspect --format '{{index .RepoDigests 0}}' localhost:5010/library/box:1)
	: >"$KIST_HOME/proxy.log"
	docker pull "$digest"
	[ ! -s "$KIST_HOME/proxy.log" ]
}

@test "a tag that moved brings the new image, and only what is new of it" {
	put_image moving/x 1 --layers 1 --seed same >/dev/null
	docker pull -q localhost:5010/moving/x:1
	put_image moving/x 1 --layers 2 --seed same >/dev/null
	: >"$KIST_HOME/proxy.log"
	run docker pull localhost:5010/moving/x:1
	[[ "$output" == *"Already exists"*"Downloaded newer image"* ]]
	# one configuration and one layer
	[ "$(blob_gets)" = 2 ]
}

@test "layers in gzip, zstd, xz and plain come out the same" {
	put_image kinds/x 1 --oci --layers 5 --compress gzip,zstd,xz,plain,zstd:27 >/dev/null
	put_image kinds/y 1 --layers 5 --compress gzip >/dev/null
	docker pull -q localhost:5000/kinds/x:1
	docker pull -q localhost:5000/kinds/y:1
	ids() { docker inspect --format '{{json .RootFS.Layers}}' "$1"; }
	[ "$(ids localhost:5000/kinds/x:1)" = "$(ids localhost:5000/kinds/y:1)" ]
	[ "$(ids localhost:5000/kinds/x:1 | jq length)" = 5 ]
}

@test "a zstd layer with a window beyond the limit is refused for that, and nothing is left" {
	local before
	contents() { find "$KIST_HOME"/data/{content,ingest,layers,recipes,staging} -mindepth 1 | sort; }
	before=$(contents)
	put_image window/x 1 --oci --layers 2 --compress gzip,zstd:28 >/dev/null
	fails_with 1 "zstd data needs a window of 256 MiB, more than the 128 MiB that are allowed" \
		docker pull -q localhost:5000/window/x:1
	[ -z "$(docker images -q localhost:5000/window/x)" ]
	[ "$(contents)" = "$before" ]
}

put_blob() { # REPOSITORY FILE; prints its digest
	local digest url
	digest=sha256:$(sha256sum <"$2" | cut -d' ' -f1)
	url=$(in_net curl -sfi -X POST "http://127.0.0.1:5000/v2/$1/blobs/uploads/" | tr -d '\r' | sed -n 's/^Location: //p')
	in_net curl -sf -o /dev/null -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$2" "$url&digest=$digest"
	echo "$digest"
}

@test "a layer of no bytes at all is pulled, as by dockerd" {
	local w=$BATS_TEST_TMPDIR empty config type=application/vnd.docker
	: >"$w/empty"
	empty=$(put_blob zero/x "$w/empty")
	echo "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"$empty\"]}}" >"$w/c.json"
	config=$(put_blob zero/x "$w/c.json")
	in_net curl -sf -o /dev/null -X PUT -H "Content-Type: $type.distribution.manifest.v2+json" \
		http://127.0.0.1:5000/v2/zero/x/manifests/1 -d "{\"schemaVersion\": 2, \"mediaType\": \"$type.distribution.manifest.v2+json\",
		\"config\": {\"mediaType\": \"$type.container.image.v1+json\", \"size\": $(stat -c %s "$w/c.json"), \"digest\": \"$config\"},
		\"layers\": [{\"mediaType\": \"$type.image.rootfs.diff.tar\", \"size\": 0, \"digest\": \"$empty\"}]}"
	docker pull -q localhost:5000/zero/x:1
	[ "$(docker inspect --format '{{.RootFS.Layers}}' localhost:5000/zero/x:1)" = "[$empty]" ]
	kist pull localhost:5000/zero/x:1 | grep "Image is up to date"
	kist system check
}

@test "an index gives this machine's image, or the platform that is asked for" {
	put_image many/x 1 --platforms linux/arm64,linux/amd64,linux/arm/v7 >"$BATS_TEST_TMPDIR/digests"
	run docker pull localhost:5000/many/x:1
	[[ "$output" == *"Digest: $(head -n 1 "$BATS_TEST_TMPDIR/digests")"* ]]
	[ "$(docker inspect --format '{{.Architecture}}' localhost:5000/many/x:1)" = amd64 ]
	docker pull -q --platform linux/arm64 localhost:5000/many/x:1
	[ "$(docker inspect --format '{{.Architecture}}' localhost:5000/many/x:1)" = arm64 ]
	kist pull -q --platform linux/arm/v7 localhost:5000/many/x:1
	[ "$(docker inspect --format '{{.Architecture}}{{.Variant}}' localhost:5000/many/x:1)" = armv7 ]
	docker pull -q localhost:5000/many/x:1
	[ "$(docker inspect --format '{{.Architecture}}' localhost:5000/many/x:1)" = amd64 ]
	fails_with 1 "no matching manifest for linux/s390x" docker pull --platform linux/s390x localhost:5000/many/x:1
	fails_with 1 "unknown operating system or architecture" docker pull --platform nonsense localhost:5000/many/x:1
}

@test "all tags of a repository" {
	put_image tags/x one --seed 1 >/dev/null
	put_image tags/x two --seed 2 >/dev/null
	run docker pull -a localhost:5000/tags/x
	[ "$status" = 0 ]
	[ "$(docker images -q localhost:5000/tags/x | wc -l)" = 2 ]
	[[ "$output" == *"Downloaded newer image for localhost:5000/tags/x"* ]]
	kist pull -a localhost:5000/tags/x | grep -q "Image is up to date for localhost:5000/tags/x"
}

@test "clients that pull the same at the same time share one download" {
	put_image shared/x 1 --layers 2 --bytes 1500000 --seed shared >/dev/null
	stop_after 100000
	for i in 1 2 3; do
		docker pull localhost:5010/shared/x:1 >"$BATS_TEST_TMPDIR/out$i" 2>&1 3>&- &
		pids+=" $!"
	done
	for i in 1 2 3; do retry 20 grep -q "Pulling fs layer" "$BATS_TEST_TMPDIR/out$i"; done
	go_on
	wait $pids
	for i in 1 2 3; do grep -q "Downloaded newer image" "$BATS_TEST_TMPDIR/out$i"; done
	[ "$(grep -c "^GET .*/manifests/" "$KIST_HOME/proxy.log")" = 1 ]
	[ "$(blob_gets)" = 3 ]
}

@test "two images with a layer in common download it once" {
	put_image pair/x 1 --layers 1 --bytes 2000000 --seed pair >/dev/null
	put_image pair/y 1 --layers 2 --bytes 2000000 --seed pair >/dev/null
	stop_after 100000
	docker pull localhost:5010/pair/x:1 >"$BATS_TEST_TMPDIR/x" 2>&1 3>&- &
	first=$!
	docker pull localhost:5010/pair/y:1 >"$BATS_TEST_TMPDIR/y" 2>&1 3>&- &
	second=$!
	for i in x y; do retry 20 grep -q "Pulling fs layer" "$BATS_TEST_TMPDIR/$i"; done
	go_on
	wait $first
	wait $second
	# two configurations, two layers
	[ "$(blob_gets)" = 4 ]
}

@test "the client that began a shared pull leaves, and the others get the image all the same" {
	put_image leaver/x 1 --layers 1 --bytes 4000000 --seed leaver >/dev/null
	put_image leaver/y 1 --layers 2 --bytes 4000000 --seed leaver >/dev/null
	stop_after 100000
	docker pull localhost:5010/leaver/x:1 >/dev/null 2>&1 3>&- &
	first=$!
	retry 10 grep -q "GET .*/blobs/" "$KIST_HOME/proxy.log"
	docker pull localhost:5010/leaver/x:1 >"$BATS_TEST_TMPDIR/same" 2>&1 3>&- &
	same=$!
	docker pull localhost:5010/leaver/y:1 >"$BATS_TEST_TMPDIR/other" 2>&1 3>&- &
	other=$!
	retry 10 grep -q "Pulling from" "$BATS_TEST_TMPDIR/same"
	retry 10 grep -q "Pulling fs layer" "$BATS_TEST_TMPDIR/other"
	kill $first
	wait $first || true
	[ "$(docker images -q localhost:5010/leaver/x)" = "" ]
	go_on
	wait $same
	grep -q "Downloaded newer image" "$BATS_TEST_TMPDIR/same"
	wait $other
	grep -q "Downloaded newer image" "$BATS_TEST_TMPDIR/other"
	[ "$(blob_gets)" = 4 ]
	content_is_whole leaver/x:1
	content_is_whole leaver/y:1
}

@test "a client that leaves ends the pull; the next one goes on where it stopped" {
	put_image left/x 1 --bytes 6000000 --seed left >/dev/null
	stop_after 3000000
	docker pull localhost:5010/left/x:1 >/dev/null 2>&1 3>&- &
	client=$!
	wait_bytes
	kill "$client"
	go_on
	for i in $(seq "$(patience 100)"); do
		pgrep -P "$(engine_pid)" kist-registry >/dev/null || break
		sleep 0.05
	done
	! pgrep -P "$(engine_pid)" kist-registry || false
	[ "$(docker images -q localhost:5010/left/x)" = "" ]
	: >"$KIST_HOME/proxy.log"
	docker pull -q localhost:5010/left/x:1
	grep -i 'Range: bytes=[1-9]' "$KIST_HOME/proxy.log"
}

# wait_bytes: until some megabytes of the download are on disk, behind "stop_after 3000000"
wait_bytes() {
	local i n
	for i in $(seq "$(patience 200)"); do
		n=$(cat "$KIST_HOME"/data/ingest/* 2>/dev/null | wc -c)
		[ "$n" -gt 2000000 ] && return 0
		sleep 0.05
	done
	return 1
}

@test "a download goes on with Range after kill -9 of kistd" {
	put_image killed/x 1 --bytes 6000000 --seed k1 >/dev/null
	stop_after 3000000
	docker pull localhost:5010/killed/x:1 >/dev/null 2>&1 3>&- &
	wait_bytes
	# stopped, it cannot see that the daemon is gone, and could write when it goes on
	left=$(pgrep -P "$(engine_pid)" kist-registry)
	kill -STOP "$left"
	engine_end -9
	wait_gone "$left"
	go_on
	engine_run
	[ "$(docker images -q localhost:5010/killed/x)" = "" ]
	: >"$KIST_HOME/proxy.log"
	docker pull -q localhost:5010/killed/x:1
	grep -i 'Range: bytes=[1-9]' "$KIST_HOME/proxy.log"
	content_is_whole killed/x:1
}

@test "a pull survives kill -9 of kist-registry, and goes on with Range" {
	put_image killed/y 1 --bytes 6000000 --seed k2 >/dev/null
	stop_after 3000000
	docker pull localhost:5010/killed/y:1 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pull=$!
	wait_bytes
	kill -9 "$(pgrep -P "$(engine_pid)" kist-registry)"
	go_on
	wait $pull
	grep -q "Downloaded newer image" "$BATS_TEST_TMPDIR/out"
	grep -i 'Range: bytes=[1-9]' "$KIST_HOME/proxy.log"
	content_is_whole killed/y:1
}

@test "kill -9 of kist-transfer fails the pull, and the next one goes on where it stopped" {
	put_image killed/z 1 --bytes 6000000 --seed k3 >/dev/null
	stop_after 3000000
	docker pull localhost:5010/killed/z:1 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pull=$!
	wait_bytes
	kill -9 $(pgrep -P "$(engine_pid)" kist-transfer)
	go_on
	! wait $pull || false
	grep -q "kist-transfer" "$BATS_TEST_TMPDIR/out"
	: >"$KIST_HOME/proxy.log"
	docker pull -q localhost:5010/killed/z:1
	grep -i 'Range: bytes=[1-9]' "$KIST_HOME/proxy.log"
	content_is_whole killed/z:1
}

reclaimed() { # by a prune of images with FILTERS, in bytes
	curl -sf -X POST -G --unix-socket "$KIST_HOME/kist.sock" --data-urlencode "filters=$1" http://d/v1.47/images/prune | jq .SpaceReclaimed
}

@test "a prune leaves the downloads of a pull that runs" {
	put_image pruned/x 1 --bytes 6000000 --seed p1 >/dev/null
	stop_after 3000000
	docker pull localhost:5010/pruned/x:1 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pull=$!
	wait_bytes
	[ "$(reclaimed '{}')" = 0 ]
	[ "$(cat "$KIST_HOME"/data/ingest/* | wc -c)" -gt 2000000 ]
	go_on
	wait $pull
	content_is_whole pruned/x:1
}

@test "a prune takes the downloads of a pull that was broken off, and counts them" {
	put_image pruned/y 1 --bytes 6000000 --seed p2 >/dev/null
	stop_after 3000000
	docker pull localhost:5010/pruned/y:1 >/dev/null 2>&1 3>&- &
	pull=$!
	wait_bytes
	engine_end -9
	go_on
	wait $pull || true
	engine_run
	bytes=$(cat "$KIST_HOME"/data/ingest/* | wc -c)
	[ "$bytes" -gt 2000000 ]
	kist system df -v | grep -q '^downloads '
	[ "$(reclaimed '{"label": ["none"]}')" = 0 ]
	[ "$(reclaimed '{"until": ["2000-01-01T00:00:00Z"]}')" = 0 ]
	[ "$(cat "$KIST_HOME"/data/ingest/* | wc -c)" = "$bytes" ]
	run kist system prune -f
	[[ $output = *"Total reclaimed space: $(python3 -c "print('%.4gMB' % ($bytes / 1e6))")"* ]] || { echo "$bytes: $output"; false; }
	[ -z "$(ls "$KIST_HOME/data/ingest")" ]
	docker pull -q localhost:5010/pruned/y:1
	content_is_whole pruned/y:1
}

@test "what is damaged on the way is refused by its digest, and nothing of it stays" {
	put_image bad/x 1 --bytes 100000 --seed bad >/dev/null
	layer=$(registry_skopeo inspect --tls-verify=false --raw docker://127.0.0.1:5000/bad/x:1 | jq -r '.layers[0].digest')
	data=$REGISTRY_HOME/plain/data/docker/registry/v2/blobs/sha256/$(cut -c8-9 <<<"$layer")/${layer#sha256:}/data
	flip "$data" 5000
	fails_with 1 "$layer" docker pull localhost:5000/bad/x:1
	[ "$(docker images -q localhost:5000/bad/x)" = "" ]
	[ -z "$(ls "$KIST_HOME/data/ingest")" ]
	[ ! -e "$KIST_HOME/data/content/sha256/${layer#sha256:}" ]
}

@test "what needs a login is refused without, and comes with it" {
	fails_with 1 "" docker pull localhost:5001/own/box:1
	fails_with 1 "" kist pull localhost:5001/own/box:1
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	kist pull -q localhost:5001/own/box:1
	docker rmi localhost:5001/own/box:1
	docker pull -q localhost:5001/own/box:1
	docker rmi localhost:5001/own/box:1
	# the daemon keeps nothing: the next client has to bring its own
	kist logout localhost:5001
	fails_with 1 "" docker pull localhost:5001/own/box:1
}

@test "what is not there is said in docker's words" {
	fails_with 1 "manifest for localhost:5000/library/box:none not found: manifest unknown: manifest unknown" docker pull localhost:5000/library/box:none
	fails_with 1 "repository localhost:5000/library/none not found: name unknown" docker pull -a localhost:5000/library/none
	fails_with 1 "invalid reference format" docker pull localhost:5000/UPPER:x
	fails_with 1 "invalid reference format" kist pull localhost:5000/UPPER:x
	local other
	other=sha512:$(printf x | sha512sum | cut -d' ' -f1)
	for cli in docker kist; do
		fails_with 1 "digest \"$other\": only sha256 is implemented" $cli pull "localhost:5000/library/box@$other"
	done
	fails_with 1 "'scratch' is a reserved name" docker pull scratch
	fails_with 1 "'scratch' is a reserved name" kist pull docker.io/library/scratch:x
}

@test "run and create pull what is missing, as --pull says" {
	run kist run --rm localhost:5000/library/box:1 echo first
	[ "$status" = 0 ]
	[[ "$output" == *"Unable to find image 'localhost:5000/library/box:1' locally"* ]]
	[[ "$output" == *"Pull complete"*"first" ]]
	run kist run --rm localhost:5000/library/box:1 echo again
	[ "$output" = again ]
	run kist run --rm --pull always localhost:5000/library/box:1 echo always
	[[ "$output" == *"Image is up to date"*"always" ]]
	docker rmi localhost:5000/library/box:1
	fails_with 125 "No such image" kist run --rm --pull never localhost:5000/library/box:1 true
	[ "$(docker run --quiet --rm localhost:5000/library/box:1 echo docker)" = docker ]
	docker rmi localhost:5000/library/box:1
	kist create --name made localhost:5000/library/box:1 true
}

@test "docker-py and docker-compose pull" {
	python3 - <<-'PY'
		import docker
		c = docker.from_env()
		image = c.images.pull("localhost:5000/library/box", tag="1")
		assert image.tags == ["localhost:5000/library/box:1"], image.tags
		assert any(e.get("status") == "Pulling from library/box"
		           for e in c.api.pull("localhost:5000/library/box", tag="1", stream=True, decode=True))
		d = c.images.get_registry_data("localhost:5000/library/box:1")
		assert d.has_platform("linux/amd64")
	PY
	command -v docker-compose >/dev/null || skip "docker-compose is not installed"
	docker rmi localhost:5000/library/box:1
	printf 'version: "2"\nservices:\n  a: {image: "localhost:5000/library/box:1"}\n' >"$BATS_TEST_TMPDIR/docker-compose.yml"
	(cd "$BATS_TEST_TMPDIR" && docker-compose pull)
	[ -n "$(docker images -q localhost:5000/library/box:1)" ]
}

@test "a pull is an event with the name in full" {
	since=$(date +%s.%N) # a whole second would let the test before this one in
	docker pull -q localhost:5000/library/box:1
	run docker events --since "$since" --until "$(($(date +%s) + 1))" --filter event=pull --format '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}'
	[ "$output" = "image pull localhost:5000/library/box:1 localhost:5000/library/box" ]
}
