/* Memory that is freed all at once: what a plan owns. */
#ifndef KIST_RUNTIME_ARENA_H
#define KIST_RUNTIME_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
/** Zeroed memory, aligned for everything; never NULL. @n * @size is checked for overflow. */
void *arena_alloc(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Takes over memory from malloc(). */
void *arena_own(struct arena *a, void *p);
void arena_free(struct arena *a);

#endif
