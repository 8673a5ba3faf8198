/*
 * Errors as values: what went wrong in the engine's terms, for people and for programs.
 *
 * Convention throughout kist: the error is the last parameter. A function that fails returns -1 (or
 * NULL) and has set *err; a function that succeeds has not touched it. Each layer adds context at
 * most once, with err_wrap(). Passing err == NULL is allowed and discards the error.
 *
 * Thread safety: a struct err belongs to one thread at a time. Not for use between clone and exec:
 * see runtime's child reports for that.
 */
#ifndef KIST_BASE_ERR_H
#define KIST_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

/** The kinds are the API's; one table maps kind to HTTP status (api), one to exit code (cli). */
enum err_kind {
	ERR_SYSTEM, /* a system call or the machine failed; sys holds errno where known */
	ERR_INVALID, /* the request itself is wrong (400) */
	ERR_UNAUTHORIZED, /* credentials missing or refused (401) */
	ERR_FORBIDDEN, /* understood and refused (403) */
	ERR_NOT_FOUND, /* (404) */
	ERR_CONFLICT, /* the present state does not allow it (409) */
	ERR_NOT_MODIFIED, /* it already is as asked (304) */
	ERR_TOO_LARGE, /* a bound on input was exceeded (413) */
	ERR_UNAVAILABLE, /* a peer or subsystem does not answer (503) */
	ERR_NOT_IMPLEMENTED, /* kist does not have this (501) */
	ERR_CANCELLED, /* the one who asked went away */
	ERR_NOT_EXECUTABLE, /* container's program exists but cannot be run (exit code 126) */
	ERR_NO_EXECUTABLE, /* container's program does not exist (exit code 127) */
	ERR_KIND_COUNT
};

struct err {
	enum err_kind kind;
	int sys; /* errno where the cause is a system call, else 0 */
	char *msg; /* what was tried, on what, why it failed; never NULL; no trailing newline */
};

/** Sets *err and returns -1, so that failing is one statement. Never fails itself. Replaces (frees)
 * an error that *err already holds. */
int err_set(struct err **err, enum err_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** As err_set with ERR_SYSTEM; appends ": " and the text of @errnum. */
int err_sys(struct err **err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** As err_set with a kind of the caller's and an errno; appends ": " and the text of @errnum. */
int err_sysk(struct err **err, enum err_kind kind, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** Puts "<fmt>: " in front of the message of *err; keeps its kind. *err must be set (or err NULL). */
int err_wrap(struct err **err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Hands the error in *@from to *@to (freeing what was there) and sets *@from to NULL. Returns -1. */
int err_move(struct err **to, struct err **from);

#if defined(__clang_analyzer__) && !defined(ERR_IS_MADE_HERE)
/* which looks at one file at a time, and would go on behind a failure as if there were none */
static inline int err_failed(int always)
{
	(void)always;
	return -1;
}
#define err_set(...) err_failed(err_set(__VA_ARGS__))
#define err_sys(...) err_failed(err_sys(__VA_ARGS__))
#define err_sysk(...) err_failed(err_sysk(__VA_ARGS__))
#define err_wrap(...) err_failed(err_wrap(__VA_ARGS__))
#define err_move(...) err_failed(err_move(__VA_ARGS__))
#endif

/** Message for printing; never NULL, also for NULL. */
const char *err_msg(const struct err *err);

/** The text of errno values without a static buffer; thread-safe, async-signal-safe. */
const char *err_text(int errnum);

/** Name of a kind ("not found"), for logs and for the wire. */
const char *err_kind_name(enum err_kind kind);

void err_free(struct err *err);

static inline void err_freep(struct err **err)
{
	if (*err)
		err_free(*err);
	*err = 0;
}
#define auto_err __attribute__((cleanup(err_freep))) struct err

#endif
