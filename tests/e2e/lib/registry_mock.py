#!/usr/bin/env python3
"""A registry that misbehaves as it is told, for tests.

The repository's name says how: /v2/BEHAVIOUR/... (or /v2/BEHAVIOUR/COUNT/...: the first COUNT requests only). Each
request becomes a line of JSON in --log. There is one blob, --size bytes that a seed determines; its digest, and
that of the manifest which names it, stand in --log.digests, a line each, when the server is up.

blobs:     fine norange wrongrange norange206 cut mute stall drip short long redirect circle downgrade busy limited html
           gone file
manifests: fine wrongdigest html huge endless silent dripping schema1 error nonsense redirect circle file
tokens:    /v2/token.KIND/...: 401 until a token comes; /token/KIND: good once(expires after 3 requests) html huge
           crlf empty number denied refused(the realm is --other); hereSTATUS awaySTATUS: redirects with it to /token/everywhere, here
           or at --other, whose token is good for all mocks; downSTATUS: to http; roundSTATUS: to itself; nowhereSTATUS: to a file;
           shutSTATUS: to denied at --other
uploads:   fine chunked(asks for parts of 5 MB) lose(cuts off in the midst, once) forget(404 of the upload afterwards) elsewhere
           (Location at --other) downgrade wrongdigest
"""
import argparse
import hashlib
import http.server
import json
import random
import re
import socket
import ssl
import threading
import time
import urllib.parse

args = None
lock = threading.Lock()
counts = {}
uploads = {}
tokens = {"everywhere": 1 << 30}
blob = b""
digest = ""
manifest = b""


