#include "ns.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/child.h"
#include "sys/procfs.h"

static const struct {
	const char *name, *file;
	uint32_t flag;
} kinds[OCI_NS_COUNT] = {
	[OCI_NS_USER] = {"user", "user", CLONE_NEWUSER},
	[OCI_NS_PID] = {"pid", "pid", CLONE_NEWPID},
	[OCI_NS_NETWORK] = {"network", "net", CLONE_NEWNET},
	[OCI_NS_MOUNT] = {"mount", "mnt", CLONE_NEWNS},
	[OCI_NS_IPC] = {"ipc", "ipc", CLONE_NEWIPC},
	[OCI_NS_UTS] = {"uts", "uts", CLONE_NEWUTS},
	[OCI_NS_CGROUP] = {"cgroup", "cgroup", CLONE_NEWCGROUP},
	[OCI_NS_TIME] = {"time", "time", CLONE_NEWTIME},
};

uint32_t ns_flag(enum oci_ns ns)
{
	return kinds[ns].flag;
}

const char *ns_file(enum oci_ns ns)
{
	return kinds[ns].file;
}

const char *ns_name(enum oci_ns ns)
{
	return kinds[ns].name;
}

static int open_one(const struct plan *plan, int i, struct err **err)
{
	if (plan->ns_fd[i] >= 0)
		return plan->ns_fd[i];
	int fd = open(plan->ns_path[i], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"open %s namespace %s", kinds[i].name, plan->ns_path[i]);
	return fd;
}

int ns_open(int fds[OCI_NS_COUNT], const struct plan *plan, struct err **err)
{
	for (int i = 0; i < OCI_NS_COUNT; i++)
		fds[i] = -1;
	for (int i = 0; i < OCI_NS_COUNT; i++) {
		if (plan->ns_fd[i] < 0 && !plan->ns_path[i])
			continue;
		fds[i] = open_one(plan, i, err);
		if (fds[i] < 0)
			return -1;
		int type = ioctl(fds[i], NS_GET_NSTYPE);
		if (type != (int)kinds[i].flag)
			return err_set(err, ERR_INVALID, "%s is not a %s namespace",
				plan->ns_path[i] ? plan->ns_path[i] : "the descriptor",
				kinds[i].name);
	}
	return 0;
}

void ns_close(int fds[OCI_NS_COUNT], const struct plan *plan)
{
	for (int i = 0; i < OCI_NS_COUNT; i++) {
		if (fds[i] != plan->ns_fd[i])
			fd_close(fds[i]);
		fds[i] = -1;
	}
}

bool ns_needs_stage(const int fds[OCI_NS_COUNT], const struct plan *plan)
{
	bool joins = false;
	for (int i = 0; i < OCI_NS_COUNT; i++)
		joins = joins || fds[i] >= 0;
	/* a pid namespace is entered by children only; and once in a new user namespace, a process
	 * may not join what belongs to the old one */
	return fds[OCI_NS_PID] >= 0 || fds[OCI_NS_USER] >= 0 ||
	       (joins && (plan->ns_new & CLONE_NEWUSER));
}

uint32_t ns_clone_flags(const struct plan *plan, bool net_later)
{
	uint32_t later = CLONE_NEWCGROUP | CLONE_NEWTIME | (net_later ? CLONE_NEWNET : 0);
	return plan->ns_new & ~later;
}

void ns_leave_groups(const struct plan_process *p)
{
	/* EPERM: an ordinary user's stay theirs */
	if (!p->keep_groups)
		syscall(SYS_setgroups, 0, NULL);
}

void ns_join(const int fds[OCI_NS_COUNT], const struct plan_process *p, struct reporter *r)
{
	bool done[OCI_NS_COUNT] = {false};
	/* what belongs to the host is joined before the user namespace, what belongs to the user
	 * namespace after it */
	for (int i = 0; i < OCI_NS_COUNT; i++)
		if (i != OCI_NS_USER && fds[i] >= 0)
			done[i] = setns(fds[i], (int)kinds[i].flag) == 0;
	if (fds[OCI_NS_USER] >= 0)
		ns_leave_groups(p);
	if (fds[OCI_NS_USER] >= 0 && setns(fds[OCI_NS_USER], CLONE_NEWUSER) < 0)
		report_sys(r, "join the user namespace");
	for (int i = 0; i < OCI_NS_COUNT; i++)
		if (i != OCI_NS_USER && fds[i] >= 0 && !done[i] &&
			setns(fds[i], (int)kinds[i].flag) < 0)
			report_sys(r, "join the %s namespace", kinds[i].name);
}

/* EINVAL: not mapped. Somebody else who is mapped has the same capabilities, because they came with the
 * namespace and not with the number; without any id nothing could be made in there. */
static int become(long call, uint32_t other)
{
	if (syscall(call, 0, 0, 0) == 0)
		return 0;
	return errno == EINVAL ? (int)syscall(call, other, other, other) : -1;
}

void ns_become_root(const struct plan_process *p, struct reporter *r)
{
	if (!p->keep_groups && syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
		report_sys(r, "drop supplementary groups");
	if (become(SYS_setresgid, p->gid) < 0 || become(SYS_setresuid, p->uid) < 0)
		report_sys(r, "become root of the user namespace");
}

void ns_loopback_up(struct reporter *r)
{
	struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	auto_fd int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &req) < 0)
		report_sys(r, "bring the loopback device up");
}

static void write_offset(
	int proc, const char *clock, int64_t secs, uint32_t nsecs, struct reporter *r)
{
	char line[96];
	/* report_format knows no 64-bit numbers */
	uint64_t v = secs < 0 ? 0 - (uint64_t)secs : (uint64_t)secs;
	char digits[24], *at = digits + sizeof(digits);
	*--at = 0;
	do {
		*--at = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	int n = report_format(
		line, sizeof(line), "%s %s%s %u\n", clock, secs < 0 ? "-" : "", at, nsecs);
	int failed = procfs_write(proc, "self/timens_offsets", line, (size_t)n);
	/* In a new user namespace the files of a process that is not dumpable belong to the host's
	 * root. Nothing of the container runs yet that could make use of this moment. */
	if (failed && errno == EACCES && prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0) {
		failed = procfs_write(proc, "self/timens_offsets", line, (size_t)n);
		int saved = errno;
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		errno = saved;
	}
	if (failed)
		report_sys(r, "set the %s offset of the time namespace", clock);
}

void ns_time(const struct plan *plan, int proc, struct reporter *r)
{
	if (unshare(CLONE_NEWTIME) < 0)
		report_sys(r, "make the time namespace");
	if (plan->has_time_offsets) {
		write_offset(proc, "monotonic", plan->monotonic_secs, plan->monotonic_nsecs, r);
		write_offset(proc, "boottime", plan->boottime_secs, plan->boottime_nsecs, r);
	}
	auto_fd int fd = openat(proc, "self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWTIME) < 0)
		report_sys(r, "enter the time namespace");
}
