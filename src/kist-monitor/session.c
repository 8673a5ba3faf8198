#include "session.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "session_private.h"
#include "settle.h"

#define READ_MAX 32768
/* What is read of an ended process's output at once: more than any pipe holds (pipe-max-size, 1 MiB). */
#define DRAIN_MAX (4 * 1024 * 1024)
#define SYNC_MAX (1024 * 1024)
#define SETTLE_AFTER (2 * TIME_NS_PER_SEC)

static const struct run_io io_none = {.in = -1, .out = -1, .err = -1};

/* ---- telling the owner, burying clients ---- */

static void later(struct loop_timer *timer, void *arg)
{
	struct session *s = arg;
	while (s->graves) {
		struct client *c = s->graves;
		s->graves = c->grave;
		client_free(c);
	}
	for (; s->tell_detached; s->tell_detached--)
		s->owner.detached(s->owner.arg);
	if (s->tell_left) {
		s->tell_left = false;
		s->owner.left(s->owner.arg);
	}
	if (s->tell_drained) {
		s->tell_drained = false;
		if (!s->clients)
			loop_timer_set(s->later, 0);
		s->owner.drained(s->owner.arg); /* may free s */
	} else if (s->drained && !s->clients) {
		s->owner.deserted(s->owner.arg); /* may free s */
	}
}

void session_client_gone(struct session *s, struct client *c)
{
	for (struct client **at = &s->clients; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			break;
		}
	}
	c->grave = s->graves;
	s->graves = c;
	loop_timer_set(s->later, 0);
}

void session_client_detached(struct session *s)
{
	s->tell_detached++;
	loop_timer_set(s->later, 0);
}

/* ---- output ---- */

static void stream_ready(struct loop_source *source, uint32_t events, void *arg);

static bool stream_may_read(const struct stream *st)
{
	for (const struct client *c = st->session->clients; c; c = c->next)
		if (client_wants(c, st->kind) && !client_has_room(c))
			return false;
	return true;
}

/* Paused means not watched at all: a hang-up cannot be masked and would keep the loop spinning. */
static void stream_watch(struct stream *st)
{
	if (st->fd < 0)
		return;
	bool read = stream_may_read(st);
	if (!read)
		loop_del(steal_ptr(st->source));
	else if (!st->source)
		st->source = loop_add(st->session->loop, st->fd, EPOLLIN, stream_ready, st, NULL);
}

void session_resume(struct session *s)
{
	if (!s->running)
		return;
	stream_watch(&s->streams[0]);
	stream_watch(&s->streams[1]);
}

static void stream_close(struct stream *st)
{
	struct session *s = st->session;
	if (st->fd < 0)
		return;
	loop_del(steal_ptr(st->source));
	fd_close(steal_fd(&st->fd));
	if (s->log)
		logfile_end(s->log, &st->log);
	buf_free(&st->log.held);
}

/* The process has ended and so has its output. */
static void drained(struct session *s)
{
	s->drained = true;
	s->tell_drained = true;
	loop_timer_del(steal_ptr(s->grace));
	loop_timer_set(s->later, 0);
}

static void stream_ended(struct stream *st)
{
	struct session *s = st->session;
	stream_close(st);
	if (s->ended && !s->drained && s->streams[0].fd < 0 && s->streams[1].fd < 0)
		drained(s);
}

/* A burst of output leaves the program larger than it needs to be; not more often than this. */
static void settle_later(struct session *s)
{
	if (!s->settling)
		loop_timer_set(s->settle, time_mono() + SETTLE_AFTER);
	s->settling = true;
}

static void settle_now(struct loop_timer *timer, void *arg)
{
	struct session *s = arg;
	s->settling = false;
	settle();
}

/* One read: bytes handed on, 0 when there is nothing now, -1 at the end. */
static ssize_t stream_read(struct stream *st)
{
	struct session *s = st->session;
	char chunk[READ_MAX];
	ssize_t n = fd_read(st->fd, chunk, sizeof(chunk));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0) /* EIO: the last process has closed the terminal */
		return -1;
	if (s->log)
		logfile_add(s->log, &st->log, chunk, (size_t)n);
	for (struct client *c = s->clients; c; c = c->next)
		client_send(c, st->kind, chunk, (size_t)n);
	settle_later(s);
	return n;
}

static void stream_ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct stream *st = arg;
	if (stream_may_read(st) && stream_read(st) < 0) {
		stream_ended(st);
		return;
	}
	stream_watch(st);
}

/* ---- life ---- */

struct session *session_new(struct loop *loop, const struct session_owner *owner)
{
	struct session *s = xcalloc(1, sizeof(*s));
	s->loop = loop;
	s->owner = *owner;
	s->io = io_none;
	s->in = s->tty_peer = -1;
	s->streams[0] =
		(struct stream){.session = s, .kind = STREAM_OUT, .fd = -1, .log.name = "stdout"};
	s->streams[1] =
		(struct stream){.session = s, .kind = STREAM_ERR, .fd = -1, .log.name = "stderr"};
	s->later = loop_timer_add(loop, -1, later, s);
	s->settle = loop_timer_add(loop, -1, settle_now, s);
	return s;
}

void session_configure(
	struct session *s, bool tty, bool open_stdin, bool stdin_once, struct logfile *log)
{
	s->tty = tty;
	s->open_stdin = open_stdin;
	s->stdin_once = stdin_once;
	s->log = log;
}

