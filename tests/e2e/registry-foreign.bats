# Credentials go to the host that they were given for, and to no other, whatever that one says (CVE-2020-15157, CVE-2021-41092):
# two registries that note every header (lib/image_mock.py), one of which knows us, and a third in the place of Docker Hub.
load lib/engine
load lib/registry

setup_file() {
	registry_home
	KIST_HOSTS=$REGISTRY_HOME/hosts
	export KIST_HOSTS
	printf '127.0.0.1 localhost registry-1.docker.io index.docker.io auth.docker.io\n' >"$KIST_HOSTS"
	engine_start --insecure-registry registry-1.docker.io --insecure-registry index.docker.io \
		--certs-dir "$REGISTRY_HOME/certs" --registry-timeout 5 --max-download-attempts 2
	registry_mock other 7001 --other http://127.0.0.1:7000
	registry_mock odd 7000 --other http://127.0.0.1:7001
	registry_mock hub 443 --tls "$(registry_ca)-server"
	load_busybox
}
teardown_file() {
	registry_stop_all
	engine_stop
}
setup() {
	registry_client_config
	know 127.0.0.1:7000
	rm -rf "$REGISTRY_HOME/certs"
	registry_forget odd other hub
}
teardown() {
	docker rmi -f $(docker images --format '{{.Repository}}:{{.Tag}}' | grep -v ^busybox) >/dev/null 2>&1 || true
}

know() { # REGISTRY: config.json has our name and password for it
	jq --arg r "$1" --arg a "$(printf %s "$REGISTRY_USER:$REGISTRY_PASSWORD" | base64)" '.auths[$r] = {auth: $a}' \
		"$DOCKER_CONFIG/config.json" >"$BATS_TEST_TMPDIR/c"
	cp "$BATS_TEST_TMPDIR/c" "$DOCKER_CONFIG/config.json"
}

# The one at home was told who we are; the other was asked, and was told nothing.
only_home_knows() {
	registry_asked odd | grep -q '"authorization": "Basic ' || { echo "nobody was told"; return 1; }
	stranger_knows_nothing
}
stranger_knows_nothing() {
	[ -n "$(registry_asked other)" ] || { echo "the other one was not asked"; return 1; }
	! registry_asked other | grep -e '"authorization": "' -e '/token/' || { echo "the other one knows"; return 1; }
}

@test "a redirect leads the request to another host, and not who we are" {
	for cli in docker kist; do
		$cli pull -q 127.0.0.1:7000/away
		only_home_knows
		docker rmi -f 127.0.0.1:7000/away
	done
	docker pull -q 127.0.0.1:7000/manifest.redirect
	stranger_knows_nothing
}

@test "another host that asks who we are after a redirect is not told" {
	for how in basic bearer; do
		fails_with 1 "127.0.0.1:7001/asks.$how" docker pull 127.0.0.1:7000/away.$how
		only_home_knows
		registry_forget odd other
	done
}

@test "a foreign layer comes from its URL without credentials" {
	for cli in docker kist; do
		$cli pull -q 127.0.0.1:7000/foreign
		only_home_knows
		docker rmi -f 127.0.0.1:7000/foreign
	done
}

# The foreign layer is damaged and comes back, from where "$output" says; its digest is $blob.
damage_and_repair() {
	blob=$(in_net curl -s -u "$REGISTRY_USER:$REGISTRY_PASSWORD" http://127.0.0.1:7000/v2/foreign/manifests/latest |
		jq -r '.layers[1].digest' | cut -d: -f2)
	flip "$KIST_HOME/data/content/sha256/$blob" 100
	registry_forget odd other
	run kist system check --repair
	[ "$status" = 0 ] || { echo "$output"; false; }
	[ "$(sha256sum <"$KIST_HOME/data/content/sha256/$blob" | cut -d' ' -f1)" = "$blob" ]
}

@test "a foreign layer that is damaged is fetched again from its URL, without credentials" {
	kist pull -q 127.0.0.1:7000/foreign
	damage_and_repair
	[[ "$output" == *"$blob"*"fetched again from 127.0.0.1:7000/foreign"* ]]
	registry_asked other | grep -q "$blob"
	only_home_knows
}

