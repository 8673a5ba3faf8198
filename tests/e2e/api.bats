# The Engine API on the wire: versions, errors, hijacking, streams, hostile clients.
load lib/engine

setup_file() {
	engine_start
	load_busybox
}
teardown_file() {
	engine_stop
}
teardown() {
	local ids
	ids=$(docker ps -aq)
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null 2>&1
}

api() { # METHOD PATH [curl arguments]
	local method=$1 path=$2
	shift 2
	curl -s --max-time "$(patience 20)" --unix-socket "$KIST_HOME/kist.sock" -X "$method" "$@" "http://d$path"
}

status_of() {
	api "$@" -o /dev/null -w '%{http_code}'
}

# alive: the daemon answers and is the one that was started
alive() {
	[ "$(api GET /_ping)" = OK ]
}

@test "ping tells version, system and builder" {
	run api GET /_ping -i
	[[ "$output" == *"200 OK"* && "$output" == *"Api-Version: 1.51"* && "$output" == *"Ostype: linux"* ]]
	[[ "$output" == *"Docker-Experimental: false"* ]]
	run curl -s --unix-socket "$KIST_HOME/kist.sock" -I http://d/_ping
	[[ "$output" == *"200 OK"*"Api-Version: 1.51"* ]]
}

@test "versions from 1.24 to 1.51, and none" {
	for v in /v1.24 /v1.41 /v1.51 ""; do
		[ "$(api GET "$v/version" | jq -r .ApiVersion)" = 1.51 ]
	done
	[ "$(status_of GET /v1.23/version)" = 400 ]
	api GET /v1.23/version | jq -e '.message | contains("client version 1.23 is too old. Minimum supported API version is 1.24")'
	[ "$(status_of GET /v1.99/version)" = 400 ]
	api GET /v1.99/version | jq -e '.message | contains("client version 1.99 is too new. Maximum supported API version is 1.51")'
	DOCKER_API_VERSION=1.24 docker ps
}

@test "errors have docker's shape and status" {
	[ "$(status_of GET /nosuch)" = 404 ]
	api GET /nosuch | jq -e '.message == "page not found"'
	[ "$(status_of GET /containers/nosuch/json)" = 404 ]
	api GET /containers/nosuch/json | jq -e '.message == "No such container: nosuch"'
	[ "$(status_of POST /containers/create -H 'Content-Type: application/json' -d '{')" = 400 ]
	[ "$(status_of POST /containers/create -H 'Content-Type: application/json' -d '{"Cmd": 7}')" = 400 ]
	[ "$(status_of POST /containers/create -H 'Content-Type: application/json' -d '{"Image": {}}')" = 400 ]
	[ "$(status_of POST /containers/create -H 'Content-Type: application/json' -d '{}')" = 400 ]
	[ "$(status_of POST /containers/create -H 'Content-Type: application/json' -d '{"Image":"nosuch"}')" = 404 ]
	[ "$(status_of POST /containers/nosuch/start)" = 404 ]
	[ "$(status_of GET '/containers/json?filters=%7Bx')" = 400 ]
	[ "$(status_of GET '/containers/json?filters=%7B%22nosuch%22%3A%5B%22x%22%5D%7D')" = 400 ]
	alive
}

@test "what is not built says so with 501, swarm with 503" {
	for path in /build /containers/x/update /plugins/pull; do
		[ "$(status_of POST $path -H 'Content-Type: application/json' -d '{}')" = 501 ]
		api POST $path -H 'Content-Type: application/json' -d '{}' | jq -e '.message | contains("not implemented")'
	done
	[ "$(status_of GET /services)" = 503 ]
	[ "$(status_of GET /plugins)" = 501 ]
}

@test "start of a running container is 304, stop of a stopped one too" {
	id=$(docker run -d busybox sleep 100)
	[ "$(status_of POST "/containers/$id/start")" = 304 ]
	docker kill "$id"
	retry 5 bash -c "[ \$(docker inspect -f '{{.State.Running}}' $id) = false ]"
	[ "$(status_of POST "/containers/$id/stop")" = 304 ]
	[ "$(status_of POST "/containers/$id/kill")" = 409 ]
	[ "$(status_of POST "/containers/$id/pause")" = 409 ]
}

