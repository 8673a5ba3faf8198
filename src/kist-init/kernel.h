/*
 * The few system calls that kist-init makes. Each returns what the kernel returns: a value, or a
 * negative errno. raw.c has them without libc, libc.c with it.
 */
#ifndef KIST_INIT_KERNEL_H
#define KIST_INIT_KERNEL_H

/* the kernel's signal set: one bit a signal, signal 1 is bit 0 */
typedef unsigned long sigbits;

long k_fork(void);
long k_execve(const char *path, char **argv, char **env);
long k_kill(long pid, long sig);
/** Any child; *status is a wait status. 0 if none has ended. */
long k_wait_nohang(int *status);
/** Waits for a signal of @set. */
long k_wait_signal(const sigbits *set);
long k_set_mask(const sigbits *set, sigbits *old);
long k_write(int fd, const char *p, unsigned long n);
long k_own_group(void);
/** Puts the caller's process group into the foreground of the terminal on @fd. */
long k_foreground(int fd);
long k_subreaper(void);
void k_exit(int code) __attribute__((noreturn));

int init_main(int argc, char **argv, char **env);

#endif
