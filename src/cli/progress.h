/* Streams of progress messages that pull, load and import answer with. */
#ifndef KIST_CLI_PROGRESS_H
#define KIST_CLI_PROGRESS_H

#include <stdio.h>

#include "cli.h"

/** Prints each message as a line on @out (NULL: nothing); -1 with the error that the stream carries. */
int progress_print(struct http *conn, FILE *out, struct err **err);

#endif
