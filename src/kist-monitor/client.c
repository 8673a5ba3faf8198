/*
 * One attached client: its queue of output, its input, its end.
 *
 * The socket's O_NONBLOCK flag belongs to all who share it, so it is not touched: MSG_DONTWAIT instead.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "session_private.h"

#define READ_MAX 16384
#define HEADER 8
/* How long a client may take to close its end after ours was. */
#define LINGER (2 * TIME_NS_PER_SEC)
/* How long it may take none of its queued output after the container has ended. */
#define STALL (60 * TIME_NS_PER_SEC)

bool client_wants(const struct client *c, enum stream_kind kind)
{
	return !c->deaf && !c->leaving && (kind == STREAM_OUT ? c->out : c->err);
}

bool client_has_room(const struct client *c)
{
	return c->queue.len - c->queue_at < SESSION_QUEUE_MAX;
}

static bool queued(const struct client *c)
{
	return c->queue.len > c->queue_at;
}

void client_watch(struct client *c)
{
	if (!c->source)
		return;
	/* A half-close is an end of input, read as such when its turn comes; only EPOLLHUP, which is never
	 * masked, says that the peer has gone. (With TCP that is known at the next write.) */
	uint32_t events = 0;
	if (c->shut || (c->in && !c->input_over && !c->leaving && input_has_room(c->session)))
		events |= EPOLLIN;
	if (queued(c))
		events |= EPOLLOUT;
	loop_mod(c->source, events);
}

void client_drop(struct client *c)
{
	if (c->fd < 0)
		return;
	loop_del(steal_ptr(c->source));
	loop_timer_del(steal_ptr(c->linger));
	fd_close(steal_fd(&c->fd));
	c->input_over = c->deaf = true;
	session_client_gone(c->session, c);
}

void client_free(struct client *c)
{
	loop_del(c->source);
	loop_timer_del(c->linger);
	fd_close(c->fd);
	buf_free(&c->queue);
	buf_free(&c->early);
	detach_clear(&c->detach);
	free(c);
}

/* ---- output ---- */

static void too_slow(struct loop_timer *timer, void *arg)
{
	client_drop(arg);
}

/* Everything is sent: say so, and wait for the peer's close. */
static void finish(struct client *c)
{
	if (c->shut)
		return;
	if (c->deaf || !c->source) {
		client_drop(c);
		return;
	}
	shutdown(c->fd, SHUT_WR);
	c->shut = true;
	if (!c->linger)
		c->linger = loop_timer_add(c->session->loop, -1, too_slow, c);
	loop_timer_set(c->linger, time_mono() + LINGER);
	client_watch(c);
}

void client_leave(struct client *c)
{
	if (c->leaving || c->fd < 0)
		return;
	c->leaving = true;
	if (!queued(c)) {
		finish(c);
		return;
	}
	c->linger = loop_timer_add(c->session->loop, time_mono() + STALL, too_slow, c);
	client_watch(c);
}

/* It takes no more output. What it may still have sent as input is read before it is dropped. */
static void lost(struct client *c)
{
	c->deaf = true;
	buf_free(&c->queue);
	c->queue_at = 0;
	if (c->leaving || c->input_over || !c->in)
		client_drop(c);
	session_resume(c->session);
}

static ssize_t send_now(struct client *c, const struct iovec *iov, size_t count)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = count};
	ssize_t n;
	do
		n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM))
		return 0;
	return n;
}

