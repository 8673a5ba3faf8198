#!/usr/bin/env python3
"""A web server with one folder, for tests that import from a URL. The path's first word says how it serves the file of the
second: plain, chunked, cut (the first half of what it promised), cutchunked, stall (the first half, then nothing), mute
(no answer), endless (noise for ever), STATUS (three digits), to (redirects to --other/plain/FILE), near (to /plain/FILE), home
(to http://HOST/plain/FILE), named (to --other/plain/FILE with a name and a password of its own), circle, file (redirects
to a file: URL). Each request becomes a line of --log: method, path, and its headers as JSON."""
import argparse
import http.server
import json
import os
import ssl
import time

p = argparse.ArgumentParser()
p.add_argument("--port", type=int, required=True)
p.add_argument("--folder", required=True)
p.add_argument("--log", required=True)
p.add_argument("--other")
p.add_argument("--tls")
a = p.parse_args()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def head(self, status, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, str(value))
        self.end_headers()

    def hang(self):
        while True:
            time.sleep(1)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def do_GET(self):
        with open(a.log, "a", encoding="utf-8") as f:
            f.write("%s %s %s\n" % (self.command, self.path, json.dumps(dict(self.headers))))
        how, _, name = self.path[1:].partition("/")
        if how.isdigit():
            body = b"not\r\nfor you\x1b[31m\n"
            self.head(int(how), ("Content-Length", len(body)), ("WWW-Authenticate", 'Basic realm="x"'))
            return self.wfile.write(body)
        where = {"to": "%s/plain/%s" % (a.other, name), "near": "/plain/" + name,
                 "home": "http://%s/plain/%s" % (self.headers["Host"], name),
                 "named": "%s/plain/%s" % (str(a.other).replace("://", "://bob:hidden@"), name), "circle": self.path, "file": "file:///etc/passwd"}.get(how)
        if where:
            return self.head(302, ("Location", where), ("Content-Length", 0))
        if how == "mute":
            return self.hang()
        try:
            with open(os.path.join(a.folder, os.path.basename(name)), "rb") as f:
                body = f.read()
        except OSError:
            return self.head(404, ("Content-Length", 0))
        return self.serve(how, body)

    def serve(self, how, body):
        half = body[:len(body) // 2]
        if how in ("chunked", "cutchunked", "endless"):
            self.head(200, ("Transfer-Encoding", "chunked"))
            self.chunk(half)
            while how == "endless":
                self.chunk(os.urandom(65536))
                time.sleep(0.02)
            if how == "chunked":
                self.chunk(body[len(half):])
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.head(200, ("Content-Length", len(body)))
            self.wfile.write(body if how == "plain" else half)
            if how == "stall":
                self.hang()
        self.close_connection = True
        return None


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("", a.port), Handler)
if a.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(a.tls + ".cert", a.tls + ".key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
