/* Bind mounts whose owners are shifted (mount_setattr(2) MOUNT_ATTR_IDMAP, Linux 5.12). */
#ifndef KIST_RUNTIME_IDMAP_H
#define KIST_RUNTIME_IDMAP_H

#include "setup.h"

/** Shifts the detached mount @mnt by the mappings of @m, or where it has none by those of the container's user
 * namespace. Parent. */
int idmap_mount(int mnt, const struct plan_mount *m, const struct setup *s, struct err **err);

#endif
