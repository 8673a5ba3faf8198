/* Names in archives, cleaned as path.Clean does, without touching a file system. */
#ifndef KIST_TRANSFER_NAME_H
#define KIST_TRANSFER_NAME_H

#include <stddef.h>

#include "base/err.h"

#define NAME_ROOM 4096

/**
 * Cleans @name: no leading or double '/', no ".", ".." taken back against what stands before it.
 * An empty result is the root. ERR_INVALID for a name that leads out of the root (CVE-2014-9357),
 * is longer than 4,095 bytes or has a component over 255 (behind the ".wh." of a whiteout).
 */
int name_clean(const char *name, char out[NAME_ROOM], struct err **err);
/** The same for @target seen from the folder that holds the (cleaned) name @from. */
int name_clean_from(const char *from, const char *target, char out[NAME_ROOM], struct err **err);
/** The part after the last '/'. */
const char *name_base(const char *name);

#endif
