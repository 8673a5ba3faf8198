#include "server.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "conn.h"
#include "http1.h"
#include "request.h"
#include "workers.h"

enum {
	SCRATCH_SIZE = 64 << 10,
	WORKERS_MAX = 64, /* threads only as they are needed; most wait for a container */
	ACCEPT_ROUNDS = 32,
};
#define TICK (TIME_NS_PER_SEC)
#define ACCEPT_PAUSE (TIME_NS_PER_SEC / 10)

struct listener {
	struct listener *next;
	struct server *server;
	int fd;
	struct loop_source *source;
	struct loop_timer *pause; /* out of descriptors: accept again after a while */
};

struct server {
	struct server_options options;
	struct workers *workers;
	struct listener *listeners;
	struct conn *conns;
	size_t conn_count;
	struct loop_timer *tick;
	char *scratch;
	struct buf pull;
	bool stopping;
	int64_t give_up;
	void (*done)(void *arg);
	void *done_arg;
};

struct loop *server_loop(struct server *s)
{
	return s->options.loop;
}

struct engine *server_engine(struct server *s)
{
	return s->options.engine;
}

const struct server_options *server_opts(struct server *s)
{
	return &s->options;
}

struct conn **server_conns(struct server *s)
{
	return &s->conns;
}

char *server_scratch(struct server *s, size_t *room)
{
	*room = SCRATCH_SIZE;
	return s->scratch;
}

struct buf *server_pull_buf(struct server *s)
{
	return &s->pull;
}

bool server_stopping(struct server *s)
{
	return s->stopping;
}

/* What dockerd's middleware puts on every answer. */
void server_headers(const struct request *req, struct buf *out)
{
	buf_addf(out,
		"Api-Version: " API_MAX_TEXT "\r\n"
		"Docker-Experimental: false\r\n"
		"Ostype: linux\r\n"
		"Server: Docker/%s (linux)\r\n",
		server_opts(req->server)->version);
}

static void run_in_worker(void *arg)
{
	request_run(arg);
}

void server_run(struct server *s, struct request *req)
{
	if (req->route->flags & ROUTE_INLINE)
		request_run(req);
	else
		workers_submit(
			s->workers, run_in_worker, req, (req->route->flags & ROUTE_LONG) != 0);
}

/* ---- accepting ---- */

static void resume_accepting(struct loop_timer *timer, void *arg)
{
	struct listener *l = arg;
	(void)timer;
	loop_mod(l->source, EPOLLIN);
}

static void pause_accepting(struct listener *l)
{
	log_warn("cannot accept connections for now: %s", err_text(errno));
	loop_mod(l->source, 0);
	int64_t at = time_mono() + ACCEPT_PAUSE;
	if (l->pause)
		loop_timer_set(l->pause, at);
	else
		l->pause = loop_timer_add(server_loop(l->server), at, resume_accepting, l);
}

void server_serve(struct server *s, int fd)
{
	auto_err *e = NULL;
	if (s->stopping) {
		fd_close(fd);
		return;
	}
	if (!conn_new(s, s->options.loop, fd, &http1, &e)) {
		log_warn("cannot serve a client: %s", err_msg(e));
		fd_close(fd);
		return;
	}
	s->conn_count++;
	if (s->conn_count == 1)
		loop_timer_set(s->tick, time_mono() + TICK);
}

static void on_accept(struct loop_source *source, uint32_t events, void *arg)
{
	struct listener *l = arg;
	(void)source;
	(void)events;
	for (int i = 0; i < ACCEPT_ROUNDS; i++) {
		/* cppcheck-suppress nullPointer ; accept4(2): nobody asks for the address */
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			server_serve(l->server, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(l);
		return; /* nothing there, or a client that left before it was accepted */
	}
}

int server_listen(struct server *s, int fd, struct err **err)
{
	auto_fd int owned = fd;
	if (fd_set_blocking(fd, false) < 0 || fd_set_cloexec(fd, true) < 0)
		return err_sys(err, errno, "prepare the listening socket");
	struct listener *l = xcalloc(1, sizeof(*l));
	l->server = s;
	l->fd = fd;
	l->source = loop_add(s->options.loop, fd, EPOLLIN, on_accept, l, err);
	if (!l->source) {
		free(l);
		return -1;
	}
	(void)steal_fd(&owned);
	l->next = s->listeners;
	s->listeners = l;
	return 0;
}

static void close_listeners(struct server *s)
{
	while (s->listeners) {
		struct listener *l = s->listeners;
		s->listeners = l->next;
		loop_del(l->source);
		loop_timer_del(l->pause);
		fd_close(l->fd);
		free(l);
	}
}

/* ---- life ---- */

static void maybe_done(struct server *s)
{
	if (!s->done || (s->conn_count > 0 && time_mono() < s->give_up))
		return;
	void (*done)(void *arg) = s->done;
	s->done = NULL;
	done(s->done_arg);
}

static void close_idle(struct server *s, bool all)
{
	for (struct conn *c = s->conns, *next; c; c = next) {
		next = conn_next(c);
		if (all || conn_idle(c))
			conn_close(c);
	}
}

static void on_tick(struct loop_timer *timer, void *arg)
{
	struct server *s = arg;
	int64_t now = time_mono();
	for (struct conn *c = s->conns, *next; c; c = next) {
		next = conn_next(c);
		conn_tick(c, now);
	}
	if (s->stopping) {
		close_idle(s, false);
		maybe_done(s);
	}
	/* Nobody there: no reason to wake the machine. */
	loop_timer_set(timer, s->conns || s->stopping ? now + TICK : -1);
}

void server_work(struct server *s, void (*fn)(void *arg), void *arg)
{
	if (s->workers)
		workers_submit(s->workers, fn, arg, true);
	else
		fn(arg); /* the last connections go after the workers */
}

void server_conn_gone(struct server *s)
{
	s->conn_count--;
	maybe_done(s);
}

struct server *server_new(const struct server_options *options, struct err **err)
{
	(void)err;
	struct server *s = xcalloc(1, sizeof(*s));
	s->options = *options;
	s->workers = workers_new(WORKERS_MAX);
	s->scratch = xmalloc(SCRATCH_SIZE);
	s->tick = loop_timer_add(options->loop, -1, on_tick, s);
	return s;
}

void server_stop(struct server *s, int64_t patience, void (*done)(void *arg), void *arg)
{
	s->stopping = true;
	s->give_up = time_mono() + patience;
	s->done = done;
	s->done_arg = arg;
	close_listeners(s);
	close_idle(s, false);
	loop_timer_set(s->tick, 0);
}

void server_join(struct server *s)
{
	/* Whoever waits for a client learns that there is none any more. */
	close_listeners(s);
	close_idle(s, true);
	if (s->workers)
		workers_free(s->workers);
	s->workers = NULL;
}

static void stop_loop(void *arg)
{
	loop_stop(arg);
}

void server_free(struct server *s)
{
	server_join(s);
	/* Let what was posted (ends of requests, freeing of connections) happen while we exist:
	 * each round runs what the one before has posted. */
	for (int i = 0; i < 3; i++) {
		loop_post(s->options.loop, stop_loop, s->options.loop);
		loop_run(s->options.loop, NULL);
	}
	loop_timer_del(s->tick);
	buf_free(&s->pull);
	free(s->scratch);
	free(s);
}
