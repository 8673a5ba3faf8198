#include "body.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "conn.h"

struct body {
	struct conn *conn; /* NULL after body_end() */
	int fd;
	struct loop_source *source;
	struct buf rest;
	size_t sent;
	bool ended, broken;
};

static void destroy(struct body *b, bool clean)
{
	loop_del(b->source);
	/* The marker from body_open() lies unread in our receive queue: closing over it makes the
	 * kernel report ECONNRESET to the other side (unix(7) sockets), taking it first gives a
	 * plain end. */
	char marker;
	if (clean && recv(b->fd, &marker, 1, MSG_DONTWAIT) < 0)
		errno = 0;
	fd_close(b->fd);
	buf_free(&b->rest);
	free(b);
}

static void flush(struct body *b)
{
	while (b->sent < b->rest.len) {
		ssize_t n = send(b->fd, b->rest.data + b->sent, b->rest.len - b->sent,
			MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			b->broken = true; /* the handler has had enough */
			break;
		}
		b->sent += (size_t)n;
	}
	buf_free(&b->rest);
	b->rest = (struct buf)BUF_INIT;
	b->sent = 0;
}

static void on_ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct body *b = arg;
	(void)source;
	if (events & (EPOLLERR | EPOLLHUP))
		b->broken = true;
	if (b->broken)
		b->sent = b->rest.len;
	flush(b);
	if (b->rest.len)
		return;
	if (b->ended) {
		destroy(b, true);
		return;
	}
	loop_mod(b->source, 0);
	if (b->broken) {
		/* EPOLLHUP cannot be masked out and would spin. */
		loop_del(b->source);
		b->source = NULL;
	}
	conn_want_input(b->conn, true);
}

struct body *body_open(struct loop *loop, struct conn *conn, int *fd, struct err **err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		err_sys(err, errno, "make a socket pair for the request's body");
		return NULL;
	}
	struct body *b = xcalloc(1, sizeof(*b));
	b->conn = conn;
	b->fd = pair[0];
	int room = 1 << 20;
	setsockopt(b->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	b->source = loop_add(loop, b->fd, 0, on_ready, b, err);
	if (!b->source || send(pair[1], "", 1, MSG_NOSIGNAL) != 1) {
		if (b->source)
			err_sys(err, errno, "prepare a socket pair for the request's body");
		fd_close(pair[1]);
		destroy(b, false);
		return NULL;
	}
	*fd = pair[1];
	return b;
}

int body_write(struct body *b, const void *p, size_t n)
{
	if (b->broken)
		return 0;
	buf_add(&b->rest, p, n);
	flush(b);
	if (b->rest.len && b->source) {
		loop_mod(b->source, EPOLLOUT);
		conn_want_input(b->conn, false);
	}
	return 0;
}

void body_end(struct body *b)
{
	if (b->rest.len && b->source) {
		b->ended = true;
		b->conn = NULL;
	} else {
		destroy(b, true);
	}
}

void body_abort(struct body *b)
{
	destroy(b, false);
}
