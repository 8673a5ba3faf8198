/*
 * One client's connection: bytes in, bytes out, and the news that the client has gone.
 *
 * A connection knows nothing of HTTP: it hands what it reads to its protocol, and keeps what could
 * not be written yet. HTTP/1.1 is http1.c; HTTP/2 would be another struct protocol, chosen by the
 * first bytes or an Upgrade, over the same connection and with the same requests.
 *
 * Loop thread only.
 */
#ifndef KIST_API_CONN_H
#define KIST_API_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"

struct conn;
struct server;

enum hangup {
	HANGUP_HALF, /* the client sends no more; what it has sent may not all have been read */
	HANGUP_END, /* and all of it has been read */
	HANGUP_GONE, /* it does not listen either */
};

struct protocol {
	void *(*open)(struct conn *c);
	/** @p is valid during the call. */
	void (*input)(struct conn *c, void *state, const char *p, size_t n);
	/** Everything queued has been handed to the kernel. */
	void (*drained)(struct conn *c, void *state);
	void (*hangup)(struct conn *c, void *state, enum hangup how);
	/** Now and then, for time-outs. */
	void (*tick)(struct conn *c, void *state, int64_t now);
	/** The connection is closed. Returns whether the state may be freed; else conn_release()
	 * later. */
	bool (*closed)(struct conn *c, void *state);
	void (*free)(void *state);
	/** Would closing it now cut off nothing but waiting: for a request, or for a stream's next
	 * piece? */
	bool (*idle)(void *state);
};

struct conn *conn_new(struct server *server, struct loop *loop, int fd,
	const struct protocol *protocol, struct err **err);
struct server *conn_server(struct conn *c);
int conn_fd(const struct conn *c);
void *conn_state(struct conn *c);
struct conn *conn_next(struct conn *c); /* the server's list */

/** Reads only while wanted; the client's going is noticed always. */
void conn_want_input(struct conn *c, bool want);
/** Sends now what the kernel takes and keeps the rest. */
void conn_send(struct conn *c, const void *p, size_t n);
/** The same for several pieces at once. */
struct iovec;
void conn_sendv(struct conn *c, struct iovec *v, int count);
/** Nothing waits to be written. */
bool conn_flushed(const struct conn *c);
bool conn_is_closed(const struct conn *c);
/** Stops watching and, unless @lent (somebody else is using it), closes the descriptor. */
void conn_close(struct conn *c);
/** A worker uses the descriptor (hijack): closing waits until it is given back. */
void conn_lend(struct conn *c, bool lent);
/** Frees a closed connection whose protocol had asked to keep it. */
void conn_release(struct conn *c);
/** Half-close after the last byte, for clients that still send. */
void conn_shutdown_write(struct conn *c);
void conn_tick(struct conn *c, int64_t now);
bool conn_idle(struct conn *c);

#endif