void client_send(struct client *c, enum stream_kind kind, const char *p, size_t n)
{
	if (!client_wants(c, kind) || !n)
		return;
	unsigned char header[HEADER] = {(unsigned char)kind, 0, 0, 0, (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
	struct iovec iov[2] = {{header, c->raw ? 0 : HEADER}, {(void *)p, n}};
	size_t put = 0;
	if (!queued(c)) {
		ssize_t r = send_now(c, iov, 2);
		if (r < 0) {
			lost(c);
			return;
		}
		put = (size_t)r;
	}
	for (int i = 0; i < 2; i++) {
		size_t skip = put < iov[i].iov_len ? put : iov[i].iov_len;
		put -= skip;
		buf_add(&c->queue, (char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
	}
	if (queued(c))
		client_watch(c);
}

static void send_queue(struct client *c)
{
	struct iovec iov = {c->queue.data + c->queue_at, c->queue.len - c->queue_at};
	ssize_t n = send_now(c, &iov, 1);
	if (n < 0) {
		lost(c);
		return;
	}
	c->queue_at += (size_t)n;
	if (c->leaving && n > 0)
		loop_timer_set(c->linger, time_mono() + STALL);
	if (!queued(c)) {
		buf_free(&c->queue);
		c->queue_at = 0;
		if (c->leaving)
			finish(c);
	} else if (c->queue_at > SESSION_QUEUE_MAX / 2) {
		buf_consume(&c->queue, c->queue_at);
		c->queue_at = 0;
	}
	if (c->fd >= 0) {
		client_watch(c);
		session_resume(c->session);
	}
}

/* ---- input ---- */

static void input_ended(struct client *c)
{
	c->input_over = true;
	input_client_done(c->session, c);
	if (c->deaf || !c->source)
		client_drop(c);
	else
		client_watch(c);
}

static void take_input(struct client *c, const char *p, size_t n)
{
	struct session *s = c->session;
	if (!c->detach.len || !s->tty) {
		input_write(s, p, n);
		return;
	}
	auto_buf pass = BUF_INIT;
	bool left = detach_feed(&c->detach, p, n, &pass);
	if (pass.len)
		input_write(s, pass.data, pass.len);
	if (left) {
		session_sync(s); /* what was written before it left, it gets */
		session_client_detached(s);
		client_leave(c);
	}
}

static void flush_held(struct client *c)
{
	auto_buf held = BUF_INIT;
	detach_flush(&c->detach, &held);
	if (held.len)
		input_write(c->session, held.data, held.len);
}

/* After SHUT_WR: nothing of what comes matters but the end. */
static void discard(struct client *c)
{
	char chunk[4096];
	ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		client_drop(c);
}

void client_pull(struct client *c)
{
	char chunk[READ_MAX];
	while (c->fd >= 0 && c->in && !c->leaving && !c->input_over && input_has_room(c->session)) {
		if (c->early.len) {
			struct buf early = c->early;
			c->early = (struct buf)BUF_INIT;
			take_input(c, early.data, early.len);
			buf_free(&early);
			continue;
		}
		ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			flush_held(c);
			input_ended(c);
			return;
		}
		take_input(c, chunk, (size_t)n);
		if (c->source) /* one read a turn; the loop comes back while there is more */
			return;
	}
}

/* Is there input of a client that has gone, for a process that is still to come? */
static bool left_input(const struct client *c)
{
	char byte;
	return c->early.len || recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* The peer has closed altogether. Its input may still lie in the socket, and EPOLLHUP cannot be switched
 * off: from now on input_pull() reads it, not the loop. */
static void hung_up(struct client *c)
{
	loop_del(steal_ptr(c->source));
	c->deaf = true;
	buf_free(&c->queue);
	c->queue_at = 0;
	struct session *s = c->session;
	bool early = !s->running && !c->leaving;
	if (!c->in || c->leaving || c->input_over || (early && !left_input(c)))
		client_drop(c);
	else
		client_pull(c);
	if (early && c->fd < 0)
		s->tell_left = true; /* dropping has armed s->later */
	session_resume(s);
}

static void client_ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct client *c = arg;
	if (events & (EPOLLHUP | EPOLLERR)) {
		hung_up(c);
		return;
	}
	if (c->fd >= 0 && events & EPOLLOUT && queued(c))
		send_queue(c);
	if (c->fd < 0 || !c->source)
		return;
	if (c->shut) {
		discard(c);
		return;
	}
	if (events & EPOLLIN)
		client_pull(c);
}

void client_begin(struct client *c)
{
	if (queued(c)) {
		ssize_t n = fd_send_apart(c->fd, c->queue.data, c->queue.len, MSG_DONTWAIT);
		/* the rest goes as everything else does, and fails there if it must */
		buf_consume(&c->queue, n > 0 ? (size_t)n : 0);
		send_queue(c);
	}
	client_watch(c);
}

struct client *client_new(
	struct session *s, const struct monitor_attach *a, int conn, struct err **err)
{
	int type = 0;
	socklen_t len = sizeof(type);
	if (getsockopt(conn, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_STREAM) {
		err_set(err, ERR_INVALID, "attach: the connection is not a stream socket");
		return NULL;
	}
	struct client *c = xcalloc(1, sizeof(*c));
	*c = (struct client){
		.session = s, .fd = -1, .in = a->in, .out = a->out, .err = a->err, .raw = a->raw};
	c->source = loop_add(s->loop, conn, 0, client_ready, c, err);
	if (!c->source) {
		free(c);
		return NULL;
	}
	c->fd = conn;
	detach_init(&c->detach, a->keys);
	buf_add(&c->queue, a->head, a->head_len);
	buf_add(&c->early, a->early, a->early_len);
	return c;
}
