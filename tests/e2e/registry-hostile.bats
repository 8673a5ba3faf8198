# Pulls through kistd from a registry that lies, stalls and breaks off (lib/image_mock.py): a clear error within a time limit,
# nothing of it left behind, and the image that had the name before still has it.
load lib/engine
load lib/registry

setup_file() {
	engine_start --registry-timeout "$(patience 4)" --max-download-attempts 2
	registry_mock other 7001
	registry_mock odd 7000 --other http://127.0.0.1:7001
	load_busybox
}
teardown_file() {
	registry_stop_all
	engine_stop
}
setup() {
	registry_client_config
	BEFORE=$(docker images -q --no-trunc busybox)
	find "$KIST_HOME/data/content" "$KIST_HOME/data/layers" "$KIST_HOME/data/recipes" | sort >"$BATS_TEST_TMPDIR/store"
}
teardown() {
	docker rmi -f $(docker images --format '{{.Repository}}:{{.Tag}}' | grep 7000/) >/dev/null 2>&1 || true
	docker image prune -f >/dev/null
	[ -z "$(ls "$KIST_HOME/data/ingest")" ]
}

# refused BEHAVIOUR TEXT [COMMAND]: so ends the pull of an image whose name busybox has until then.
refused() {
	local name=127.0.0.1:7000/$1
	docker tag busybox "$name"
	fails_with 1 "$2" timeout "$(patience 40)" ${3:-docker} pull "$name" || { echo "($1)"; return 1; }
	[ "$(docker images -q --no-trunc "$name")" = "$BEFORE" ] || { echo "$1 took the name"; return 1; }
}

upper_layer() { # BEHAVIOUR: its digest
	in_net curl -s "http://127.0.0.1:7000/v2/$1/manifests/latest" | jq -r '.layers[1].digest'
}

# What was in the store is in it, and nothing else: of layers of the images NAME..., of which the registry may give the rest some
# time, what has come until a prune.
store_unchanged() { # [NAME...]
	local name may=
	for name; do
		may+=" $(in_net curl -s "http://127.0.0.1:7000/v2/$name/manifests/latest" | jq -r '.layers[].digest' | tr '\n' ' ')"
	done
	for name in $(ls "$KIST_HOME/data/ingest"); do
		[[ $may = *"sha256:$name "* ]] || { echo "$name is left"; return 1; }
	done
	docker image prune -f >/dev/null
	[ -z "$(ls "$KIST_HOME/data/ingest")" ]
	find "$KIST_HOME/data/content" "$KIST_HOME/data/layers" "$KIST_HOME/data/recipes" | sort | diff "$BATS_TEST_TMPDIR/store" -
	[ -z "$(ls "$KIST_HOME/data/staging")" ]
}