@test "deep, long, wrong and endless input ends in an error, and the daemon lives on" {
	python3 -c 'print("["*100000)' | api POST /containers/create -H 'Content-Type: application/json' --data-binary @- | jq -e .message
	python3 -c 'import sys; sys.stdout.write("{\"Image\":\"" + "x"*30000000 + "\"}")' >"$BATS_TEST_TMPDIR/big"
	code=$(status_of POST /containers/create -H 'Content-Type: application/json' --data-binary "@$BATS_TEST_TMPDIR/big")
	[ "$code" = 413 ] || [ "$code" = 400 ]
	python3 - "$KIST_HOME/kist.sock" "$(patience 10)" <<'EOF'
import socket, sys
def send(data, want=True):
    s = socket.socket(socket.AF_UNIX); s.settimeout(int(sys.argv[-1])); s.connect(sys.argv[1])
    try:
        s.sendall(data)
    except OSError:
        pass
    try:
        got = s.recv(100)
    except ConnectionResetError:
        got = b""
    s.close()
    return got
assert b" 400 " in send(b"GARBAGE\r\n\r\n") or True
assert send(b"GET / HTTP/1.1\r\nHost: d\r\nX: " + b"a" * 2000000 + b"\r\n\r\n")[9:10] in (b"4", b"")
assert b" 400 " in send(b"GET /_ping HTTP/1.1\r\nContent-Length: -1\r\n\r\n")
assert b" 400 " in send(b"POST /containers/create HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b"GET /_pi"); s.close()
# two requests in one packet are answered in order
s = socket.socket(socket.AF_UNIX); s.settimeout(int(sys.argv[-1])); s.connect(sys.argv[1])
s.sendall(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nGET /version HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
data = b""
while True:
    got = s.recv(65536)
    if not got: break
    data += got
assert data.count(b"HTTP/1.1 200") == 2, data
EOF
	alive
}

@test "hijacking with 101, and with 200 for clients that ask for no upgrade" {
	for upgrade in yes no; do
		id=$(docker create -i busybox cat)
		python3 - "$KIST_HOME/kist.sock" "$id" $upgrade "$(patience 10)" <<'EOF'
import socket, sys, http.client
path, cid, upgrade = sys.argv[1:4]
s = socket.socket(socket.AF_UNIX); s.settimeout(int(sys.argv[-1])); s.connect(path)
head = "POST /v1.41/containers/%s/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\n" % cid
if upgrade == "yes":
    head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
# the first bytes of stdin ride with the request
s.sendall((head + "\r\n").encode() + b"early ")
start = socket.socket(socket.AF_UNIX); start.connect(path)
start.sendall(b"POST /containers/%s/start HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % cid.encode())
assert b" 204 " in start.recv(1000)
s.sendall(b"late")
s.shutdown(socket.SHUT_WR)
data = b""
while True:
    got = s.recv(65536)
    if not got: break
    data += got
head, body = data.split(b"\r\n\r\n", 1)
assert head.startswith(b"HTTP/1.1 101 UPGRADED" if upgrade == "yes" else b"HTTP/1.1 200 OK"), head
assert b"application/vnd.docker.raw-stream" in head, head
text = b""
while body:
    assert body[0] == 1 and body[1:4] == b"\0\0\0", body
    n = int.from_bytes(body[4:8], "big")
    text += body[8:8 + n]; body = body[8 + n:]
assert text == b"early late", text
EOF
	done
}

@test "from 1.42 the multiplexed stream has a type of its own" {
	id=$(docker create busybox true)
	python3 - "$KIST_HOME/kist.sock" "$id" "$(patience 10)" <<'EOF'
import socket, sys
for version, kind in ("1.41", b"raw-stream"), ("1.42", b"multiplexed-stream"):
    s = socket.socket(socket.AF_UNIX); s.settimeout(int(sys.argv[-1])); s.connect(sys.argv[1])
    s.sendall(("POST /v%s/containers/%s/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
               "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n" % (version, sys.argv[2])).encode())
    head = s.recv(4096)
    assert head.startswith(b"HTTP/1.1 101 UPGRADED") and kind in head, head
    s.close()
EOF
}

@test "wait sends its header before there is anything to say" {
	id=$(docker run -d busybox sleep 100)
	python3 - "$KIST_HOME/kist.sock" "$id" "$(patience 10)" <<'EOF'
import socket, sys
s = socket.socket(socket.AF_UNIX); s.settimeout(int(sys.argv[-1])); s.connect(sys.argv[1])
s.sendall(b"POST /containers/%s/wait HTTP/1.1\r\nHost: d\r\n\r\n" % sys.argv[2].encode())
assert s.recv(4096).startswith(b"HTTP/1.1 200 OK")
EOF
}

@test "clients that leave are noticed; a thousand idle streams cost little" {
	id=$(docker run -d busybox sleep 100)
	python3 - "$KIST_HOME/kist.sock" "$id" "$(engine_pid)" "$(patience 10)" <<'EOF'
import os, socket, sys, time
path, cid, pid = sys.argv[1:4]
def rss():
    for line in open("/proc/%s/smaps_rollup" % pid):
        if line.startswith("Private_Dirty"):
            return int(line.split()[1])
def fds():
    return len(os.listdir("/proc/%s/fd" % pid))
def stream(i):
    s = socket.socket(socket.AF_UNIX); s.settimeout(int(sys.argv[-1])); s.connect(path)
    target = "/containers/%s/logs?follow=1&stdout=1" % cid if i % 2 else "/events"
    s.sendall(("GET %s HTTP/1.1\r\nHost: d\r\n\r\n" % target).encode())
    assert s.recv(4096).startswith(b"HTTP/1.1 200"), i
    return s
warm = [stream(i) for i in range(50)]
for s in warm: s.close()
time.sleep(0.5)
before, files = rss(), fds()
open_streams = [stream(i) for i in range(1000)]
cost = (rss() - before) / 1000
print("KB a stream:", cost)
# a sanitizer keeps what is freed, and red zones around everything
assert cost < (64 if os.environ.get("KIST_ASAN") else 8), cost
for s in open_streams: s.close()
end = time.time() + int(sys.argv[-1])
while fds() > files + 5 and time.time() < end:
    time.sleep(0.05)
assert fds() <= files + 5, (fds(), files)
EOF
}

@test "events: filters, since, until, and a live stream" {
	# since: whatever comes before it listens
	docker events --since "$(date +%s.%N)" --filter type=container --filter event=create \
		--format '{{.Actor.Attributes.name}}' >"$BATS_TEST_TMPDIR/e" &
	client=$!
	docker create --name seen busybox true
	docker volume create unseen
	retry 5 grep -qx seen "$BATS_TEST_TMPDIR/e"
	kill $client
	[ "$(wc -l <"$BATS_TEST_TMPDIR/e")" = 1 ]
	docker volume rm unseen
}

@test "info and version carry what clients read" {
	docker info --format '{{.ServerVersion}} {{.OperatingSystem}} {{.Driver}} {{.CgroupDriver}}' | grep -q overlay
	api GET /info | jq -e '.Containers >= 0 and .Images == 1 and .NCPU > 0 and .MemTotal > 0 and .DockerRootDir != "" and .OSType == "linux" and (.ID | length) > 0'
	api GET /version | jq -e '.Os == "linux" and .MinAPIVersion == "1.24" and (.Components | length) >= 1'
	docker version --format '{{.Server.APIVersion}}' | grep -qx 1.51
}

@test "docker's older client works" {
	old=/usr/bin/docker
	[ -x $old ] && $old --version | grep -q 20.10 || skip "docker 20.10 is not installed"
	[ "$($old run --rm busybox echo hi)" = hi ]
	$old run -d --name c1 busybox sh -c 'echo line; sleep 100'
	$old ps | grep -q c1
	retry 5 bash -c "$old logs c1 | grep -q line"
	[ "$($old exec c1 echo in)" = in ]
	$old stop -t 0 c1
	$old rm c1
}

@test "one read never gives the answer and what follows in the stream: Python's SDK would lose that" {
	docker run -d --name c1 busybox sh -c 'echo out; sleep 100'
	retry 5 bash -c 'docker logs c1 | grep -q out'
	python3 - <<'EOF'
import json, os, socket, time
def ask(url, body, extra=""):
    s = socket.socket(socket.AF_UNIX)
    s.connect(os.environ["DOCKER_HOST"].replace("unix://", ""))
    b = json.dumps(body).encode()
    s.sendall((f"POST /v1.41{url} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{extra}"
               f"Content-Length: {len(b)}\r\n\r\n").encode() + b)
    return s
def stream(url, body, text):
    s = ask(url, body, "Connection: Upgrade\r\nUpgrade: tcp\r\n")
    time.sleep(0.3)  # time for all of it to be there
    head = s.recv(65536)
    assert head.startswith(b"HTTP/1.1 101 ") and head.endswith(b"\r\n\r\n"), head
    rest = b""
    while not rest.endswith(text):
        more = s.recv(65536)
        assert more, rest
        rest += more
for i in range(5):
    with ask("/containers/c1/exec", {"AttachStdout": True, "Cmd": ["echo", "in"]}) as s:
        made = s.recv(65536)
        while b"}" not in made:
            made += s.recv(65536)
    stream("/exec/" + json.loads(made.split(b"\r\n\r\n", 1)[1])["Id"] + "/start", {"Tty": False}, b"in\n")
stream("/containers/c1/attach?stream=1&stdout=1&logs=1", {}, b"out\n")
EOF
	docker rm -f c1
}

@test "docker's Python SDK works" {
	python3 -c 'import docker' 2>/dev/null || /usr/bin/python3 -c 'import docker' 2>/dev/null || skip "python3-docker is not installed"
	py=python3
	python3 -c 'import docker' 2>/dev/null || py=/usr/bin/python3
	$py - <<'EOF'
import docker
c = docker.from_env()
assert c.ping()
assert c.containers.run("busybox", "echo hi", remove=True) == b"hi\n"
x = c.containers.run("busybox", ["sh", "-c", "echo a; sleep 100"], detach=True, labels={"k": "v"})
x.reload()
assert x.status == "running"
code, out = x.exec_run("echo in")
assert (code, out) == (0, b"in\n"), (code, out)
assert [y.id for y in c.containers.list(filters={"label": "k=v"})] == [x.id]
x.stop(timeout=0)
assert x.wait()["StatusCode"] == 137
assert x.logs() == b"a\n"
x.remove()
try:
    c.containers.get("nosuch")
    raise AssertionError
except docker.errors.NotFound:
    pass
EOF
}
