# Credentials: login and logout with both commands, credential helpers, and what else is asked of registries by name.
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	engine_start
	registry_start plain 5000
	registry_start closed 5001 htpasswd
	registry_start tokens 5002 token
	# a name with two tags, and one that only its owner sees
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$(busybox_archive)" docker://127.0.0.1:5000/team/app:v1
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$(busybox_archive)" docker://127.0.0.1:5000/team/app:v2
	registry_skopeo copy -q --dest-tls-verify=false --dest-creds "$REGISTRY_USER:$REGISTRY_PASSWORD" \
		"docker-archive:$(busybox_archive)" docker://127.0.0.1:5001/own/app:v1
}
# Takes connections and says nothing.
silent_registry() { # PORT
	registry_net
	"${NET[@]}" python3 -c 'import socket, sys, time
s = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
time.sleep(120)' "$1" 3>&- &
	SILENT=$!
	local i
	for i in $(seq "$(patience 100)"); do
		"${NET[@]}" bash -c "exec 9<>/dev/tcp/127.0.0.1/$1" 2>/dev/null && return 0
		sleep 0.05
	done
	return 1
}
teardown() {
	[ -z "${SILENT:-}" ] || kill "$SILENT"
}
asking() {
	pgrep -P "$(engine_pid)" kist-registry >/dev/null
}
# wait_for COMMAND...: until it succeeds, ten seconds at most
wait_for() {
	local i
	for i in $(seq $((200 * ${KIST_SLOW:-1}))); do
		"$@" && return 0
		sleep 0.05
	done
	return 1
}
nobody_asks() {
	! asking
}

teardown_file() {
	registry_there || return 0
	registry_stop_all
	engine_stop
}
setup() {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	chmod 600 "$DOCKER_CONFIG/config.json"
}

auth_of() {
	jq -r --arg r "$1" '.auths[$r].auth' "$DOCKER_CONFIG/config.json" | base64 -d
}

