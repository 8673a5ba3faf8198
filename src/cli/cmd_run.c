/*
 * run and create.
 *
 * The order of requests matters: attach before start, so that no output is lost; wait before start, so
 * that the exit of a short-lived container with --rm is not missed; then start.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "container.h"
#include "escape.h"
#include "pull.h"
#include "run.h"
#include "session.h"

static int pull(struct cli *cli, const struct args *a, const char *image, struct err **err)
{
	return pull_image(
		cli, image, flag_str(a, "platform"), flag_bool(a, "quiet") ? NULL : stderr, err);
}

static int cidfile_check(const char *path, struct err **err)
{
	if (path && access(path, F_OK) == 0)
		return err_set(err, ERR_CONFLICT,
			"container ID file found, make sure the other container isn't running or "
			"delete %s",
			path);
	return 0;
}

static int cidfile_write(const char *path, const char *id, struct err **err)
{
	if (str_empty(path))
		return 0;
	auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fd_write_all(fd, id, strlen(id)) < 0)
		return err_sys(err, errno, "failed to create the container ID file %s", path);
	return 0;
}

static json_t *create(struct cli *cli, const struct args *a, json_t *body, struct err **err)
{
	auto_buf path = BUF_INIT;
	json_t *answer = NULL;
	buf_adds(&path, "/containers/create");
	url_add(&path, "name", flag_str(a, "name"));
	url_add(&path, "platform", flag_str(a, "platform"));
	if (api_call(&cli->api, "POST", path.data, body, &answer, err) < 0)
		return NULL;
	if (!json_string_value(json_object_get(answer, "Id"))) {
		err_set(err, ERR_UNAVAILABLE, "the daemon's answer has no container id");
		json_decref(answer);
		return NULL;
	}
	return answer;
}

/*
 * What is not there is the image, or one for the platform (each daemon has its own words for that); or a container
 * whose volumes are wanted, which no pull brings.
 */
static bool image_missing(const struct err *cause)
{
	return cause->kind == ERR_NOT_FOUND && !strstr(cause->msg, "No such container");
}

/* As docker: no registry has images by that. */
static bool is_image_id(const char *image)
{
	const char *hex = str_starts(image, "sha256:") ? image + strlen("sha256:") : image;
	return str_all_of(hex, "0123456789abcdef", 64, 64);
}

static json_t *create_or_pull(struct cli *cli, const struct args *a, json_t *body, struct err **err)
{
	const char *when = flag_str(a, "pull"), *image = a->rest[0];
	auto_err *cause = NULL;
	if (str_empty(when))
		when = "missing";
	if (!str_eq(when, "always") && !str_eq(when, "missing") && !str_eq(when, "never")) {
		err_set(err, ERR_INVALID,
			"invalid pull option: '%s': must be one of \"always\", \"missing\" or "
			"\"never\"",
			when);
		return NULL;
	}
	if (str_eq(when, "always") && pull(cli, a, image, err) < 0)
		return NULL;
	json_t *answer = create(cli, a, body, &cause);
	if (answer)
		return answer;
	if (!image_missing(cause) || !str_eq(when, "missing") || is_image_id(image)) {
		err_move(err, &cause);
		return NULL;
	}
	auto_reference ref = {0};
	if (reference_parse(image, &ref, err) < 0)
		return NULL;
	reference_default_tag(&ref);
	auto_free char *full = reference_familiar_string(&ref);
	if (!flag_bool(a, "quiet"))
		fprintf(stderr, "Unable to find image '%s' locally\n", full);
	if (pull(cli, a, image, err) < 0)
		return NULL;
	return create(cli, a, body, err);
}

char *run_create(struct cli *cli, const struct args *a, json_t *body, struct err **err)
{
	const char *cidfile = flag_str(a, "cidfile");
	if (cidfile_check(cidfile, err) < 0)
		return NULL;
	auto_json *answer = create_or_pull(cli, a, body, err);
	if (!answer)
		return NULL;
	json_t *warnings = json_object_get(answer, "Warnings"), *w;
	size_t i;
	json_array_foreach(warnings, i, w)
	{
		auto_free char *text =
			escape_controls(json_is_string(w) ? json_string_value(w) : "");
		fprintf(stderr, "WARNING: %s\n", text);
	}
	const char *id = json_string_value(json_object_get(answer, "Id"));
	if (cidfile_write(cidfile, id, err) < 0)
		return NULL;
	return xstrdup(id);
}

static int cmd_create(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *body = run_body(a, &err);
	if (!body)
		return cli_error_help(a, err, EXIT_USAGE);
	auto_free char *id = run_create(cli, a, body, &err);
	if (!id)
		return cli_error(err);
	printf("%s\n", id);
	return 0;
}

/* 127 and 126 for a program that is not there or not executable, from the daemon's words. */
static int start_exit_code(const char *message)
{
	static const char *const absent[] = {
		"executable file not found", "no such file or directory"};
	static const char *const unusable[] = {"permission denied", "is a directory"};
	for (size_t i = 0; i < ARRAY_LEN(absent); i++)
		if (strstr(message, absent[i]))
			return EXIT_NO_EXECUTABLE;
	for (size_t i = 0; i < ARRAY_LEN(unusable); i++)
		if (strstr(message, unusable[i]))
			return EXIT_NOT_EXECUTABLE;
	return EXIT_USAGE;
}

