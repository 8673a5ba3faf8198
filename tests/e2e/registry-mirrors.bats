# Mirrors through kistd: registry-mirrors for Docker Hub, hosts.toml for any registry; mirrors that lack an image, lie about it
# or are down. Docker Hub is played by a registry that always behaves (lib/image_mock.py --good), behind a real certificate.
load lib/engine
load lib/registry

setup_file() {
	registry_home
	KIST_HOSTS=$REGISTRY_HOME/hosts
	KIST_BUNDLE=$REGISTRY_HOME/bundle
	export KIST_HOSTS KIST_BUNDLE CERTS=$REGISTRY_HOME/certs
	printf '127.0.0.1 localhost registry-1.docker.io\n' >"$KIST_HOSTS"
	registry_sign "$(registry_ca)" hub "/CN=hub" "subjectAltName=DNS:registry-1.docker.io,DNS:localhost,IP:127.0.0.1"
	cp "$(registry_ca).crt" "$KIST_BUNDLE"
	echo '{"registry-mirrors": ["http://127.0.0.1:7001"]}' >"$REGISTRY_HOME/daemon.json"
	engine_start --config-file "$REGISTRY_HOME/daemon.json" --certs-dir "$CERTS" --registry-timeout "$(patience 4)" --max-download-attempts 2
	registry_mock mirror 7001
	registry_mock hub 443 --tls "$(registry_ca)-hub" --good
	registry_mock home 7000 --good
}
teardown_file() {
	registry_stop_all
	engine_stop
}
setup() {
	registry_client_config
	rm -rf "$CERTS"
	registry_forget mirror hub home
}
teardown() {
	nothing_here
	docker image prune -f >/dev/null
	[ -z "$(ls "$KIST_HOME/data/ingest")" ]
}

reload() { # the new settings
	engine_reload "$REGISTRY_HOME/daemon.json" "$1"
}

hosts_toml() { # HOST: the text comes in
	mkdir -p "$CERTS/$1"
	cat >"$CERTS/$1/hosts.toml"
}

@test "a mirror of Docker Hub is asked instead of it" {
	[ "$(docker info --format '{{json .RegistryConfig.Mirrors}}')" = '["http://127.0.0.1:7001/"]' ]
	for cli in docker kist; do
		$cli pull -q box
		registry_asked mirror | grep -q '"path": "/v2/library/box/manifests/latest"'
		[ -z "$(registry_asked hub)" ]
		docker rmi -f box
	done
	# other registries are none of its business
	registry_forget mirror
	docker pull -q 127.0.0.1:7000/fine
	[ -z "$(registry_asked mirror)" ]
}

@test "what a mirror lacks, or cannot say, comes from Docker Hub" {
	for how in manifest-gone manifest-error manifest-html manifest-nonsense manifest-silent manifest-circle config-gone config-html \
		layer-gone layer-error layer-html layer-short layer-mute layer-circle; do
		registry_forget mirror hub
		timeout "$(patience 20)" docker pull -q "$how/x" || { echo "$how"; false; }
		[ -n "$(registry_asked mirror)" ] || { echo "$how: the mirror was not asked"; false; }
		[ -n "$(registry_asked hub)" ] || { echo "$how: Docker Hub was not asked"; false; }
		docker rmi -f "$how/x" >/dev/null
	done
}

@test "a mirror that refuses HEAD is asked by GET, and Docker Hub by nobody" {
	docker pull -q nohead-405/x
	registry_forget mirror hub
	run docker pull nohead-405/x
	[ "$status" = 0 ]
	[[ "$output" == *"Image is up to date"* ]]
	[ "$(registry_asked mirror | jq -r .method | tr '\n' ' ')" = "HEAD GET " ]
	[ -z "$(registry_asked hub)" ]
	docker rmi nohead-405/x
	# one that lacks it is asked for nothing else, and Docker Hub needs no more than HEAD
	docker pull -q manifest-gone/x
	registry_forget mirror hub
	docker pull -q manifest-gone/x
	[ "$(registry_asked mirror | jq -r .method | tr '\n' ' ')" = "HEAD GET " ]
	[ "$(registry_asked hub | jq -r .method | tr '\n' ' ')" = "HEAD " ]
	docker rmi manifest-gone/x
}