@test "what is wrong at one image's URL is fetched again from another image's, without credentials" {
	kist pull -q 127.0.0.1:7000/foreign
	kist pull -q 127.0.0.1:7000/foreign.lies
	damage_and_repair
	[[ "$output" == *"$blob"*"fetched again from http://127.0.0.1:7001/blob/foreign/sha256:$blob"* ]]
	registry_asked other | grep -q "/lies/.*$blob"
	only_home_knows
}

@test "the host of a foreign layer that asks who we are is not told, nor a token service that it names" {
	for how in basic bearer; do
		fails_with 1 "7001/asks.$how" kist pull 127.0.0.1:7000/foreign.$how
		only_home_knows
		registry_forget odd other
	done
}

# token KIND...: pulls with a token that is good, from a service that redirects to it
pulls_by_token() {
	local kind cli
	for kind; do
		for cli in docker kist; do
			registry_forget odd other
			$cli pull -q "127.0.0.1:7000/token.$kind"
			docker rmi -f "127.0.0.1:7000/token.$kind"
		done
	done
}
asked_for_token() { # MOCK: METHOD PATH AUTHORIZATION FORM, a line each
	registry_asked "$1" | jq -r 'select(.path | startswith("/token/")) | [.method, (.path | split("?")[0]), .authorization, .form] | @tsv'
}

@test "a token service that redirects within its host is told who we are again" {
	basic="Basic $(printf %s "$REGISTRY_USER:$REGISTRY_PASSWORD" | base64)"
	for status in 301 302 303 307 308; do
		pulls_by_token here$status
		diff <(asked_for_token odd) <(printf 'GET\t/token/%s\t%s\t\n' here$status "$basic" everywhere "$basic")
	done
}

@test "a token service that redirects to another host is followed there without credentials" {
	basic="Basic $(printf %s "$REGISTRY_USER:$REGISTRY_PASSWORD" | base64)"
	for status in 301 302 303 307 308; do
		pulls_by_token away$status
		diff <(asked_for_token odd) <(printf 'GET\t/token/%s\t%s\t\n' away$status "$basic")
		diff <(asked_for_token other) <(printf 'GET\t/token/everywhere\t\t\n')
		# the query is the service's own, not ours with our name in it
		[ "$(registry_asked other | jq -r .path)" = "/token/everywhere?signature=secret" ]
	done
}

@test "what a token service's redirect left behind is said where it would have been needed" {
	for cli in docker kist; do
		fails_with 1 "http://127.0.0.1:7001/token/denied (without credentials, which stayed behind at a redirect): unauthorized: incorrect username or password" \
			$cli pull 127.0.0.1:7000/token.shut302
	done
}

# gate KIND: a registry at port 7002 whose logins take a token from its /token/KIND
gate() {
	[ ! -e "$REGISTRY_HOME/gate/pid" ] || registry_stop gate
	registry_mock gate 7002 --login "$1" --other http://127.0.0.1:7001
	registry_forget gate other
	registry_client_config
}

@test "a login is refused where a token service redirects to another host, which gives tokens to anybody" {
	local status cli
	for status in 301 302 303 307 308; do
		gate away$status
		for cli in docker kist; do
			fails_with 1 "http://127.0.0.1:7002/token/away$status: redirects to another host (http://127.0.0.1:7001), which must not get the name and password: refused" \
				$cli login -u "$REGISTRY_USER" -p WRONG 127.0.0.1:7002
			[ "$(jq -c .auths "$DOCKER_CONFIG/config.json")" = '{"a.example":{}}' ]
		done
		[ "$(asked_for_token gate | grep -c "Basic")" = 2 ]
		[ -z "$(registry_asked other)" ]
	done
}

@test "a login follows a token service's redirect within its host" {
	local status cli
	for status in 302 307; do
		gate here$status
		for cli in docker kist; do
			registry_client_config
			registry_forget gate
			$cli login -u "$REGISTRY_USER" -p "$REGISTRY_PASSWORD" 127.0.0.1:7002
			[ "$(asked_for_token gate | grep -c "^GET.*Basic")" = 2 ]
			jq -e '.auths["127.0.0.1:7002"].auth' "$DOCKER_CONFIG/config.json"
		done
	done
}

