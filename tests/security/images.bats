# Published faults of engines that read images, archives and what is copied, staged: each attack is set up and must fail,
# cleanly. docs/security.md lists them, and where those are staged that are not here.
load ../e2e/lib/engine

setup_file() {
	engine_start
	load_busybox
	# a victim on the host, in the place where layers of an image would have to climb to
	export VICTIM=$KIST_HOME/victim
	mkdir -m 0700 "$VICTIM"
	echo "the host's" >"$VICTIM/secret"
	chmod 0600 "$VICTIM/secret"
	HOSTILE="python3 $BATS_TEST_DIRNAME/hostile.py"
	export HOSTILE
	BASE=$(layer_of busybox)
	export BASE
}
teardown_file() {
	[ ! -s "$KIST_HOME/evil.pid" ] || kill "$(cat "$KIST_HOME/evil.pid")" 2>/dev/null || true
	engine_stop
}
setup() {
	W=$BATS_TEST_TMPDIR
	before=$(state_of_victim)
	pid=$(engine_pid)
}
# Whatever the attack was: the victim is as it was, the daemon is the same and answers, and nothing is left half done.
teardown() {
	[ "$(state_of_victim)" = "$before" ]
	kill -0 "$pid"
	[ "$pid" = "$(engine_pid)" ]
	docker version >/dev/null
	[ -z "$(ls -A "$KIST_HOME/data/staging")" ]
	# shellcheck disable=SC2046
	docker rm -f -v $(docker ps -aq) >/dev/null 2>&1 || true
	docker rmi -f evil:1 >/dev/null 2>&1 || true
}

state_of_victim() {
	find "$VICTIM" -printf '%p %m %U:%G %n %C@ %s\n' | sort
	cat "$VICTIM/secret"
}
layer_of() { # IMAGE: its only layer as a file
	docker save "$1" | tar -C "$KIST_HOME" -x --wildcards 'blobs/*'
	echo "$KIST_HOME/blobs/sha256/$(docker image inspect -f '{{index .RootFS.Layers 0}}' "$1" | cut -d: -f2)"
}
# evil ENTRY...: a layer, as the image evil:1 on top of busybox; what load says is in $output
evil() {
	$HOSTILE layer "$@" >"$W/layer"
	$HOSTILE image evil:1 "$BASE" "$W/layer" >"$W/evil.tar"
	run timeout 60 docker load -q -i "$W/evil.tar"
}
# A registry of the attacker's, in the engine's network.
evil_registry() {
	[ -s "$KIST_HOME/evil.pid" ] || {
		mkdir -p "$KIST_HOME/evil/blobs"
		nsenter --net="/run/netns/$KIST_NETNS" -- $HOSTILE serve "$KIST_HOME/evil" 5666 </dev/null >/dev/null 2>&1 3>&- &
		echo $! >"$KIST_HOME/evil.pid"
		local i
		for i in $(seq "$(patience 100)"); do
			in_net curl -sf http://127.0.0.1:5666/v2/ >/dev/null && break
			sleep 0.05
		done
	}
}
put_manifest() { # NAME TYPE: from standard input
	cat >"$KIST_HOME/evil/$1"
	echo "$2" >"$KIST_HOME/evil/$1.type"
}
OCI_MANIFEST=application/vnd.oci.image.manifest.v1+json

