/*
 * A stream is pulled by the loop and woken by anybody. A wake-up is a posted job that carries the
 * stream's address, so after close() (which ends all sources of wake-ups) the memory goes by one
 * more posted job, behind all of them.
 */
#include "stream.h"

#include "base/mem.h"
#include "base/timefmt.h"
#include "server.h"

struct stream {
	struct loop *loop;
	const struct stream_ops *ops;
	void *arg;
	const struct transport *transport; /* NULL until attached */
	void *exchange;
	atomic_bool woken; /* a job is posted */
	struct loop_timer *alarm;
	bool closed;
};

struct stream *stream_new(struct request *req, const struct stream_ops *ops, void *arg)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	*s = (struct stream){.loop = server_loop(req->server), .ops = ops, .arg = arg};
	return s;
}

static void deliver(void *arg)
{
	struct stream *s = arg;
	atomic_store(&s->woken, false);
	if (s->transport && !s->closed)
		s->transport->wake(s->exchange);
}

void stream_wake(struct stream *s)
{
	if (!atomic_exchange(&s->woken, true))
		loop_post(s->loop, deliver, s);
}

static void on_alarm(struct loop_timer *timer, void *arg)
{
	(void)timer;
	stream_wake(arg);
}

void stream_wake_at(struct stream *s, int64_t when)
{
	/* The clock may be set meanwhile: who is woken asks again, at least once an hour. */
	int64_t left = when - time_now();
	if (left < 0)
		left = 0;
	if (left > 3600 * TIME_NS_PER_SEC)
		left = 3600 * TIME_NS_PER_SEC;
	if (s->alarm)
		loop_timer_set(s->alarm, time_mono() + left);
	else
		s->alarm = loop_timer_add(s->loop, time_mono() + left, on_alarm, s);
}

void stream_notify(void *arg)
{
	stream_wake(arg);
}

static void free_stream(void *arg)
{
	free(arg);
}

void stream_drop(struct stream *s)
{
	loop_post(s->loop, free_stream, s);
}

void stream_attach(struct stream *s, const struct transport *t, void *exchange)
{
	s->transport = t;
	s->exchange = exchange;
}

enum pull stream_pull(struct stream *s, struct buf *out, size_t max)
{
	return s->ops->pull(s->arg, out, max);
}

void stream_close(struct stream *s)
{
	s->closed = true;
	loop_timer_del(s->alarm);
	s->alarm = NULL;
	s->ops->close(s->arg);
	stream_drop(s);
}
