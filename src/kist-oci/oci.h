/* What the verbs of kist-oci share: the global options, the table of verbs, output of errors. */
#ifndef KIST_OCI_OCI_H
#define KIST_OCI_OCI_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "options.h"

#define PROGRAM "kist-oci"

struct globals {
	bool debug, systemd_cgroup, help, version;
	const char *log, *log_format, *root, *rootless;
	char *root_default; /* owned */
	bool rootless_cgroups; /* what --rootless comes to */
};

struct verb {
	const char *name;
	const char *usage; /* "<container-id> [signal]" */
	const char *help;
	const struct option *options;
	size_t option_count;
	int min_args, max_args; /* after the options; max -1: any number */
	size_t size; /* of the struct that the options fill */
	/**
	 * Returns the program's exit code. With *err set the message is printed, and a code of 0 becomes 1.
	 * @options is the filled struct; its OPTION_LISTs are the verb's to free.
	 */
	int (*run)(const struct globals *g, void *options, int argc, char **argv, struct err **err);
};
#define VERB_OPTIONS(table, type)                                                                  \
	.options = (table), .option_count = ARRAY_LEN(table), .size = sizeof(type)

extern const struct verb verb_create, verb_delete, verb_events, verb_exec, verb_features, verb_kill,
	verb_list, verb_pause, verb_ps, verb_resume, verb_run, verb_spec, verb_start, verb_state,
	verb_update, verb_checkpoint, verb_restore;

/** Prints "@message" where --log and --log-format say, and to stderr. */
void report_error(const struct globals *g, const char *message);

#endif