struct run {
	struct cli *cli;
	const struct args *a;
	json_t *body;
	char *id;
	struct http attach, wait;
	bool attached, waiting;
	struct session session;
};

static bool body_flag(const struct run *r, const char *key)
{
	return json_is_true(json_object_get(r->body, key));
}

static int attach(struct run *r, struct err **err)
{
	struct attach_options o = {
		.in = body_flag(r, "AttachStdin"),
		.out = body_flag(r, "AttachStdout"),
		.errors = body_flag(r, "AttachStderr"),
		.detach_keys = flag_str(r->a, "detach-keys"),
	};
	if (!o.in && !o.out && !o.errors)
		return 0;
	if (container_attach(r->cli, r->id, &o, &r->attach, err) < 0)
		return -1;
	r->attached = true;
	return 0;
}

static int start_failed(struct run *r, const struct err *err)
{
	int code = start_exit_code(err_msg(err));
	if (r->attached)
		http_close(&r->attach);
	session_release_signals(&r->session);
	cli_error_help(r->a, err, code);
	/* with --rm the container is gone before the user's next command */
	if (r->waiting && flag_bool(r->a, "rm"))
		container_wait_result(&r->wait, &(int){0}, NULL);
	else if (r->waiting)
		http_close(&r->wait);
	return code;
}

static int run_detached(struct run *r)
{
	auto_err *err = NULL;
	auto_free char *path = container_path(r->id, "start");
	if (api_call(&r->cli->api, "POST", path, NULL, NULL, &err) < 0)
		return cli_error_help(r->a, err, start_exit_code(err_msg(err)));
	printf("%s\n", r->id);
	return 0;
}

static int run_attached(struct run *r)
{
	auto_err *err = NULL;
	auto_free char *path = container_path(r->id, "start");
	int code = 0;
	if (attach(r, &err) < 0 ||
		container_wait_begin(r->cli, r->id, r->session.condition, &r->wait, &err) < 0) {
		if (r->attached)
			http_close(&r->attach);
		return cli_error_help(r->a, err, EXIT_USAGE);
	}
	r->waiting = true;
	session_hold_signals(&r->session);
	if (api_call(&r->cli->api, "POST", path, NULL, NULL, &err) < 0)
		return start_failed(r, err);
	enum relay_end end = RELAY_END;
	if (r->attached) {
		end = session_run(&r->session, &err);
		http_close(&r->attach);
	}
	if (end == RELAY_FAILED)
		fprintf(stderr, "kist: %s\n", err_msg(err));
	if (end == RELAY_DETACHED || end == RELAY_FAILED) {
		http_close(&r->wait);
		return end == RELAY_FAILED;
	}
	if (container_wait_finish(r->cli, r->id, &r->wait, &code, &err) < 0) {
		fprintf(stderr, "kist: %s\n", err_msg(err));
		return EXIT_USAGE;
	}
	return code;
}

static int run_container(struct run *r, struct err **err)
{
	const struct args *a = r->a;
	bool detach = flag_bool(a, "detach");
	r->session = (struct session){
		.cli = r->cli,
		.tty = flag_bool(a, "tty"),
		.use_stdin = body_flag(r, "AttachStdin"),
		.sig_proxy = flag_bool(a, "sig-proxy"),
		.detach_keys = flag_str(a, "detach-keys"),
		.conn = &r->attach,
		.wait = &r->wait,
		.condition = flag_bool(a, "rm") ? "removed" : "next-exit",
	};
	if (detach && flag_given(a, "attach"))
		return err_set(err, ERR_INVALID,
			"conflicting options: cannot specify both --attach and --detach");
	if (!detach && (session_check_tty(r->session.use_stdin, r->session.tty, err) < 0 ||
			       session_check(&r->session, err) < 0))
		return -1;
	auto_err *cause = NULL;
	r->id = run_create(r->cli, a, r->body, &cause);
	if (!r->id)
		return cli_error_help(a, cause, EXIT_USAGE);
	r->session.id = r->id;
	int code = detach ? run_detached(r) : run_attached(r);
	free(r->id);
	return code;
}

static int cmd_run_run(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *body = run_body(a, &err);
	if (!body)
		return cli_error_help(a, err, EXIT_USAGE);
	struct run r = {.cli = cli, .a = a, .body = body};
	int code = run_container(&r, &err);
	return code < 0 ? cli_error(err) : code;
}

const struct command command_run = {
	.group = "container",
	.name = "run",
	.top = "run",
	.args = "IMAGE [COMMAND] [ARG...]",
	.summary = "Start a program in a new container",
	.flags = run_flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.stop_at_arg = true,
	.common = true,
	.completes = "@images",
	.details = "Creates a container from IMAGE, attaches to it and starts COMMAND in it (or "
		   "what the image says). Ends with the exit code of the container's program; 125 "
		   "if the container could not be created or started, 126 if its program could "
		   "not be executed, 127 if it was not found.",
	.run = cmd_run_run,
};

const struct command command_create = {
	.group = "container",
	.name = "create",
	.top = "create",
	.args = "IMAGE [COMMAND] [ARG...]",
	.summary = "Make a container, to be started later",
	.flags = create_flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.stop_at_arg = true,
	.completes = "@images",
	.run = cmd_create,
};
