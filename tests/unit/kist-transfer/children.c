#include "base/asan.h"
#include "children.h"
#include "base/asan.h"

#include "base/asan.h"
#include <errno.h>
#include "base/asan.h"
#include <fcntl.h>
#include "base/asan.h"
#include <sched.h>
#include "base/asan.h"
#include <signal.h>
#include "base/asan.h"
#include <stdio.h>
#include "base/asan.h"
#include <string.h>
#include "base/asan.h"
#include <sys/mman.h>
#include "base/asan.h"
#include <sys/ptrace.h>
#include "base/asan.h"
#include <sys/socket.h>
#include "base/asan.h"
#include <sys/stat.h>
#include "base/asan.h"
#include <sys/syscall.h>
#include "base/asan.h"
#include <sys/uio.h>
#include "base/asan.h"
#include <unistd.h>
#include "base/asan.h"

#include "base/asan.h"
#include "confine_child.h"
#include "base/asan.h"

#include "base/asan.h"
int children_drain(struct lane *in, uint64_t *n)
#include "base/asan.h"
{
#include "base/asan.h"
	const void *p;
#include "base/asan.h"
	ssize_t r;
#include "base/asan.h"
	*n = 0;
#include "base/asan.h"
	while ((r = lane_take(in, &p)) > 0)
#include "base/asan.h"
		*n += (uint64_t)r;
#include "base/asan.h"
	return (int)r;
#include "base/asan.h"
}
#include "base/asan.h"

#include "base/asan.h"
int children_write(struct lane *out, const void *p, size_t n, struct err **err)
#include "base/asan.h"
{
#include "base/asan.h"
	while (n) {
#include "base/asan.h"
		size_t part = n < LANE_SLOT ? n : LANE_SLOT;
#include "base/asan.h"
		void *room = lane_room(out);
#include "base/asan.h"
		if (room)
#include "base/asan.h"
			memcpy(room, p, part);
#include "base/asan.h"
		if (!room || lane_put(out, part) < 0)
#include "base/asan.h"
			return err_sys(err, errno, "write");
#include "base/asan.h"
		p = (const char *)p + part;
#include "base/asan.h"
		n -= part;
#include "base/asan.h"
	}
#include "base/asan.h"
	return 0;
#include "base/asan.h"
}
#include "base/asan.h"

#include "base/asan.h"
int children_make_empty(struct lane *in, uint32_t index, struct unpack_limits *limits,
#include "base/asan.h"
	struct unpack_result *out, struct err **err)
#include "base/asan.h"
{
#include "base/asan.h"
	char name[32];
#include "base/asan.h"
	snprintf(name, sizeof(name), "layer.%u", index);
#include "base/asan.h"
	mkdirat(AT_FDCWD, name, 0755);
#include "base/asan.h"
	snprintf(name, sizeof(name), "recipe.%u", index);
#include "base/asan.h"
	mkdirat(AT_FDCWD, name, 0700);
#include "base/asan.h"
	return children_drain(in, &out->tar_size);
#include "base/asan.h"
}
#include "base/asan.h"

#include "base/asan.h"
int children_copy(struct lane *in, struct lane *out, enum compression how, struct err **err)
#include "base/asan.h"
{
#include "base/asan.h"
	const void *p;
#include "base/asan.h"
	ssize_t n;
#include "base/asan.h"
	while ((n = lane_take(in, &p)) > 0)
#include "base/asan.h"
		if (children_write(out, p, (size_t)n, err) < 0)
#include "base/asan.h"
			return -1;
#include "base/asan.h"
	return n < 0 ? err_sys(err, errno, "read") : 0;
#include "base/asan.h"
}
#include "base/asan.h"

#include "base/asan.h"
int children_could(struct err **err, const char *what)
#include "base/asan.h"
{
#include "base/asan.h"
	return err_set(err, ERR_CONFLICT, "could %s", what);
#include "base/asan.h"
}
#include "base/asan.h"

#include "base/asan.h"
int children_stay(struct lane *in, uint32_t index, struct unpack_limits *limits,
#include "base/asan.h"
	struct unpack_result *out, struct err **err)
#include "base/asan.h"
{
#include "base/asan.h"
	while (sched_yield() == 0)
#include "base/asan.h"
		;
#include "base/asan.h"
	return -1;
#include "base/asan.h"
}
#include "base/asan.h"

#include "base/asan.h"
int children_try_everybody(struct err **err)
#include "base/asan.h"
{
#include "base/asan.h"
	struct iovec io = {(void *)err, 1};
#include "base/asan.h"
	pid_t other = getppid();
#include "base/asan.h"
	if (syscall(SYS_kill, other, 0) == 0 || syscall(SYS_tgkill, other, other, 0) == 0 ||
#include "base/asan.h"
		syscall(SYS_tgkill, getpid(), gettid(), 0) == 0)
#include "base/asan.h"
		return children_could(err, "signal");
#include "base/asan.h"
	if (syscall(SYS_ptrace, PTRACE_ATTACH, other, 0, 0) == 0 ||
#include "base/asan.h"
		syscall(SYS_process_vm_writev, other, &io, 1, &io, 1, 0) >= 0)
#include "base/asan.h"
		return children_could(err, "write to another's memory");
#include "base/asan.h"
	if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0)
#include "base/asan.h"
		return children_could(err, "make a socket");
#include "base/asan.h"
	/* the kernel would say EINVAL to the others */
#include "base/asan.h"
	if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) >= 0 || errno != EPERM ||
#include "base/asan.h"
		syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, 0) >= 0 || errno != EPERM ||
#include "base/asan.h"
		syscall(SYS_clone3, NULL, 0) >= 0 || errno != EPERM)
#include "base/asan.h"
		return children_could(err, "make a process or a thread");
#include "base/asan.h"
	/* of no bytes: nothing happens if it is possible */
#include "base/asan.h"
	if (madvise(NULL, 0, MADV_HWPOISON) == 0 || errno != EPERM)
#include "base/asan.h"
		return children_could(err, "take memory away from the machine");
#include "base/asan.h"
#if !defined(__SANITIZE_ADDRESS__)
#include "base/asan.h"
	if (write(STDERR_FILENO, "x", 1) >= 0 || errno != EBADF)
#include "base/asan.h"
		return children_could(err, "write to the daemon's log");
#include "base/asan.h"
#endif
#include "base/asan.h"
	for (int fd = CONFINE_CHILD_END; fd < 64; fd++)
#include "base/asan.h"
		if (syscall(SYS_read, fd, NULL, 0) >= 0 || errno != EBADF)
#include "base/asan.h"
			return children_could(err, "keep a descriptor");
#include "base/asan.h"
	return 0;
#include "base/asan.h"
}
