# docker import of a URL: the daemon downloads it (lib/file_server.py). KIST_PEER=dockerd bats tests/e2e/import-url.bats runs what
# both can; the rest says only_kist.
load lib/engine
load lib/registry

setup_file() {
	registry_home
	export FILES=$REGISTRY_HOME/files KIST_BUNDLE=$REGISTRY_HOME/bundle
	mkdir -p "$FILES" "$REGISTRY_HOME/root/bin"
	cat "$(registry_ca).crt" >"$KIST_BUNDLE"
	engine_start --registry-timeout 3 --insecure-registry 127.0.0.1:7000
	file_server first 7000 --other http://127.0.0.1:7001
	file_server second 7001 --other http://127.0.0.1:7000
	file_server safe 7002 --tls "$(registry_ca)-server" --other http://127.0.0.1:7000
	archives
}
teardown_file() {
	registry_stop_all
	engine_stop
}
setup() {
	U=127.0.0.1:7000
	registry_client_config
	registry_forget first second safe
}
teardown() {
	docker rmi -f $(docker images -aq) >/dev/null 2>&1 || true
	nothing_here
	nothing_left
}

file_server() { # NAME PORT [flags]
	local name=$1 port=$2 scheme=http
	shift 2
	registry_net
	mkdir -p "$REGISTRY_HOME/$name"
	: >"$REGISTRY_HOME/$name/asked"
	case " $* " in *" --tls "*) scheme=https ;; esac
	"${NET[@]}" python3 "$REGISTRY_LIB/file_server.py" --port "$port" --folder "$FILES" --log "$REGISTRY_HOME/$name/asked" "$@" \
		>>"$REGISTRY_HOME/$name/log" 2>&1 </dev/null 3>&- &
	echo $! >"$REGISTRY_HOME/$name/pid"
	registry_wait $! $scheme://127.0.0.1:"$port"/404 "$REGISTRY_HOME/$name/log"
}

# x.tar ends with more zeros than it needs: its first half is an archive that tar takes for whole.
archives() {
	echo hello >"$REGISTRY_HOME/root/greeting"
	tar -C "$REGISTRY_HOME/root" -c . >"$FILES/x.tar"
	truncate -s 2M "$FILES/x.tar"
	gzip -k "$FILES/x.tar"
	head -c 3000000 /dev/urandom >"$REGISTRY_HOME/root/noise"
	tar -C "$REGISTRY_HOME/root" -c . >"$FILES/big.tar"
	head -c 100000 /dev/urandom >"$FILES/noise"
}

only_kist() {
	[ "${KIST_PEER:-}" != dockerd ] || skip "what kist alone has, or does otherwise"
}

# In staging nobody waits for anything, and no kist-registry runs.
nothing_left() {
	local i
	[ "${KIST_PEER:-}" != dockerd ] || return 0
	for i in $(seq $((100 * ${KIST_SLOW:-1}))); do
		[ -n "$(programs)$(ls -A "$KIST_HOME/data/staging")" ] || return 0
		sleep 0.05
	done
	echo "left: $(programs) $(ls -A "$KIST_HOME/data/staging")"
	return 1
}
programs() { # kist-registry's of this daemon, by pid; and files without a name that it holds
	pgrep -P "$(engine_pid)" -x kist-registry || true
	find "/proc/$(engine_pid)/fd" -lname "$KIST_HOME/data/staging/*" 2>/dev/null || true
}

create() { # QUERY [curl's flags]: status and body of the API's answer
	local query=$1
	shift
	curl -s -w '%{http_code}\n' -X POST --unix-socket "$KIST_HOME/kist.sock" "http://d/v1.41/images/create?$query" "$@"
}
error_of() { # QUERY: "STATUS message"
	create "$1" >"$BATS_TEST_TMPDIR/answer"
	echo "$(tail -n 1 "$BATS_TEST_TMPDIR/answer") $(head -n 1 "$BATS_TEST_TMPDIR/answer" | sed 's/[0-9]*$//' | jq -r .message)"
}
is() { # GOT WANTED
	[ "$1" = "$2" ] || { printf 'got:    %s\nwanted: %s\n' "$1" "$2"; return 1; }
}
greets() { # IMAGE
	docker create --name greeter --network none "$1" none >/dev/null
	docker export greeter | tar -xO greeting | grep -qx hello
	docker rm greeter >/dev/null
}

