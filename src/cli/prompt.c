#include "prompt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"

/* The terminal without echo, and the signals that would leave it so. */
struct hidden {
	bool on;
	struct termios before;
	sigset_t mask;
	int signals;
};

static void hide(struct hidden *h)
{
	struct termios quiet;
	sigset_t set;
	*h = (struct hidden){.signals = -1};
	if (tcgetattr(STDIN_FILENO, &h->before) < 0)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTSTP);
	sigprocmask(SIG_BLOCK, &set, &h->mask);
	h->signals = signalfd(-1, &set, SFD_CLOEXEC);
	quiet = h->before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ECHONL;
	h->on = tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet) == 0;
}

static void show(struct hidden *h)
{
	if (h->on)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &h->before);
	if (h->signals >= 0) {
		close(h->signals);
		sigprocmask(SIG_SETMASK, &h->mask, NULL);
	}
	*h = (struct hidden){.signals = -1};
}

/* Waits for input. A signal takes its course with the terminal as it was; if it only stopped us, we
 * ask for silence again. */
static void await(struct hidden *h)
{
	struct signalfd_siginfo info;
	struct pollfd p[2] = {{STDIN_FILENO, POLLIN, 0}, {h->signals, POLLIN, 0}};
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (h->signals < 0 || !p[1].revents || fd_read(h->signals, &info, sizeof(info)) <= 0)
		return;
	show(h);
	raise((int)info.ssi_signo);
	hide(h);
}

static int read_line(struct hidden *h, struct buf *line, bool *any)
{
	char c;
	for (;;) {
		struct pollfd p = {STDIN_FILENO, POLLIN, 0};
		if (h->signals >= 0 && poll(&p, 1, 0) == 0) {
			await(h);
			continue;
		}
		ssize_t n = fd_read(STDIN_FILENO, &c, 1);
		if (n < 0)
			return -1;
		*any = *any || n > 0;
		if (n == 0 || c == '\n' || line->len >= PROMPT_MAX)
			return n > 0 && c != '\n' ? -1 : 0;
		buf_addc(line, c);
	}
}

char *prompt_line(const char *question, bool secret, struct err **err)
{
	struct buf line = BUF_INIT;
	struct hidden h = {.signals = -1};
	bool any = false;
	/* who waits for the question may answer at once: by then nothing is shown any more */
	if (secret)
		hide(&h);
	fputs(question, stdout);
	fflush(stdout);
	int rc = read_line(&h, &line, &any);
	show(&h);
	if (rc < 0)
		err_set(err, ERR_INVALID, "cannot read the answer to \"%s\"", question);
	else if (!any)
		err_set(err, ERR_INVALID, "no answer to \"%s\"", question);
	if (rc < 0 || !any) {
		buf_free(&line);
		return NULL;
	}
	if (line.len && line.data[line.len - 1] == '\r')
		line.data[--line.len] = 0;
	return buf_steal(&line);
}
