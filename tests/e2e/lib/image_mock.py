#!/usr/bin/env python3
"""A registry that has an image of two layers under every name, and misbehaves as the name says, for tests.

A dash does for the dot, as Docker Hub's names have none before the first slash.

/v2/PART.KIND/...   PART (manifest, config or layer: the upper one) goes as KIND says: a behaviour of registry_mock.py, or
                    other (other bytes, as many). /v2/PART.KIND/COUNT/...: the first COUNT requests for it only.
/v2/token.KIND/..., /v2/basic/...   ask who we are first, as registry_mock.py
/v2/foreign/...     asks (Basic); the upper layer is a foreign one: at --other/blob/NAME/DIGEST, with a name and
                    a password in that URL. foreign.basic, foreign.bearer: and there
                    somebody asks who we are, too. foreign.lies: another image with the same layers, whose manifest's digest comes
                    before the other's; at its URL are other bytes, as many
/v2/away/...        asks (Basic); blobs are redirected to --other; away.basic, away.bearer: as above
/v2/elsewhere/...   asks (Basic); uploads go to --other
/v2/nohead.STATUS/...   answers every HEAD with that; nohead.nodigest: a manifest's without Docker-Content-Digest;
                    /v2/PART.KIND/nohead/...: with 405
/v2/lists/...       lists what has a subject by itself (OCI-Subject)
/v2/raced/...       keeps manifests, with an ETag; whoever puts one with If-Match for the first time finds that somebody was faster
/v2/first/...       keeps manifests, without an ETag; whoever puts a list where none is finds that somebody was faster
/v2/overrun/...     keeps manifests, without an ETag and heeding nothing; somebody else's list takes the place of the first one
/v2/moved/...       keeps manifests, and redirects to --other, which has an ETag, and one list: moved.lost: and which has lost all
/v2/listless/...    takes no list of referrers; listless.never: whoever puts one with If-Match is always too late
/v2/index/..., nested, rings, wide, folds, arm, artifact, bare, many   what the tag names: an index, indexes in an index (of which the
                    last is this machine's, a manifest that tells no platform), sixty in each other, a thousand in one, four in each
                    other, each a hundred times, nothing for this machine, no image, nothing at all, an image of 10,000 layers
/v2/useless.KIND/...   the upper layer has its digest and is none: noise or HTML, a gzip stream that is cut off or goes on with
                    something else, a tar that is cut off or leads out of the image, another diffID, a bomb of zstd
/v2/history/...     its history has more layers than it
"""
import gzip
import hashlib
import io
import itertools
import json
import random
import subprocess
import tarfile
import urllib.parse

import registry_mock as mock

DOCKER, OCI = "application/vnd.docker.distribution.manifest", "application/vnd.oci.image"
INDEX, MANIFEST = OCI + ".index.v1+json", OCI + ".manifest.v1+json"
FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
KEEPING = ("lists", "raced", "listless", "listless.never", "first", "overrun", "moved", "moved.lost")
args = None
blobs = {}
documents = {}  # by name: {tag or digest: (media type, bytes)}
kept = {}  # by path: (media type, bytes)


