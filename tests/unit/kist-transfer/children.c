#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/asan.h"
#include "confine_child.h"

int children_drain(struct lane *in, uint64_t *n)
{
	const void *p;
	ssize_t r;
	*n = 0;
	while ((r = lane_take(in, &p)) > 0)
		*n += (uint64_t)r;
	return (int)r;
}

int children_write(struct lane *out, const void *p, size_t n, struct err **err)
{
	while (n) {
		size_t part = n < LANE_SLOT ? n : LANE_SLOT;
		void *room = lane_room(out);
		if (room)
			memcpy(room, p, part);
		if (!room || lane_put(out, part) < 0)
			return err_sys(err, errno, "write");
		p = (const char *)p + part;
		n -= part;
	}
	return 0;
}

int children_make_empty(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	char name[32];
	snprintf(name, sizeof(name), "layer.%u", index);
	mkdirat(AT_FDCWD, name, 0755);
	snprintf(name, sizeof(name), "recipe.%u", index);
	mkdirat(AT_FDCWD, name, 0700);
	return children_drain(in, &out->tar_size);
}

int children_copy(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	const void *p;
	ssize_t n;
	while ((n = lane_take(in, &p)) > 0)
		if (children_write(out, p, (size_t)n, err) < 0)
			return -1;
	return n < 0 ? err_sys(err, errno, "read") : 0;
}

int children_could(struct err **err, const char *what)
{
	return err_set(err, ERR_CONFLICT, "could %s", what);
}

int children_stay(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	while (sched_yield() == 0)
		;
	return -1;
}

int children_try_everybody(struct err **err)
{
	struct iovec io = {(void *)err, 1};
	pid_t other = getppid();
	if (syscall(SYS_kill, other, 0) == 0 || syscall(SYS_tgkill, other, other, 0) == 0 ||
		syscall(SYS_tgkill, getpid(), gettid(), 0) == 0)
		return children_could(err, "signal");
	if (syscall(SYS_ptrace, PTRACE_ATTACH, other, 0, 0) == 0 ||
		syscall(SYS_process_vm_writev, other, &io, 1, &io, 1, 0) >= 0)
		return children_could(err, "write to another's memory");
	if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0)
		return children_could(err, "make a socket");
	/* the kernel would say EINVAL to the others */
	if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) >= 0 || errno != EPERM ||
		syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, 0) >= 0 || errno != EPERM ||
		syscall(SYS_clone3, NULL, 0) >= 0 || errno != EPERM)
		return children_could(err, "make a process or a thread");
	/* of no bytes: nothing happens if it is possible */
	if (madvise(NULL, 0, MADV_HWPOISON) == 0 || errno != EPERM)
		return children_could(err, "take memory away from the machine");
#if !defined(__SANITIZE_ADDRESS__)
	if (write(STDERR_FILENO, "x", 1) >= 0 || errno != EBADF)
		return children_could(err, "write to the daemon's log");
#endif
	for (int fd = CONFINE_CHILD_END; fd < 64; fd++)
		if (syscall(SYS_read, fd, NULL, 0) >= 0 || errno != EBADF)
			return children_could(err, "keep a descriptor");
	return 0;
}
