#include "sys/child.h"

#include <errno.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* struct clone_args up to "cgroup" (Linux 5.7); <linux/sched.h> does not mix well with <sched.h>.
 */
struct kernel_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
		set_tid_size, cgroup;
};

pid_t child_clone(const struct child_args *args)
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
	long pid;
	do
		pid = syscall(SYS_clone3, &k, sizeof(k));
	while (pid < 0 && errno == EINTR);
	return (pid_t)pid;
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