# A helper that keeps each server's entry in a file, as the protocol says.
make_helper() {
	mkdir -p "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/kept"
	cat >"$BATS_TEST_TMPDIR/bin/docker-credential-test" <<-EOF
		#!/bin/sh
		kept=$BATS_TEST_TMPDIR/kept
		echo "\$1" >>"\$kept/../asked"
		file() { echo "\$kept/\$(printf %s "\$1" | tr / _)"; }
		case \$1 in
		store) in=\$(cat); printf %s "\$in" >"\$(file "\$(printf %s "\$in" | jq -r .ServerURL)")" ;;
		get) f=\$(file "\$(cat)"); [ -e "\$f" ] || { echo "credentials not found in native keychain"; exit 1; }; cat "\$f" ;;
		erase) rm "\$(file "\$(cat)")" || { echo "no such entry"; exit 1; } ;;
		list) jq -s 'map({(.ServerURL): .Username}) | add // {}' "\$kept"/* ;;
		esac
	EOF
	chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-test"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "kist login keeps what docker login keeps" {
	run kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	[ "$status" = 0 ]
	[[ "$output" == *"Login Succeeded"* ]]
	[[ "$output" == *"stored unencrypted in '$DOCKER_CONFIG/config.json'"* ]]
	[ "$(auth_of localhost:5001)" = "$REGISTRY_USER:$REGISTRY_PASSWORD" ]
	[ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
	cp "$DOCKER_CONFIG/config.json" "$BATS_TEST_TMPDIR/ours"
	echo '{"auths": {"a.example": {}}}' >"$DOCKER_CONFIG/config.json"
	docker login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	cmp "$DOCKER_CONFIG/config.json" "$BATS_TEST_TMPDIR/ours"
	docker logout localhost:5001
}

@test "a wrong password is refused and not kept" {
	fails_with 1 "nauthorized" kist login -u "$REGISTRY_USER" -p wrong localhost:5001
	! grep -q 5001 "$DOCKER_CONFIG/config.json" || false
	fails_with 1 "nauthorized" docker login -u "$REGISTRY_USER" -p wrong localhost:5001
}

last_line() { # COMMAND...: what it fails with
	run sh -c '"$@" 2>&1 >/dev/null' fails "$@"
	[ "$status" = 1 ]
	[ "${lines[-1]}" = "$LAST" ] || { echo "$output"; false; }
}

known_as() { # PORT NAME:PASSWORD, in docker's configuration
	local auth
	auth=$(printf %s "$2" | base64)
	echo "{\"auths\": {\"localhost:$1\": {\"auth\": \"$auth\"}}}" >"$DOCKER_CONFIG/config.json"
}

@test "a push without good credentials says that alone, a pull with what it asked, as dockerd" {
	kist load -q -i "$(busybox_archive)"
	for port in 5001 5002; do docker tag busybox localhost:$port/own/new:1; done
	for cli in docker kist; do
		echo '{}' >"$DOCKER_CONFIG/config.json"
		LAST="no basic auth credentials" last_line $cli push localhost:5001/own/new:1
		LAST='Error response from daemon: Get "http://localhost:5001/v2/own/new/manifests/1": no basic auth credentials' \
			last_line $cli pull localhost:5001/own/new:1
		known_as 5001 "$REGISTRY_USER:wrong"
		LAST="unauthorized: authentication required" last_line $cli push localhost:5001/own/new:1
		known_as 5002 "$REGISTRY_USER:wrong"
		LAST="unauthorized: incorrect username or password" last_line $cli push localhost:5002/own/new:1
		LAST='Error response from daemon: Get "http://localhost:5002/v2/own/new/manifests/1": unauthorized: incorrect username or password' \
			last_line $cli pull localhost:5002/own/new:1
	done
	docker rmi -f "$(docker images -q busybox)"
}

@test "kist login asks on a terminal and does not show the password" {
	cat >"$BATS_TEST_TMPDIR/login.exp" <<-'EOF'
		set timeout $env(PATIENCE)
		log_file -noappend $env(BATS_TEST_TMPDIR)/seen
		spawn kist login localhost:5001
		expect "Username: "
		send "$env(REGISTRY_USER)\r"
		expect "Password: "
		send "$env(REGISTRY_PASSWORD)\r"
		expect "Login Succeeded"
		expect eof
		exit [lindex [wait] 3]
	EOF
	PATIENCE=$(patience 20) timeout 40 expect "$BATS_TEST_TMPDIR/login.exp" </dev/null
	grep -q "Login Succeeded" "$BATS_TEST_TMPDIR/seen"
	! grep -qF "$REGISTRY_PASSWORD" "$BATS_TEST_TMPDIR/seen" || false
	[ "$(auth_of localhost:5001)" = "$REGISTRY_USER:$REGISTRY_PASSWORD" ]
}

@test "an interrupted password prompt leaves the terminal with its echo" {
	cat >"$BATS_TEST_TMPDIR/int.exp" <<-'EOF'
		set timeout $env(PATIENCE)
		spawn sh -c "trap : INT; kist login -u x localhost:5001; stty -a | grep -ow -- -*echo"
		expect "Password: "
		send "\003"
		expect {
			-re "-echo" { exit 1 }
			-re "echo" { exit 0 }
		}
		exit 2
	EOF
	PATIENCE=$(patience 20) SHELL=/bin/sh timeout 40 expect "$BATS_TEST_TMPDIR/int.exp" </dev/null
}

@test "what was stored is used again, and replaced when it has become invalid" {
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	run kist login localhost:5001 </dev/null
	[ "$status" = 0 ]
	[[ "$output" == *"Authenticating with existing credentials"* ]]
	[[ "$output" == *"Login Succeeded"* ]]
	jq '.auths["localhost:5001"].auth = "YWxpY2U6b2xk"' "$DOCKER_CONFIG/config.json" >"$BATS_TEST_TMPDIR/c"
	cp "$BATS_TEST_TMPDIR/c" "$DOCKER_CONFIG/config.json"
	fails_with 1 "non TTY" kist login localhost:5001 </dev/null
}

@test "flags of login that contradict each other are refused in docker's words" {
	for cli in docker kist; do
		fails_with 1 "conflicting options: cannot specify both --password and --password-stdin" $cli login -u u -p x --password-stdin localhost:5001
		fails_with 1 "the --password-stdin option requires --username to be set" $cli login --password-stdin localhost:5001
		fails_with 1 "Error: Cannot perform an interactive login from a non TTY device" $cli login localhost:5001 </dev/null
	done
}

@test "kist logout forgets, and nothing else" {
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	docker login -u "$REGISTRY_USER" --password-stdin localhost:5002 <<<"$REGISTRY_PASSWORD"
	run kist logout localhost:5001
	[ "$status" = 0 ]
	[ "$output" = "Removing login credentials for localhost:5001" ]
	[ "$(jq -c '.auths | keys' "$DOCKER_CONFIG/config.json")" = '["a.example","localhost:5002"]' ]
	fails_with 1 "" kist registry tags localhost:5001/own/app
}

@test "a credential helper keeps the password, for both commands" {
	make_helper
	echo '{"credsStore": "test", "other": {"kept": true}}' >"$DOCKER_CONFIG/config.json"
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	! grep -q "$(printf %s "$REGISTRY_USER:$REGISTRY_PASSWORD" | base64)" "$DOCKER_CONFIG/config.json" || false
	[ "$(jq -c .other "$DOCKER_CONFIG/config.json")" = '{"kept":true}' ]
	[ "$(jq -r .Secret "$BATS_TEST_TMPDIR/kept/localhost:5001")" = "$REGISTRY_PASSWORD" ]
	[ "$(kist registry tags localhost:5001/own/app)" = v1 ]
	grep -qx get "$BATS_TEST_TMPDIR/asked"
	[[ "$(kist __complete -- logout local)" == *localhost:5001* ]]
	# docker finds what kist stored
	docker login localhost:5001 </dev/null
	kist logout localhost:5001
	[ ! -e "$BATS_TEST_TMPDIR/kept/localhost:5001" ]
	fails_with 1 "" kist registry tags localhost:5001/own/app
}

@test "credHelpers chooses a helper for one registry" {
	make_helper
	echo '{"credHelpers": {"localhost:5001": "test"}}' >"$DOCKER_CONFIG/config.json"
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	kist login -u "$REGISTRY_USER" --password-stdin 127.0.0.1:5001 <<<"$REGISTRY_PASSWORD"
	[ -e "$BATS_TEST_TMPDIR/kept/localhost:5001" ]
	[ ! -e "$BATS_TEST_TMPDIR/kept/127.0.0.1:5001" ]
	[ "$(auth_of 127.0.0.1:5001)" = "$REGISTRY_USER:$REGISTRY_PASSWORD" ]
}

@test "a helper that is missing or broken is named, and what needs no login still works" {
	echo '{"credsStore": "nowhere"}' >"$DOCKER_CONFIG/config.json"
	run kist registry tags localhost:5000/team/app
	[ "$status" = 0 ]
	[[ "$output" == *"docker-credential-nowhere"*"is not in PATH"* ]]
	[[ "$output" == *v1*v2 ]]
}

@test "docker-credential-pass keeps a login for both commands" {
	command -v docker-credential-pass >/dev/null && command -v pass >/dev/null || skip "docker-credential-pass is not installed"
	export GNUPGHOME=$BATS_TEST_TMPDIR/g PASSWORD_STORE_DIR=$BATS_TEST_TMPDIR/store HOME=$BATS_TEST_TMPDIR
	mkdir -m 700 "$GNUPGHOME"
	gpg --batch --quiet --passphrase '' --quick-generate-key kist-test 2>/dev/null
	pass init kist-test >/dev/null
	# no settings at all: a helper that is installed is taken
	rm "$DOCKER_CONFIG/config.json"
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	[ "$(jq -r .credsStore "$DOCKER_CONFIG/config.json")" = pass ]
	[ "$(jq -c '.auths["localhost:5001"]' "$DOCKER_CONFIG/config.json")" = '{}' ]
	[ "$(kist registry tags localhost:5001/own/app)" = v1 ]
	docker login localhost:5001 </dev/null
	kist logout localhost:5001
	[ "$(docker-credential-pass list)" = '{}' ]
	gpgconf --kill all
}

@test "a login at a token server succeeds and fails as it should" {
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5002 <<<"$REGISTRY_PASSWORD"
	fails_with 1 "nauthorized" kist login -u "$REGISTRY_USER" -p wrong localhost:5002
	docker login -u "$REGISTRY_USER" --password-stdin localhost:5002 <<<"$REGISTRY_PASSWORD"
}

@test "registry tags and catalog list what is there" {
	[ "$(kist registry tags localhost:5000/team/app | sort | tr '\n' ' ')" = "v1 v2 " ]
	[ "$(kist registry catalog localhost:5000)" = team/app ]
	fails_with 1 "not found" kist registry tags localhost:5000/team/none
}

@test "distribution inspect says what a name stands for" {
	answer=$(curl -s --unix-socket "$KIST_HOME/kist.sock" http://x/distribution/localhost:5000/team/app:v1/json)
	digest=$(registry_skopeo inspect --tls-verify=false --format '{{.Digest}}' docker://127.0.0.1:5000/team/app:v1)
	[ "$(jq -r .Descriptor.digest <<<"$answer")" = "$digest" ]
	[ "$(jq -c .Platforms <<<"$answer")" = '[{"architecture":"amd64","os":"linux"}]' ]
	[ "$(jq .Descriptor.size <<<"$answer")" -gt 100 ]
	[ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$KIST_HOME/kist.sock" http://x/distribution/localhost:5000/team/app:none/json)" = 404 ]
}

@test "distribution inspect words what a registry complains of as the registry does" {
	distribution() {
		curl -s -w '%{http_code}' --unix-socket "$KIST_HOME/kist.sock" "http://x/distribution/$1/json"
	}
	local id=8a3aebce16ce1d8cac70c8e69d69f218f2012763a324fd2997501903f6ce032f n
	for n in none:latest team/app:none team/app@sha256:$id; do
		[ "$(distribution "localhost:5000/$n")" = '{"message":"manifest unknown: manifest unknown"}
404' ]
	done
	for n in $id sha256:$id; do
		[ "$(distribution $n)" = '{"message":"no manifest found for full image ID"}
400' ]
	done
	[[ "$(distribution localhost:5000/app:)" == *"invalid reference format"*400 ]]
	# a pull has words of its own
	fails_with 1 "manifest for localhost:5000/none:latest not found: manifest unknown: manifest unknown" docker pull localhost:5000/none
}

@test "search says what it cannot do" {
	fails_with 1 "Limit 101 is outside the range of [1, 100]" docker search --limit 101 localhost:5000/app
	fails_with 1 "404" docker search localhost:5000/app
	fails_with 1 "404" kist search localhost:5000/app
	fails_with 1 "invalid filter 'nonsense'" kist search --filter nonsense=1 localhost:5000/app
}

@test "a client that leaves gives up what it asked a registry that does not answer" {
	local url client
	silent_registry 5090
	for url in /distribution/localhost:5090/x/json /kist/registry/localhost:5090/x/tags /kist/registry/localhost:5090/catalog \
		"/images/search?term=localhost:5090/x" /auth; do
		body=()
		[ $url != /auth ] || body=(-H "Content-Type: application/json" -d '{"username":"a","password":"b","serveraddress":"localhost:5090"}')
		curl -s "${body[@]}" --unix-socket "$KIST_HOME/kist.sock" "http://x$url" >/dev/null 3>&- &
		client=$!
		wait_for asking
		kill $client
		wait_for nobody_asks
	done
}

@test "kistd stops at once although a registry does not answer" {
	local start
	silent_registry 5090
	curl -s --unix-socket "$KIST_HOME/kist.sock" http://x/distribution/localhost:5090/x/json >"$BATS_TEST_TMPDIR/answer" 3>&- &
	client=$!
	wait_for asking
	start=$SECONDS
	engine_end
	[ $((SECONDS - start)) -lt $((5 * ${KIST_SLOW:-1})) ]
	wait $client || true
	jq -e .message "$BATS_TEST_TMPDIR/answer"
	engine_run
}

@test "what a login writes is for its owner alone" {
	mkdir -p "$DOCKER_CONFIG"
	echo '{"auths": {"b.example": {}}}' >"$DOCKER_CONFIG/config.json"
	chmod 644 "$DOCKER_CONFIG/config.json"
	kist login -u "$REGISTRY_USER" --password-stdin localhost:5001 <<<"$REGISTRY_PASSWORD"
	[ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
}
