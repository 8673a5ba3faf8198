# Registries that take bearer tokens, through kistd: docker-registry with a token service (lib/token_server.py), and one whose
# tokens end in the midst of a pull (lib/image_mock.py).
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	engine_start
	registry_start hub 5004 token token-anonymous= token-deny=secret/
	registry_start old 5005 token token-no-post=
	registry_mock odd 7000 --other http://127.0.0.1:7001
	load_busybox
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
	: >"$(registry_token_log hub)"
	: >"$(registry_token_log old)"
}

login() { # port
	docker login -u "$REGISTRY_USER" --password-stdin "localhost:$1" <<<"$REGISTRY_PASSWORD" >/dev/null 2>&1
}
# The scopes that tokens were asked for, in order.
scopes() { # NAME
	jq -r '.asked.scope // [] | .[]' "$(registry_token_log "$1")" | tr ' ' '\n' | uniq
}

@test "who is not logged in cannot push, and pulls what everybody may" {
	docker tag busybox localhost:5004/own/box:1
	for cli in docker kist; do
		fails_with 1 "denied: requested access to the resource is denied" $cli push localhost:5004/own/box:1
	done
	login 5004
	docker push -q localhost:5004/own/box:1
	docker logout localhost:5004
	docker rmi localhost:5004/own/box:1
	docker pull -q localhost:5004/own/box:1
	docker rmi localhost:5004/own/box:1
	kist pull -q localhost:5004/own/box:1
}

@test "each token is asked for the one repository, and for pulling alone where nothing is pushed" {
	login 5004
	docker tag busybox localhost:5004/own/one:1
	docker push -q localhost:5004/own/one:1
	: >"$(registry_token_log hub)"
	docker rmi localhost:5004/own/one:1
	docker pull -q localhost:5004/own/one:1
	[ "$(scopes hub)" = repository:own/one:pull ]
	: >"$(registry_token_log hub)"
	docker tag busybox localhost:5004/own/two:1
	kist push -q localhost:5004/own/two:1
	# a blob that the other repository has is mounted, which takes a token that is good for both
	scopes hub | grep -qx repository:own/two:pull,push
	! scopes hub | grep -v -e '^repository:own/one:pull$' -e '^repository:own/two:pull,push$' -e '^repository:own/box:pull$' || false
	[ "$(kist registry tags localhost:5004/own/two)" = 1 ]
}

@test "what the token service denies is denied in docker's words" {
	login 5004
	docker tag busybox localhost:5004/secret/box:1
	fails_with 1 "denied: requested access to the resource is denied" docker push localhost:5004/secret/box:1
	for cli in docker kist; do
		fails_with 1 "pull access denied for localhost:5004/secret/box, repository does not exist or may require 'docker login'" \
			$cli pull localhost:5004/secret/box:1
	done
}

@test "a login is kept as an identity token, which is refreshed for each session, and can be revoked" {
	login 5004
	token=$(jq -r '.auths["localhost:5004"].identitytoken' "$DOCKER_CONFIG/config.json")
	[ ${#token} = 48 ]
	! grep -qF "$(printf %s "$REGISTRY_USER:$REGISTRY_PASSWORD" | base64)" "$DOCKER_CONFIG/config.json" || false
	docker tag busybox localhost:5004/own/three:1
	: >"$(registry_token_log hub)"
	kist push -q localhost:5004/own/three:1
	grep -q '"method": "POST".*"grant_type": \["refresh_token"\].*"status": 200' "$(registry_token_log hub)"
	! grep -q '"authorization": "Basic' "$(registry_token_log hub)" || false
	# the service forgets
	: >"$REGISTRY_HOME/hub/token.refresh"
	for cli in docker kist; do
		fails_with 1 "unauthorized: incorrect username or password" $cli push localhost:5004/own/three:1
	done
}

@test "a token service without OAuth 2 gets name and password, and nobody else does" {
	login 5005
	docker tag busybox localhost:5005/own/box:1
	docker push -q localhost:5005/own/box:1
	docker rmi localhost:5005/own/box:1
	kist pull -q localhost:5005/own/box:1
	! grep -q '"method": "POST"' "$(registry_token_log old)" || false
	! grep -q 'Basic' "$(registry_log old)" || false
	fails_with 1 "nauthorized" kist login -u "$REGISTRY_USER" -p wrong localhost:5005
}

@test "a token that ends in the midst of a pull is renewed, and the image comes whole" {
	for cli in docker kist; do
		$cli pull -q 127.0.0.1:7000/token.once
		docker rmi -f 127.0.0.1:7000/token.once
	done
	# four documents and blobs, three requests a token: it was not enough
	[ "$(registry_asked odd | grep -c '"path": "/token/once')" -ge 4 ]
	registry_asked odd | grep -q '"path": "/v2/token.once/blobs/.*"status": 401'
}

@test "a token service whose answer makes no sense, or is not there, is refused with its address" {
	for how in html huge crlf empty number; do
		fails_with 1 "127.0.0.1:7000/" docker pull 127.0.0.1:7000/token.$how
	done
	! registry_asked odd | grep -q Evil || false
	fails_with 1 "127.0.0.1:7001" docker pull 127.0.0.1:7000/token.refused
	fails_with 1 "127.0.0.1:7000/token/round307: stopped after 10 redirects" docker pull 127.0.0.1:7000/token.round307
	[ "$(registry_asked odd | grep -c '"path": "/token/round307')" = 11 ]
	fails_with 1 "127.0.0.1:7000/token/nowhere302: redirects to what is no HTTP URL" kist pull 127.0.0.1:7000/token.nowhere302
	fails_with 1 "received unexpected HTTP status: 304" docker pull 127.0.0.1:7000/token.here304
	fails_with 1 "incorrect username or password" kist pull 127.0.0.1:7000/token.denied
}
