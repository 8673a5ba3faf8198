# The registry client (registry/registry.h through registry-try) against docker-registry, and against a registry that
# misbehaves (lib/registry_mock.py). No engine: it is about what goes over the wire.
load lib/registry

KIST_TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
KIST_BUILD=${KIST_BUILD:-$KIST_TOP/build}
TRY=("$KIST_BUILD/tests/unit/registry/registry-try" --program "$KIST_BUILD/bin/kist-registry")

# A network namespace of our own: 192.0.2.1 is what no engine takes for an insecure registry by itself.
setup_file() {
	export KIST_NETNS=kist-reg-$$-$RANDOM
	ip netns add "$KIST_NETNS"
	ip -n "$KIST_NETNS" link set lo up
	ip -n "$KIST_NETNS" addr add 192.0.2.1/24 dev lo
	registry_home
	mock_start 7000 --other http://127.0.0.1:7001
	mock_start 7001 --other http://127.0.0.1:7000
	mock_start 7002 --other https://127.0.0.1:7002 --tls "$(registry_ca)-server"
	if registry_there; then
		registry_start plain 5000
		registry_start closed 5001 htpasswd
		registry_start safe 5002 tls
		registry_start mutual 5003 tls mtls
		registry_start hub 5004 token
		registry_start open 5005 tls token token-anonymous=
	fi
}

teardown_file() {
	local pid
	for pid in "$REGISTRY_HOME"/mock-*.pid; do
		registry_end "$pid"
	done
	registry_stop_all
	ip netns del "$KIST_NETNS"
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	BLOB=$(sed -n 1p "$REGISTRY_HOME/mock-7000.log.digests")
	MANIFEST=$(sed -n 2p "$REGISTRY_HOME/mock-7000.log.digests")
	SIZE=1048576
	rm -f "$REGISTRY_HOME"/mock-*.log
}

mock_start() { # PORT [flags]
	local port=$1 log=$REGISTRY_HOME/mock-$1 scheme=http
	case " $* " in *" --tls "*) scheme=https ;; esac
	registry_net
	"${NET[@]}" python3 "$REGISTRY_LIB/registry_mock.py" --port "$port" --log "$log.log" "${@:2}" \
		>>"$log.out" 2>&1 </dev/null 3>&- &
	echo $! >"$log.pid"
	registry_wait $! $scheme://127.0.0.1:"$port"/v2/ "$log.out"
}

# What the mock at a port was asked: its log, one request a line.
asked() {
	cat "$REGISTRY_HOME/mock-$1.log" 2>/dev/null
}

# For the tests that mean to run into these limits; any other would, too, where the machine stands still for as long.
impatient=(--stall $((1500 * ${KIST_SLOW:-1})) --answer $((2000 * ${KIST_SLOW:-1})))

# $output has both streams, $status.
try() {
	registry_net
	run timeout 60 "${NET[@]}" "${TRY[@]}" --quiet --attempts 4 --pause 50 \
		--stall $((5000 * ${KIST_SLOW:-1})) --answer $((5000 * ${KIST_SLOW:-1})) --connect $((5000 * ${KIST_SLOW:-1})) "$@"
	echo "$output" # shown when the test fails
}

needs_registry() {
	registry_there || skip "docker-registry is not installed"
}

as_user=(--user "$REGISTRY_USER" --password "$REGISTRY_PASSWORD")

fetched() { # FILE: it is the mock's blob
	[ "sha256:$(sha256sum "$1" | cut -d' ' -f1)" = "$BLOB" ]
}

# ---- downloads

@test "a blob arrives whole" {
	try 127.0.0.1:7000/fine download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	fetched f
}

@test "a partial file is gone on with where it ends" {
	try 127.0.0.1:7000/cut download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	truncate -s 400000 f
	rm -f "$REGISTRY_HOME"/mock-7000.log
	try 127.0.0.1:7000/fine download "$BLOB" $SIZE f
	fetched f
	asked 7000 | grep -q '"range": "bytes=400000-"'
}

@test "a registry that ignores Range costs bytes, but nothing is written twice" {
	try 127.0.0.1:7000/norange download "$BLOB" $SIZE f
	truncate -s 400001 f
	try 127.0.0.1:7000/norange download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	fetched f
}

