/*
 * The daemon's side of the monitor: the listening socket, its connections, requests and events
 * (runtime/monitor.h has the protocol).
 */
#ifndef KIST_MONITOR_SERVE_H
#define KIST_MONITOR_SERVE_H

#include "base/err.h"
#include "base/loop.h"

struct server;

/**
 * Serves the container @id on @listener until nothing is left to do; then stops @loop.
 *
 * A daemon connects before it starts a monitor: if no connection is waiting, there is no daemon any more and
 * this fails with ERR_CANCELLED.
 */
int server_new(struct server **out, struct loop *loop, const char *id, int listener, int disk,
	int run_dir, struct err **err);
/** The program's argument that names the container, to be written over when a parked monitor gets one. */
void server_title(struct server *s, char *title);
/** A child has ended. */
void server_reap(struct server *s);
void server_free(struct server *s);

#endif
