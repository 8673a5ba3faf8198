# Proxies on the way to registries, of kistd's environment and of daemon.json, and what else SIGHUP changes (lib/proxy.py).
load lib/engine
load lib/registry

setup_file() {
	registry_home
	export CERTS=$REGISTRY_HOME/certs
	mkdir -p "$CERTS/192.0.2.1:7002"
	cp "$(registry_ca).crt" "$CERTS/192.0.2.1:7002/ca.crt"
	# the system's authority, which is not the registries' one
	PROXY_CA=$REGISTRY_HOME/proxies
	export PROXY_CA KIST_BUNDLE=$PROXY_CA.crt
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=kist test proxies" \
		-keyout "$PROXY_CA.key" -out "$PROXY_CA.crt" 2>/dev/null
	echo '{}' >"$REGISTRY_HOME/daemon.json"
	HTTPS_PROXY=http://me:secret@127.0.0.1:8001 HTTP_PROXY=http://127.0.0.1:8001 NO_PROXY=192.0.2.1:7003,.example \
		engine_start --config-file "$REGISTRY_HOME/daemon.json" --certs-dir "$CERTS" --insecure-registry 192.0.2.1:7000 \
		--registry-timeout 5 --max-download-attempts 2
	registry_proxy first 8001
	registry_proxy second 8002
	registry_proxy closed 8003 --deny
	registry_mock plain 7000
	registry_mock safe 7002 --tls "$(registry_ca)-server"
	registry_mock near 7003 --tls "$(registry_ca)-server"
	cp -r "$CERTS/192.0.2.1:7002" "$CERTS/192.0.2.1:7003"
}
teardown_file() {
	registry_stop_all
	engine_stop
}
setup() {
	registry_client_config
	registry_forget first second closed plain safe near
}
teardown() {
	nothing_here
}
reload() {
	engine_reload "$REGISTRY_HOME/daemon.json" "$1"
}

@test "the environment's proxy is used for https with CONNECT, for http with the whole URL, not for NO_PROXY and loopback" {
	docker pull -q 192.0.2.1:7002/fine
	[ "$(sort -u "$REGISTRY_HOME/first/asked")" = "CONNECT 192.0.2.1:7002 Basic $(printf me:secret | base64)" ]
	registry_forget first
	# an insecure registry: https is tried first, through the proxy, too
	kist pull -q 192.0.2.1:7000/fine
	registry_asked first | grep -qx "GET http://192.0.2.1:7000/v2/fine/manifests/latest -"
	# the proxy is told who we are there, the registry is not
	! registry_asked plain | grep -qi secret || false
	registry_forget first
	docker pull -q 192.0.2.1:7003/fine
	docker pull -q 127.0.0.1:7000/fine
	[ -z "$(registry_asked first)" ]
}

@test "what is imported from a URL comes through the proxy, too" {
	fails_with 1 "" docker import http://192.0.2.1:7000/blob x
	[ "$(registry_asked first)" = "GET http://192.0.2.1:7000/blob -" ]
}

@test "docker info shows the proxies, and not who we are there" {
	docker info --format '{{.HTTPSProxy}} {{.HTTPProxy}} {{.NoProxy}}' >"$BATS_TEST_TMPDIR/info"
	[ "$(cat "$BATS_TEST_TMPDIR/info")" = "http://xxxxx:xxxxx@127.0.0.1:8001 http://127.0.0.1:8001 192.0.2.1:7003,.example" ]
}

@test "proxies of daemon.json come before the environment's, and SIGHUP changes them" {
	reload '{"proxies": {"https-proxy": "http://127.0.0.1:8002", "no-proxy": "192.0.2.1:7000"}}'
	docker pull -q 192.0.2.1:7002/fine
	docker pull -q 192.0.2.1:7003/fine
	docker pull -q 192.0.2.1:7000/fine
	[ "$(sort -u "$REGISTRY_HOME/second/asked")" = $'CONNECT 192.0.2.1:7002 -\nCONNECT 192.0.2.1:7003 -' ]
	[ -z "$(registry_asked first)" ]
	reload '{}'
	docker rmi -f 192.0.2.1:7002/fine
	docker pull -q 192.0.2.1:7002/fine
	[ -n "$(registry_asked first)" ]
}

@test "a proxy that is down, or refuses us, is named" {
	reload '{"proxies": {"https-proxy": "http://127.0.0.1:8003"}}'
	fails_with 1 "CONNECT tunnel failed, response 407" docker pull 192.0.2.1:7002/fine
	[ -n "$(registry_asked closed)" ]
	reload '{"proxies": {"https-proxy": "http://127.0.0.1:1"}}'
	for cli in docker kist; do
		fails_with 1 "proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused" $cli pull 192.0.2.1:7002/fine
	done
	[ -z "$(registry_asked safe)" ]
	reload '{}'
}

# safe_proxy NAME PORT CERTIFICATE (without .cert and .key): a proxy on https, which asks for the certificates that registries know
safe_proxy() {
	registry_proxy "$1" "$2" --tls "$3" --ask "$(registry_ca).crt"
}
through() { # PROXY
	reload "{\"proxies\": {\"https-proxy\": \"$1\", \"http-proxy\": \"$1\"}}"
}

