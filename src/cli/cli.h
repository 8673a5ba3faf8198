/* What every command gets: the connection to the daemon, and how to report. */
#ifndef KIST_CLI_PRIVATE_H
#define KIST_CLI_PRIVATE_H

#include "api.h"
#include "command.h"

#define CLI_DEFAULT_HOST "unix:///run/kist/kist.sock"

struct cli {
	struct api api;
	bool debug;
};

/** Prints @err to standard error and returns 1. */
int cli_error(const struct err *err);
/** "kist: MSG\n\nRun 'kist PATH --help' for more information" and returns @code: how run reports. */
int cli_error_help(const struct args *a, const struct err *err, int code);
/** Width of the terminal on standard input, or 80. */
int cli_columns(void);

#endif
