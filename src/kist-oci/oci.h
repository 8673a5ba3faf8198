/* What the verbs of kist-oci share: the global options, the table of verbs, output of errors. */
#ifndef KIST_OCI_OCI_H
#define KIST_OCI_OCI_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "globals.h"
#include "options.h"

#define PROGRAM "kist-oci"

struct verb {
	const char *name;
	const char *usage; /* "<container-id> [signal]" */
	const char *help;
	const struct option *options;
	size_t option_count;
	bool stop_at_first; /* what follows the id is a command line of its own */
	int min_args, max_args; /* after the options; max -1: any number */
	size_t size; /* of the struct that the options fill */
	/**
	 * Returns the program's exit code. With *err set the message is printed, and a code of 0 becomes 1.
	 * @options is the filled struct; the caller frees it with its lists.
	 */
	int (*run)(const struct globals *g, void *options, int argc, char **argv, struct err **err);
};
#define VERB_OPTIONS(table, type)                                                                  \
	.options = (table), .option_count = ARRAY_LEN(table), .size = sizeof(type)

extern const struct verb verb_create, verb_delete, verb_events, verb_exec, verb_features, verb_kill,
	verb_list, verb_pause, verb_ps, verb_resume, verb_run, verb_spec, verb_start, verb_state,
	verb_update, verb_checkpoint, verb_restore;

#endif
