# Registries on https through kistd: the system's authorities, certs.d, client certificates, and certificates that are not good.
# 192.0.2.1 is an address that no engine takes for an insecure registry by itself.
load lib/engine
load lib/registry

setup_file() {
	registry_there || return 0
	registry_home
	KIST_BUNDLE=$REGISTRY_HOME/bundle
	export KIST_BUNDLE CERTS=$REGISTRY_HOME/certs
	: >"$KIST_BUNDLE"
	echo '{}' >"$REGISTRY_HOME/daemon.json"
	engine_start --config-file "$REGISTRY_HOME/daemon.json" --certs-dir "$CERTS"
	registry_start safe 5002 tls
	registry_start mutual 5003 tls mtls
	registry_start plain 5000
	local ca
	ca=$(registry_ca)
	registry_sign "$ca" expired "/CN=registry.test" "subjectAltName=IP:192.0.2.1" -1
	registry_sign "$ca" named "/CN=192.0.2.1" "subjectAltName=DNS:other.example"
	registry_sign "$ca" purpose "/CN=registry.test" "subjectAltName=IP:192.0.2.1
extendedKeyUsage=clientAuth"
	registry_mock expired 7001 --tls "$ca-expired"
	registry_mock named 7002 --tls "$ca-named"
	registry_mock purpose 7003 --tls "$ca-purpose"
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$(busybox_archive)" docker://127.0.0.1:5002/own/box:1
	registry_skopeo copy -q --dest-tls-verify=false "docker-archive:$(busybox_archive)" docker://127.0.0.1:5000/own/box:1
}
teardown_file() {
	registry_there || return 0
	registry_stop_all
	engine_stop
}
setup() {
	registry_there || skip "docker-registry is not installed"
	registry_client_config
	rm -rf "$CERTS"
	: >"$KIST_BUNDLE"
}
teardown() {
	registry_there || return 0
	nothing_here
}

certs() { # HOST:PORT: the folder with its certificates
	mkdir -p "$CERTS/$1"
	cp "$(registry_ca).crt" "$CERTS/$1/ca.crt"
	echo "$CERTS/$1"
}

reload() { # the new settings
	engine_reload "$REGISTRY_HOME/daemon.json" "$1"
}

@test "a registry whose authority the system does not know is refused, and known through certs.d" {
	for cli in docker kist; do
		fails_with 1 'Get "https://192.0.2.1:5002/v2/": x509: certificate signed by unknown authority' \
			$cli pull 192.0.2.1:5002/own/box:1
	done
	certs 192.0.2.1:5002
	docker pull -q 192.0.2.1:5002/own/box:1
	docker tag 192.0.2.1:5002/own/box:1 192.0.2.1:5002/own/back:1
	docker push -q 192.0.2.1:5002/own/back:1
	[ "$(kist registry tags 192.0.2.1:5002/own/back)" = 1 ]
}

@test "a registry whose authority is among the system's needs nothing else, without a restart" {
	cat "$(registry_ca).crt" >"$KIST_BUNDLE"
	docker pull -q 192.0.2.1:5002/own/box:1
	docker pull -q localhost:5002/own/box:1
	# a folder without an authority of its own adds none, and takes none away
	mkdir -p "$CERTS/192.0.2.1:5002"
	docker rmi -f 192.0.2.1:5002/own/box:1
	kist pull -q 192.0.2.1:5002/own/box:1
}

# with SSL_CERT_FILE and SSL_CERT_DIR: kistd has these in its environment for COMMAND...
with() { # FILE DIR COMMAND...
	local file=$1 dir=$2 status=0
	shift 2
	engine_end
	SSL_CERT_FILE=$file SSL_CERT_DIR=$dir engine_run --config-file "$REGISTRY_HOME/daemon.json" --certs-dir "$CERTS"
	"$@" || status=$?
	engine_end
	engine_run --config-file "$REGISTRY_HOME/daemon.json" --certs-dir "$CERTS"
	return $status
}

