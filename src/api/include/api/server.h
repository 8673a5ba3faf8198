/*
 * The Docker Engine API over HTTP.
 *
 * Everything here belongs to the loop's thread. Connections, their parsing and all writing are done
 * on the loop; handlers run in a bounded pool of workers and may block. See README.md in this
 * folder's parent for the picture.
 */
#ifndef KIST_API_SERVER_H
#define KIST_API_SERVER_H

#include "base/err.h"
#include "base/loop.h"

struct engine;
struct server;

/** Borrowed by the server for its life. */
struct server_options {
	struct loop *loop;
	struct engine *engine;
	const char *version; /* kist's, "0.1.0" */
	const char *git_commit; /* may be NULL */
	const char *build_time; /* RFC 3339; may be NULL */
	const char *default_runtime; /* "kist" */
	char *const *hosts; /* what /info need not tell but debugging logs do */
	int debug;
};

struct server *server_new(const struct server_options *options, struct err **err);
/** Serves the clients of @fd, a listening stream socket, which is the server's from now on, also on
 * failure. */
int server_listen(struct server *server, int fd, struct err **err);
/** Serves one client that is connected already; the descriptor is the server's. */
void server_serve(struct server *server, int fd);

/**
 * Takes no new connection and no new request, ends streams, and calls @done on the loop when
 * the last request has been answered, or after @patience nanoseconds.
 */
void server_stop(struct server *server, int64_t patience, void (*done)(void *arg), void *arg);
/** After the loop has stopped: cuts off who is left and waits for the workers. The engine may be
 * closed then. */
void server_join(struct server *server);
/** After engine_close(), before loop_free(). */
void server_free(struct server *server);

/** The whole table of routes as Markdown, for docs/api.md; owned. */
char *server_routes_text(void);

#endif
