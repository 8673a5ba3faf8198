# Credential helpers that go wrong, and credentials in requests that cannot be read (lib/image_mock.py notes what arrives).
load lib/engine
load lib/registry

setup_file() {
	engine_start --max-download-attempts 2
	registry_mock odd 7000
}
teardown_file() {
	registry_stop_all
	engine_stop
}
setup() {
	registry_client_config
	registry_forget odd
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH
	mkdir -p "$BATS_TEST_TMPDIR/bin"
}
teardown() {
	nothing_here
}

# helper: the program docker-credential-odd, its body comes in; config.json names it for the registry
helper() {
	{
		echo '#!/bin/sh'
		cat
	} >"$BATS_TEST_TMPDIR/bin/docker-credential-odd"
	chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-odd"
	echo '{"credHelpers": {"127.0.0.1:7000": "odd"}}' >"$DOCKER_CONFIG/config.json"
}
good() {
	helper <<-END
		cat >/dev/null
		echo '{"ServerURL": "127.0.0.1:7000", "Username": "$REGISTRY_USER", "Secret": "$REGISTRY_PASSWORD"}'
	END
}
basic="Basic $(printf %s "$REGISTRY_USER:$REGISTRY_PASSWORD" | base64)"

@test "what a helper answers is sent to its registry, by both commands" {
	good
	for cli in docker kist; do
		$cli pull -q 127.0.0.1:7000/basic/x || true
		registry_asked odd | grep -qF "\"authorization\": \"$basic\""
		registry_forget odd
	done
}

@test "what a helper calls a token is an identity token, which the token service gets and the registry does not" {
	helper <<-'END'
		cat >/dev/null
		echo '{"ServerURL": "127.0.0.1:7000", "Username": "<token>", "Secret": "my-identity"}'
	END
	for cli in docker kist; do
		registry_forget odd
		$cli pull -q 127.0.0.1:7000/token.good
		registry_asked odd | jq -r 'select(.form) | [.method, .path, .authorization, .form] | @tsv' >"$BATS_TEST_TMPDIR/forms"
		grep -qE $'^POST\t/token/good\t\t(.*&)?grant_type=refresh_token&' "$BATS_TEST_TMPDIR/forms"
		grep -q '[&\t]refresh_token=my-identity&' "$BATS_TEST_TMPDIR/forms"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/forms")" = 1 ]
		! registry_asked odd | jq -r .authorization | grep -e Basic -e identity || false
		docker rmi -f 127.0.0.1:7000/token.good
	done
}

@test "a helper that fails, or answers garbage, is named with what it said; what needs no login is pulled" {
	local body
	while read -r body; do
		helper <<<"cat >/dev/null; $body"
		run kist pull 127.0.0.1:7000/fine
		[ "$status" = 0 ] || { echo "$body: $output"; false; }
		[[ "$output" == *"WARNING: no credentials for 127.0.0.1:7000: docker-credential-odd get"* ]] || { echo "$body: $output"; false; }
		docker rmi -f 127.0.0.1:7000/fine
		fails_with 1 "no basic auth credentials" kist pull 127.0.0.1:7000/basic
	done <<-'END'
		echo "the key ring is locked"; exit 1
		exit 1
		kill -9 $$
		echo '{"Username": 17, "Secret": "x"}'
		echo '["Username", "Secret"]'
		echo '{"Username": "a"'
		echo not JSON
		head -c 2000000 /dev/zero
		exit 0
	END
	! registry_asked odd | grep -q '"authorization": "'
}

@test "a helper that knows nothing is nobody's fault" {
	helper <<<'cat >/dev/null; echo "credentials not found in native keychain"; exit 1'
	run kist pull -q 127.0.0.1:7000/fine
	[ "$output" = 127.0.0.1:7000/fine:latest ]
}

