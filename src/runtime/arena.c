#include "arena.h"

#include <stdarg.h>
#include <stdint.h>

#include "base/mem.h"

#define CHUNK 4096

/* Small things share chunks; what does not fit, and what is taken over, stands alone. */
struct arena {
	void **owned;
	size_t count, room;
	char *at;
	size_t left;
};

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void *arena_own(struct arena *a, void *p)
{
	if (a->count == a->room) {
		a->room = a->room ? a->room * 2 : 8;
		a->owned = xreallocarray(a->owned, a->room, sizeof(*a->owned));
	}
	a->owned[a->count++] = p;
	return p;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX - 16)
		return arena_own(a, xcalloc(n, size)); /* which ends the program */
	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > CHUNK / 4)
		return arena_own(a, xcalloc(1, bytes));
	if (bytes > a->left) {
		a->at = arena_own(a, xcalloc(1, CHUNK));
		a->left = CHUNK;
	}
	void *p = a->at;
	a->at += bytes;
	a->left -= bytes;
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;
	return memcpy(arena_alloc(a, n, 1), s, n);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s = xvasprintf(fmt, ap);
	va_end(ap);
	return arena_own(a, s);
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->count; i++)
		free(a->owned[i]);
	free(a->owned);
	free(a);
}
