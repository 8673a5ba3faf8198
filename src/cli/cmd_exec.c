/* exec: a further program in a running container. */
#include <stdio.h>

#include "container.h"
#include "env.h"
#include "session.h"
#include "spec.h"
#include "terminal.h"

static const struct flag_spec flags[] = {
	{"detach", 'd', FLAG_BOOL, NULL, "Do not wait for the command nor show its output"},
	{"detach-keys", 0, FLAG_STRING, NULL,
		"Keys that leave it running and return (unset: ctrl-p,ctrl-q)"},
	{"env", 'e', FLAG_LIST, NULL,
		"Environment variable NAME=VALUE; NAME alone takes our own value", NULL, check_env},
	{"env-file", 0, FLAG_LIST, NULL, "File with a variable on each line, as for --env", NULL,
		NULL, false, "@files"},
	{"interactive", 'i', FLAG_BOOL, NULL, "Leave standard input open, for typing or a pipe"},
	{"privileged", 0, FLAG_BOOL, NULL, "Every capability for the command"},
	{"tty", 't', FLAG_BOOL, NULL, "Give the process a terminal"},
	{"user", 'u', FLAG_STRING, NULL,
		"Whom to run as, USER[:GROUP], by name or number (unset: as the container)"},
	{"workdir", 'w', FLAG_STRING, NULL, "Folder inside to start in"},
	{NULL},
};

static void put_console(json_t *j, const struct args *a)
{
	unsigned rows, columns;
	if (flag_bool(a, "tty") && terminal_size(&rows, &columns))
		json_put(j, "ConsoleSize", json_pack("[i, i]", (int)rows, (int)columns));
}

static json_t *exec_body(const struct args *a, struct err **err)
{
	auto_strv env = NULL;
	bool attach = !flag_bool(a, "detach");
	if (env_collect(flag_list(a, "env-file"), flag_list(a, "env"), &env, err) < 0)
		return NULL;
	json_t *j = json_object();
	json_put_str(j, "User", flag_str(a, "user"));
	json_put(j, "Privileged", json_boolean(flag_bool(a, "privileged")));
	json_put(j, "Tty", json_boolean(flag_bool(a, "tty")));
	put_console(j, a);
	json_put(j, "AttachStdin", json_boolean(attach && flag_bool(a, "interactive")));
	json_put(j, "AttachStderr", json_boolean(attach));
	json_put(j, "AttachStdout", json_boolean(attach));
	json_put_str(j, "DetachKeys", flag_str(a, "detach-keys"));
	json_put(j, "Env", env ? json_strv(env) : json_null());
	json_put_str(j, "WorkingDir", flag_str(a, "workdir"));
	json_put(j, "Cmd", json_strv(a->rest + 1));
	return j;
}

static int exit_code(struct cli *cli, const char *id, int *code, struct err **err)
{
	auto_free char *path = xasprintf("/exec/%s/json", id);
	json_t *j = NULL;
	if (api_call(&cli->api, "GET", path, NULL, &j, err) < 0)
		return -1;
	*code = (int)json_integer_value(json_object_get(j, "ExitCode"));
	json_decref(j);
	return 0;
}

static int run_attached(struct session *s, const struct args *a, int *code, struct err **err)
{
	auto_free char *path = xasprintf("/exec/%s/start", s->id);
	auto_json *body = json_pack("{s:b, s:b}", "Detach", 0, "Tty", (int)s->tty);
	put_console(body, a);
	session_hold_signals(s);
	if (api_open(&s->cli->api, s->conn, "POST", path, body, true, err) < 0) {
		session_release_signals(s);
		return -1;
	}
	enum relay_end end = session_run(s, err);
	http_close(s->conn);
	if (end == RELAY_FAILED)
		return -1;
	if (end == RELAY_DETACHED)
		return err_set(err, ERR_CANCELLED, "read escape sequence");
	return exit_code(s->cli, s->id, code, err);
}

static int exec_run(struct cli *cli, const struct args *a, int *code, struct err **err)
{
	bool detach = flag_bool(a, "detach");
	struct http conn = {.fd = -1};
	struct session s = {
		.cli = cli,
		.conn = &conn,
		.is_exec = true,
		.tty = flag_bool(a, "tty"),
		.use_stdin = !detach && flag_bool(a, "interactive"),
		.detach_keys = flag_str(a, "detach-keys"),
	};
	auto_json *body = exec_body(a, err);
	if (!body || session_check(&s, err) < 0 ||
		(!detach && session_check_tty(s.use_stdin, s.tty, err) < 0))
		return -1;
	auto_free char *path = container_path(a->rest[0], "exec");
	auto_json *answer = NULL;
	if (api_call(&cli->api, "POST", path, body, &answer, err) < 0)
		return -1;
	s.id = json_string_value(json_object_get(answer, "Id"));
	if (str_empty(s.id))
		return err_set(err, ERR_UNAVAILABLE, "exec ID empty");
	if (!detach)
		return run_attached(&s, a, code, err);
	auto_free char *start = xasprintf("/exec/%s/start", s.id);
	auto_json *how = json_pack("{s:b, s:b}", "Detach", 1, "Tty", (int)s.tty);
	*code = 0;
	return api_call(&cli->api, "POST", start, how, NULL, err);
}

static int cmd_exec(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	int code = 0;
	if (exec_run(cli, a, &code, &err) < 0)
		return cli_error(err);
	return code;
}

const struct command command_exec = {
	.group = "container",
	.name = "exec",
	.top = "exec",
	.args = "CONTAINER COMMAND [ARG...]",
	.summary = "Run a further program inside a container",
	.flags = flags,
	.min_args = 2,
	.max_args = INT_MAX,
	.stop_at_arg = true,
	.common = true,
	.completes = "@running",
	.run = cmd_exec,
};