# The programs that unpack, and their children that parse.
transfers() {
	local supervisors
	supervisors=$(pgrep -d, -P "$pid" -x kist-transfer) || return 0
	echo "${supervisors//,/ }"
	pgrep -P "$supervisors" -x kist-transfer
}
# peak COMMAND...: runs it; afterwards $peak is the largest resident memory (kB) of the daemon and of each kist-transfer with its children.
peak() {
	local most=0 p kb
	echo 5 >"/proc/$pid/clear_refs"
	"$@" >"$W/said" 2>&1 &
	local job=$!
	while kill -0 $job 2>/dev/null; do
		for p in $pid $(transfers) $(pgrep -P "$pid" -x kist-registry); do
			kb=$(sed -n 's/VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$p/status" 2>/dev/null) || continue
			[ "${kb:-0}" -le "$most" ] || most=$kb
		done
		sleep 0.02
	done
	peak_status=0
	wait $job || peak_status=$?
	peak=$most
	echo "peak $peak kB, status $peak_status: $(tail -c 300 "$W/said")"
}
# The budget, but for a build whose sanitizer takes more than everything else.
within_budget() {
	[ -n "${KIST_ASAN:-}" ] || [ "$peak" -lt 65536 ]
}

# ---- layers ----

@test "CVE-2014-9358, CVE-2014-6407: a layer's names that lead out are refused, or stay inside" {
	evil "f:../../../../../../../../..$VICTIM/secret:pwned"
	[ "$status" != 0 ]
	[[ "$output" == *".."* ]]
	evil "f:$VICTIM/secret:pwned"
	[ "$status" = 0 ]
	[ "$(docker run --rm --network none evil:1 cat "$VICTIM/secret")" = pwned ]
}

@test "CVE-2014-6407: a layer's links lead nowhere outside, whichever kind and order" {
	evil "l:out:$VICTIM" "f:out/secret:pwned" "f:out/new:pwned"
	evil "l:out:../../../../../../../../..$VICTIM" "f:out/secret:pwned"
	evil "l:a:$VICTIM/secret" "f:a:pwned"
	[ "$status" = 0 ]
	[ "$(docker run --rm --network none evil:1 cat /a)" = pwned ]
	evil "h:hard:$VICTIM/secret" "f:hard:pwned"
	[ "$status" != 0 ]
	evil "h:hard:../../../../../../../../..$VICTIM/secret"
	[ "$status" != 0 ]
	evil "l:out:$VICTIM" "h:hard:out/secret"
	[ "$status" != 0 ]
}

@test "CVE-2014-6407: nor do whiteouts remove what is outside" {
	evil "l:out:$VICTIM" "f:out/.wh.secret:"
	evil "f:../../../../../../../../..$VICTIM/.wh.secret:"
	[ "$status" != 0 ]
	evil "f:.wh...:"
	[ "$status" != 0 ]
	evil "l:out:$VICTIM" "f:out/.wh..wh..opq:"
}

@test "CVE-2021-41089, CVE-2021-32760: unpacking changes no mode, owner or time of what is there on the host" {
	evil "l:out:$VICTIM" "d:out:777"
	evil "l:out:$VICTIM" "d:out/:4777"
	evil "l:file:$VICTIM/secret" "h:other:file" "f:other:x"
	evil "l:out:$VICTIM" "d:out/deeper:777"
	# teardown looks at the victim; and in the layer the entry has replaced the link
	evil "l:out:$VICTIM" "d:out:777"
	[ "$status" = 0 ]
	[ "$(docker run --rm --network none evil:1 stat -c '%F %a' /out)" = "directory 777" ]
}

@test "CVE-2014-9356, CVE-2014-9358: documents and layers of an archive are looked up in it, never opened on the host" {
	local name
	for name in "$VICTIM/secret" "../../../../../../../..$VICTIM/secret" /etc/passwd c.json/../../../../etc/passwd; do
		echo "[{\"Config\":\"$name\",\"RepoTags\":[\"evil:1\"],\"Layers\":[]}]" >"$W/manifest.json"
		$HOSTILE raw "manifest.json=$W/manifest.json" >"$W/evil.tar"
		fails_with 1 "" docker load -i "$W/evil.tar"
		echo "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:$(printf %064d 1)\"]}}" >"$W/c.json"
		echo "[{\"Config\":\"c.json\",\"RepoTags\":[\"evil:1\"],\"Layers\":[\"$name\"]}]" >"$W/manifest.json"
		$HOSTILE raw "manifest.json=$W/manifest.json" "c.json=$W/c.json" >"$W/evil.tar"
		fails_with 1 "" docker load -i "$W/evil.tar"
	done
	# a member that is a link to a file of the host
	mkdir "$W/x"
	ln -s "$VICTIM/secret" "$W/x/c.json"
	cp "$W/manifest.json" "$W/x/"
	tar -C "$W/x" -cf "$W/evil.tar" .
	run docker load -i "$W/evil.tar"
	[ "$status" != 0 ]
	[[ "$output" != *"the host's"* ]]
}

@test "CVE-2014-9356: an id is digits, never a path" {
	local id
	for id in '..' '../../etc' 'sha256:../../../etc/passwd' '%2e%2e%2f%2e%2e' 'sha256:..%2f..'; do
		run curl -s -o /dev/null -w '%{http_code}' --path-as-is --unix-socket "$KIST_HOME/kist.sock" "http://x/images/$id/json"
		[[ "$output" == 4* ]]
		run curl -s -o /dev/null -w '%{http_code}' -X DELETE --path-as-is --unix-socket "$KIST_HOME/kist.sock" "http://x/images/$id"
		[[ "$output" == 4* ]]
	done
}

@test "CVE-2014-9357: what decompresses an image has no privileges over the host, and starts no program" {
	mkfifo "$W/pipe"
	head -c 4096 "$BASE" | xz -c >"$W/start.xz"
	docker load -i "$W/pipe" >/dev/null 2>&1 &
	local job=$! i supervisor reader=
	exec 9>"$W/pipe"
	head -c 100 "$W/start.xz" >&9
	for i in $(seq "$(patience 100)"); do
		supervisor=$(pgrep -P "$pid" -x kist-transfer) && reader=$(pgrep -P "$supervisor" -x kist-transfer) &&
			grep -q 'Seccomp_filters:.2' "/proc/$reader/status" && break
		sleep 0.05
	done
	grep -q 'NoNewPrivs:.1' "/proc/$reader/status"
	[ -z "$(pgrep -P "$reader")" ]
	[ -z "$(ls -A "/proc/$reader/root/")" ]
	[ "$(readlink "/proc/$reader/ns/net")" != "$(readlink "/proc/$pid/ns/net")" ]
	[ "$(sed -n 's/CapEff:[^0-9a-f]*//p' "/proc/$reader/status")" = 0000000000000000 ]
	# what starts it has neither CAP_DAC_READ_SEARCH, SYS_PTRACE, NET_ADMIN, SYS_MODULE, nor any other beyond those that unpacking takes
	# and that end and shut in its children
	[ "$(sed -n 's/CapEff:[^0-9a-f]*//p' "/proc/$supervisor/status")" = 000000008824003b ]
	exec 9>&-
	wait $job || true
}

# ---- copies ----

@test "CVE-2018-15664, CVE-2019-10152, CVE-2019-14271: docker cp does not exist yet, and says so" {
	docker create --name c1 busybox >/dev/null
	local method
	for method in GET PUT HEAD; do
		[ "$(curl -s ${method:+-X $method} $([ $method = HEAD ] && echo -I) -o /dev/null -w '%{http_code}' \
			--unix-socket "$KIST_HOME/kist.sock" "http://x/containers/c1/archive?path=/")" = 501 ]
	done
	fails_with 1 "not implemented" docker cp c1:/etc/passwd "$W/"
}

@test "CVE-2019-14271: reading a container's files loads no library and no configuration of the container's" {
	cat >"$W/evil.c" <<-'C'
		#include <fcntl.h>
		#include <unistd.h>
		__attribute__((constructor)) static void run(void) { _exit(99); }
		int gconv_init(void *s) { _exit(99); }
	C
	cc -shared -fPIC -o "$W/evil.so" "$W/evil.c"
	docker create --name c1 busybox >/dev/null
	local upper dir name
	upper=$KIST_HOME/data/containers/$(docker inspect -f '{{.Id}}' c1)/upper
	for dir in lib lib64 usr/lib lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu usr/lib/x86_64-linux-gnu/gconv; do
		mkdir -p "$upper/$dir"
		for name in libnss_files.so.2 libnss_compat.so.2 libnss_evil.so.2 libz.so.1 UTF-16.so UTF-32.so; do
			cp "$W/evil.so" "$upper/$dir/$name"
		done
	done
	mkdir -p "$upper/etc"
	echo "$KIST_HOME/data" >"$upper/etc/ld.so.preload"
	echo 'passwd: evil' >"$upper/etc/nsswitch.conf"
	# a name that has to be converted, a user that is to be looked up
	touch "$upper/$(printf 'na\303\257ve \377')"
	chown 12345:54321 "$upper/etc/nsswitch.conf"
	docker export c1 | tar -t >"$W/names"
	grep -q libnss_evil "$W/names"
	docker diff c1 >/dev/null
	docker commit c1 evil:1 >/dev/null
	docker save evil:1 | tar -t >/dev/null
}

@test "CVE-2022-23648: a VOLUME whose path is a symlink copies nothing of the host's" {
	export CONFIG='{"Volumes": {"/vol": {}, "/deep/vol": {}, "/../../..'$VICTIM'": {}}, "Cmd": ["true"]}'
	evil "l:vol:$VICTIM" "l:deep:../../../../../../../..$KIST_HOME" "f:inside:x"
	[ "$status" = 0 ]
	docker create --name c1 evil:1 >/dev/null
	docker start -a c1 || true
	for volume in $(docker inspect -f '{{range .Mounts}}{{println .Name}}{{end}}' c1); do
		! grep -rq "the host's" "$KIST_HOME/data/volumes/$volume/_data" || false
	done
	[ "$(docker inspect -f '{{len .Mounts}}' c1)" -ge 2 ]
}

@test "CVE-2024-9676: an /etc/passwd that does not end, is a device or a pipe, ends the lookup" {
	local what
	mkdir "$W/x"
	for what in passwd group; do
		evil "l:etc/$what:/dev/zero"
		fails_with_in_time docker run --rm --network none -u nobody:nogroup evil:1 true
		evil "l:etc/$what:/proc/kmsg"
		fails_with_in_time docker run --rm --network none -u nobody:nogroup evil:1 true
		rm -rf "$W/x/etc" && mkdir "$W/x/etc"
		mkfifo "$W/x/etc/$what"
		import_x
		fails_with_in_time docker run --rm --network none -u nobody:nogroup evil:1 true
		rm "$W/x/etc/$what"
		truncate -s 50G "$W/x/etc/$what"
		import_x
		fails_with_in_time docker run --rm --network none -u nobody:nogroup evil:1 true
	done
}
import_x() {
	cp "$(command -v busybox)" "$W/x/true"
	tar -C "$W/x" -S -c . | docker import - evil:1 >/dev/null
}
fails_with_in_time() {
	peak timeout 20 "$@"
	[ "$peak_status" != 124 ]
	[ "$peak_status" != 0 ]
	within_budget
}

# ---- documents ----

@test "CVE-2021-41190: a document that reads as manifest and as index is neither" {
	evil_registry
	local digest both
	digest=sha256:$(printf '{}' | sha256sum | cut -c1-64)
	both="{\"schemaVersion\":2,\"mediaType\":\"$OCI_MANIFEST\",\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",
		\"digest\":\"$digest\",\"size\":2},\"layers\":[],\"manifests\":[]}"
	echo "$both" | put_manifest both "$OCI_MANIFEST"
	fails_with 1 "manifests" docker pull 127.0.0.1:5666/both:1
	echo "$both" | put_manifest both application/vnd.oci.image.index.v1+json
	fails_with 1 "" docker pull 127.0.0.1:5666/both:1
	echo "$both" >"$W/index.json"
	$HOSTILE raw "index.json=$W/index.json" >"$W/evil.tar"
	fails_with 1 "index has fields of a manifest" docker load -i "$W/evil.tar"
}

@test "CVE-2021-21285: malformed manifests are refused, and the daemon lives on" {
	evil_registry
	local doc n=0
	while read -r doc; do
		n=$((n + 1))
		echo "$doc" | put_manifest bad "$OCI_MANIFEST"
		fails_with 1 "" timeout 20 docker pull -q 127.0.0.1:5666/bad:1
		echo "$doc" | put_manifest bad application/vnd.docker.distribution.manifest.list.v2+json
		fails_with 1 "" timeout 20 docker pull -q 127.0.0.1:5666/bad:1
		echo "$doc" >"$W/doc"
		for name in manifest.json index.json; do
			$HOSTILE raw "$name=$W/doc" >"$W/evil.tar"
			fails_with 1 "" timeout 20 docker load -q -i "$W/evil.tar"
		done
	done <<-'E'
		null
		[]
		{}
		[null]
		[[]]
		"text"
		1e999
		{"schemaVersion":2}
		{"schemaVersion":"2","config":{},"layers":[]}
		{"schemaVersion":1,"name":"x","tag":"1","fsLayers":[{"blobSum":"x"}],"history":[{"v1Compatibility":"{"}]}
		{"schemaVersion":2,"config":null,"layers":null,"manifests":null}
		{"schemaVersion":2,"config":{"digest":"sha256:","size":-1},"layers":[]}
		{"schemaVersion":2,"config":{"digest":"","size":1},"layers":[{}]}
		{"schemaVersion":2,"config":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":9223372036854775807},"layers":[]}
		{"schemaVersion":2,"config":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":99999999999999999999},"layers":[]}
		{"schemaVersion":2,"config":{"digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":0},"layers":[null,1,"x"]}
		{"schemaVersion":2,"config":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[{"digest":"sha256:E3","size":0}]}
		{"schemaVersion":2,"manifests":[{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0,"platform":7}]}
		[{"Config":7,"Layers":7,"RepoTags":7}]
		[{"Config":"","Layers":[""],"RepoTags":[""]}]
	E
	[ "$n" = 20 ]
	head -c 3000000 /dev/zero | tr '\0' '[' | put_manifest bad "$OCI_MANIFEST"
	fails_with 1 "" timeout 20 docker pull -q 127.0.0.1:5666/bad:1
}

@test "CVE-2023-25153: huge documents in an archive are not read whole" {
	# a gigabyte of blanks in a megabyte; what libarchive reads of a pax header, too
	head -c 1G /dev/zero | tr '\0' ' ' >"$W/index.json"
	truncate -s -1 "$W/index.json"
	for name in index.json manifest.json oci-layout c.json; do
		$HOSTILE raw "$name=$W/index.json" | zstd -q -1 >"$W/evil.tar.zst"
		peak docker load -i "$W/evil.tar.zst"
		[ "$peak_status" = 1 ]
		within_budget
	done
}

@test "CVE-2023-25153: small documents do not become large in memory" {
	# four MiB each: of empty arrays, of names, of short strings in a list
	python3 -c 'print("[" + ",".join(["[]"] * 1390000) + "]")' >"$W/a"
	python3 -c 'print("[{\"Config\":\"c.json\",\"Layers\":[],\"RepoTags\":[" + ",".join("\"a:%d\"" % i for i in range(300000)) + "]}]")' >"$W/b"
	python3 -c 'print("{\"config\":{\"Env\":[" + ",".join(["\"A=\""] * 800000) + "]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}")' >"$W/c"
	python3 -c 'print("[" + ",".join(["{\"Config\":\"c.json\",\"Layers\":[]}"] * 30000) + "]")' >"$W/d"
	echo '{"rootfs":{"type":"layers","diff_ids":[]}}' >"$W/c.json"
	echo '[{"Config":"c.json","Layers":[]}]' >"$W/m.json"
	for members in "manifest.json=$W/a" "index.json=$W/a" "manifest.json=$W/b c.json=$W/c.json" \
		"manifest.json=$W/m.json c.json=$W/c" "manifest.json=$W/d c.json=$W/c.json"; do
		# shellcheck disable=SC2086
		$HOSTILE raw $members >"$W/evil.tar"
		peak timeout 20 docker load -i "$W/evil.tar"
		[ "$peak_status" != 124 ]
		within_budget
	done
}

@test "a manifest of more than 4 MiB is refused, from a registry and in an archive" {
	evil_registry
	python3 -c 'print("{\"schemaVersion\":2,\"annotations\":{\"a\":\"" + "x" * 5000000 + "\"}}")' >"$W/index.json"
	put_manifest large "$OCI_MANIFEST" <"$W/index.json"
	peak docker pull 127.0.0.1:5666/large:1
	[ "$peak_status" = 1 ]
	within_budget
	grep -q "more than 4194304" "$W/said"
	$HOSTILE raw "index.json=$W/index.json" >"$W/evil.tar"
	fails_with 1 "larger than 4 MiB" docker load -i "$W/evil.tar"
}

@test "ten thousand layers are refused, from a registry and in an archive" {
	evil_registry
	$HOSTILE layer f:a:b >"$W/layer"
	diff_id=sha256:$(sha256sum <"$W/layer" | cut -c1-64)
	python3 - "$diff_id" "$(stat -c %s "$W/layer")" "$KIST_HOME/evil" <<-'P'
		import hashlib, json, os, sys
		diff_id, size, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
		config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id] * 10000}}).encode()
		digest = "sha256:" + hashlib.sha256(config).hexdigest()
		open(os.path.join(out, "blobs", digest), "wb").write(config)
		json.dump({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
			"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)},
			"layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": diff_id, "size": size}] * 10000},
			open(os.path.join(out, "deep"), "w"))
	P
	echo "$OCI_MANIFEST" >"$KIST_HOME/evil/deep.type"
	cp "$W/layer" "$KIST_HOME/evil/blobs/$diff_id"
	peak docker pull 127.0.0.1:5666/deep:1
	[ "$peak_status" = 1 ]
	within_budget
	grep -q "layers" "$W/said"
	python3 -c 'import json; print(json.dumps([{"Config": "c.json", "RepoTags": ["evil:1"], "Layers": ["l.tar"] * 10000}]))' >"$W/manifest.json"
	python3 -c 'import json; print(json.dumps({"rootfs": {"type": "layers", "diff_ids": ["'"$diff_id"'"] * 10000}}))' >"$W/c.json"
	$HOSTILE raw "l.tar=$W/layer" "c.json=$W/c.json" "manifest.json=$W/manifest.json" >"$W/evil.tar"
	peak docker load -i "$W/evil.tar"
	[ "$peak_status" = 1 ]
	within_budget
	grep -q "10000 layers, at most 127" "$W/said"
}

