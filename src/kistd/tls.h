/*
 * tcp:// with TLS: kist-tls ends it. It accepts clients on the TCP socket that it is given, and for
 * each one hands us one end of a socket pair over a control socket (SCM_RIGHTS): to the server that
 * is a client like any other, whose descriptor can be given to a monitor. kist-tls has no
 * privileges and no path to us, so what an attacker wins by breaking OpenSSL is the connections of
 * clients that it already serves.
 */
#ifndef KIST_KISTD_TLS_H
#define KIST_KISTD_TLS_H

#include <stdbool.h>

#include "api/server.h"

struct tls_front;

struct tls_options {
	const char *program;
	const char *ca, *cert, *key;
	bool verify; /* clients must show a certificate */
};

/** Starts kist-tls for @listener (kept, for starting it again if it dies). */
struct tls_front *tls_start(struct loop *loop, struct server *server,
	const struct tls_options *options, int listener, struct err **err);
/** Ends the program; clients that are connected are cut off. */
void tls_stop(struct tls_front *t);

#endif
