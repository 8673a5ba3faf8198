/*
 * From clients to the process's stdin. At most one read's worth of input is held (pending): while there is
 * any, no client is read.
 */
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "session_private.h"

bool input_has_room(const struct session *s)
{
	/* a process without stdin, or that has closed it, swallows what comes */
	return s->running && s->pending.len == 0;
}

static void watch_clients(struct session *s)
{
	for (struct client *c = s->clients; c; c = c->next)
		client_watch(c);
}

void input_close(struct session *s)
{
	loop_del(steal_ptr(s->in_source));
	fd_close(steal_fd(&s->in));
	buf_free(&s->pending);
	s->in_closing = false;
	watch_clients(s);
}

/* One that has gone entirely is not watched by the loop any more, so it is pulled here; so is what came
 * with a request. */
void input_pull(struct session *s)
{
	for (struct client *c = s->clients; c; c = c->next) {
		client_watch(c);
		if (input_has_room(s) && (!c->source || c->early.len))
			client_pull(c);
	}
}

static void push_pending(struct session *s)
{
	while (s->pending.len) {
		ssize_t n = fd_write(s->in, s->pending.data, s->pending.len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) { /* EPIPE: it closed its stdin; EIO: the terminal is gone */
			input_close(s);
			return;
		}
		buf_consume(&s->pending, (size_t)n);
	}
	buf_free(&s->pending);
	if (s->in_closing)
		input_close(s);
	else
		loop_mod(s->in_source, 0);
}

static void in_ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct session *s = arg;
	if (s->pending.len)
		push_pending(s);
	else if (events & (EPOLLERR | EPOLLHUP)) /* nobody will read it */
		input_close(s);
	input_pull(s);
}

void input_write(struct session *s, const char *p, size_t n)
{
	if (s->in < 0 || s->in_closing)
		return;
	ssize_t put = s->pending.len ? 0 : fd_write(s->in, p, n);
	if (put < 0 && errno != EAGAIN) {
		input_close(s);
		return;
	}
	if (put < 0)
		put = 0;
	if ((size_t)put == n)
		return;
	buf_add(&s->pending, p + put, n - (size_t)put);
	loop_mod(s->in_source, EPOLLOUT);
	watch_clients(s);
}

void input_client_done(struct session *s, struct client *c)
{
	if (s->stdin_once && !s->tty) {
		if (s->in < 0)
			return;
		s->in_closing = true;
		if (!s->pending.len)
			input_close(s);
	} else if (s->open_stdin) {
		client_leave(c);
	}
}

void input_start(struct session *s, int fd)
{
	s->in = fd;
	fd_set_blocking(fd, false);
	s->in_source = loop_add(s->loop, fd, 0, in_ready, s, NULL);
	if (!s->in_source)
		fd_close(steal_fd(&s->in));
}
