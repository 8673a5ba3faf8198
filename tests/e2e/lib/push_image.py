#!/usr/bin/env python3
"""Makes an image of made-up files and puts it into a registry without anybody's help, for tests.

push_image.py URL REPOSITORY TAG [--layers N] [--bytes N] [--compress gzip|zstd|zstd:WINDOWLOG|xz|plain,...] [--platforms P,...] [--oci]
              [--nested] [--seed S]

Layer i holds /layer<i>/data (--bytes of noise) and /etc/layer<i> with the platform's name. With several platforms the tag
names an index; --nested: of indexes, one for each, which tell no platform. Prints the digest of what the tag names, then for each manifest its platform and digest.
"""
import argparse
import gzip
import hashlib
import io
import json
import lzma
import random
import subprocess
import tarfile
import urllib.request

p = argparse.ArgumentParser()
p.add_argument("url")
p.add_argument("repository")
p.add_argument("tag")
p.add_argument("--layers", type=int, default=1)
p.add_argument("--bytes", type=int, default=1000)
p.add_argument("--compress", default="gzip")
p.add_argument("--platforms", default="linux/amd64")
p.add_argument("--oci", action="store_true")
p.add_argument("--nested", action="store_true")
p.add_argument("--seed", default="0")
a = p.parse_args()

DOCKER, OCI = "application/vnd.docker.distribution.manifest", "application/vnd.oci.image"
MANIFEST = OCI + ".manifest.v1+json" if a.oci else DOCKER + ".v2+json"
INDEX = OCI + ".index.v1+json" if a.oci else DOCKER + ".list.v2+json"
CONFIG = OCI + ".config.v1+json" if a.oci else "application/vnd.docker.container.image.v1+json"
LAYER = {"gzip": OCI + ".layer.v1.tar+gzip", "zstd": OCI + ".layer.v1.tar+zstd", "xz": OCI + ".layer.v1.tar+xz",
         "plain": OCI + ".layer.v1.tar"} if a.oci else {
             k: "application/vnd.docker.image.rootfs.diff.tar" + ("" if k == "plain" else "." + k)
             for k in ("gzip", "zstd", "xz", "plain")}


def digest(b):
    return "sha256:" + hashlib.sha256(b).hexdigest()


def request(method, path, body=None, kind=None):
    url = path if "://" in path else a.url + path
    r = urllib.request.Request(url, data=body, method=method)
    r.add_header("Content-Type", kind or "application/octet-stream")
    return urllib.request.urlopen(r)


def blob(b):
    where = request("POST", f"/v2/{a.repository}/blobs/uploads/", b"").headers["Location"]
    request("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest(b), b)
    return digest(b)


def manifest(ref, b, kind):
    request("PUT", f"/v2/{a.repository}/manifests/{ref}", b, kind)
    return {"mediaType": kind, "digest": digest(b), "size": len(b)}


def tar(i, platform):
    out = io.BytesIO()
    noise = random.Random(f"{a.seed} {i} {platform}").randbytes(a.bytes)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for name, content in ((f"layer{i}/data", noise), (f"etc/layer{i}", platform.encode())):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1000000000
            t.addfile(info, io.BytesIO(content))
    return out.getvalue()


def packed(b, how):
    if how == "gzip":
        return gzip.compress(b, 1, mtime=0)
    if how == "xz":
        return lzma.compress(b, preset=0)
    if how.startswith("zstd"): # from a pipe: its size is not known, and the window not made smaller
        window = ["--long=" + how[5:]] if how[5:] else []
        return subprocess.run(["zstd", "-q", "-c", *window], input=b, stdout=subprocess.PIPE, check=True).stdout
    return b


def image(platform, ref):
    system, arch, *variant = platform.split("/")
    hows, layers, ids = a.compress.split(","), [], []
    for i in range(a.layers):
        plain, how = tar(i, platform), hows[i % len(hows)]
        b = packed(plain, how)
        ids.append(digest(plain))
        layers.append({"mediaType": LAYER[how.split(":")[0]], "size": len(b), "digest": blob(b)})
    config = json.dumps({"architecture": arch, "os": system, **({"variant": variant[0]} if variant else {}),
                         "config": {"Cmd": ["/x"], "Labels": {"seed": a.seed}},
                         "rootfs": {"type": "layers", "diff_ids": ids}}).encode()
    doc = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": {
        "mediaType": CONFIG, "size": len(config), "digest": blob(config)}, "layers": layers}, indent=1).encode()
    d = manifest(ref or digest(doc), doc, MANIFEST)
    d["platform"] = {"os": system, "architecture": arch, **({"variant": variant[0]} if variant else {})}
    return d


def index(entries, ref=None):
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, indent=1).encode()
    return manifest(ref or digest(text), text, INDEX)


platforms = a.platforms.split(",")
done = [image(x, a.tag if len(platforms) == 1 else None) for x in platforms]
if len(platforms) > 1:
    print(index([index([d]) for d in done] if a.nested else done, a.tag)["digest"])
else:
    print(done[0]["digest"])
for x, d in zip(platforms, done):
    print(x, d["digest"])
