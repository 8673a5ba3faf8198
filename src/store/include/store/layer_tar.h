/*
 * The very tar that a layer came as, put together again.
 *
 * Plain layer tars are not kept. While kist-transfer unpacks one it writes a recipe beside the layer: every byte
 * of the stream that is not a file's content, and for each content where it lies now. From recipe and files the
 * same bytes come out, with the same diffID. `save` writes them into archives, push compresses them for the
 * registry, `system check` compares their hash. What a stream brings that cannot be found again under a path (a
 * file that a later entry replaced) lies in a side folder beside the recipe, what is too odd to be told from
 * framing lies in the recipe itself: a layer that was accepted can always be written again.
 *
 * The work is done by kist-transfer, confined to the one layer, which it cannot write.
 */
#ifndef KIST_STORE_LAYER_TAR_H
#define KIST_STORE_LAYER_TAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"

struct store;

/** How the tar is written. Compression depends on nothing but the tar and the libraries: the same layer gives the
 * same blob. */
enum layer_packing { LAYER_TAR_PLAIN, LAYER_TAR_GZIP, LAYER_TAR_ZSTD, LAYER_TAR_PACKING_COUNT };

/** A kist-transfer that writes one layer after another; for one thread at a time. */
struct layer_packer;

/** Starts the program. */
struct layer_packer *layer_packer_open(struct store *store, struct err **err);
/** Ends it. NULL is allowed. */
void layer_packer_close(struct layer_packer *packer);
static inline void layer_packer_closep(struct layer_packer **p)
{
	layer_packer_close(*p);
	*p = 0;
}
#define auto_layer_packer __attribute__((cleanup(layer_packer_closep))) struct layer_packer

/** Called about every 4 MiB with the bytes of the tar so far and its size; not 0 cancels (ERR_CANCELLED). */
typedef int layer_packer_fn(void *arg, int64_t current, int64_t total);

struct layer_packed {
	struct digest blob; /* of what was written: the diffID for LAYER_TAR_PLAIN */
	int64_t size; /* bytes written */
};

/**
 * Writes the tar of the layer @diff_id to @out (blocking; any kind of descriptor; -1: only checks), compressed as
 * @packing says. Everything is hashed on the way: 0 is returned only if the tar's digest is @diff_id, so after a
 * failure the reader must throw away what it got. The caller keeps the layer from being removed (an image has it,
 * or a pin). @progress may be NULL, @out_packed too.
 *
 * ERR_NOT_FOUND: there is no such layer. ERR_UNAVAILABLE: it was unpacked by a kist that made no recipes, and does not
 * come out the same without one. ERR_INVALID: layer or recipe are damaged; names the file, and what is wrong with
 * it. ERR_SYSTEM with EPIPE: the reader went away. After any failure the packer is of no more use: close it.
 */
int layer_packer_write(struct layer_packer *packer, const struct digest *diff_id, int out,
	enum layer_packing packing, layer_packer_fn *progress, void *arg,
	struct layer_packed *out_packed, struct err **err);

/**
 * Bytes of the layer's plain tar, for headers and progress that have to come first. ERR_NOT_FOUND if there is no such
 * layer, ERR_UNAVAILABLE if it has no recipe.
 */
int64_t layer_tar_size(struct store *store, const struct digest *diff_id, struct err **err);

#endif