@test "a Content-Range that begins elsewhere is refused" {
	head -c 1000 /dev/zero >f
	try 127.0.0.1:7000/wrongrange download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[[ "$output" == *"Content-Range begins beyond"* ]]
	[ "$(stat -c %s f)" = 1000 ]
}

@test "lost connections are made again, each going on where the last one ended" {
	try 127.0.0.1:7000/cut download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	fetched f
	[ "$(asked 7000 | grep -c '"range": "bytes=300000-"')" = 1 ]
	[ "$(asked 7000 | grep -c '"range": "bytes=600000-"')" = 1 ]
	[ "$(asked 7000 | grep -c '"range": "bytes=900000-"')" = 1 ]
	[[ "$output" == *"retrying at 300000, attempt 2: unexpected EOF"* || "$output" == *"retrying at 300000, attempt 2: Get"*"unexpected EOF"* ]]
}

@test "a registry that answers nothing is asked four times, not for ever" {
	try 127.0.0.1:7000/mute download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[ "$(asked 7000 | wc -l)" = 4 ]
	[[ "$output" == *"unavailable: Get \"http://127.0.0.1:7000/v2/mute/blobs/$BLOB\": EOF"* ]]
}

@test "each pause before another attempt is twice as long as the one before it" {
	# a quarter more or less; what the machine adds is not counted
	try --pause 200 127.0.0.1:7000/mute download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	asked 7000 | jq -s 'map(.at) as $t | [range(1; 4) | $t[.] - $t[. - 1]]' >waited
	jq -e '.[0] >= 0.14 and .[1] >= 0.29 and .[2] >= 0.59' waited
}

@test "a stalled download is begun again, and goes on" {
	try "${impatient[@]}" 127.0.0.1:7000/stall/1 download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	fetched f
	[[ "$output" == *"the transfer has stalled"* ]]
	asked 7000 | grep -q '"range": "bytes=5000-"'
}

@test "a registry that drips ends in an error within the limits" {
	try "${impatient[@]}" 127.0.0.1:7000/drip download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[[ "$output" == *"the transfer has stalled"* ]]
}

@test "lengths that are not the manifest's are refused by name" {
	try 127.0.0.1:7000/short download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[[ "$output" == *"blob $BLOB: the registry sends 1047576 bytes, the manifest says 1048576"* ]]
	[ ! -s f ]
	try 127.0.0.1:7000/long download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[[ "$output" == *"sends more bytes than the manifest says"* ]]
	[ "$(stat -c %s f)" -le $SIZE ]
}

@test "a busy registry is asked again" {
	try 127.0.0.1:7000/busy/2 download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	fetched f
	[[ "$output" == *"come back later"* ]]
}

@test "Retry-After is waited for" {
	local start=$SECONDS
	try 127.0.0.1:7000/limited/1 download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	[ $((SECONDS - start)) -ge 1 ]
	[[ "$output" == *"toomanyrequests: you have reached your pull rate limit"* ]]
}

@test "circles of redirects end" {
	try 127.0.0.1:7000/circle download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[[ "$output" == *"stopped after 10 redirects"* ]]
	try 127.0.0.1:7000/circle manifest latest
	[[ "$output" == *"stopped after 10 redirects"* ]]
}

@test "redirects lead neither to files nor from https to http" {
	try 127.0.0.1:7000/file download "$BLOB" $SIZE f
	[[ "$output" == *"redirects to what is no HTTP URL"* ]]
	try 127.0.0.1:7000/file manifest latest
	[[ "$output" == *"redirects to what is no HTTP URL"* ]]
	try --insecure 127.0.0.1:7002 127.0.0.1:7002/downgrade download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[[ "$output" == *"from https to http"*": refused"* ]]
}

@test "a foreign layer comes from its URL if the registry does not have it" {
	try 127.0.0.1:7000/gone download "$BLOB" $SIZE f http://127.0.0.1:1/nowhere http://127.0.0.1:7001/blob
	[ "$status" = 0 ]
	fetched f
	asked 7001 | grep -q '"path": "/blob"'
}

@test "several downloads run at once over few connections" {
	try 127.0.0.1:7000/fine downloads f "$BLOB" "$BLOB" "$BLOB" "$BLOB" "$BLOB" "$BLOB"
	[ "$status" = 0 ]
	local i
	for i in 0 1 2 3 4 5; do
		fetched f$i
	done
}

