/* What the server lends to its connections and requests. Private to the layer. */
#ifndef KIST_API_SERVER_PRIVATE_H
#define KIST_API_SERVER_PRIVATE_H

#include "api/server.h"
#include "base/buf.h"

struct conn;
struct request;

struct loop *server_loop(struct server *s);
struct engine *server_engine(struct server *s);
const struct server_options *server_opts(struct server *s);
struct conn **server_conns(struct server *s);
/** One read buffer for all connections: what is in it is used up before the next read. */
char *server_scratch(struct server *s, size_t *room);
/** One output buffer for streams' pulls, emptied by whoever uses it. */
struct buf *server_pull_buf(struct server *s);
bool server_stopping(struct server *s);
void server_conn_gone(struct server *s);
void server_headers(const struct request *req, struct buf *out);
/** Runs fn(arg) in a worker, among what may take long. */
void server_work(struct server *s, void (*fn)(void *arg), void *arg);
/** Runs the request's handler, here or in a worker. */
void server_run(struct server *s, struct request *req);

#endif
