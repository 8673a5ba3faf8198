/*
 * Events: what happened, to whom. A ring of the latest few hundred, and subscriptions.
 *
 * A subscription is a cursor into the ring: about 100 bytes, and nothing is queued for it. A subscriber
 * that falls further behind than the ring reaches loses the oldest.
 */
#ifndef KIST_ENGINE_EVENTS_H
#define KIST_ENGINE_EVENTS_H

#include "engine/engine.h"

struct event_attr {
	const char *key, *value;
};

/** Immutable and counted: event_unref() what engine_events_next() gave. */
struct event {
	const char *type; /* "container", "image", "volume", "network" */
	const char *action; /* "start", "exec_create: sh -c x", ... */
	const char *actor; /* id or name */
	const char *from; /* container events: the image as asked for; else NULL */
	const struct event_attr *attrs;
	size_t attr_count; /* sorted by key */
	int64_t time; /* nanoseconds since the epoch */
};
void event_unref(const struct event *event);

struct event_subscription;

/**
 * Starts a subscription. @since: first come the kept events that are not older (0: none). @until: no events
 * after that time, and the subscription ends then (0: never). @filters are copied: container, daemon, event,
 * image, label, network, scope, type, volume. @notify is called whenever there may be something to take,
 * also at the end.
 */
struct event_subscription *engine_events_open(struct engine *e, int64_t since, int64_t until,
	const struct filters *filters, void (*notify)(void *arg), void *arg, struct err **err);
/** The next event that matches, or NULL: nothing now (*ended false) or never again (*ended true). Does
 * not block: callable on the loop. */
const struct event *engine_events_next(struct event_subscription *s, bool *ended);
/** No notification comes after this returns (it waits for one under way). */
void engine_events_close(struct event_subscription *s);

#endif
