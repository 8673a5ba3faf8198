#!/usr/bin/env python3
"""A token service for docker-registry (Docker's token authentication specification), for tests.

GET /token with basic authentication, and POST /token (OAuth 2: password and refresh_token). Tokens are
JWTs signed with RS256 through openssl; the registry checks them against KEY.crt. One user; with --anonymous
everybody may pull. Each request becomes a line of JSON in --log.
"""
import argparse
import base64
import http.server
import json
import os
import ssl
import subprocess
import time
import urllib.parse

args = None
refresh_tokens = set()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def certificate():
    with open(args.key + ".crt", encoding="ascii") as f:
        return "".join(f.read().split("-----")[2].split())


def sign(claims):
    header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate()]}
    text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    signature = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", args.key + ".key"],
        input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    return text + "." + b64(signature)


def grant(scopes, known):
    """What is asked for, cut down to what the user may do: nobody but the user pushes or deletes."""
    access = []
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = [a for a in actions.split(",") if known or (args.anonymous and a == "pull")]
        if args.deny and name.startswith(args.deny):
            allowed = []
        if allowed:
            access.append({"type": kind, "name": name, "actions": allowed})
    return access


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, document, asked=None):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="kist-test"')
        self.end_headers()
        self.wfile.write(body)
        with open(args.log, "a", encoding="utf-8") as f:
            f.write(json.dumps({
                "method": self.command, "path": self.path, "asked": asked, "status": status,
                "authorization": self.headers.get("Authorization"),
                "user-agent": self.headers.get("User-Agent")}) + "\n")

    def token(self, user, asked, offline, post):
        scopes = [s for value in asked.get("scope", []) for s in value.split()]
        now = int(time.time())
        claims = {
            "iss": "kist-test", "sub": user or "", "aud": asked.get("service", [""])[0],
            "exp": now + args.expires, "nbf": now - 10, "iat": now,
            "jti": os.urandom(8).hex(), "access": grant(scopes, bool(user))}
        document = {
            "access_token" if post else "token": sign(claims), "expires_in": args.expires,
            "issued_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))}
        if user and offline and not args.no_post:
            document["refresh_token"] = os.urandom(24).hex()
            refresh_tokens.add(document["refresh_token"])
            with open(args.key + ".refresh", "a", encoding="ascii") as f:
                f.write(document["refresh_token"] + "\n")
        if post:
            document["scope"] = " ".join(scopes)
        self.answer(200, document, asked)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        asked = urllib.parse.parse_qs(url.query)
        if url.path != "/token":
            return self.answer(404, {"details": "not found"})
        header = self.headers.get("Authorization", "")
        user = None
        if header:
            kind, _, value = header.partition(" ")
            pair = base64.b64decode(value).decode() if kind == "Basic" else ""
            if pair != args.user + ":" + args.password:
                return self.answer(401, {"details": "incorrect username or password"}, asked)
            user = args.user
        elif not args.anonymous:
            return self.answer(401, {"details": "incorrect username or password"}, asked)
        return self.token(user, asked, asked.get("offline_token") == ["true"], False)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        asked = urllib.parse.parse_qs(body)
        if self.path != "/token" or args.no_post:
            return self.answer(404 if not args.no_post else 405, {"details": "not found"})
        kind = asked.get("grant_type", [""])[0]
        if kind == "password":
            good = (asked.get("username") == [args.user] and asked.get("password") == [args.password])
        else:
            with open(args.key + ".refresh", "a+", encoding="ascii") as f:
                f.seek(0)
                good = asked.get("refresh_token", [""])[0] in f.read().split()
        if not good:
            return self.answer(401, {"error": "unauthorized_client", "details": "incorrect username or password"}, asked)
        return self.token(args.user, asked, asked.get("access_type") == ["offline"], True)


def main():
    global args
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True, help="path without .crt and .key")
    parser.add_argument("--log", required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--expires", type=int, default=300, help="seconds")
    parser.add_argument("--anonymous", action="store_true", help="everybody may pull")
    parser.add_argument("--deny", help="repositories that begin with this are nobody's")
    parser.add_argument("--no-post", action="store_true", help="as services without OAuth 2")
    parser.add_argument("--tls", help="path without .cert and .key")
    args = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("0.0.0.0", args.port), Handler)
    server.daemon_threads = True
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls + ".cert", args.tls + ".key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


main()
