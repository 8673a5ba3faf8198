/* Starting helper programs (kist-transfer, nft): posix_spawn-like, from threads, with descriptors. */
#ifndef KIST_BASE_PROC_H
#define KIST_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct proc_fd {
	int from; /* descriptor here */
	int to; /* number in the program; CLOEXEC is cleared there */
};

struct proc_spec {
	const char *path; /* absolute */
	char *const *argv;
	char *const *env; /* NULL: an empty environment with PATH only */
	const struct proc_fd
		*fds; /* 0, 1, 2 that are not named are /dev/null; everything else closed */
	size_t nfds;
	bool die_with_parent; /* PR_SET_PDEATHSIG SIGKILL */
	unsigned long nofile_soft; /* soft RLIMIT_NOFILE of the program; 0: ours */
};

/**
 * Gives a signal (1..64) its default action. The system call itself: libc's signal() refuses the two that it
 * keeps for its threads (32 and 33), which a caller that is not libc's may ignore. Safe after fork, keeps errno.
 */
void signal_default(int sig);
#define SIGNAL_LAST 64 /* the kernel's _NSIG on everything but MIPS */

/**
 * Starts a program. Signals are reset and unblocked in it. Returns its pid and, if @pidfd is not
 * NULL, a pidfd; the caller reaps it. Exec failures are reported here (ERR_SYSTEM with errno), not as
 * exit code. Thread-safe.
 */
pid_t proc_start(const struct proc_spec *spec, int *pidfd, struct err **err);
/** Waits (EINTR-safe) and returns the wait status, -1 on error. */
int proc_wait(pid_t pid);
/** Runs to the end, feeding @input and collecting stdout/stderr (each bounded by @max). Returns wait
 * status or -1. */
int proc_run(const struct proc_spec *spec, const void *input, size_t ninput, size_t max,
	struct buf *out, struct buf *errout, struct err **err);

#endif