# all_refused, with lines "BEHAVIOUR TEXT" to read: at the same time.
all_refused() {
	local name text pids=() pid failed=0
	while read -r name text; do
		refused "$name" "$text" >"$BATS_TEST_TMPDIR/$name" 2>&1 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
	[ $failed = 0 ] || { cat "$BATS_TEST_TMPDIR"/*.*; return 1; }
}

@test "a registry that stalls or drips ends in an error that says so, whatever it was to send" {
	local start=$SECONDS
	all_refused <<-'END'
		manifest.silent timed out waiting for the answer
		manifest.dripping the answer takes too long
		config.stall the answer takes too long
		config.drip the answer takes too long
		layer.stall the transfer has stalled
		layer.drip the transfer has stalled
	END
	[ $((SECONDS - start)) -lt $(patience 40) ]
	[ -n "$(ls "$KIST_HOME/data/ingest")" ]
	store_unchanged layer.stall layer.drip
}

@test "a registry that hangs up, or is always busy, is named" {
	all_refused <<-'END'
		config.mute EOF
		layer.mute EOF
		layer.busy come back later
		layer.limited you have reached your pull rate limit
		manifest.error received unexpected HTTP status: 500
		layer.error received unexpected HTTP status: 500
	END
	store_unchanged layer.mute layer.busy layer.limited layer.error
}

@test "an image for which the disk has no room is refused, and the disk is as free as before" {
	local free small=$BATS_TEST_TMPDIR/small
	registry_mock big 7002 --size 12000000
	engine_end
	mkdir -p "$small/data"
	mount -t tmpfs -o size=8m none "$small/data"
	full() {
		local KIST_HOME=$small DOCKER_HOST=unix://$small/kist.sock
		engine_run || return
		free=$(df --output=avail -k "$small/data" | tail -n 1)
		fails_with 1 "no space left on device" docker pull 127.0.0.1:7002/fine || { engine_end; return 1; }
		engine_end
		[ -z "$(ls "$small/data/ingest" "$small/data/staging" | grep -v :)" ] || { ls "$small"/data/*; return 1; }
		[ $((free - $(df --output=avail -k "$small/data" | tail -n 1))) -lt 1024 ] || { du -a "$small/data"; return 1; }
	}
	run full
	umount_soon "$small/data"
	engine_run --registry-timeout "$(patience 4)" --max-download-attempts 2
	registry_stop big
	[ "$status" = 0 ] || { echo "$output"; false; }
}

@test "lengths that are not the manifest's are refused by the blob's name" {
	short=$(upper_layer layer.short)
	long=$(upper_layer layer.long)
	all_refused <<-END
		layer.short blob $short: the registry sends
		layer.long sends more bytes than the manifest says
		config.short error pulling image configuration: image config verification failed for digest sha256:
		config.long the answer has more than
		config.huge the answer has more than
	END
	[ ! -e "$KIST_HOME/data/ingest/${short#sha256:}" ]
	# what came until then is kept, as it may be gone on with: no more than the manifest says
	[ "$(cat "$KIST_HOME/data/ingest/${long#sha256:}" 2>/dev/null | wc -c)" -le 301000 ]
	store_unchanged layer.short layer.long
}

@test "other bytes than the digest's are refused by the digest, for a layer, a configuration and a manifest" {
	layer=$(upper_layer layer.other)
	refused layer.other "filesystem layer verification failed for digest $layer"
	refused config.other "error pulling image configuration: image config verification failed for digest sha256:"
	fails_with 1 "manifest verification failed for digest $layer" docker pull "127.0.0.1:7000/manifest.other@$layer"
	refused manifest.wrongdigest "but its bytes have"
	[ ! -e "$KIST_HOME/data/ingest/${layer#sha256:}" ]
	store_unchanged layer.other
}

@test "layers that have their digest and are none are refused by it, and nothing of their images is left" {
	diffid=$(upper_layer useless.diffid)
	all_refused <<-END
		useless.noise layer $(upper_layer useless.noise): damaged tar
		useless.html layer $(upper_layer useless.html): damaged tar
		useless.cut layer $(upper_layer useless.cut): gzip data ends early
		useless.more layer $(upper_layer useless.more): gzip data is damaged
		useless.cuttar layer $(upper_layer useless.cuttar): damaged tar
		useless.out layer $(upper_layer useless.out): name "../../f" leads out of the archive
		useless.diffid layer $diffid does not match the image's configuration: its diffID is
		useless.bomb layer $(upper_layer useless.bomb): archive unpacks to more than 250 times its size
	END
	[ -z "$(ls "$KIST_HOME/data/ingest")" ] || { ls -l "$KIST_HOME/data/ingest"; false; }
	store_unchanged
}

@test "an image whose history has more layers than it is refused before any of it comes" {
	refused history "too many non-empty layers in History section"
	[ -z "$(ls "$KIST_HOME/data/ingest")" ]
	store_unchanged
}

@test "redirects in circles, to files, and HTML instead of JSON are refused with the address" {
	all_refused <<-'END'
		manifest.circle stopped after 10 redirects
		config.circle stopped after 10 redirects
		layer.circle stopped after 10 redirects
		manifest.file redirects to what is no HTTP URL
		layer.file redirects to what is no HTTP URL
		manifest.html the answer is HTML
		config.html error pulling image configuration: image config verification failed for digest sha256:
		layer.html the manifest says
		manifest.nonsense malformed HTTP response
	END
	store_unchanged layer.circle layer.file layer.html
}

@test "documents without end, and an image of ten thousand layers, are refused" {
	refused manifest.huge "has more than 4194304 bytes"
	refused manifest.endless "the headers of the answer have no end"
	refused many "layers"
	refused manifest.schema1 "not supported"
	store_unchanged
}

@test "what is no image, and an index without this machine's, is refused in words that say so" {
	refused artifact "application/vnd.oci.empty.v1+json"
	refused bare "application/vnd.oci.empty.v1+json"
	refused arm "no matching manifest for linux/amd64 in the manifest list entries"
	refused rings "more than 5 indexes lie one in the other"
	refused wide "the index leads to more than 64 others"
	store_unchanged
}

@test "indexes that list each other a hundred times over are walked through once" {
	local name=127.0.0.1:7000/folds
	docker pull -q "$name"
	fails_with 1 "the index leads to more than 64 others" timeout 30 kist pull --platform linux/s390x "$name"
	curl -s --max-time "$(patience 20)" --unix-socket "$KIST_HOME/kist.sock" "http://d/v1.47/images/json?manifests=1" \
		>"$BATS_TEST_TMPDIR/list"
	[ "$(jq -c --arg name "$name:latest" '.[] | select(.RepoTags == [$name]) | .Manifests | length' "$BATS_TEST_TMPDIR/list")" = 1 ]
}

@test "kist says the same" {
	refused layer.short "the registry sends" kist
	refused manifest.html "the answer is HTML" kist
	refused arm "no matching manifest for linux/amd64" kist
}

@test "a registry that is troubled once is asked again, and the image comes whole" {
	for how in layer.stall layer.cut layer.busy layer.mute config.busy layer.limited; do
		docker pull -q "127.0.0.1:7000/$how/1" || { echo "$how"; false; }
		docker rmi -f "127.0.0.1:7000/$how/1" >/dev/null
	done
	# what came before the stall did not come again
	registry_asked odd | grep '/v2/layer.stall/' | grep -q '"range": "bytes=5000-"'
}

@test "a client that leaves a registry which never answers ends the pull" {
	docker pull 127.0.0.1:7000/manifest.silent >/dev/null 2>&1 3>&- &
	client=$!
	retry 10 pgrep -P "$(engine_pid)" kist-registry
	kill "$client"
	for i in $(seq "$(patience 100)"); do
		pgrep -P "$(engine_pid)" kist-registry >/dev/null || break
		sleep 0.05
	done
	! pgrep -P "$(engine_pid)" kist-registry
}
