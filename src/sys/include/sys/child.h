/*
 * clone3, pidfds, and closing descriptors: what starting processes takes. -1 with errno; safe
 * between clone and exec.
 */
#ifndef KIST_SYS_CHILD_H
#define KIST_SYS_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

struct child_args {
	uint64_t flags; /* CLONE_*; CLONE_PIDFD and CLONE_INTO_CGROUP are added by the fields below
			 */
	int *pidfd; /* where the pidfd goes, or NULL */
	int exit_signal;
	int cgroup; /* descriptor of a v2 cgroup to be born in; 0 or -1: none */
};

/**
 * fork(2) with flags: no new stack, and never CLONE_VM. libc does not know about it: the child may
 * use system calls and nothing that locks or allocates. EINTR is retried.
 */
pid_t child_clone(const struct child_args *args);

int child_pidfd_open(pid_t pid);
int child_pidfd_signal(int pidfd, int sig);
/** Is @pid a child of ours that has not been reaped? Then the number can have no other owner. */
bool child_is_ours(pid_t pid);
/** close_range(2) from @first to the end; @cloexec marks instead of closing. */
int child_close_from(unsigned int first, int cloexec);
/** close_range(2), both ends included. */
int child_close_range(unsigned int first, unsigned int last);
/** A wait status as a shell would report it: exit code, or 128 + signal. */
int child_exit_code(int status);

#endif
