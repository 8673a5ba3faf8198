#include "relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "escape.h"

#define RELAY_CHUNK 32768
#define FAILURE_MAX 4096

enum { STREAM_STDIN, STREAM_STDOUT, STREAM_STDERR, STREAM_SYSTEM };

static int deliver(struct demux *d, const char *p, size_t n, int out, int errout, struct err **err)
{
	if (d->header[0] == STREAM_SYSTEM) {
		if (d->failure.len + n <= FAILURE_MAX)
			buf_add(&d->failure, p, n);
		return 0;
	}
	int fd = d->header[0] == STREAM_STDERR ? errout : out;
	if (fd >= 0 && fd_write_all(fd, p, n) < 0)
		return err_sys(err, errno, "write output");
	return 0;
}

int demux_feed(struct demux *d, const char *p, size_t n, int out, int errout, struct err **err)
{
	while (n) {
		if (d->have < sizeof(d->header)) {
			size_t take = sizeof(d->header) - d->have;
			take = take < n ? take : n;
			memcpy(d->header + d->have, p, take);
			d->have += take;
			p += take;
			n -= take;
			if (d->have < sizeof(d->header))
				return 0;
			memcpy(&d->remaining, d->header + 4, 4);
			d->remaining = ntohl(d->remaining);
			if (d->header[0] > STREAM_SYSTEM)
				return err_set(err, ERR_UNAVAILABLE,
					"Unrecognized input header: %d", d->header[0]);
		}
		size_t take = d->remaining < n ? d->remaining : n;
		if (take && deliver(d, p, take, out, errout, err) < 0)
			return -1;
		d->remaining -= (uint32_t)take;
		p += take;
		n -= take;
		if (!d->remaining)
			d->have = 0;
	}
	return 0;
}

int demux_end(struct demux *d, struct err **err)
{
	int rc = 0;
	if (d->failure.len) {
		auto_free char *shown = escape_controls(d->failure.data);
		rc = err_set(err, ERR_SYSTEM, "error from daemon in stream: %s", shown);
	}
	buf_free(&d->failure);
	return rc;
}

struct state {
	const struct relay *r;
	struct demux demux;
	struct buf pending; /* typed, not yet sent */
	bool in_open, shut;
	char chunk[RELAY_CHUNK];
};

static int output(struct state *s, const char *p, size_t n, struct err **err)
{
	if (!s->r->tty)
		return demux_feed(&s->demux, p, n, STDOUT_FILENO, STDERR_FILENO, err);
	if (fd_write_all(STDOUT_FILENO, p, n) < 0)
		return err_sys(err, errno, "write output");
	return 0;
}

/* 1: goes on, 0: the connection ended, -1 */
static int from_sock(struct state *s, struct err **err)
{
	ssize_t n = fd_read(s->r->sock, s->chunk, sizeof(s->chunk));
	if (n < 0 && errno != ECONNRESET)
		return err_sys(err, errno, "read from the daemon");
	if (n <= 0)
		return 0;
	return output(s, s->chunk, (size_t)n, err) < 0 ? -1 : 1;
}

/* Sends what is pending; what the other side no longer wants is dropped. */
static void to_sock(struct state *s)
{
	if (s->pending.len) {
		ssize_t n = send(
			s->r->sock, s->pending.data, s->pending.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0) {
			buf_consume(&s->pending, (size_t)n);
		} else if (errno != EAGAIN && errno != EINTR) {
			s->pending.len = 0;
			s->in_open = false;
		}
	}
	if (!s->pending.len && !s->in_open && !s->shut) {
		s->shut = true;
		if (s->r->half_close)
			shutdown(s->r->sock, SHUT_WR);
	}
}

/* True if the detach keys were typed. */
static bool from_user(struct state *s)
{
	ssize_t n = fd_read(s->r->in, s->chunk, sizeof(s->chunk));
	if (n <= 0) {
		s->in_open = false;
		return false;
	}
	if (s->r->detach)
		return detach_filter(s->r->detach, s->chunk, (size_t)n, &s->pending);
	buf_add(&s->pending, s->chunk, (size_t)n);
	return false;
}

static bool from_signals(struct state *s)
{
	struct signalfd_siginfo info;
	if (read(s->r->signals, &info, sizeof(info)) != sizeof(info))
		return true;
	return s->r->on_signal(s->r->data, (int)info.ssi_signo);
}

static enum relay_end loop(struct state *s, struct err **err)
{
	const struct relay *r = s->r;
	for (;;) {
		bool reading = s->in_open && s->pending.len < RELAY_CHUNK;
		struct pollfd fds[] = {
			{.fd = r->sock, .events = (short)(POLLIN | (s->pending.len ? POLLOUT : 0))},
			{.fd = reading ? r->in : -1, .events = POLLIN},
			{.fd = r->signals, .events = POLLIN},
			{.fd = r->watch ? *r->watch : -1, .events = POLLIN},
		};
		bool renew = fds[3].fd == RELAY_RENEW;
		if (poll(fds, ARRAY_LEN(fds), renew ? RELAY_RENEW_MS : -1) < 0 && errno != EINTR) {
			err_sys(err, errno, "poll");
			return RELAY_FAILED;
		}
		if ((fds[2].revents & POLLIN) && !from_signals(s))
			return RELAY_SIGNAL;
		if (fds[0].revents & (POLLIN | POLLHUP | POLLERR)) {
			int rc = from_sock(s, err);
			if (rc <= 0)
				return rc < 0 ? RELAY_FAILED : RELAY_END;
		}
		if (renew || fds[3].revents)
			r->on_watch(r->data);
		if (fds[1].revents && from_user(s))
			return RELAY_DETACHED;
		to_sock(s);
	}
}

enum relay_end relay_run(const struct relay *r, struct err **err)
{
	auto_free struct state *s = xcalloc(1, sizeof(*s));
	s->r = r;
	s->in_open = r->in >= 0;
	s->shut = !s->in_open; /* nothing to send: the direction is left open, as docker does */
	enum relay_end end = RELAY_FAILED;
	if (!r->first->len || output(s, r->first->data, r->first->len, err) == 0)
		end = loop(s, err);
	if (demux_end(&s->demux, end == RELAY_FAILED ? NULL : err) < 0)
		end = RELAY_FAILED;
	buf_free(&s->pending);
	return end;
}
