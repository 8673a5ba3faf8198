/* The work of children in tests: honest, and no more than it takes. It runs confined. */
#ifndef TEST_TRANSFER_CHILDREN_H
#define TEST_TRANSFER_CHILDREN_H

#include <stdint.h>

#include "base/err.h"
#include "lane.h"
#include "stream.h"
#include "unpack.h"

/* A child is said to stand still after so long: not one that waits for its turn on a busy machine. One that is to be
 * found out gets less. */
#define STALL_MS 60000
#define SHORT_STALL_MS 4000

/** Reads @in to its end and counts into *n. */
int children_drain(struct lane *in, uint64_t *n);
/** Writes what may be longer than a slot. */
int children_write(struct lane *out, const void *p, size_t n, struct err **err);
/** As child_tools.unpack: makes an empty layer of whatever comes. */
int children_make_empty(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err);
/** As child_tools.inflate: what comes is the tar. */
int children_copy(struct lane *in, struct lane *out, enum compression how, struct err **err);
/** As child_tools.unpack: neither reads nor ends. */
int children_stay(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err);
/** For children that try what they may not do: to other processes, and with descriptors. */
int children_try_everybody(struct err **err);
/** For children that try what they may not do: it was possible. */
int children_could(struct err **err, const char *what);

#endif
