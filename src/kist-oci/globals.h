/* The options before the verb. */
#ifndef KIST_OCI_GLOBALS_H
#define KIST_OCI_GLOBALS_H

#include <stdbool.h>

#include "options.h"

struct globals {
	bool debug, systemd_cgroup, version;
	const char *program; /* argv[0] */
	const char *log, *log_format, *root, *rootless, *criu;
	char *root_path; /* owned */
	int sealed; /* sealed_self_mount() */
	bool log_to_file;
	bool default_root; /* nobody named one */
};

extern const struct option_set global_options;

/** Opens the log, and works out what was not said: ERR_INVALID, ERR_SYSTEM if the log cannot be written. */
int globals_settle(struct globals *g, struct err **err);
/** What --rootless comes to: whether to go without cgroups where they may not be made. */
bool globals_rootless(const struct globals *g);
void globals_free(struct globals *g);

/** An error to the log, and in plain words to stderr if the log is elsewhere. */
void report_error(const struct globals *g, const char *message);

#endif
