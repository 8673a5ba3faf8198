/* attach, and start: both may end in a session. */
#include <stdio.h>

#include "container.h"
#include "session.h"

static const struct flag_spec attach_flags[] = {
	{"detach-keys", 0, FLAG_STRING, NULL,
		"Keys that leave it running and return (unset: ctrl-p,ctrl-q)"},
	{"no-stdin", 0, FLAG_BOOL, NULL, "Watch only: send no input"},
	{"sig-proxy", 0, FLAG_BOOL, NULL, "Pass our signals on to the process", "true"},
	{NULL},
};

static bool config_flag(const json_t *container, const char *key)
{
	return json_is_true(json_object_get(json_object_get(container, "Config"), key));
}

static bool state_flag(const json_t *container, const char *key)
{
	return json_is_true(json_object_get(json_object_get(container, "State"), key));
}

static int check_state(const json_t *c, struct err **err)
{
	if (!state_flag(c, "Running"))
		return err_set(
			err, ERR_CONFLICT, "cannot attach to a stopped container, start it first");
	if (state_flag(c, "Paused"))
		return err_set(
			err, ERR_CONFLICT, "cannot attach to a paused container, unpause it first");
	if (state_flag(c, "Restarting"))
		return err_set(err, ERR_CONFLICT,
			"cannot attach to a restarting container, wait until it is running");
	return 0;
}

static int attach_run(struct cli *cli, const struct args *a, int *code, struct err **err)
{
	auto_json *c = container_inspect(cli, a->rest[0], err);
	struct http conn, wait;
	if (!c || check_state(c, err) < 0)
		return -1;
	bool tty = config_flag(c, "Tty");
	struct session s = {
		.cli = cli,
		.id = a->rest[0],
		.tty = tty,
		.use_stdin = !flag_bool(a, "no-stdin") && config_flag(c, "OpenStdin"),
		.sig_proxy = flag_bool(a, "sig-proxy") && !tty,
		.repaint = true,
		.wait = &wait,
		.detach_keys = flag_str(a, "detach-keys"),
		.conn = &conn,
	};
	if (session_check(&s, err) < 0 || session_check_tty(s.use_stdin, tty, err) < 0 ||
		container_wait_begin(cli, s.id, NULL, &wait, err) < 0)
		return -1;
	struct attach_options o = {s.use_stdin, true, true, s.detach_keys};
	if (container_attach(cli, s.id, &o, &conn, err) < 0) {
		http_close(&wait);
		return -1;
	}
	session_hold_signals(&s);
	enum relay_end end = session_run(&s, err);
	http_close(&conn);
	if (end == RELAY_END)
		return container_wait_finish(s.cli, s.id, &wait, code, err);
	http_close(&wait);
	if (end == RELAY_DETACHED)
		return err_set(err, ERR_CANCELLED, "read escape sequence");
	return -1;
}

static int cmd_attach(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	int code = 0;
	if (attach_run(cli, a, &code, &err) < 0)
		return cli_error(err);
	return code;
}

const struct command command_attach = {
	.group = "container",
	.name = "attach",
	.top = "attach",
	.args = "CONTAINER",
	.summary = "Connect this terminal to the main process of a container",
	.flags = attach_flags,
	.min_args = 1,
	.max_args = 1,
	.completes = "@running",
	.run = cmd_attach,
};

static const struct flag_spec start_flags[] = {
	{"attach", 'a', FLAG_BOOL, NULL,
		"Show its output, pass on our signals, take over its exit code"},
	{"detach-keys", 0, FLAG_STRING, NULL,
		"Keys that leave it running and return (unset: ctrl-p,ctrl-q)"},
	{"interactive", 'i', FLAG_BOOL, NULL, "Send our standard input to it"},
	{NULL},
};

static int start_one(struct cli *cli, const char *id, struct err **err)
{
	auto_free char *path = container_path(id, "start");
	return api_call(&cli->api, "POST", path, NULL, NULL, err);
}

static int start_many(struct cli *cli, const struct args *a)
{
	auto_strv failed = NULL;
	for (int i = 0; i < a->nrest; i++) {
		auto_err *err = NULL;
		if (start_one(cli, a->rest[i], &err) < 0) {
			fprintf(stderr, "%s\n", err_msg(err));
			strv_add(&failed, a->rest[i]);
		} else {
			printf("%s\n", a->rest[i]);
			fflush(stdout);
		}
	}
	if (!failed)
		return 0;
	auto_free char *names = strv_join(failed, ", ");
	fprintf(stderr, "Error: failed to start containers: %s\n", names);
	return 1;
}

static int start_session(struct session *s, int *code, struct err **err)
{
	struct attach_options o = {s->use_stdin, true, true, s->detach_keys};
	if (container_attach(s->cli, s->id, &o, s->conn, err) < 0)
		return -1;
	if (container_wait_begin(s->cli, s->id, s->condition, s->wait, err) < 0) {
		http_close(s->conn);
		return -1;
	}
	session_hold_signals(s);
	if (start_one(s->cli, s->id, err) < 0) {
		session_release_signals(s);
		http_close(s->conn);
		http_close(s->wait);
		return -1;
	}
	enum relay_end end = session_run(s, err);
	http_close(s->conn);
	if (end == RELAY_END)
		return container_wait_finish(s->cli, s->id, s->wait, code, err);
	http_close(s->wait);
	return end == RELAY_DETACHED ? 0 : -1;
}

static int start_attached(struct cli *cli, const struct args *a, int *code, struct err **err)
{
	struct http conn = {.fd = -1}, wait = {.fd = -1};
	if (a->nrest > 1)
		return err_set(err, ERR_INVALID,
			"you cannot start and attach multiple containers at once");
	auto_json *c = container_inspect(cli, a->rest[0], err);
	if (!c)
		return -1;
	bool tty = config_flag(c, "Tty");
	bool auto_remove =
		json_is_true(json_object_get(json_object_get(c, "HostConfig"), "AutoRemove"));
	struct session s = {
		.cli = cli,
		.id = json_string_value(json_object_get(c, "Id")),
		.tty = tty,
		.use_stdin = flag_bool(a, "interactive") && config_flag(c, "OpenStdin"),
		.sig_proxy = !tty,
		.detach_keys = flag_str(a, "detach-keys"),
		.conn = &conn,
		.wait = &wait,
		.condition = auto_remove ? "removed" : "next-exit",
	};
	if (session_check(&s, err) < 0)
		return -1;
	return start_session(&s, code, err);
}

static int cmd_start(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	int code = 0;
	if (!flag_bool(a, "attach") && !flag_bool(a, "interactive"))
		return start_many(cli, a);
	if (start_attached(cli, a, &code, &err) < 0)
		return cli_error(err);
	return code;
}

const struct command command_start = {
	.group = "container",
	.name = "start",
	.top = "start",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Start containers again, or for the first time",
	.flags = start_flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.completes = "@stopped",
	.run = cmd_start,
};
