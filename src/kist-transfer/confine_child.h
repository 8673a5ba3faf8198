/* What a child that parses one blob may do. */
#ifndef KIST_TRANSFER_CONFINE_CHILD_H
#define KIST_TRANSFER_CONFINE_CHILD_H

#include "base/err.h"

enum child_kind {
	CHILD_READS, /* reads the input, writes a pipe; no files, no capabilities */
	CHILD_INFLATES, /* reads one lane, writes another; no files, no capabilities */
	CHILD_UNPACKS, /* reads a lane, makes files below the folder that becomes its root */
	CHILD_KIND_COUNT
};

/** Bytes of memory that a child may have: an xz dictionary of 64 MiB, and much to spare. */
#define CONFINE_CHILD_MEMORY (256ul << 20)

/** Where each child has its descriptors; 2 is as 0, nothing else is open. BACK, ROOM: the other pipes of the lanes IN and OUT. */
enum {
	CONFINE_CHILD_IN = 0,
	CONFINE_CHILD_OUT = 1, /* UNPACKS: as 0 */
	CONFINE_CHILD_REPORT = 3,
	CONFINE_CHILD_BACK = 4, /* READS: nothing from here on */
	CONFINE_CHILD_ROOM = 5, /* INFLATES */
	CONFINE_CHILD_FOLDER = 5, /* UNPACKS */
	CONFINE_CHILD_END
};

/** Filters for seccomp(2), made once: they are installed in each child. */
struct confine_filters;
struct confine_filters *confine_filters_new(struct err **err);
void confine_filters_free(struct confine_filters *filters);

/**
 * Gives up everything else, in a child of a confined supervisor (or of a test that is root). UNPACKS: @folder, which
 * must not be moved while the child lives, becomes the root; no descriptor of anything outside may be open.
 */
int confine_child(
	const struct confine_filters *filters, enum child_kind kind, int folder, struct err **err);

#endif
