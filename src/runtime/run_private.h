/* What run_create() and run_exec() share in the parent. */
#ifndef KIST_RUNTIME_RUN_PRIVATE_H
#define KIST_RUNTIME_RUN_PRIVATE_H

#include <sys/types.h>

#include "base/err.h"
#include "runtime/run.h"

/** Says how init ended, which it has: ERR_SYSTEM. Returns -1. run_start.c */
int run_died(const struct run *run, const char *when, struct err **err);

/** Writes /proc/<pid>/oom_score_adj; refused lowering is an error unless the value is already
 * there. */
int run_set_oom_score(int proc, pid_t pid, int value, struct err **err);

/** Gives the pipes among @io's three to the process's user, as that is known outside the user namespace that @pid is
 * in: in there nobody may do it (streams_own()). A failure only costs the opening of /dev/stdout by name. */
void run_give_streams(
	int proc, pid_t pid, const struct plan_process *process, const struct run_io *io);

/** Gives a container's cgroup to its user where config-linux.md "Cgroup ownership" says so: it will be mounted
 * writable in a cgroup namespace and a user namespace of its own. cgroup_owner.c */
int run_give_cgroup(struct cgroup *cg, const struct plan *plan, struct err **err);

#endif
