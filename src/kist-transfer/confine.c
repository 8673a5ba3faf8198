/*
 * Theory of operation.
 *
 * The bytes that this program parses come from strangers; a hole in a decompressor or in the tar
 * reader must not reach more than the folder being filled. So, before the first of those bytes:
 *
 * 1. New mount, network, IPC and UTS namespaces. The staging folder becomes a mount of its own
 *    (nosuid, nodev, noexec: a device that a layer brings can be made but not opened) and, by
 *    pivot_root(2), the root. Nothing else of the host has a name any more, /proc included.
 * 2. Capabilities: only those that unpacking takes. CHOWN, FOWNER, FSETID for owners and modes;
 *    DAC_OVERRIDE to write into folders that belong to others; MKNOD for devices and whiteouts;
 *    SETFCAP for security.capability; SYS_ADMIN because the kernel asks for it for the xattr
 *    trusted.overlay.opaque. What else SYS_ADMIN could do (mount, setns, bpf, ...) is not among the
 *    system calls of step 5.
 * 3. Limits on memory and descriptors, no core file.
 * 4. No descriptor of a file of the host's that could be changed through it, be it by its mode: 0 to 2 lead nowhere.
 * 5. A seccomp filter with a list of what is allowed; everything else fails with EPERM. No exec, no
 *    sockets, no new processes (threads only), no ioctl, no executable memory, no
 *    signals to others, no advice on memory beyond what libc gives.
 *
 * Reading a container's files (confine_reading()) takes less: the folder comes as a mount of its own,
 * read-only already (also nodev: what a device node stands for is not touched, and nosymfollow), one
 * capability to read what belongs to others, SYS_ADMIN for the attributes trusted.overlay.*, and no system
 * call that changes a file system.
 *
 * Verifying a layer (confine_verifying()) fills a folder, as unpacking does, and reads the layer, which comes as a
 * read-only mount of its own: the calls of both, the capabilities of unpacking.
 *
 * Copying layers (confine_copying()) is unpacking with read-only mounts of the layers as its input.
 *
 * Where layers of several authors are unpacked in one run (confine_supervising()), what is left does not parse them either:
 * it hashes, and starts for each blob children that may do still less (confine_child.c).
 */
#include "confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/asan.h"
#include "base/mem.h"
#include "sys/newmount.h"

/* Of address space: libraries and stacks included. A sanitizer's shadow alone takes terabytes. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_MAX RLIM_INFINITY
#else
#define MEMORY_MAX (512ul << 20)
#endif

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET)
/* Newer than some libc's headers: a guard page of a thread's stack. */
#define GUARD_INSTALL 102
#define GUARD_REMOVE 103

#define FILES_MAX 64
#define FILES_MAX_TREES 512 /* a layer may take three */

/* Makes the detached mount @tree the root of new namespaces; returns a descriptor of it. */
static int enter_root(int tree, struct err **err)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		return err_sys(err, errno, "confine: unshare");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "confine: make mounts private");
	/* on top of the root itself: that is always there */
	auto_fd int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || newmount_move(tree, top) < 0 || fchdir(tree) < 0)
		return err_sys(err, errno, "confine: mount the folder");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_sys(err, errno, "confine: pivot_root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(err, errno, "confine: leave the old root");
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_sys(err, errno, "confine: open the new root");
	return root;
}

static int own_root(int staging, struct err **err)
{
	/* cloned before the namespace is left: the descriptor's mount belongs to the old one; private, as
	 * pivot_root() refuses what is shared, and with systemd everything is */
	auto_fd int tree = newmount_clone(staging, "", false);
	if (tree < 0)
		return err_sys(err, errno, "confine: clone the staging folder");
	struct newmount_attr attr = {
		.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		.propagation = MS_PRIVATE};
	if (newmount_setattr(tree, false, &attr) < 0)
		return err_sys(err, errno, "confine: mount attributes");
	auto_fd int root = enter_root(tree, err);
	if (root < 0)
		return -1;
	/* a store that starts after the last one was killed waits for this before it cleans up */
	if (flock(root, LOCK_SH) < 0)
		return err_sys(err, errno, "confine: lock the staging folder");
	return steal_fd(&root);
}

static const int writing_caps[] = {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_MKNOD, CAP_SETFCAP, CAP_SYS_ADMIN};
/* CHROOT for its children's roots, KILL to end them */
static const int supervising_caps[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
	CAP_MKNOD, CAP_SETFCAP, CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_KILL};
