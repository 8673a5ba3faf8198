/*
 * Streams of bytes that are pulled: the input, an archive member, a decompressor on top of one.
 *
 * stream_read() gives 1 to @n bytes, 0 at the end, -1 with an error. A stream owns what it was made
 * from only where said. Not thread-safe; one thread reads a chain.
 */
#ifndef KIST_TRANSFER_STREAM_H
#define KIST_TRANSFER_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct archive;
struct lane;
struct stream;

struct stream_ops {
	ssize_t (*read)(struct stream *s, void *p, size_t n, struct err **err);
	void (*free)(struct stream *s);
	/** As stream_borrow(); NULL: it has no bytes in memory. */
	ssize_t (*borrow)(struct stream *s, const void **p, struct err **err);
};

struct stream {
	const struct stream_ops *ops;
};

static inline ssize_t stream_read(struct stream *s, void *p, size_t n, struct err **err)
{
	return s->ops->read(s, p, n, err);
}
/** The next bytes, where they lie until the next call if @s has them in memory; else they are read into @room, of @n bytes. */
ssize_t stream_borrow(struct stream *s, void *room, size_t n, const void **p, struct err **err);
void stream_free(struct stream *s);
static inline void stream_freep(struct stream **s)
{
	stream_free(*s);
	*s = NULL;
}
#define auto_stream __attribute__((cleanup(stream_freep))) struct stream

/** Reads until @n bytes are there or the end; returns the count. */
ssize_t stream_fill(struct stream *s, void *p, size_t n, struct err **err);
/** Reads to the end. */
int stream_drain(struct stream *s, struct err **err);

/** A descriptor; *count (may be NULL) is what was read so far. */
struct stream *stream_fd(int fd, uint64_t *count);
/** What comes through @l (borrowed). */
struct stream *stream_lane(struct lane *l);
/** The data of the archive's present member, until its end. */
struct stream *stream_entry(struct archive *a);
/** @head first, then @rest (borrowed). @head is copied. */
struct stream *stream_head(const void *head, size_t n, struct stream *rest);
/** Hands through @from (borrowed). */
struct stream *stream_through(struct stream *from);

/** Hands through @from (borrowed) and counts into *out; ERR_TOO_LARGE once more than @floor bytes and
 * more than @ratio for each byte of *in went through: a decompression bomb. */
struct stream *stream_guard(
	struct stream *from, const uint64_t *in, uint64_t *out, uint32_t ratio, uint64_t floor);

enum compression { PLAIN, GZIP, ZSTD, XZ, BZIP2, LZMA, COMPRESSION_COUNT };
/** "" for PLAIN, "gzip" ...: as store/transfer.h names it. */
const char *stream_compression_name(enum compression how);
/** What the first bytes say. */
enum compression stream_detect(const void *head, size_t n);
/** Whether the first STREAM_HEAD bytes may be those of a tar. */
#define STREAM_HEAD 512
bool stream_is_tar(const void *head, size_t n);
/** Decompresses @from (borrowed). PLAIN hands through. Reading gives ERR_TOO_LARGE for a window or a dictionary beyond
 * what is allowed, ERR_INVALID for what is damaged. Memory that is announced costs only what is written to it. */
struct stream *stream_decompress(struct stream *from, enum compression how);
struct stream *stream_gzip(struct stream *from);
struct stream *stream_zstd(struct stream *from);
struct stream *stream_lzma(struct stream *from, enum compression how);
struct stream *stream_bzip2(struct stream *from);

/** Lets libarchive read @from: for archive_read_open2(). The error of a failed read is in *slot. */
struct archive_source {
	struct stream *from;
	struct err *err;
	char chunk[65536];
};
int archive_source_open(struct archive *a, struct archive_source *source, struct err **err);

#endif
