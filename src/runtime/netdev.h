/* Network devices that are moved into a container (runtime-spec config-linux.md "Network Devices"). */
#ifndef KIST_RUNTIME_NETDEV_H
#define KIST_RUNTIME_NETDEV_H

#include "base/err.h"
#include "runtime/plan.h"

/** Devices that are in a container, and the way back. */
struct netdevs;

/**
 * Moves the plan's devices from the caller's network namespace into the one that @ns refers to: set down, moved
 * and renamed in one step, given their permanent global addresses back, set up. Where one fails, those before it are
 * given back; the error names the device. Visits @ns meanwhile, so the caller is single-threaded.
 */
int netdev_move_all(struct netdevs **out, const struct plan *plan, int ns, struct err **err);
/** For a container that does not come to be: each gets to where it was, with its name and those addresses, up if it was;
 * what cannot be is warned of. Routes are lost. Frees @n; NULL does nothing. */
void netdevs_give_back(struct netdevs *n);
/** They stay in the container: when its namespace is gone the kernel gives physical ones to the initial namespace. */
void netdevs_free(struct netdevs *n);

#endif
