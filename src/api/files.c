/*
 * GET /containers/{id}/export and /changes, POST /commit.
 *
 * The first two hand on what a program writes to a pipe (outflow.h).
 */
#include "engine/files.h"

#include "base/mem.h"
#include "base/str.h"
#include "outflow.h"
#include "request.h"

static int files_fd(const void *f)
{
	return engine_files_fd(f);
}

static bool files_wait(const void *f)
{
	return engine_files_wait(f);
}

static int files_result(void *f, struct err **err)
{
	return engine_files_result(f, err);
}

static void files_close(void *f)
{
	engine_files_close(f);
}

static const struct outflow_source files_ops = {files_fd, files_wait, files_result, files_close};

static int send_files(
	struct request *req, struct engine_files *f, const char *content_type, struct err **err)
{
	return f ? outflow_send(req, &files_ops, f, content_type, err) : -1;
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
