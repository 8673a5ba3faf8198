/* Long answers that workers make piece by piece, as fast as the client takes them. */
#ifndef KIST_API_PAGES_H
#define KIST_API_PAGES_H

#include "request.h"

struct pages_ops {
	/** Appends a little to @out; false: that was the last. In a worker, may block. */
	bool (*more)(void *arg, struct buf *out);
	/** In a worker, after the last more(). */
	void (*close)(void *arg);
};
/** Answers with 200 and what @ops makes; takes @arg over. @content_type is static. */
void res_pages(
	struct request *req, const char *content_type, const struct pages_ops *ops, void *arg);

#endif
