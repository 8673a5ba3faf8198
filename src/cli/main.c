/* Finds the command, parses its flags, runs it; prints usage errors as docker words them. */
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "base/fdio.h"
#include "cli.h"
#include "cli/cli.h"
#include "help.h"

#ifndef KIST_VERSION
#define KIST_VERSION "unknown"
#endif

const struct flag_spec global_flags[] = {
	{"debug", 'D', FLAG_BOOL, NULL, "Say more about what fails", NULL},
	{"host", 'H', FLAG_LIST, NULL, "Daemon to talk to, unix:///PATH or tcp://ADDRESS:PORT",
		NULL},
	{"log-level", 'l', FLAG_STRING, NULL,
		"Without effect, for scripts written for docker: debug, info, warn, error, fatal",
		"\"info\""},
	{"tls", 0, FLAG_BOOL, NULL, "TLS (not implemented)", NULL},
	{"tlsverify", 0, FLAG_BOOL, NULL, "TLS with certificates checked (not implemented)", NULL},
	{"version", 'v', FLAG_BOOL, NULL, "Print our version and end", NULL},
	{NULL},
};

int cli_error(const struct err *err)
{
	fprintf(stderr, "%s\n", err_msg(err));
	return 1;
}

int cli_error_help(const struct args *a, const struct err *err, int code)
{
	fprintf(stderr, "kist: %s\n\nRun 'kist %s --help' for more information\n", err_msg(err),
		a->path);
	return code;
}

int cli_columns(void)
{
	struct winsize size;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return 80;
}

static int print(struct buf *b)
{
	return fd_write_all(STDOUT_FILENO, b->data, b->len) < 0;
}

static bool in_list(const char *list, const char *name)
{
	auto_strv names = list ? strv_split(list, ',') : NULL;
	return strv_index(names, name) >= 0;
}

static const struct group *find_group(const char *name)
{
	for (const struct group *g = command_groups; g->name; g++)
		if (str_eq(g->name, name))
			return g;
	return NULL;
}

static const struct command *find_command(const char *group, const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		if (!group && str_eq(c->group ? c->top : c->name, name))
			return c;
		if (group && str_eq(c->group, group) &&
			(str_eq(c->name, name) || in_list(c->aliases, name)))
			return c;
	}
	return NULL;
}

struct nearest {
	const char *best;
	size_t least;
};

static void try_name(struct nearest *n, const char *other, const char *typed)
{
	size_t d = str_distance(other, typed);
	if (d < n->least && d < strlen(other))
		*n = (struct nearest){other, d};
}

/* The command of a group, or the command or group of the top level, whose name is closest to what was typed. */
static const char *nearest_command(const char *group, const char *name)
{
	size_t len = strlen(name);
	struct nearest n = {NULL, (len / 2 < 3 ? len / 2 : 3) + 1};
	if (len >= 64)
		return NULL;
	for (const struct group *g = command_groups; !group && g->name; g++)
		try_name(&n, g->name, name);
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		const char *other = group ? (str_eq(c->group, group) ? c->name : NULL)
					  : (c->group ? c->top : c->name);
		if (other && !c->hidden)
			try_name(&n, other, name);
	}
	return n.best;
}

static int unknown_command(const char *group, const char *name)
{
	const char *space = group ? " " : "", *parent = group ? group : "";
	if (command_is_planned(group, name)) {
		fprintf(stderr, "kist: 'kist %s%s%s' is not implemented yet\n", parent, space,
			name);
		return 1;
	}
	fprintf(stderr, "kist: unknown command: kist %s%s%s\n\n", parent, space, name);
	const char *near = nearest_command(group, name);
	if (near)
		fprintf(stderr, "Did you mean 'kist %s%s%s'?\n\n", parent, space, near);
	if (group)
		fprintf(stderr, "Usage:  kist %s COMMAND\n\n", group);
	fprintf(stderr, "Run 'kist%s%s --help' for more information\n", group ? " " : "", parent);
	return 1;
}

static int flag_error(const struct args *a, const struct err *err)
{
	auto_buf usage = BUF_INIT;
	help_usage(&usage, a->cmd, a->path);
	fprintf(stderr, "%s\n\n%s\nRun 'kist %s --help' for more information\n", err_msg(err),
		usage.data, a->path);
	return EXIT_USAGE;
}

static int count_error(const struct args *a)
{
	const struct command *c = a->cmd;
	auto_buf usage = BUF_INIT;
	help_usage(&usage, c, a->path);
	const char *see = "Run";
	fprintf(stderr, "kist: 'kist %s' ", a->path);
	if (c->max_args == 0) {
		fprintf(stderr, "accepts no arguments");
	} else if (c->min_args == c->max_args) {
		fprintf(stderr, "requires %d argument%s", c->min_args, c->min_args > 1 ? "s" : "");
	} else if (a->nrest < c->min_args) {
		fprintf(stderr, "requires at least %d argument%s", c->min_args,
			c->min_args > 1 ? "s" : "");
		see = "See";
	} else {
		fprintf(stderr, "requires at most %d argument%s", c->max_args,
			c->max_args > 1 ? "s" : "");
	}
	fprintf(stderr, "\n\n%s\n%s 'kist %s --help' for more information\n", usage.data, see,
		a->path);
	return 1;
}

