/* The end of what runtime/net_ahead.h begins. */
#ifndef KIST_RUNTIME_NET_AHEAD_PRIVATE_H
#define KIST_RUNTIME_NET_AHEAD_PRIVATE_H

#include <stdbool.h>

#include "runtime/net_ahead.h"

/**
 * The SEQPACKET socket between a container's maker and its first process: the maker's end, the other one. On it the namespace
 * is handed over by who makes it, with PERMIT_NET, without the maker's doing. The caller's from now on; nothing else
 * may be sent before net_ahead_take(). False: there is none, and handing over is the caller's.
 */
bool net_ahead_socket(struct net_ahead *a, int pair[2]);
/** Waits until the namespace is made. True if it has been handed over; else its descriptor is the caller's from now on,
 * -1 where there is none. */
bool net_ahead_take(struct net_ahead *a, int *ns);

#endif
