/* Network devices that are moved into a container (runtime-spec config-linux.md "Network Devices"). */
#ifndef KIST_RUNTIME_NETDEV_H
#define KIST_RUNTIME_NETDEV_H

#include "base/err.h"
#include "runtime/plan.h"

/**
 * Moves the plan's devices from the caller's network namespace into the one that @ns refers to: set down, moved
 * and renamed in one step, given their permanent global addresses back, set up. They stay there: the kernel gives
 * physical ones back to the initial namespace when the container's is gone. The error names the device.
 * Visits @ns meanwhile, so the caller is single-threaded.
 */
int netdev_move_all(const struct plan *plan, int ns, struct err **err);

#endif
