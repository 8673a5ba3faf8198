/*
 * Recognising the detach keys in what a client types (Docker's default is ctrl-p ctrl-q).
 *
 * Bytes that might be the beginning of the sequence are held back until it is decided; a sequence that turns
 * out to be something else is passed on in full. Pure.
 */
#ifndef KIST_MONITOR_DETACH_H
#define KIST_MONITOR_DETACH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct detach {
	char *keys; /* owned; NULL: never matches */
	size_t len;
	size_t held; /* how many bytes of keys have been seen and kept back */
};

void detach_init(struct detach *d, const char *keys); /* NULL or "": none */
/** Appends to @out what goes on to the container. True when the sequence is complete: what follows it in
 * @in is dropped. */
bool detach_feed(struct detach *d, const char *in, size_t n, struct buf *out);
/** The input has ended: what was held back goes on. */
void detach_flush(struct detach *d, struct buf *out);
void detach_clear(struct detach *d);

#endif
