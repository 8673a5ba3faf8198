#!/usr/bin/env python3
"""An HTTP proxy for tests: CONNECT, and requests with a whole URL. Each becomes a line of --log: method, target, and what
Proxy-Authorization says ("-": nothing); and "certificate", if the client has shown one to --ask."""
import argparse
import http.server
import select
import socket
import ssl
import urllib.parse

p = argparse.ArgumentParser()
p.add_argument("--port", type=int, required=True)
p.add_argument("--log", required=True)
p.add_argument("--deny", action="store_true", help="407 for everybody")
p.add_argument("--tls", help="the proxy itself is on https: path without .cert and .key")
p.add_argument("--ask", help="for certificates of this CA, which clients need not have")
a = p.parse_args()
context = None
if a.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(a.tls + ".cert", a.tls + ".key")
if a.ask:
    context.load_verify_locations(a.ask)
    context.verify_mode = ssl.CERT_OPTIONAL


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def setup(self):
        if context:
            self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def note(self):
        shown = context and self.connection.getpeercert(True)
        with open(a.log, "a", encoding="utf-8") as f:
            f.write("%s %s %s%s\n" % (self.command, self.path, self.headers.get("Proxy-Authorization", "-"),
                                      " certificate" if shown else ""))

    def refuse(self):
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def relay(self, other):
        pair = [self.connection, other]
        while True:
            # what TLS has read already is not the socket's any more
            ready = [self.connection] if context and self.connection.pending() else select.select(pair, [], [])[0]
            for s in ready:
                data = s.recv(65536)
                if not data:
                    return
                pair[1 - pair.index(s)].sendall(data)

    def do_CONNECT(self):
        self.note()
        if a.deny:
            return self.refuse()
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as other:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.relay(other)
        return None

    def do_GET(self):
        self.note()
        if a.deny:
            return self.refuse()
        url = urllib.parse.urlsplit(self.path)
        if not url.hostname:
            return self.send_error(400)
        with socket.create_connection((url.hostname, url.port or 80)) as other:
            head = "%s %s HTTP/1.0\r\nHost: %s\r\n" % (self.command, url.path + ("?" + url.query if url.query else ""), url.netloc)
            head += "".join("%s: %s\r\n" % (k, v) for k, v in self.headers.items()
                            if k.lower() not in ("host", "connection", "proxy-connection", "proxy-authorization"))
            other.sendall(head.encode() + b"Connection: close\r\n\r\n")
            while data := other.recv(65536):
                self.wfile.write(data)
        self.close_connection = True
        return None

    do_HEAD = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # clients that give up


Server(("0.0.0.0", a.port), Handler).serve_forever()
