/* What takes the caller's privileges over the host, given to a process that may lack them. */
#ifndef KIST_RUNTIME_LIMITS_GRANT_H
#define KIST_RUNTIME_LIMITS_GRANT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/plan.h"

/** Is there anything for limits_schedule()? */
bool limits_schedules(const struct plan_process *p);
/** Parent: scheduler and I/O priority of @pid, an unreaped child. */
int limits_schedule(pid_t pid, const struct plan_process *p, struct err **err);
/** Parent: raises the hard limits of @pid to those that are asked for, so that it can set them itself though
 * it is in another user namespace. ERR_INVALID naming one that may not be had. */
int limits_raise(pid_t pid, const struct plan_process *p, struct err **err);
/** Both; the second if @raise. */
int limits_grant(pid_t pid, const struct plan_process *p, bool raise, struct err **err);

#endif