# ---- bombs ----

@test "a layer out of proportion is stopped, and leaves nothing" {
	local used
	used=$(du -s "$KIST_HOME/data" | cut -f1)
	# of nothing but zeroes, which is an empty tar with much behind it, and of a file of zeroes
	head -c 3G /dev/zero | zstd -q -1 >"$W/1.zst"
	truncate -s 3G "$W/zeroes"
	tar -C "$W" -c zeroes | zstd -q -1 >"$W/2.zst"
	for bomb in 1 2; do
		peak sh -c "docker import - evil:1 <'$W/$bomb.zst'"
		[ "$peak_status" = 1 ]
		within_budget
		grep -q "decompression bomb" "$W/said"
	done
	[ $(($(du -s "$KIST_HOME/data" | cut -f1) - used)) -lt 10000 ]
}

@test "names of 64 KiB are refused by their length" {
	$HOSTILE long 65536 >"$W/layer"
	$HOSTILE image evil:1 "$BASE" "$W/layer" >"$W/evil.tar"
	peak docker load -i "$W/evil.tar"
	[ "$peak_status" = 1 ]
	within_budget
	grep -qi "too long\|longer" "$W/said"
	# of a path it is each part that counts
	evil "f:$(printf 'd%.0s' $(seq 300))/x:y"
	[ "$status" != 0 ]
}

