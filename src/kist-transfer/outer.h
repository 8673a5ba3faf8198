/* Reading an archive of images, in a child of its own. */
#ifndef KIST_TRANSFER_OUTER_H
#define KIST_TRANSFER_OUTER_H

#include <stdint.h>

#include "base/err.h"

/** Bounds of what is read. */
struct outer_limits {
	uint64_t max_entries; /* members of any kind */
	uint32_t max_ratio; /* of archive, and of members, to input, beyond RATIO_FLOOR (layer.h) */
};

/**
 * Reads an archive, perhaps compressed, from @in to its end, and writes what may be a layer, a document or a link to
 * @out as frames (frame.h). ERR_INVALID if it is damaged.
 */
int outer_read(int in, int out, const struct outer_limits *limits, struct err **err);

#endif
