/* System calls and the program's entry without libc: x86-64 and aarch64. */
#include "kernel.h"

#include "sys/rawcall.h"

#if defined(__x86_64__)

__asm__(".globl _start\n"
	"_start:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call start\n");

#elif defined(__aarch64__)

__asm__(".globl _start\n"
	"_start:\n"
	"	mov x29, #0\n"
	"	mov x0, sp\n"
	"	and sp, x0, #-16\n"
	"	bl start\n");

#endif

#define SET_MASK 2 /* SIG_SETMASK */
#define SIGCHLD_NUMBER 17
#define WNOHANG_FLAG 1
#define TIOCSPGRP_REQUEST 0x5410
#define SET_CHILD_SUBREAPER 36

/* the compiler may make calls of loops */
void *memset(void *p, int c, unsigned long n);
void *memset(void *p, int c, unsigned long n)
{
	for (volatile char *at = p; n; n--)
		*at++ = (char)c;
	return p;
}

long k_fork(void)
{
	return CALL(clone, SIGCHLD_NUMBER, 0, 0, 0, 0);
}

long k_execve(const char *path, char **argv, char **env)
{
	return CALL(execve, path, argv, env, 0, 0);
}

long k_kill(long pid, long sig)
{
	return CALL(kill, pid, sig, 0, 0, 0);
}

long k_wait_nohang(int *status)
{
	return CALL(wait4, -1, status, WNOHANG_FLAG, 0, 0);
}

long k_wait_signal(const sigbits *set)
{
	return CALL(rt_sigtimedwait, set, 0, 0, sizeof(*set), 0);
}

long k_set_mask(const sigbits *set, sigbits *old)
{
	return CALL(rt_sigprocmask, SET_MASK, set, old, sizeof(*set), 0);
}

long k_write(int fd, const char *p, unsigned long n)
{
	return CALL(write, fd, p, n, 0, 0);
}

long k_own_group(void)
{
	return CALL(setpgid, 0, 0, 0, 0, 0);
}

long k_foreground(int fd)
{
	int group = (int)CALL(getpgid, 0, 0, 0, 0, 0);
	return CALL(ioctl, fd, TIOCSPGRP_REQUEST, &group, 0, 0);
}

long k_subreaper(void)
{
	return CALL(prctl, SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

void k_exit(int code)
{
	for (;;)
		CALL(exit_group, code, 0, 0, 0, 0);
}

void start(long *stack) __attribute__((noreturn, used));
void start(long *stack)
{
	int argc = (int)stack[0];
	char **argv = (char **)(stack + 1);
	k_exit(init_main(argc, argv, argv + argc + 1));
}