@test "a folder with very many entries costs time by their number, and no memory" {
	# KIST_ENTRIES=1000000 for the full measure
	local n=${KIST_ENTRIES:-30000}
	$HOSTILE many "$n" >"$W/layer"
	$HOSTILE image evil:1 "$BASE" "$W/layer" >"$W/evil.tar"
	rm "$W/layer"
	peak docker load -q -i "$W/evil.tar"
	[ "$peak_status" = 0 ]
	within_budget
	rm "$W/evil.tar"
	peak sh -c "kist image files evil:1 | grep -c many/n | grep -qx $n"
	[ "$peak_status" = 0 ]
	within_budget
	peak sh -c "docker save evil:1 >/dev/null"
	[ "$peak_status" = 0 ]
	within_budget
	docker create --name c1 --network none -v /many evil:1 true >/dev/null
	peak docker start c1
	[ "$peak_status" = 0 ]
	within_budget
	peak sh -c "docker export c1 >/dev/null"
	[ "$peak_status" = 0 ]
	within_budget
	peak docker system df -v
	[ "$peak_status" = 0 ]
	within_budget
	docker rm -f -v c1 >/dev/null
	peak docker rmi -f evil:1
	[ "$peak_status" = 0 ]
	within_budget
}

# ---- on disk ----

