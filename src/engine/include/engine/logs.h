/*
 * A container's log, read from the files that its monitor writes (json-file, rotated).
 *
 * A reader holds one descriptor and an offset, and a buffer only while it is being read. It survives rotation,
 * skips torn lines, and finds the last lines from the end without reading what lies before.
 */
#ifndef KIST_ENGINE_LOGS_H
#define KIST_ENGINE_LOGS_H

#include "base/buf.h"
#include "engine/engine.h"

struct log_reader;

struct log_options {
	bool out, err; /* at least one, else ERR_INVALID "you must choose at least one stream" */
	bool follow;
	bool timestamps; /* RFC 3339 with nine digits in front of each line */
	bool details; /* attributes of --log-opt labels/env in front of each line */
	int64_t since, until; /* nanoseconds since the epoch; 0: none */
	int64_t tail; /* last lines; < 0: all */
	bool raw; /* no 8-byte frame headers; set by engine_logs_open() for a tty */
};

/**
 * Opens @ref's log. With @follow, @notify is called whenever there may be more to read, and at the end (the
 * container has stopped and everything has been read, or was removed). *tty says whether frames are left out.
 * ERR_NOT_IMPLEMENTED "configured logging driver does not support reading" for driver none.
 */
struct log_reader *engine_logs_open(struct engine *e, const char *ref,
	const struct log_options *options, void (*notify)(void *arg), void *arg, bool *tty,
	struct err **err);

enum log_more {
	LOG_MORE, /* stopped at @max: call again when there is room */
	LOG_WAIT, /* nothing now: a notification will come */
	LOG_END,
};
/** Appends whole lines in stream format to @out until it holds about @max bytes. Reads local files, waits for
 * nobody: may be called on the loop with a moderate @max. One thread at a time. */
enum log_more engine_logs_read(struct log_reader *r, struct buf *out, size_t max);
/** No notification comes after this returns. */
void engine_logs_close(struct log_reader *r);

#endif
