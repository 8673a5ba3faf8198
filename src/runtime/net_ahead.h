/* The end of what runtime/net_ahead.h begins. */
#ifndef KIST_RUNTIME_NET_AHEAD_PRIVATE_H
#define KIST_RUNTIME_NET_AHEAD_PRIVATE_H

#include <stdbool.h>

#include "runtime/net_ahead.h"

/**
 * The SEQPACKET socket between a container's maker and its first process: the maker's end, the other one. On it the namespace
 * is handed over by who makes it, with PERMIT_NET, without the maker's doing. The caller's from now on; nothing else
 * may be sent before net_ahead_take(), nor may that end be closed. False: there is none, and handing over is the caller's.
 */
bool net_ahead_socket(struct net_ahead *a, int pair[2]);
/** Child: has nobody begun with it yet, so that it is this process's to make? If not, PERMIT_NET will come. */
bool net_ahead_left_to_init(struct net_ahead *a);
/** Waits until the namespace is made, if it has been begun. True if there is nothing to hand over: that has been done, or the first
 * process makes it. Else its descriptor is the caller's from now on, -1 where there is none. */
bool net_ahead_take(struct net_ahead *a, int *ns);

#endif
