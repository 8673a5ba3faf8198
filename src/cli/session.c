#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "container.h"
#include "terminal.h"

static void resize(struct session *s, unsigned more)
{
	unsigned rows, columns;
	if (!terminal_size(&rows, &columns))
		return;
	rows += more;
	columns += more;
	auto_free char *path = xasprintf("/%s/%s/resize?h=%u&w=%u",
		s->is_exec ? "exec" : "containers", s->id, rows, columns);
	/* the container may just have ended: nothing to tell anyone */
	api_call(&s->cli->api, "POST", path, NULL, NULL, NULL);
}

static void forward(struct session *s, int sig)
{
	const char *name = sigabbrev_np(sig);
	auto_buf path = BUF_INIT;
	auto_free char *text = name ? xasprintf("SIG%s", name) : xasprintf("%d", sig);
	buf_addf(&path, "/containers/%s/kill", s->id);
	url_add(&path, "signal", text);
	api_call(&s->cli->api, "POST", path.data, NULL, NULL, NULL);
}

/* A signal that nobody catches: as if it had not been held back. */
static void die_of(struct session *s, int sig)
{
	signal(sig, SIG_DFL);
	raise(sig);
	session_release_signals(s);
}

static bool on_signal(void *data, int sig)
{
	struct session *s = data;
	if (sig == SIGWINCH) {
		if (s->tty)
			resize(s, 0);
		return true;
	}
	if (sig == SIGCHLD || sig == SIGURG || sig == SIGCONT)
		return true;
	if (s->sig_proxy) {
		forward(s, sig);
		return true;
	}
	s->fatal = sig;
	return false;
}

/* The connection on which the exit code will come: kept until it does, renewed if the daemon goes
 * away. Asking only at the end would be too late for a container that is removed when it ends. */
static void watch_wait(struct session *s)
{
	/* an answer that is already read will not make the descriptor readable */
	bool answered = s->wait->response.done || s->wait->response.body.len;
	s->watch = answered ? -1 : s->wait->fd;
}

static void on_watch(void *data)
{
	struct session *s = data;
	char c;
	if (s->watch == RELAY_RENEW) {
		/* it may have ended while nobody was there: "next" could then be too late */
		bool removed = s->condition && str_eq(s->condition, "removed");
		if (container_wait_begin(
			    s->cli, s->id, removed ? "removed" : NULL, s->wait, NULL) == 0)
			watch_wait(s);
		return;
	}
	ssize_t n = recv(s->watch, &c, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0) {
		s->watch = -1;
	} else if (n == 0 || errno != EAGAIN) {
		http_close(s->wait);
		s->watch = RELAY_RENEW;
	}
}

void session_hold_signals(struct session *s)
{
	sigset_t mask;
	if (s->sig_proxy) {
		sigfillset(&mask);
		/* faults of our own, and stopping by the terminal, are not the container's */
		const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS,
			SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU, SIGCHLD, SIGURG};
		for (size_t i = 0; i < ARRAY_LEN(own); i++)
			sigdelset(&mask, own[i]);
	} else {
		const int deadly[] = {SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
		sigemptyset(&mask);
		for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
			sigaddset(&mask, deadly[i]);
	}
	sigprocmask(SIG_BLOCK, &mask, &s->old_mask);
	s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	signal(SIGPIPE, SIG_IGN);
}

void session_release_signals(struct session *s)
{
	sigprocmask(SIG_SETMASK, &s->old_mask, NULL);
	signal(SIGPIPE, SIG_DFL);
}

int session_check(const struct session *s, struct err **err)
{
	struct detach d;
	return detach_parse(&d, s->detach_keys ? s->detach_keys : DETACH_DEFAULT, err);
}

int session_check_tty(bool use_stdin, bool tty, struct err **err)
{
	if (use_stdin && tty && !isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID, "the input device is not a TTY");
	return 0;
}

enum relay_end session_run(struct session *s, struct err **err)
{
	auto_terminal terminal = {.fd = -1};
	struct detach keys;
	auto_fd int signals = s->signals;
	if (detach_parse(&keys, s->detach_keys ? s->detach_keys : DETACH_DEFAULT, err) < 0)
		return RELAY_FAILED;
	if (s->wait)
		watch_wait(s);
	if (s->tty && s->use_stdin)
		terminal_raw(&terminal, STDIN_FILENO);
	if (s->tty && s->repaint)
		resize(s, 1); /* a change of size is what makes programs repaint */
	if (s->tty)
		resize(s, 0);
	struct relay r = {
		.sock = s->conn->fd,
		.first = &s->conn->raw,
		.tty = s->tty,
		.in = s->use_stdin ? STDIN_FILENO : -1,
		.half_close = true,
		.detach = s->tty ? &keys : NULL,
		.signals = signals,
		.on_signal = on_signal,
		.watch = s->wait ? &s->watch : NULL,
		.on_watch = on_watch,
		.data = s,
	};
	enum relay_end end = relay_run(&r, err);
	terminal_restore(&terminal);
	if (end == RELAY_SIGNAL)
		die_of(s, s->fatal);
	session_release_signals(s);
	return end;
}
