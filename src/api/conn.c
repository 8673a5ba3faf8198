#include "conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "server.h"

struct conn {
	struct server *server;
	struct conn *prev, *next; /* the server's list */
	const struct protocol *protocol;
	void *state;
	int fd;
	struct loop_source *source;
	bool want_input, lent, closed, kept, half_closed;
	struct buf out; /* unallocated while nothing waits */
	size_t sent; /* of out */
};

static void on_ready(struct loop_source *source, uint32_t events, void *arg);

struct conn *conn_new(struct server *server, struct loop *loop, int fd,
	const struct protocol *protocol, struct err **err)
{
	struct conn *c = xcalloc(1, sizeof(*c));
	*c = (struct conn){.server = server, .fd = fd, .protocol = protocol, .want_input = true};
	c->source = loop_add(loop, fd, EPOLLIN | EPOLLRDHUP, on_ready, c, err);
	if (!c->source) {
		free(c);
		return NULL;
	}
	struct conn **list = server_conns(server);
	c->next = *list;
	if (c->next)
		c->next->prev = c;
	*list = c;
	c->state = protocol->open(c);
	return c;
}

struct server *conn_server(struct conn *c)
{
	return c->server;
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

void *conn_state(struct conn *c)
{
	return c->state;
}

struct conn *conn_next(struct conn *c)
{
	return c->next;
}

bool conn_flushed(const struct conn *c)
{
	return c->sent == c->out.len;
}

bool conn_is_closed(const struct conn *c)
{
	return c->closed;
}

static void update(struct conn *c)
{
	uint32_t events = 0;
	if (c->want_input)
		events |= EPOLLIN;
	if (!c->half_closed)
		events |= EPOLLRDHUP; /* level-triggered: once known it would only spin */
	if (!conn_flushed(c))
		events |= EPOLLOUT;
	if (c->source)
		loop_mod(c->source, events);
}

void conn_want_input(struct conn *c, bool want)
{
	c->want_input = want;
	update(c);
}

void conn_lend(struct conn *c, bool lent)
{
	c->lent = lent;
	if (c->closed && !lent) {
		fd_close(c->fd);
		c->fd = -1;
	}
}

void conn_release(struct conn *c)
{
	struct conn **list = server_conns(c->server);
	if (c->prev)
		c->prev->next = c->next;
	else
		*list = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->protocol->free(c->state);
	fd_close(c->fd);
	buf_free(&c->out);
	struct server *server = c->server;
	free(c);
	server_conn_gone(server);
}

/* Freed after the present callbacks: those up the stack still look at it. */
static void release_later(void *arg)
{
	conn_release(arg);
}

void conn_close(struct conn *c)
{
	if (c->closed)
		return;
	c->closed = true;
	loop_del(c->source);
	c->source = NULL;
	buf_free(&c->out);
	c->sent = 0;
	if (c->lent) {
		/* Who works on it may wait for the client to read or write. */
		shutdown(c->fd, SHUT_RDWR);
	} else {
		fd_close(c->fd);
		c->fd = -1;
	}
	if (c->protocol->closed(c, c->state))
		loop_post(server_loop(c->server), release_later, c);
}

void conn_shutdown_write(struct conn *c)
{
	shutdown(c->fd, SHUT_WR);
}

void conn_tick(struct conn *c, int64_t now)
{
	if (!c->closed)
		c->protocol->tick(c, c->state, now);
}

bool conn_idle(struct conn *c)
{
	return c->closed || c->protocol->idle(c->state);
}

/* What the kernel takes of @v at once; -1 when the client is gone. */
static ssize_t write_some(struct conn *c, struct iovec *v, int count)
{
	for (;;) {
		struct msghdr m = {.msg_iov = v, .msg_iovlen = (size_t)count};
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			return 0;
		if (errno != EINTR)
			return -1;
	}
}

void conn_sendv(struct conn *c, struct iovec *v, int count)
{
	if (c->closed)
		return;
	size_t done = 0;
	if (conn_flushed(c)) {
		ssize_t n = write_some(c, v, count);
		if (n < 0) {
			conn_close(c);
			return;
		}
		done = (size_t)n;
	}
	for (int i = 0; i < count; i++) {
		size_t skip = done < v[i].iov_len ? done : v[i].iov_len;
		done -= skip;
		if (skip < v[i].iov_len)
			buf_add(&c->out, (char *)v[i].iov_base + skip, v[i].iov_len - skip);
	}
	update(c);
}

void conn_send(struct conn *c, const void *p, size_t n)
{
	struct iovec v = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	conn_sendv(c, &v, 1);
}

static void on_writable(struct conn *c)
{
	if (!conn_flushed(c)) {
		struct iovec v = {c->out.data + c->sent, c->out.len - c->sent};
		ssize_t n = write_some(c, &v, 1);
		if (n < 0) {
			conn_close(c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (!conn_flushed(c))
		return;
	buf_free(&c->out);
	c->out = (struct buf)BUF_INIT;
	c->sent = 0;
	update(c);
	c->protocol->drained(c, c->state);
}

static void on_input(struct conn *c)
{
	size_t room;
	char *p = server_scratch(c->server, &room);
	ssize_t n = recv(c->fd, p, room, MSG_DONTWAIT);
	if (n > 0) {
		c->protocol->input(c, c->state, p, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* The end, or an error that says the same. */
	c->half_closed = true;
	c->want_input = false;
	update(c);
	c->protocol->hangup(c, c->state, n < 0 ? HANGUP_GONE : HANGUP_END);
}

static void on_ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct conn *c = arg;
	(void)source;
	if (events & EPOLLOUT)
		on_writable(c);
	if (c->closed)
		return;
	/* Input first: what was sent before the end is to be read before the end counts. */
	if ((events & EPOLLIN) && c->want_input) {
		on_input(c);
		return;
	}
	if (events & (EPOLLERR | EPOLLHUP)) {
		c->protocol->hangup(c, c->state, HANGUP_GONE);
		if (!c->closed)
			conn_close(c);
		return;
	}
	if ((events & EPOLLRDHUP) && !c->half_closed) {
		c->half_closed = true;
		update(c);
		c->protocol->hangup(c, c->state, HANGUP_HALF);
	}
}
