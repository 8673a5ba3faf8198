/* Whether this machine has the security modules that a container asks for. */
#ifndef KIST_RUNTIME_LSM_H
#define KIST_RUNTIME_LSM_H

#include "runtime/plan.h"

/** Parent: ERR_UNAVAILABLE naming the field if @p wants AppArmor or SELinux, or @mount_label (may be NULL) SELinux,
 * and the machine does without. A label that is silently not applied would be a hole. */
int lsm_check(const struct plan_process *p, const char *mount_label, struct err **err);

#endif
