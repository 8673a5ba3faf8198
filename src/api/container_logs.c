/* GET /containers/{id}/logs: read by the loop as the client takes it. */
#include "engine/logs.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "request.h"

struct logs {
	struct log_reader *reader;
	struct stream *stream;
	int64_t until;
};

static enum pull logs_pull(void *arg, struct buf *out, size_t max)
{
	struct logs *s = arg;
	switch (engine_logs_read(s->reader, out, max)) {
	case LOG_MORE:
		return PULL_MORE;
	case LOG_WAIT:
		if (s->until)
			stream_wake_at(s->stream, s->until);
		return PULL_WAIT;
	case LOG_END:
		break;
	}
	return PULL_END;
}

static void logs_close(void *arg)
{
	struct logs *s = arg;
	engine_logs_close(s->reader);
	free(s);
}

static const struct stream_ops logs_ops = {logs_pull, logs_close};

static int read_time(const struct request *req, const char *name, int64_t *out, struct err **err)
{
	const char *text = req_query(req, name);
	if (str_empty(text) || time_parse_timestamp(text, time_now(), out) == 0)
		return 0;
	return err_set(
		err, ERR_INVALID, "invalid value for \"%s\": \"%s\" is not a time", name, text);
}

static int read_options(const struct request *req, struct log_options *o, struct err **err)
{
	*o = (struct log_options){
		.out = req_bool(req, "stdout", false),
		.err = req_bool(req, "stderr", false),
		.follow = req_bool(req, "follow", false),
		.timestamps = req_bool(req, "timestamps", false),
		.details = req_bool(req, "details", false),
		.tail = -1,
	};
	if (!o->out && !o->err)
		return err_set(
			err, ERR_INVALID, "Bad parameters: you must choose at least one stream");
	/* As dockerd: what is no number, "all" too, means all. */
	const char *tail = req_query(req, "tail");
	if (str_empty(tail) || str_to_i64(tail, &o->tail) < 0 || o->tail < 0)
		o->tail = -1;
	if (read_time(req, "since", &o->since, err) < 0 ||
		read_time(req, "until", &o->until, err) < 0)
		return -1;
	return 0;
}

int api_container_logs(struct request *req, struct err **err)
{
	struct log_options o;
	bool tty;
	if (read_options(req, &o, err) < 0)
		return -1;
	struct logs *s = xcalloc(1, sizeof(*s));
	struct stream *stream = stream_new(req, &logs_ops, s);
	s->stream = stream;
	s->until = o.until;
	s->reader = engine_logs_open(
		req_engine(req), req_var(req, "id"), &o, stream_notify, stream, &tty, err);
	if (!s->reader) {
		stream_drop(stream);
		free(s);
		return -1;
	}
	res_stream(req,
		!tty && req->api >= 142 ? "application/vnd.docker.multiplexed-stream"
					: "application/vnd.docker.raw-stream",
		stream);
	return 0;
}
