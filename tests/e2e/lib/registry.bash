# Registries for the tests: Debian's docker-registry, plain, with passwords, with TLS, with client certificates, and with
# a token server of our own (token_server.py). After lib/engine (or alone: then on this machine's loopback):
#
#   load lib/engine
#   load lib/registry
#   engine_start
#   registry_start plain 5000                      127.0.0.1:5000, no passwords
#   registry_start closed 5001 htpasswd            asks for $REGISTRY_USER and $REGISTRY_PASSWORD
#   registry_start safe 5002 tls                   https; the CA is $(registry_ca).crt
#   registry_start mutual 5003 tls mtls            asks for a client certificate: $(registry_ca)-client.{cert,key}
#   registry_start hub 5004 token                  tokens from 127.0.0.1:6004; tls makes that https, too
#   registry_start cache 5005 proxy=http://127.0.0.1:5000
#   registry_mock odd 7000 --other URL             image_mock.py: one that misbehaves as the repository's name says
#   registry_stop plain                            registry_start plain 5000 goes on with what it had
#   registry_stop_all                              in teardown_file, before engine_stop
#
# They listen on all addresses of the engine's network namespace: 127.0.0.1, ::1, and 192.0.2.1, which no engine takes for
# an insecure registry by itself. Certificates are good for these, localhost and registry.test. docker-registry is slow to
# start the first time (0.2 s). Where it is missing: registry_there || skip "..." in the test.

. "$(dirname "${BASH_SOURCE[0]}")/slow.bash"
REGISTRY_LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export REGISTRY_USER=alice REGISTRY_PASSWORD='wonder:land #1'

registry_there() {
	command -v docker-registry >/dev/null
}

registry_home() {
	if [ -z "${REGISTRY_HOME:-}" ]; then
		REGISTRY_HOME=$(mktemp -d /tmp/kist-test-registry.XXXXXX)
		export REGISTRY_HOME
	fi
}

# In the engine's network namespace, if there is one; the words of the command are in $NET.
registry_net() {
	NET=()
	[ -z "${KIST_NETNS:-}" ] || NET=(nsenter --net="/run/netns/$KIST_NETNS" --)
}

# A CA, a server's certificate and a client's, made once; prints the path without ".crt" and ".key".
registry_ca() {
	registry_home
	local ca=$REGISTRY_HOME/ca
	if [ ! -e "$ca-client.key" ]; then
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=kist test CA" \
			-keyout "$ca.key" -out "$ca.crt" 2>/dev/null
		registry_sign "$ca" server "/CN=registry.test" \
			"subjectAltName=DNS:localhost,DNS:registry.test,IP:127.0.0.1,IP:::1,IP:192.0.2.1"
		registry_sign "$ca" client "/CN=kist test client" "extendedKeyUsage=clientAuth"
	fi
	echo "$ca"
}

registry_sign() { # CA NAME SUBJECT EXTENSION [DAYS]
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$1-$2.key" -out "$1-$2.csr" 2>/dev/null
	openssl x509 -req -in "$1-$2.csr" -CA "$1.crt" -CAkey "$1.key" -set_serial "0x$(openssl rand -hex 8)" -days "${5:-30}" \
		-extfile <(echo "$4") -out "$1-$2.cert" 2>/dev/null
}

registry_htpasswd() {
	python3 -W ignore - "$REGISTRY_USER" "$REGISTRY_PASSWORD" <<'PY'
import crypt, sys
print(sys.argv[1] + ":" + crypt.crypt(sys.argv[2], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))
PY
}

registry_config() { # folder, port, options
	local dir=$1 port=$2 ca scheme=http option
	shift 2
	printf 'version: 0.1\nlog: {level: info, formatter: text}\nstorage:\n  filesystem: {rootdirectory: %s/data}\n' "$dir"
	printf '  delete: {enabled: true}\n  maintenance: {uploadpurging: {enabled: false}}\n'
	case " $* " in *" tls "*) scheme=https ;; esac
	printf 'http:\n  addr: ":%s"\n' "$port"
	if [ $scheme = https ]; then
		ca=$(registry_ca)
		printf '  tls:\n    certificate: %s-server.cert\n    key: %s-server.key\n' "$ca" "$ca"
		case " $* " in *" mtls "*) printf '    clientcas: [%s.crt]\n' "$ca" ;; esac
	fi
	for option; do
		case $option in
		htpasswd) printf 'auth:\n  htpasswd: {realm: kist-test, path: %s/htpasswd}\n' "$dir" ;;
		token)
			printf 'auth:\n  token:\n    realm: %s://127.0.0.1:%s/token\n    service: registry.test\n' $scheme $((port + 1000))
			printf '    issuer: kist-test\n    rootcertbundle: %s/token.crt\n' "$dir"
			;;
		proxy=*) printf 'proxy: {remoteurl: %s}\n' "${option#proxy=}" ;;
		esac
	done
}

# What docker-registry and the token server answer, whatever it is, means that they are there.
registry_wait() { # pid, url, log
	local i
	for i in $(seq $((200 * ${KIST_SLOW:-1}))); do
		"${NET[@]}" curl -sk -o /dev/null "$2" --max-time 2 && return 0
		# mutual TLS turns us away, but by then it listens
		[ $? = 56 ] && return 0
		kill -0 "$1" 2>/dev/null || break
		sleep 0.05
	done
	echo "$2 did not start:" >&2
	tail -n 20 "$3" >&2
	return 1
}

# A work folder $W with two archives: plain.tar, of busybox, and odd.tar, of an image "odd:1" with every kind of entry.
odd_images() {
	W=$KIST_HOME/work
	export W
	mkdir "$W"
	load_busybox
	kist save -o "$W/plain.tar" busybox
	kist rmi busybox
	python3 "$REGISTRY_LIB/odd_image.py" "$W/plain.tar" "$W/odd.tar" odd:1
}

