/*
 * The container's log: Docker's json-file format, one JSON object a line (moby's jsonfilelog), with rotation.
 *
 *   {"log":"text\n","stream":"stdout","attrs":{...},"time":"2026-01-02T15:04:05.123456789Z"}
 *
 * A line of output longer than LOG_LINE_MAX bytes is written in pieces of that size, each an object of its own
 * and all with the first one's time; only the last piece ends in "\n". What stands in the file is whole
 * objects: they are appended with one write(2) for as many as came together, a write that
 * fell short (full disk) is cut back, and a torn last line of a predecessor that was killed is cut off at opening.
 *
 * Rotation: before a line is added to a file of max_size or more, name.1 becomes name.2 and so on up to
 * max_file - 1, name becomes name.1; with a max_file of 1 the file is emptied. Every step is a rename, so a
 * death in between leaves a gap in the numbers and loses nothing.
 *
 * The log never holds the container up: what cannot be written is dropped and reported once.
 */
#ifndef KIST_MONITOR_LOGFILE_H
#define KIST_MONITOR_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define LOG_LINE_MAX 16384

struct logfile;

/** One stream of output on its way into lines. Zeroed at first. */
struct log_stream {
	const char *name; /* "stdout", "stderr" */
	struct buf held; /* the beginning of a line whose end has not come */
	bool partial; /* pieces of this line have been written */
	int64_t time; /* of the first piece, while partial */
};

/** Opens (and mends) @name below @dir, which must outlive it. @max_size <= 0: no rotation. @attrs: text of
 * a JSON object, or NULL. */
int logfile_open(struct logfile **out, int dir, const char *name, int64_t max_size,
	uint32_t max_file, const char *attrs, struct err **err);
void logfile_add(struct logfile *log, struct log_stream *s, const char *p, size_t n);
/** The stream has ended: an unfinished line is written without "\n". */
void logfile_end(struct logfile *log, struct log_stream *s);
void logfile_close(struct logfile *log); /* NULL is allowed */

#endif
