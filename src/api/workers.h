/*
 * A bounded pool of threads for handlers. Threads are made when there is work and nobody idle, and
 * go when they have been idle for a while. Work that may keep its thread for long (an upload that
 * trickles in) never gets the last quarter of the threads, so that short requests are always
 * served.
 */
#ifndef KIST_API_WORKERS_H
#define KIST_API_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

struct workers;

struct workers *workers_new(size_t max);
void workers_submit(struct workers *w, void (*fn)(void *arg), void *arg, bool is_long);
/** Waits until everything submitted has been done and all threads have ended. */
void workers_free(struct workers *w);

#endif
