"""Images: load, save, commit, pull and push, kist against dockerd, podman and what tar alone takes.

Data roots lie on the fresh ext4 of the run, the registry's storage on a tmpfs, so that its disk is not measured. Before
every turn the image is removed and everything dirty is written out.
"""
import os, random, shutil, statistics, subprocess, threading, time

from common import Daemon, below, have, log, memory

REGISTRY = "127.0.0.1:5000"


class Peak(threading.Thread):
    """The most memory that families of processes held while something ran: the sum of their proportional set sizes."""

    def __init__(self, *pids):
        super().__init__(daemon=True)
        self.pids, self.kilobytes, self.largest, self.stopped = pids, 0, 0, threading.Event()

    def run(self):
        while not self.stopped.wait(0.02):
            each = [memory({pid})[1] for pid in set().union(*map(below, self.pids))]
            if sum(each) > self.kilobytes:
                self.kilobytes, self.largest = sum(each), max(each)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()


def shell(script, *args):
    subprocess.run(["sh", "-ec", script, "sh", *args], check=True, stdin=subprocess.DEVNULL)


def prepare(build):
    """Makes Debian's minimal base once, before the network is out of reach; kept in the build folder."""
    kept = build + "/bench-debian.tar"
    if os.path.exists(kept) or not have("mmdebstrap"):
        return
    log("bench: making a Debian base with mmdebstrap")
    made = subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "bookworm", kept + ".new.tar"],
                          stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if made.returncode == 0:
        os.rename(kept + ".new.tar", kept)


def debian_root(build, point):
    """layer.tar.gz: Debian's minimal base, or as much of this machine's own programs where there is no mirror."""
    if os.path.exists(build + "/bench-debian.tar"):
        shell('gzip -6 -n <"$1/bench-debian.tar" >"$2/layer.tar.gz"', build, point)
        return "Debian minbase"
    log("bench: no Debian base could be made: files of this machine instead")
    shell("""cd "$1"; find /usr/bin /usr/lib/x86_64-linux-gnu /usr/share -xdev -type f -size -3000k 2>/dev/null |
        sort | awk 'NR % 3 == 0' | head -n 9000 >list
        tar -cf - --owner=0 --group=0 -T list 2>/dev/null | gzip -6 -n >layer.tar.gz; rm list""", point)
    return "files of this machine"


def layers_of(point, count):
    """@count small layers of 5 MB: programs and libraries, each elsewhere."""
    shell(r"""cd "$1"; mkdir -p many; find /usr/bin /usr/lib/x86_64-linux-gnu -xdev -type f -size -800k 2>/dev/null | sort >list
        total=$(wc -l <list); i=0
        while [ $i -lt "$2" ]; do
            awk -v n="$2" -v i=$i 'NR % n == i' list | head -n 60 >part
            tar -cf many/$i.tar --owner=0 --group=0 --transform "s,^,part$i/," -T part 2>/dev/null
            gzip -6 -n -f many/$i.tar; i=$((i + 1))
        done; rm list part""", point, str(count))
    return ["%s/many/%d.tar.gz" % (point, i) for i in range(count)]


def archive(point, name, layers):
    """An archive that docker load takes, with the compressed layers as they are."""
    shell(r"""cd "$1"; out=$2; shift 2; rm -rf oci; mkdir -p oci/blobs/sha256
        put() { s=$(sha256sum "$1" | cut -d" " -f1); cp "$1" oci/blobs/sha256/$s; echo $s; }
        diffs= layers= paths=
        for l in "$@"; do
            s=$(put "$l"); d=$(gunzip -c "$l" | sha256sum | cut -d" " -f1)
            diffs="$diffs,\"sha256:$d\""; paths="$paths,\"blobs/sha256/$s\""
            layers="$layers,{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar.gzip\",\"size\":$(stat -c %s "$l"),\"digest\":\"sha256:$s\"}"
        done
        printf '{"architecture":"amd64","os":"linux","config":{"Cmd":["true"]},"rootfs":{"type":"layers","diff_ids":[%s]}}' "${diffs#,}" >c
        c=$(put c)
        printf '{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":%d,"digest":"sha256:%s"},"layers":[%s]}' \
            $(stat -c %s c) $c "${layers#,}" >m
        m=$(put m)
        printf '{"imageLayoutVersion":"1.0.0"}' >oci/oci-layout
        printf '[{"Config":"blobs/sha256/%s","RepoTags":["%s:latest"],"Layers":[%s]}]' $c $out "${paths#,}" >oci/manifest.json
        printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","size":%d,"digest":"sha256:%s","annotations":{"io.containerd.image.name":"docker.io/library/%s:latest","org.opencontainers.image.ref.name":"latest"}}]}' \
            $(stat -c %s m) $m $out >oci/index.json
        tar -C oci -cf $out.tar .; rm -rf oci/blobs c m; mv oci/index.json $out.index; rm -rf oci""", point, name, *layers)
    return "%s/%s.tar" % (point, name)


