/*
 * Moves bytes between the user and a hijacked connection, in both directions at once.
 *
 * Output without a terminal is multiplexed: frames of an 8-byte header (stream, 0, 0, 0, length in
 * big-endian order) and that many bytes (Engine API, ContainerAttach "Stream format").
 */
#ifndef KIST_CLI_RELAY_H
#define KIST_CLI_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "detach.h"

struct demux {
	unsigned char header[8];
	size_t have; /* bytes of the header */
	uint32_t remaining; /* bytes of the present frame */
	struct buf failure; /* text of a stream-3 frame: an error of the daemon's */
};

/** Writes the payload of @n bytes to @out (streams 0 and 1) or @errout (2). */
int demux_feed(struct demux *d, const char *p, size_t n, int out, int errout, struct err **err);
/** At the end of the stream: -1 with the daemon's error if it sent one. */
int demux_end(struct demux *d, struct err **err);

enum relay_end {
	RELAY_END, /* the other side is done */
	RELAY_DETACHED, /* the user typed the detach keys */
	RELAY_SIGNAL, /* on_signal returned false */
	RELAY_FAILED = -1,
};

struct relay {
	int sock;
	const struct buf *first; /* bytes that arrived with the response's head */
	bool tty; /* output is raw */
	int in; /* -1: nothing is sent */
	bool half_close; /* at the end of input, shut the sending direction */
	struct detach *detach; /* NULL: none */
	int signals; /* signalfd or -1 */
	/* Called for each signal; false ends the relay. */
	bool (*on_signal)(void *data, int sig);
	/* A descriptor looked after meanwhile: on_watch is called when it is readable, and every
	 * RELAY_RENEW_MS while it is RELAY_RENEW. NULL: none; -1: not now. */
	int *watch;
	void (*on_watch)(void *data);
	void *data;
};
#define RELAY_RENEW (-2)
#define RELAY_RENEW_MS 100

enum relay_end relay_run(const struct relay *r, struct err **err);

#endif
