/*
 * The event loop of a single-threaded part of a program: descriptors (epoll), timers, and work
 * posted by other threads.
 *
 * One thread runs a loop; everything but loop_post() and loop_stop() is called from that thread (or
 * before it runs). Callbacks must not block. A callback may delete any source or timer, its own
 * too: no callback runs for a deleted one afterwards, and its memory goes when that is safe.
 */
#ifndef KIST_BASE_LOOP_H
#define KIST_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

struct loop;
struct loop_source;
struct loop_timer;

/** @events: what is ready, EPOLL*; EPOLLERR and EPOLLHUP come unasked, EPOLLRDHUP if asked for. */
typedef void loop_fd_fn(struct loop_source *source, uint32_t events, void *arg);
typedef void loop_timer_fn(struct loop_timer *timer, void *arg);
typedef void loop_post_fn(void *arg);

struct loop *loop_new(struct err **err);
/** Runs work still posted, then frees every source and every armed timer (those at rest are their
 * owners' to delete, before); closes no descriptor but its own. */
void loop_free(struct loop *loop);
/** Runs until loop_stop(). 0, or -1 if epoll itself failed. */
int loop_run(struct loop *loop, struct err **err);
/** Makes loop_run() return after the present round. Any thread; not from signal handlers (use
 * a signalfd as a source). */
void loop_stop(struct loop *loop);
/** Is the caller the thread inside loop_run()? */
bool loop_is_mine(const struct loop *loop);

/** Watches @fd (level-triggered); the descriptor stays the caller's and must be deleted here before
 * it is closed. NULL for descriptors that epoll does not take (regular files). @events may be 0. */
struct loop_source *loop_add(
	struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg, struct err **err);
/** Changes what is watched; cheap if nothing changes. */
void loop_mod(struct loop_source *source, uint32_t events);
/** NULL is allowed. */
void loop_del(struct loop_source *source);
int loop_source_fd(const struct loop_source *source);

/** Calls @fn once when CLOCK_MONOTONIC (time_mono()) has reached @at; the timer stays, unarmed,
 * until loop_timer_set() or loop_timer_del(). @at < 0: make it unarmed. */
struct loop_timer *loop_timer_add(struct loop *loop, int64_t at, loop_timer_fn *fn, void *arg);
/** Arms anew; @at < 0 disarms. */
void loop_timer_set(struct loop_timer *timer, int64_t at);
/** NULL is allowed. */
void loop_timer_del(struct loop_timer *timer);

/** Has @fn(@arg) called on the loop's thread, in the order of posting. Any thread; also before
 * loop_run(). Never blocks, never fails. Not valid any more once loop_free() has begun. */
void loop_post(struct loop *loop, loop_post_fn *fn, void *arg);

#endif
