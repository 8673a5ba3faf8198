/* /events: a stream that costs a cursor into the engine's ring. */
#include "engine/events.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "request.h"

struct events {
	struct event_subscription *subscription;
	struct stream *stream;
	int64_t until;
};

static void write_event(struct buf *out, const struct event *e)
{
	struct jsonw w = jsonw_to(out);
	bool container = str_eq(e->type, "container");
	jw_object(&w, NULL);
	/* Before 1.52 these three repeat what stands below, for containers and images. */
	if (container || str_eq(e->type, "image")) {
		jw_str(&w, "status", e->action);
		jw_str(&w, "id", e->actor);
	}
	if (container && !str_empty(e->from))
		jw_str(&w, "from", e->from);
	jw_str(&w, "Type", e->type);
	jw_str(&w, "Action", e->action);
	jw_object(&w, "Actor");
	jw_str(&w, "ID", e->actor);
	jw_object(&w, "Attributes");
	for (size_t i = 0; i < e->attr_count; i++)
		jw_str(&w, e->attrs[i].key, e->attrs[i].value);
	jw_end_object(&w);
	jw_end_object(&w);
	jw_str(&w, "scope", "local");
	jw_i64(&w, "time", e->time / TIME_NS_PER_SEC);
	jw_i64(&w, "timeNano", e->time);
	jw_end_object(&w);
	buf_addc(out, '\n');
}

static enum pull events_pull(void *arg, struct buf *out, size_t max)
{
	struct events *s = arg;
	while (out->len < max) {
		bool ended = false;
		const struct event *e = engine_events_next(s->subscription, &ended);
		if (!e && ended)
			return PULL_END;
		if (!e) {
			if (s->until)
				stream_wake_at(s->stream, s->until);
			return PULL_WAIT;
		}
		write_event(out, e);
		event_unref(e);
	}
	return PULL_MORE;
}

static void events_close(void *arg)
{
	struct events *s = arg;
	engine_events_close(s->subscription);
	free(s);
}

static const struct stream_ops events_ops = {events_pull, events_close};

static int read_time(const struct request *req, const char *name, int64_t *out, struct err **err)
{
	const char *text = req_query(req, name);
	*out = 0;
	if (str_empty(text) || time_parse_timestamp(text, time_now(), out) == 0)
		return 0;
	return err_set(
		err, ERR_INVALID, "invalid value for \"%s\": \"%s\" is not a time", name, text);
}

int api_system_events(struct request *req, struct err **err)
{
	int64_t since, until;
	auto_filters filters = {0};
	if (read_time(req, "since", &since, err) < 0 || read_time(req, "until", &until, err) < 0 ||
		req_filters(req, &filters, err) < 0)
		return -1;
	if (until && since > until)
		return err_set(err, ERR_INVALID,
			"`since` time (%lld) cannot be after `until` time (%lld)",
			since / TIME_NS_PER_SEC, until / TIME_NS_PER_SEC);
	struct events *s = xcalloc(1, sizeof(*s));
	struct stream *stream = stream_new(req, &events_ops, s);
	s->stream = stream;
	s->until = until;
	s->subscription = engine_events_open(
		req_engine(req), since, until, &filters, stream_notify, stream, err);
	if (!s->subscription) {
		stream_drop(stream);
		free(s);
		return -1;
	}
	res_stream(req, "application/json", stream);
	return 0;
}