static char *command_path(const struct command *c, const char *group)
{
	if (group)
		return xasprintf("%s %s", group, c->name);
	return xstrdup(c->group ? c->top : c->name);
}

static int run_command(
	struct cli *cli, const struct command *c, const char *group, char *const *argv)
{
	auto_args a = {.cmd = c, .path = command_path(c, group)};
	auto_err *err = NULL;
	if (args_parse(&a, c->flags, argv, c->stop_at_arg, NULL, &err) < 0)
		return flag_error(&a, err);
	if (a.help) {
		auto_buf b = BUF_INIT;
		help_command(&b, c, a.path, cli_columns());
		return print(&b);
	}
	if (a.nrest < c->min_args || a.nrest > c->max_args)
		return count_error(&a);
	return c->run(cli, &a);
}

static int run_group(struct cli *cli, const struct group *g, char *const *argv)
{
	if (!argv[0] || str_eq(argv[0], "--help") || str_eq(argv[0], "-h") ||
		str_eq(argv[0], "help")) {
		auto_buf b = BUF_INIT;
		help_group(&b, g);
		return print(&b);
	}
	if (*argv[0] == '-') {
		fprintf(stderr,
			"unknown flag: %s\n\nUsage:  kist %s\n\nRun 'kist %s --help' for more "
			"information\n",
			argv[0], g->name, g->name);
		return EXIT_USAGE;
	}
	const struct command *c = find_command(g->name, argv[0]);
	if (!c)
		return unknown_command(g->name, argv[0]);
	return run_command(cli, c, g->name, argv + 1);
}

/* `kist help`, `kist help ps`, `kist help container ls` */
static int run_help(char *const *names)
{
	auto_buf b = BUF_INIT;
	const struct group *g = names[0] ? find_group(names[0]) : NULL;
	const struct command *c = NULL;
	if (names[0])
		c = g ? (names[1] ? find_command(g->name, names[1]) : NULL)
		      : find_command(NULL, names[0]);
	if (c) {
		auto_free char *path = command_path(c, g ? g->name : NULL);
		help_command(&b, c, path, cli_columns());
	} else if (g && !names[1]) {
		help_group(&b, g);
	} else if (names[0] && !str_starts(names[0], "-")) {
		fprintf(stderr, "unknown help topic: %s\n", names[0]);
		return 1;
	} else {
		help_top(&b, cli_columns());
	}
	return print(&b);
}

static const char *tls_missing(struct err **err)
{
	err_set(err, ERR_NOT_IMPLEMENTED,
		"TLS from the command line is not implemented: connect to the unix socket, or with "
		"docker");
	return NULL;
}

static const char *choose_host(const struct args *global, struct err **err)
{
	const char *host = flag_str(global, "host");
	char *const *all = flag_list(global, "host");
	if (strv_len(all) > 1) {
		err_set(err, ERR_INVALID, "Specify only one -H");
		return NULL;
	}
	if (flag_bool(global, "tls") || flag_bool(global, "tlsverify"))
		return tls_missing(err);
	if (str_empty(host))
		host = getenv("KIST_HOST");
	if (str_empty(host))
		host = getenv("DOCKER_HOST");
	/* who asked for TLS must not be talked to in the clear */
	const char *verify = getenv("DOCKER_TLS_VERIFY");
	if (!str_empty(verify) && !str_empty(host) && str_starts(host, "tcp://"))
		return tls_missing(err);
	return str_empty(host) ? CLI_DEFAULT_HOST : host;
}

static int run(char *const *argv, const struct args *global)
{
	struct cli cli = {.debug = flag_bool(global, "debug")};
	auto_err *err = NULL;
	if (!argv[0] || global->help || str_eq(argv[0], "help"))
		return run_help(argv[0] && str_eq(argv[0], "help") ? argv + 1 : (char *[]){NULL});
	const char *host = choose_host(global, &err);
	if (!host)
		return cli_error(err);
	api_init(&cli.api, host);
	const struct group *g = find_group(argv[0]);
	const struct command *c = g ? NULL : find_command(NULL, argv[0]);
	int rc = g   ? run_group(&cli, g, argv + 1)
		 : c ? run_command(&cli, c, NULL, argv + 1)
		     : unknown_command(NULL, argv[0]);
	api_free(&cli.api);
	return rc;
}

int cli_main(int argc, char **argv)
{
	auto_args global = {.path = xstrdup("")};
	auto_err *err = NULL;
	int used = 0;
	if (args_parse(&global, global_flags, argv + 1, true, &used, &err) < 0) {
		fprintf(stderr,
			"%s\n\nUsage:  kist [OPTIONS] COMMAND [ARG...]\n\nRun 'kist --help' for "
			"more "
			"information\n",
			err_msg(err));
		return EXIT_USAGE;
	}
	if (flag_bool(&global, "version")) {
		printf("kist version %s\n", KIST_VERSION);
		return 0;
	}
	return run(argv + 1 + used, &global);
}