def say(handler, status):
    with lock, open(args.log, "a", encoding="utf-8") as f:
        f.write(json.dumps({
            "at": time.monotonic(),
            "port": args.port, "method": handler.command, "path": handler.path, "status": status,
            "authorization": handler.headers.get("Authorization"), "range": handler.headers.get("Range"),
            "cookie": handler.headers.get("X-Secret"), "length": handler.headers.get("Content-Length"),
            "content-range": handler.headers.get("Content-Range"), "form": handler.form}) + "\n")


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    form = None

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), length=None):
        say(self, status)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code, message="", headers=()):
        body = json.dumps({"errors": [{"code": code, "message": message or code.lower().replace("_", " ")}]}).encode()
        self.answer(status, body, [("Content-Type", "application/json"), *headers])

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    # ---- what is asked for

    def parts(self):
        url = urllib.parse.urlsplit(self.path)
        words = url.path.split("/")[2:]
        kind = words[0] if words else ""
        limit = None
        if len(words) > 1 and words[1].isdigit():
            limit = int(words.pop(1))
            if count(kind + "/" + str(limit) + self.command) > limit:
                kind = "fine"
        return kind, words[1:], urllib.parse.parse_qs(url.query)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        if self.path.startswith("/token/"):
            return self.token()
        if self.path.startswith("/blob"):
            return self.blob("fine")
        if self.path == "/v2/":
            return self.answer(200)
        if self.path.startswith("/v1/search"):
            return self.search()
        kind, words, query = self.parts()
        if kind.startswith("token."):
            if not self.authorized(kind):
                return None
            kind = "fine"
        if kind == "basic":
            if not self.headers.get("Authorization"):
                return self.error(401, "UNAUTHORIZED", "authentication required",
                                  [("WWW-Authenticate", 'Basic realm="x"')])
            kind = "redirect"
        if words[:1] == ["blobs"] and words[1] == "uploads":
            return self.where(words[2])
        if words[:1] == ["blobs"]:
            if self.command == "HEAD" and words[1] != digest:
                return self.answer(404)
            return self.blob(kind)
        if words[:1] == ["manifests"]:
            return self.manifest(kind, words[1])
        if words == ["tags", "list"]:
            return self.tags(kind, query)
        if words[:1] == ["referrers"]:
            return self.referrers(kind, query)
        return self.error(404, "NAME_UNKNOWN", "repository name not known to registry")

    # ---- blobs

    def blob(self, kind):
        start = 0
        asked = self.headers.get("Range")
        if asked and kind != "norange":
            start = int(asked.split("=")[1].split("-")[0])
        body = blob[start:]
        headers = [("Content-Type", "application/octet-stream")]
        status = 200
        if asked and kind != "norange":
            if start >= len(blob):
                return self.answer(416)
            status = 206
            first = start + (1000 if kind == "wrongrange" else 0)
            headers.append(("Content-Range", "bytes %d-%d/%d" % (first, len(blob) - 1, len(blob))))
        special = getattr(self, "blob_" + kind, None)
        if special:
            return special(status, body, headers)
        return self.answer(status, body, headers)

    def blob_cut(self, status, body, headers):
        self.answer(status, body[:300000], headers, length=len(body))
        self.hang_up()

    blob_norange206 = blob_cut

    def blob_mute(self, status, body, headers):
        say(self, 0)
        self.hang_up()

    def blob_stall(self, status, body, headers):
        self.answer(status, body[:5000], headers, length=len(body))
        self.wfile.flush()
        time.sleep(30)

    def blob_drip(self, status, body, headers):
        self.answer(status, b"", headers, length=len(body))
        for i in range(600):
            self.wfile.write(body[i:i + 1])
            self.wfile.flush()
            time.sleep(0.1)

    def blob_short(self, status, body, headers):
        self.answer(status, body[:-1000], headers)

    def blob_long(self, status, body, headers):
        self.answer(status, body + b"x" * 1000, headers, length="none")
        self.hang_up()

    def blob_redirect(self, status, body, headers):
        self.answer(307, b"", [("Location", args.other + "/blob?signature=secret")])

    def blob_circle(self, status, body, headers):
        self.answer(307, b"", [("Location", self.path)])

    def blob_downgrade(self, status, body, headers):
        self.answer(307, b"", [("Location", "http://127.0.0.1:%d/blob" % args.port)])

    def blob_file(self, status, body, headers):
        self.answer(307, b"", [("Location", "file:///etc/passwd")])

    def blob_busy(self, status, body, headers):
        self.error(503, "UNAVAILABLE", "come back later")

    def blob_limited(self, status, body, headers):
        self.error(429, "TOOMANYREQUESTS", "you have reached your pull rate limit", [("Retry-After", "1")])

    def blob_html(self, status, body, headers):
        self.answer(200, b"<html><body>Log in to the hotel</body></html>", [("Content-Type", "text/html")])

    def blob_gone(self, status, body, headers):
        self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")

    # ---- manifests

    def manifest(self, kind, name):
        headers = [("Content-Type", "application/vnd.oci.image.manifest.v1+json"),
                   ("Docker-Content-Digest", "sha256:" + hashlib.sha256(manifest).hexdigest())]
        special = getattr(self, "manifest_" + kind, None)
        if special:
            return special(headers)
        if kind != "fine" and not hasattr(self, "blob_" + kind):
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return self.answer(200, manifest, headers)

    def manifest_wrongdigest(self, headers):
        self.answer(200, manifest, [headers[0], ("Docker-Content-Digest", "sha256:" + "0" * 64)])

    def manifest_html(self, headers):
        self.answer(200, b"<html><body>Log in to the hotel</body></html>", [("Content-Type", "text/html; charset=utf-8")])

    def manifest_huge(self, headers):
        self.answer(200, b" " * (5 << 20), headers, length="none")
        self.hang_up()

    def manifest_endless(self, headers):
        say(self, 200)
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for i in range(100000):
            self.wfile.write(b"X-Header-%d: %s\r\n" % (i, b"x" * 100))

    def manifest_silent(self, headers):
        say(self, 0)
        time.sleep(30)

    def manifest_dripping(self, headers):
        self.answer(200, b"", headers, length=len(manifest) + 1000)
        for i in range(600):
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(0.1)

    def manifest_schema1(self, headers):
        self.answer(200, b"{}", [("Content-Type", "application/vnd.docker.distribution.manifest.v1+prettyjws")])

    def manifest_error(self, headers):
        self.answer(500, b"oops", [("Content-Type", "text/plain")])

    def manifest_nonsense(self, headers):
        say(self, 0)
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.hang_up()

    def manifest_redirect(self, headers):
        self.answer(301, b"", [("Location", args.other + "/v2/fine/manifests/latest")])

    manifest_circle = blob_circle = lambda self, *_: self.answer(307, b"", [("Location", self.path)])

    def manifest_file(self, headers):
        self.answer(302, b"", [("Location", "file:///etc/passwd")])

    # ---- tokens

    def authorized(self, kind):
        kind = kind.split(".")[1]
        given = (self.headers.get("Authorization") or "").partition(" ")[2]
        with lock:
            left = tokens.get(given, 0)
            if left:
                tokens[given] = left - 1
        if left:
            return True
        realm = (args.other if kind == "refused" else "%s://127.0.0.1:%d" % (args.scheme, args.port)) + "/token/" + kind
        if kind == "downgrade":
            realm = "http://127.0.0.1:%d/token/good" % args.port
        self.error(401, "UNAUTHORIZED", "authentication required",
                   [("WWW-Authenticate", 'Bearer realm="%s",service="mock",scope="x"' % realm)])
        return False

    def token(self):
        kind = urllib.parse.urlsplit(self.path).path.split("/")[2]
        name = "token-%d" % count("token")
        body = json.dumps({"token": name, "expires_in": 300}).encode()
        headers = [("Content-Type", "application/json")]
        redirect = re.fullmatch("(here|away|down|round|nowhere|shut)(30[0-9])", kind)
        if redirect:
            where = {"here": "/token/everywhere?signature=secret", "away": args.other + "/token/everywhere?signature=secret",
                     "down": "http://127.0.0.1:%d/token/everywhere" % args.port, "round": self.path, "nowhere": "file:///etc/passwd",
                     "shut": args.other + "/token/denied"}
            return self.answer(int(redirect[2]), b"{}", [("Location", where[redirect[1]])])
        if kind == "everywhere":
            name = kind
            body = json.dumps({"token": name}).encode()
        elif kind == "html":
            body, headers = b"<html></html>", [("Content-Type", "text/html")]
        elif kind == "huge":
            return self.answer(200, b'{"token": "' + b"x" * (2 << 20) + b'"}', headers)
        elif kind == "crlf":
            body = json.dumps({"token": "a\r\nX-Evil: yes"}).encode()
        elif kind == "empty":
            body = b"{}"
        elif kind == "number":
            body = b'{"token": 17}'
        elif kind == "denied":
            return self.answer(401, b'{"details": "incorrect username or password"}', headers)
        with lock:
            tokens.setdefault(name, 3 if kind == "once" else 1000)
        return self.answer(200, body, headers)

    # ---- lists

    def tags(self, kind, query):
        page = int(query.get("page", ["0"])[0])
        names = ["tag-%d-%d" % (page, i) for i in range(100)]
        links = {"fine": "/v2/fine/tags/list?page=%d" % (page + 1) if page < 4 else None,
                 "circle": self.path,
                 "redirect": args.other + "/v2/fine/tags/list"}
        headers = [("Content-Type", "application/json")]
        if links.get(kind):
            headers.append(("Link", '<%s>; rel="next"' % links[kind]))
        if kind == "nonsense":
            names = ["good", "bad\nname"]
        self.answer(200, json.dumps({"name": kind, "tags": names}).encode(), headers)

    def referrers(self, kind, query):
        if kind != "fine":
            return self.error(404, "NOT_FOUND", "no such API")
        page = int(query.get("page", ["0"])[0])
        index = {"schemaVersion": 2, "manifests": [
            {"mediaType": "m", "digest": digest, "size": 1, "artifactType": "type/%d" % page}]}
        headers = [("Content-Type", "application/vnd.oci.image.index.v1+json")]
        if page < 2:
            headers.append(("Link", '</v2/fine/referrers/x?page=%d>; rel="next"' % (page + 1)))
        return self.answer(200, json.dumps(index).encode(), headers)

    def search(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        results = [{"name": query["q"][0] + "-%d" % i, "description": "number %d" % i, "star_count": i,
                    "is_official": i == 0, "is_automated": False} for i in range(int(query["n"][0]))]
        self.answer(200, json.dumps({"num_results": len(results), "results": results}).encode(),
                    [("Content-Type", "application/json")])

    # ---- uploads

    def location(self, name):
        return [("Location", "/v2/up/blobs/uploads/%s?state=%d" % (name, len(uploads[name]["data"])))]

    def do_POST(self):
        kind, words, query = self.parts()
        if self.path.startswith("/token/"):
            self.form = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self.token()
            self.form = None
            return None
        if kind == "mountless" and "mount" in query:
            return self.error(401, "UNAUTHORIZED", "no")
        name = "%s-%d" % (kind, count("upload"))
        with lock:
            uploads[name] = {"kind": kind, "data": b"", "lost": 0}
        headers = self.location(name)
        if kind == "elsewhere":
            headers = [("Location", args.other + headers[0][1])]
            with lock:
                uploads[name]["kind"] = "fine"
        if kind == "nowhere":
            headers = []
        if kind == "chunked":
            headers.append(("OCI-Chunk-Min-Length", "5000000"))
        return self.answer(202, b"", headers)

    def upload(self):
        name = urllib.parse.urlsplit(self.path).path.split("/")[-1]
        return name, uploads.get(name)

    def where(self, name):
        u = uploads.get(name.split("?")[0])
        if not u or u["kind"] == "forget":
            return self.error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return self.answer(204, b"", self.location(name) + [("Range", "0-%d" % max(len(u["data"]) - 1, 0))])

    def body(self, u):
        left = int(self.headers.get("Content-Length", "0"))
        lose = u["kind"] in ("lose", "forget") and not u["lost"] and left > 700000
        if lose:
            u["lost"] = 1
            u["data"] += self.rfile.read(700000)
            if u["kind"] == "forget":
                u["data"] = b""
                u["kind"] = "forget"
            say(self, 0)
            self.hang_up()
            return False
        while left:
            part = self.rfile.read(min(left, 65536))
            if not part:
                return False
            u["data"] += part
            left -= len(part)
        return True

    def do_PATCH(self):
        name, u = self.upload()
        if not u:
            with lock:
                u = uploads[name] = {"kind": "fine", "data": b"", "lost": 0}
        expected = "%d-" % len(u["data"])
        given = self.headers.get("Content-Range")
        if given and not given.startswith(expected):
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            return self.answer(416, b"", [("Range", "0-%d" % max(len(u["data"]) - 1, 0))])
        if self.body(u):
            self.answer(202, b"", self.location(name) + [("Range", "0-%d" % max(len(u["data"]) - 1, 0))])
        return None

    def do_PUT(self):
        if "/manifests/" in self.path:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            kind = self.parts()[0]
            is_digest = "sha256:" + ("0" * 64 if kind == "wrongdigest" else hashlib.sha256(body).hexdigest())
            return self.answer(201, b"", [("Docker-Content-Digest", is_digest)])
        name, u = self.upload()
        if not u:
            with lock:
                u = uploads[name] = {"kind": "fine", "data": b"", "lost": 0}
        if not self.body(u):
            return None
        wanted = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)["digest"][0]
        is_digest = "sha256:" + hashlib.sha256(u["data"]).hexdigest()
        if wanted != is_digest:
            return self.error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        if u["kind"] == "wrongdigest":
            is_digest = "sha256:" + "0" * 64
        return self.answer(201, b"", [("Docker-Content-Digest", is_digest)])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # clients that give up


def read_args(text):
    global args
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--other", default="http://127.0.0.1:1", help="URL of another server")
    parser.add_argument("--size", type=int, default=1 << 20)
    parser.add_argument("--good", action="store_true", help="behave, whatever the name says (image_mock.py)")
    parser.add_argument("--login", metavar="KIND", help="/v2/ wants a token, as /v2/token.KIND/... (image_mock.py)")
    parser.add_argument("--tls", help="path without .cert and .key")
    args = parser.parse_args()
    args.scheme = "https" if args.tls else "http"
    return args


def serve(handler):
    server = Server(("0.0.0.0", args.port), handler)
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls + ".cert", args.tls + ".key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def main():
    global blob, digest, manifest
    read_args(__doc__)
    blob = random.Random(17).randbytes(args.size)
    digest = "sha256:" + hashlib.sha256(blob).hexdigest()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(blob)},
        "layers": []}).encode()
    with open(args.log + ".digests", "w", encoding="ascii") as f:
        f.write(digest + "\nsha256:" + hashlib.sha256(manifest).hexdigest() + "\n")
    serve(Handler)


if __name__ == "__main__":
    main()
