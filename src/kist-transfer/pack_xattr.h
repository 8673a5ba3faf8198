/* Extended attributes of packed files: those that unpack.c would set again. */
#ifndef KIST_TRANSFER_PACK_XATTR_H
#define KIST_TRANSFER_PACK_XATTR_H

#include "base/buf.h"
#include "base/err.h"

/**
 * Appends security.capability and user.* (without user.overlay.*) of the open file to @pax as
 * SCHILY.xattr records, sorted. Attributes whose name has a '=' cannot be said there and are left out. With
 * @refuse_redirects, ERR_INVALID where overlay keeps content or members of the file elsewhere.
 */
int pack_xattrs(int fd, const char *path, bool refuse_redirects, struct buf *pax, struct err **err);
/** Gives @to the same attributes of @from (those with a '=' in their name left out, as from layers). */
int pack_xattrs_copy(int from, int to, const char *path, struct err **err);
/** The file's capabilities, for comparison: appended to @out, nothing if there are none. */
int pack_capability(int fd, const char *path, struct buf *out, struct err **err);

#endif
