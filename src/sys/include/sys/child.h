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

/** Must not return. */
typedef void child_run(void *arg);

/** Can child_borrow() be had, on this architecture and with these sanitizers? */
bool child_can_borrow(void);
/**
 * vfork(2) with flags: the child calls @run with @arg in the caller's memory, on the caller's stack below what is in use, and
 * the caller stands still until the child has ended or executed. No page table is copied, and no page afterwards. What the child
 * writes is the caller's, errno too; its descriptors, folder, mask and signal handlers are its own. Besides what
 * holds for child_clone(), it can neither enter a time namespace, which takes a memory of one's own, nor be spoken to.
 * -1 with errno, ENOSYS where it cannot be had.
 */
pid_t child_borrow(const struct child_args *args, child_run *run, void *arg);

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