@test "a mirror is asked by HEAD again after a pause, whatever the registry made of it" {
	registry_mock busy 7002
	hosts_toml 127.0.0.1:7002 <<-'END'
		server = "http://127.0.0.1:7002"
		[host."http://127.0.0.1:7001/v2/manifest.gone"]
		  override_path = true
	END
	docker pull -q 127.0.0.1:7000/fine
	docker tag 127.0.0.1:7000/fine 127.0.0.1:7002/manifest.error/2/x
	registry_forget mirror
	docker pull -q 127.0.0.1:7002/manifest.error/2/x
	# the last GET of each is the pull's own
	[ "$(latest busy)" = "HEAD 500 GET 500 HEAD 200 GET 200 " ]
	[ "$(latest mirror)" = "HEAD 404 GET 404 HEAD 404 GET 404 GET 404 " ]
	registry_stop busy
}
latest() { # MOCK: how it was asked for a tag, and what it said
	registry_asked "$1" | jq -r 'select(.path | endswith("/manifests/latest")) | "\(.method) \(.status)"' | tr '\n' ' '
}

@test "what a mirror makes up is found out, and comes from Docker Hub" {
	for how in manifest-wrongdigest config-other layer-other; do
		registry_forget mirror hub
		timeout "$(patience 20)" docker pull -q "$how/x" || { echo "$how"; false; }
		[ -n "$(registry_asked hub)" ] || { echo "$how: Docker Hub was not asked"; false; }
		docker rmi -f "$how/x" >/dev/null
	done
	digest=$(in_net curl -sk https://127.0.0.1/v2/manifest-other/x/manifests/latest | sha256sum | cut -d' ' -f1)
	kist pull -q "manifest-other/x@sha256:$digest"
}

@test "a mirror that is down is passed by, and the next one asked" {
	reload '{"registry-mirrors": ["http://127.0.0.1:1", "http://127.0.0.1:7001"]}'
	docker pull -q box
	[ -n "$(registry_asked mirror)" ]
	[ -z "$(registry_asked hub)" ]
	docker rmi -f box
	reload '{"registry-mirrors": ["https://127.0.0.1:1"]}'
	docker pull -q box
	[ -n "$(registry_asked hub)" ]
	docker rmi -f box
	reload '{}'
	registry_forget mirror
	docker pull -q box
	[ -z "$(registry_asked mirror)" ]
	reload '{"registry-mirrors": ["http://127.0.0.1:7001"]}'
}

@test "what neither mirror nor registry has is said in the registry's words" {
	fails_with 1 "manifest for box:none not found: manifest unknown" docker pull box:none
	[ -n "$(registry_asked mirror)" ]
	[ -n "$(registry_asked hub)" ]
}

@test "hosts.toml gives any registry mirrors, in their order, and the registry itself at the end" {
	hosts_toml 127.0.0.1:7000 <<-'END'
		[host."http://127.0.0.1:1"]
		[host."http://127.0.0.1:7001"]
		capabilities = ["pull", "resolve"]
	END
	docker pull -q 127.0.0.1:7000/fine
	[ -n "$(registry_asked mirror)" ]
	[ -z "$(registry_asked home)" ]
	docker rmi -f 127.0.0.1:7000/fine
	kist pull -q 127.0.0.1:7000/layer.other
	[ -n "$(registry_asked home)" ]
	docker tag 127.0.0.1:7000/layer.other 127.0.0.1:7000/pushed
	registry_forget mirror
	docker push -q 127.0.0.1:7000/pushed
	[ -z "$(registry_asked mirror)" ]
}

@test "hosts.toml of Docker Hub, and that of all others, stand in for registry-mirrors" {
	hosts_toml docker.io <<-'END'
		server = "https://registry-1.docker.io"
		[host."http://127.0.0.1:7000"]
	END
	docker pull -q box
	[ -n "$(registry_asked home)" ]
	[ -z "$(registry_asked mirror)$(registry_asked hub)" ]
	docker rmi -f box
	rm -rf "$CERTS"
	registry_forget home
	hosts_toml _default <<-'END'
		[host."http://127.0.0.1:7000"]
	END
	docker pull -q box
	docker pull -q nowhere.example/fine
	[ "$(registry_asked home | grep -c /manifests/latest)" = 2 ]
}

@test "a hosts.toml that cannot be read is named with its line" {
	hosts_toml 127.0.0.1:7000 <<<'server = [what'
	for cli in docker kist; do
		fails_with 1 "127.0.0.1:7000/hosts.toml" $cli pull 127.0.0.1:7000/fine
	done
	hosts_toml 127.0.0.1:7000 <<<'[host."http://127.0.0.1:7001"]
	colour = "blue"'
	fails_with 1 "colour is not known here" docker pull 127.0.0.1:7000/fine
}
