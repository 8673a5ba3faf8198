/*
 * A request as its handler sees it, and the ways to answer.
 *
 * A handler runs in a worker and reads top to bottom; it returns 0 when it has arranged an answer,
 * or -1 with the error that becomes one ({"message": ...} with the status that fits its kind). The
 * answers:
 *
 *   res_json(), res_text(), res_status()   whole, sent when the handler returns
 *   request_defer() .. request_resume()    the same, but later: for what takes long without working
 *   res_stream()                           pulled by the loop as the client takes it: struct stream
 *   push_*()                               a stream that a worker writes, without ever waiting for the client
 *   request_hijacked()                     the connection itself has been given away
 */
#ifndef KIST_API_REQUEST_H
#define KIST_API_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/loop.h"
#include "routes.h"

struct engine;
struct server;
struct stream;
struct filters;

/* ---- streams ---- */

/** BROKEN: the rest cannot be had; the connection is cut, so that the client notices. */
enum pull { PULL_MORE, PULL_WAIT, PULL_END, PULL_BROKEN };

struct stream_ops {
	/** Appends about @max bytes of body to @out; on the loop. PULL_WAIT: stream_wake() will
	 * come. */
	enum pull (*pull)(void *arg, struct buf *out, size_t max);
	/** The client left or everything was sent; on the loop. After it nothing wakes the stream. */
	void (*close)(void *arg);
};
/** Made before what it streams, so that this can be told whom to wake. */
struct stream *stream_new(struct request *req, const struct stream_ops *ops, void *arg);
/** There may be more to pull. Any thread. */
void stream_wake(struct stream *s);
/** For pull(): wakes the stream at @when (of time_now()), too. */
void stream_wake_at(struct stream *s, int64_t when);
/** As a callback: stream_wake((struct stream *)arg). */
void stream_notify(void *arg);
/** Gives up a stream that was not handed to res_stream(); close() is not called. */
void stream_drop(struct stream *s);

/* ---- requests ---- */

struct param {
	char *key, *value;
};
struct params {
	struct param *v;
	size_t n;
};

/** What one HTTP version does with the outcome; loop thread. */
struct transport {
	void (*finished)(struct request *req); /* handler and deferral are over */
	void (*stream)(struct request *req); /* begin req->stream while the handler goes on */
	void (*wake)(void *exchange); /* the stream has something */
};

enum outcome { ANSWER_NONE, ANSWER_WHOLE, ANSWER_RAW, ANSWER_STREAM, ANSWER_HIJACKED };

struct request {
	struct server *server;
	const struct transport *transport;
	void *exchange; /* the transport's */

	/* what came */
	char *method, *target; /* target: as sent */
	char *path; /* decoded, without version */
	struct params query, headers;
	struct params vars; /* of the route's {names} */
	const struct route *route;
	unsigned api; /* 151 for v1.51 */
	struct buf body; /* whole, unless the route streams it */
	int body_fd; /* for routes that stream it: a socket with the decoded body, else -1 */
	int fd; /* the client's connection, for hijacking */
	const void *early; /* what came behind the request */
	size_t early_len;
	bool http10;
	atomic_bool gone; /* the client has left */
	_Atomic(void *) gone_arg; /* request_on_gone() */
	void (*gone_fn)(void *arg), (*gone_free)(void *arg);

	/* the answer */
	enum outcome outcome;
	int status;
	const char *content_type;
	struct buf res;
	struct params res_headers;
	struct stream *stream;
	atomic_int parts; /* who still works on it: the handler, a deferral */
};

struct request *request_new(struct server *server, const struct transport *t, void *exchange);
void request_free(struct request *req);
/** Splits the target into path, version and query: 0, or -1 with what to answer. */
int request_parse_target(struct request *req, struct err **err);

/** NULL if absent. Names of headers ignore case. */
const char *req_header(const struct request *req, const char *name);
/** Is @token among the comma-separated tokens of the header? */
bool req_header_has(const struct request *req, const char *name, const char *token);
const char *req_query(const struct request *req, const char *name);
const char *req_var(const struct request *req, const char *name);
/** As dockerd reads booleans: everything but "", 0, no, false, none is true. */
bool req_bool(const struct request *req, const char *name, bool fallback);
/** ERR_INVALID if it is there and no number. */
int req_i64(const struct request *req, const char *name, int64_t *out, struct err **err);
/** Every value of a parameter that may repeat; owned, NULL if none. */
char **req_query_all(const struct request *req, const char *name);
/** The "filters" parameter, both its forms. */
int req_filters(const struct request *req, struct filters *out, struct err **err);
/** The body as a JSON object; checks the Content-Type as dockerd does. Empty: NULL and no error if
 * @optional. */
int req_json(const struct request *req, bool optional, json_t **out, struct err **err);
struct engine *req_engine(const struct request *req);

/* ---- answers ---- */

/** Begins a JSON answer: write it through the result. */
struct jsonw res_json(struct request *req, int status);
void res_text(struct request *req, int status, const char *text);
void res_status(struct request *req, int status);
void res_header(struct request *req, const char *name, const char *value);
/** @content_type is static. Takes the stream over. */
void res_stream(struct request *req, const char *content_type, struct stream *s);
/** The HTTP head of a hijacked answer, for whoever gets the connection. */
void res_hijack_head(struct request *req, bool multiplexed, struct buf *out);
void request_hijacked(struct request *req);
/** The whole answer with its head, as bytes; the connection is closed behind it. */
struct buf *res_raw(struct request *req);
/** h and w of a resize. */
int req_console_size(const struct request *req, uint32_t *h, uint32_t *w, struct err **err);
/** Puts the error into the answer. */
void res_error(struct request *req, const struct err *err);

/** The answer comes later: request_resume() once, from any thread, after filling it. */
void request_defer(struct request *req);
void request_resume(struct request *req);
/**
 * Has @fn(@arg) called, on the loop or right here, if the client leaves before a deferred answer is whole (perhaps
 * twice); and free_arg(@arg) with the request. Once, from the handler.
 */
void request_on_gone(
	struct request *req, void (*fn)(void *arg), void (*free_arg)(void *arg), void *arg);
/** Was that said? */
bool request_watches(const struct request *req);
/** The transport: the client has left. On the loop. */
void request_gone(struct request *req);
/** What a worker calls around the handler. */
void request_run(struct request *req);

/* ---- streams that a worker writes ---- */

struct push;
/** Nothing is sent before the first push_write(), so that early failures have a status of their
 * own. */
struct push *push_new(struct request *req, const char *content_type);
/** -1 when the client has left. @droppable pieces are left out while much is waiting. */
int push_write(struct push *p, const void *data, size_t n, bool droppable);
bool push_started(const struct push *p);
/** The error as the stream's last document, as in dockerd. */
void push_error(struct push *p, const struct err *err);
/** The worker's last word; the stream ends when all is sent. */
void push_end(struct push *p);

#endif