static const int reading_caps[] = {CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN};

int confine_capabilities(const int *kept, size_t n, struct err **err)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};
	for (size_t i = 0; i < n; i++) {
		data[kept[i] / 32].effective |= 1u << (kept[i] % 32);
		data[kept[i] / 32].permitted |= 1u << (kept[i] % 32);
	}
	if (syscall(SYS_capset, &header, data) < 0)
		return err_sys(err, errno, "confine: drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "confine: no_new_privs");
	return 0;
}

static int set_limits(rlim_t files, struct err **err)
{
	const struct {
		__rlimit_resource_t what;
		rlim_t value;
	} limits[] = {{RLIMIT_AS, MEMORY_MAX}, {RLIMIT_NOFILE, files}, {RLIMIT_CORE, 0}};
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		struct rlimit r = {limits[i].value, limits[i].value};
		if (setrlimit(limits[i].what, &r) < 0)
			return err_sys(err, errno, "confine: set a resource limit");
	}
	return 0;
}

/* Only to make and change files below the root. */
static const int making_calls[] = {
	SCMP_SYS(mkdirat),
	SCMP_SYS(mknodat),
	SCMP_SYS(symlinkat),
	SCMP_SYS(linkat),
	SCMP_SYS(unlinkat),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(utimensat),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsetxattr),
	SCMP_SYS(sync_file_range),
};

static const int syncing_calls[] = {
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(syncfs),
};

/* Copying layers: attributes and links of theirs are read, their files copied by the kernel. */
static const int copying_calls[] = {
	SCMP_SYS(readlinkat),
	SCMP_SYS(flistxattr),
	SCMP_SYS(fgetxattr),
	SCMP_SYS(copy_file_range),
};

static const int reading_calls[] = {
	/* attributes and links are only read when packing */
	SCMP_SYS(readlinkat),
	SCMP_SYS(flistxattr),
	SCMP_SYS(fgetxattr),
	/* layers to be written come as descriptors */
	SCMP_SYS(recvmsg),
};

/* Processes, pipes and memory between them (lane.h), and what a child does before it is confined further. */
static const int supervising_calls[] = {
	SCMP_SYS(clone),
	SCMP_SYS(wait4),
	SCMP_SYS(kill),
	SCMP_SYS(getppid),
	SCMP_SYS(pipe2),
	SCMP_SYS(memfd_create),
	SCMP_SYS(fcntl),
	SCMP_SYS(dup2),
	SCMP_SYS(close_range),
	SCMP_SYS(fchdir),
	SCMP_SYS(chroot),
	SCMP_SYS(flock),
	SCMP_SYS(capset),
	SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(seccomp),
};

static const int allowed[] = {
	/* bytes */
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(pread64),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	/* the control socket */
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	/* files below the root */
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstat),
	SCMP_SYS(statx),
	SCMP_SYS(getdents64),
	SCMP_SYS(fstatfs),
	/* memory; mmap, mprotect and madvise are below, as is fcntl */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	/* threads; clone and tgkill are below */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(sched_yield),
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
	SCMP_SYS(getrandom),
	SCMP_SYS(umask),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(geteuid),
	SCMP_SYS(getuid),
	SCMP_SYS(getegid),
	SCMP_SYS(getgid),
};

/* It still is root to every process of root's: no signal may leave it, be it by tgkill or by a
 * descriptor's owner (F_SETOWN, F_SETSIG). Nor are the flags of a file changed that others have open, too (F_SETFL). */
static int add_quiet_rules(scmp_filter_ctx ctx)
{
	static const int commands[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL};
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(commands); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	return r;
}

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

int confine_making_rules(void *ctx)
{
	return allow(ctx, making_calls, ARRAY_LEN(making_calls));
}

int confine_memory_rules(void *ctx)
{
	/* what libc and sanitizers ask for; with CAP_SYS_ADMIN, MADV_HWPOISON takes memory away from the machine */
	static const int advice[] = {MADV_DONTNEED, MADV_FREE, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
		MADV_DONTDUMP, MADV_DODUMP, MADV_DONTFORK, GUARD_INSTALL, GUARD_REMOVE};
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(advice); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(madvise), 1,
			SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)advice[i]));
	return r;
}

/* System calls besides those that all may make. */
struct calls {
	const int *v;
	size_t n;
};

