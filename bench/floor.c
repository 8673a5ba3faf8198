/*
 * The bare-kernel floor: what a container costs with no engine at all. Clones into new namespaces, makes the
 * mounts that runc's default bundle asks for below ROOTFS, pivots into it, and executes the command; no
 * cgroups, no JSON, no checks. Everything else that bench/run prints is a multiple of this.
 *
 *   floor ROOTFS COMMAND [ARGUMENT]...
 *
 * As "floor-all" it does the rest of what that bundle makes a runtime do, too: a cgroup in each v1 hierarchy with its
 * device rules, their mount, masked and read-only paths, the loopback device, capabilities. One thing after the other,
 * by path, without a check: what no runtime can leave out.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
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

static int container(char **argv, const struct groups *g)
{
	for (int i = 0; i < g->n; i++)
		put(g->path[i], "tasks", "0");
	if (g->n)
		loopback_up();
	must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0, "slave");
	must(mount(argv[1], argv[1], NULL, MS_BIND | MS_REC, NULL) == 0, "bind root");
	must(chdir(argv[1]) == 0, "chdir");
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
	execvp(argv[2], argv + 2);
	must(0, argv[2]);
	return 125;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "usage: floor ROOTFS COMMAND [ARGUMENT]...\n");
		return 2;
	}
	static struct groups groups;
	const char *slash = strrchr(argv[0], '/');
	if (strcmp(slash ? slash + 1 : argv[0], "floor-all") == 0)
		make_groups(&groups);
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	must(pid >= 0, "clone3");
	if (pid == 0)
		return container(argv, &groups);
	int status;
	must(waitpid((pid_t)pid, &status, 0) == pid, "waitpid");
	for (int i = 0; i < groups.n; i++)
		must(rmdir(groups.path[i]) == 0, groups.path[i]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}
