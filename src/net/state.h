/* What a struct net holds; private to the layer. */
#ifndef KIST_NET_STATE_H
#define KIST_NET_STATE_H

#include <pthread.h>

#include "net/net.h"
#include "pool.h"
#include "ports.h"
#include "veth.h"

struct net {
	struct net_info info; /* constant once open */
	struct veth_place place;
	pthread_mutex_t lock; /* guards pool and ports; never held across a kernel request */
	struct pool pool;
	struct ports ports;
	/* Held while the table is compared and repaired as a whole, and shared by single changes, so
	 * that a comparison never sees half of one. */
	pthread_rwlock_t table_lock;
};

#endif
