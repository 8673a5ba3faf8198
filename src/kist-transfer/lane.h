/*
 * Bytes from one process to another through memory that both have, one of them a child that is not trusted.
 *
 * The memory is LANE_SLOTS slots, used in turn. One pipe carries the length of each slot that was filled, and ends where
 * the stream does; a second one, back, a byte for each slot that may be filled again. The reader looks at a slot where it
 * lies, and nothing is copied on the way.
 *
 * What holds, whatever the child does:
 *	it cannot change what it reads: its mapping can never be made writable (F_SEAL_FUTURE_WRITE), and it has no other;
 *	it can change what it writes, at any time: whoever reads it copies it once, and looks only at the copy;
 *	the memory stays as large as it was made: nobody gets SIGBUS;
 *	no length and no count that it says leads out of the memory: EPROTO;
 *	the supervisor's end never blocks. Its death is the end of both pipes.
 *
 * A lane has one writer and one reader, of one thread each. Errors are in errno.
 */
#ifndef KIST_TRANSFER_LANE_H
#define KIST_TRANSFER_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define LANE_SLOTS 8
#define LANE_SLOT (256u << 10)

/** One end. */
struct lane {
	bool writes; /* this end does */
	char *slots; /* NULL: there is none */
	int full, back; /* this end's of the pipes; -1 closed, or not yet there */
	size_t next; /* slots that were put, or taken */
	size_t busy; /* of them not given back yet; a reader has at most one */
	unsigned char said[sizeof(uint32_t)]; /* a reader: of the next length */
	size_t got;
	/* the supervisor's, for the child that is to come */
	int memory, child_full, child_back;
};

#define LANE_NONE                                                                                  \
	((struct lane){.full = -1, .back = -1, .memory = -1, .child_full = -1, .child_back = -1})

/* ---- the supervisor's end ---- */

/** Makes the memory; no child that is forked has it. @writes: this end does. lane_free() in any case. */
int lane_make(struct lane *l, bool writes, struct err **err);
/** Makes the pipes, for one child. */
int lane_connect(struct lane *l, struct err **err);
/** The child has been forked: closes what is for it. */
void lane_started(struct lane *l);
/** Nothing more goes through it; to the reader that is the end. The memory stays. */
void lane_close(struct lane *l);
void lane_free(struct lane *l);
static inline bool lane_is_open(const struct lane *l)
{
	return l->full >= 0;
}
/** A writer's: no slot was free when it looked last; poll() l->back. */
static inline bool lane_is_full(const struct lane *l)
{
	return lane_is_open(l) && l->busy == LANE_SLOTS;
}

/* ---- the child's end ---- */

/** After fork: the other end of the supervisor's @l. Pipes are at @full and @back when they have been moved there. */
int lane_join(struct lane *child, const struct lane *l, int full, int back, struct err **err);

/* ---- both: the child waits, to the supervisor EAGAIN is said ---- */

/** A writer's: room of LANE_SLOT bytes, the same until lane_put(); NULL: EPIPE if nobody reads any more. */
void *lane_room(struct lane *l);
/** A writer's: hands on the first @n bytes, 1 to LANE_SLOT, of the room. 0; -1. */
int lane_put(struct lane *l, size_t n);
/** A reader's: the next 1 to LANE_SLOT bytes, until lane_give_back() or the next call; 0 at the end; -1. */
ssize_t lane_take(struct lane *l, const void **p);
/** A reader's: what was taken is done with, if anything. A writer that is gone does not matter. 0; -1. */
int lane_give_back(struct lane *l);

#endif
