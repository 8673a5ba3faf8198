#include "leave.h"

#include <arpa/inet.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "nl.h"
#include "state.h"

#define GRACE_NS (200 * 1000000LL)
#define RETRY_NS TIME_NS_PER_SEC

void leavers_init(struct leavers *leavers)
{
	pthread_condattr_t attr;
	*leavers = (struct leavers){0};
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&leavers->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void leavers_free(struct net *net)
{
	struct leavers *l = &net->leavers;
	pthread_mutex_lock(&net->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&net->lock);
	if (l->started)
		pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->changed);
	free(l->v);
	l->v = NULL;
}

bool leavers_hurry(struct net *net)
{
	struct leavers *l = &net->leavers;
	if (!l->count || !l->started)
		return false;
	for (size_t i = 0; i < l->count; i++)
		l->v[i].due = 0;
	pthread_cond_broadcast(&l->changed);
	pthread_cond_wait(&l->changed, &net->lock);
	return true;
}

/* Whether the interface has gone, with help if it must be. */
static bool gone(const char *name)
{
	struct nl_link link;
	auto_err *why = NULL;
	auto_fd int sock = nl_socket(NETLINK_ROUTE, &why);

	if (sock >= 0 && nl_link_get(sock, name, &link, &why) == 0 &&
		(!link.index || veth_remove(name, &why) == 0))
		return true;
	log_warn("interface %s of a container that ended: %s", name, err_msg(why));
	return false;
}

/* Deals with the oldest one; the lock is held on entry and return, not in between. */
static void see_off(struct net *net)
{
	struct leavers *l = &net->leavers;
	struct leaving one = l->v[0];

	pthread_mutex_unlock(&net->lock);
	bool done = gone(one.host_if);
	pthread_mutex_lock(&net->lock);
	/* Others only append, so it is still the first. */
	memmove(l->v, l->v + 1, --l->count * sizeof(*l->v));
	if (done) {
		pool_give(&net->pool, ntohl(one.address.s_addr));
	} else {
		one.due = time_mono() + RETRY_NS;
		l->v[l->count++] = one;
	}
	pthread_cond_broadcast(&l->changed);
}

static void *run(void *data)
{
	struct net *net = data;
	struct leavers *l = &net->leavers;

	pthread_mutex_lock(&net->lock);
	while (!l->stop) {
		if (!l->count) {
			pthread_cond_wait(&l->changed, &net->lock);
		} else if (l->v[0].due > time_mono()) {
			struct timespec until = {.tv_sec = l->v[0].due / TIME_NS_PER_SEC,
				.tv_nsec = l->v[0].due % TIME_NS_PER_SEC};
			pthread_cond_timedwait(&l->changed, &net->lock, &until);
		} else {
			see_off(net);
		}
	}
	pthread_mutex_unlock(&net->lock);
	return NULL;
}

static bool enqueue(struct net *net, const struct net_endpoint *ep)
{
	struct leavers *l = &net->leavers;
	if (!l->started && pthread_create(&l->thread, NULL, run, net) != 0)
		return false;
	l->started = true;
	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 8;
		l->v = xreallocarray(l->v, l->room, sizeof(*l->v));
	}
	struct leaving *one = &l->v[l->count++];
	*one = (struct leaving){.address = ep->address, .due = time_mono() + GRACE_NS};
	memcpy(one->host_if, ep->host_if, sizeof(one->host_if));
	pthread_cond_broadcast(&l->changed);
	return true;
}

void net_leave(struct net *net, const struct net_endpoint *ep)
{
	if (!ep->host_if[0]) {
		net_release(net, ep);
		return;
	}
	pthread_mutex_lock(&net->lock);
	bool queued = enqueue(net, ep);
	pthread_mutex_unlock(&net->lock);
	if (queued)
		return;
	gone(ep->host_if);
	net_release(net, ep);
}