# ---- credentials

@test "credentials stay with the registry when it redirects (CVE-2020-15157 and its kin)" {
	try "${as_user[@]}" 127.0.0.1:7000/basic download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	fetched f
	asked 7000 | grep -q '"authorization": "Basic '
	[ "$(asked 7001 | wc -l)" = 1 ]
	! asked 7001 | grep -q '"authorization": "'
}

@test "a foreign layer's URL gets no credentials, also when it asks for them (CVE-2020-15157)" {
	try "${as_user[@]}" 127.0.0.1:7000/gone download "$BLOB" $SIZE f "http://127.0.0.1:7001/v2/token.denied/blobs/$BLOB" \
		"http://127.0.0.1:7001/v2/basic/blobs/$BLOB"
	[ "$status" = 1 ]
	! asked 7001 | grep -q '"authorization": "' || false
	! asked 7001 | grep -q '/token/'
}

@test "credentials given for another registry are not used" {
	try "${as_user[@]}" --server https://index.docker.io/v1/ 127.0.0.1:7000/basic download "$BLOB" $SIZE f
	[ "$status" = 1 ]
	[[ "$output" == *"no basic auth credentials"* ]]
	! asked 7000 | grep -q '"authorization": "' || false
	try "${as_user[@]}" --server http://127.0.0.1:7000/v2/ 127.0.0.1:7000/basic download "$BLOB" $SIZE f
	[ "$status" = 0 ]
}

@test "mirrors get no credentials" {
	mkdir -p certs/127.0.0.1:7000
	printf '[host."http://127.0.0.1:7001"]\n' >certs/127.0.0.1:7000/hosts.toml
	try --certs "$PWD/certs" "${as_user[@]}" 127.0.0.1:7000/basic download "$BLOB" $SIZE f
	asked 7001 | grep -q '/v2/basic/blobs/'
	! asked 7001 | grep -q '"authorization": "' || false
	asked 7000 | grep -q '"authorization": "Basic '
}

