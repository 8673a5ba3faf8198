/*
 * One attached session of run, start -a, attach or exec: terminal in raw mode, resizes, signals
 * forwarded, streams relayed, everything put back at the end.
 */
#ifndef KIST_CLI_SESSION_H
#define KIST_CLI_SESSION_H

#include <signal.h>

#include "cli.h"
#include "relay.h"

struct session {
	struct cli *cli;
	const char *id; /* of the container or the exec */
	bool is_exec;
	bool tty;
	bool use_stdin;
	bool sig_proxy; /* signals go to the container */
	bool repaint; /* make the program draw again, as its screen is not ours yet */
	const char *detach_keys; /* NULL: the default; only with a tty */
	struct http *conn; /* hijacked */
	struct http *wait; /* container_wait_begin()'s, renewed if the daemon goes away; or NULL */
	const char *condition; /* of wait */
	int watch; /* relay.h */
	sigset_t old_mask;
	int signals; /* signalfd */
	int fatal; /* the signal that ended the relay */
};

/** Begins to hold signals back for session_run(); call before the container starts. */
void session_hold_signals(struct session *s);
/** Lets signals through again where no session_run() follows. */
void session_release_signals(struct session *s);
/** Checks detach keys early. */
int session_check(const struct session *s, struct err **err);
/**
 * Relays until the streams end. The terminal is as before on return. A deadly signal that is not
 * forwarded ends the process by that signal, after putting the terminal back.
 */
enum relay_end session_run(struct session *s, struct err **err);
/** docker's check: -t with standard input needs a terminal there. */
int session_check_tty(bool use_stdin, bool tty, struct err **err);

#endif
