#!/usr/bin/env python3
"""Writes archives of images as engines do that Debian has no package of: one in both forms at once, an OCI layout
with a manifest.json beside it.

    docker_archive.py docker OUT SPEC     docker 25 and later: plain layers below blobs/sha256, oci-layout, index.json with
                                          the names as annotations, manifest.json with LayerSources, repositories
    docker_archive.py buildkit OUT SPEC   BuildKit's docker exporter: gzip layers, an index with an attestation

SPEC is JSON, a list of images: {"layers": [FILE...], "tags": [NAME...], "index_tags": [NAME...] (as tags unless given),
"indexed": false (index.json leaves it out, as docker does with a second image that has no name)}. Prints a line of
JSON for each image: its id, and the digest that index.json gives it.
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Archive:
    def __init__(self, path):
        self.tar = tarfile.open(path, "w", format=tarfile.PAX_FORMAT)
        self.names = set()

    def put(self, name, data):
        if name in self.names:
            return
        self.names.add(name)
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self.tar.addfile(info, io.BytesIO(data))

    def blob(self, media_type, data):
        hex_ = hashlib.sha256(data).hexdigest()
        self.put("blobs/sha256/" + hex_, data)
        return {"mediaType": media_type, "digest": "sha256:" + hex_, "size": len(data)}


def dump(value):
    return json.dumps(value, separators=(",", ":")).encode()


def path_of(descriptor):
    return "blobs/" + descriptor["digest"].replace(":", "/")


def full(name):
    name = name if ":" in name.rsplit("/", 1)[-1] else name + ":latest"
    return name if "." in name.split("/")[0] else "docker.io/" + ("" if "/" in name else "library/") + name


def attestation(archive, subject):
    statement = archive.blob("application/vnd.in-toto+json", dump({"_type": "https://in-toto.io/Statement/v0.1"}))
    config = archive.blob(CONFIG, dump({"architecture": "unknown", "os": "unknown", "config": {},
                                        "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]}}))
    found = archive.blob(MANIFEST, dump({"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
                                         "layers": [statement]}))
    found["platform"] = {"architecture": "unknown", "os": "unknown"}
    found["annotations"] = {"vnd.docker.reference.digest": subject["digest"],
                            "vnd.docker.reference.type": "attestation-manifest"}
    return found


def add_image(archive, image, buildkit):
    layers, diff_ids, sources = [], [], {}
    for file in image["layers"]:
        with open(file, "rb") as f:
            plain = f.read()
        diff_id = "sha256:" + hashlib.sha256(plain).hexdigest()
        diff_ids.append(diff_id)
        if buildkit:
            layers.append(archive.blob(LAYER + "+gzip", gzip.compress(plain, mtime=0)))
        else:
            layers.append(archive.blob(LAYER, plain))
            sources[diff_id] = layers[-1]
    config = archive.blob(CONFIG, dump({
        "architecture": "amd64", "os": "linux", "created": "2024-01-02T03:04:05Z",
        "config": {"Cmd": ["sh"], "Env": ["PATH=/bin"]},
        "history": [{"created_by": "layer %d" % i} for i in range(len(layers))],
        "rootfs": {"type": "layers", "diff_ids": diff_ids}}))
    manifest = archive.blob(MANIFEST, dump({"schemaVersion": 2, "mediaType": MANIFEST, "config": config,
                                            "layers": layers}))
    top = manifest
    if buildkit:
        first = dict(manifest, platform={"architecture": "amd64", "os": "linux"})
        top = archive.blob(INDEX, dump({"schemaVersion": 2, "mediaType": INDEX,
                                        "manifests": [first, attestation(archive, manifest)]}))
    entry = {"Config": path_of(config), "RepoTags": image.get("tags"), "Layers": [path_of(l) for l in layers]}
    if sources:
        entry["LayerSources"] = sources
    return config, top, entry


def main():
    form, out, spec = sys.argv[1:]
    archive = Archive(out)
    entries, index, repositories = [], [], {}
    for image in json.loads(spec):
        config, top, entry = add_image(archive, image, form == "buildkit")
        entries.append(entry)
        print(json.dumps({"id": config["digest"], "digest": top["digest"]}))
        if not image.get("indexed", True):
            continue
        tags = image.get("index_tags", image.get("tags")) or []
        for tag in tags:
            index.append(dict(top, annotations={"io.containerd.image.name": full(tag),
                                                "org.opencontainers.image.ref.name": full(tag).rsplit(":", 1)[1]}))
            repositories.setdefault(tag.rsplit(":", 1)[0], {})[tag.rsplit(":", 1)[1]] = config["digest"][7:]
        if not tags:
            index.append(top)
    archive.put("index.json", dump({"schemaVersion": 2, "mediaType": INDEX, "manifests": index}))
    archive.put("manifest.json", dump(entries))
    archive.put("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    if repositories:
        archive.put("repositories", dump(repositories))
    archive.tar.close()


main()
