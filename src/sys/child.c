#include "sys/child.h"

#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"

/* struct clone_args up to "cgroup" (Linux 5.7); <linux/sched.h> does not mix well with <sched.h>.
 */
struct kernel_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

static struct kernel_clone_args for_kernel(const struct child_args *args)
{
	struct kernel_clone_args k = {
		.flags = args->flags,
		.exit_signal = (uint64_t)(unsigned int)args->exit_signal,
	};
	if (args->pidfd) {
		k.flags |= CLONE_PIDFD;
		k.pidfd = (uint64_t)(uintptr_t)args->pidfd;
	}
	if (args->cgroup > 0) {
		k.flags |= CLONE_INTO_CGROUP;
		k.cgroup = (uint64_t)args->cgroup;
	}
	return k;
}

pid_t child_clone(const struct child_args *args)
{
	struct kernel_clone_args k = for_kernel(args);
	long pid;
	do
		pid = syscall(SYS_clone3, &k, sizeof(k));
	while (pid < 0 && errno == EINTR);
	return (pid_t)pid;
}

/* AddressSanitizer keeps books of every stack, and of frames that are never left */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define CAN_BORROW true

static long clone_borrowing(const struct kernel_clone_args *k, child_run *run, void *arg)
{
	register child_run *r12 __asm__("r12") = run;
	register void *r13 __asm__("r13") = arg;
	long r;
	__asm__ volatile("	syscall\n"
			 "	test %%rax, %%rax\n"
			 "	jnz 1f\n"
			 "	xor %%ebp, %%ebp\n" /* the end for who walks the stack */
			 "	mov %%r13, %%rdi\n"
			 "	call *%%r12\n"
			 "	ud2\n"
			 "1:\n"
			 : "=a"(r)
			 : "a"(SYS_clone3), "D"(k), "S"(sizeof(*k)), "r"(r12), "r"(r13)
			 : "rcx", "r11", "cc", "memory");
	return r;
}

#elif defined(__aarch64__) && !defined(__SANITIZE_ADDRESS__)
#define CAN_BORROW true

static long clone_borrowing(const struct kernel_clone_args *k, child_run *run, void *arg)
{
	register long x8 __asm__("x8") = SYS_clone3;
	register long x0 __asm__("x0") = (long)k;
	register long x1 __asm__("x1") = sizeof(*k);
	register child_run *x19 __asm__("x19") = run;
	register void *x20 __asm__("x20") = arg;
	__asm__ volatile("	svc #0\n"
			 "	cbnz x0, 1f\n"
			 "	mov x29, xzr\n" /* the end for who walks the stack */
			 "	mov x30, xzr\n"
			 "	mov x0, x20\n"
			 "	blr x19\n"
			 "	brk #1\n"
			 "1:\n"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x19), "r"(x20)
			 : "cc", "memory");
	return x0;
}

#else
#define CAN_BORROW false

static long clone_borrowing(const struct kernel_clone_args *k, child_run *run, void *arg)
{
	(void)k;
	(void)run;
	(void)arg;
	return -ENOSYS;
}

#endif

bool child_can_borrow(void)
{
	return CAN_BORROW;
}

/* What this function uses of its own stack, and more. */
#define OWN_FRAMES 4096
/* The kernel wants to know where the child's ends. It grows like ours, and as far. */
#define NAMED_STACK 4096

/* In a caller's frame it would not know how much of the stack that uses. */
__attribute__((noinline)) pid_t child_borrow(
	const struct child_args *args, child_run *run, void *arg)
{
	struct kernel_clone_args k = for_kernel(args);
	uintptr_t top = ((uintptr_t)__builtin_frame_address(0) - OWN_FRAMES) & ~(uintptr_t)15;
	long r;
	k.flags |= CLONE_VM | CLONE_VFORK;
	k.stack = top - NAMED_STACK;
	k.stack_size = NAMED_STACK;
	do
		r = clone_borrowing(&k, run, arg);
	while (r == -EINTR);
	if (r >= 0)
		return (pid_t)r;
	errno = (int)-r;
	return -1;
}

int child_pidfd_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int child_pidfd_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

bool child_is_ours(pid_t pid)
{
	siginfo_t info;
	return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

int child_close_from(unsigned int first, int cloexec)
{
	return (int)syscall(SYS_close_range, first, ~0U, cloexec ? CLOSE_RANGE_CLOEXEC : 0);
}

int child_close_range(unsigned int first, unsigned int last)
{
	return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0);
}

int child_exit_code(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : 255;
}
