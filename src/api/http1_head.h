/* The head of an HTTP/1.1 answer. */
#ifndef KIST_API_HTTP1_HEAD_H
#define KIST_API_HTTP1_HEAD_H

#include <sys/types.h>

#include "request.h"

struct http1_head {
	ssize_t length; /* of the body; < 0: a stream */
	bool chunked; /* the stream has frames */
	bool keep_alive;
};

void http1_write_head(const struct request *req, const struct http1_head *head, struct buf *out);

#endif
