/*
 * The bare-kernel floor: what a container costs with no engine at all. Clones into new namespaces, makes the
 * mounts that runc's default bundle asks for below ROOTFS, pivots into it, and executes the command; no
 * cgroups, no JSON, no checks. Everything else that bench/run prints is a multiple of this.
 *
 *   floor ROOTFS COMMAND [ARGUMENT]...
 *   floor-life create STATE ROOTFS COMMAND [ARGUMENT]...
 *   floor-life start STATE
 *   floor-life delete STATE
 *
 * As "floor-life" it does so in three programs that know of each other by a file and a socket, as create, start and
 * delete of a runtime must: after the first the container's process waits, and the last one kills it.
 *
 * As "floor-all" or "floor-life-all" it does the rest of what that bundle makes a runtime do, too: a cgroup in each v1 hierarchy with its
 * device rules, their mount, masked and read-only paths, the loopback device, capabilities. One thing after the other,
 * by path, without a check: what no runtime can leave out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/sched.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		_exit(125);
	}
}

static void node(const char *path, unsigned int minor)
{
	must(mknod(path, S_IFCHR | 0666, makedev(1, minor)) == 0 || errno == EEXIST, path);
}

#define GROUPS_MAX 32

struct groups {
	char name[GROUPS_MAX][64]; /* of the hierarchies' folders */
	char path[GROUPS_MAX][160]; /* of ours */
	int n; /* 0: plain floor */
};

static void put(const char *dir, const char *file, const char *value)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	must(fd >= 0 && write(fd, value, strlen(value)) >= 0, path);
	close(fd);
}

static void inherit(const char *dir, const char *file)
{
	char path[256], value[4096];
	snprintf(path, sizeof(path), "%s/../%s", dir, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, value, sizeof(value) - 1);
	must(n >= 0, path);
	close(fd);
	value[n] = 0;
	put(dir, file, value);
}

static void make_groups(struct groups *g)
{
	static const char *const devices[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm",
		"c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"};
	DIR *top = opendir("/sys/fs/cgroup");
	struct dirent *entry;
	while (top && g->n < GROUPS_MAX && (entry = readdir(top))) {
		char *path = g->path[g->n];
		struct statfs fs;
		snprintf(path, 160, "/sys/fs/cgroup/%.63s", entry->d_name);
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || statfs(path, &fs) < 0 ||
			fs.f_type != CGROUP_SUPER_MAGIC)
			continue;
		snprintf(g->name[g->n], sizeof(g->name[0]), "%.63s", entry->d_name);
		snprintf(path, 160, "/sys/fs/cgroup/%.63s/kist-floor-%d", entry->d_name,
			(int)getpid());
		must(mkdir(path, 0755) == 0, path);
		if (strcmp(entry->d_name, "cpuset") == 0) {
			inherit(path, "cpuset.cpus");
			inherit(path, "cpuset.mems");
		}
		if (strcmp(entry->d_name, "devices") == 0) {
			put(path, "devices.deny", "a");
			for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
				put(path, "devices.allow", devices[i]);
		}
		g->n++;
	}
	if (top)
		closedir(top);
}

static void mount_groups(const struct groups *g)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;
	char to[128];
	must(mount("tmpfs", "sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		     "mode=755") == 0,
		"cgroup");
	for (int i = 0; i < g->n; i++) {
		snprintf(to, sizeof(to), "sys/fs/cgroup/%s", g->name[i]);
		must(mkdir(to, 0755) == 0 && mount(g->path[i], to, NULL, MS_BIND, NULL) == 0 &&
				mount(NULL, to, NULL, MS_REMOUNT | MS_BIND | flags, NULL) == 0,
			to);
	}
	must(mount(NULL, "sys/fs/cgroup", NULL, MS_REMOUNT | MS_BIND | flags, NULL) == 0, "cgroup");
}

static void mask(void)
{
	static const char *const masked[] = {"proc/acpi", "proc/asound", "proc/kcore", "proc/keys",
		"proc/latency_stats", "proc/timer_list", "proc/timer_stats", "proc/sched_debug",
		"sys/firmware", "proc/scsi"};
	static const char *const readonly[] = {
		"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
	for (size_t i = 0; i < sizeof(readonly) / sizeof(*readonly); i++) {
		if (mount(readonly[i], readonly[i], NULL, MS_BIND | MS_REC, NULL) < 0)
			continue;
		must(mount(NULL, readonly[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0,
			readonly[i]);
	}
	for (size_t i = 0; i < sizeof(masked) / sizeof(*masked); i++)
		if (mount("/dev/null", masked[i], NULL, MS_BIND, NULL) < 0 && errno == ENOTDIR)
			mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "size=0k");
}

static void loopback_up(void)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	must(sock >= 0 && ioctl(sock, SIOCSIFFLAGS, &req) == 0, "lo");
	close(sock);
}

static void drop(void)
{
	const uint64_t keep =
		1ull << CAP_AUDIT_WRITE | 1ull << CAP_KILL | 1ull << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{(uint32_t)keep, (uint32_t)keep, 0}, {0, 0, 0}};
	for (unsigned int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (!(keep & 1ull << cap))
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	must(syscall(SYS_capset, &head, data) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0,
		"drop");
}

/* Up to where nothing is left to be done but to execute the command. */
static void enter(const char *rootfs, const struct groups *g)
{
	for (int i = 0; i < g->n; i++)
		put(g->path[i], "tasks", "0");
	if (g->n)
		loopback_up();
	must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0, "slave");
	must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) == 0, "bind root");
	must(chdir(rootfs) == 0, "chdir");
	must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=65536k") == 0, "dev");
	mkdir("dev/pts", 0755);
	mkdir("dev/shm", 0755);
	mkdir("dev/mqueue", 0755);
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		     "newinstance,ptmxmode=0666,mode=0620") == 0,
		"devpts");
	must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		     "mode=1777,size=65536k") == 0,
		"shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0,
		"mqueue");
	must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) ==
			0,
		"sysfs");
	node("dev/null", 3);
	node("dev/zero", 5);
	node("dev/full", 7);
	node("dev/random", 8);
	node("dev/urandom", 9);
	if (g->n) {
		mount_groups(g);
		mask();
	}
	must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
	must(umount2(".", MNT_DETACH) == 0, "umount");
	must(sethostname("floor", 5) == 0, "hostname");
	if (g->n)
		drop();
}

