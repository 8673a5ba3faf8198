/* The mappings of a new user namespace. */
#ifndef KIST_RUNTIME_USERMAP_H
#define KIST_RUNTIME_USERMAP_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "oci/config.h"

struct id_maps {
	const struct oci_id_map *uids;
	size_t uid_count;
	const struct oci_id_map *gids;
	size_t gid_count;
};

/**
 * Writes uid_map and gid_map of @pid, which is in a new user namespace and does nothing yet. What the kernel
 * refuses a caller without privileges is left to newuidmap(1) and newgidmap(1), as subuid(5) allows; one
 * group of the caller's own needs neither, but then setgroups(2) is denied in there for good
 * (user_namespaces(7)). @proc: procfs_open().
 */
int usermap_write(int proc, pid_t pid, const struct id_maps *maps, struct err **err);
/**
 * Has the user namespace of @pid these mappings, as seen from ours? None given fit any. ERR_INVALID names those that
 * do not. @proc: procfs_open().
 */
int usermap_check(int proc, pid_t pid, const struct id_maps *maps, struct err **err);

#endif