@test "an archive at a URL becomes an image with its name, message, changes and platform" {
	docker import -c 'CMD ["cat","/greeting"]' -c 'ENV A=1' http://$U/plain/x.tar one:v1 >"$BATS_TEST_TMPDIR/said"
	is "$(head -n 1 "$BATS_TEST_TMPDIR/said")" "Downloading from http://$U/plain/x.tar"
	is "$(docker inspect --format '{{.Id}} {{.Comment}} {{json .Config.Cmd}} {{json .Config.Env}}' one:v1)" \
		"$(tail -n 1 "$BATS_TEST_TMPDIR/said" | tr -d '\r') Imported from http://$U/plain/x.tar [\"cat\",\"/greeting\"] [\"A=1\"]"
	greets one:v1
	docker import -m why --platform linux/arm64 http://$U/plain/x.tar two
	is "$(docker inspect --format '{{.Comment}} {{.Architecture}}' two:latest)" "why arm64"
	docker import http://$U/plain/x.tar | tail -n 1 | grep -q '^sha256:'
}

@test "kist import takes a URL, too" {
	only_kist
	kist import -c 'CMD ["x"]' http://$U/plain/x.tar one:v1 >"$BATS_TEST_TMPDIR/said"
	is "$(head -n 1 "$BATS_TEST_TMPDIR/said")" "Downloading from http://$U/plain/x.tar"
	is "$(tail -n 1 "$BATS_TEST_TMPDIR/said")" "$(docker inspect --format '{{.Id}}' one:v1)"
	fails_with 1 "failed to GET http://$U/404/x with status 404 Not Found" kist import http://$U/404/x
}

@test "a compressed one, one in chunks, and one behind a redirect are the same" {
	local how
	for how in plain/x.tar.gz chunked/x.tar chunked/x.tar.gz to/x.tar; do
		docker import http://$U/$how "got:$(echo $how | tr / -)"
		greets "got:$(echo $how | tr / -)"
	done
	is "$(registry_asked second | cut -d' ' -f 1,2)" "GET /plain/x.tar"
}

@test "the stream says whence, how much has come, and the image" {
	create "fromSrc=$U/plain/big.tar&repo=big" >"$BATS_TEST_TMPDIR/answer"
	is "$(tail -n 1 "$BATS_TEST_TMPDIR/answer")" 200
	is "$(head -n 1 "$BATS_TEST_TMPDIR/answer" | jq -r .status)" "Downloading from http://$U/plain/big.tar"
	size=$(stat -c %s "$FILES/big.tar")
	is "$(grep Importing "$BATS_TEST_TMPDIR/answer" | tail -n 1 | jq -c '[.status, .progressDetail.current, .progressDetail.total]')" \
		"[\"Importing\",$size,$size]"
	grep Importing "$BATS_TEST_TMPDIR/answer" | tail -n 1 | jq -r .progress | grep -qE '^\[=+>] +3\.[0-9]+MB/3\.[0-9]+MB$'
	is "$(tail -n 2 "$BATS_TEST_TMPDIR/answer" | head -n 1 | jq -r .status)" "$(docker inspect --format '{{.Id}}' big)"
}

@test "what the server refuses has a status and its words, on one line" {
	error_of "fromSrc=http://$U/404/x" | tr '\r\n' '  ' | grep -q "^404 failed to GET http://$U/404/x with status 404 Not Found: not  *for you"
	error_of "fromSrc=http://$U/401/x" | grep -q "^401 failed to GET http://$U/401/x with status 401 Unauthorized"
	error_of "fromSrc=http://$U/403/x" | grep -q "^403 failed to GET http://$U/403/x with status 403 Forbidden"
	error_of "fromSrc=http://$U/400/x" | grep -q "^400 failed to GET http://$U/400/x with status 400 Bad Request"
	error_of "fromSrc=http://$U/503/x" | grep -q "^500 failed to GET http://$U/503/x with status 503 Service Unavailable"
	# asked once: nobody tries again
	is "$(registry_asked first | wc -l)" 5
}