def registry(home):
    """Debian's docker-registry, storing on the tmpfs of the run; None where it is not installed."""
    if not have("docker-registry"):
        return None
    os.makedirs(home + "/run/registry")
    with open(home + "/registry.yml", "w") as f:
        f.write("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/run/registry}, delete: {enabled: true}}\n"
                "http: {addr: '%s'}\n" % (home, REGISTRY))
    out = open(home + "/registry.log", "wb")
    return subprocess.Popen(["docker-registry", "serve", home + "/registry.yml"], stdout=out, stderr=out, stdin=subprocess.DEVNULL)


def daemons_on(home, point):
    sock = point + "/k.sock"
    found = {"kist": Daemon("kistd-images", home, [
        "kistd", "--data-root", point + "/kd", "--exec-root", home + "/run/ke2", "--host", "unix://" + sock,
        "--pidfile", home + "/k2.pid", "--bridge", "none"], sock)}
    if have("dockerd"):
        sock = point + "/d.sock"
        found["docker"] = Daemon("dockerd-images", home, [
            "dockerd", "--data-root", point + "/dd", "--exec-root", home + "/run/de2", "--host", "unix://" + sock,
            "--pidfile", home + "/d2.pid", "--bridge", "none", "--iptables=false"], sock)
    return found


def turns(cases, rounds):
    """cases: name -> (prepare, run). Medians in milliseconds, in turns."""
    times = {name: [] for name in cases}
    for _ in range(rounds):
        order = list(cases)
        random.shuffle(order)
        for name in order:
            prepare, run = cases[name]
            prepare()
            os.sync()
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) * 1000)
    return {name: statistics.median(t) for name, t in times.items()}


def report(title, figures, base, results):
    results[title] = figures
    print("\n### %s\n" % title)
    print("| | ms | x %s |\n| --- | ---: | ---: |" % base)
    for name, f in figures.items():
        print("| %s | %.1f | %.3f |" % (name, f, f / figures[base]), flush=True)


