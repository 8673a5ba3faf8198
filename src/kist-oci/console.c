#include "console.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "oci.h"

int console_check(bool terminal, bool detach, const char *socket, struct err **err)
{
	bool given = !str_empty(socket);
	if (detach && terminal && !given)
		return err_set(err, ERR_INVALID,
			"cannot allocate tty if " PROGRAM
			" will detach without setting console socket");
	if (given && (!detach || !terminal))
		return err_set(err, ERR_INVALID,
			"cannot use console socket if " PROGRAM " will not detach or allocate tty");
	/* nobody could end what waits for keys that never come */
	if (terminal && !detach && !isatty(STDIN_FILENO) && !isatty(STDOUT_FILENO) &&
		!isatty(STDERR_FILENO))
		return err_set(err, ERR_INVALID,
			"cannot relay a terminal: none of the standard streams is one");
	return 0;
}

int console_send(const char *path, int master, struct err **err)
{
	static const char name[] = "/dev/ptmx";
	auto_fd int sock = unix_connect(AT_FDCWD, path, SOCK_STREAM, err);
	if (sock < 0)
		return -1;
	if (fd_send(sock, name, sizeof(name) - 1, &master, 1) < 0)
		return err_sys(err, errno, "send the terminal to %s", path);
	return 0;
}

int foreground_signals(struct err **err)
{
	sigset_t set;
	sigfillset(&set);
	/* ours: faults, and job control of a shell that we are not asked to imitate */
	static const int kept[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT,
		SIGTTIN, SIGTTOU, SIGTSTP, SIGPIPE};
	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		sigdelset(&set, kept[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(err, errno, "block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(err, errno, "signalfd") : fd;
}

struct relay {
	int master, pidfd, signals;
	struct notify *notify; /* or NULL */
	bool in_open, raw;
	struct termios saved;
};

static void copy_size(const struct relay *r)
{
	struct winsize size;
	if (r->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(r->master, TIOCSWINSZ, &size);
}

static void terminal_start(struct relay *r)
{
	struct termios raw;
	r->in_open = r->master >= 0;
	copy_size(r);
	if (r->master < 0 || tcgetattr(STDIN_FILENO, &r->saved) < 0)
		return;
	raw = r->saved;
	cfmakeraw(&raw);
	r->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void forward_signals(const struct relay *r)
{
	struct signalfd_siginfo info;
	while (fd_read(r->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH)
			copy_size(r);
		else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGURG)
			syscall(SYS_pidfd_send_signal, r->pidfd, (int)info.ssi_signo, NULL, 0);
	}
}

/* One chunk; false at the end. A pty whose slaves are all closed reads as EIO. */
static bool copy(int from, int to)
{
	char chunk[16384];
	ssize_t n = fd_read(from, chunk, sizeof(chunk));
	return n > 0 && fd_write_all(to, chunk, (size_t)n) == 0;
}

/* Until the process has ended and, with a terminal, what it has written is out. */
static void relay_run(struct relay *r)
{
	bool out_open = r->master >= 0, ended = false;
	while (!ended || out_open) {
		struct pollfd p[] = {
			{.fd = ended ? -1 : r->pidfd, .events = POLLIN},
			{.fd = r->signals, .events = POLLIN},
			{.fd = out_open ? r->master : -1, .events = POLLIN},
			{.fd = r->in_open && out_open ? STDIN_FILENO : -1, .events = POLLIN},
			{.fd = r->notify ? r->notify->sock : -1, .events = POLLIN},
		};
		/* another process may hold the pty open for ever: after the end, what is there now is taken */
		int n = poll(p, ARRAY_LEN(p), ended ? 0 : -1);
		if (n < 0 && errno != EINTR)
			return;
		if (n == 0 && ended)
			return;
		if (n <= 0)
			continue;
		if (p[1].revents)
			forward_signals(r);
		if (p[4].revents)
			notify_forward(r->notify);
		if (p[2].revents)
			out_open = copy(r->master, STDOUT_FILENO);
		if (p[3].revents)
			r->in_open = copy(STDIN_FILENO, r->master);
		ended = ended || p[0].revents;
	}
}

int foreground_wait(
	pid_t pid, int pidfd, int master, int signals, struct notify *notify, struct err **err)
{
	struct relay r = {.master = master, .pidfd = pidfd, .signals = signals, .notify = notify};
	terminal_start(&r);
	relay_run(&r);
	if (r.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &r.saved);
	int status = proc_wait(pid);
	if (status < 0)
		return err_sys(err, errno, "wait for process %d", (int)pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