@test "whom nobody reaches, and what is no URL of ours, is said in dockerd's words" {
	is "$(error_of fromSrc=http://127.0.0.1:7009/x)" \
		'500 Get "http://127.0.0.1:7009/x": dial tcp 127.0.0.1:7009: connect: connection refused'
	# no label is that long: nobody needs to be asked
	long=$(printf 'x%.0s' {1..70}).invalid
	is "$(error_of fromSrc=http://$long/x)" "500 Get \"http://$long/x\": dial tcp: lookup $long: no such host"
	is "$(error_of fromSrc=ftp://127.0.0.1/x)" '500 Get "ftp://127.0.0.1/x": unsupported protocol scheme "ftp"'
	is "$(error_of fromSrc=file:///etc/passwd)" '500 Get "file:///etc/passwd": unsupported protocol scheme "file"'
	error_of 'fromSrc=http://%5B::1/x' | grep -q '^400 '
	error_of 'fromSrc=' | grep -q '^[45]0[0-9] '
	error_of "fromSrc=http://$U/file/x" | grep -q '^500 '
	error_of "fromSrc=http://$U/circle/x" | grep -q '^500 .*stopped after 10 redirects'
}

@test "what is wrong with name or changes is said before anybody is asked" {
	error_of "fromSrc=http://$U/plain/x.tar&repo=UPPER" | grep -q '^400 '
	error_of "fromSrc=http://$U/plain/x.tar&repo=a&tag=%20" | grep -q '^400 '
	error_of "fromSrc=http://$U/plain/x.tar&changes=FROM%20x" | grep -q '^400 .*is not a valid change command'
	is "$(registry_asked first)" ""
}

@test "one that breaks off makes no image, though tar would take it for whole" {
	only_kist
	local how
	head -c 1048576 "$FILES/x.tar" >"$BATS_TEST_TMPDIR/half"
	tar -tf "$BATS_TEST_TMPDIR/half" >/dev/null
	for how in cut cutchunked; do
		fails_with 1 "Get \"http://$U/$how/x.tar\": " docker import http://$U/$how/x.tar broken
		fails_with 1 "No such image" docker inspect --type image broken
	done
	is "$(registry_asked first | wc -l)" 2
}

@test "a server that falls silent, before or after it began, is given up in time" {
	only_kist
	local how start
	for how in mute stall; do
		start=$SECONDS
		fails_with 1 "Get \"http://$U/$how/x.tar\": " docker import http://$U/$how/x.tar slow
		[ $((SECONDS - start)) -lt $((12 * ${KIST_SLOW:-1})) ]
	done
}

@test "what is no archive is refused" {
	fails_with 1 "" docker import http://$U/plain/noise noise
	[ -z "$(docker images -q noise)" ]
}

@test "a client that leaves ends the download, and nothing stays" {
	only_kist
	local how i
	for how in mute stall endless; do
		registry_forget first
		curl -s -X POST --unix-socket "$KIST_HOME/kist.sock" "http://d/v1.41/images/create?fromSrc=http://$U/$how/big.tar&repo=left" \
			>/dev/null 2>&1 &
		for i in $(seq $((200 * ${KIST_SLOW:-1}))); do
			grep -q "$how" "$REGISTRY_HOME/first/asked" && break
			sleep 0.05
		done
		[ -n "$(programs)" ]
		kill $!
		nothing_left
	done
	[ -z "$(docker images -q left)" ]
}

@test "a daemon that is killed during the download leaves nothing" {
	only_kist
	local pid i
	docker import http://$U/endless/big.tar left >"$BATS_TEST_TMPDIR/said" 2>&1 &
	for i in $(seq $((200 * ${KIST_SLOW:-1}))); do
		grep -q Downloading "$BATS_TEST_TMPDIR/said" && break
		sleep 0.05
	done
	pid=$(programs | head -n 1)
	[ -n "$pid" ]
	kill -9 "$(engine_pid)"
	wait_gone "$(engine_pid)"
	wait_gone "$pid"
	engine_run --registry-timeout 3
	nothing_left
	docker import http://$U/plain/x.tar again
}

