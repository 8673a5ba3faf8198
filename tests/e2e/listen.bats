# Where the daemon listens: TCP behind mutual TLS, a socket handed over by a service manager, the unix socket's mode.
load lib/engine

setup_file() {
	engine_start
	load_busybox
}
teardown_file() {
	engine_stop
}

# certificates DIR: an authority, a server for 127.0.0.1, a client, and a stranger's client
certificates() {
	local d=$1 who
	mkdir -p "$d/client" "$d/stranger"
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout "$d/ca-key.pem" -out "$d/ca.pem" 2>/dev/null
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout "$d/other-key.pem" -out "$d/other.pem" 2>/dev/null
	for who in server client stranger; do
		openssl req -newkey rsa:2048 -nodes -subj "/CN=$who" -keyout "$d/$who-key.pem" -out "$d/$who.csr" 2>/dev/null
	done
	printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >"$d/server.ext"
	printf 'extendedKeyUsage=clientAuth\n' >"$d/client.ext"
	openssl x509 -req -days 2 -in "$d/server.csr" -CA "$d/ca.pem" -CAkey "$d/ca-key.pem" -CAcreateserial \
		-extfile "$d/server.ext" -out "$d/server.pem" 2>/dev/null
	openssl x509 -req -days 2 -in "$d/client.csr" -CA "$d/ca.pem" -CAkey "$d/ca-key.pem" -CAcreateserial \
		-extfile "$d/client.ext" -out "$d/client/cert.pem" 2>/dev/null
	openssl x509 -req -days 2 -in "$d/stranger.csr" -CA "$d/other.pem" -CAkey "$d/other-key.pem" -CAcreateserial \
		-extfile "$d/client.ext" -out "$d/stranger/cert.pem" 2>/dev/null
	for who in client stranger; do
		cp "$d/ca.pem" "$d/$who/ca.pem"
		cp "$d/$who-key.pem" "$d/$who/key.pem"
	done
}

@test "tcp with mutual TLS: a whole session for the client, nothing for a stranger" {
	d=$BATS_TEST_TMPDIR/tls
	certificates "$d"
	engine_end
	engine_run --host tcp://127.0.0.1:2376 --tlsverify --tlscacert "$d/ca.pem" --tlscert "$d/server.pem" \
		--tlskey "$d/server-key.pem"
	over_tls() {
		in_net env -u DOCKER_HOST docker --config "$d/config" -H tcp://127.0.0.1:2376 --tlsverify \
			--tlscacert "$d/$1/ca.pem" --tlscert "$d/$1/cert.pem" --tlskey "$d/$1/key.pem" "${@:2}"
	}
	retry 5 over_tls client version
	[ "$(over_tls client run --rm busybox echo hi)" = hi ]
	[ "$(seq 20000 | over_tls client run -i --rm busybox wc -l)" = 20000 ]
	run over_tls client run --rm busybox sh -c 'exit 9'
	[ "$status" = 9 ]
	run over_tls stranger version
	[ "$status" != 0 ]
	[[ "$output" != *"Server:"*"Version:"* ]]
	run in_net curl -s --max-time "$(patience 5)" http://127.0.0.1:2376/_ping
	[ "$output" != OK ]
	engine_end
	engine_run
}

@test "fd://: a socket from a service manager" {
	d=$BATS_TEST_TMPDIR/fd
	mkdir -p "$d"
	in_net python3 - "$d/s" "$BIN/kistd" --data-root "$d/data" --exec-root "$d/exec" --host fd:// --bridge none \
		--cgroup-parent "/$KIST_CGROUP" --pidfile "$d/pid" >"$d/log" 2>&1 3>&- <<'EOF' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(16)
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
EOF
	retry 5 curl -sf --unix-socket "$d/s" http://d/_ping
	daemon=$(cat "$d/pid")
	kill "$daemon"
	wait_gone "$daemon"
	keep_reports "$d/log"
	[ -S "$d/s" ]
}

@test "the unix socket is for root and its group only" {
	[ "$(stat -c %a "$KIST_HOME/kist.sock")" = 660 ]
}
