/*
 * GET /containers/{id}/export and /changes, POST /commit.
 *
 * The first two hand on what a program writes to a pipe: nothing is asked of it while the client takes nothing.
 * What fails before the first byte has a status; after that the connection is cut, so that nobody takes a part for
 * the whole.
 */
#include "engine/files.h"

#include <errno.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "request.h"
#include "server.h"

struct outflow {
	struct engine_files *files;
	struct stream *stream;
	struct loop *loop;
	struct loop_source
		*source; /* only while there is nothing to read: a hang-up would not be silenced */
};

static void on_ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct outflow *o = arg;
	loop_del(o->source);
	o->source = NULL;
	stream_wake(o->stream);
}

static enum pull at_end(struct outflow *o)
{
	auto_err *err = NULL;
	if (engine_files_result(o->files, &err) == 0)
		return PULL_END;
	log_error("reading a container: %s", err_msg(err));
	return PULL_BROKEN;
}

static enum pull outflow_pull(void *arg, struct buf *out, size_t max)
{
	struct outflow *o = arg;
	int fd = engine_files_fd(o->files);
	ssize_t n = fd_read(fd, buf_reserve(out, max), max);
	if (n > 0) {
		out->len += (size_t)n;
		return PULL_MORE;
	}
	if (n == 0)
		return at_end(o);
	if (errno != EAGAIN)
		return PULL_BROKEN;
	if (!o->source)
		o->source = loop_add(o->loop, fd, EPOLLIN, on_ready, o, NULL);
	return o->source ? PULL_WAIT : PULL_BROKEN;
}

static void outflow_close(void *arg)
{
	struct outflow *o = arg;
	loop_del(o->source);
	engine_files_close(o->files);
	free(o);
}

static const struct stream_ops outflow_ops = {outflow_pull, outflow_close};

static int send_files(
	struct request *req, struct engine_files *f, const char *content_type, struct err **err)
{
	if (!f)
		return -1;
	/* ended without a byte: only a failure does that */
	if (!engine_files_wait(f) && engine_files_result(f, err) < 0) {
		engine_files_close(f);
		return -1;
	}
	struct outflow *o = xcalloc(1, sizeof(*o));
	o->files = f;
	o->loop = server_loop(req->server);
	o->stream = stream_new(req, &outflow_ops, o);
	res_stream(req, content_type, o->stream);
	return 0;
}

int api_container_export(struct request *req, struct err **err)
{
	struct engine_files *f = engine_files_export(req_engine(req), req_var(req, "id"), err);
	return send_files(req, f, "application/octet-stream", err);
}

int api_container_changes(struct request *req, struct err **err)
{
	struct engine_files *f = engine_files_changes(req_engine(req), req_var(req, "id"), err);
	return send_files(req, f, "application/json", err);
}

/* ---- commit ---- */

static int commit(struct request *req, const struct container_config *config, struct err **err)
{
	auto_strv changes = req_query_all(req, "changes");
	const char *container = req_query(req, "container");
	const struct engine_commit spec = {
		.config = config,
		.changes = changes,
		.repo = req_query(req, "repo"),
		.tag = req_query(req, "tag"),
		.author = req_query(req, "author"),
		.comment = req_query(req, "comment"),
		.pause = req_bool(req, "pause", true),
	};
	struct digest id;
	if (str_empty(container))
		return err_set(err, ERR_INVALID, "no container is given to commit");
	if (engine_container_commit(req_engine(req), container, &spec, &id, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 201);
	jw_object(&w, NULL);
	jw_str(&w, "Id", id.str);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

/* The docker command sends "null" for no configuration. */
static bool no_body(const struct request *req)
{
	auto_free char *text = xstrndup(req->body.len ? req->body.data : "", req->body.len);
	const char *trimmed = str_trim(text);
	return !*trimmed || str_eq(trimmed, "null");
}

int api_commit(struct request *req, struct err **err)
{
	auto_json *body = NULL;
	if (no_body(req))
		return commit(req, NULL, err);
	struct container_config config = {0};
	if (req_json(req, true, &body, err) < 0)
		return -1;
	int rc = model_decode(&model_container_config, body, &config, "", err);
	if (rc < 0)
		err_wrap(err, "invalid JSON");
	else
		rc = commit(req, &config, err);
	container_config_clear(&config);
	return rc;
}
