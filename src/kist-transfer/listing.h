/*
 * The names in a folder, sorted (by bytes), in bounded memory however many there are.
 *
 * A folder is read as often as it takes: each pass keeps the smallest names behind the last one that was
 * given, as many as there is room for, and passes over the rest. So a million names cost a few passes over
 * the folder, no temporary file, and what has been kept can be dropped at any time: only the last name has
 * to be remembered. A folder that changes meanwhile gives each name at most once, and in order.
 */
#ifndef KIST_TRANSFER_LISTING_H
#define KIST_TRANSFER_LISTING_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LISTING_ROOM (4u << 20) /* bytes that one listing may keep */

/** Where a name was found; folders of both trees are merged. */
enum { IN_UPPER = 1, IN_LOWER = 2 };

struct listing {
	char *arena; /* records: where, name, NUL */
	size_t used, arena_room;
	uint32_t *at; /* offsets of records, sorted from `next` on */
	size_t count, next, at_room;
	size_t room; /* LISTING_ROOM; tests make it small */
	bool more; /* there may be names behind the last one kept */
	bool bounded; /* while reading: names behind `bound` are passed over */
	char bound[NAME_MAX + 1];
	char last[NAME_MAX + 1]; /* given last; "" at the beginning */
};

void listing_init(struct listing *l);
void listing_free(struct listing *l);
/** Forgets names that were kept, to be read again when they are asked for. */
void listing_drop(struct listing *l);
/** Bytes of memory that it holds. */
size_t listing_held(const struct listing *l);

/**
 * The next name, valid until the next call, and where it is. @upper and the @count of @below are open folders, or -1;
 * their offsets are moved. Returns 1, 0 at the end, -1.
 */
int listing_next(struct listing *l, int upper, const int *below, size_t count, const char **name,
	unsigned int *where, struct err **err);

#endif
