/* What a struct net holds; private to the layer. */
#ifndef KIST_NET_STATE_H
#define KIST_NET_STATE_H

#include <pthread.h>

#include "leave.h"
#include "net/net.h"
#include "pool.h"
#include "ports.h"
#include "veth.h"

struct net {
	struct net_info info; /* constant once open */
	struct veth_place place;
	pthread_mutex_t
		lock; /* guards pool, ports and leavers; never held across a kernel request */
	struct pool pool;
	struct ports ports;
	struct leavers leavers;
	/* One change or repair of the table at a time (the kernel has such a lock as well): held while
	 * the socket waits for its answers, never together with @lock by a waiting thread. */
	pthread_mutex_t table_lock;
	int table_sock; /* NETLINK_NETFILTER; kept, see elements.h */
};

#endif
