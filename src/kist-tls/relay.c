#include "relay.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"

enum { ROOM = 16 << 10 }; /* a TLS record */
#define HANDSHAKE_PATIENCE (10 * TIME_NS_PER_SEC)
#define GOODBYE_PATIENCE (10 * TIME_NS_PER_SEC)

struct relay {
	struct loop *loop;
	SSL *ssl;
	int tcp, plain, control;
	struct loop_source *on_tcp, *on_plain;
	struct loop_timer *timer; /* of the handshake, then of the goodbye */
	bool ready; /* the handshake is done */
	bool tls_ended; /* the client's close_notify */
	bool plain_ended; /* the end from the plain side */
	bool plain_told, tls_told; /* these ends have been passed on */
	bool plain_gone; /* the plain side does not listen any more */
	bool leaving; /* the goodbye's time runs */
	bool wants_write; /* TLS waits for the socket to take something */
	char in[ROOM], out[ROOM]; /* to the plain side, to the client */
	size_t in_off, in_len, out_off, out_len;
};

static void destroy(struct relay *r)
{
	loop_del(r->on_tcp);
	loop_del(r->on_plain);
	loop_timer_del(r->timer);
	SSL_free(r->ssl);
	fd_close(r->tcp);
	fd_close(r->plain);
	free(r);
}

static void step(struct relay *r);

static void on_event(struct loop_source *source, uint32_t events, void *arg)
{
	struct relay *r = arg;
	if (source == r->on_plain && (events & (EPOLLHUP | EPOLLERR))) {
		r->plain_gone = true;
		/* Cannot be masked out, and would spin. What it has sent is read below all the
		 * same. */
		loop_del(r->on_plain);
		r->on_plain = NULL;
	}
	step(r);
}

static void on_timeout(struct loop_timer *timer, void *arg)
{
	(void)timer;
	destroy(arg);
}

/* What an OpenSSL call that did not succeed means: 0 later, -1 never. */
static int later(struct relay *r, int rc)
{
	int e = SSL_get_error(r->ssl, rc);
	if (e == SSL_ERROR_WANT_WRITE)
		r->wants_write = true;
	ERR_clear_error();
	return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* ---- the handshake ---- */

static int hand_over(struct relay *r)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	r->plain = pair[0];
	int rc = fd_send(r->control, "c", 1, &pair[1], 1);
	fd_close(pair[1]);
	if (rc < 0)
		return -1;
	r->on_plain = loop_add(r->loop, r->plain, EPOLLIN, on_event, r, NULL);
	return r->on_plain ? 0 : -1;
}

static int shake_hands(struct relay *r)
{
	int rc = SSL_do_handshake(r->ssl);
	if (rc != 1) {
		unsigned long code = ERR_peek_error();
		if (later(r, rc) == 0)
			return 0;
		char text[160];
		ERR_error_string_n(code, text, sizeof(text));
		log_info("TLS handshake failed: %s", text);
		return -1;
	}
	r->ready = true;
	loop_timer_set(r->timer, -1);
	return hand_over(r);
}

/* ---- moving bytes: each returns -1 when all is over ---- */

static int client_to_plain(struct relay *r)
{
	while (!r->tls_ended || r->in_len) {
		if (r->in_len == 0) {
			int n = SSL_read(r->ssl, r->in, ROOM);
			if (n > 0) {
				r->in_off = 0;
				r->in_len = (size_t)n;
			} else if (SSL_get_error(r->ssl, n) == SSL_ERROR_ZERO_RETURN) {
				r->tls_ended = true;
				continue;
			} else {
				return later(r, n);
			}
		}
		if (r->plain_gone) {
			r->in_len = 0;
			continue;
		}
		ssize_t n = send(r->plain, r->in + r->in_off, r->in_len, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			r->plain_gone = true;
		if (n > 0) {
			r->in_off += (size_t)n;
			r->in_len -= (size_t)n;
		}
	}
	if (!r->plain_told && !r->plain_gone)
		shutdown(r->plain, SHUT_WR);
	r->plain_told = true;
	return 0;
}

static int plain_to_client(struct relay *r)
{
	while (!r->plain_ended || r->out_len) {
		if (r->out_len == 0) {
			ssize_t n = recv(r->plain, r->out, ROOM, MSG_DONTWAIT);
			if (n > 0) {
				r->out_off = 0;
				r->out_len = (size_t)n;
			} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
				return 0;
			} else {
				r->plain_ended = true;
				continue;
			}
		}
		int n = SSL_write(r->ssl, r->out + r->out_off, (int)r->out_len);
		if (n <= 0)
			return later(r, n);
		r->out_off += (size_t)n;
		r->out_len -= (size_t)n;
	}
	if (!r->tls_told) {
		int rc = SSL_shutdown(r->ssl);
		if (rc < 0 && later(r, rc) < 0)
			return -1;
		if (rc < 0)
			return 0;
		r->tls_told = true;
		shutdown(r->tcp, SHUT_WR);
	}
	return 0;
}

static void watch(struct relay *r)
{
	uint32_t tcp = r->wants_write ? EPOLLOUT : 0;
	if (!r->ready || (r->in_len == 0 && !r->tls_ended))
		tcp |= EPOLLIN;
	loop_mod(r->on_tcp, tcp);
	if (!r->on_plain)
		return;
	uint32_t plain = r->in_len ? EPOLLOUT : 0;
	if (r->out_len == 0 && !r->plain_ended)
		plain |= EPOLLIN;
	loop_mod(r->on_plain, plain);
}

static void step(struct relay *r)
{
	r->wants_write = false;
	if (!r->ready && shake_hands(r) < 0) {
		destroy(r);
		return;
	}
	if (r->ready && (plain_to_client(r) < 0 || client_to_plain(r) < 0)) {
		destroy(r);
		return;
	}
	if (r->ready && r->tls_told && (r->plain_told || r->tls_ended)) {
		destroy(r);
		return;
	}
	/* The server has gone for good: the client gets a while to notice. */
	if (r->tls_told && r->plain_gone && !r->leaving) {
		r->leaving = true;
		loop_timer_set(r->timer, time_mono() + GOODBYE_PATIENCE);
	}
	watch(r);
}

void relay_start(struct loop *loop, SSL_CTX *ctx, int tcp, int control)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	r->loop = loop;
	r->tcp = tcp;
	r->control = control;
	r->plain = -1;
	r->ssl = SSL_new(ctx);
	r->timer = loop_timer_add(loop, time_mono() + HANDSHAKE_PATIENCE, on_timeout, r);
	r->on_tcp = loop_add(loop, tcp, EPOLLIN, on_event, r, NULL);
	if (!r->ssl || !r->on_tcp || SSL_set_fd(r->ssl, tcp) != 1) {
		destroy(r);
		return;
	}
	SSL_set_accept_state(r->ssl);
	step(r);
}
