/* One blob: from its bytes as they came to its digests and the unpacked layer, by children that are not trusted. */
#ifndef KIST_TRANSFER_PIPELINE_H
#define KIST_TRANSFER_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "child.h"
#include "layer.h"

/** Where a blob's bytes come from. */
struct source {
	/** 1 to @n bytes; 0 at the end; SOURCE_WAIT; -1. Does not wait unless it has no @fd. */
	ssize_t (*read)(struct source *s, void *p, size_t n, struct err **err);
	/** Readable when there is something to hear: then hear() is called, whatever the pipeline is busy with. -1: none. */
	int fd;
	int (*hear)(struct source *s,
		struct err **err); /* NULL: @fd is readable when there are bytes to read */
};
#define SOURCE_WAIT (-2)

struct pipeline_spec {
	const struct child_tools *tools;
	const struct confine_filters *filters;
	struct run *run;
	void (*progress)(const struct layer *layer); /* may be NULL */
	int stall_ms; /* how long a child may take nothing of what is there for it, and not end */
	bool early; /* a blob that is refused is not hashed to its end */
};
#define PIPELINE_STALL_MS (10 * 60 * 1000) /* a slow disk that writes back may take minutes */

/**
 * Reads @from to its end and fills in @layer's results; if @layer->unpack, "layer.<index>" and "recipe.<index>" are below
 * run->root afterwards, and nobody writes there any more. ERR_INVALID if the blob cannot be used, or what @layer->limited
 * says: then @from is read to its end all the same (never if @spec->early). Other failures end at once, a child that
 * stands still (ERR_SYSTEM) among them. If layer->blob is not empty, @from was read to its end, and that is its digest.
 * The process has one thread.
 */
int pipeline_stage(const struct pipeline_spec *spec, struct layer *layer, struct source *from,
	struct err **err);

#endif