@test "SSL_CERT_FILE stands for the system's bundle, SSL_CERT_DIR for its folders, as for dockerd" {
	local ca dirs=$BATS_TEST_TMPDIR unknown
	ca=$(registry_ca).crt
	unknown=(fails_with 1 "x509: certificate signed by unknown authority" docker pull 192.0.2.1:5002/own/box:1)
	mkdir "$dirs/empty" "$dirs/full"
	echo "no certificate" >"$dirs/full/a"
	cp "$ca" "$dirs/full/b"
	# the file, and with it the folders that there are without it
	with "$ca" "" docker pull -q 192.0.2.1:5002/own/box:1
	docker rmi -f 192.0.2.1:5002/own/box:1
	# the folders, one after the other
	with "" "$dirs/none:$dirs/empty:$dirs/full" kist pull -q 192.0.2.1:5002/own/box:1
	docker rmi -f 192.0.2.1:5002/own/box:1
	# what is broken off hides nothing that comes after it, in another file or its own
	mkdir "$dirs/broken"
	head -n 3 "$ca" >"$dirs/broken/a"
	with "" "$dirs/broken:$dirs/full" docker pull -q 192.0.2.1:5002/own/box:1
	docker rmi -f 192.0.2.1:5002/own/box:1
	printf -- '-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n' | cat - "$ca" >"$dirs/broken/a"
	with "$dirs/broken/a" "$dirs/empty" docker pull -q 192.0.2.1:5002/own/box:1
	docker rmi -f 192.0.2.1:5002/own/box:1
	# links that lead elsewhere count, too
	mkdir "$dirs/links"
	ln -s "$ca" "$dirs/links/ca.pem"
	with "$dirs/none" "$dirs/links" docker pull -q 192.0.2.1:5002/own/box:1
	docker rmi -f 192.0.2.1:5002/own/box:1
	# and instead of the system's: the bundle knows the authority, but nobody asks it
	cat "$ca" >"$KIST_BUNDLE"
	with "$dirs/full/a" "$dirs/empty" "${unknown[@]}"
	with "$dirs/none" "$dirs/empty" "${unknown[@]}"
	docker pull -q 192.0.2.1:5002/own/box:1
	docker rmi -f 192.0.2.1:5002/own/box:1
	# without a file the folders are the system's own, and the bundle lies in one of them
	with "$dirs/none" "" docker pull -q 192.0.2.1:5002/own/box:1
	docker rmi -f 192.0.2.1:5002/own/box:1
	with "" "$dirs/empty" docker pull -q 192.0.2.1:5002/own/box:1
}

@test "certificates that have expired, are another's or are for another purpose are refused, each in its own words" {
	for port in 7001 7002 7003; do certs 192.0.2.1:$port >/dev/null; done
	registry_forget expired named purpose
	[ "$(openssl x509 -in "$(registry_ca)-expired.cert" -noout -checkend 0)" = "Certificate will expire" ]
	for cli in docker kist; do
		fails_with 1 "x509: certificate has expired or is not yet valid" $cli pull 192.0.2.1:7001/fine
		fails_with 1 "x509: certificate is not valid for 192.0.2.1" $cli pull 192.0.2.1:7002/fine
		fails_with 1 "x509: " $cli pull 192.0.2.1:7003/fine
	done
	# nobody said a word to them
	[ -z "$(registry_asked expired)$(registry_asked named)$(registry_asked purpose)" ]
}

@test "an authority of certs.d counts for its own registry alone" {
	certs 192.0.2.1:5003 >/dev/null
	fails_with 1 "x509: certificate signed by unknown authority" docker pull 192.0.2.1:5002/own/box:1
}

@test "a registry that asks for a client certificate gets the one of certs.d, if it is whole" {
	dir=$(certs 192.0.2.1:5003)
	fails_with 1 "remote error: tls: bad certificate" docker pull 192.0.2.1:5003/own/box:1
	cp "$(registry_ca)-client.cert" "$dir/client.cert"
	fails_with 1 "missing key client.key for client certificate client.cert" docker pull 192.0.2.1:5003/own/box:1
	cp "$(registry_ca)-server.key" "$dir/client.key"
	fails_with 1 "" docker pull 192.0.2.1:5003/own/box:1
	cp "$(registry_ca)-client.key" "$dir/client.key"
	fails_with 1 "manifest unknown" docker pull 192.0.2.1:5003/own/box:1
	docker load -q -i "$(busybox_archive)"
	docker tag busybox 192.0.2.1:5003/own/box:1
	docker push -q 192.0.2.1:5003/own/box:1
	docker rmi -f "$(docker images -q busybox)"
	kist pull -q 192.0.2.1:5003/own/box:1
	rm "$dir/client.cert"
	fails_with 1 "missing client certificate client.cert for key client.key" docker pull 192.0.2.1:5003/own/box:2
}

