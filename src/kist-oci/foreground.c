/*
 * A process in the foreground. Signals are read from a descriptor and passed on; with a terminal, bytes go between
 * our streams and the pty through two small buffers. No write may block while there is something else to do: a
 * program that prints and does not read, fed by a user who pastes, would stand still otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "console.h"

int foreground_signals(struct err **err)
{
	sigset_t set;
	sigfillset(&set);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(err, errno, "block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(err, errno, "signalfd") : fd;
}

int foreground_terminal(void)
{
	for (int fd = STDERR_FILENO; fd >= STDIN_FILENO; fd--) {
		if (isatty(fd))
			return fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	}
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

/* No more than a pipe takes whole (pipe(7), PIPE_BUF): then a write after POLLOUT does not block. */
struct chunk {
	char data[4096];
	size_t at, len;
};

struct relay {
	pid_t pid;
	int pidfd, signals, master;
	int terminal; /* ours, raw meanwhile; or -1 */
	struct termios saved;
	struct notify *notify; /* or NULL */
	bool in_open, out_open, ended;
	struct chunk in, out;
};

static void copy_size(const struct relay *r)
{
	struct winsize size;
	if (r->master >= 0 && r->terminal >= 0 && ioctl(r->terminal, TIOCGWINSZ, &size) == 0)
		ioctl(r->master, TIOCSWINSZ, &size);
}

static void terminal_start(struct relay *r)
{
	struct termios raw;
	r->terminal = -1;
	if (r->master < 0)
		return;
	r->in_open = r->out_open = true;
	fd_set_blocking(r->master, false);
	r->terminal = foreground_terminal();
	copy_size(r);
	if (r->terminal < 0 || tcgetattr(r->terminal, &r->saved) < 0)
		return;
	raw = r->saved;
	cfmakeraw(&raw);
	raw.c_oflag |= OPOST; /* line ends are made here, not in the container (run_io.lf_only) */
	tcsetattr(r->terminal, TCSANOW, &raw);
}

static void terminal_end(struct relay *r)
{
	if (r->terminal >= 0)
		tcsetattr(r->terminal, TCSANOW, &r->saved);
	fd_close(r->terminal);
}

/* As the one who reaps orphans; @pid itself waits for foreground_wait(). */
static void reap_others(pid_t pid)
{
	for (;;) {
		siginfo_t info = {0};
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid ||
			info.si_pid == pid)
			return;
		waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG);
	}
}

static void take_signals(const struct relay *r)
{
	struct signalfd_siginfo info;
	while (fd_read(r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch ((int)info.ssi_signo) {
		case SIGWINCH:
			copy_size(r);
			break;
		case SIGCHLD:
			reap_others(r->pid);
			break;
		case SIGURG: /* runc keeps it for itself */
			break;
		case SIGPIPE:
			if (info.ssi_pid == (uint32_t)getpid())
				break; /* our own stdout is gone */
			/* fall through */
		default:
			syscall(SYS_pidfd_send_signal, r->pidfd, (int)info.ssi_signo, NULL, 0);
		}
	}
}

/* False at the end. */
static bool fill(struct chunk *c, int fd)
{
	ssize_t n = fd_read(fd, c->data, sizeof(c->data));
	c->at = 0;
	c->len = n > 0 ? (size_t)n : 0;
	return n > 0 || (n < 0 && errno == EAGAIN);
}

/* False if nobody takes it any more. */
static bool drain(struct chunk *c, int fd)
{
	ssize_t n = fd_write(fd, c->data + c->at, c->len);
	if (n < 0 && errno != EAGAIN)
		return false;
	c->at += n > 0 ? (size_t)n : 0;
	c->len -= n > 0 ? (size_t)n : 0;
	return true;
}

/* Nobody reads what is written there: the container shall know. */
static void hang_up(struct relay *r)
{
	auto_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0)
		dup3(null, r->master, O_CLOEXEC);
	r->out_open = r->in_open = false;
	r->in.len = r->out.len = 0;
}

enum { END, SIGNALS, MASTER, IN, OUT, NOTIFY, SOURCES };

static void watch(const struct relay *r, struct pollfd *p)
{
	short master = (short)((r->out.len ? 0 : POLLIN) | (r->in.len ? POLLOUT : 0));
	p[END] = (struct pollfd){.fd = r->ended ? -1 : r->pidfd, .events = POLLIN};
	p[SIGNALS] = (struct pollfd){.fd = r->signals, .events = POLLIN};
	/* asked about nothing it would still report a hang-up, again and again */
	p[MASTER] = (struct pollfd){.fd = r->out_open && master ? r->master : -1, .events = master};
	p[IN] = (struct pollfd){
		.fd = r->in_open && !r->in.len ? STDIN_FILENO : -1, .events = POLLIN};
	p[OUT] = (struct pollfd){.fd = r->out.len ? STDOUT_FILENO : -1, .events = POLLOUT};
	p[NOTIFY] = (struct pollfd){.fd = r->notify ? r->notify->sock : -1, .events = POLLIN};
}

static void move_bytes(struct relay *r, const struct pollfd *p)
{
	if (p[IN].revents)
		r->in_open = fill(&r->in, STDIN_FILENO);
	if (p[MASTER].revents & POLLOUT && !drain(&r->in, r->master))
		r->in.len = 0;
	/* a pty whose slaves are all closed reads as EIO */
	if (p[MASTER].revents && !r->out.len && !fill(&r->out, r->master))
		r->out_open = r->in_open = false;
	if (p[OUT].revents && !drain(&r->out, STDOUT_FILENO))
		hang_up(r);
}

/* Until the process has ended and, with a terminal, what it has written is out. */
static void relay_run(struct relay *r)
{
	while (!r->ended || r->out_open || r->out.len) {
		struct pollfd p[SOURCES];
		watch(r, p);
		/* another process may hold the pty open for ever: after the end, what is there now is taken */
		int n = poll(p, SOURCES, r->ended && !r->out.len ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return;
		if (n == 0 && r->ended)
			return;
		if (n <= 0)
			continue;
		if (p[SIGNALS].revents)
			take_signals(r);
		if (p[NOTIFY].revents)
			notify_forward(r->notify);
		move_bytes(r, p);
		if (p[END].revents) {
			r->ended = true;
			r->in_open = false;
			r->in.len = 0;
		}
	}
}

int foreground_wait(
	pid_t pid, int pidfd, int master, int signals, struct notify *notify, struct err **err)
{
	struct relay r = {
		.pid = pid, .pidfd = pidfd, .signals = signals, .master = master, .notify = notify};
	terminal_start(&r);
	relay_run(&r);
	terminal_end(&r);
	int status = proc_wait(pid);
	if (status < 0)
		return err_sys(err, errno, "wait for process %d", (int)pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
