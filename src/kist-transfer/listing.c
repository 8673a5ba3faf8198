#include "listing.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

void listing_init(struct listing *l)
{
	*l = (struct listing){.room = LISTING_ROOM, .more = true};
}

void listing_drop(struct listing *l)
{
	free(l->arena);
	free(l->at);
	l->more = l->more || l->next < l->count;
	l->arena = NULL;
	l->at = NULL;
	l->used = l->count = l->next = l->at_room = l->arena_room = 0;
}

void listing_free(struct listing *l)
{
	listing_drop(l);
	*l = (struct listing){0};
}

size_t listing_held(const struct listing *l)
{
	return l->arena_room + l->at_room * sizeof(*l->at);
}

static const char *name_at(const struct listing *l, size_t i)
{
	return l->arena + l->at[i] + 1;
}

static int by_name(const void *a, const void *b, void *arena)
{
	const char *base = arena;
	return strcmp(base + *(const uint32_t *)a + 1, base + *(const uint32_t *)b + 1);
}

/* Sorts; a name that is in both folders becomes one. */
static void sort(struct listing *l)
{
	if (l->count < 2)
		return;
	qsort_r(l->at, l->count, sizeof(*l->at), by_name, l->arena);
	size_t n = 1;
	for (size_t i = 1; i < l->count; i++) {
		if (str_eq(name_at(l, i), name_at(l, n - 1)))
			l->arena[l->at[n - 1]] |= l->arena[l->at[i]];
		else
			l->at[n++] = l->at[i];
	}
	l->count = n;
}

/* Keeps the smaller half: what lies behind it waits for a later pass. */
static void halve(struct listing *l)
{
	sort(l);
	size_t keep = (l->count + 1) / 2;
	auto_free char *fresh = xmalloc(l->arena_room);
	size_t used = 0;
	for (size_t i = 0; i < keep; i++) {
		const char *record = l->arena + l->at[i];
		size_t n = strlen(record + 1) + 2;
		memcpy(fresh + used, record, n);
		l->at[i] = (uint32_t)used;
		used += n;
	}
	free(l->arena);
	l->arena = steal_ptr(fresh);
	l->used = used;
	l->count = keep;
	l->more = l->bounded = true;
	memcpy(l->bound, name_at(l, keep - 1), strlen(name_at(l, keep - 1)) + 1);
}

static void add(struct listing *l, const char *name, char where)
{
	size_t n = strlen(name);
	if (n > NAME_MAX || strcmp(name, l->last) <= 0)
		return;
	if (l->bounded && strcmp(name, l->bound) > 0)
		return;
	/* offsets count, too: the shortest names have records no longer than their offset */
	while (l->count > 1 && l->used + n + 2 + (l->count + 1) * sizeof(*l->at) > l->room) {
		halve(l);
		if (strcmp(name, l->bound) > 0)
			return;
	}
	if (l->count == l->at_room) {
		l->at_room = l->at_room ? 2 * l->at_room : 64;
		l->at = xreallocarray(l->at, l->at_room, sizeof(*l->at));
	}
	if (l->used + n + 2 > l->arena_room) {
		l->arena_room = l->arena_room ? 2 * l->arena_room : 4096;
		l->arena = xrealloc(l->arena, l->arena_room);
	}
	l->at[l->count++] = (uint32_t)l->used;
	l->arena[l->used] = where;
	memcpy(l->arena + l->used + 1, name, n + 1);
	l->used += n + 2;
}

static int read_folder(struct listing *l, int fd, char where, struct err **err)
{
	char room[32768] __attribute__((aligned(16)));
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read a folder");
	for (;;) {
		long n = syscall(SYS_getdents64, fd, room, sizeof(room));
		if (n < 0 && errno == EINTR)
			continue;
		/* a folder that was removed while it is read has no names left */
		if (n == 0 || (n < 0 && errno == ENOENT))
			return 0;
		if (n < 0)
			return err_sys(err, errno, "read a folder");
		for (long i = 0; i < n;) {
			const struct dirent64 *e = (const struct dirent64 *)(room + i);
			if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
				add(l, e->d_name, where);
			i += e->d_reclen;
		}
	}
}

static int fill(struct listing *l, int upper, const int *below, size_t count, struct err **err)
{
	l->used = l->count = l->next = 0;
	l->more = l->bounded = false;
	if (upper >= 0 && read_folder(l, upper, IN_UPPER, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (below[i] >= 0 && read_folder(l, below[i], IN_LOWER, err) < 0)
			return -1;
	sort(l);
	return 0;
}

int listing_next(struct listing *l, int upper, const int *below, size_t count, const char **name,
	unsigned int *where, struct err **err)
{
	while (l->next == l->count) {
		if (!l->more)
			return 0;
		if (fill(l, upper, below, count, err) < 0)
			return -1;
	}
	*where = (unsigned char)l->arena[l->at[l->next]];
	*name = name_at(l, l->next++);
	memcpy(l->last, *name, strlen(*name) + 1);
	return 1;
}
