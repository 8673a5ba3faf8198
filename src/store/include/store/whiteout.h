/*
 * Whiteouts in unpacked layers: names that the layer removes from those below it.
 *
 * They are what overlayfs takes for one, character devices 0:0; and devices 0:1, which are none either, where the file
 * system is itself an overlay and refuses the former. A data root with such ones is marked (WHITEOUT_MARK), so that no
 * overlay is mounted over them later.
 */
#ifndef KIST_STORE_WHITEOUT_H
#define KIST_STORE_WHITEOUT_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define WHITEOUT_OVERLAY makedev(0, 0)
#define WHITEOUT_PLAIN makedev(0, 1)
#define WHITEOUT_MARK "plain-whiteouts" /* an empty file in the data root */

static inline bool whiteout_is(const struct stat *st)
{
	return S_ISCHR(st->st_mode) &&
	       (st->st_rdev == WHITEOUT_OVERLAY || st->st_rdev == WHITEOUT_PLAIN);
}

#endif
