/*
 * What a command is: its names, flags, arguments and function. Help, completion and man pages are
 * derived from these, so nothing about a command is written twice.
 */
#ifndef KIST_CLI_COMMAND_H
#define KIST_CLI_COMMAND_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

#define EXIT_TEMPLATE 64 /* a template that does not parse or run */
#define EXIT_USAGE 125 /* bad flags; `run` failed before the container's program */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NO_EXECUTABLE 127

enum flag_type {
	FLAG_BOOL,
	FLAG_STRING,
	FLAG_INT, /* int64, any base prefix as in C */
	FLAG_UINT16,
	FLAG_UINT,
	FLAG_LIST, /* may be given many times */
	FLAG_BYTES, /* 512m; --memory-swap also takes -1 */
	FLAG_DECIMAL, /* --cpus */
	FLAG_DURATION, /* Go duration */
};

/** Checks one value of a flag while flags are parsed; message as docker's. 0 or -1. */
typedef int flag_check(const char *value, struct err **err);

struct flag_spec {
	const char *name; /* long name; NULL ends the list */
	int letter; /* short name or 0 */
	enum flag_type type;
	const char *value_name; /* shown in help; NULL: the type's own */
	const char *usage; /* for help; '\n' starts a new line */
	const char *initial; /* shown as "(default X)", literally; NULL: not shown */
	flag_check *check;
	bool hidden;
	const char
		*choices; /* completion: words separated by spaces, or "@containers" and the like */
};

struct cli;
struct args;

struct command {
	const char *group; /* "container", "image", ...; NULL for a plain top-level command */
	const char *name; /* name within the group, or at the top */
	const char *aliases; /* further names within the group, comma-separated; may be NULL */
	const char *top; /* name at the top level for a command that has a group; may be NULL */
	const char *args; /* "CONTAINER [CONTAINER...]"; "" for none */
	const char *summary;
	const struct flag_spec *flags; /* ends with a NULL name; NULL for none */
	int min_args, max_args; /* max: INT_MAX for any */
	bool stop_at_arg; /* flags end at the first argument (run, exec) */
	bool common; /* listed first by `kist help` */
	bool hidden;
	const char *completes; /* what arguments are: "@containers", "@running", "@images", ... */
	const char *details; /* further paragraphs for the man page; may be NULL */
	int (*run)(struct cli *cli, const struct args *args);
};

struct group {
	const char *name, *summary;
};

/** Ends with NULL. */
extern const struct command *const commands[];
/** Ends with a NULL name. */
extern const struct group command_groups[];
/** Flags of kist itself, before the command. */
extern const struct flag_spec global_flags[];

/** Verbs of docker that kist does not have (yet): group or NULL, and name. True if it is one. */
bool command_is_planned(const char *group, const char *name);

/** A parsed command line. */
struct args {
	const struct command *cmd;
	const struct flag_spec *flags;
	char *path; /* "container ls": how the command was called, without aliases */
	char ***values; /* for each flag, its values in order; NULL if it was not given */
	size_t nflags;
	char **rest; /* arguments; NULL-terminated, NULL if none */
	int nrest;
	bool help;
};

/**
 * Parses @argv (NULL-terminated, without the command's own name) by the rules of pflag.
 *
 * @used, where not NULL, receives how many elements were consumed before the first argument: then
 * parsing stops there and nothing goes into rest.
 * -1 with ERR_INVALID and docker's message; a name that is nearly a known flag's adds a suggestion.
 */
int args_parse(struct args *a, const struct flag_spec *flags, char *const *argv, bool stop_at_arg,
	int *used, struct err **err);
void args_free(struct args *a);
#define auto_args __attribute__((cleanup(args_free))) struct args

/* Values by flag name. A name that the command does not have is a bug and ends the program. */
bool flag_given(const struct args *a, const char *name);
/** Last value, or NULL if not given. */
const char *flag_str(const struct args *a, const char *name);
/** False if not given, unless the flag's initial is "true". */
bool flag_bool(const struct args *a, const char *name);
/** @fallback if not given. */
int64_t flag_int(const struct args *a, const char *name, int64_t fallback);
/** NULL-terminated, NULL if not given. Borrowed. */
char *const *flag_list(const struct args *a, const char *name);

/** The name a flag's value has in help: "string", "list", ... ; NULL for bool. */
const char *flag_value_name(const struct flag_spec *f);

#endif