@test "a token that expires in the midst of a pull is renewed" {
	try "${as_user[@]}" 127.0.0.1:7000/token.once downloads f "$BLOB" "$BLOB" "$BLOB" "$BLOB" "$BLOB"
	[ "$status" = 0 ]
	local i
	for i in 0 1 2 3 4; do
		fetched f$i
	done
	[ "$(asked 7000 | grep -c '"path": "/token/once')" -ge 2 ]
}

@test "a token service whose answer makes no sense is refused" {
	local kind
	for kind in html huge crlf empty number; do
		try "${as_user[@]}" 127.0.0.1:7000/token.$kind manifest latest
		[ "$status" = 1 ]
		[[ "$output" == *"Get \"http://127.0.0.1:7000/v2/token.$kind/manifests/latest\""* ]]
		! asked 7000 | grep -q Evil || false
	done
}

@test "a registry on https gets no token from plain http" {
	try --insecure 127.0.0.1:7002 "${as_user[@]}" 127.0.0.1:7002/token.downgrade manifest latest
	[ "$status" = 1 ]
	[[ "$output" == *"its token service http://127.0.0.1:7002 is not: refused"* ]]
	! asked 7002 | grep -q '"authorization": "' || false
	for code in 302 307; do
		try --insecure 127.0.0.1:7002 "${as_user[@]}" 127.0.0.1:7002/token.down$code manifest latest
		[ "$status" = 1 ]
		[[ "$output" == *"/token/down$code: redirects from https to http (http://127.0.0.1:7002): refused"* ]]
	done
}

@test "wrong credentials are the token service's to refuse" {
	try "${as_user[@]}" 127.0.0.1:7000/token.denied manifest latest
	[ "$status" = 1 ]
	[[ "$output" == *"unauthorized: incorrect username or password"* ]]
	[ "$(asked 7000 | grep -c '"path": "/token/denied')" = 1 ]
}

# ---- documents

@test "the digest of a manifest is that of its bytes" {
	try 127.0.0.1:7000/fine manifest latest
	[ "$status" = 0 ]
	[[ "$output" == *"$MANIFEST application/vnd.oci.image.manifest.v1+json"* ]]
	try 127.0.0.1:7000/wrongdigest manifest latest
	[ "$status" = 1 ]
	[[ "$output" == *"but its bytes have $MANIFEST"* ]]
	try 127.0.0.1:7000/fine manifest "sha256:$(printf '%064d' 0)"
	[ "$status" = 1 ]
	[[ "$output" == *"manifest verification failed for digest sha256:0000"* ]]
}

@test "a document that is not what was asked for is refused" {
	try 127.0.0.1:7000/fine document "$BLOB" 4194304
	[ "$status" = 1 ]
	[[ "$output" == *"image config verification failed for digest "* ]]
	try 127.0.0.1:7000/fine document "$BLOB"
	[ "$status" = 0 ]
}

@test "HTML, endless headers, huge documents and noise are refused by name" {
	try 127.0.0.1:7000/html manifest latest
	[[ "$output" == *"http://127.0.0.1:7000/v2/html/manifests/latest: the answer is HTML"* ]]
	try 127.0.0.1:7000/endless manifest latest
	[[ "$output" == *"the headers of the answer have no end"* ]]
	try 127.0.0.1:7000/huge manifest latest
	[[ "$output" == *"too large: "*"has more than 4194304 bytes"* ]]
	try 127.0.0.1:7000/nonsense manifest latest
	[ "$status" = 1 ]
	[[ "$output" == *"malformed HTTP response"* ]]
	try 127.0.0.1:7000/schema1 manifest latest
	[[ "$output" == *"schema 1"*"not supported"* ]]
}

@test "a registry that is silent or drips a document ends in an error within the limits" {
	local start=$SECONDS
	try "${impatient[@]}" --attempts 2 127.0.0.1:7000/silent manifest latest
	[ "$status" = 1 ]
	[[ "$output" == *"timed out waiting for the answer"* ]]
	try "${impatient[@]}" --attempts 2 127.0.0.1:7000/dripping manifest latest
	[ "$status" = 1 ]
	[[ "$output" == *"the answer takes too long"* ]]
	[ $((SECONDS - start)) -lt $(patience 25) ]
}

@test "whoever waits for an answer gets an error in time, however often it would be tried again" {
	local start=$SECONDS
	for what in "127.0.0.1:7000/silent manifest latest" "127.0.0.1:7000/dripping manifest latest"; do
		try "${impatient[@]}" --attempts 100 --question $what
		[ "$status" = 1 ]
		[[ "$output" == *"127.0.0.1:7000 does not answer in time"* ]]
	done
	[ $((SECONDS - start)) -lt $(patience 25) ]
}

@test "an error of the server is named with its address" {
	try 127.0.0.1:7000/error manifest latest
	[ "$status" = 1 ]
	[[ "$output" == *"http://127.0.0.1:7000/v2/error/manifests/latest: received unexpected HTTP status: 500"* ]]
}

@test "manifests are followed through redirects" {
	try 127.0.0.1:7000/redirect manifest latest
	[ "$status" = 0 ]
	[[ "$output" == *"$MANIFEST"* ]]
}

# ---- lists

@test "pages of tags are joined" {
	try 127.0.0.1:7000/fine tags
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 500 ]
	[ "${lines[499]}" = tag-4-99 ]
}

@test "lists without end, at other hosts or with odd names are refused" {
	try 127.0.0.1:7000/redirect tags
	[[ "$output" == *"goes on at another host"* ]]
	try 127.0.0.1:7000/nonsense tags
	[[ "$output" == *"cannot be read"* ]]
	try 127.0.0.1:7000/circle tags
	[[ "$output" == *"has no end"* ]]
}

@test "referrers come from the API, filtered, or by the tag" {
	try 127.0.0.1:7000/fine referrers "$BLOB"
	[ "$(jq '.manifests | length' <<<"$output")" = 3 ]
	try 127.0.0.1:7000/fine referrers "$BLOB" type/1
	[ "$(jq -r '.manifests[].artifactType' <<<"$output")" = type/1 ]
	try 127.0.0.1:7000/unknown referrers "$BLOB"
	[ "$status" = 0 ]
	[ "$(jq -c .manifests <<<"$output")" = "[]" ]
	asked 7000 | grep -q "/v2/unknown/manifests/${BLOB/:/-}"
}

@test "search asks the registry that the term names" {
	registry_net
	run timeout 60 "${NET[@]}" "${TRY[@]}" 127.0.0.1:7000/deb search 3
	[ "$status" = 0 ]
	[ "${lines[0]}" = "deb-0|number 0|0|1" ]
	[ "${#lines[@]}" = 3 ]
	run timeout 60 "${NET[@]}" "${TRY[@]}" 127.0.0.1:7000/deb search 101
	[[ "$output" == *"Limit 101 is outside the range of [1, 100]"* ]]
}

# ---- mirrors

@test "mirrors are asked first, and given up for whatever they do" {
	mkdir -p certs/127.0.0.1:7000
	printf '[host."http://127.0.0.1:1"]\n[host."http://127.0.0.1:7001"]\n' >certs/127.0.0.1:7000/hosts.toml
	try --certs "$PWD/certs" 127.0.0.1:7000/fine manifest latest
	[ "$status" = 0 ]
	[ -z "$(asked 7000)" ]
	printf '[host."http://127.0.0.1:7001/v2/html"]\noverride_path = true\n' >certs/127.0.0.1:7000/hosts.toml
	try --certs "$PWD/certs" 127.0.0.1:7000/fine manifest latest
	[ "$status" = 0 ]
	asked 7001 | grep -q /v2/html/fine/manifests/latest
	asked 7000 | grep -q /v2/fine/manifests/latest
}

@test "capabilities say what a mirror is asked for, headers go to it alone" {
	mkdir -p certs/127.0.0.1:7000
	cat >certs/127.0.0.1:7000/hosts.toml <<-TOML
		[host."http://127.0.0.1:7001"]
		capabilities = ["pull"]
		[host."http://127.0.0.1:7001".header]
		X-Secret = "for the mirror"
	TOML
	try --certs "$PWD/certs" 127.0.0.1:7000/fine manifest latest
	[ -z "$(asked 7001)" ]
	try --certs "$PWD/certs" 127.0.0.1:7000/redirect download "$BLOB" $SIZE f
	[ "$status" = 0 ]
	asked 7001 | grep '/v2/redirect/blobs' | grep -q '"cookie": "for the mirror"'
	asked 7000 | grep '/blob?' | grep -q '"cookie": null'
}

@test "what is pushed goes to the registry, not to its mirrors" {
	mkdir -p certs/127.0.0.1:7000
	printf '[host."http://127.0.0.1:7001"]\n' >certs/127.0.0.1:7000/hosts.toml
	try --certs "$PWD/certs" 127.0.0.1:7000/up upload - -1 - 0 <<<hello
	[ "$status" = 0 ]
	[ -z "$(asked 7001)" ]
}

@test "registry-mirrors are for Docker Hub" {
	try --mirror http://127.0.0.1:7000 docker.io/fine/x manifest latest
	asked 7000 | grep -q '"path": "/v2/fine/x/manifests/latest"'
	rm -f "$REGISTRY_HOME"/mock-7000.log
	try --mirror http://127.0.0.1:7000 127.0.0.1:7001/fine manifest latest
	[ -z "$(asked 7000)" ]
}

# ---- uploads

@test "a file is uploaded in one request, or in parts" {
	head -c 2000000 /dev/urandom >f
	local d
	d=sha256:$(sha256sum f | cut -d' ' -f1)
	try 127.0.0.1:7000/up upload "$d" 2000000 f 0
	[ "$output" = "done transferred 2000000 $d " ]
	[ "$(asked 7000 | grep -c PATCH)" = 0 ]
	try 127.0.0.1:7000/up upload "$d" 2000000 f 700000
	[ "$output" = "done transferred 2000000 $d " ]
	asked 7000 | grep PATCH | grep -q '"content-range": "1400000-1999999"'
}

@test "an upload that was cut off goes on where the registry says it is" {
	head -c 2000000 /dev/urandom >f
	local d
	d=sha256:$(sha256sum f | cut -d' ' -f1)
	try 127.0.0.1:7000/lose upload "$d" 2000000 f 0
	[ "$status" = 0 ]
	[[ "$output" == *"done transferred 2000000 $d"* ]]
	asked 7000 | grep PATCH | grep -q '"content-range": "700000-1999999"'
}

@test "an upload that the registry forgot is begun anew, a pipe's cannot be" {
	head -c 2000000 /dev/urandom >f
	local d
	d=sha256:$(sha256sum f | cut -d' ' -f1)
	try 127.0.0.1:7000/forget/1 upload "$d" 2000000 f 0
	[ "$status" = 0 ]
	[ "$(asked 7000 | grep -c POST)" = 2 ]
	try 127.0.0.1:7000/forget upload - -1 - 0 <f
	[ "$status" = 1 ]
}

@test "a pipe is uploaded in parts as large as the registry wants, and survives a lost connection" {
	head -c 12000000 /dev/urandom >f
	local d
	d=sha256:$(sha256sum f | cut -d' ' -f1)
	try 127.0.0.1:7000/chunked upload - -1 - 0 <f
	[ "$output" = "done transferred 12000000 $d " ]
	asked 7000 | grep PATCH | grep -q '"content-range": "5000000-9999999"'
	try 127.0.0.1:7000/lose upload - -1 - 0 <f
	[[ "$output" == *"done transferred 12000000 $d"* ]]
}

@test "an upload to another host gets no credentials there" {
	head -c 1000 /dev/urandom >f
	local d
	d=sha256:$(sha256sum f | cut -d' ' -f1)
	try "${as_user[@]}" 127.0.0.1:7000/elsewhere upload "$d" 1000 f 0
	[ "$status" = 0 ]
	asked 7001 | grep -q '"method": "PUT"'
	! asked 7001 | grep -q '"authorization": "'
}

@test "what the registry says it took has to be what was sent" {
	head -c 1000 /dev/urandom >f
	local d
	d=sha256:$(sha256sum f | cut -d' ' -f1)
	try 127.0.0.1:7000/wrongdigest upload "$d" 1000 f 0
	[[ "$output" == *"the registry has another digest for it"* ]]
	try 127.0.0.1:7000/nowhere upload "$d" 1000 f 0
	[[ "$output" == *"does not say where to upload"* ]]
	try 127.0.0.1:7000/wrongdigest put v1 application/vnd.oci.image.manifest.v1+json f
	[ "$status" = 1 ]
	try 127.0.0.1:7000/fine upload "$BLOB" 1000 f 0
	[ "$output" = "done existed 0 $BLOB " ]
}

# ---- confinement

@test "the program has neither files nor rights while it talks to a registry" {
	local i pid=
	registry_net
	"${NET[@]}" "${TRY[@]}" 127.0.0.1:7000/stall download "$BLOB" $SIZE f >/dev/null 2>&1 3>&- &
	local try=$!
	for i in $(seq "$(patience 100)"); do
		pid=$(pgrep -P "$try" -f kist-registry) && [ -s f ] && break
		sleep 0.05
	done
	grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp):?' "/proc/$pid/status" >status
	ls -A "/proc/$pid/root/" >root
	ls -A "/proc/$pid/root/etc" >etc
	readlink "/proc/$pid/ns/mnt" >mnt
	kill "$try"
	wait "$try" 2>/dev/null || true
	cat status root etc
	grep -qP '^Uid:\t65534\t65534\t65534\t65534' status
	grep -qP '^Groups:\t\s*$' status
	grep -qP '^CapEff:\t0+$' status
	grep -qP '^CapPrm:\t0+$' status
	grep -qP '^NoNewPrivs:\t1' status
	grep -qP '^Seccomp:\t2' status
	[ "$(cat root)" = etc ]
	! grep -vE '^(resolv.conf|hosts|gai.conf|nsswitch.conf)$' etc || false
	[ "$(cat mnt)" != "$(readlink /proc/self/ns/mnt)" ]
}

