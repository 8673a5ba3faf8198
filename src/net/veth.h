/* The pair of interfaces between a bridge and a network namespace. */
#ifndef KIST_NET_VETH_H
#define KIST_NET_VETH_H

#include "net/net.h"

struct veth_place {
	int bridge; /* ifindex */
	uint32_t mtu;
	bool ipv6; /* the kernel has it */
	bool isolated; /* --icc=false: no frames to the bridge's other ports */
};

/** net_connect() and net_disconnect() without the struct net. */
int veth_connect(
	const struct veth_place *place, int netns, const struct net_endpoint *ep, struct err **err);
int veth_remove(const char *name, struct err **err);

#endif
