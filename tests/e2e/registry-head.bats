# Registries, and proxies before them, that refuse HEAD while GET works (lib/image_mock.py, nohead): pulls of what is here
# already, pushes, referrers.
load lib/engine
load lib/registry

setup_file() {
	engine_start --registry-timeout "$(patience 5)" --max-download-attempts 2
	registry_mock odd 7000
	load_busybox
}
teardown_file() {
	registry_stop_all
	engine_stop
}
setup() {
	registry_client_config
	registry_forget odd
}
teardown() {
	docker rmi -f $(docker images --format '{{.Repository}}:{{.Tag}}' | grep 7000/) >/dev/null 2>&1 || true
}

requests() { # of manifests or blobs: "METHOD STATUS METHOD STATUS ..."
	registry_asked odd | jq -r "select(.path | test(\"/$1/(latest|sha256)\")) | \"\(.method) \(.status)\"" | tr '\n' ' '
}

@test "a manifest's HEAD that is refused, or names no digest, is followed by GET" {
	local how cli
	for how in 405 400 501 403 404 500 503 429 401 nodigest; do
		for cli in docker kist; do
			$cli pull -q "127.0.0.1:7000/nohead.$how/x"
			registry_forget odd
			run $cli pull "127.0.0.1:7000/nohead.$how/x"
			echo "$how: $output"
			[ "$status" = 0 ]
			[[ "$output" == *"Status: Image is up to date for 127.0.0.1:7000/nohead.$how/x:latest"* ]]
			[ "$(requests manifests)" = "HEAD ${how/nodigest/200} GET 200 " ]
		done
	done
}

@test "where HEAD works, one request says that an image is up to date" {
	docker pull -q 127.0.0.1:7000/fine/x
	registry_forget odd
	docker pull -q 127.0.0.1:7000/fine/x
	[ "$(requests manifests)" = "HEAD 200 " ]
	[ -z "$(requests blobs)" ]
}

@test "an image of another digest is pulled anew after GET said so" {
	docker tag "$(docker pull -q 127.0.0.1:7000/fine/x)" 127.0.0.1:7000/nohead.405/x
	run docker pull 127.0.0.1:7000/nohead.405/x
	[ "$status" = 0 ]
	[[ "$output" == *"Status: Downloaded newer image for 127.0.0.1:7000/nohead.405/x:latest"* ]]
}

@test "where GET fails, too, the message is that of a first pull" {
	local how cli first
	docker pull -q 127.0.0.1:7000/fine/x
	for how in manifest.gone manifest.denied manifest.error manifest.html manifest.wrongdigest; do
		for cli in docker kist; do
			run timeout "$(patience 20)" $cli pull "127.0.0.1:7000/$how/nohead/x"
			[ "$status" = 1 ]
			first=$output
			docker tag 127.0.0.1:7000/fine/x "127.0.0.1:7000/$how/nohead/x"
			run timeout "$(patience 20)" $cli pull "127.0.0.1:7000/$how/nohead/x"
			echo "$how: $output; at first: $first"
			[ "$status" = 1 ]
			[ "$output" = "$first" ]
			docker rmi "127.0.0.1:7000/$how/nohead/x"
		done
	done
}

@test "referrers of a tag are found without HEAD" {
	run kist registry referrers 127.0.0.1:7000/nohead.405/x:latest
	[ "$status" = 0 ]
	[ "$(requests manifests)" = "HEAD 405 GET 200 GET 404 " ]
}

@test "a blob whose HEAD is refused is uploaded" {
	local how cli
	for how in 405 403 500 400 501; do
		for cli in docker kist; do
			registry_forget odd
			docker tag busybox "127.0.0.1:7000/nohead.$how/p:1"
			run timeout "$(patience 20)" $cli push "127.0.0.1:7000/nohead.$how/p:1"
			echo "$how: $output"
			[ "$status" = 0 ]
			[[ "$output" == *": Pushed"* ]]
			registry_asked odd | grep -q '"method": "PUT", "path": "/v2/nohead.'$how'/p/manifests/1", "status": 201'
			[[ "$(requests blobs)" == *"HEAD $how "* ]]
		done
	done
}

@test "a blob's HEAD that asks who we are ends a push" {
	docker tag busybox 127.0.0.1:7000/nohead.401/p:1
	fails_with 1 "unauthorized: authentication required" docker push 127.0.0.1:7000/nohead.401/p:1
	fails_with 1 "unauthorized: authentication required" kist push 127.0.0.1:7000/nohead.401/p:1
	! registry_asked odd | grep '"method": "PUT"' || false
}
