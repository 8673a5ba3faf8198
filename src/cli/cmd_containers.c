/* Commands that do one thing to each of several containers: stop, kill, restart, rm, pause... */
#include <stdio.h>

#include "container.h"

static const struct flag_spec stop_flags[] = {
	{"signal", 's', FLAG_STRING, NULL, "Signal by name or number", NULL, NULL, false,
		"@signals"},
	{"time", 0, FLAG_INT, NULL,
		"Seconds from the signal to SIGKILL; -1 waits for ever (unset: the container's "
		"own, else 10)",
		NULL, NULL, true},
	{"timeout", 't', FLAG_INT, NULL,
		"Seconds from the signal to SIGKILL; -1 waits for ever (unset: the container's "
		"own, else 10)"},
	{NULL},
};

static const struct flag_spec kill_flags[] = {
	{"signal", 's', FLAG_STRING, NULL, "Signal by name or number", NULL, NULL, false,
		"@signals"},
	{NULL},
};

static const struct flag_spec rm_flags[] = {
	{"force", 'f', FLAG_BOOL, NULL, "Running ones too: they are killed first"},
	{"link", 'l', FLAG_BOOL, NULL, "Take the name for a link, and remove that"},
	{"volumes", 'v', FLAG_BOOL, NULL, "Nameless volumes of theirs too"},
	{NULL},
};

/* Sends the request for each container; names that worked go to stdout, errors to stderr. */
static int each(struct cli *cli, const struct args *a, const char *method, const char *verb,
	const char *query, bool absent_is_fine)
{
	int rc = 0;
	for (int i = 0; i < a->nrest; i++) {
		auto_err *err = NULL;
		auto_free char *base = container_path(a->rest[i], verb);
		auto_free char *path = xasprintf("%s%s", base, query);
		if (api_call(&cli->api, method, path, NULL, NULL, &err) < 0) {
			fprintf(stderr, "%s\n", err_msg(err));
			if (!absent_is_fine || err->kind != ERR_NOT_FOUND)
				rc = 1;
			continue;
		}
		printf("%s\n", a->rest[i]);
		fflush(stdout);
	}
	return rc;
}

static int stop_like(struct cli *cli, const struct args *a, const char *verb)
{
	auto_buf query = BUF_INIT;
	const char *seconds = flag_str(a, "timeout");
	if (seconds && flag_given(a, "time")) {
		fprintf(stderr, "conflicting options: cannot specify both --timeout and --time\n");
		return 1;
	}
	url_add(&query, "signal", flag_str(a, "signal"));
	url_add(&query, "t", seconds ? seconds : flag_str(a, "time"));
	return each(cli, a, "POST", verb, buf_str(&query), false);
}

static int cmd_stop(struct cli *cli, const struct args *a)
{
	return stop_like(cli, a, "stop");
}

static int cmd_restart(struct cli *cli, const struct args *a)
{
	return stop_like(cli, a, "restart");
}

static int cmd_kill(struct cli *cli, const struct args *a)
{
	auto_buf query = BUF_INIT;
	url_add(&query, "signal", flag_str(a, "signal"));
	return each(cli, a, "POST", "kill", buf_str(&query), false);
}

static int cmd_rm(struct cli *cli, const struct args *a)
{
	auto_buf query = BUF_INIT;
	url_add(&query, "v", flag_bool(a, "volumes") ? "1" : NULL);
	url_add(&query, "link", flag_bool(a, "link") ? "1" : NULL);
	url_add(&query, "force", flag_bool(a, "force") ? "1" : NULL);
	return each(cli, a, "DELETE", NULL, buf_str(&query), flag_bool(a, "force"));
}

static int cmd_pause(struct cli *cli, const struct args *a)
{
	return each(cli, a, "POST", "pause", "", false);
}

static int cmd_unpause(struct cli *cli, const struct args *a)
{
	return each(cli, a, "POST", "unpause", "", false);
}

static int cmd_rename(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_buf path = BUF_INIT;
	auto_free char *base = container_path(a->rest[0], "rename");
	buf_adds(&path, base);
	url_add(&path, "name", a->rest[1]);
	if (api_call(&cli->api, "POST", path.data, NULL, NULL, &err) < 0)
		return cli_error(err);
	return 0;
}

#define EACH_COMMAND(symbol, verb, text, flag_table, what)                                         \
	const struct command command_##symbol = {                                                  \
		.group = "container",                                                              \
		.name = verb,                                                                      \
		.top = verb,                                                                       \
		.args = "CONTAINER [CONTAINER...]",                                                \
		.summary = text,                                                                   \
		.flags = flag_table,                                                               \
		.min_args = 1,                                                                     \
		.max_args = INT_MAX,                                                               \
		.completes = what,                                                                 \
		.run = cmd_##symbol,                                                               \
	}

EACH_COMMAND(stop, "stop", "Ask containers to end, and kill those that do not in time", stop_flags,
	"@running");
EACH_COMMAND(restart, "restart", "Stop containers and start them again", stop_flags, "@containers");
EACH_COMMAND(kill, "kill", "Send a signal to containers' main processes, SIGKILL by default",
	kill_flags, "@running");
EACH_COMMAND(pause, "pause", "Freeze every process of containers", NULL, "@running");
EACH_COMMAND(unpause, "unpause", "Let the processes of paused containers go on", NULL, "@running");

const struct command command_rm = {
	.group = "container",
	.name = "rm",
	.aliases = "remove",
	.top = "rm",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Delete containers that have ended, or never ran",
	.flags = rm_flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.completes = "@containers",
	.run = cmd_rm,
};

const struct command command_rename = {
	.group = "container",
	.name = "rename",
	.top = "rename",
	.args = "CONTAINER NEW_NAME",
	.summary = "Give a container another name",
	.min_args = 2,
	.max_args = 2,
	.completes = "@containers",
	.run = cmd_rename,
};
