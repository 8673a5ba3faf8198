# Pulls, runs, removals, prunes and checks at random, and kill -9 of kistd at any moment: after each the store is whole.
#
# KIST_CHAOS_ROUNDS=N: how often. What the store does alone, without daemon and registry, tests/unit/store/test_chaos.c repeats
# some hundred times.
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	engine_start
	registry_start plain 5000
	odd_images
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$W/plain.tar" docker://127.0.0.1:5000/chaos/box:1
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$W/odd.tar" docker://127.0.0.1:5000/chaos/odd:1
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 chaos/large 1 --layers 3 --bytes 3000000 \
		--compress gzip,zstd,plain >/dev/null
}
teardown_file() {
	registry_there || return 0
	registry_stop_all
	engine_stop
}

any() {
	shift $((RANDOM % $#))
	echo "$1"
}

# One thing after another until the round is over. What fails because the daemon is killed, or somebody else was faster, fails.
client() { # NUMBER
	local name said
	set +e
	RANDOM=$((SEED + $1))
	while [ ! -e "$W/over" ]; do
		name=localhost:5000/chaos/$(any box odd large):1
		case $(any pull pull run run detached rmi prune rm tag commit check) in
		pull) kist pull -q "$name" ;;
		run) [[ $name = *large* ]] || kist run --rm --network none "$name" sh -c 'echo it runs >/f && cat /f' ;;
		detached) [[ $name = *large* ]] || kist run -d --network none --label chaos "$name" sleep 1000 ;;
		rmi) kist rmi -f "$name" ;;
		prune) kist image prune -f; kist container prune -f ;;
		rm) kist rm -f $(kist ps -aq | shuf -n 1) ;;
		tag) kist tag "$name" "chaos:$1-$((RANDOM % 3))" ;;
		commit) kist commit "$(kist ps -aq | shuf -n 1)" "chaos:$1-$((RANDOM % 3))" ;;
		check) said=$(kist system check 2>&1) || [[ $said != *[0-9]" damaged" ]] || echo "DAMAGE found: $said" ;;
		esac
	done >>"$W/client.$1" 2>&1
	return 0
}

whole() {
	run kist system check
	[ "$status" = 0 ] || { echo "seed $SEED, round $round: $output"; return 1; }
	[ -z "$(ls "$KIST_HOME/data/staging")" ]
}
containers_run() {
	local id
	for id in $(kist ps -q --filter label=chaos); do
		kist exec "$id" test -x /bin/sh || { echo "seed $SEED, round $round: container $id"; return 1; }
	done
}

@test "whatever goes on when kistd is killed, the store is whole, containers run on, and all of it can be removed" {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	SEED=${KIST_CHAOS_SEED:-$RANDOM}
	RANDOM=$SEED
	for round in $(seq "${KIST_CHAOS_ROUNDS:-$(chances 12)}"); do
		rm -f "$W/over"
		local clients=()
		for n in 1 2 3; do
			client $n 3>&- &
			clients+=($!)
		done
		sleep "$(patience "$((RANDOM % 2)).$((RANDOM % 90 + 10))")"
		kill -9 "$(engine_pid)"
		wait_gone "$(engine_pid)"
		touch "$W/over"
		# first this: whoever waits for a container that a commit has paused does so until kistd is there again
		engine_run
		wait "${clients[@]}"
		whole
		containers_run
	done
	! grep -q "DAMAGE found" "$W"/client.* || false
	# it was not all in vain
	grep -q "it runs" "$W"/client.*
	[ "$(grep -c 'http.request.method=GET' "$(registry_log plain)")" -gt 5 ]
	# an image that goes with its child cannot be removed a second time
	nothing_here || nothing_here
	kist system check
	[ "$(ls "$KIST_HOME/data/layers")" = empty ]
	[ -z "$(ls "$KIST_HOME/data/recipes" "$KIST_HOME/data/content/sha256" "$KIST_HOME/data/containers" | grep -v :)" ]
}