@test "a registry's credentials are not sent to a URL, of the header or of config.json, nor to where it redirects" {
	local auth
	jq --arg a "$(printf alice:secret | base64)" '.auths["127.0.0.1:7000"] = {auth: $a}' "$DOCKER_CONFIG/config.json" \
		>"$BATS_TEST_TMPDIR/c"
	cp "$BATS_TEST_TMPDIR/c" "$DOCKER_CONFIG/config.json"
	auth=$(printf '{"username":"alice","password":"secret","serveraddress":"%s"}' $U | base64 -w 0)
	docker import http://$U/to/x.tar one
	fails_with 1 "401 Unauthorized" docker import http://$U/401/x.tar one
	create "fromSrc=http://$U/to/x.tar" -H "X-Registry-Auth: $auth" | tail -n 1 | grep -qx 200
	create "fromSrc=http://$U/401/x.tar" -H "X-Registry-Auth: $auth" | tail -n 1 | grep -qx 401
	is "$(registry_asked first | wc -l) $(registry_asked second | wc -l)" "4 2"
	registry_asked first >"$BATS_TEST_TMPDIR/asked"
	registry_asked second >>"$BATS_TEST_TMPDIR/asked"
	! grep -iE 'authorization|alice|secret' "$BATS_TEST_TMPDIR/asked"
}

@test "https is believed by the system's CAs, and never becomes http" {
	only_kist
	docker import https://192.0.2.1:7002/plain/x.tar safe
	fails_with 1 "redirects from https to http" docker import https://192.0.2.1:7002/to/x.tar safe2
	: >"$KIST_BUNDLE"
	fails_with 1 "x509: certificate signed by unknown authority" docker import https://192.0.2.1:7002/plain/x.tar safe3
	cat "$(registry_ca).crt" >"$KIST_BUNDLE"
}

told() { # NAME: what each request to it had of a password
	registry_asked "$1" | sed 's/^[A-Z]* [^ ]* //' | jq -r '.Authorization // "nothing"' | paste -sd ' '
}

@test "a name and a password in a URL are sent to its host, and to where that leads without another host's name" {
	local alice bob
	alice="Basic $(printf 'alice:se cret@x' | base64)"
	bob="Basic $(printf bob:hidden | base64)"
	docker import "http://alice:se%20cret%40x@$U/plain/x.tar" one
	is "$(told first)" "$alice"
	greets one
	registry_forget first
	docker import "http://alice:se%20cret%40x@$U/near/x.tar" one
	is "$(told first)" "$alice $alice"
	registry_forget first
	docker import "http://alice:se%20cret%40x@$U/home/x.tar" one
	is "$(told first)" "$alice nothing"
	docker import "http://alice:se%20cret%40x@$U/to/x.tar" one
	is "$(told second)" "nothing"
	registry_forget second
	docker import "http://alice:se%20cret%40x@$U/named/x.tar" one
	is "$(told second)" "$bob"
	registry_forget first
	create "fromSrc=alice@$U/plain/x.tar" | tail -n 1 | grep -qx 200
	is "$(told first)" "Basic $(printf alice: | base64)"
}

@test "a password in a URL is in no message, nor in the image's history" {
	only_kist
	local url
	for url in plain/x.tar 401/x.tar plain/none plain/noise cut/x.tar file/x circle/x plain/x.tar?q="@secret" "plain/x%20y"; do
		create "fromSrc=http://alice:secret@$U/$url" >>"$BATS_TEST_TMPDIR/said"
	done
	create "fromSrc=http://alice:secret@127.0.0.1:7999/x" >>"$BATS_TEST_TMPDIR/said"
	create "fromSrc=http://alice:secret@no%20host/x" >>"$BATS_TEST_TMPDIR/said"
	create "fromSrc=ftp://alice:secret@$U/x" >>"$BATS_TEST_TMPDIR/said"
	create "fromSrc=alice:secret@$U/404/x?of=http://x" >>"$BATS_TEST_TMPDIR/said"
	is "$(registry_asked first | grep -c "^GET /404/x?of=http://x ")" 1
	run docker import "http://alice:secret@$U/plain/x.tar" one
	is "${lines[0]}" "Downloading from http://alice:***@$U/plain/x.tar"
	is "$(docker history --no-trunc --format '{{.Comment}}' one)" "Imported from http://alice:***@$U/plain/x.tar"
	docker inspect one >>"$BATS_TEST_TMPDIR/said"
	! grep secret "$BATS_TEST_TMPDIR/said"
}
