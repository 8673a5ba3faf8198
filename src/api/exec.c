/* Programs in running containers. */
#include "engine/exec.h"

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/requests.h"
#include "request.h"

int api_exec_create(struct request *req, struct err **err)
{
	auto_json *body = NULL;
	if (req_json(req, false, &body, err) < 0)
		return -1;
	struct exec_create_request c = {0};
	char id[65];
	int rc = model_decode(&model_exec_create, body, &c, "", err);
	if (rc < 0)
		err_wrap(err, "invalid JSON");
	else if (strv_len(c.cmd) == 0)
		rc = err_set(err, ERR_INVALID, "No exec command specified");
	if (rc == 0) {
		struct exec_spec spec = {
			.attach_in = c.attach_stdin,
			.attach_out = c.attach_stdout,
			.attach_err = c.attach_stderr,
			.tty = c.tty,
			.privileged = c.privileged,
			.detach_keys = c.detach_keys,
			.env = c.env,
			.cmd = c.cmd,
			.working_dir = c.working_dir,
			.user = c.user,
			.height = req->api >= 142 ? (uint32_t)c.console_size[0] : 0,
			.width = req->api >= 142 ? (uint32_t)c.console_size[1] : 0,
		};
		rc = engine_exec_create(req_engine(req), req_var(req, "id"), &spec, id, err);
	}
	model_clear(&model_exec_create, &c);
	if (rc < 0)
		return -1;
	struct jsonw w = res_json(req, 201);
	jw_object(&w, NULL);
	jw_str(&w, "Id", id);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

/* Is nothing known that would make a start fail with a status of its own (404, 409)? */
static bool will_start(struct request *req, const struct exec_info *x, bool tty)
{
	struct container_snapshot *c;
	if (x->running || x->has_exit_code || x->tty != tty ||
		engine_container_inspect(req_engine(req), x->container, false, &c, NULL) < 0)
		return false;
	bool running = c->state.status == CONTAINER_RUNNING;
	container_snapshot_free(c);
	return running;
}

/*
 * dockerd hijacks before it starts the program, so what goes wrong from there on is reported inside
 * the stream, and clients look for the exit code (126, 127) instead of at the status.
 */
static int report_in_stream(
	struct request *req, const struct buf *head, bool tty, const struct err *e)
{
	struct buf *out = res_raw(req);
	auto_free char *text = xasprintf("%s\r\n", err_msg(e));
	size_t n = strlen(text);
	const unsigned char frame[8] = {1, 0, 0, 0, (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
	buf_add(out, head->data, head->len);
	if (!tty)
		buf_add(out, frame, sizeof(frame));
	buf_add(out, text, n);
	return 0;
}

/* A client that has left is found out by whoever writes next. */
static void send_head(struct request *req, struct buf *head)
{
	ssize_t n = fd_send_apart(req->fd, head->data, head->len, 0);
	if (n >= 0)
		(void)!fd_write_all(req->fd, head->data + n, head->len - (size_t)n);
	buf_consume(head, head->len);
}

/* The head is sent before the program is started, as dockerd does, where it can be known that there will be a stream. */
static int start_attached(
	struct request *req, struct exec_start *s, const struct exec_info *x, struct err **err)
{
	auto_buf head = BUF_INIT;
	auto_err *e = NULL;
	res_hijack_head(req, !x->tty, &head);
	bool sent = will_start(req, x, s->tty);
	if (sent)
		send_head(req, &head);
	s->fd = req->fd;
	s->early = req->early;
	s->early_len = req->early_len;
	s->head = head.data;
	s->head_len = head.len;
	if (engine_exec_start(req_engine(req), x->id, s, &e) == 0) {
		request_hijacked(req);
		return 0;
	}
	if (sent || e->kind == ERR_NO_EXECUTABLE || e->kind == ERR_NOT_EXECUTABLE ||
		e->kind == ERR_SYSTEM)
		return report_in_stream(req, &head, x->tty, e);
	return err_move(err, &e);
}

static int start_detached(
	struct request *req, struct exec_start *s, const struct exec_info *x, struct err **err)
{
	s->detach = true;
	if (engine_exec_start(req_engine(req), x->id, s, err) < 0)
		return -1;
	res_status(req, 200);
	return 0;
}

int api_exec_start(struct request *req, struct err **err)
{
	auto_json *body = NULL;
	if (req_json(req, true, &body, err) < 0)
		return -1;
	struct exec_start_request c = {0};
	if (body && model_decode(&model_exec_start, body, &c, "", err) < 0)
		return err_wrap(err, "invalid JSON");
	struct exec_info *x;
	if (engine_exec_inspect(req_engine(req), req_var(req, "id"), &x, err) < 0)
		return -1;
	struct exec_start s = {.tty = c.tty, .fd = -1};
	if (req->api >= 142) {
		s.height = (uint32_t)c.console_size[0];
		s.width = (uint32_t)c.console_size[1];
	}
	int rc = c.detach ? start_detached(req, &s, x, err) : start_attached(req, &s, x, err);
	exec_info_free(x);
	return rc;
}

int api_exec_resize(struct request *req, struct err **err)
{
	uint32_t h, w;
	if (req_console_size(req, &h, &w, err) < 0 ||
		engine_exec_resize(req_engine(req), req_var(req, "id"), h, w, err) < 0)
		return -1;
	res_status(req, 200);
	return 0;
}

static void write_process(struct jsonw *w, const struct exec_info *x)
{
	jw_object(w, "ProcessConfig");
	jw_bool(w, "tty", x->tty);
	jw_str(w, "entrypoint", x->cmd ? x->cmd[0] : "");
	jw_array(w, "arguments");
	for (char **a = x->cmd && x->cmd[0] ? x->cmd + 1 : NULL; a && *a; a++)
		jw_str(w, NULL, *a);
	jw_end_array(w);
	jw_bool(w, "privileged", x->privileged);
	if (!str_empty(x->user))
		jw_str(w, "user", x->user);
	if (!str_empty(x->working_dir))
		jw_str(w, "workingDir", x->working_dir);
	jw_end_object(w);
}

int api_exec_inspect(struct request *req, struct err **err)
{
	struct exec_info *x;
	if (engine_exec_inspect(req_engine(req), req_var(req, "id"), &x, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_str(&w, "ID", x->id);
	jw_bool(&w, "Running", x->running);
	if (x->has_exit_code)
		jw_i64(&w, "ExitCode", x->exit_code);
	else
		jw_null(&w, "ExitCode");
	write_process(&w, x);
	jw_bool(&w, "OpenStdin", x->open_stdin);
	jw_bool(&w, "OpenStderr", x->open_stderr);
	jw_bool(&w, "OpenStdout", x->open_stdout);
	jw_bool(&w, "CanRemove", x->can_remove);
	jw_str(&w, "ContainerID", x->container);
	jw_str(&w, "DetachKeys", "");
	jw_u64(&w, "Pid", x->pid);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	exec_info_free(x);
	return 0;
}
