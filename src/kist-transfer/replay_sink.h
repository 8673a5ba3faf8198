/* Where an assembled tar goes: a thread that hashes it, compresses it if asked, and writes it. */
#ifndef KIST_TRANSFER_REPLAY_SINK_H
#define KIST_TRANSFER_REPLAY_SINK_H

#include <pthread.h>

#include "base/digest.h"
#include "base/err.h"
#include "ring.h"
#include "store/layer_tar.h"

struct sink {
	int out; /* -1: nothing is written */
	enum layer_packing packing;
	struct ring *
		onward; /* what is written goes there, too, until its reader leaves; NULL: nowhere */
	/* results of sink_stop() */
	struct digest tar, blob;
	uint64_t size; /* bytes written */
	/* its own */
	pthread_t thread;
	struct ring *ring;
	int result;
	struct err *err;
};

/** Starts the thread; what is put into the ring is the tar. NULL with *err. */
struct ring *sink_start(struct sink *s, struct err **err);
/** Waits for its end; @whole: everything was put. Its failure, or 0. */
int sink_stop(struct sink *s, bool whole, struct err **err);

#endif
