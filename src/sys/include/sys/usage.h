/* How much a folder holds. */
#ifndef KIST_SYS_USAGE_H
#define KIST_SYS_USAGE_H

#include <stdint.h>

#include "base/err.h"

struct usage {
	int64_t files; /* everything that has a name, the top folder itself left out */
	int64_t bytes; /* lengths of the regular files, as Docker counts sizes */
	int64_t disk; /* bytes that the file system has allocated for all of it, folders too */
};

/**
 * Adds what lies below @dir/@name (a folder or a file; "." for @dir itself) to @out: a file with several
 * names counts once, mounts and symlinks are not followed. What disappears meanwhile is not counted: the
 * tree may be in use. Memory: a few bytes for each folder on the way to the
 * present one, and at most 16 MiB for the inodes of files with several names (of more than a million of those
 * each name counts for its share). Any depth, with some twenty descriptors. Absence is success. -1 with *err for what cannot be read.
 */
int usage_add(int dir, const char *name, struct usage *out, struct err **err);

#endif