@test "CVE-2021-41091, CVE-2021-41103, CVE-2024-25621: other users enter none of the engine's folders" {
	docker run -d --name c1 --network none -v vol:/vol busybox sh -c 'cp /bin/busybox /vol/su; chmod 4755 /vol/su; touch /own; chmod 4755 /own; sleep 100' >/dev/null
	local i dir
	for i in $(seq "$(patience 100)"); do docker exec c1 test -u /own && break; sleep 0.05; done
	# on the way to layers, containers, volumes, sockets: a folder that is closed to others, whatever the daemon's umask was
	[ "$(stat -c %a "$KIST_HOME/data")" = 710 ]
	for dir in layers content recipes staging ingest; do
		[ "$(stat -c %a "$KIST_HOME/data/$dir")" = 700 ]
	done
	for dir in containers volumes; do
		[[ "$(stat -c %a "$KIST_HOME/data/$dir")" == 7[01][01] ]]
	done
	[[ "$(stat -c %a "$KIST_HOME/exec")" == 7[01][01] ]]
	[[ "$(stat -c %a "$KIST_HOME/exec/containers")" == 700 ]]
	[[ "$(stat -c %a "$KIST_HOME/data/kist.db")" == 600 ]]
	chmod 755 "$KIST_HOME"
	run setpriv --reuid 65534 --regid 65534 --clear-groups find "$KIST_HOME/data" "$KIST_HOME/exec" -mindepth 1
	[[ "$output" == *"Permission denied"* ]]
	[ -z "$(setpriv --reuid 65534 --regid 65534 --clear-groups find "$KIST_HOME/data" "$KIST_HOME/exec" -mindepth 1 2>/dev/null)" ]
	upper=$KIST_HOME/data/containers/$(docker inspect -f '{{.Id}}' c1)/upper
	run setpriv --reuid 65534 --regid 65534 --clear-groups stat "$upper/own"
	[ "$status" != 0 ]
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$KIST_HOME/data/volumes/vol/_data/su" true
	[ "$status" != 0 ]
}
