"""What the benchmarks share: isolation, timing in turns, daemons, memory."""
import os, random, shutil, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
GAP = 0.15


def log(*words):
    print(*words, file=sys.stderr, flush=True)


def isolate():
    """New network and mount namespaces; runtimes that refuse the hybrid cgroup layout get plain v1."""
    if os.environ.get("KIST_BENCH_INSIDE"):
        return
    os.environ["KIST_BENCH_INSIDE"] = "1"
    script = ('ip link set lo up; if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; '
              'mount --make-rshared /; exec "$@"')
    os.execvp("unshare", ["unshare", "-n", "-m", "--propagation", "private", "sh", "-c", script, "sh",
                          sys.executable, os.path.abspath(sys.argv[0])] + sys.argv[1:])


def timed(commands, env):
    """Wall time of commands one after the other in milliseconds; posix_spawn so that this program's size does not
    count."""
    null = os.open("/dev/null", os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, null, 2)]
    start = time.perf_counter()
    for argv in commands:
        pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        if status != 0:
            out = subprocess.run(argv, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            raise SystemExit("bench: %s failed: %s%s" % (" ".join(argv), out.stdout, out.stderr))
    took = (time.perf_counter() - start) * 1000
    os.close(null)
    return took


def compare(title, cases, base, rounds, results, also=None):
    """cases: name -> function(i) giving a command, or a list of them. Interleaved; prints medians and ratios to
    @base, and to @also."""
    figures = {}
    for mode, gap in (("hot", 0), ("gaps", GAP)):
        times = {name: [] for name in cases}
        for i in range(rounds + 2):
            order = list(cases)
            random.shuffle(order)
            for name in order:
                time.sleep(gap)
                commands = cases[name](i)
                took = timed(commands if isinstance(commands[0], list) else [commands], dict(os.environ))
                if i >= 2:  # two rounds warm everything up
                    times[name].append(took)
        for name in cases:
            figures.setdefault(name, {})[mode] = statistics.median(times[name])
    results[title] = figures
    print("\n### %s\n" % title)
    bases = [base] + ([also] if also else [])
    columns = ["%s ms" % mode if not b else "x %s" % b for mode in ("hot", "gaps") for b in [None] + bases]
    print("| | %s |\n| --- |%s" % (" | ".join(columns), " ---: |" * len(columns)))
    for name, f in figures.items():
        cells = []
        for mode in ("hot", "gaps"):
            cells.append("%.2f" % f[mode])
            cells += ["%.3f" % (f[mode] / figures[b][mode]) for b in bases]
        print("| %s | %s |" % (name, " | ".join(cells)), flush=True)


def have(program):
    return shutil.which(program) is not None


class Daemon:
    def __init__(self, name, home, argv, sock):
        self.name, self.sock = name, sock
        self.log = open(os.path.join(home, name + ".log"), "wb")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        for _ in range(600):
            if self.docker("version").returncode == 0:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("bench: %s does not start, see %s" % (name, self.log.name))

    def docker(self, *args):
        return subprocess.run(["docker", "-H", "unix://" + self.sock] + list(args), capture_output=True, text=True)

    def need(self, *args):
        r = self.docker(*args)
        if r.returncode:
            raise SystemExit("bench: %s: docker %s: %s" % (self.name, " ".join(args), r.stderr))
        return r.stdout.strip()

    def stop(self):
        ids = self.docker("ps", "-aq").stdout.split()
        if ids:
            self.docker("rm", "-f", "-v", *ids)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def family(self):
        """Pids of the daemon and of everything below it."""
        return below(self.process.pid)


def below(top):
    """Pids of @top and of its descendants."""
    parents = {}
    for d in os.listdir("/proc"):
        if d.isdigit():
            try:
                parents[int(d)] = int(open("/proc/%s/stat" % d).read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    pids, more = set(), {top}
    while more:
        pids |= more
        more = {p for p, parent in parents.items() if parent in pids} - pids
    return pids


def memory(pids):
    """Resident, proportional and private kilobytes of processes together."""
    rss = pss = private = 0
    for pid in pids:
        try:
            for line in open("/proc/%d/smaps_rollup" % pid):
                key, value = line.split(":")[0], line.split()[1]
                if key == "Rss":
                    rss += int(value)
                elif key == "Pss":
                    pss += int(value)
                elif key in ("Private_Clean", "Private_Dirty"):
                    private += int(value)
        except (OSError, IndexError):
            pass
    return rss, pss, private


def named(*names):
    """Our processes of these names; not the monitors that wait for a container."""
    found = set()
    for pid in below(os.getpid()):
        try:
            waiting = b"\0parked-" in open("/proc/%d/cmdline" % pid, "rb").read()
            if not waiting and open("/proc/%d/comm" % pid).read().strip() in names:
                found.add(pid)
        except OSError:
            pass
    return found


CGROUPS = "/sys/fs/cgroup"


def cgroup_parents():
    """Folders that runtimes and engines put their containers' cgroups in, and leave."""
    names = ("kist", "docker", "libpod_parent")
    found = [os.path.join(CGROUPS, h, n) for h in os.listdir(CGROUPS) for n in names] + [
        os.path.join(CGROUPS, n) for n in names]
    return {path for path in found if os.path.isdir(path)}


def remove_cgroup_parents(before):
    """Those that were not there @before and have nothing in them now."""
    for path in cgroup_parents() - before:
        try:
            os.rmdir(path)
        except OSError as e:
            log("bench: %s stays: %s" % (path, e.strerror))


def make_home():
    """A folder on a fresh file system, and a tmpfs for state in it; both in this mount namespace only."""
    point = tempfile.mkdtemp(prefix="kist-bench.", dir=os.environ.get("KIST_BENCH_DIR", "/tmp"))
    disk = point + ".disk"
    made = subprocess.run("truncate -s 12G %s && mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 %s && mount -o loop %s %s"
                          % (disk, disk, disk, point), shell=True)
    os.unlink(disk)
    if made.returncode != 0:  # a virtual machine's kernel may have none: the runtimes alone write next to nothing there
        log("bench: no loop device: data lies on a tmpfs")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", point], check=True)
    subprocess.run("mkdir %s/run && mount -t tmpfs tmpfs %s/run" % (point, point), shell=True, check=True)
    return point


def remove_home(point):
    subprocess.run(["umount", "-R", "-l", point])
    os.rmdir(point)
