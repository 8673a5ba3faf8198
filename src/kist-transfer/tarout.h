/*
 * Writing a tar: ustar headers, with pax records where ustar has no room (POSIX.1-2017, pax, "pax
 * Interchange Format"). What is written depends on what is given and on nothing else, so that the same
 * tree has the same digest every time.
 */
#ifndef KIST_TRANSFER_TAROUT_H
#define KIST_TRANSFER_TAROUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

enum tar_type {
	TAR_FILE = '0',
	TAR_HARDLINK = '1',
	TAR_SYMLINK = '2',
	TAR_CHAR = '3',
	TAR_BLOCK = '4',
	TAR_FOLDER = '5',
	TAR_FIFO = '6',
};

struct tar_member {
	const char *path; /* relative; a folder's without the '/' that it gets at its end */
	const char *link; /* HARDLINK: a path in the archive; SYMLINK: its target; else NULL */
	enum tar_type type;
	mode_t mode; /* permissions with setuid, setgid, sticky */
	uid_t uid;
	gid_t gid;
	uint64_t size; /* FILE: bytes of data that follow */
	int64_t mtime; /* whole seconds, as in Docker's layers */
	unsigned int major, minor; /* CHAR, BLOCK */
	const struct buf *pax; /* more pax records (tar_pax_add()), or NULL */
};

struct tar_out;

/** Writes to @fd (borrowed) through a buffer of its own. */
struct tar_out *tar_out_new(int fd);
void tar_out_free(struct tar_out *t);
static inline void tar_out_freep(struct tar_out **t)
{
	tar_out_free(*t);
	*t = NULL;
}
#define auto_tar_out __attribute__((cleanup(tar_out_freep))) struct tar_out

/* All return -1 with ERR_CANCELLED if nobody reads any more, ERR_SYSTEM for other failures. */

/** The header; exactly member->size bytes of data have to follow, then tar_out_pad(). */
int tar_out_member(struct tar_out *t, const struct tar_member *member, struct err **err);
int tar_out_data(struct tar_out *t, const void *p, size_t n, struct err **err);
int tar_out_zeroes(struct tar_out *t, uint64_t n, struct err **err);
/** Room of *n bytes to fill in place; tar_out_filled() adds what was. NULL with *err. */
char *tar_out_room(struct tar_out *t, size_t *n, struct err **err);
void tar_out_filled(struct tar_out *t, size_t n);
/** Zeroes up to the next block. */
int tar_out_pad(struct tar_out *t, struct err **err);
/** The end of the archive: two blocks of zeroes (and no more, as Go writes it), flushed. */
int tar_out_end(struct tar_out *t, struct err **err);
/** Hands over what is in the buffer. */
int tar_out_flush(struct tar_out *t, struct err **err);

/** Appends one pax record, "LENGTH KEY=VALUE\n". */
void tar_pax_add(struct buf *pax, const char *key, const void *value, size_t n);

#endif
