/*
 * Theory of operation.
 *
 * A child parses what one stranger wrote; whatever it is made to do must stay within that blob.
 *
 * 1. UNPACKS: chroot(2) to a folder of its own. That holds because it has no descriptor of anything outside, may not
 *    chroot again, and nobody moves the folder, or what is in it, before the child has been waited for. The mount is the
 *    supervisor's: nosuid, nodev, noexec.
 * 2. Capabilities: READS and INFLATES have none; UNPACKS those that confine.c explains.
 * 3. Nobody may trace it; it dies with the supervisor (child.c).
 * 4. Its memory is bounded, and it can share none but what the supervisor shared with it (lane.h); the room on the disk is
 *    watched by the supervisor (pipeline.c).
 * 5. A list of system calls, shorter than that of confine.c. What it does not have, and why:
 *    no mmap(2) of shared memory, no memfd_create(2), no madvise(MADV_REMOVE): what the supervisor hashes and another child
 *    unpacks lies in memory that this one has not, or can only read, and mprotect(2) does not change that;
 *    no vmsplice(2), splice(2) or tee(2), no fcntl(F_SETFL), no ioctl(2): the pipes carry lengths, by write(2) alone;
 *    no signals, not even to itself: abort() ends by a trap then;
 *    READS writes nowhere but to its pipes: what its input is the daemon's client chose;
 *    no threads, no processes, no sockets, no ptrace(2), no process_vm_writev(2).
 */
#include "confine_child.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "confine.h"

#define BPF_MAX (64u << 10)

struct confine_filters {
	struct buf bpf[CHILD_KIND_COUNT];
};

static const int inflating_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(close),
	/* memory; mmap, mprotect and madvise are below */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	/* what libc does by itself */
	SCMP_SYS(futex),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(getrandom),
};

/* READS: the input may be a socket, or a file of the host's that is open for writing. */
static int add_writing_rules(scmp_filter_ctx ctx, enum child_kind kind)
{
#if defined(__SANITIZE_ADDRESS__)
	kind = CHILD_KIND_COUNT; /* it tells what it found */
#endif
	if (kind != CHILD_READS)
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 0);
	int r = seccomp_rule_add(
		ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, SCMP_A0(SCMP_CMP_EQ, CONFINE_CHILD_OUT));
	return r < 0 ? r
		     : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			       SCMP_A0(SCMP_CMP_EQ, CONFINE_CHILD_REPORT));
}

/* Besides those, and those that make files (confine.h): to look at files below the root. */
static const int unpacking_calls[] = {
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstat),
	SCMP_SYS(statx),
	SCMP_SYS(getdents64),
};

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

static int add_rules(scmp_filter_ctx ctx, enum child_kind kind)
{
	static const int commands[] = {F_DUPFD_CLOEXEC, F_GETFD, F_SETFD, F_GETFL};
	int r = allow(ctx, inflating_calls, ARRAY_LEN(inflating_calls));
	if (r == 0)
		r = add_writing_rules(ctx, kind);
	/* none that can be executed, none that is shared */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0));
	if (r == 0)
		r = confine_memory_rules(ctx);
	if (kind != CHILD_UNPACKS)
		return r;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(commands); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	if (r == 0)
		r = confine_making_rules(ctx);
	return r == 0 ? allow(ctx, unpacking_calls, ARRAY_LEN(unpacking_calls)) : r;
}

static int make_filter(enum child_kind kind, struct buf *out, struct err **err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	auto_fd int fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (!ctx || fd < 0) {
		seccomp_release(ctx);
		return err_set(err, ERR_SYSTEM, "confine: make a seccomp filter");
	}
	int r = add_rules(ctx, kind);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	seccomp_release(ctx);
	if (r < 0)
		return err_sys(err, -r, "confine: make a seccomp filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "confine: read a seccomp filter");
	return fd_read_all(fd, BPF_MAX, out, "a seccomp filter", err);
}

struct confine_filters *confine_filters_new(struct err **err)
{
	struct confine_filters *f = xcalloc(1, sizeof(*f));
	for (int i = 0; i < CHILD_KIND_COUNT; i++)
		if (make_filter((enum child_kind)i, &f->bpf[i], err) < 0) {
			confine_filters_free(f);
			return NULL;
		}
	return f;
}

void confine_filters_free(struct confine_filters *f)
{
	for (int i = 0; f && i < CHILD_KIND_COUNT; i++)
		buf_free(&f->bpf[i]);
	free(f);
}

static int install(const struct buf *bpf, struct err **err)
{
	struct sock_fprog program = {
		.len = (unsigned short)(bpf->len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)bpf->data,
	};
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return err_sys(err, errno, "confine: load the seccomp filter");
	return 0;
}

int confine_child(
	const struct confine_filters *filters, enum child_kind kind, int folder, struct err **err)
{
	static const int unpacking_caps[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID,
		CAP_MKNOD, CAP_SETFCAP, CAP_SYS_ADMIN};
	bool unpacks = kind == CHILD_UNPACKS;
	if (unpacks && (fchdir(folder) < 0 || chroot(".") < 0))
		return err_sys(err, errno, "confine: enter the layer's folder");
	if (confine_capabilities(unpacking_caps, unpacks ? ARRAY_LEN(unpacking_caps) : 0, err) < 0)
		return -1;
#if !defined(__SANITIZE_ADDRESS__)
	const struct rlimit memory = {CONFINE_CHILD_MEMORY, CONFINE_CHILD_MEMORY};
	if (setrlimit(RLIMIT_DATA, &memory) < 0)
		return err_sys(err, errno, "confine: bound the memory");
#endif
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "confine: refuse to be traced");
	return install(&filters->bpf[kind], err);
}
