/*
 * One client: TLS on one side, a plain socket on the other, bytes moved between them.
 *
 * Closing is passed on half by half, because a hijacked connection needs that: the client's
 * close_notify becomes the end of what the plain side reads while the other direction goes on, and
 * the reverse. A TLS stream that breaks off without close_notify is not an end but a loss: both
 * sides are closed.
 */
#ifndef KIST_TLS_RELAY_H
#define KIST_TLS_RELAY_H

#include <openssl/ssl.h>

#include "base/loop.h"

/** Begins with the handshake on @tcp (owned from now on). When it is done, one end of a new socket
 * pair goes out through @control; until then nobody but us knows of the client. */
void relay_start(struct loop *loop, SSL_CTX *ctx, int tcp, int control);

#endif