def kist(daemon, *args):
    done = subprocess.run(["kist", "-H", "unix://" + daemon.sock, *args], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit("bench: kist %s: %s" % (" ".join(args), done.stderr))
    return done.stdout


def command(name, daemon):
    """How the user of a daemon says something: kist to kistd, docker to dockerd."""
    return (lambda *args: kist(daemon, *args)) if name == "kist" else (lambda *args: daemon.need(*args))


def podman(point, *args, must=True):
    done = subprocess.run(["podman", "--root", point + "/pd", "--runroot", point + "/pr", "--tmpdir", point + "/pt", "--storage-driver", "overlay", *args],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode and must:
        raise SystemExit("bench: podman %s: %s" % (" ".join(args), done.stderr))


def ours(cases):
    """The peer that ratios are to: docker where it is, else the last one."""
    return "docker" if "docker" in cases else list(cases)[-1]


def plain_tar(point, layers):
    def prepare():
        shutil.rmtree(point + "/plain", ignore_errors=True)
        os.makedirs(point + "/plain")

    def run():
        for layer in layers:
            shell('gunzip -c "$1" | tar -C "$2/plain" -xf -; sync -f "$2/plain"', layer, point)
    return prepare, run


def bench_load(point, daemons, rounds, results, what, layers):
    tar = archive(point, "bench-big", layers)
    cases = {}
    for name, d in daemons.items():
        say = command(name, d)
        cases[name] = (lambda d=d: d.docker("rmi", "-f", "bench-big"), lambda say=say: say("load", "-q", "-i", tar))
    if have("podman"):
        cases["podman"] = (lambda: podman(point, "rmi", "-f", "bench-big", must=False), lambda: podman(point, "load", "-q", "-i", tar))
    cases["gunzip, tar, sync"] = plain_tar(point, layers)
    report("load of one gzip layer (%s, %d MB)" % (what, os.path.getsize(layers[0]) >> 20), turns(cases, rounds), ours(cases), results)


def bench_save(point, daemons, rounds, results):
    cases = {}
    for name, d in daemons.items():
        say = command(name, d)
        d.need("load", "-q", "-i", point + "/bench-big.tar")
        cases[name] = (lambda: None, lambda say=say, name=name: say("save", "-o", "%s/saved.%s" % (point, name), "bench-big"))
    if have("podman"):
        saved = point + "/saved.podman" # which podman does not write over

        def clear():
            if os.path.exists(saved):
                os.unlink(saved)
        podman(point, "load", "-q", "-i", point + "/bench-big.tar")
        cases["podman"] = (clear, lambda: podman(point, "save", "-q", "-o", saved, "bench-big"))
    report("save to a file", turns(cases, rounds), ours(cases), results)
    for name in cases:
        os.unlink("%s/saved.%s" % (point, name))


def bench_commit(home, daemons, rounds, results, layer):
    """A container that has written the base twice, in 340 MB and 16,000 files."""
    unpack = "mkdir /a /b && for d in a b; do gunzip -c /layer | tar -x -C /$d -f -; done"
    cases = {}
    for name, d in daemons.items():
        say = command(name, d)
        d.need("load", "-q", "-i", home + "/busybox.tar")
        d.need("run", "--name", "bench-commit", "--network", "none", "-v", layer + ":/layer:ro", "busybox", "sh", "-ec", unpack)
        cases[name] = (lambda d=d: d.docker("rmi", "-f", "bench-committed"), lambda say=say: say("commit", "bench-commit", "bench-committed"))
    report("commit of 340 MB", turns(cases, rounds), ours(cases), results)
    for d in daemons.values():
        d.docker("rmi", "-f", "bench-committed")
        d.docker("rm", "-f", "bench-commit")


def bench_pull(point, daemons, rounds, results, name, layers):
    """The image has to be in the registry as REGISTRY/name."""
    ref = "%s/%s" % (REGISTRY, name)
    cases, peak = {}, {}
    for who, d in daemons.items():
        say = command(who, d)

        def run(who=who, d=d, say=say):
            say("pull", "-q", ref)
        cases[who] = (lambda d=d: d.docker("rmi", "-f", ref), run)
    if have("podman"):
        cases["podman"] = (lambda: podman(point, "rmi", "-f", ref, must=False),
                           lambda: podman(point, "pull", "-q", "--tls-verify=false", ref))
    cases["gunzip, tar, sync"] = plain_tar(point, layers)
    base = ours(cases)
    report("pull of %s, %d layers" % (name, len(layers)), turns(cases, rounds), base, results)
    for who, d in daemons.items():
        d.docker("rmi", "-f", ref)
        with Peak(d.process.pid) as p:
            command(who, d)("pull", "-q", ref)
        peak[who] = p.kilobytes
    results["memory of pull " + name] = peak
    print("\nMost memory of all processes while it was pulled (PSS, MB): %s" %
          ", ".join("%s %.1f" % (who, kb / 1024) for who, kb in peak.items()), flush=True)
    again = {who: (lambda: None, lambda who=who, d=d: command(who, d)("pull", "-q", ref)) for who, d in daemons.items()}
    report("pull of %s again" % name, turns(again, rounds * 3), base if base in again else list(again)[0], results)


def forget(home, name):
    """Takes a repository and every blob out of the registry, so that the next push has everything to do."""
    shutil.rmtree(home + "/run/registry/docker/registry/v2/repositories/" + name, ignore_errors=True)
    shutil.rmtree(home + "/run/registry/docker/registry/v2/blobs", ignore_errors=True)


def bench_push(home, point, daemons, rounds, results, what, image):
    """@image, which everybody has, pushed to where nothing of it is."""
    cases = {}
    for who, d in daemons.items():
        ref = "%s/pushed-%s" % (REGISTRY, who)
        d.need("tag", image, ref)
        cases[who] = (lambda who=who: forget(home, "pushed-" + who), lambda who=who, d=d, ref=ref: command(who, d)("push", "-q", ref))
    if have("podman"):
        ref = REGISTRY + "/pushed-podman"
        cases["podman"] = (lambda: forget(home, "pushed-podman"),
                           lambda: podman(point, "push", "-q", "--tls-verify=false", image, ref))
    report("push of " + what, turns(cases, rounds), ours(cases), results)


def bench_pushes(home, point, daemons, rounds, results, layer):
    """A layer that came compressed, which need not be compressed again, and one that came plain and must be."""
    plain = point + "/layer.tar"
    # with a file more: kist knows the compressed form of the other one, whatever image it came in
    shell("""gunzip -c "$1" >"$2"; date >"$3/bench-date"
        tar -rf "$2" -C "$3" bench-date; rm "$3/bench-date"; """, layer, plain, point)
    for d in daemons.values():
        d.need("load", "-q", "-i", point + "/bench-big.tar")
        d.need("import", plain, "bench-plain")
    if have("podman"):
        podman(point, "load", "-q", "-i", point + "/bench-big.tar")
        podman(point, "import", "-q", plain, "bench-plain")
    os.unlink(plain)
    bench_push(home, point, daemons, rounds, results, "one layer", "bench-big")
    bench_push(home, point, daemons, rounds, results, "one layer that came uncompressed", "bench-plain")


def publish(home, point, name, daemon):
    """Puts the archive @name into the registry by skopeo, else by the daemon; layers stay as they are compressed."""
    ref = "%s/%s" % (REGISTRY, name)
    if have("skopeo"):
        done = subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false",
                               "docker-archive:%s/%s.tar" % (point, name), "docker://" + ref], capture_output=True, text=True)
        if done.returncode == 0:
            return
        log("bench: skopeo: " + done.stderr.strip())
    daemon.need("load", "-q", "-i", "%s/%s.tar" % (point, name))
    daemon.need("tag", name, ref)
    daemon.need("push", "-q", ref)
    daemon.need("rmi", "-f", ref, name)


