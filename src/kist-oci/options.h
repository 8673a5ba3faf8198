/* Command line options by table, in the manner of runc's: --name VALUE, --name=VALUE, -n VALUE; a single
 * hyphen does for long names too; the first argument that is no option ends them. */
#ifndef KIST_OCI_OPTIONS_H
#define KIST_OCI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum option_kind {
	OPTION_BOOL, /* bool; also --name=false */
	OPTION_STR, /* const char *, borrowed from argv */
	OPTION_INT, /* int */
	OPTION_LIST, /* char **, owned: may be given several times */
	OPTION_NONE, /* accepted and without effect, takes a value */
};

struct option {
	const char *name; /* "pid-file" or "env, e" */
	enum option_kind kind;
	size_t offset; /* into the verb's own struct */
	const char *help;
};

/** Returns the index of the first argument after the options, or -1 with ERR_INVALID. */
int options_parse(const struct option *options, size_t count, int argc, char **argv, void *out,
	struct err **err);
/** One line to an option, for help. */
void options_print(const struct option *options, size_t count);

#endif
