/* Taking a container away: what delete does, and start where a hook fails. */
#ifndef KIST_OCI_DELETE_H
#define KIST_OCI_DELETE_H

#include "state.h"

/** Steps 12 and 13 of runtime.md "Lifecycle": cgroup, poststop hooks, entry. @kill: what runs is killed first.
 * @s is locked. */
int container_remove(struct state *s, bool kill, struct err **err);

#endif
