#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const char *err_text(int errnum)
{
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

static int err_vsys(
	struct err **err, enum err_kind kind, int errnum, const char *fmt, va_list ap)
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
