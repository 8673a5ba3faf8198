/*
 * An engine that answers what a test wants, so that the server is tested without containers.
 * What is not listed here answers "not in the fake" (501).
 */
#ifndef KIST_TESTS_FAKE_ENGINE_H
#define KIST_TESTS_FAKE_ENGINE_H

#include <stdatomic.h>
#include <stddef.h>

struct fake {
	atomic_int subscriptions; /* events streams that are open */
	atomic_int waits; /* waits that are open */
	atomic_int loads; /* loads that have ended */
	atomic_long load_bytes; /* that the last one read */
	atomic_int load_error; /* errno of its read(2), 0 for a plain end */
	atomic_int event_backlog; /* events to give; < 0: without end */
	atomic_int hold_load; /* a load waits while this is set */
};
extern struct fake fake;

/** Lets all waits end with @code. */
void fake_end_waits(int code);
/** Tells all subscriptions that there may be something. */
void fake_notify(void);
void fake_reset(void);

#endif
