/* One request of the daemon, and what carries it out. */
#ifndef KIST_MONITOR_REQUEST_H
#define KIST_MONITOR_REQUEST_H

#include "base/buf.h"
#include "base/wire.h"
#include "container.h"
#include "received.h"

struct conn {
	struct conn *next;
	struct server *server;
	int fd;
	struct loop_source *source;
	bool subscribed;
};

struct server {
	struct loop *loop;
	int listener;
	struct loop_source *listen_source;
	struct conn *conns;
	struct container *container;
	struct loop_timer *quit, *settle;
	bool stopping;
	char *title; /* argv[1]; NULL: not known */
};

struct request {
	struct server *server;
	struct conn *conn;
	uint32_t type, serial;
	struct wire payload;
	int *fds; /* received; one that is kept is replaced by -1, the others are closed */
	size_t nfds;
	struct buf reply;
	int reply_fd; /* goes with the reply */
	int reply_owned; /* reply_fd again if it is to be closed then, else 0 or -1 */
};

/** Carries @r out: 0 with r->reply filled, or -1. */
int request_run(struct request *r, struct err **err);
/** The monitor ends when the reply is on its way. */
void server_quit(struct server *s);

#endif
