/* Bodies that are a stream of JSON documents, one a line: progress and events. */
#ifndef KIST_CLI_LINES_H
#define KIST_CLI_LINES_H

#include "cli.h"

/** Called for each document with its text; -1 with *err stops. */
typedef int line_function(void *data, json_t *j, const char *text, size_t n, struct err **err);

/** Reads to the end of the body; a line of more than 1 MB is an error. */
int lines_read(struct http *conn, line_function *call, void *data, struct err **err);
/** The same; @idle is called whenever nothing has come for @ms milliseconds. */
int lines_read_idle(struct http *conn, line_function *call, void (*idle)(void *data), int ms,
	void *data, struct err **err);

#endif