@test "a login with an identity token is refused where a redirect would drop it" {
	local kind why
	for kind in here302 here307 away302 away307; do
		gate $kind
		why="redirects to another host (http://127.0.0.1:7001), which must not get the identity token: refused"
		case $kind in
		here302) why="redirects with status 302, which drops the identity token: refused" ;;
		here307) why="Login Succeeded" ;;
		esac
		fails_with 0 "$why" curl -s --unix-socket "$KIST_HOME/kist.sock" -H "Content-Type: application/json" \
			-d '{"identitytoken": "my-identity", "serveraddress": "127.0.0.1:7002"}' http://x/auth
		[ -z "$(registry_asked other)" ]
	done
}

@test "an identity token goes again to the host that it is for, and to no other" {
	echo '{"auths": {"127.0.0.1:7000": {"auth": "", "identitytoken": "my-identity"}}}' >"$DOCKER_CONFIG/config.json"
	for status in 307 308; do
		pulls_by_token here$status
		asked_for_token odd | cut -f 1-3 | diff - <(printf 'POST\t/token/%s\t\n' here$status everywhere)
		[ "$(asked_for_token odd | grep -c 'grant_type=refresh_token&refresh_token=my-identity&')" = 2 ]
		registry_forget other
		for cli in docker kist; do
			fails_with 1 "http://127.0.0.1:7000/token/away$status: redirects to another host (http://127.0.0.1:7001), which must not get the identity token" \
				$cli pull 127.0.0.1:7000/token.away$status
		done
		[ -z "$(registry_asked other)" ]
	done
	for status in 301 302 303; do
		pulls_by_token here$status
		asked_for_token odd | sed 's/grant_type.*/form/' |
			diff - <(printf 'POST\t/token/here%s\t\tform\nGET\t/token/everywhere\t\t\n' $status)
		pulls_by_token away$status
		diff <(asked_for_token other) <(printf 'GET\t/token/everywhere\t\t\n')
		asked_for_token odd | cut -f 1-3 | diff - <(printf 'POST\t/token/%s\t\n' away$status)
	done
}

@test "a mirror that asks who we are is passed by" {
	mkdir -p "$REGISTRY_HOME/certs/127.0.0.1:7000"
	printf '[host."http://127.0.0.1:7001"]\n' >"$REGISTRY_HOME/certs/127.0.0.1:7000/hosts.toml"
	docker pull -q 127.0.0.1:7000/basic
	only_home_knows
}

@test "an upload that is sent to another host takes no credentials there" {
	docker tag busybox 127.0.0.1:7000/elsewhere:1
	docker push -q 127.0.0.1:7000/elsewhere:1
	registry_asked other | grep -q '"method": "P[AU]T[CH]*"'
	only_home_knows
}

@test "who we are at one registry is not told to another, nor to Docker Hub" {
	know https://index.docker.io/v1/
	fails_with 1 "no basic auth credentials" docker pull 127.0.0.1:7001/basic
	stranger_knows_nothing
	docker pull -q basic/x
	registry_asked hub | grep -q '"path": "/v2/basic/x/manifests/latest".*"authorization": "Basic '
	[ -z "$(registry_asked odd)" ]
}

@test "a credential helper that is missing sends nobody's password to Docker Hub (CVE-2021-41092)" {
	# Docker Hub is there
	docker pull -q fine/x
	[ -n "$(registry_asked hub)" ]
	registry_forget hub
	for broken in '{"credsStore": "missing"}' '{"credHelpers": {"127.0.0.1:7000": "missing"}}'; do
		jq ". * $broken" "$DOCKER_CONFIG/config.json" >"$BATS_TEST_TMPDIR/c"
		DOCKER_CONFIG=$BATS_TEST_TMPDIR/broken
		mkdir -p "$DOCKER_CONFIG"
		cp "$BATS_TEST_TMPDIR/c" "$DOCKER_CONFIG/config.json"
		fails_with 1 "docker-credential-missing" kist login -u "$REGISTRY_USER" -p "$REGISTRY_PASSWORD" 127.0.0.1:7000
		fails_with 1 "docker-credential-missing" kist pull 127.0.0.1:7000/basic
		docker pull -q 127.0.0.1:7000/basic || true
		[ -z "$(registry_asked hub)" ]
		! grep -q "$REGISTRY_PASSWORD" "$DOCKER_CONFIG/config.json" || false
		DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	done
}
