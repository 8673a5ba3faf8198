#!/usr/bin/env python3
"""Hostile layers and archives, byte by byte, on standard output.

    hostile.py layer ENTRY...     a layer's tar. ENTRY: f:NAME:TEXT file, d:NAME:MODE folder, l:NAME:TARGET symlink, h:NAME:TARGET
                                  hard link; a mode in octal
    hostile.py many N             a layer with N empty files in one folder, hundred bytes each name
    hostile.py long N             a layer with a file whose name has N bytes
    hostile.py image TAG LAYER... a docker archive of these files (docker load reads it), CONFIG from $CONFIG (JSON, or {})
    hostile.py raw NAME=FILE...   a tar with these members, as they are
    hostile.py serve DIR PORT     a registry: manifests from DIR/NAME, their type from DIR/NAME.type, blobs from DIR/blobs/DIGEST
"""

import hashlib
import http.server
import json
import os
import sys
import tarfile

out = sys.stdout.buffer
KINDS = {"f": b"0", "h": b"1", "l": b"2", "d": b"5"}


def header(name, kind, size, mode=0o644, link=b""):
    h = bytearray(512)
    h[:len(name)] = name
    h[100:107], h[108:115], h[116:123] = b"%07o" % mode, b"%07o" % 0, b"%07o" % 0
    h[124:135], h[136:147] = b"%011o" % size, b"%011o" % 0
    h[156:157], h[257:265] = kind, b"ustar\x0000"
    h[157:157 + len(link)] = link
    h[148:156] = b" " * 8
    h[148:155] = b"%06o\0" % sum(h)
    return bytes(h)


def put(name, kind, data=b"", mode=0o644, link=b""):
    # a pax header where ustar has no room
    records = b""
    for key, value in ((b"path", name), (b"linkpath", link)):
        if len(value) > 99:
            n = len(key) + len(value) + 3
            while len(b"%d" % n) + len(key) + len(value) + 3 != n:
                n = len(b"%d" % n) + len(key) + len(value) + 3
            records += b"%d %s=%s\n" % (n, key, value)
    if records:
        put(b"pax", b"x", records)
    out.write(header(name[:99], kind, len(data), mode, link[:99]))
    out.write(data + bytes(-len(data) % 512))


def end():
    out.write(bytes(1024))


def layer(*entries):
    for entry in entries:
        kind, name, value = entry.split(":", 2)
        name, value = name.encode(), value.encode()
        if kind == "f":
            put(name, b"0", value)
        elif kind == "d":
            put(name, b"5", mode=int(value, 8))
        else:
            put(name, KINDS[kind], link=value, mode=0o777)
    end()


def many(n):
    put(b"many/", b"5", mode=0o755)
    block = header(b"many/" + b"n" * 86 + b"%08d" % 0, b"0", 0)
    total = sum(block) - sum(block[148:156]) + 8 * 32
    for i in range(int(n)):
        h = bytearray(block)
        digits = b"%08d" % i
        h[91:99] = digits
        h[148:155] = b"%06o\0" % (total + sum(digits) - 8 * 48)
        out.write(h)
    end()


def long(n):
    put(b"n" * int(n), b"0", b"x")
    end()


def image(tag, *layers):
    diff_ids = []
    for i, file in enumerate(layers):
        with open(file, "rb") as f:
            data = f.read()
        diff_ids.append("sha256:" + hashlib.sha256(data).hexdigest())
        put(b"%d/layer.tar" % i, b"0", data)
    config = {"architecture": "amd64", "os": "linux", "config": json.loads(os.environ.get("CONFIG", "{}")),
              "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    put(b"c.json", b"0", json.dumps(config).encode())
    put(b"manifest.json", b"0", json.dumps([{"Config": "c.json", "RepoTags": [tag], "Layers": [
        "%d/layer.tar" % i for i in range(len(layers))]}]).encode())
    end()


def raw(*members):
    tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT)
    for member in members:
        name, file = member.split("=", 1)
        info = tar.gettarinfo(file, name)
        with open(file, "rb") as f:
            tar.addfile(info, f)
    tar.close()


def serve(folder, port):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            parts = self.path.strip("/").split("/")
            file = None
            if len(parts) == 4 and parts[2] in ("manifests", "blobs"):
                file = os.path.join(folder, parts[1] if parts[2] == "manifests" else "blobs/" + parts[3])
            if self.path == "/v2/" or not file or not os.path.exists(file):
                body, status, kind = b"{}", 200 if self.path == "/v2/" else 404, "application/json"
            else:
                with open(file, "rb") as f:
                    body, status = f.read(), 200
                kind = "application/octet-stream"
                if os.path.exists(file + ".type"):
                    with open(file + ".type", encoding="ascii") as f:
                        kind = f.read().strip()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


{"layer": layer, "many": many, "long": long, "image": image, "raw": raw, "serve": serve}[sys.argv[1]](*sys.argv[2:])