static void execute(char **argv)
{
	execvp(argv[0], argv);
	must(0, argv[0]);
}

static pid_t clone_container(void)
{
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid >= 0, "clone3");
	return (pid_t)pid;
}

static void remove_groups(const struct groups *g)
{
	for (int i = 0; i < g->n; i++)
		must(rmdir(g->path[i]) == 0, g->path[i]);
}

/* What create leaves to the other two, besides a socket named like it. */
struct life {
	pid_t pid;
	struct groups groups;
};

static struct sockaddr_un gate_address(const char *state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	must(snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.gate", state) <
			(int)sizeof(addr.sun_path),
		state);
	return addr;
}

static void read_life(const char *state, struct life *l)
{
	int fd = open(state, O_RDONLY | O_CLOEXEC);
	must(fd >= 0 && read(fd, l, sizeof(*l)) >= (ssize_t)sizeof(l->pid), state);
	close(fd);
}

static void wait_at_gate(int gate, int ready)
{
	char go;
	must(write(ready, "r", 1) == 1, "ready");
	close(ready);
	int sock = accept4(gate, NULL, NULL, SOCK_CLOEXEC);
	must(sock >= 0 && read(sock, &go, 1) == 1, "gate");
}

static int life_create(char **argv, struct life *l)
{
	struct sockaddr_un addr = gate_address(argv[2]);
	int ready[2], gate = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(gate >= 0 && bind(gate, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
			listen(gate, 1) == 0 && pipe2(ready, O_CLOEXEC) == 0,
		"gate");
	l->pid = clone_container();
	if (l->pid == 0) {
		enter(argv[3], &l->groups);
		wait_at_gate(gate, ready[1]);
		execute(argv + 4);
	}
	close(ready[1]);
	char r;
	must(read(ready[0], &r, 1) == 1, "ready");
	int fd = open(argv[2], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(fd >= 0 && write(fd, l, sizeof(*l)) == sizeof(*l), argv[2]);
	close(fd);
	return 0;
}

static int life_start(const char *state)
{
	struct sockaddr_un addr = gate_address(state);
	char end;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(sock >= 0 && connect(sock, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
			write(sock, "g", 1) == 1 && read(sock, &end, 1) == 0,
		"gate");
	return 0;
}

static int life_delete(const char *state, struct life *l)
{
	read_life(state, l);
	int pidfd = (int)syscall(SYS_pidfd_open, l->pid, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	if (pidfd >= 0) {
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
		must(poll(&p, 1, -1) == 1, "poll");
	}
	remove_groups(&l->groups);
	must(unlink(state) == 0 && unlink(gate_address(state).sun_path) == 0, state);
	return 0;
}

static int life(int argc, char **argv, bool all)
{
	static struct life l;
	if (argc > 4 && strcmp(argv[1], "create") == 0) {
		if (all)
			make_groups(&l.groups);
		return life_create(argv, &l);
	}
	if (argc == 3 && strcmp(argv[1], "start") == 0)
		return life_start(argv[2]);
	if (argc == 3 && strcmp(argv[1], "delete") == 0)
		return life_delete(argv[2], &l);
	fprintf(stderr,
		"usage: floor-life create STATE ROOTFS COMMAND...|start STATE|delete STATE\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	const char *name = slash ? slash + 1 : argv[0];
	bool all = strcmp(name, "floor-all") == 0 || strcmp(name, "floor-life-all") == 0;
	if (strncmp(name, "floor-life", 10) == 0)
		return life(argc, argv, all);
	if (argc < 3) {
		fprintf(stderr, "usage: floor ROOTFS COMMAND [ARGUMENT]...\n");
		return 2;
	}
	static struct groups groups;
	if (all)
		make_groups(&groups);
	pid_t pid = clone_container();
	if (pid == 0) {
		enter(argv[1], &groups);
		execute(argv + 2);
	}
	int status;
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	remove_groups(&groups);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