def digest_of(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


def keep(b):
    blobs[digest_of(b)] = b
    return {"digest": digest_of(b), "size": len(b)}


def layer(name, i):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        info = tarfile.TarInfo("file%d" % i)
        info.size = args.size
        t.addfile(info, io.BytesIO(random.Random("%s %d" % (name, i)).randbytes(args.size)))
    return out.getvalue()


def tar_of(name, data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def bomb(_):
    zeroes = subprocess.run(["zstd", "-c"], input=bytes(64 << 20), stdout=subprocess.PIPE, check=True).stdout
    return subprocess.run(["zstd", "-c"], input=tar_of("f", b""), stdout=subprocess.PIPE, check=True).stdout + zeroes * 20


USELESS = {
    "noise": lambda tar: gzip.compress(random.Random(1).randbytes(len(tar)), 1, mtime=0),
    "html": lambda tar: b"<html><body>Log in to the hotel</body></html>\n" * 100,
    "cut": lambda tar: gzip.compress(tar, 1, mtime=0)[:-1000],
    "more": lambda tar: gzip.compress(tar, 1, mtime=0) + b"and now for something completely different",
    "cuttar": lambda tar: gzip.compress(tar[:len(tar) // 2], 1, mtime=0),
    "out": lambda tar: gzip.compress(tar_of("../../f", b"x"), 1, mtime=0),
    "diffid": lambda tar: gzip.compress(tar, 1, mtime=0),
    "bomb": bomb,
}


def make_useless(name, kind):
    image = make_image(name)
    config = json.loads(blobs[image["config"]["digest"]])
    body = USELESS[kind](layer(name, 1))
    plain = body if kind == "html" else gzip.decompress(body) if kind in ("noise", "cuttar", "out") else layer(name, 1)
    config["rootfs"]["diff_ids"][1] = digest_of(b"another" if kind == "diffid" else plain)
    image["layers"][1].update(keep(body))
    image["config"].update(keep(json.dumps(config).encode()))
    return image


def make_history(name):
    image = make_image(name)
    config = json.loads(blobs[image["config"]["digest"]])
    config["history"] = [{"created_by": str(i)} for i in range(3)]
    image["config"].update(keep(json.dumps(config).encode()))
    return image


def as_bytes(doc):
    return json.dumps(doc, indent=1).encode()


def make_image(name, foreign=None, note=""):
    tars = [layer(name, i) for i in range(2)]
    config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/x"], "Labels": {"long": "x" * 20000, "note": note}},
              "rootfs": {"type": "layers", "diff_ids": [digest_of(t) for t in tars]}}
    layers = [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", **keep(gzip.compress(t, 1, mtime=0))}
              for t in tars]
    if foreign:
        where = "%s/%s/%s/%s" % (args.other.replace("://", "://someone:theirs@"), foreign, name, layers[1]["digest"])
        layers[1] = {**layers[1], "mediaType": FOREIGN, "urls": [where]}
    return {"schemaVersion": 2, "mediaType": DOCKER + ".v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", **keep(json.dumps(config).encode())},
            "layers": layers}


def make_lying():
    """foreign.lies, found first where manifests are sorted."""
    true = digest_of(as_bytes(make_image("foreign", "blob")))
    lying = (make_image("foreign", "lies", str(i)) for i in itertools.count())
    return next(m for m in lying if digest_of(as_bytes(m)) < true)


def make_many(name):
    image = make_image(name)
    image["layers"] = [{**image["layers"][0], "digest": digest_of(b"%d" % i)} for i in range(10000)]
    return image


def make_artifact(layers):
    return {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example+type",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", **keep(b"{}")},
            "layers": [{"mediaType": "text/plain", **keep(b"hello\n")}] * layers}


class Documents:
    """What a name's tag stands for, and everything below it."""

    def __init__(self):
        self.by = {}

    def add(self, doc, ref=None):
        b = as_bytes(doc)
        self.by[digest_of(b)] = (doc["mediaType"], b)
        if ref:
            self.by[ref] = (doc["mediaType"], b)
        return {"mediaType": doc["mediaType"], "digest": digest_of(b), "size": len(b)}

    def index(self, entries, ref=None):
        return self.add({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, ref)


def documents_for(name):
    d = Documents()
    here = {"platform": {"os": "linux", "architecture": "amd64"}}
    kind, _, more = name.partition(".")
    if kind == "index":
        d.index([{**d.add(make_image(name)), **here}], "latest")
    elif kind == "nested":
        other = {"platform": {"os": "linux", "architecture": "s390x"}}
        d.index([{**d.index([d.add(make_image(name))]), **other}, d.index([{**d.add(make_image(name)), **other}]),
                 d.index([d.add(make_artifact(1)), d.add(make_image(name))])], "latest")
    elif kind == "wide":
        image = d.add(make_image(name))
        d.index([d.index([{**image, "platform": {"os": "linux", "architecture": "s390x", "variant": str(i)}}])
                 for i in range(1000)], "latest")
    elif kind == "rings":
        below = {**d.add(make_image(name)), **here}
        for i in range(60):
            below = d.index([below], "latest" if i == 59 else None)
    elif kind == "folds":
        below = {**d.add(make_image(name)), **here}
        for i in range(4):
            below = d.index([below] * 100, "latest" if i == 3 else None)
    elif kind == "arm":
        d.index([{**d.add(make_image(name)), "platform": {"os": "linux", "architecture": "arm64"}}], "latest")
    elif kind in ("artifact", "bare"):
        d.add(make_artifact(1 if kind == "artifact" else 0), "latest")
    elif kind == "useless":
        d.add(make_useless(name, more), "latest")
    elif kind == "history":
        d.add(make_history(name), "latest")
    elif kind == "many":
        d.add(make_many(name), "latest")
    elif name == "foreign.lies":
        d.add(make_lying(), "latest")
    elif kind == "foreign":
        d.add(make_image(name, "asks." + more if more else "blob"), "latest")
    else:
        d.add(make_image(name), "latest")
    return d.by


class Handler(mock.Handler):
    def do_GET(self):
        words = urllib.parse.urlsplit(self.path).path.split("/")[1:]
        if words[0] == "blob" and len(words) == 3:
            self.prepare(words[1])
            return self.send_blob("fine", words[2])
        if words[0] == "lies" and len(words) == 3:
            self.prepare(words[1])
            return self.send_blob("other", words[2])
        if words[0] == "document" and len(words) == 3:
            self.prepare(words[1])
            return self.send_manifest("fine", *documents[words[1]][words[2]])
        if words[0] == "kept" and len(words) == 4 and words[1] != "moved.lost":
            media_type, body = kept["/v2/%s/a/manifests/%s" % (words[1], words[3])]
            return self.answer(200, body, [("Content-Type", media_type), ("ETag", '"the storage has this"')])
        if words[0].startswith("asks.") and len(words) == 3:
            return self.ask(words[0][5:])
        if words[:2] == ["v1", "search"]:
            return self.search()
        if words[0] == "token":
            return self.token()
        if words == ["v2", ""] and args.login and not self.authorized("token." + args.login):
            return None
        if words[0] != "v2" or len(words) < 4:
            return self.answer(200 if words == ["v2", ""] else 404)
        return self.repository(words[1].replace("-", "."), words[2:-2], words[-2], words[-1])

    def prepare(self, name):
        with mock.lock:
            if name not in documents:
                documents[name] = documents_for(name)

    def ask(self, how):
        challenge = 'Basic realm="x"'
        if how == "bearer":
            challenge = 'Bearer realm="%s://127.0.0.1:%d/token/good",service="mock"' % (args.scheme, args.port)
        self.error(401, "UNAUTHORIZED", "authentication required", [("WWW-Authenticate", challenge)])

    def known(self, name):
        asks = name.partition(".")[0] in ("basic", "foreign", "away", "elsewhere") and not args.good
        if asks and not self.headers.get("Authorization"):
            self.ask("basic")
            return False
        return True

    def do_POST(self):
        words = self.path.split("/")
        if words[1] == "v2" and not self.known(words[2]):
            return None
        return super().do_POST()

    def do_PUT(self):
        words = self.path.split("/")
        if words[-2] != "manifests" or words[2] not in KEEPING:
            return super().do_PUT()
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = [("Docker-Content-Digest", digest_of(body))]
        subject = json.loads(body).get("subject")
        if words[2] == "lists" and subject:
            headers.append(("OCI-Subject", subject["digest"]))
        if words[2] == "listless" and words[-1].startswith("sha256-"):
            return self.error(403, "DENIED", "requested access to the resource is denied")
        with mock.lock:
            match, there = self.headers.get("If-Match"), kept.get(self.path)
            late = match and match != '"%s"' % digest_of(there[1])
        if match and (words[2] == "listless.never" or mock.count(self.path) == 1):
            somebody = json.loads(there[1])
            somebody["manifests"].append({"mediaType": MANIFEST, "digest": "sha256:%064d" % len(somebody["manifests"]),
                                          "size": 1, "artifactType": "type/somebody"})
            kept[self.path] = (INDEX, as_bytes(somebody))
            late = True
        somebody = as_bytes({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
            {"mediaType": MANIFEST, "digest": "sha256:%064d" % 7, "size": 1, "artifactType": "type/somebody"}]})
        once = words[-1].startswith("sha256-") and words[2] in ("first", "overrun") and mock.count(self.path) == 1
        if once:
            kept[self.path] = (INDEX, somebody)
        if words[2] == "moved" and match or once and words[2] == "first" and self.headers.get("If-None-Match") == "*":
            late = True
        if late:
            return self.answer(412)
        if once and words[2] == "overrun":
            return self.answer(201, b"", headers)
        kept[self.path] = (self.headers.get("Content-Type"), body)
        return self.answer(201, b"", headers)

    def repository(self, name, rest, what, ref):
        if name.startswith("token.") and not self.authorized(name):
            return None
        if not self.known(name):
            return None
        how = name.partition(".")[2] if name.startswith("nohead.") and self.command == "HEAD" else ""
        if how.isdigit():
            return self.answer(int(how))
        if rest and rest[0] == "nohead" and self.command == "HEAD":
            return self.answer(405)
        if what == "tags":
            body = json.dumps({"name": name, "tags": ["latest"]}).encode()
            return self.answer(200, body, [("Content-Type", "application/json")])
        self.prepare(name)
        part, _, kind = name.partition(".")
        if args.good:
            part = "fine"
        if rest and rest[0].isdigit() and mock.count("/".join([name, rest[0], self.part_of(name, what, ref)])) > int(rest[0]):
            part = "fine"
        if part == "foreign" and self.part_of(name, what, ref) == "layer":
            return self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if part == "away" and what == "blobs":
            where = "%s/%s/%s/%s" % (args.other, "asks." + kind if kind else "blob", name, ref)
            return self.answer(307, b"", [("Location", where)])
        kind = kind if part == self.part_of(name, what, ref) else "fine"
        if self.path in kept:
            media_type, body = kept[self.path]
            if name.startswith("moved") and ref.startswith("sha256-"):
                return self.answer(307, b"", [("Location", "%s/kept/%s/a/%s" % (args.other, name, ref))])
            if name in ("first", "overrun"):
                return self.answer(200, body, [("Content-Type", media_type)])
            return self.answer(200, body, [("Content-Type", media_type), ("ETag", '"%s"' % digest_of(body))])
        if what == "manifests":
            nothing = documents[name]["latest"] if kind == "other" else (None, None)
            return self.send_manifest(kind, *documents[name].get(ref, nothing))
        return self.send_blob(kind, ref)

    def part_of(self, name, what, ref):
        if what == "manifests":
            return "manifest"
        for _, text in documents[name].values():
            m = json.loads(text)
            if ref == m.get("config", {}).get("digest"):
                return "config"
            if m.get("layers") and ref == m["layers"][-1]["digest"]:
                return "layer"
        return "below"

    def send_manifest(self, kind, media_type, body):
        if not body:
            return self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        headers = [("Content-Type", media_type), ("Docker-Content-Digest", digest_of(body))]
        if "nodigest" in self.path:
            headers.pop()
        if kind == "other":
            return self.answer(200, body.replace(b"amd64", b"arm64").replace(b"\n", b" "), headers[:1])
        if kind == "redirect":
            words = self.path.split("/")
            return self.answer(301, b"", [("Location", "%s/document/%s/%s" % (args.other, words[2], words[-1]))])
        special = getattr(self, "manifest_" + kind, None)
        return special(headers) if special else self.answer(200, body, headers)

    def manifest_denied(self, headers):
        self.error(403, "DENIED", "requested access to the resource is denied")

    def manifest_gone(self, headers):
        self.error(404, "MANIFEST_UNKNOWN", "manifest unknown")

    def send_blob(self, kind, digest):
        body = blobs.get(digest)
        if body is None:
            return self.error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        asked, status, headers = self.headers.get("Range"), 200, [("Content-Type", "application/octet-stream")]
        if kind == "other":
            body = bytes(255 - b for b in body)
        whole = len(body)
        if asked and kind != "norange":
            start = int(asked.split("=")[1].split("-")[0])
            if start >= whole:
                return self.answer(416)
            status, body = 206, body[start:]
            headers.append(("Content-Range", "bytes %d-%d/%d" % (start, whole - 1, whole)))
        special = getattr(self, "blob_" + kind, None)
        return special(status, body, headers) if special else self.answer(status, body, headers)

    def blob_huge(self, status, body, headers):
        self.answer(200, b" " * (5 << 20), headers, length="none")
        self.hang_up()

    def blob_error(self, status, body, headers):
        self.answer(500, b"oops", [("Content-Type", "text/plain")])


def main():
    global args
    args = mock.read_args(__doc__)
    mock.serve(Handler)


main()
