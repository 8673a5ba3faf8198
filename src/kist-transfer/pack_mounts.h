/*
 * What the engine made in the upper folder: mount points, which are /proc, /sys, /dev, and three files in /etc (where the image has
 * none, or what is no plain file), the link /etc/mtab, and /.dockerenv. Docker keeps them in a layer of their own below the container's; here they are told by what they are,
 * empty and new, and left out of layers and lists of changes.
 */
#ifndef KIST_TRANSFER_PACK_MOUNTS_H
#define KIST_TRANSFER_PACK_MOUNTS_H

#include <stdbool.h>

#include "base/err.h"
#include "treewalk.h"

/** 1: the entry is such a mount point, or a folder that is only there because of them; 0; -1. */
int pack_is_mount_point(const struct walk_entry *e, bool whole, struct err **err);

#endif