# What unpacking takes depends on the window alone, which is given, so that nobody waits for the compressors' highest levels.
PACKINGS = (("plain", "cat"), ("gzip", "gzip -1 -n"), ("bzip2 -9", "bzip2 -9"), ("zstd -3, 2 MiB", "zstd -q -3 --zstd=wlog=21"),
            ("zstd -19, 8 MiB", "zstd -q -3 --zstd=wlog=23"), ("zstd --long=27, 128 MiB", "zstd -q -3 --long=27"),
            ("xz -6, 8 MiB", "xz --lzma2=preset=0,dict=8MiB"), ("xz -9, 64 MiB", "xz --lzma2=preset=0,dict=64MiB"))


def bench_peaks(home, results):
    """The most memory of the command, the daemon and everything below it while 200 MB are imported: once each."""
    point = home + "/peaks"
    os.makedirs(point)
    # 4 MB of programs again and again: windows fill as by anything else
    shell(r"""cd "$1"; find /usr/bin /usr/lib/x86_64-linux-gnu -xdev -type f -size -800k 2>/dev/null | sort | head -n 200 >list
        tar -cf - --owner=0 --group=0 -T list 2>/dev/null | head -c 4M >4; for i in $(seq 50); do cat 4; done >whole
        tar -cf tar --owner=0 --group=0 whole; rm list 4 whole""", point)
    daemon = Daemon("kistd-peaks", home, [
        "kistd", "--data-root", point + "/kd", "--exec-root", home + "/run/ke3", "--host", "unix://" + point + "/k.sock",
        "--pidfile", home + "/k3.pid", "--bridge", "none"], point + "/k.sock")
    figures = {}
    try:
        for name, pack in PACKINGS:
            if not have(pack.split()[0]):
                continue
            shell('cat "$1/tar" | %s >"$1/packed"' % pack, point) # from a pipe: a size that is known makes a window smaller
            command = subprocess.Popen(["kist", "-H", "unix://" + daemon.sock, "import", point + "/packed", "peak"],
                                       stdout=subprocess.DEVNULL)
            with Peak(daemon.process.pid, command.pid) as p:
                if command.wait():
                    raise SystemExit("bench: the import of what %s made failed" % name)
            figures[name] = [p.kilobytes, p.largest]
            daemon.need("rmi", "peak")
    finally:
        daemon.stop()
    results["memory of import"] = figures
    print("\n### Most memory while 200 MB are imported (PSS, MiB)\n\n| | all processes | the largest of them |\n| --- | ---: | ---: |")
    for name, (whole, largest) in figures.items():
        print("| %s | %.1f | %.1f |" % (name, whole / 1024, largest / 1024), flush=True)


def bench(home, build, results, rounds, only):
    point = home + "/images"
    os.makedirs(point)
    what = debian_root(build, point)
    base = [point + "/layer.tar.gz"]
    many = layers_of(point, 20)
    server = registry(home)
    daemons = daemons_on(home, point)
    try:
        bench_load(point, daemons, rounds, results, what, base)
        if "images" not in only:
            return
        bench_save(point, daemons, rounds, results)
        bench_commit(home, daemons, rounds, results, base[0])
        if server:
            archive(point, "bench-many", many)
            publisher = daemons.get("docker", daemons["kist"])
            for name in ("bench-big", "bench-many"):
                publish(home, point, name, publisher)
            for d in daemons.values(): # nothing of them may be here
                d.need("rmi", "-f", "bench-big")
            if have("podman"):
                podman(point, "rmi", "-f", "bench-big")
            bench_pull(point, daemons, rounds, results, "bench-big", base)
            bench_pull(point, daemons, rounds, results, "bench-many", many)
            bench_pushes(home, point, daemons, rounds, results, base[0])
    finally:
        for d in daemons.values():
            d.stop()
        if server:
            server.terminate()
            server.wait()
