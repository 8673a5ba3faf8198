#include "serve.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "request.h"
#include "settle.h"

/* This long after the last request the monitor makes itself small. */
#define SETTLE_AFTER (500 * 1000000LL)

static void conn_free(struct conn *conn)
{
	loop_del(conn->source);
	fd_close(conn->fd);
	free(conn);
}

/* Also after finished() has closed all of them: @conn is then not in the list, and not there any more. */
static void conn_close(struct server *s, const struct conn *conn)
{
	for (struct conn **at = &s->conns; *at; at = &(*at)->next) {
		if (*at == conn) {
			struct conn *gone = *at;
			*at = gone->next;
			conn_free(gone);
			return;
		}
	}
}

static void close_serving(struct server *s)
{
	loop_del(steal_ptr(s->listen_source));
	fd_close(steal_fd(&s->listener));
	struct conn *next;
	for (struct conn *conn = s->conns; conn; conn = next) {
		next = conn->next;
		conn_free(conn);
	}
	s->conns = NULL;
}

/* The daemon went away before it asked to start: it will not remember this container. */
static void deserted_by_daemon(struct server *s)
{
	if (s->conns || !container_idle(s->container) || s->stopping)
		return;
	container_undo(s->container, NULL);
	s->stopping = true;
	loop_stop(s->loop);
}

static void quit_now(struct loop_timer *timer, void *arg)
{
	struct server *s = arg;
	s->stopping = true;
	close_serving(s);
	loop_stop(s->loop);
}

static void settle_now(struct loop_timer *timer, void *arg)
{
	settle();
}

void server_quit(struct server *s)
{
	loop_timer_set(s->quit, 0);
}

/* A connection whose daemon does not read is dropped: it will come back and ask for the status. */
static bool send_packet(struct conn *conn, const struct buf *packet, const int *fd)
{
	return fd_send(conn->fd, packet->data, packet->len, fd, fd ? 1 : 0) == 0;
}

static bool event(void *arg, uint32_t type, const struct buf *payload)
{
	struct server *s = arg;
	auto_buf packet = BUF_INIT;
	wire_put_u32(&packet, type);
	wire_put_u32(&packet, 0);
	buf_add(&packet, payload->data, payload->len);
	bool heard = false;
	for (struct conn *conn = s->conns; conn; conn = conn->next) {
		if (!conn->subscribed)
			continue;
		if (send_packet(conn, &packet, NULL))
			heard = true;
		else
			shutdown(conn->fd, SHUT_RDWR); /* conn_ready() sees it and closes */
	}
	return heard;
}

static void finished(void *arg)
{
	struct server *s = arg;
	s->stopping = true;
	close_serving(s);
}

static void deserted(void *arg)
{
	struct server *s = arg;
	loop_stop(s->loop);
}

static bool answer(struct request *r, int result, struct err *err)
{
	auto_buf packet = BUF_INIT;
	wire_put_u32(&packet, MONITOR_REPLY);
	wire_put_u32(&packet, r->serial);
	wire_put_bool(&packet, result == 0);
	if (result == 0) {
		buf_add(&packet, r->reply.data, r->reply.len);
	} else {
		wire_put_u8(&packet, (uint8_t)err->kind);
		wire_put_u32(&packet, (uint32_t)err->sys);
		wire_put_str(&packet, err->msg);
	}
	return send_packet(r->conn, &packet, r->reply_fd >= 0 ? &r->reply_fd : NULL);
}

/* One request from first byte to reply. False if the connection is of no more use. */
static bool serve(struct conn *conn, const char *data, size_t n, int *fds, size_t nfds)
{
	struct wire w = wire_from(data, n);
	uint32_t type = wire_u32(&w);
	struct request r = {.server = conn->server, .conn = conn, .reply_fd = -1};
	r.serial = wire_u32(&w);
	r.type = type & ~MONITOR_IN_MEMFD;
	r.fds = fds;
	r.nfds = nfds;
	auto_err *err = NULL;
	auto_received large = {0};
	int result = 0;
	if (w.bad)
		return false;
	if (type & MONITOR_IN_MEMFD) {
		result = nfds ? received_map(&large, fds[0], &err)
			      : err_set(&err, ERR_INVALID, "a request without its memory file");
		w = wire_from(large.data, large.len);
		r.fds++;
		r.nfds--;
	}
	r.payload = w;
	if (result == 0)
		result = request_run(&r, &err);
	bool ok = answer(&r, result, err);
	buf_free(&r.reply);
	fd_close(r.reply_owned > 0 ? r.reply_owned : -1);
	return ok;
}

static void conn_ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct conn *conn = arg;
	struct server *s = conn->server;
	char data[MONITOR_PACKET_MAX];
	int fds[FD_PASS_MAX];
	size_t nfds = FD_PASS_MAX;
	ssize_t n = fd_recv(conn->fd, data, sizeof(data), fds, &nfds);
	if (n < 0 && errno == EAGAIN)
		return;
	bool ok = n > 0;
	loop_timer_set(s->settle, time_mono() + SETTLE_AFTER);
	if (ok)
		ok = serve(conn, data, (size_t)n, fds, nfds);
	for (size_t i = 0; n > 0 && i < nfds; i++)
		fd_close(fds[i]);
	if (!ok) {
		conn_close(s, conn);
		deserted_by_daemon(s);
	}
}

static int accept_one(struct server *s)
{
	/* cppcheck-suppress nullPointer; the peer's address is of no interest */
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -1;
	struct conn *conn = xcalloc(1, sizeof(*conn));
	conn->server = s;
	conn->fd = fd;
	conn->source = loop_add(s->loop, fd, EPOLLIN, conn_ready, conn, NULL);
	if (!conn->source) {
		fd_close(fd);
		free(conn);
		return -1;
	}
	conn->next = s->conns;
	s->conns = conn;
	return 0;
}

static void listener_ready(struct loop_source *source, uint32_t events, void *arg)
{
	accept_one(arg);
}

int server_new(struct server **out, struct loop *loop, const char *id, int listener, int disk,
	int run_dir, struct err **err)
{
	struct server *s = xcalloc(1, sizeof(*s));
	s->loop = loop;
	s->listener = listener;
	struct container_owner owner = {event, finished, deserted, s};
	s->container = container_new(loop, id, disk, run_dir, &owner);
	s->quit = loop_timer_add(loop, -1, quit_now, s);
	s->settle = loop_timer_add(loop, -1, settle_now, s);
	while (accept_one(s) == 0)
		;
	if (!s->conns) {
		err_set(err, ERR_CANCELLED, "no daemon is waiting for this monitor");
		server_free(s);
		return -1;
	}
	s->listen_source = loop_add(loop, listener, EPOLLIN, listener_ready, s, err);
	if (!s->listen_source) {
		server_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void server_title(struct server *s, char *title)
{
	s->title = title;
}

void server_reap(struct server *s)
{
	container_reap(s->container);
}

void server_free(struct server *s)
{
	close_serving(s);
	container_free(s->container);
	loop_timer_del(s->quit);
	loop_timer_del(s->settle);
	free(s);
}
