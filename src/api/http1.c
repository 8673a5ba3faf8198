/*
 * HTTP/1.1 over a connection: one request at a time, keep-alive, pipelining kept in order.
 *
 *   HEAD   collecting the request line and headers (bounded)
 *   BODY   collecting the body (bounded), or discarding it
 *   RUN    a handler has the request; nothing is read, except the body of a route that streams it
 *   ANSWER the answer is on its way out
 *   LINGER the answer is out, the client still sends: take some of it and wait for a while, so that
 *          closing does not destroy an answer that the client has not read yet
 *
 * The parser (http-parser) is stopped at the end of the headers and at the end of the message, so
 * that every decision is made here, outside its callbacks. What was read beyond a message stays in
 * `ahead`: the next request, or the first bytes of a hijacked stream.
 */
#include "http1.h"

#include <errno.h>
#include <http_parser.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "body.h"
#include "conn.h"
#include "http1_head.h"
#include "request.h"
#include "server.h"
#include "status.h"
#include "stream.h"

enum {
	HEAD_MAX = 64 << 10, /* request line and headers */
	HEADER_COUNT_MAX = 200,
	BODY_MAX = 4 << 20, /* of a JSON document */
	DISCARD_MAX = 64 << 10, /* of a body that nobody wants, before closing instead */
	LINGER_MAX = 1 << 20, /* that is taken */
	PULL_SIZE = 32 << 10,
	PULL_ROUNDS = 8, /* per turn: then others get theirs */
};
#define HEAD_PATIENCE (60 * TIME_NS_PER_SEC)
#define LINGER_PATIENCE (2 * TIME_NS_PER_SEC)

enum h1_state { H1_HEAD, H1_BODY, H1_RUN, H1_ANSWER, H1_LINGER };

struct h1 {
	struct conn *conn;
	http_parser parser;
	enum h1_state state;
	struct request *req; /* being read, run or answered */
	struct stream *stream; /* being answered */
	struct body *body; /* being handed over while it comes */
	struct buf ahead; /* read beyond the message */
	size_t head_size;
	int64_t deadline; /* of HEAD once begun, of LINGER; 0: none */
	bool in_value; /* the last piece of header was a value */
	bool keep_alive;
	bool chunked; /* the stream's framing */
	bool unread; /* body that will not be read is still coming */
	bool half_closed;
	bool head_complete;
	bool message_done;
	bool pulling;
	bool waiting; /* the stream had nothing to give when it was last asked */
};

static void next_request(struct h1 *h);
static void pump(struct h1 *h);
static const http_parser_settings callbacks;
static const struct transport transport;

/* ---- parsing ---- */

static int head_piece(struct h1 *h, size_t n)
{
	h->head_size += n;
	return h->head_size > HEAD_MAX || h->req->headers.n > HEADER_COUNT_MAX ? -1 : 0;
}

static void append(char **slot, const char *p, size_t n)
{
	size_t old = *slot ? strlen(*slot) : 0;
	*slot = xrealloc(*slot, old + n + 1);
	memcpy(*slot + old, p, n);
	(*slot)[old + n] = '\0';
}

static int on_begin(http_parser *parser)
{
	struct h1 *h = parser->data;
	h->req = request_new(conn_server(h->conn), &transport, h);
	h->head_size = 0;
	h->in_value = false;
	h->deadline = time_mono() + HEAD_PATIENCE;
	return 0;
}

static int on_url(http_parser *parser, const char *p, size_t n)
{
	struct h1 *h = parser->data;
	append(&h->req->target, p, n);
	return head_piece(h, n);
}

static int on_field(http_parser *parser, const char *p, size_t n)
{
	struct h1 *h = parser->data;
	struct params *headers = &h->req->headers;
	if (h->head_complete)
		return 0; /* a trailer; a worker may be looking at the headers */
	if (h->in_value || headers->n == 0) {
		headers->v = xreallocarray(headers->v, headers->n + 1, sizeof(*headers->v));
		headers->v[headers->n++] = (struct param){xstrdup(""), xstrdup("")};
	}
	h->in_value = false;
	append(&headers->v[headers->n - 1].key, p, n);
	return head_piece(h, n);
}

