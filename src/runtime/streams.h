/* Putting descriptors where the container's program expects them. In the child. */
#ifndef KIST_RUNTIME_STREAMS_H
#define KIST_RUNTIME_STREAMS_H

#include "report.h"
#include "runtime/run.h"

#define STREAMS_PRESERVE_MAX 256

/**
 * Makes @tty (or, if -1, io's three; -1 there is /dev/null) 0, 1 and 2 and io->preserve 3 and up.
 * The reporter's socket and the @n descriptors at @keep (-1 allowed) move out of their way,
 * everything else is closed: what is the host's goes here, and not only at exec.
 */
void streams_arrange(
	const struct run_io *io, int tty, int *const *keep, size_t n, struct reporter *r);
/** Gives pipes (and the container's own terminal) on 0, 1, 2 to @uid, so that it can open
 * /dev/stdout. */
void streams_own(uint32_t uid, bool terminal);

#endif
