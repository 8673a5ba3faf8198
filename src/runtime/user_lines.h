/* Lines of passwd(5) and group(5) files, cut at ":", read with one buffer and no allocation. */
#ifndef KIST_RUNTIME_USER_LINES_H
#define KIST_RUNTIME_USER_LINES_H

#include <stddef.h>

#include "user.h"

enum user_lines_fault { USER_LINES_OK, USER_LINES_IO, USER_LINES_TOO_LARGE };

struct user_lines {
	int fd;
	enum user_lines_fault failed;
	size_t total; /* bytes read so far */
	size_t from, upto; /* unread part of the buffer */
	bool ended;
	char buffer[USER_LINE_MAX];
};

/** Rewinds @fd; -1 is an empty file. */
void user_lines_start(struct user_lines *l, int fd);
/**
 * The next line with at least one field; empty lines and comments are skipped. Fields that the line
 * does not have are NULL; a last field keeps everything up to the next ":". Borrowed until the next
 * call. Returns 1, or 0 at the end or at a fault (see failed).
 */
int user_lines_next(struct user_lines *l, char **field, size_t count);

#endif
