/*
 * Endpoints whose namespace is ending. Their interfaces go with it, but a little later, in the
 * background; until then the address must not be given to anybody else. Somebody may also hold the
 * namespace: then the interface is removed here, after a moment of grace. A thread does it, started with
 * the first endpoint and asleep while there is none.
 */
#ifndef KIST_NET_LEAVE_H
#define KIST_NET_LEAVE_H

#include <pthread.h>

#include "net/net.h"

struct leaving {
	char host_if[IFNAMSIZ];
	struct in_addr address;
	int64_t due; /* time_mono(): when to look whether it has gone */
};

struct leavers {
	struct leaving *v; /* oldest first */
	size_t count, room;
	bool started, stop;
	pthread_t thread;
	pthread_cond_t changed; /* with net->lock */
};

void leavers_init(struct leavers *leavers);
/** Ends the thread; what it had left to do is left. Without net->lock. */
void leavers_free(struct net *net);
/** Makes all that are leaving go now and waits until one has. False if there was none. With net->lock,
 * which is released meanwhile. */
bool leavers_hurry(struct net *net);

#endif