int session_attach(
	struct session *s, const struct monitor_attach *attach, int conn, struct err **err)
{
	if (s->ended)
		return err_set(err, ERR_CONFLICT, "the process has ended");
	struct client *c = client_new(s, attach, conn, err);
	if (!c)
		return -1;
	struct client **at = &s->clients;
	while (*at)
		at = &(*at)->next;
	*at = c;
	client_begin(c);
	input_pull(s);
	return 0;
}

uint32_t session_clients(const struct session *s)
{
	uint32_t n = 0;
	for (const struct client *c = s->clients; c; c = c->next)
		n++;
	return n;
}

static void close_io(struct session *s)
{
	fd_close(s->io.in);
	fd_close(s->io.out);
	fd_close(s->io.err);
	s->io = io_none;
}

/* A pipe of which the monitor's end does not block; the two ends have flags of their own. */
static int make_pipe(int *read_end, int *write_end, int *ours, struct err **err)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe for the process's stdio");
	*read_end = p[0];
	*write_end = p[1];
	fd_set_blocking(*ours, false);
	return 0;
}

int session_open(struct session *s, struct run_io *io, struct err **err)
{
	if (!s->tty) {
		if (s->open_stdin) {
			if (make_pipe(&s->io.in, &s->in, &s->in, err) < 0)
				return -1;
		} else {
			s->io.in = open("/dev/null", O_RDWR | O_CLOEXEC);
			if (s->io.in < 0)
				return err_sys(err, errno, "open /dev/null");
		}
		for (int i = 0; i < 2; i++) {
			int *fd = &s->streams[i].fd;
			if (make_pipe(fd, i ? &s->io.err : &s->io.out, fd, err) < 0) {
				session_abort(s);
				return -1;
			}
		}
	}
	*io = s->io;
	return 0;
}

/* Holds the other side open, so that a moment in which no process has it open is not the end. */
static void take_terminal(struct session *s, int master)
{
	s->streams[0].fd = master;
	fd_set_blocking(master, false);
	s->tty_peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->tty_peer < 0)
		log_debug("hold the terminal: %s", err_text(errno));
	if (s->open_stdin)
		s->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
}

void session_run(struct session *s, int tty_master)
{
	close_io(s);
	if (tty_master >= 0)
		take_terminal(s, tty_master);
	s->running = true;
	if (s->in >= 0)
		input_start(s, s->in);
	session_resume(s);
	input_pull(s);
}

static void close_process(struct session *s)
{
	close_io(s);
	input_close(s);
	stream_close(&s->streams[0]);
	stream_close(&s->streams[1]);
	fd_close(steal_fd(&s->tty_peer));
}

void session_abort(struct session *s)
{
	close_process(s);
	s->running = false;
	session_detach_all(s);
}

int session_resize(struct session *s, uint32_t h, uint32_t w, struct err **err)
{
	if (!s->tty || s->streams[0].fd < 0)
		return err_set(err, ERR_INVALID, "the process has no terminal");
	struct winsize size = {.ws_row = (unsigned short)h, .ws_col = (unsigned short)w};
	if (ioctl(s->streams[0].fd, TIOCSWINSZ, &size) < 0)
		return err_sys(err, errno, "resize the terminal");
	return 0;
}

void session_sync(struct session *s)
{
	for (int i = 0; i < 2; i++) {
		struct stream *st = &s->streams[i];
		ssize_t n = 1;
		for (size_t total = 0;
			st->fd >= 0 && n > 0 && total < SYNC_MAX && stream_may_read(st);
			total += (size_t)n)
			n = stream_read(st);
		if (n < 0)
			stream_ended(st);
		else
			stream_watch(st);
	}
}

void session_detach_all(struct session *s)
{
	for (struct client *c = s->clients; c; c = c->next)
		client_leave(c);
}

static void grace_over(struct loop_timer *timer, void *arg)
{
	struct session *s = arg;
	stream_close(&s->streams[0]);
	stream_close(&s->streams[1]);
	if (!s->drained)
		drained(s);
}

void session_end(struct session *s, int64_t grace)
{
	if (s->ended)
		return;
	s->ended = true;
	input_close(s);
	for (int i = 0; i < 2; i++) {
		struct stream *st = &s->streams[i];
		ssize_t n = 1;
		/* whatever the clients' queues hold already: it is bounded by what a pipe holds */
		for (size_t total = 0; st->fd >= 0 && n > 0 && total < DRAIN_MAX;
			total += (size_t)n)
			n = stream_read(st);
		/* what the process wrote to its terminal is all here: the kernel hands it over before EAGAIN */
		if (n < 0 || s->tty)
			stream_close(st);
	}
	fd_close(steal_fd(&s->tty_peer));
	if (s->streams[0].fd < 0 && s->streams[1].fd < 0) {
		drained(s);
		return;
	}
	session_resume(s);
	s->grace = loop_timer_add(s->loop, time_mono() + grace, grace_over, s);
}

bool session_drained(const struct session *s)
{
	return s->drained;
}

void session_free(struct session *s)
{
	if (!s)
		return;
	close_process(s);
	loop_timer_del(s->grace);
	loop_timer_del(s->later);
	loop_timer_del(s->settle);
	while (s->clients) {
		struct client *c = s->clients;
		s->clients = c->next;
		client_free(c);
	}
	while (s->graves) {
		struct client *c = s->graves;
		s->graves = c->grave;
		client_free(c);
	}
	free(s);
}
