/*
 * Theory of operation.
 *
 * This program speaks TLS and HTTP with strangers, through libraries of a size that nobody has read. A hole in them
 * must not reach more than what the network would have given anyway. So, before the first byte:
 *
 * 1. New mount, IPC and UTS namespaces. The root is a small file system in memory, read-only, with
 *    copies of what resolving names takes: resolv.conf, hosts, gai.conf, and an nsswitch.conf of our own ("files
 *    dns": other services would load libraries). CA certificates were opened before. Nothing else
 *    of the host has a name any more, /proc included. The network namespace stays: that is the program's trade.
 * 2. Nobody, without groups and capabilities, and no way to gain any (no_new_privs); not dumpable, so that other
 *    processes of nobody's see neither credentials nor memory.
 * 3. Limits on memory and descriptors, no core file.
 * 4. A seccomp filter with a list of what is allowed; everything else fails with EPERM. Sockets of the
 *    internet and of NETLINK_ROUTE only, none of AF_UNIX to other programs' abstract addresses. No exec,
 *    no new processes (threads only), no executable memory, no signals, files opened for reading only.
 *
 * A blob's descriptor came with O_APPEND, and neither fcntl(F_SETFL) nor truncation, positioned writes or shared
 * mappings are on the list: what was written and hashed by others cannot be changed afterwards.
 */
#include "confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "sys/newmount.h"

enum { NOBODY = 65534, FILE_MAX = 1 << 20 };

/* Of address space: libraries and stacks included. A sanitizer's shadow alone takes terabytes. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_MAX RLIM_INFINITY
#else
#define MEMORY_MAX (512ul << 20)
#endif

/* ---- the root ---- */

static int write_file(int dir, const char *name, const char *p, size_t n, struct err **err)
{
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0 || fd_write_all(fd, p, n) < 0 || fchmod(fd, 0444) < 0)
		return err_sys(err, errno, "confine: write %s", name);
	return 0;
}

/* A copy; without the file, libc has its defaults. */
static int copy_file(int dir, const char *from, const char *name, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fd_read_all(fd, FILE_MAX, &text, from, NULL) < 0)
		return 0;
	return write_file(dir, name, text.data, text.len, err);
}

static int fill_root(int root, struct err **err)
{
	static const char nsswitch[] = "hosts: files dns\n";
	if (mkdirat(root, "etc", 0755) < 0)
		return err_sys(err, errno, "confine: make etc");
	auto_fd int etc = openat(root, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (etc < 0 || fchmod(etc, 0755) < 0)
		return err_sys(err, errno, "confine: open etc");
	if (copy_file(etc, "/etc/resolv.conf", "resolv.conf", err) < 0 ||
		copy_file(etc, "/etc/hosts", "hosts", err) < 0 ||
		copy_file(etc, "/etc/gai.conf", "gai.conf", err) < 0)
		return -1;
	return write_file(etc, "nsswitch.conf", nsswitch, sizeof(nsswitch) - 1, err);
}

static int own_root(struct err **err)
{
	static const char *const options[] = {
		"size", "4m", "nr_inodes", "16", "mode", "0755", NULL};
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return err_sys(err, errno, "confine: unshare");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "confine: make mounts private");
	auto_fd int tree = newmount_simple(
		"tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (tree < 0)
		return err_sys(err, errno, "confine: make a file system in memory");
	if (fill_root(tree, err) < 0)
		return -1;
	struct newmount_attr attr = {.set = MOUNT_ATTR_RDONLY};
	if (newmount_setattr(tree, false, &attr) < 0)
		return err_sys(err, errno, "confine: make the root read-only");
	auto_fd int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || newmount_move(tree, top) < 0 || fchdir(tree) < 0)
		return err_sys(err, errno, "confine: mount the root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(err, errno, "confine: pivot_root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(err, errno, "confine: leave the old root");
	return 0;
}

/* ---- the user ---- */

static int become_nobody(struct err **err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};
	if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return err_sys(err, errno, "confine: become nobody");
	if (syscall(SYS_capset, &header, none) < 0)
		return err_sys(err, errno, "confine: drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "confine: no_new_privs");
	/* again, as another user: a daemon that is killed must not leave it behind, with blobs to write to */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(err, errno, "confine: die with the daemon");
	return 0;
}

static int set_limits(struct err **err)
{
	static const struct {
		__rlimit_resource_t what;
		rlim_t value;
	} limits[] = {{RLIMIT_AS, MEMORY_MAX}, {RLIMIT_NOFILE, 512}, {RLIMIT_CORE, 0}};
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct rlimit r = {limits[i].value, limits[i].value};
		if (setrlimit(limits[i].what, &r) < 0)
			return err_sys(err, errno, "confine: set a resource limit");
	}
	return 0;
}

/* ---- system calls ---- */

static const int allowed[] = {
	/* bytes */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	/* sockets; socket, socketpair and fcntl are below */
	SCMP_SYS(connect),
	SCMP_SYS(bind),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	/* the files of the root; openat is below */
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	/* memory; mmap and mprotect are below */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	/* threads; clone and tgkill are below */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sigaltstack),
	/* the rest of what libc does by itself */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(geteuid),
	SCMP_SYS(getuid),
	SCMP_SYS(getegid),
	SCMP_SYS(getgid),
};

static int allow1(scmp_filter_ctx ctx, int call, struct scmp_arg_cmp a)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1, a);
}

static int add_sockets(scmp_filter_ctx ctx)
{
	int r = allow1(ctx, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET));
	if (r == 0)
		r = allow1(ctx, SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET6));
	/* which addresses this machine has, for getaddrinfo() to put the reachable first */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, NETLINK_ROUTE));
	/* from a resolving thread to the main one; a datagram socket's end could send, descriptors too, to any
	 * abstract address */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 2,
			SCMP_A0(SCMP_CMP_EQ, AF_UNIX),
			SCMP_A1(SCMP_CMP_MASKED_EQ,
				(scmp_datum_t) ~(SOCK_NONBLOCK | SOCK_CLOEXEC) & 0xffffffff,
				SOCK_STREAM));
	if (r == 0)
		r = allow1(ctx, SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD));
	return r;
}

static int add_files(scmp_filter_ctx ctx)
{
	/* not F_SETFL: it would take O_APPEND off a blob. Sockets are born non-blocking (http.c) */
	static const int commands[] = {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL};
	int r = allow1(ctx, SCMP_SYS(openat),
		SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_PATH, O_RDONLY));
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(commands); i++)
		r = allow1(ctx, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	return r;
}

static int add_memory_and_threads(scmp_filter_ctx ctx)
{
	/* none that can be executed, none shared with a file */
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
		SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0));
	if (r == 0)
		r = allow1(ctx, SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = allow1(ctx, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	/* threads, not processes; clone3's flags lie in memory, and libc takes clone without it */
	if (r == 0)
		r = allow1(ctx, SCMP_SYS(clone),
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

static int filter_calls(struct err **err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return err_set(err, ERR_SYSTEM, "confine: make a seccomp filter");
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(allowed); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = add_sockets(ctx);
	if (r == 0)
		r = add_files(ctx);
	if (r == 0)
		r = add_memory_and_threads(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r < 0 ? err_sys(err, -r, "confine: load the seccomp filter") : 0;
}

int confine(struct err **err)
{
	umask(0);
	if (own_root(err) < 0 || become_nobody(err) < 0 || set_limits(err) < 0)
		return -1;
	return filter_calls(err);
}
