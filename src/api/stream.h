/* Streams as the transports see them; handlers see request.h. Loop thread only. */
#ifndef KIST_API_STREAM_H
#define KIST_API_STREAM_H

#include "request.h"

/** From now on wake-ups go to @exchange. */
void stream_attach(struct stream *s, const struct transport *t, void *exchange);
enum pull stream_pull(struct stream *s, struct buf *out, size_t max);
/** Calls close() and frees, in this order, once no wake-up can be under way. */
void stream_close(struct stream *s);

#endif
