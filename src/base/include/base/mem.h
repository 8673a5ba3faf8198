/*
 * Memory and ownership: allocation that cannot fail, cleanup attributes, stealing.
 *
 * kist does not try to survive malloc() returning NULL for a small object: the x-functions end the
 * program, which every program of kist must survive anyway (docs/decisions/0003). Sizes that come
 * from outside are bounded by the parser before anything is allocated.
 */
#ifndef KIST_BASE_MEM_H
#define KIST_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <errno.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t size) __attribute__((returns_nonnull));
/** realloc for arrays, checks n * size for overflow. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull, nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull, nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...)
	__attribute__((format(printf, 1, 2), malloc, returns_nonnull));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((malloc, returns_nonnull));

/** xstrdup that passes NULL through. */
static inline char *xstrdup_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

/** Frees *slot and puts a copy of @s (or NULL) there. */
void str_replace(char **slot, const char *s);

static inline void mem_freep(void *p)
{
	free(*(void **)p);
	*(void **)p = NULL;
}
#define auto_free __attribute__((cleanup(mem_freep)))

/** Closes a descriptor without touching errno; -1 is allowed. */
static inline void fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;
		close(fd);
		errno = saved;
	}
}
static inline void fd_closep(int *fd)
{
	fd_close(*fd);
	*fd = -1;
}
#define auto_fd __attribute__((cleanup(fd_closep)))

/** Hands ownership over: returns the value and leaves NULL (or -1) behind. */
#define steal_ptr(p)                                                                               \
	({                                                                                         \
		__typeof__(p) *steal_slot = &(p);                                                  \
		__typeof__(p) steal_value = *steal_slot;                                           \
		*steal_slot = NULL;                                                                \
		steal_value;                                                                       \
	})
static inline int steal_fd(int *fd)
{
	int value = *fd;
	*fd = -1;
	return value;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
