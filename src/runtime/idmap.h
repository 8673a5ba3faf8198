/* Mounts whose owners are shifted by mappings of their own (mount_setattr(2)
 * MOUNT_ATTR_IDMAP, 5.12). */
#ifndef KIST_RUNTIME_IDMAP_H
#define KIST_RUNTIME_IDMAP_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/plan.h"

/** Writes uid_map and gid_map of @pid, which is in a new user namespace. */
int idmap_write(int proc, pid_t pid, const struct oci_id_map *uids, size_t uid_count,
	const struct oci_id_map *gids, size_t gid_count, struct err **err);
/** Shifts the detached mount @mnt by the mappings of @m. */
int idmap_mount(int mnt, const struct plan_mount *m, struct err **err);

#endif
