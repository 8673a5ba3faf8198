#include "base/fdio.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/digest.h"

ssize_t fd_read(int fd, void *p, size_t n)
{
	ssize_t got;
	do
		got = read(fd, p, n);
	while (got < 0 && errno == EINTR);
	return got;
}

ssize_t fd_write(int fd, const void *p, size_t n)
{
	ssize_t put;
	do
		put = write(fd, p, n);
	while (put < 0 && errno == EINTR);
	return put;
}

/* A descriptor that somebody made non-blocking: wait until it is ready instead of failing. */
static int wait_ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	int r;
	do
		r = poll(&p, 1, -1);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : 0;
}

int fd_write_all(int fd, const void *p, size_t n)
{
	for (const char *at = p; n;) {
		ssize_t put = fd_write(fd, at, n);
		if (put < 0) {
			if (errno != EAGAIN || wait_ready(fd, POLLOUT) < 0)
				return -1;
			continue;
		}
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int fd_read_full(int fd, void *p, size_t n)
{
	for (char *at = p; n;) {
		ssize_t got = fd_read(fd, at, n);
		if (got == 0) {
			errno = EPIPE;
			return -1;
		}
		if (got < 0) {
			if (errno != EAGAIN || wait_ready(fd, POLLIN) < 0)
				return -1;
			continue;
		}
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

#define READ_FIRST 4095 /* and a NUL */
#define READ_MORE 16384
#define READ_LEAST 512 /* for less it is not worth a call */

int fd_read_all(int fd, size_t max, struct buf *out, const char *what, struct err **err)
{
	for (;;) {
		if (out->len > max)
			return err_set(
				err, ERR_TOO_LARGE, "%s is larger than %zu bytes", what, max);
		/* most files are small: one page, which is enough for all of it and for its end */
		if (out->cap < out->len + READ_LEAST)
			buf_reserve(out, out->len ? READ_MORE : READ_FIRST);
		char *at = out->data + out->len;
		size_t room = out->cap - out->len - 1;
		ssize_t got = fd_read(fd, at, room);
		if (got < 0)
			return err_sys(err, errno, "read %s", what);
		out->len += (size_t)got;
		at[got] = 0;
		if (got == 0)
			return 0;
	}
}

static int read_whole(
	int dir, const char *name, int flags, size_t max, struct buf *out, struct err **err)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
	if (fd < 0)
		return err_sysk(
			err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno, "open %s", name);
	return fd_read_all(fd, max, out, name, err);
}

int file_read(int dir, const char *name, size_t max, struct buf *out, struct err **err)
{
	return read_whole(dir, name, O_NOFOLLOW | O_NONBLOCK, max, out, err);
}

int file_read_given(const char *path, size_t max, struct buf *out, struct err **err)
{
	return read_whole(AT_FDCWD, path, 0, max, out, err);
}

int file_write(int dir, const char *name, const void *p, size_t n, struct err **err)
{
	auto_fd int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, errno, "open %s", name);
	ssize_t put = fd_write(fd, p, n);
	if (put < 0)
		return err_sys(err, errno, "write %s", name);
	if ((size_t)put != n)
		return err_sys(err, EIO, "write %s", name);
	return 0;
}

int file_replace(int dir, const char *name, const void *p, size_t n, mode_t mode, bool sync,
	struct err **err)
{
	char suffix[17];
	random_hex(suffix, 8);
	const char *slash = strrchr(name, '/');
	int folder = slash ? (int)(slash - name) + 1 : 0;
	auto_free char *tmp = xasprintf("%.*s.tmp-%s", folder, name, suffix);
	auto_fd int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return err_sys(err, errno, "create %s", name);
	/* the mode is what was asked for, whatever the umask */
	if (fchmod(fd, mode) < 0 || fd_write_all(fd, p, n) < 0 || (sync && fdatasync(fd) < 0) ||
		renameat(dir, tmp, dir, name) < 0) {
		int saved = errno;
		unlinkat(dir, tmp, 0);
		return err_sys(err, saved, "write %s", name);
	}
	return 0;
}

int dir_make(int dir, const char *path, mode_t mode, struct err **err)
{
	auto_free char *copy = xstrdup(path);
	for (char *at = copy + 1; *copy; at++) {
		if (*at && *at != '/')
			continue;
		char saved = *at;
		*at = 0;
		if (mkdirat(dir, copy, mode) < 0 && errno != EEXIST)
			return err_sys(err, errno, "create folder %s", copy);
		*at = saved;
		if (!saved)
			break;
	}
	struct stat st;
	if (fstatat(dir, path, &st, 0) < 0)
		return err_sys(err, errno, "create folder %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_sys(err, ENOTDIR, "create folder %s", path);
	return 0;
}

int dir_open(int dir, const char *path, struct err **err)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"open folder %s", path);
	return fd;
}

int fd_set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

int fd_set_cloexec(int fd, bool cloexec)
{
	return fcntl(fd, F_SETFD, cloexec ? FD_CLOEXEC : 0);
}

union fd_control {
	struct cmsghdr align;
	char room[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

int fd_send(int sock, const void *p, size_t n, const int *fds, size_t nfds)
{
	struct iovec iov = {.iov_base = (void *)p, .iov_len = n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	union fd_control control;
	if (nfds > FD_PASS_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (nfds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
	}
	ssize_t put;
	do
		put = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return -1;
	if ((size_t)put != n) { /* a stream socket: the descriptors went with the first part */
		const char *rest = (const char *)p + put;
		return fd_write_all(sock, rest, n - (size_t)put);
	}
	return 0;
}

static size_t collect_fds(struct msghdr *msg, int *fds, size_t room)
{
	size_t count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < room)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

/* The kernel ends a read after a message with descriptors. This one has one of nothing, and only who asks for
 * descriptors is given it. */
ssize_t fd_send_apart(int sock, const void *p, size_t n, int flags)
{
	struct iovec iov = {.iov_base = (void *)p, .iov_len = n};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	auto_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0) {
		control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(null))};
		memcpy(CMSG_DATA(&control.head), &null, sizeof(null));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	ssize_t put;
	do
		put = sendmsg(sock, &msg, flags | MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	return put;
}

ssize_t fd_recv(int sock, void *p, size_t n, int *fds, size_t *nfds)
{
	struct iovec iov = {.iov_base = p, .iov_len = n};
	union fd_control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t room = nfds ? *nfds : 0;
	if (nfds)
		*nfds = 0;
	ssize_t got;
	int reset = 0;
	do
		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	/* reset, once: the peer has closed before it read all, but what it said is still there */
	while (got < 0 && (errno == EINTR || (errno == ECONNRESET && !reset++)));
	if (got < 0)
		return -1;
	size_t count = collect_fds(&msg, fds, room);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		errno = EMSGSIZE;
		return -1;
	}
	if (nfds)
		*nfds = count;
	return got;
}

/* sun_path holds 108 bytes; the folder's descriptor under /proc/self/fd keeps any path short. */
static int unix_address(int dir, const char *name, struct sockaddr_un *addr, struct err **err)
{
	*addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = dir == AT_FDCWD || *name == '/'
			? snprintf(addr->sun_path, sizeof(addr->sun_path), "%s", name)
			: snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s",
				  dir, name);
	if (n < 0 || (size_t)n >= sizeof(addr->sun_path))
		return err_set(err, ERR_INVALID, "socket name %s is too long", name);
	return 0;
}

int unix_listen(int dir, const char *name, int type, mode_t mode, struct err **err)
{
	struct sockaddr_un addr;
	if (unix_address(dir, name, &addr, err) < 0)
		return -1;
	auto_fd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, errno, "create socket");
	/* the mode is set before bind, so that nobody connects in between (Linux honours fchmod) */
	if (fchmod(fd, mode) < 0)
		return err_sys(err, errno, "set mode of socket %s", name);
	unlinkat(dir, name, 0);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(err, errno, "bind socket %s", name);
	if (fchmodat(dir, name, mode, 0) < 0 || listen(fd, 4096) < 0) {
		int saved = errno;
		unlinkat(dir, name, 0);
		return err_sys(err, saved, "listen on socket %s", name);
	}
	return steal_fd(&fd);
}

int unix_connect(int dir, const char *name, int type, struct err **err)
{
	return unix_connect_within(dir, name, type, 0, err);
}

int unix_connect_within(int dir, const char *name, int type, int seconds, struct err **err)
{
	const struct timeval limit = {.tv_sec = seconds};
	struct sockaddr_un addr;
	if (unix_address(dir, name, &addr, err) < 0)
		return -1;
	auto_fd int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, errno, "create socket");
	if (seconds && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(err, errno, "set a socket's time limit");
	int r;
	do
		r = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sysk(err, ERR_UNAVAILABLE, errno, "connect to socket %s", name);
	return steal_fd(&fd);
}