@test "a helper may ask its user for as long as it likes, and Ctrl-C ends both" {
	helper <<<'echo $$ >'"$BATS_TEST_TMPDIR"'/pid; exec sleep 1000'
	for cli in docker kist; do
		rm -f "$BATS_TEST_TMPDIR/pid"
		cat >"$BATS_TEST_TMPDIR/int.exp" <<-EOF
			set timeout $(patience 20)
			spawn $cli pull 127.0.0.1:7000/basic
			while {![file exists $BATS_TEST_TMPDIR/pid]} { after 50 }
			after 200
			send "\003"
			expect eof
			exit 0
		EOF
		timeout 40 expect "$BATS_TEST_TMPDIR/int.exp" </dev/null
		wait_gone "$(cat "$BATS_TEST_TMPDIR/pid")"
	done
	[ -z "$(registry_asked odd)" ]
}

@test "a helper is asked for the one registry, and told nothing else" {
	helper <<<'cat >'"$BATS_TEST_TMPDIR"'/asked; exit 1'
	kist pull -q 127.0.0.1:7000/fine 2>/dev/null
	[ "$(cat "$BATS_TEST_TMPDIR/asked")" = 127.0.0.1:7000 ]
	rm "$BATS_TEST_TMPDIR/asked"
	fails_with 1 "" kist pull 127.0.0.1:7999/fine
	[ ! -e "$BATS_TEST_TMPDIR/asked" ]
}

@test "a config.json that cannot be read is named, and what needs no login is pulled" {
	for text in '{' '[]' '{"auths": {"127.0.0.1:7000": {"auth": "!!"}}}' '{"auths": {"127.0.0.1:7000": {"auth": 5}}}'; do
		echo "$text" >"$DOCKER_CONFIG/config.json"
		run kist pull -q 127.0.0.1:7000/fine
		[ "$status" = 0 ] || { echo "$text: $output"; false; }
		[[ "$output" == *"WARNING: no credentials for 127.0.0.1:7000: "*config.json* ]] || { echo "$text: $output"; false; }
	done
}

# ask METHOD PATH HEADER: status and body
ask() {
	curl -s -m 20 -X "$1" -H "X-Registry-Auth: $3" -w '%{http_code}' --unix-socket "$KIST_HOME/kist.sock" "http://x$2"
}
encoded() {
	printf %s "$1" | base64 -w0 | tr '+/' '-_'
}

@test "X-Registry-Auth that cannot be read is nobody's in a pull, as for dockerd, and refused elsewhere" {
	for header in '!' 'e30' "$(encoded '[]')" "$(encoded '{"username": 5}')" "$(encoded '{')" 'bnVsbA=='; do
		[[ "$(ask POST "/images/create?fromImage=127.0.0.1:7000/fine&tag=latest" "$header")" == *200 ]] || { echo "$header"; false; }
	done
	for header in '!' "$(encoded '[]')" "$(encoded '{"username": 5}')" "$(encoded '{')" "$(head -c 70000 /dev/zero | tr '\0' A)"; do
		case $(ask GET /distribution/127.0.0.1:7000/fine/json "$header") in
		*400 | *413) ;;
		*) echo "${header:0:40}: $(ask GET /distribution/127.0.0.1:7000/fine/json "$header")"; false ;;
		esac
	done
	# every form of base64 that clients send is read
	text='{"username":"alice","password":"ÿþ?>~~"}'
	for header in "$(encoded "$text")" "$(printf %s "$text" | base64 -w0)" "$(encoded "$text" | tr -d =)"; do
		registry_forget odd
		ask GET /distribution/127.0.0.1:7000/basic/json "$header" >/dev/null
		registry_asked odd | grep -qF "\"authorization\": \"Basic $(printf 'alice:ÿþ?>~~' | base64)\""
	done
	# a line end in a token would make a header of its own
	[[ "$(ask GET /distribution/127.0.0.1:7000/fine/json "$(encoded '{"registrytoken": "a\r\nX-Secret: b"}')")" == *400 ]]
	! registry_asked odd | grep -q '"cookie": "' || false
	# a token of the caller's own is sent as it is
	ask GET /distribution/127.0.0.1:7000/fine/json "$(encoded '{"registrytoken": "mine"}')" >/dev/null
	registry_asked odd | grep -q '"authorization": "Bearer mine"'
}