static int on_value(http_parser *parser, const char *p, size_t n)
{
	struct h1 *h = parser->data;
	if (h->head_complete)
		return 0;
	h->in_value = true;
	append(&h->req->headers.v[h->req->headers.n - 1].value, p, n);
	return head_piece(h, n);
}

static int on_headers(http_parser *parser)
{
	struct h1 *h = parser->data;
	h->head_complete = true;
	http_parser_pause(parser, 1);
	return 0;
}

static int on_body(http_parser *parser, const char *p, size_t n)
{
	struct h1 *h = parser->data;
	if (h->body)
		return body_write(h->body, p, n);
	if (h->state == H1_LINGER || h->unread)
		return 0;
	if (h->req->body.len + n > BODY_MAX)
		return -1;
	buf_add(&h->req->body, p, n);
	return 0;
}

static int on_message(http_parser *parser)
{
	struct h1 *h = parser->data;
	h->message_done = true;
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings callbacks = {
	.on_message_begin = on_begin,
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers,
	.on_body = on_body,
	.on_message_complete = on_message,
};

/* ---- answering ---- */

static void write_head(struct h1 *h, struct buf *out, ssize_t length)
{
	const struct http1_head head = {
		.length = length, .chunked = h->chunked, .keep_alive = h->keep_alive};
	http1_write_head(h->req, &head, out);
}

/* The answer has been queued whole: what comes after it? */
static void answered(struct h1 *h)
{
	if (h->body) {
		/* The handler did not read to the end. */
		h->unread = h->unread || !h->message_done;
		body_abort(h->body);
		h->body = NULL;
	}
	h->state = H1_ANSWER;
	if (h->unread)
		h->keep_alive = false;
	if (conn_flushed(h->conn))
		next_request(h);
}

static void send_whole(struct h1 *h)
{
	struct request *req = h->req;
	auto_buf head = BUF_INIT;
	if (req->outcome == ANSWER_RAW)
		h->keep_alive = false;
	else
		write_head(h, &head, (ssize_t)req->res.len);
	/* From here on nobody but us works on it: a connection that fails now may go at once. */
	h->state = H1_ANSWER;
	bool no_body = str_eq(req->method, "HEAD") || req->status == 204 || req->status == 304;
	struct iovec v[2] = {{head.data, head.len}, {req->res.data, no_body ? 0 : req->res.len}};
	conn_sendv(h->conn, v, 2);
	request_free(h->req);
	h->req = NULL;
	if (!conn_is_closed(h->conn))
		answered(h);
}

static void close_now(struct h1 *h)
{
	conn_close(h->conn);
}

/* Answers without having read the whole request. */
static void refuse(struct h1 *h, enum err_kind kind, const char *message)
{
	auto_err *e = NULL;
	err_set(&e, kind, "%s", message);
	if (!h->req)
		h->req = request_new(conn_server(h->conn), &transport, h);
	res_error(h->req, e);
	h->keep_alive = false;
	h->unread = true;
	send_whole(h);
}

/* ---- from one request to the next ---- */

static void take(struct h1 *h, const char *p, size_t n);

static void reset_parser(struct h1 *h)
{
	http_parser_init(&h->parser, HTTP_REQUEST);
	h->parser.data = h;
	h->head_complete = h->message_done = false;
	h->unread = false;
	h->deadline = 0;
}

static void linger(struct h1 *h)
{
	conn_shutdown_write(h->conn);
	h->state = H1_LINGER;
	h->head_size = 0;
	h->deadline = time_mono() + LINGER_PATIENCE;
	conn_want_input(h->conn, true);
}

/* Everything of the last answer has left. */
static void next_request(struct h1 *h)
{
	if (h->req || h->stream)
		return;
	if (!h->keep_alive || (server_stopping(conn_server(h->conn)) && h->ahead.len == 0)) {
		if (h->unread && !h->half_closed)
			linger(h);
		else
			close_now(h);
		return;
	}
	h->state = H1_HEAD;
	reset_parser(h);
	conn_want_input(h->conn, true);
	if (h->ahead.len == 0)
		return;
	struct buf ahead = h->ahead;
	h->ahead = (struct buf)BUF_INIT;
	take(h, ahead.data, ahead.len);
	buf_free(&ahead);
}

/* ---- dispatch ---- */

static void run(struct h1 *h)
{
	h->state = H1_RUN;
	h->deadline = 0;
	conn_want_input(h->conn, h->body != NULL);
	h->req->early = h->ahead.data;
	h->req->early_len = h->ahead.len;
	h->req->fd = conn_fd(h->conn);
	if (h->req->route->flags & ROUTE_HIJACK)
		conn_lend(h->conn, true);
	server_run(conn_server(h->conn), h->req);
}

static bool expects_body(const struct h1 *h)
{
	return (h->parser.flags & F_CHUNKED) ||
	       (h->parser.content_length > 0 && h->parser.content_length != UINT64_MAX);
}

static void decide_keep_alive(struct h1 *h)
{
	struct request *req = h->req;
	h->keep_alive = http_should_keep_alive(&h->parser) != 0;
	req->http10 = h->parser.http_major < 1 ||
		      (h->parser.http_major == 1 && h->parser.http_minor == 0);
	/* An upgrade is offered, not demanded: what does not hijack is answered as usual. */
	if (!req->http10 && !(h->parser.flags & F_CONNECTION_CLOSE))
		h->keep_alive = true;
}

/* An error known from the head alone. A short body is read and forgotten, so that the connection
 * can go on. */
static void fail_early(struct h1 *h, struct err *e)
{
	res_error(h->req, e);
	bool bounded = !(h->parser.flags & F_CHUNKED) && h->parser.content_length <= DISCARD_MAX;
	if (expects_body(h) && !bounded) {
		h->unread = true;
		h->keep_alive = false;
		send_whole(h);
	} else {
		h->req->outcome = ANSWER_WHOLE;
		h->state = H1_BODY;
	}
}

/* The parser as Debian builds it lets blanks in names of headers through (RFC 9112, 5.1). */
static bool bad_names(const struct request *req)
{
	for (size_t i = 0; i < req->headers.n; i++)
		if (!*req->headers.v[i].key || strpbrk(req->headers.v[i].key, " \t"))
			return true;
	return false;
}

static void head_done(struct h1 *h)
{
	struct request *req = h->req;
	auto_err *e = NULL;
	req->method = xstrdup(http_method_str((enum http_method)h->parser.method));
	decide_keep_alive(h);
	if (h->parser.http_major != 1 || bad_names(req)) {
		refuse(h, ERR_INVALID,
			h->parser.http_major != 1 ? "unsupported HTTP version"
						  : "malformed HTTP request");
		return;
	}
	if (request_parse_target(req, &e) < 0) {
		fail_early(h, e);
		return;
	}
	bool streams = (req->route->flags & ROUTE_STREAM_BODY) != 0;
	if (!streams && !(h->parser.flags & F_CHUNKED) && expects_body(h) &&
		h->parser.content_length > BODY_MAX) {
		refuse(h, ERR_TOO_LARGE, "request body is larger than 4 MiB");
		return;
	}
	if (expects_body(h) && req_header_has(req, "Expect", "100-continue"))
		conn_send(h->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	h->state = H1_BODY;
	if (!streams)
		return;
	h->body = body_open(server_loop(conn_server(h->conn)), h->conn, &req->body_fd, &e);
	if (h->body)
		run(h);
	else
		refuse(h, ERR_SYSTEM, err_msg(e));
}

static void message_done(struct h1 *h)
{
	if (h->body) {
		body_end(h->body);
		h->body = NULL;
		conn_want_input(h->conn, false);
		if (h->state == H1_ANSWER && conn_flushed(h->conn))
			next_request(h);
	} else if (h->req && h->req->outcome == ANSWER_WHOLE) {
		send_whole(h);
	} else if (h->req) {
		run(h);
	}
}

static void parse_failed(struct h1 *h)
{
	if (h->body) {
		/* The handler sees a broken stream and answers. */
		body_abort(h->body);
		h->body = NULL;
		h->keep_alive = false;
		h->unread = true;
		conn_want_input(h->conn, false);
		return;
	}
	if (h->state == H1_HEAD && h->head_size > HEAD_MAX)
		refuse(h, ERR_TOO_LARGE, "request header is larger than 64 KiB");
	else if (h->state == H1_HEAD && h->req && h->req->headers.n > HEADER_COUNT_MAX)
		refuse(h, ERR_TOO_LARGE, "request has too many headers");
	else if (h->state == H1_BODY && h->req && h->req->body.len > 0)
		refuse(h, ERR_TOO_LARGE, "request body is malformed or larger than 4 MiB");
	else
		refuse(h, ERR_INVALID, "malformed HTTP request");
}

/* Is this a moment to parse? */
static bool reading(const struct h1 *h)
{
	if (conn_is_closed(h->conn))
		return false;
	return h->state == H1_HEAD || h->state == H1_BODY ||
	       (h->body && !h->message_done && h->state != H1_LINGER);
}

static void take(struct h1 *h, const char *p, size_t n)
{
	while (n > 0 && reading(h)) {
		size_t used = http_parser_execute(&h->parser, &callbacks, p, n);
		enum http_errno code = HTTP_PARSER_ERRNO(&h->parser);
		if (code != HPE_OK && code != HPE_PAUSED) {
			parse_failed(h);
			return;
		}
		p += used;
		n -= used;
		if (code == HPE_OK)
			continue;
		http_parser_pause(&h->parser, 0);
		if (h->message_done) {
			/* Whatever runs now must find what lies behind the message. */
			buf_add(&h->ahead, p, n);
			message_done(h);
			return;
		}
		head_done(h);
	}
	if (n > 0 && !conn_is_closed(h->conn) && h->state != H1_LINGER && !h->unread)
		buf_add(&h->ahead, p, n);
}

/* ---- streams ---- */

static void send_piece(struct h1 *h, struct buf *piece)
{
	char size[24];
	int n = snprintf(size, sizeof(size), "%zx\r\n", piece->len);
	struct iovec framed[3] = {
		{size, (size_t)n}, {piece->data, piece->len}, {(void *)(uintptr_t) "\r\n", 2}};
	if (h->chunked)
		conn_sendv(h->conn, framed, 3);
	else
		conn_sendv(h->conn, &framed[1], 1);
}

static void end_stream(struct h1 *h)
{
	stream_close(h->stream);
	h->stream = NULL;
	if (h->chunked)
		conn_send(h->conn, "0\r\n\r\n", 5);
	else
		h->keep_alive = false;
	if (!conn_is_closed(h->conn) && !h->req)
		answered(h);
}

static void pump(struct h1 *h)
{
	if (h->pulling)
		return;
	h->pulling = true;
	struct buf *piece = server_pull_buf(conn_server(h->conn));
	enum pull more = PULL_WAIT;
	for (int i = 0; h->stream && !conn_is_closed(h->conn) && conn_flushed(h->conn); i++) {
		if (i == PULL_ROUNDS) {
			stream_wake(h->stream); /* posted: others come first */
			break;
		}
		piece->len = 0;
		more = stream_pull(h->stream, piece, PULL_SIZE);
		if (piece->len)
			send_piece(h, piece);
		if (more != PULL_MORE)
			break;
	}
	h->pulling = false;
	h->waiting = more == PULL_WAIT;
	if (h->stream && !conn_is_closed(h->conn) && more == PULL_END)
		end_stream(h);
	else if (h->stream && more == PULL_BROKEN)
		close_now(h);
}

static void start_stream(struct h1 *h)
{
	struct request *req = h->req;
	h->stream = req->stream;
	req->stream = NULL;
	stream_attach(h->stream, &transport, h);
	h->chunked = !req->http10;
	if (!h->chunked)
		h->keep_alive = false;
	auto_buf head = BUF_INIT;
	write_head(h, &head, -1);
	conn_send(h->conn, head.data, head.len);
	if (str_eq(req->method, "HEAD")) {
		stream_close(h->stream);
		h->stream = NULL;
	}
}

/* ---- what requests tell us (loop thread) ---- */

static void on_stream(struct request *req)
{
	struct h1 *h = req->exchange;
	if (conn_is_closed(h->conn)) {
		stream_close(req->stream);
		req->stream = NULL;
		return;
	}
	start_stream(h);
	pump(h);
}

static void finish_closed(struct h1 *h)
{
	if (h->req->stream) {
		stream_close(h->req->stream);
		h->req->stream = NULL;
	}
	request_free(h->req);
	h->req = NULL;
	conn_lend(h->conn, false);
	conn_release(h->conn);
}

static void on_finished(struct request *req)
{
	struct h1 *h = req->exchange;
	if (conn_is_closed(h->conn)) {
		finish_closed(h);
		return;
	}
	h->state = H1_ANSWER;
	switch (req->outcome) {
	case ANSWER_HIJACKED:
		/* Ours is one of two descriptors: the client sees the end when the other's owner
		 * closes it. */
		request_free(req);
		h->req = NULL;
		conn_lend(h->conn, false);
		conn_close(h->conn);
		return;
	case ANSWER_STREAM:
		if (req->stream)
			start_stream(h);
		request_free(req);
		h->req = NULL;
		conn_lend(h->conn, false);
		if (conn_is_closed(h->conn))
			return;
		if (h->stream)
			pump(h);
		else
			answered(h);
		return;
	default:
		conn_lend(h->conn, false);
		send_whole(h);
		return;
	}
}

static void on_wake(void *exchange)
{
	struct h1 *h = exchange;
	if (!conn_is_closed(h->conn))
		pump(h);
}

static const struct transport transport = {
	.finished = on_finished, .stream = on_stream, .wake = on_wake};

/* ---- what the connection tells us ---- */

static void *h1_open(struct conn *c)
{
	struct h1 *h = xcalloc(1, sizeof(*h));
	h->conn = c;
	reset_parser(h);
	return h;
}

static void h1_input(struct conn *c, void *state, const char *p, size_t n)
{
	struct h1 *h = state;
	if (h->state == H1_LINGER) {
		h->head_size += n;
		/* Closed now, it would fail to send what is left, and miss the answer. */
		if (h->head_size > LINGER_MAX)
			conn_want_input(c, false);
		return;
	}
	take(h, p, n);
}

static void h1_drained(struct conn *c, void *state)
{
	struct h1 *h = state;
	(void)c;
	if (h->stream)
		pump(h);
	else if (h->state == H1_ANSWER)
		next_request(h);
}

static void h1_hangup(struct conn *c, void *state, enum hangup how)
{
	struct h1 *h = state;
	h->half_closed = true;
	bool coming = h->state == H1_HEAD || h->state == H1_BODY || h->body;
	if (how == HANGUP_HALF && coming)
		return; /* the rest of the request is still to be read */
	/* A client that has said all it will say may still wait for its answer; but one that only
	 * listens to a stream and hangs up half is taken to have left, as in dockerd. */
	bool hijacks = h->req && h->req->route && (h->req->route->flags & ROUTE_HIJACK);
	/* what can be given up for one that has left is given up, as in dockerd */
	bool waits = h->req && h->state == H1_RUN && !request_watches(h->req);
	if (how != HANGUP_GONE && waits && !h->body && (hijacks || !h->stream)) {
		h->keep_alive = h->keep_alive && h->ahead.len > 0;
		return;
	}
	if (how != HANGUP_GONE && h->state == H1_ANSWER && !h->stream) {
		h->keep_alive = h->keep_alive && h->ahead.len > 0;
		return;
	}
	conn_close(c);
}

static void h1_tick(struct conn *c, void *state, int64_t now)
{
	struct h1 *h = state;
	if (h->deadline && now > h->deadline)
		conn_close(c);
}

static bool h1_closed(struct conn *c, void *state)
{
	struct h1 *h = state;
	(void)c;
	if (h->body) {
		body_abort(h->body);
		h->body = NULL;
	}
	if (h->stream) {
		stream_close(h->stream);
		h->stream = NULL;
	}
	if (h->req && h->state == H1_RUN) {
		request_gone(h->req);
		return false; /* somebody works on it: on_finished() will come */
	}
	return true;
}

static void h1_free(void *state)
{
	struct h1 *h = state;
	request_free(h->req);
	buf_free(&h->ahead);
	free(h);
}

static bool h1_idle(void *state)
{
	struct h1 *h = state;
	bool listening = h->stream && !h->req && h->waiting && conn_flushed(h->conn);
	return (h->state == H1_HEAD && !h->deadline) || h->state == H1_LINGER || listening;
}

const struct protocol http1 = {
	.open = h1_open,
	.input = h1_input,
	.drained = h1_drained,
	.hangup = h1_hangup,
	.tick = h1_tick,
	.closed = h1_closed,
	.free = h1_free,
	.idle = h1_idle,
};
