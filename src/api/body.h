/*
 * A request's body handed over while it comes: the loop decodes it and writes it into one end of a
 * socket pair; the handler reads the other. When the handler is slower, nothing more is read from
 * the client.
 *
 * A body that ends early (the client left, broken framing) must not look like one that ended: the
 * reader gets ECONNRESET instead of end of file. Loop thread only.
 */
#ifndef KIST_API_BODY_H
#define KIST_API_BODY_H

#include "base/err.h"
#include "base/loop.h"

struct body;
struct conn;

/** *fd is the reader's end, owned by the caller. Reading from @conn is switched off and on. */
struct body *body_open(struct loop *loop, struct conn *conn, int *fd, struct err **err);
/** Never fails: what does not fit is kept (at most what was read at once), what nobody reads is
 * dropped. */
int body_write(struct body *b, const void *p, size_t n);
/** It is complete: flushes in its own time, then frees itself. */
void body_end(struct body *b);
void body_abort(struct body *b);

#endif