@test "a certificate that cannot be read is named" {
	dir=$(certs 192.0.2.1:5002)
	echo "no certificate" >"$dir/ca.crt"
	fails_with 1 "https://192.0.2.1:5002/v2: its CA file holds no certificate in PEM" docker pull 192.0.2.1:5002/own/box:1
	rm "$dir/ca.crt"
	ln -s /nowhere "$dir/ca.crt"
	fails_with 1 "ca.crt" docker pull 192.0.2.1:5002/own/box:1
}

@test "a registry without TLS is refused until it is among the insecure ones, which SIGHUP changes" {
	fails_with 1 "http: server gave HTTP response to HTTPS client" docker pull 192.0.2.1:5000/own/box:1
	reload '{"insecure-registries": ["192.0.2.0/24"]}'
	docker pull -q 192.0.2.1:5000/own/box:1
	docker pull -q 192.0.2.1:5002/own/box:1
	docker info --format '{{json .RegistryConfig.InsecureRegistryCIDRs}}' | grep -q '"192.0.2.0/24"'
	# and what is expired, or another's, does not matter there
	docker pull -q 192.0.2.1:7001/fine
	docker pull -q 192.0.2.1:7002/fine
	reload '{}'
	fails_with 1 "http: server gave HTTP response to HTTPS client" docker pull 192.0.2.1:5000/own/box:2
	fails_with 1 "x509: certificate signed by unknown authority" kist pull 192.0.2.1:5002/own/box:2
}

refused_more_than() { # COUNT of settings
	[ "$(grep -c "settings not reloaded" "$KIST_HOME/kistd.log")" -gt "$1" ]
}

@test "SIGHUP is told as an event of the daemon, with what is in force now, and only if it changed anything" {
	since=$(date +%s.%N)
	reload '{"insecure-registries": ["192.0.2.1:5000"], "max-concurrent-downloads": 2, "debug": true}'
	echo '{"max-concurrent-downloads": 7, "registry-mirrors": ["ftp://x"]}' >"$REGISTRY_HOME/daemon.json"
	before=$(grep -c "settings not reloaded" "$KIST_HOME/kistd.log" || true)
	kill -HUP "$(engine_pid)"
	retry 10 refused_more_than "$before"
	docker events --since "$since" --until "$(date +%s.%N)" --filter type=daemon --format '{{json .}}' >"$BATS_TEST_TMPDIR/events"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/events")" = 1 ]
	[ "$(jq -r '[.Action, .Actor.ID] | @csv' "$BATS_TEST_TMPDIR/events")" = "\"reload\",\"$(docker info --format '{{.ID}}')\"" ]
	[ "$(jq -r '.Actor.Attributes | [.name, .debug, ."max-concurrent-downloads", ."max-concurrent-uploads", ."insecure-registries",
		."registry-mirrors", ."live-restore"] | join(" ")' "$BATS_TEST_TMPDIR/events")" = \
		"$(uname -n) true 2 5 [\"192.0.2.1:5000\"] [] true" ]
	reload '{}'
}

@test "settings that make no sense are logged, and change nothing" {
	reload '{"insecure-registries": ["192.0.2.1:5000"]}'
	for wrong in '{"insecure-registries": ["-x"]}' '{"registry-mirrors": ["ftp://x"]}' '{"max-concurrent-downloads": 0}' '{'; do
		echo "$wrong" >"$REGISTRY_HOME/daemon.json"
		before=$(grep -c "settings not reloaded" "$KIST_HOME/kistd.log" || true)
		kill -HUP "$(engine_pid)"
		for i in $(seq "$(patience 100)"); do
			[ "$(grep -c "settings not reloaded" "$KIST_HOME/kistd.log")" -gt "$before" ] && break
			sleep 0.05
		done
		[ "$(grep -c "settings not reloaded" "$KIST_HOME/kistd.log")" -gt "$before" ]
		docker pull -q 192.0.2.1:5000/own/box:1
		docker rmi -f 192.0.2.1:5000/own/box:1
	done
	reload '{}'
}
