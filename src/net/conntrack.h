/* Forgetting tracked UDP flows. */
#ifndef KIST_NET_CONNTRACK_H
#define KIST_NET_CONNTRACK_H

#include <stddef.h>
#include <stdint.h>

/**
 * Makes the kernel forget, over @sock (NETLINK_NETFILTER), flows to UDP port @port of any address. A flow that was tracked before the
 * port was published (or still leads to a container that is gone) would go on where it went, since
 * only the first packet of a flow is translated. Best effort: kernels before 5.8 cannot and keep the
 * flow until it has been silent for 30 to 120 seconds.
 */
void conntrack_forget_udp(int sock, uint16_t port);

#endif
