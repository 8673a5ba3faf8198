/* The files of one json-file log, oldest to newest, however they rotate meanwhile. Pure file handling: no
 * containers, so it is tested by itself. */
#ifndef KIST_ENGINE_LOGFILES_H
#define KIST_ENGINE_LOGFILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "engine/logs.h"

struct log_files {
	int dir; /* owned */
	char *name; /* "<id>-json.log"; older ones are name.1, name.2 ... */
	int fd; /* the file being read, -1: none yet */
	off_t offset; /* of the first line that has not been given out */
	ino_t ino;
	bool started;
};

/** Takes @dir. @tail < 0: from the oldest line on. */
void log_files_open(struct log_files *f, int dir, const char *name, int64_t tail);
void log_files_close(struct log_files *f);

/** What one line says, after decoding; text is owned by @json. */
struct log_line {
	const char *text;
	size_t len;
	bool is_err;
	int64_t time;
	void *json;
};
/** False for a line that is torn or not of this format. */
bool log_line_parse(const char *p, size_t n, struct log_line *out);
void log_line_free(struct log_line *l);
/** Appends the line as the stream has it: header, timestamp, details, text. */
void log_line_write(const struct log_line *l, const struct log_options *o, struct buf *out);

/**
 * Gives out lines that pass @o's times and streams until @out holds @max bytes (LOG_MORE), everything
 * written so far has been given (LOG_WAIT), or a line lies behind o->until (LOG_END).
 */
enum log_more log_files_read(
	struct log_files *f, const struct log_options *o, struct buf *out, size_t max);

#endif