@test "a proxy on https is known by the system's authorities, and told who we are there, which the registry is not" {
	registry_sign "$PROXY_CA" good "/CN=proxy" "subjectAltName=IP:127.0.0.1"
	safe_proxy tunnel 8004 "$PROXY_CA-good"
	through https://me:secret@127.0.0.1:8004
	me="Basic $(printf me:secret | base64)"
	for cli in docker kist; do
		docker rmi -f 192.0.2.1:7000/fine 192.0.2.1:7002/fine
		$cli pull -q 192.0.2.1:7002/fine
		[ "$(sort -u "$REGISTRY_HOME/tunnel/asked")" = "CONNECT 192.0.2.1:7002 $me" ]
		$cli pull -q 192.0.2.1:7000/fine
		registry_asked tunnel | grep -qx "GET http://192.0.2.1:7000/v2/fine/manifests/latest $me"
		registry_forget tunnel
	done
	fails_with 1 "" docker import http://192.0.2.1:7000/blob x
	[ "$(registry_asked tunnel)" = "GET http://192.0.2.1:7000/blob $me" ]
	! grep -qi secret "$REGISTRY_HOME/plain/asked" "$REGISTRY_HOME/safe/asked" || false
	# what is wrong with the registry's certificate is not the proxy's fault
	registry_mock strange 7005 --tls "$(registry_ca)-server"
	fails_with 1 'Get "https://192.0.2.1:7005/v2/": x509: certificate signed by unknown authority' docker pull 192.0.2.1:7005/fine
	reload '{}'
}

@test "a client's certificate is for the registry, not for its proxy" {
	registry_there || skip "docker-registry is not installed"
	registry_start mutual 5003 tls mtls
	cp -r "$CERTS/192.0.2.1:7002" "$CERTS/192.0.2.1:5003"
	cp "$(registry_ca)-client.cert" "$CERTS/192.0.2.1:5003/a.cert"
	cp "$(registry_ca)-client.key" "$CERTS/192.0.2.1:5003/a.key"
	registry_sign "$PROXY_CA" good "/CN=proxy" "subjectAltName=IP:127.0.0.1"
	safe_proxy asking 8005 "$PROXY_CA-good"
	through https://127.0.0.1:8005
	for cli in docker kist; do
		fails_with 1 "manifest unknown" $cli pull 192.0.2.1:5003/none
	done
	[ "$(sort -u "$REGISTRY_HOME/asking/asked")" = "CONNECT 192.0.2.1:5003 -" ]
	# the proxy would have taken it
	in_net curl -sk -o "$BATS_TEST_TMPDIR/out" --cert "$(registry_ca)-client.cert" --key "$(registry_ca)-client.key" https://127.0.0.1:8005/
	registry_asked asking | grep -qx "GET / - certificate"
	reload '{}'
}

@test "a proxy on https with a wrong certificate is named and told nothing, whatever is believed of the registry" {
	local ca port cli
	ca=$(registry_ca)
	registry_sign "$PROXY_CA" expired "/CN=proxy" "subjectAltName=IP:127.0.0.1" -1
	registry_sign "$PROXY_CA" named "/CN=127.0.0.1" "subjectAltName=DNS:other.example"
	safe_proxy theirs 8006 "$ca-server"
	safe_proxy late 8007 "$PROXY_CA-expired"
	safe_proxy misnamed 8008 "$PROXY_CA-named"
	# 7002's own authority is the one of 8006; 7000 is insecure
	for port in 7002 7000; do
		for cli in docker kist; do
			through https://me:secret@127.0.0.1:8006
			run $cli pull "192.0.2.1:$port/fine"
			[ "$status" = 1 ]
			[[ "$output" == *"proxyconnect tcp: 127.0.0.1:8006: x509: certificate signed by unknown authority"* ]]
			[[ "$output" != *secret* ]]
			through https://me:secret@127.0.0.1:8007
			fails_with 1 "proxyconnect tcp: 127.0.0.1:8007: x509: certificate has expired or is not yet valid" \
				$cli pull "192.0.2.1:$port/fine"
			through https://me:secret@127.0.0.1:8008
			fails_with 1 "proxyconnect tcp: 127.0.0.1:8008: x509: certificate is not valid for 127.0.0.1" \
				$cli pull "192.0.2.1:$port/fine"
			through https://me:secret@127.0.0.1:8001
			fails_with 1 "proxyconnect tcp: 127.0.0.1:8001: tls: first record does not look like a TLS handshake" \
				$cli pull "192.0.2.1:$port/fine"
		done
	done
	[ -z "$(cat "$REGISTRY_HOME"/{theirs,late,misnamed,first,plain,safe}/asked)" ]
	reload '{}'
}

@test "SIGHUP changes how many layers come at a time" {
	registry_there || skip "docker-registry is not installed"
	registry_start store 5000
	in_net python3 "$REGISTRY_LIB/push_image.py" http://127.0.0.1:5000 six/x 1 --layers 6 --bytes 3000 >/dev/null
	waiting() {
		docker rmi -f localhost:5000/six/x:1 >/dev/null 2>&1 || true
		docker pull localhost:5000/six/x:1 | grep -c ': Waiting'
	}
	[ "$(waiting)" = 3 ]
	reload '{"max-concurrent-downloads": 1}'
	[ "$(waiting)" = 5 ]
	reload '{"max-concurrent-downloads": 6}'
	[ "$(waiting || true)" = 0 ]
	reload '{}'
}
