#include "base/proc.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/asan.h"
#include "base/fdio.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#define CHILD_STACK (16u << 10) /* of which it uses a page */

/* What the child needs, prepared before: nothing is allocated in it, which has our memory. */
struct child {
	const struct proc_spec *spec;
	char *const *env;
	int *from; /* per spec->fds, already above every target number */
	int report;
	int null;
	pid_t parent;
};

static void child_fail(const struct child *c)
{
	int saved = errno;
	ssize_t ignored = write(c->report, &saved, sizeof(saved));
	(void)ignored;
	_exit(127);
}

static void child_fds(const struct child *c)
{
	unsigned int top = 3;
	for (int i = 0; i < 3; i++)
		if (dup2(c->null, i) < 0)
			child_fail(c);
	for (size_t i = 0; i < c->spec->nfds; i++) {
		int to = c->spec->fds[i].to;
		if (dup2(c->from[i], to) < 0)
			child_fail(c);
		if ((unsigned int)to >= top)
			top = (unsigned int)to + 1;
	}
	/* everything that was not named goes at exec; the report closes by CLOEXEC as well */
	syscall(SYS_close_range, top, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* A daemon raises its own soft limit; what it starts should not inherit that (programs that close
 * every possible descriptor, select(2)). */
static void child_limits(const struct child *c)
{
	struct rlimit limit;
	if (c->spec->nofile_soft == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_cur > c->spec->nofile_soft) {
		limit.rlim_cur = c->spec->nofile_soft;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

void signal_default(int sig)
{
	/* the kernel's struct sigaction, whatever its members' order: SIG_DFL, no flags, nothing blocked */
	const char none[64] = {0};
	int saved = errno;
	syscall(SYS_rt_sigaction, sig, none, NULL, SIGNAL_LAST / 8);
	errno = saved;
}

static int child_run(void *arg)
{
	const struct child *c = arg;
	for (int sig = 1; sig <= SIGNAL_LAST; sig++)
		signal_default(sig);
	child_fds(c);
	if (c->spec->die_with_parent) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
			child_fail(c);
		if (getppid() != c->parent)
			_exit(127);
	}
	child_limits(c);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(c->spec->path, c->spec->argv, c->env);
	child_fail(c);
	return 127;
}

/*
 * In our memory, on a piece of our stack, as posix_spawn(3) does it; we stand still until it executes or ends, other
 * threads do not. What fork(2) would copy grows with us: page tables first, and then every page that is written to.
 * It has its own descriptors, signal handlers and limits; errno is ours, which is not looked at if there is a child.
 */
static pid_t child_start(struct child *c)
{
	_Alignas(16) char stack[CHILD_STACK];
	pid_t pid = clone(child_run, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, c);
#ifdef __SANITIZE_ADDRESS__
	/* no function of the child's has returned, and AddressSanitizer's notes of them are ours, too */
	int saved = errno;
	__asan_unpoison_memory_region(stack, sizeof(stack));
	errno = saved;
#endif
	return pid;
}

static int highest_target(const struct proc_spec *spec)
{
	int top = 2;
	for (size_t i = 0; i < spec->nfds; i++)
		if (spec->fds[i].to > top)
			top = spec->fds[i].to;
	return top;
}

pid_t proc_start(const struct proc_spec *spec, int *pidfd, struct err **err)
{
	static char *const plain_env[] = {
		(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	int floor = highest_target(spec) + 1;
	int from[FD_PASS_MAX];
	if (spec->nfds > FD_PASS_MAX)
		return err_set(err, ERR_INVALID, "start %s: too many descriptors", spec->path);
	int pipefd[2];
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return err_sys(err, errno, "start %s: pipe", spec->path);
	auto_fd int report_in = pipefd[0], report_low = pipefd[1];
	auto_fd int report = fcntl(report_low, F_DUPFD_CLOEXEC, floor);
	auto_fd int null_low = open("/dev/null", O_RDWR | O_CLOEXEC);
	auto_fd int null = null_low < 0 ? -1 : fcntl(null_low, F_DUPFD_CLOEXEC, floor);
	size_t have = 0;
	bool ok = report >= 0 && null >= 0;
	for (; ok && have < spec->nfds; have++) {
		from[have] = fcntl(spec->fds[have].from, F_DUPFD_CLOEXEC, floor);
		if (from[have] < 0) {
			ok = false;
			break;
		}
	}
	pid_t pid = -1;
	int failure = errno;
	if (ok) {
		fd_close(steal_fd(&report_low));
		struct child c = {
			.spec = spec,
			.env = spec->env ? spec->env : plain_env,
			.from = from,
			.report = report,
			.null = null,
			.parent = getpid(),
		};
		sigset_t all, old;
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, &old);
		pid = child_start(&c);
		failure = errno;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
	}
	for (size_t i = 0; i < have; i++)
		close(from[i]);
	if (pid < 0)
		return err_sys(err, failure, "start %s", spec->path);
	fd_close(steal_fd(&report));
	int child_errno = 0;
	if (fd_read_full(report_in, &child_errno, sizeof(child_errno)) == 0) {
		proc_wait(pid);
		return err_sys(err, child_errno, "start %s", spec->path);
	}
	if (pidfd) {
		*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (*pidfd < 0) {
			int saved = errno;
			kill(pid, SIGKILL);
			proc_wait(pid);
			return err_sys(err, saved, "start %s: pidfd_open", spec->path);
		}
	}
	return pid;
}

int proc_wait(pid_t pid)
{
	int status;
	pid_t r;
	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : status;
}

/* Moves what can be moved on one of the three pipes; closes it at its end. */
static int pump_read(int *fd, struct buf *to, size_t max)
{
	char chunk[8192];
	ssize_t n = fd_read(*fd, chunk, sizeof(chunk));
	if (n > 0 && to && to->len < max)
		buf_add(to, chunk, (size_t)n < max - to->len ? (size_t)n : max - to->len);
	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		fd_close(*fd);
		*fd = -1;
	}
	return 0;
}

static void pump(int *in, int *out, int *errfd, const char *input, size_t ninput, size_t max,
	struct buf *outbuf, struct buf *errbuf)
{
	while (*in >= 0 || *out >= 0 || *errfd >= 0) {
		struct pollfd p[3] = {
			{.fd = *in, .events = POLLOUT},
			{.fd = *out, .events = POLLIN},
			{.fd = *errfd, .events = POLLIN},
		};
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents) {
			ssize_t n = ninput ? fd_write(*in, input, ninput) : 0;
			if (n > 0) {
				input += n;
				ninput -= (size_t)n;
			}
			if (!ninput || (n < 0 && errno != EAGAIN)) {
				close(*in);
				*in = -1;
			}
		}
		if (p[1].revents)
			pump_read(out, outbuf, max);
		if (p[2].revents)
			pump_read(errfd, errbuf, max);
	}
}

int proc_run(const struct proc_spec *spec, const void *input, size_t ninput, size_t max,
	struct buf *out, struct buf *errout, struct err **err)
{
	int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
	int status = -1;
	for (int i = 0; i < 3; i++) {
		if (pipe2(pipes[i], O_CLOEXEC) < 0) {
			err_sys(err, errno, "run %s: pipe", spec->path);
			goto done;
		}
	}
	struct proc_fd fds[FD_PASS_MAX];
	size_t n = 0;
	fds[n++] = (struct proc_fd){pipes[0][0], 0};
	fds[n++] = (struct proc_fd){pipes[1][1], 1};
	fds[n++] = (struct proc_fd){pipes[2][1], 2};
	for (size_t i = 0; i < spec->nfds && n < FD_PASS_MAX; i++)
		fds[n++] = spec->fds[i];
	struct proc_spec with = *spec;
	with.fds = fds;
	with.nfds = n;
	pid_t pid = proc_start(&with, NULL, err);
	if (pid < 0)
		goto done;
	fd_closep(&pipes[0][0]);
	fd_closep(&pipes[1][1]);
	fd_closep(&pipes[2][1]);
	fd_set_blocking(pipes[0][1], false);
	pump(&pipes[0][1], &pipes[1][0], &pipes[2][0], input, ninput, max, out, errout);
	status = proc_wait(pid);
	if (status < 0)
		err_sys(err, errno, "wait for %s", spec->path);
done:
	for (int i = 0; i < 3; i++) {
		fd_closep(&pipes[i][0]);
		fd_closep(&pipes[i][1]);
	}
	return status;
}
