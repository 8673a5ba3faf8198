/* Calls in the future. */
#ifndef KIST_REGISTRY_TIMER_H
#define KIST_REGISTRY_TIMER_H

#include "client.h"

typedef void timer_fn(void *arg);

/** Calls @fn(@arg) once, in @ms. */
void timer_set(struct client *c, uint32_t ms, timer_fn *fn, void *arg);
/** Forgets all calls with @arg. */
void timer_clear(struct client *c, const void *arg);
/** Runs what is due; milliseconds until the next, at most @most. */
int timer_run(struct client *c, int most);

#endif