@test "names are resolved inside: hosts and the name server of the machine" {
	try nowhere.invalid/x tags
	[[ "$output" == *"dial tcp: lookup nowhere.invalid: no such host"* ]]
	try localhost:7000/fine manifest latest
	[ "$status" = 0 ]
}

# ---- docker-registry

@test "docker-registry: what is pushed comes back" {
	needs_registry
	head -c 3000000 /dev/urandom >f
	local d m
	d=sha256:$(sha256sum f | cut -d' ' -f1)
	try 127.0.0.1:5000/a upload "$d" 3000000 f 0
	[ "$output" = "done transferred 3000000 $d " ]
	try 127.0.0.1:5000/b upload "$d" 3000000 f 0 nothing a
	[ "$output" = "done mounted 0 $d a" ]
	try 127.0.0.1:5000/c upload - -1 - 0 <f
	[ "$output" = "done transferred 3000000 $d " ]
	try 127.0.0.1:5000/d upload "$d" 3000000 f 1000000
	[ "$output" = "done transferred 3000000 $d " ]
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":3000000,"digest":"%s"},"layers":[]}' "$d" >m
	m=sha256:$(sha256sum m | cut -d' ' -f1)
	try 127.0.0.1:5000/a put v1 application/vnd.oci.image.manifest.v1+json m
	[ "$status" = 0 ]
	try 127.0.0.1:5000/a head v1
	[[ "$output" == "$m application/vnd.oci.image.manifest.v1+json"* ]]
	try 127.0.0.1:5000/a download "$d" 3000000 g
	cmp f g
	try 127.0.0.1:5000/a tags
	[ "$output" = v1 ]
	try 127.0.0.1:5000/a catalog
	[[ "$output" == *a* ]]
	try 127.0.0.1:5000/a blob "$d"
	[ "$output" = "found 3000000" ]
	try 127.0.0.1:5000/a blob "sha256:$(printf '%064d' 0)"
	[[ "$output" == "missing "* ]]
}

