# What tests of archives share, beside lib/engine: other people's engines and OCI layouts, below $W, a folder that the file
# makes in setup_file.

# A real dockerd, once per file: its client is `peer`.
peer() {
	DOCKER_HOST=unix://$W/docker.sock docker "$@"
}
peer_start() {
	command -v dockerd >/dev/null || skip "dockerd is not installed"
	[ ! -S "$W/docker.sock" ] || return 0
	nsenter --net="/run/netns/$KIST_NETNS" -- dockerd --data-root "$W/docker" --exec-root "$W/docker-run" \
		--host "unix://$W/docker.sock" --pidfile "$W/dockerd.pid" --bridge none --iptables=false \
		>"$W/dockerd.log" 2>&1 </dev/null 3>&- &
	local i
	for i in $(seq $((200 * ${KIST_SLOW:-1}))); do
		peer version >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	tail "$W/dockerd.log" >&2
	return 1
}
peer_stop() {
	[ -s "$W/dockerd.pid" ] || return 0
	kill "$(cat "$W/dockerd.pid")"
	wait_gone "$(cat "$W/dockerd.pid")"
	umount -l "$W"/docker*/* 2>/dev/null || true
}
need() {
	command -v "$1" >/dev/null || skip "$1 is not installed"
}
layers_of() { # CLIENT IMAGE
	"$1" image inspect -f '{{.Id}} {{.RootFS.Layers}}' "$2"
}
blob() { # ARCHIVE DIGEST
	tar -xOf "$1" "blobs/${2/://}"
}

# An OCI layout in folder $1, of the image two:v1 with gzip layers.
layout() {
	need skopeo
	rm -rf "$1"
	kist save two:v1 >"$W/source.tar"
	skopeo copy -q --insecure-policy "docker-archive:$W/source.tar" "oci:$1:v1"
}
manifest_of() { # ARCHIVE: the first descriptor's digest
	tar -xOf "$1" index.json | jq -r '.manifests[0].digest'
}
# put_blob LAYOUT: standard input as a blob; prints its digest
put_blob() {
	local digest
	cat >"$1/new"
	digest=$(sha256sum <"$1/new" | cut -c1-64)
	mv "$1/new" "$1/blobs/sha256/$digest"
	echo "sha256:$digest"
}
