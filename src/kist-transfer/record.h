/*
 * Writing a recipe (recipe.h) while the layer's tar goes by.
 *
 * Theory of operation. libarchive reads the tar, not this: a second reader would have to agree with it about every
 * dialect, and where it did not, a layer could not be written again. So the recorder sees the raw bytes in the order
 * they come (recorder_feed), and it is told of every piece of content that the unpacker wrote to a file, with the
 * piece's place in the stream as libarchive counts it (recorder_content). It compares that piece with the raw
 * bytes at that place: only if they are the same is a reference written. Everything else, whatever it is (headers,
 * padding, maps of sparse files, contents that were skipped, what follows the end marker), is literal. So a recipe is
 * right by construction; a misunderstanding makes it larger, never wrong.
 *
 * Memory: what libarchive has been given and not yet passed, which it bounds itself (1 MiB for the
 * largest header that it takes), and the compressor.
 */
#ifndef KIST_TRANSFER_RECORD_H
#define KIST_TRANSFER_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct recorder;

/** Makes the file below the folder @dir (borrowed). Bytes written are added to *@written. */
struct recorder *recorder_new(int dir, uint64_t *written, struct err **err);
void recorder_free(struct recorder *r);
static inline void recorder_freep(struct recorder **r)
{
	recorder_free(*r);
	*r = 0;
}
#define auto_recorder __attribute__((cleanup(recorder_freep))) struct recorder

/** The next bytes of the stream; they must stay valid until recorder_keep(). */
int recorder_feed(struct recorder *r, const void *p, size_t n, struct err **err);
/** What was fed last is about to go: copies what is still wanted of it. Before every recorder_feed() but the first. */
void recorder_keep(struct recorder *r);
/** No content before @pos will be told of any more. */
int recorder_passed(struct recorder *r, uint64_t pos, struct err **err);
/** Contents belong to this file now: the number of its inode, and its path without symlinks. */
int recorder_file(struct recorder *r, uint64_t id, const char *path, struct err **err);
/** The stream's bytes from @pos, which are at @p as well, lie at @offset of the file. */
int recorder_content(struct recorder *r, uint64_t pos, const void *p, size_t n, uint64_t offset,
	struct err **err);
/** After the last byte: finishes the file. *tar_size is the stream's length. */
int recorder_end(struct recorder *r, uint64_t *tar_size, struct err **err);

#endif
