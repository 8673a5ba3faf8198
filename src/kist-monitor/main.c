/*
 * kist-monitor: one per container, parent of its init and owner of its stdio. runtime/monitor.h says how it is
 * started and what it understands; README.md has the tour.
 */
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "container.h"
#include "serve.h"

/*
 * All signals come through a descriptor, and all but SIGCHLD are thrown away: the monitor ends when its
 * container has ended, not when somebody stops the daemon's process group. Blocked rather than ignored:
 * what is ignored stays so in the container.
 */
static int take_signals(struct err **err)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	int fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return err_sys(err, errno, "signalfd");
	return fd;
}

static void signalled(struct loop_source *source, uint32_t events, void *arg)
{
	struct signalfd_siginfo info[8];
	while (fd_read(loop_source_fd(source), info, sizeof(info)) > 0)
		;
	server_reap(arg);
}

/* The last to be killed when memory is short: with it the container's exit would be lost. Lowering takes
 * CAP_SYS_RESOURCE; without it things stay as they are. */
static void protect(void)
{
	auto_err *err = NULL;
	if (file_write(AT_FDCWD, "/proc/self/oom_score_adj", "-999", 4, &err) < 0)
		log_debug("%s", err_msg(err));
}

static int become(struct err **err)
{
	for (int fd = MONITOR_FD_SOCKET; fd <= MONITOR_FD_RUN; fd++)
		if (fd_set_cloexec(fd, true) < 0)
			return err_sys(err, errno, "descriptor %d, which the daemon gives", fd);
	if (fd_set_blocking(MONITOR_FD_SOCKET, false) < 0)
		return err_sys(err, errno, "listening socket");
	setsid(); /* fails if it leads a session already */
	if (chdir("/") < 0)
		return err_sys(err, errno, "chdir /");
	umask(022);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(err, errno, "become a subreaper");
	protect();
	return container_write_monitor_pid(MONITOR_FD_RUN, err);
}

static int monitor(char *id, struct err **err)
{
	/* small steps: what a burst of output took is given back */
	mallopt(M_TRIM_THRESHOLD, 16384);
	mallopt(M_TOP_PAD, 4096);
	mallopt(M_MMAP_THRESHOLD, 16384);
	auto_fd int signals = take_signals(err);
	if (signals < 0 || become(err) < 0)
		return -1;
	struct loop *loop = loop_new(err);
	if (!loop)
		return -1;
	struct server *server = NULL;
	int r = server_new(
		&server, loop, id, MONITOR_FD_SOCKET, MONITOR_FD_DISK, MONITOR_FD_RUN, err);
	if (r == 0)
		server_title(server, id);
	if (r == 0 && !loop_add(loop, signals, EPOLLIN, signalled, server, err))
		r = -1;
	if (r == 0)
		r = loop_run(loop, err);
	if (server)
		server_free(server);
	loop_free(loop);
	return r;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("kist-monitor is started by kistd, with a container's id\n", stderr);
		return 2;
	}
	/* executed by descriptor: kernels before 6.14 name the process by its number */
	prctl(PR_SET_NAME, "kist-monitor", 0, 0, 0);
	auto_err *err = NULL;
	if (monitor(argv[1], &err) < 0) {
		log_error("monitor of %s: %s", argv[1], err_msg(err));
		return 1;
	}
	return 0;
}
