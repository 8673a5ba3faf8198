/*
 * A stream that a worker writes: progress of a load. The queue is bounded by dropping what may be
 * dropped; the rest (a line for each layer and image) is bounded by the archive's own limits. The
 * worker never waits for the client.
 */
#include <pthread.h>

#include "base/mem.h"
#include "request.h"
#include "server.h"
#include "stream.h"

enum { QUEUE_SOFT_MAX = 32 << 10 };

struct push {
	struct request *req;
	struct stream *stream;
	const char *content_type;
	pthread_mutex_t lock; /* guards the four below */
	struct buf queue;
	bool started, ended, closed;
	int owners; /* the worker and the stream */
};

static void unref(struct push *p)
{
	pthread_mutex_lock(&p->lock);
	bool last = --p->owners == 0;
	pthread_mutex_unlock(&p->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&p->lock);
	buf_free(&p->queue);
	free(p);
}

static enum pull push_pull(void *arg, struct buf *out, size_t max)
{
	struct push *p = arg;
	pthread_mutex_lock(&p->lock);
	size_t n = p->queue.len < max ? p->queue.len : max;
	buf_add(out, p->queue.data, n);
	buf_consume(&p->queue, n);
	enum pull more = p->queue.len ? PULL_MORE : p->ended ? PULL_END : PULL_WAIT;
	pthread_mutex_unlock(&p->lock);
	return more;
}

static void push_close(void *arg)
{
	struct push *p = arg;
	pthread_mutex_lock(&p->lock);
	p->closed = true;
	p->stream = NULL;
	pthread_mutex_unlock(&p->lock);
	unref(p);
}

static const struct stream_ops push_ops = {push_pull, push_close};

struct push *push_new(struct request *req, const char *content_type)
{
	struct push *p = xcalloc(1, sizeof(*p));
	*p = (struct push){.req = req, .content_type = content_type, .owners = 1};
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static void begin(void *arg)
{
	struct request *req = arg;
	req->transport->stream(req);
}

static void start(struct push *p)
{
	struct request *req = p->req;
	p->started = true;
	p->owners++;
	p->stream = stream_new(req, &push_ops, p);
	req->status = 200;
	req->content_type = p->content_type;
	req->stream = p->stream;
	req->outcome = ANSWER_STREAM;
	loop_post(server_loop(req->server), begin, req);
}

int push_write(struct push *p, const void *data, size_t n, bool droppable)
{
	if (atomic_load(&p->req->gone))
		return -1;
	pthread_mutex_lock(&p->lock);
	bool closed = p->closed;
	if (!closed && !(droppable && p->queue.len > QUEUE_SOFT_MAX)) {
		buf_add(&p->queue, data, n);
		if (!p->started)
			start(p);
		else if (p->stream)
			stream_wake(p->stream);
	}
	pthread_mutex_unlock(&p->lock);
	return closed ? -1 : 0;
}

bool push_started(const struct push *p)
{
	return p->started;
}

void push_error(struct push *p, const struct err *err)
{
	auto_buf doc = BUF_INIT;
	struct jsonw w = jsonw_to(&doc);
	jw_object(&w, NULL);
	jw_object(&w, "errorDetail");
	jw_str(&w, "message", err_msg(err));
	jw_end_object(&w);
	jw_str(&w, "error", err_msg(err));
	jw_end_object(&w);
	buf_adds(&doc, "\r\n");
	push_write(p, doc.data, doc.len, false);
}

void push_end(struct push *p)
{
	pthread_mutex_lock(&p->lock);
	p->ended = true;
	if (p->stream)
		stream_wake(p->stream);
	pthread_mutex_unlock(&p->lock);
	unref(p);
}
