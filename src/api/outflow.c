#include "outflow.h"

#include <errno.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "server.h"

struct outflow {
	const struct outflow_source *ops;
	void *from;
	struct server *server;
	struct stream *stream;
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
	if (o->ops->result(o->from, &err) == 0)
		return PULL_END;
	log_error("an answer was cut off: %s", err_msg(err));
	return PULL_BROKEN;
}

static enum pull outflow_pull(void *arg, struct buf *out, size_t max)
{
	struct outflow *o = arg;
	int fd = o->ops->fd(o->from);
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
		o->source = loop_add(server_loop(o->server), fd, EPOLLIN, on_ready, o, NULL);
	return o->source ? PULL_WAIT : PULL_BROKEN;
}

static void finish(void *arg)
{
	struct outflow *o = arg;
	o->ops->close(o->from);
	free(o);
}

/* Closing waits for a program and a thread, and may remove layers of an image that went meanwhile: not on the loop. */
static void outflow_close(void *arg)
{
	struct outflow *o = arg;
	loop_del(o->source);
	server_work(o->server, finish, o);
}

static const struct stream_ops outflow_ops = {outflow_pull, outflow_close};

int outflow_send(struct request *req, const struct outflow_source *ops, void *source,
	const char *content_type, struct err **err)
{
	/* ended without a byte: only a failure does that */
	if (!ops->wait(source) && ops->result(source, err) < 0) {
		ops->close(source);
		return -1;
	}
	struct outflow *o = xcalloc(1, sizeof(*o));
	o->ops = ops;
	o->from = source;
	o->server = req->server;
	o->stream = stream_new(req, &outflow_ops, o);
	res_stream(req, content_type, o->stream);
	return 0;
}
