/* The end of what runtime/net_ahead.h begins. */
#ifndef KIST_RUNTIME_NET_AHEAD_PRIVATE_H
#define KIST_RUNTIME_NET_AHEAD_PRIVATE_H

#include "runtime/net_ahead.h"

/** Waits until the namespace is made. Its descriptor, the caller's from now on; -1 where there is none. */
int net_ahead_take(struct net_ahead *a);

#endif