static int add_rules(scmp_filter_ctx ctx, const struct calls *more, size_t n)
{
	int r = add_quiet_rules(ctx);
	if (r == 0)
		r = allow(ctx, allowed, ARRAY_LEN(allowed));
	for (size_t i = 0; r == 0 && i < n; i++)
		r = allow(ctx, more[i].v, more[i].n);
	/* no memory that can be executed */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = confine_memory_rules(ctx);
	/* threads, neither processes nor namespaces; clone3's flags lie in memory, and libc takes clone without it */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | NAMESPACES, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

static int filter_calls(const struct calls *more, size_t n, struct err **err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!ctx)
		return err_set(err, ERR_SYSTEM, "confine: make a seccomp filter");
	int r = add_rules(ctx, more, n);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r < 0 ? err_sys(err, -r, "confine: load the seccomp filter") : 0;
}

/* From @fd on up to 2: what came from the daemon, its log and /dev/null, are files of the host's. Whoever has them open
 * could overwrite the one, and change modes and owners of both. In their place is a pipe that nobody writes to. */
static int drop_standard(int fd, struct err **err)
{
#if !defined(__SANITIZE_ADDRESS__)
	int pair[2];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "confine: make a pipe");
	/* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): it is closed */
	auto_fd int reads = pair[0], writes = pair[1];
	for (; fd <= STDERR_FILENO; fd++)
		if (dup3(reads, fd, O_CLOEXEC) < 0)
			return err_sys(err, errno, "confine: replace a standard descriptor");
#else
	(void)fd;
	(void)err;
#endif
	return 0;
}

struct caps {
	const int *v;
	size_t n;
};
static const struct caps writing = {writing_caps, ARRAY_LEN(writing_caps)};

static int confine_writing(int staging, const struct caps *caps, rlim_t files,
	const struct calls *calls, size_t n, struct err **err)
{
	auto_fd int root = own_root(staging, err);
	if (root < 0)
		return -1;
	close(staging);
	if (confine_capabilities(caps->v, caps->n, err) < 0 || set_limits(files, err) < 0 ||
		filter_calls(calls, n, err) < 0)
		return -1;
	return steal_fd(&root);
}

/* What parses something, and has no input. */
static int confine_parsing(
	int staging, rlim_t files, const struct calls *calls, size_t n, struct err **err)
{
	if (drop_standard(STDIN_FILENO, err) < 0)
		return -1;
	return confine_writing(staging, &writing, files, calls, n, err);
}

int confine_copying(int staging, struct err **err)
{
	const struct calls calls[] = {{making_calls, ARRAY_LEN(making_calls)},
		{syncing_calls, ARRAY_LEN(syncing_calls)},
		{copying_calls, ARRAY_LEN(copying_calls)}};
	return confine_parsing(staging, FILES_MAX_TREES, calls, ARRAY_LEN(calls), err);
}

int confine_verifying(int staging, struct err **err)
{
	const struct calls calls[] = {{making_calls, ARRAY_LEN(making_calls)},
		{syncing_calls, ARRAY_LEN(syncing_calls)},
		{reading_calls, ARRAY_LEN(reading_calls)}};
	return confine_parsing(staging, FILES_MAX, calls, ARRAY_LEN(calls), err);
}

int confine_supervising(int staging, struct err **err)
{
	static const struct caps caps = {supervising_caps, ARRAY_LEN(supervising_caps)};
	const struct calls calls[] = {{making_calls, ARRAY_LEN(making_calls)},
		{syncing_calls, ARRAY_LEN(syncing_calls)},
		{supervising_calls, ARRAY_LEN(supervising_calls)}};
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "confine: refuse to be traced");
	return confine_writing(staging, &caps, FILES_MAX, calls, ARRAY_LEN(calls), err);
}

int confine_reading(int tree, struct err **err)
{
	const struct calls calls[] = {{reading_calls, ARRAY_LEN(reading_calls)}};
	auto_fd int root = enter_root(tree, err);
	if (root < 0 || drop_standard(STDERR_FILENO, err) < 0)
		return -1;
	close(tree);
	if (confine_capabilities(reading_caps, ARRAY_LEN(reading_caps), err) < 0 ||
		set_limits(FILES_MAX_TREES, err) < 0 ||
		filter_calls(calls, ARRAY_LEN(calls), err) < 0)
		return -1;
	return steal_fd(&root);
}
