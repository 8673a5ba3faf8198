/* What run_create() and run_exec() share in the parent. */
#ifndef KIST_RUNTIME_RUN_PRIVATE_H
#define KIST_RUNTIME_RUN_PRIVATE_H

#include <sys/types.h>

#include "base/err.h"

/** Writes /proc/<pid>/oom_score_adj; refused lowering is an error unless the value is already
 * there. */
int run_set_oom_score(int proc, pid_t pid, int value, struct err **err);

#endif
