#include "tls.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/timefmt.h"

#define RESTART_PAUSE TIME_NS_PER_SEC

struct tls_front {
	struct loop *loop;
	struct server *server;
	struct tls_options options;
	int listener;
	pid_t pid;
	int pidfd, control;
	struct loop_source *on_exit, *on_client;
	struct loop_timer *again;
};

static int start(struct tls_front *t, struct err **err);

static void on_client(struct loop_source *source, uint32_t events, void *arg)
{
	struct tls_front *t = arg;
	char byte;
	int fd;
	size_t count = 1;
	(void)events;
	ssize_t n = fd_recv(t->control, &byte, 1, &fd, &count);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		loop_mod(source, 0); /* its end is noticed by the pidfd */
		return;
	}
	if (count == 1)
		server_serve(t->server, fd);
}

static void forget(struct tls_front *t)
{
	loop_del(t->on_exit);
	loop_del(t->on_client);
	t->on_exit = t->on_client = NULL;
	fd_closep(&t->pidfd);
	fd_closep(&t->control);
	t->pid = 0;
}

static void try_again(struct loop_timer *timer, void *arg)
{
	struct tls_front *t = arg;
	auto_err *e = NULL;
	if (start(t, &e) < 0) {
		log_error("cannot start kist-tls: %s", err_msg(e));
		loop_timer_set(timer, time_mono() + RESTART_PAUSE);
	}
}

static void on_exit_of_program(struct loop_source *source, uint32_t events, void *arg)
{
	struct tls_front *t = arg;
	(void)source;
	(void)events;
	int status = proc_wait(t->pid);
	log_error("kist-tls ended unexpectedly (status 0x%x): starting it again", (unsigned)status);
	forget(t);
	loop_timer_set(t->again, time_mono() + RESTART_PAUSE);
}

static int start(struct tls_front *t, struct err **err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a control socket for kist-tls");
	auto_fd int theirs = pair[1];
	t->control = pair[0];
	char *argv[] = {(char *)(uintptr_t) "kist-tls", (char *)(uintptr_t)t->options.cert,
		(char *)(uintptr_t)t->options.key,
		(char *)(uintptr_t)(t->options.verify ? t->options.ca : NULL), NULL};
	struct proc_fd fds[] = {{t->listener, 3}, {theirs, 4}, {STDERR_FILENO, STDERR_FILENO}};
	struct proc_spec spec = {.path = t->options.program,
		.argv = argv,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.die_with_parent = true};
	t->pid = proc_start(&spec, &t->pidfd, err);
	if (t->pid < 0)
		goto fail;
	fd_set_blocking(t->control, false);
	t->on_exit = loop_add(t->loop, t->pidfd, EPOLLIN, on_exit_of_program, t, err);
	t->on_client = loop_add(t->loop, t->control, EPOLLIN, on_client, t, err);
	if (t->on_exit && t->on_client)
		return 0;
	kill(t->pid, SIGKILL);
	proc_wait(t->pid);
fail:
	forget(t);
	return -1;
}

/* The program says whether it could read its files by the first packet, or goes. */
static int await_ready(struct tls_front *t, struct err **err)
{
	char byte;
	int fd;
	size_t count = 1;
	fd_set_blocking(t->control, true);
	ssize_t n = fd_recv(t->control, &byte, 1, &fd, &count);
	fd_set_blocking(t->control, false);
	if (n == 1)
		return 0;
	proc_wait(t->pid);
	return err_set(err, ERR_INVALID, "kist-tls did not start: see its message above");
}

struct tls_front *tls_start(struct loop *loop, struct server *server,
	const struct tls_options *options, int listener, struct err **err)
{
	struct tls_front *t = xcalloc(1, sizeof(*t));
	*t = (struct tls_front){.loop = loop,
		.server = server,
		.options = *options,
		.listener = listener,
		.pidfd = -1,
		.control = -1};
	if (start(t, err) < 0 || await_ready(t, err) < 0) {
		forget(t);
		fd_close(listener);
		free(t);
		return NULL;
	}
	t->again = loop_timer_add(loop, -1, try_again, t);
	return t;
}

void tls_stop(struct tls_front *t)
{
	if (!t)
		return;
	if (t->pid > 0) {
		kill(t->pid, SIGTERM);
		proc_wait(t->pid);
	}
	forget(t);
	loop_timer_del(t->again);
	fd_close(t->listener);
	free(t);
}
