/* Asking the daemon for an image's files. */
#ifndef KIST_CLI_EXPLORE_LOAD_H
#define KIST_CLI_EXPLORE_LOAD_H

#include "cli.h"
#include "explore.h"
#include "lines.h"

/** GET /kist/images/@image@what, each line to @call. */
int image_lines(struct cli *cli, const char *image, const char *what, line_function *call,
	void *data, struct err **err);
/** The whole image, added up. */
struct explored *explored_load(struct cli *cli, const char *image, struct err **err);

#endif
