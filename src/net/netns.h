/* Doing a little in another network namespace with the calling thread. */
#ifndef KIST_NET_NETNS_H
#define KIST_NET_NETNS_H

#include "base/err.h"

/**
 * Opens an rtnetlink socket inside the namespace @netns. A socket stays in the namespace that it was
 * made in, so the thread is back home before anything is sent. If @ipv6_off is not NULL, IPv6 is
 * turned off on that interface there first (there is no netlink attribute for it; CVE-2024-32473).
 * The program aborts if the thread cannot return: it must never serve others from the wrong place.
 */
int netns_socket(int netns, const char *ipv6_off, struct err **err);

#endif
