/* Unpacking one layer: a tar stream into a folder, as an overlay layer. */
#ifndef KIST_TRANSFER_UNPACK_H
#define KIST_TRANSFER_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/** Where a tar comes from. */
struct unpack_input {
	/** The next bytes, valid until the next call; 0 at the end, -1 if the stream broke off. */
	long (*take)(void *arg, const void **p);
	void *arg;
};

/** What all layers of one run may use together. */
struct unpack_limits {
	uint64_t max_bytes, max_entries;
	uint64_t bytes, entries; /* so far */
};

enum unpack_how {
	UNPACK_KEEP, /* to stay: with its recipe */
	/* to be compared with the layer (verify.h): without a recipe, folders that have a time marked */
	UNPACK_HOLLOW, /* files have sizes and nothing in them */
	UNPACK_WHOLE,
};

struct unpack_result {
	uint64_t size; /* bytes of all regular files, as Docker counts a layer */
	bool opaque; /* an opaque marker at the root */
	uint64_t tar_size; /* bytes of the stream */
	uint64_t recipe_size; /* bytes on disk of the recipe and of what is kept beside it */
	uint64_t content; /* bytes of files that the stream had */
	bool holes; /* it had not all of a file */
};

/**
 * Takes a tar stream from @input and makes its entries below the folder @root.
 *
 * Entries are resolved inside @root by the kernel, whatever symlinks the layer brought along. Later
 * entries replace earlier ones; folders merge. ".wh.NAME" becomes a 0:0 character device,
 * ".wh..wh..opq" the xattr trusted.overlay.opaque. ERR_INVALID for what a layer must not contain,
 * ERR_TOO_LARGE beyond @limits, ERR_SYSTEM for the machine's own troubles. On success the stream has been read to its
 * end, and the empty folder @side has become its recipe (recipe.h), if @how is KEEP.
 */
int unpack_layer(int root, int side, const struct unpack_input *input, enum unpack_how how,
	struct unpack_limits *limits, struct unpack_result *out, struct err **err);

/** Makes the folder "<kind>.<index>" below @root, opened. */
int unpack_folder_make(int root, const char *kind, uint32_t index, mode_t mode, struct err **err);

#endif
