/* Tar archives made byte by byte, so that tests can make wrong ones. */
#ifndef KIST_TESTS_TARMAKE_H
#define KIST_TESTS_TARMAKE_H

#include <stdint.h>

#include "base/buf.h"

struct tar_entry {
	const char *name;
	char type; /* '0' file, '1' hard link, '2' symlink, '3' chr, '4' blk, '5' folder, '6' fifo */
	const char *link;
	uint32_t mode; /* 0: 0644, folders 0755 */
	uint64_t uid, gid;
	int64_t mtime;
	const char *data;
	size_t len; /* 0: strlen(data) */
	uint32_t major, minor;
	const char *xattr; /* name of an extended attribute */
	const char *value;
	size_t value_len; /* 0: strlen */
};

/** Appends one entry; what does not fit into ustar goes into a pax header. */
void tar_put(struct buf *out, const struct tar_entry *e);
/** The two blocks of zeroes. */
void tar_end(struct buf *out);

/* Shorthands. */
void tar_file(struct buf *out, const char *name, const char *data);
void tar_dir(struct buf *out, const char *name);
void tar_link(struct buf *out, char type, const char *name, const char *target);
void tar_blob(struct buf *out, const char *name, const void *data, size_t len);

/** gzip of @in, by zlib. */
void gzip(const struct buf *in, struct buf *out);
void zstd(const struct buf *in, struct buf *out);

#endif
