/* Streams of progress messages that pull, push, load and import answer with. */
#ifndef KIST_CLI_PROGRESS_H
#define KIST_CLI_PROGRESS_H

#include <stdio.h>

#include "cli.h"

/** Prints each message as a line on @out (NULL: nothing); -1 with the error that the stream carries. */
int progress_print(struct http *conn, FILE *out, struct err **err);
/** As progress_print(), but draws bars if @out is a terminal (bars.h). */
int progress_show(struct http *conn, FILE *out, struct err **err);

#endif
