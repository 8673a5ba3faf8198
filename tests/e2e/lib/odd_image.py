#!/usr/bin/env python3
"""Adds a layer with one of each kind of entry to the image in a docker archive, for tests.

odd_image.py ARCHIVE OUT TAG
"""
import hashlib
import io
import json
import sys
import tarfile

# version 2, effective, cap_net_raw permitted
CAPABILITY = bytes([1, 0, 0, 2, 0, 0x20, 0, 0]) + bytes(12)


def add(tar, name, data=None, **more):
    info = tarfile.TarInfo(name)
    info.mtime = 1600000000
    info.mode = 0o644
    for key, value in more.items():
        setattr(info, key, value)
    if data is not None:
        info.size = len(data)
    tar.addfile(info, io.BytesIO(data) if data is not None else None)


def layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        add(t, "odd", type=tarfile.DIRTYPE, mode=0o750)
        add(t, "odd/file", bytes(range(256)) * 4000, uid=12, gid=34)
        add(t, "odd/empty", b"")
        add(t, "odd/capable", b"program", mode=0o755,
            pax_headers={"SCHILY.xattr.security.capability": CAPABILITY.decode("utf-8", "surrogateescape"),
                         "SCHILY.xattr.user.note": "kept"})
        add(t, "odd/link", type=tarfile.SYMTYPE, linkname="file")
        add(t, "odd/hard", type=tarfile.LNKTYPE, linkname="odd/file")
        add(t, "odd/fifo", type=tarfile.FIFOTYPE)
        add(t, "odd/device", type=tarfile.CHRTYPE, devmajor=1, devminor=3)
        add(t, "odd/opaque/.wh..wh..opq", b"")
        add(t, "odd/opaque/new", b"new")
        add(t, "etc/.wh.group", b"")
        # a file that a later entry replaces: its content lies beside the recipe
        add(t, "odd/twice", b"first")
        add(t, "odd/twice", b"second")
    return out.getvalue()


archive, to, tag = sys.argv[1:4]
with tarfile.open(archive) as t:
    manifest = json.load(t.extractfile("manifest.json"))[0]
    config = json.load(t.extractfile(manifest["Config"]))
    layers = [t.extractfile(name).read() for name in manifest["Layers"]]
layers.append(layer())
config["rootfs"]["diff_ids"] = ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in layers]
config.setdefault("history", []).append({"created_by": "odd_image.py"})
text = json.dumps(config).encode()
name = hashlib.sha256(text).hexdigest() + ".json"
with tarfile.open(to, "w") as t:
    add(t, name, text)
    for i, tar in enumerate(layers):
        add(t, f"{i}.tar", tar)
    add(t, "manifest.json", json.dumps(
        [{"Config": name, "RepoTags": [tag], "Layers": [f"{i}.tar" for i in range(len(layers))]}]).encode())
