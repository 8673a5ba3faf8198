/*
 * kist-tls CERTIFICATE KEY [CA]: ends TLS for kistd.
 *
 * Descriptor 3 is the listening TCP socket, 4 the control socket (SOCK_SEQPACKET) through which
 * each client goes to the daemon: one byte, 'c', and a descriptor. The first packet, 'r', says that
 * the files could be read. After that the program is nobody: it needs no file, no name and no
 * privilege any more. It ends when the daemon closes the control socket.
 *
 * With CA every client has to show a certificate that it signed.
 */
#include <errno.h>
#include <grp.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "relay.h"

enum { LISTENER = 3, CONTROL = 4, NOBODY = 65534, ACCEPT_ROUNDS = 16 };
#define ACCEPT_PAUSE (TIME_NS_PER_SEC / 10)

struct front {
	struct loop *loop;
	SSL_CTX *ctx;
	struct loop_source *listener;
	struct loop_timer *pause;
};

static int tls_error(struct err **err, const char *what)
{
	char text[160];
	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	return err_set(err, ERR_INVALID, "%s: %s", what, text);
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
	const unsigned char *in, unsigned int in_len, void *arg)
{
	static const unsigned char http11[] = "\x08http/1.1";
	unsigned char *chosen;
	(void)ssl;
	(void)arg;
	if (SSL_select_next_proto(&chosen, out_len, http11, sizeof(http11) - 1, in, in_len) !=
		OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int require_certificates(SSL_CTX *ctx, const char *ca, struct err **err)
{
	if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		return tls_error(err, ca);
	SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

static SSL_CTX *make_context(char **argv, struct err **err)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx) {
		tls_error(err, "OpenSSL");
		return NULL;
	}
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	int rc = 0;
	if (SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1)
		rc = tls_error(err, argv[1]);
	else if (SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
		rc = tls_error(err, argv[2]);
	else if (argv[3])
		rc = require_certificates(ctx, argv[3], err);
	if (rc == 0)
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static int become_nobody(struct err **err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		(geteuid() == 0 &&
			(setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
				setresuid(NOBODY, NOBODY, NOBODY) < 0)) ||
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, errno, "give up privileges");
	/* Changing the user clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(err, errno, "ask for the parent's death");
	return 0;
}

static void resume(struct loop_timer *timer, void *arg)
{
	struct front *f = arg;
	(void)timer;
	loop_mod(f->listener, EPOLLIN);
}

static void on_accept(struct loop_source *source, uint32_t events, void *arg)
{
	struct front *f = arg;
	(void)events;
	for (int i = 0; i < ACCEPT_ROUNDS; i++) {
		/* cppcheck-suppress nullPointer ; accept4(2): nobody asks for the address */
		int fd = accept4(LISTENER, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			relay_start(f->loop, f->ctx, fd, CONTROL);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			loop_mod(source, 0);
			loop_timer_set(f->pause, time_mono() + ACCEPT_PAUSE);
		}
		return;
	}
}

static void on_control(struct loop_source *source, uint32_t events, void *arg)
{
	(void)source;
	(void)events;
	loop_stop(arg); /* the daemon says nothing: it has gone */
}

static int serve(char **argv, struct err **err)
{
	struct front f = {.ctx = make_context(argv, err)};
	if (!f.ctx || become_nobody(err) < 0)
		return -1;
	f.loop = loop_new(err);
	if (!f.loop)
		return -1;
	fd_set_blocking(LISTENER, false);
	f.pause = loop_timer_add(f.loop, -1, resume, &f);
	f.listener = loop_add(f.loop, LISTENER, EPOLLIN, on_accept, &f, err);
	if (!f.listener || !loop_add(f.loop, CONTROL, EPOLLIN, on_control, f.loop, err))
		return -1;
	if (fd_send(CONTROL, "r", 1, NULL, 0) < 0)
		return err_sys(err, errno, "report to the daemon");
	return loop_run(f.loop, err);
}

int main(int argc, char **argv)
{
	auto_err *e = NULL;
	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: kist-tls CERTIFICATE KEY [CA], started by kistd\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	if (serve(argv, &e) < 0) {
		log_error("kist-tls: %s", err_msg(e));
		return 1;
	}
	return 0;
}
