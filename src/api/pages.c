/*
 * A stream that workers fill piece by piece. The loop takes from the queue; when little is left in it, a worker
 * makes the next piece and goes. So a client that reads slowly keeps neither a thread nor more than one piece,
 * and what makes the pieces may block.
 */
#include "pages.h"

#include <pthread.h>

#include "base/mem.h"
#include "server.h"

enum { PIECE = 128 << 10 };

struct pages {
	struct server *server;
	struct stream *stream; /* NULL once it is closed */
	const struct pages_ops *ops;
	void *arg; /* the worker's alone while busy */
	pthread_mutex_t lock; /* guards what follows */
	struct buf queue;
	bool busy, ended, closed;
};

static void finish(void *arg)
{
	struct pages *p = arg;
	p->ops->close(p->arg);
	pthread_mutex_destroy(&p->lock);
	buf_free(&p->queue);
	free(p);
}

/* In a worker. */
static void make_piece(void *arg)
{
	struct pages *p = arg;
	struct buf piece = BUF_INIT;
	bool more = true;
	while (more && piece.len < PIECE)
		more = p->ops->more(p->arg, &piece);
	pthread_mutex_lock(&p->lock);
	buf_add(&p->queue, piece.data, piece.len);
	p->ended = !more;
	p->busy = false;
	bool closed = p->closed;
	if (!closed)
		stream_wake(p->stream);
	pthread_mutex_unlock(&p->lock);
	buf_free(&piece);
	if (closed)
		finish(p);
}

static enum pull pages_pull(void *arg, struct buf *out, size_t max)
{
	struct pages *p = arg;
	pthread_mutex_lock(&p->lock);
	size_t n = p->queue.len < max ? p->queue.len : max;
	buf_add(out, p->queue.data, n);
	buf_consume(&p->queue, n);
	bool fill = !p->ended && !p->busy && p->queue.len < PIECE / 2;
	p->busy = p->busy || fill;
	enum pull what = p->queue.len ? PULL_MORE : p->ended ? PULL_END : PULL_WAIT;
	pthread_mutex_unlock(&p->lock);
	if (fill)
		server_work(p->server, make_piece, p);
	return what;
}

/* Closing may take long (it may be what removes an image's layers), so a worker does it. */
static void pages_close(void *arg)
{
	struct pages *p = arg;
	pthread_mutex_lock(&p->lock);
	bool busy = p->busy;
	p->closed = true;
	pthread_mutex_unlock(&p->lock);
	if (!busy)
		server_work(p->server, finish, p);
}

static const struct stream_ops stream_of_pages = {pages_pull, pages_close};

void res_pages(
	struct request *req, const char *content_type, const struct pages_ops *ops, void *arg)
{
	struct pages *p = xcalloc(1, sizeof(*p));
	*p = (struct pages){.server = req->server, .ops = ops, .arg = arg};
	pthread_mutex_init(&p->lock, NULL);
	p->stream = stream_new(req, &stream_of_pages, p);
	req->status = 200;
	res_stream(req, content_type, p->stream);
}
