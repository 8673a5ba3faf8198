#define ERR_IS_MADE_HERE
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The texts are those that users of container tools know, which are Go's: glibc's in lower case. */
static const struct {
	int num;
	const char *text;
} errno_texts[] = {
	{EPERM, "operation not permitted"},
	{ENOENT, "no such file or directory"},
	{ESRCH, "no such process"},
	{EINTR, "interrupted system call"},
	{EIO, "input/output error"},
	{ENXIO, "no such device or address"},
	{E2BIG, "argument list too long"},
	{ENOEXEC, "exec format error"},
	{EBADF, "bad file descriptor"},
	{ECHILD, "no child processes"},
	{EAGAIN, "resource temporarily unavailable"},
	{ENOMEM, "cannot allocate memory"},
	{EACCES, "permission denied"},
	{EFAULT, "bad address"},
	{ENOTBLK, "block device required"},
	{EBUSY, "device or resource busy"},
	{EEXIST, "file exists"},
	{EXDEV, "invalid cross-device link"},
	{ENODEV, "no such device"},
	{ENOTDIR, "not a directory"},
	{EISDIR, "is a directory"},
	{EINVAL, "invalid argument"},
	{ENFILE, "too many open files in system"},
	{EMFILE, "too many open files"},
	{ENOTTY, "inappropriate ioctl for device"},
	{ETXTBSY, "text file busy"},
	{EFBIG, "file too large"},
	{ENOSPC, "no space left on device"},
	{ESPIPE, "illegal seek"},
	{EROFS, "read-only file system"},
	{EMLINK, "too many links"},
	{EPIPE, "broken pipe"},
	{EDOM, "numerical argument out of domain"},
	{ERANGE, "numerical result out of range"},
	{EDEADLK, "resource deadlock avoided"},
	{ENAMETOOLONG, "file name too long"},
	{ENOSYS, "function not implemented"},
	{ENOTEMPTY, "directory not empty"},
	{ELOOP, "too many levels of symbolic links"},
	{ENODATA, "no data available"},
	{EOVERFLOW, "value too large for defined data type"},
	{EUSERS, "too many users"},
	{ENOTSOCK, "socket operation on non-socket"},
	{EMSGSIZE, "message too long"},
	{EPROTO, "protocol error"},
	{EOPNOTSUPP, "operation not supported"},
	{EADDRINUSE, "address already in use"},
	{EADDRNOTAVAIL, "cannot assign requested address"},
	{ENETDOWN, "network is down"},
	{ENETUNREACH, "network is unreachable"},
	{ECONNABORTED, "software caused connection abort"},
	{ECONNRESET, "connection reset by peer"},
	{ENOBUFS, "no buffer space available"},
	{EISCONN, "transport endpoint is already connected"},
	{ENOTCONN, "transport endpoint is not connected"},
	{ETIMEDOUT, "connection timed out"},
	{ECONNREFUSED, "connection refused"},
	{EHOSTUNREACH, "no route to host"},
	{EALREADY, "operation already in progress"},
	{EINPROGRESS, "operation now in progress"},
	{ESTALE, "stale file handle"},
	{EDQUOT, "disk quota exceeded"},
	{ECANCELED, "operation canceled"},
};

const char *err_text(int errnum)
{
	for (size_t i = 0; i < ARRAY_LEN(errno_texts); i++)
		if (errno_texts[i].num == errnum)
			return errno_texts[i].text;
	const char *text = strerrordesc_np(errnum);
	return text ? text : "unknown error";
}

const char *err_kind_name(enum err_kind kind)
{
	static const char *const names[] = {
		[ERR_SYSTEM] = "system",
		[ERR_INVALID] = "invalid",
		[ERR_UNAUTHORIZED] = "unauthorized",
		[ERR_FORBIDDEN] = "forbidden",
		[ERR_NOT_FOUND] = "not found",
		[ERR_CONFLICT] = "conflict",
		[ERR_NOT_MODIFIED] = "not modified",
		[ERR_TOO_LARGE] = "too large",
		[ERR_UNAVAILABLE] = "unavailable",
		[ERR_NOT_IMPLEMENTED] = "not implemented",
		[ERR_CANCELLED] = "cancelled",
		[ERR_NOT_EXECUTABLE] = "not executable",
		[ERR_NO_EXECUTABLE] = "no executable",
	};
	_Static_assert(ARRAY_LEN(names) == ERR_KIND_COUNT, "a name for every kind");
	return kind < ERR_KIND_COUNT ? names[kind] : "unknown";
}

static void err_put(struct err **err, enum err_kind kind, int sys, char *msg)
{
	struct err *e = xcalloc(1, sizeof(*e));
	e->kind = kind;
	e->sys = sys;
	e->msg = msg;
	if (*err)
		err_free(*err);
	*err = e;
}

int err_set(struct err **err, enum err_kind kind, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	err_put(err, kind, 0, xvasprintf(fmt, ap));
	va_end(ap);
	return -1;
}

static int err_vsys(struct err **err, enum err_kind kind, int errnum, const char *fmt, va_list ap)
{
	auto_free char *what = xvasprintf(fmt, ap);
	err_put(err, kind, errnum, xasprintf("%s: %s", what, err_text(errnum)));
	return -1;
}

int err_sys(struct err **err, int errnum, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	err_vsys(err, ERR_SYSTEM, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sysk(struct err **err, enum err_kind kind, int errnum, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	err_vsys(err, kind, errnum, fmt, ap);
	va_end(ap);
	return -1;
}

int err_wrap(struct err **err, const char *fmt, ...)
{
	if (!err || !*err)
		return -1;
	va_list ap;
	va_start(ap, fmt);
	auto_free char *what = xvasprintf(fmt, ap);
	va_end(ap);
	char *msg = xasprintf("%s: %s", what, (*err)->msg);
	free((*err)->msg);
	(*err)->msg = msg;
	return -1;
}

int err_move(struct err **to, struct err **from)
{
	if (!to) {
		err_freep(from);
		return -1;
	}
	if (*to)
		err_free(*to);
	*to = steal_ptr(*from);
	return -1;
}

const char *err_msg(const struct err *err)
{
	return err && err->msg ? err->msg : "no error";
}

void err_free(struct err *err)
{
	if (!err)
		return;
	free(err->msg);
	free(err);
}
