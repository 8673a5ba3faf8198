# Images made on the spot, layer by layer, as docker save's archives.
#
#   tiny_image NAME:TAG|'' [-l KEY=VALUE] [-c CREATED] FOLDER|TAR...   one layer each; loads it
tiny_image() {
	local dir tag=$1 labels= created=2024-01-01T00:00:00Z layer n=0 ids= files=
	shift
	while :; do
		case $1 in
		-l) labels="$labels${labels:+,}\"${2%%=*}\":\"${2#*=}\"" && shift 2 ;;
		-c) created=$2 && shift 2 ;;
		*) break ;;
		esac
	done
	dir=$(mktemp -d "$BATS_TEST_TMPDIR/image.XXXXXX")
	for layer; do
		mkdir "$dir/$n"
		if [ -d "$layer" ]; then
			tar --numeric-owner --sort=name --mtime=@1 -cf "$dir/$n/layer.tar" -C "$layer" .
		else
			cp "$layer" "$dir/$n/layer.tar"
		fi
		ids="$ids${ids:+,}\"sha256:$(sha256sum <"$dir/$n/layer.tar" | cut -d' ' -f1)\""
		files="$files${files:+,}\"$n/layer.tar\""
		n=$((n + 1))
	done
	printf '{"architecture":"%s","os":"linux","created":"%s","config":{"Cmd":["/bin/busybox","sh"],"Labels":{%s}},"rootfs":{"type":"layers","diff_ids":[%s]}}' \
		"$(dpkg --print-architecture)" "$created" "$labels" "$ids" >"$dir/c.json"
	printf '[{"Config":"c.json","RepoTags":[%s],"Layers":[%s]}]' "${tag:+\"$tag\"}" "$files" >"$dir/manifest.json"
	tar -C "$dir" -c . | docker load -q >/dev/null
	sha256sum <"$dir/c.json" | cut -d' ' -f1
}

# layer_with NAME SIZE...: a folder with files of so many bytes, all alike
layer_with() {
	local dir
	dir=$(mktemp -d "$BATS_TEST_TMPDIR/layer.XXXXXX")
	while [ $# -gt 0 ]; do
		mkdir -p "$dir/$(dirname "$1")"
		head -c "$2" /dev/zero | tr '\0' x >"$dir/$1"
		shift 2
	done
	echo "$dir"
}
