/*
 * Command line options by table, as runc reads them: --name VALUE, --name=VALUE, -n VALUE, and a single hyphen does
 * for long names too. "--" ends them. They may stand behind arguments as well, unless the verb's arguments are
 * another program's command line; what looks like an option there and is not known is an argument ("kill ID -9").
 */
#ifndef KIST_OCI_OPTIONS_H
#define KIST_OCI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum option_kind {
	OPTION_BOOL, /* bool; also --name=false */
	OPTION_CHOICE, /* int: 0 not given, else 1 for true, -1 for false */
	OPTION_STR, /* const char *, borrowed from argv; the last one counts */
	OPTION_INT, /* int; as Go's strconv reads it with base 0: 0x10 and 010 too */
	OPTION_NUMBER, /* struct option_number; an int64, read likewise */
	OPTION_DURATION, /* the same, in nanoseconds: "1m30s" */
	OPTION_LIST, /* char **, owned: may be given several times */
	OPTION_INTS, /* the same, and each is an integer (int64) */
	OPTION_NONE, /* accepted and without effect, takes a value */
};

struct option_number {
	bool set; /* it was given */
	int64_t v;
};

struct option {
	const char *name; /* "pid-file" or "env, e" */
	enum option_kind kind;
	size_t offset; /* into the verb's own struct */
	const char *help;
};

struct option_set {
	const struct option *options;
	size_t count;
	bool stop_at_first; /* the first argument ends the options */
};

/**
 * Fills @out, the verb's own struct. argv[0] is skipped; what is no option ends up, in its order, at the end of @argv,
 * which is written over for that.
 *
 * Returns the index of the first argument (@argc if there is none), or -1 with ERR_INVALID. *@help: --help or -h was
 * among them; then nothing is said about the rest.
 */
int options_parse(const struct option_set *set, int argc, char **argv, void *out, bool *help,
	struct err **err);
/** Frees the lists in @out. */
void options_free(const struct option_set *set, void *out);
/** One line to an option, for help. */
void options_print(const struct option_set *set);

#endif
