/* The same through libc, for machines whose system calls raw.c does not know. */
#include "kernel.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long result(long r)
{
	return r < 0 ? -errno : r;
}

long k_fork(void)
{
	return result(fork());
}

long k_execve(const char *path, char **argv, char **env)
{
	return result(execve(path, argv, env));
}

long k_kill(long pid, long sig)
{
	return result(kill((pid_t)pid, (int)sig));
}

long k_wait_nohang(int *status)
{
	return result(waitpid(-1, status, WNOHANG));
}

/* the kernel's calls and not libc's: a set of ours is one word and has the real-time signals that
 * libc keeps for itself */
long k_wait_signal(const sigbits *set)
{
	unsigned long long bits = *set;
	return result(syscall(SYS_rt_sigtimedwait, &bits, NULL, NULL, sizeof(bits)));
}

long k_set_mask(const sigbits *set, sigbits *old)
{
	unsigned long long bits = *set, before = 0;
	long r = syscall(SYS_rt_sigprocmask, SIG_SETMASK, &bits, &before, sizeof(bits));
	if (old)
		*old = (sigbits)before;
	return result(r);
}

long k_write(int fd, const char *p, unsigned long n)
{
	return result(write(fd, p, n));
}

long k_own_group(void)
{
	return result(setpgid(0, 0));
}

long k_foreground(int fd)
{
	return result(tcsetpgrp(fd, getpgrp()));
}

long k_subreaper(void)
{
	return result(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

void k_exit(int code)
{
	_exit(code);
}

int main(int argc, char **argv)
{
	return init_main(argc, argv, environ);
}