# registry_start NAME PORT [tls] [mtls] [htpasswd | token [token-OPTION...]] [proxy=URL]
# token-OPTION is a flag of token_server.py without its dashes: token-expires=5, token-anonymous=, token-no-post=
registry_start() {
	local name=$1 port=$2 dir scheme=http
	shift 2
	registry_home
	registry_net
	dir=$REGISTRY_HOME/$name
	mkdir -p "$dir"
	case " $* " in *" tls "*) scheme=https ;; esac
	registry_htpasswd >"$dir/htpasswd"
	case " $* " in *" token "*) registry_token_start "$dir" $((port + 1000)) "$@" || return 1 ;; esac
	registry_config "$dir" "$port" "$@" >"$dir/config.yml"
	OTEL_TRACES_EXPORTER=none "${NET[@]}" docker-registry serve "$dir/config.yml" >>"$dir/log" 2>&1 </dev/null 3>&- &
	echo $! >"$dir/pid"
	registry_wait $! $scheme://127.0.0.1:"$port"/v2/ "$dir/log"
}

registry_token_start() { # folder, port, options
	local dir=$1 port=$2 option scheme=http flags=()
	shift 2
	for option; do
		case $option in
		tls)
			scheme=https
			flags+=(--tls "$(registry_ca)-server")
			;;
		token-*=) option=${option%=}; flags+=("--${option#token-}") ;;
		token-*) flags+=("--${option#token-}") ;;
		esac
	done
	if [ ! -e "$dir/token.crt" ]; then
		openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=kist test tokens" \
			-keyout "$dir/token.key" -out "$dir/token.crt" 2>/dev/null
	fi
	"${NET[@]}" python3 "$REGISTRY_LIB/token_server.py" --port "$port" --key "$dir/token" --log "$dir/token.log" \
		--user "$REGISTRY_USER" --password "$REGISTRY_PASSWORD" "${flags[@]}" >>"$dir/token.out" 2>&1 </dev/null 3>&- &
	echo $! >"$dir/token.pid"
	registry_wait $! $scheme://127.0.0.1:"$port"/ "$dir/token.out"
}

# registry_mock NAME PORT [flags of image_mock.py]
registry_mock() {
	local name=$1 port=$2 dir scheme=http
	shift 2
	registry_home
	registry_net
	dir=$REGISTRY_HOME/$name
	mkdir -p "$dir"
	: >"$dir/asked"
	case " $* " in *" --tls "*) scheme=https ;; esac
	"${NET[@]}" python3 "$REGISTRY_LIB/image_mock.py" --port "$port" --log "$dir/asked" --size 300000 "$@" \
		>>"$dir/log" 2>&1 </dev/null 3>&- &
	echo $! >"$dir/pid"
	registry_wait $! $scheme://127.0.0.1:"$port"/v2/ "$dir/log"
}
# registry_proxy NAME PORT [flags of proxy.py]
registry_proxy() {
	local name=$1 port=$2 dir scheme=http
	shift 2
	registry_home
	registry_net
	dir=$REGISTRY_HOME/$name
	mkdir -p "$dir"
	: >"$dir/asked"
	case " $* " in *" --tls "*) scheme=https ;; esac
	"${NET[@]}" python3 "$REGISTRY_LIB/proxy.py" --port "$port" --log "$dir/asked" "$@" >>"$dir/log" 2>&1 </dev/null 3>&- &
	echo $! >"$dir/pid"
	registry_wait $! $scheme://127.0.0.1:"$port"/ "$dir/log"
	: >"$dir/asked"
}
# What a mock or a proxy was asked since registry_forget, a line for each request (a mock's is JSON).
registry_asked() { # NAME
	cat "$REGISTRY_HOME/$1/asked"
}
registry_forget() { # NAME...
	local name
	for name; do : >"$REGISTRY_HOME/$name/asked"; done
}

# The file with docker-registry's log: one line for each request ("http.request.method=GET http.request.uri=...").
registry_log() { # NAME
	echo "$REGISTRY_HOME/$1/log"
}
# One line of JSON for each request that the token server got: method, path, query or form, authorization, status.
registry_token_log() { # NAME
	echo "$REGISTRY_HOME/$1/token.log"
}

registry_end() { # file with a pid
	local pid i
	[ -e "$1" ] || return 0
	pid=$(cat "$1")
	rm -f "$1"
	kill "$pid" 2>/dev/null || return 0
	for i in $(seq "$(patience 100)"); do
		case $(ps -o stat= -p "$pid" 2>/dev/null) in "" | Z*) break ;; esac
		sleep 0.05
	done
	wait "$pid" 2>/dev/null || true
}

registry_stop() { # NAME
	registry_end "$REGISTRY_HOME/$1/pid"
	registry_end "$REGISTRY_HOME/$1/token.pid"
}

registry_stop_all() {
	local dir
	[ -n "${REGISTRY_HOME:-}" ] || return 0
	for dir in "$REGISTRY_HOME"/*/; do
		registry_stop "$(basename "$dir")"
	done
	rm -rf "$REGISTRY_HOME"
	unset REGISTRY_HOME
}

# skopeo in the registries' network namespace; --tls-verify=false is the caller's to say.
registry_skopeo() {
	registry_net
	"${NET[@]}" skopeo --insecure-policy "$@"
}

# A test's own config.json for both commands: an entry is enough to keep them from taking a credential helper that happens to
# be installed.
registry_client_config() {
	export DOCKER_CONFIG=$BATS_TEST_TMPDIR/config
	mkdir -p "$DOCKER_CONFIG"
	echo '{"auths": {"a.example": {}}}' >"$DOCKER_CONFIG/config.json"
}
