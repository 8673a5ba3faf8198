/*
 * Answers that come out of a descriptor: an exported container, an archive of images.
 *
 * Nothing is read while the client takes nothing. What fails before the first byte has a status; after that the
 * connection is cut, so that nobody takes a part for the whole.
 */
#ifndef KIST_API_OUTFLOW_H
#define KIST_API_OUTFLOW_H

#include <stdbool.h>

#include "base/err.h"
#include "request.h"

struct outflow_source {
	int (*fd)(const void *source); /* non-blocking */
	bool (*wait)(
		const void *source); /* until there is something to read; false: it is at its end */
	int (*result)(void *source, struct err **err); /* at the end: was that all? */
	void (*close)(void *source); /* in a worker: may block */
};

/** Answers with what comes from @source, which is closed in any case. */
int outflow_send(struct request *req, const struct outflow_source *ops, void *source,
	const char *content_type, struct err **err);

#endif
