/*
 * POST /containers/{id}/wait. The head must be sent at once: `docker run` waits for it before it
 * starts the container. The body is one document, when the condition holds.
 */
#include "base/mem.h"
#include "base/str.h"
#include "engine/container.h"
#include "request.h"

struct wait {
	struct container_wait *handle;
	struct stream *stream;
	atomic_bool done; /* set last: what is below is complete */
	int32_t code;
	char *error;
};

static void on_exit_status(void *arg, int32_t code, const char *error)
{
	struct wait *s = arg;
	s->code = code;
	s->error = xstrdup_null(error);
	atomic_store(&s->done, true);
	stream_wake(s->stream);
}

static enum pull wait_pull(void *arg, struct buf *out, size_t max)
{
	struct wait *s = arg;
	(void)max;
	if (!atomic_load(&s->done))
		return PULL_WAIT;
	struct jsonw w = jsonw_to(out);
	jw_object(&w, NULL);
	if (s->error) {
		jw_object(&w, "Error");
		jw_str(&w, "Message", s->error);
		jw_end_object(&w);
	}
	jw_i64(&w, "StatusCode", s->code);
	jw_end_object(&w);
	buf_addc(out, '\n');
	return PULL_END;
}

static void wait_close(void *arg)
{
	struct wait *s = arg;
	engine_wait_cancel(s->handle);
	free(s->error);
	free(s);
}

static const struct stream_ops wait_ops = {wait_pull, wait_close};

int api_container_wait(struct request *req, struct err **err)
{
	const char *name = req->api >= 130 ? req_query(req, "condition") : NULL;
	int condition = wait_condition_parse(name ? name : "");
	if (condition < 0)
		return err_set(err, ERR_INVALID, "invalid condition: \"%s\"", name);
	struct wait *s = xcalloc(1, sizeof(*s));
	s->stream = stream_new(req, &wait_ops, s);
	s->handle = engine_container_wait(req_engine(req), req_var(req, "id"),
		(enum wait_condition)condition, on_exit_status, s, err);
	if (!s->handle) {
		stream_drop(s->stream);
		free(s);
		return -1;
	}
	res_stream(req, "application/json", s->stream);
	return 0;
}
