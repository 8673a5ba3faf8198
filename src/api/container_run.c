/* Start, stop and what else changes a container's state. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/container.h"
#include "request.h"

int api_container_start(struct request *req, struct err **err)
{
	if (!str_empty(req_query(req, "checkpoint")))
		return err_set(err, ERR_NOT_IMPLEMENTED, "checkpoints are not implemented");
	/* Clients send "{}" or "null" at most. */
	if (req->body.len > 7)
		return err_set(err, ERR_INVALID,
			"starting container with non-empty request body was deprecated since API "
			"v1.22 "
			"and removed in v1.24");
	if (engine_container_start(req_engine(req), req_var(req, "id"), err) < 0)
		return -1;
	res_status(req, 204);
	return 0;
}

/* ---- stop and restart: the worker is not kept while the container takes its time ---- */

static void stop_done(void *arg, const struct err *e)
{
	struct request *req = arg;
	if (e)
		res_error(req, e);
	else
		res_status(req, 204);
	request_resume(req);
}

typedef int stop_fn(struct engine *e, const char *ref, const struct stop_options *options,
	engine_done *done, void *arg, struct err **err);

static int stop_with(struct request *req, stop_fn *stop, struct err **err)
{
	struct stop_options o = {0};
	if (req_i64(req, "t", &o.timeout, err) < 0)
		return -1;
	o.has_timeout = !str_empty(req_query(req, "t"));
	if (req->api >= 142)
		o.signal = req_query(req, "signal");
	if (str_empty(o.signal))
		o.signal = NULL;
	request_defer(req);
	if (stop(req_engine(req), req_var(req, "id"), &o, stop_done, req, err) == 0)
		return 0;
	request_resume(req); /* nobody will */
	return -1;
}

int api_container_stop(struct request *req, struct err **err)
{
	return stop_with(req, engine_container_stop, err);
}

int api_container_restart(struct request *req, struct err **err)
{
	return stop_with(req, engine_container_restart, err);
}

int api_container_kill(struct request *req, struct err **err)
{
	const char *signal = req_query(req, "signal");
	if (engine_container_kill(req_engine(req), req_var(req, "id"), signal, err) < 0)
		return -1;
	res_status(req, 204);
	return 0;
}

int api_container_pause(struct request *req, struct err **err)
{
	if (engine_container_pause(req_engine(req), req_var(req, "id"), err) < 0)
		return -1;
	res_status(req, 204);
	return 0;
}

int api_container_unpause(struct request *req, struct err **err)
{
	if (engine_container_unpause(req_engine(req), req_var(req, "id"), err) < 0)
		return -1;
	res_status(req, 204);
	return 0;
}

int api_container_rename(struct request *req, struct err **err)
{
	const char *name = req_query(req, "name");
	if (str_empty(name))
		return err_set(err, ERR_INVALID, "Neither old nor new names may be empty");
	if (engine_container_rename(req_engine(req), req_var(req, "id"), name, err) < 0)
		return -1;
	res_status(req, 204);
	return 0;
}

int api_container_resize(struct request *req, struct err **err)
{
	uint32_t h, w;
	if (req_console_size(req, &h, &w, err) < 0 ||
		engine_container_resize(req_engine(req), req_var(req, "id"), h, w, err) < 0)
		return -1;
	res_status(req, 200);
	return 0;
}

int api_container_remove(struct request *req, struct err **err)
{
	if (req_bool(req, "link", false))
		return err_set(err, ERR_NOT_IMPLEMENTED, "links are not implemented");
	if (engine_container_remove(req_engine(req), req_var(req, "id"),
		    req_bool(req, "force", false), req_bool(req, "v", false), err) < 0)
		return -1;
	res_status(req, 204);
	return 0;
}

int api_container_top(struct request *req, struct err **err)
{
	struct container_top *top;
	if (engine_container_top(
		    req_engine(req), req_var(req, "id"), req_query(req, "ps_args"), &top, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_array(&w, "Processes");
	for (size_t i = 0; i < top->row_count; i++)
		jw_strv(&w, NULL, top->rows[i]);
	jw_end_array(&w);
	jw_strv(&w, "Titles", top->titles);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	container_top_free(top);
	return 0;
}