@test "docker-registry: what is missing is named as dockerd names it" {
	needs_registry
	try 127.0.0.1:5000/a manifest nope
	[[ "$output" == *"manifest for 127.0.0.1:5000/a:nope not found: manifest unknown: manifest unknown"* ]]
	try 127.0.0.1:5000/nope tags
	[[ "$output" == *"name unknown"* ]]
}

@test "docker-registry with htpasswd: name and password, and nothing without" {
	needs_registry
	try 127.0.0.1:5001/a tags
	[ "$status" = 1 ]
	[[ "$output" == *"no basic auth credentials"* ]]
	try --user x --password y 127.0.0.1:5001 login
	[[ "$output" == *"unauthorized: login attempt to http://127.0.0.1:5001/v2/ failed with status: 401 Unauthorized"* ]]
	try "${as_user[@]}" 127.0.0.1:5001 login
	[ "${lines[0]}" = "Login Succeeded" ]
	try "${as_user[@]}" 127.0.0.1:5001/a upload - -1 - 0 <<<hello
	[ "$status" = 0 ]
}

@test "tokens: pull, push, login with an identity token, and what is denied" {
	needs_registry
	try --user x --password y 127.0.0.1:5004 login
	[[ "$output" == *"unauthorized: incorrect username or password"* ]]
	try "${as_user[@]}" 127.0.0.1:5004 login
	[ "${lines[0]}" = "Login Succeeded" ]
	local identity=${lines[1]}
	[ ${#identity} = 48 ]
	try --identity "$identity" 127.0.0.1:5004/a upload - -1 - 0 <<<hello
	[ "$status" = 0 ]
	grep -q '"method": "POST".*"grant_type": \["refresh_token"\]' "$(registry_token_log hub)"
	try "${as_user[@]}" 127.0.0.1:5004/b upload "sha256:$(sha256sum <<<hello | cut -d' ' -f1)" -1 - 0 a <<<hello
	[[ "$output" == "done mounted"* ]]
	try --insecure 127.0.0.1:5005 127.0.0.1:5005/a upload - -1 - 0 <<<hello
	[[ "$output" == *"denied: requested access to the resource is denied"* ]]
}

@test "TLS: unknown authorities, other names and plain HTTP are refused as Go refuses them" {
	needs_registry
	try 192.0.2.1:5002/a tags
	[ "$status" = 1 ]
	[[ "$output" == *'Get "https://192.0.2.1:5002/v2/": x509: certificate signed by unknown authority'* ]]
	mkdir -p certs/192.0.2.1:5002 certs/192.0.2.1:5000
	cp "$(registry_ca).crt" certs/192.0.2.1:5002/ca.crt
	try --certs "$PWD/certs" 192.0.2.1:5002/a tags
	[[ "$output" == *"name unknown"* ]]
	try 192.0.2.1:5000/a tags
	[[ "$output" == *"http: server gave HTTP response to HTTPS client"* ]]
	ip -n "$KIST_NETNS" addr add 192.0.2.9/32 dev lo
	mkdir -p certs/192.0.2.9:5002
	cp "$(registry_ca).crt" certs/192.0.2.9:5002/ca.crt
	try --certs "$PWD/certs" 192.0.2.9:5002/a tags
	ip -n "$KIST_NETNS" addr del 192.0.2.9/32 dev lo
	[[ "$output" == *"x509: certificate is not valid for 192.0.2.9"* ]]
}

@test "TLS: client certificates of certs.d are shown to their registry" {
	needs_registry
	local dir=certs/192.0.2.1:5003
	mkdir -p $dir
	cp "$(registry_ca).crt" $dir/ca.crt
	try --certs "$PWD/certs" 192.0.2.1:5003/a tags
	[[ "$output" == *"remote error: tls: bad certificate"* ]]
	cp "$(registry_ca)-client.cert" $dir/client.cert
	try --certs "$PWD/certs" 192.0.2.1:5003/a tags
	[[ "$output" == *"missing key client.key for client certificate client.cert"* ]]
	cp "$(registry_ca)-client.key" $dir/client.key
	try --certs "$PWD/certs" 192.0.2.1:5003/a tags
	[[ "$output" == *"name unknown"* ]]
}

@test "TLS: what hosts.toml says outside its hosts' tables is about the registry, also where it names no server" {
	needs_registry
	local dir=certs/192.0.2.1:5003
	mkdir -p $dir
	cp "$(registry_ca).crt" $dir/own.pem
	# not by the names that docker looks for
	cp "$(registry_ca)-client.cert" $dir/cert.pem
	cp "$(registry_ca)-client.key" $dir/key.pem
	echo 'ca = "own.pem"' >$dir/hosts.toml
	try --certs "$PWD/certs" 192.0.2.1:5003/a tags
	[[ "$output" == *"remote error: tls: bad certificate"* ]]
	for client in cert.pem "$PWD/$dir/cert.pem"; do
		printf 'skip_verify = true\nclient = [["%s", "key.pem"]]\n' "$client" >$dir/hosts.toml
		try --certs "$PWD/certs" 192.0.2.1:5003/a tags
		[[ "$output" == *"name unknown"* ]]
	done
	sed -i 1d $dir/hosts.toml
	try --certs "$PWD/certs" 192.0.2.1:5003/a tags
	[[ "$output" == *"unknown authority"* ]]
	# a file with both
	cat "$(registry_ca)-client.cert" "$(registry_ca)-client.key" >$dir/both.pem
	printf 'server = "https://192.0.2.1:5003"\nca = ["own.pem"]\nclient = "both.pem"\n' >$dir/hosts.toml
	try --certs "$PWD/certs" 192.0.2.1:5003/a tags
	[[ "$output" == *"name unknown"* ]]
}

@test "insecure registries: any certificate, then plain HTTP; others never" {
	needs_registry
	try --insecure 192.0.2.1:5002 192.0.2.1:5002/a tags
	[[ "$output" == *"name unknown"* ]]
	try --insecure 192.0.2.0/24 192.0.2.1:5000/a tags
	[[ "$output" == *"name unknown"* || "$output" == v1 ]]
	try "${as_user[@]}" 192.0.2.1:5001/a tags
	[[ "$output" == *"server gave HTTP response to HTTPS client"* ]]
}

@test "a proxy is used for what is not local, and not for NO_PROXY" {
	try --http-proxy http://127.0.0.1:7001 --insecure 192.0.2.1:7000 --https-proxy http://127.0.0.1:1 192.0.2.1:7000/fine manifest latest
	[[ "$output" != *"$MANIFEST"* || -n "$(asked 7001)" ]]
	asked 7001 | grep -q '"path": "http://192.0.2.1:7000/v2/fine/manifests/latest"'
	rm -f "$REGISTRY_HOME"/mock-7001.log
	try --http-proxy http://127.0.0.1:7001 --no-proxy 192.0.2.0/24 --insecure 192.0.2.1:7000 192.0.2.1:7000/fine manifest latest
	[ "$status" = 0 ]
	[ -z "$(asked 7001)" ]
	try --http-proxy http://127.0.0.1:7001 127.0.0.1:7000/fine manifest latest
	[ -z "$(asked 7001)" ]
}
