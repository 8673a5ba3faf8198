#include "hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "creds.h"
#include "report.h"
#include "runtime/run.h"
#include "sys/child.h"

static void add_string(struct buf *b, const char *key, const char *value)
{
	buf_add_json_string(b, key, strlen(key));
	buf_addc(b, ':');
	buf_add_json_string(b, value ? value : "", value ? strlen(value) : 0);
}

void hook_state_make(struct hook_state *out, const struct plan *plan, const char *status)
{
	auto_buf head = BUF_INIT;
	auto_buf tail = BUF_INIT;
	buf_addc(&head, '{');
	add_string(&head, "ociVersion", plan->oci_version);
	buf_addc(&head, ',');
	add_string(&head, "id", plan->id);
	buf_addc(&head, ',');
	add_string(&head, "status", status);
	buf_adds(&head, ",\"pid\":");
	buf_addc(&tail, ',');
	add_string(&tail, "bundle", plan->bundle);
	if (plan->annotation_count)
		buf_adds(&tail, ",\"annotations\":{");
	for (size_t i = 0; i < plan->annotation_count; i++) {
		if (i)
			buf_addc(&tail, ',');
		add_string(&tail, plan->annotations[i].key, plan->annotations[i].value);
	}
	buf_adds(&tail, plan->annotation_count ? "}}" : "}");
	out->head = buf_steal(&head);
	out->tail = buf_steal(&tail);
}

void hook_state_free(struct hook_state *state)
{
	free(state->head);
	free(state->tail);
	*state = (struct hook_state){0};
}

/* The document in a memory file: a hook that does not read its stdin blocks nobody. */
static int state_file(const struct hook_state *state, int pid)
{
	char number[16];
	int n = report_format(number, sizeof(number), "%d", pid);
	auto_fd int fd = (int)syscall(SYS_memfd_create, "state", MFD_CLOEXEC);
	if (fd < 0 || fd_write_all(fd, state->head, strlen(state->head)) < 0 ||
		fd_write_all(fd, number, (size_t)n) < 0 ||
		fd_write_all(fd, state->tail, strlen(state->tail)) < 0 ||
		lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return steal_fd(&fd);
}

/* @parent waits for the hook, which goes with it (but for a program that gains privileges by being executed). With @seal that
 * is the container's first process, and what filters it may have by now need not let us ask for it. */
static void hook_exec(const struct plan_hook *hook, const int streams[3],
	const struct hook_seal *seal, pid_t parent) __attribute__((noreturn));
static void hook_exec(const struct plan_hook *hook, const int streams[3],
	const struct hook_seal *seal, pid_t parent)
{
	if (!seal && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent))
		_exit(126);
	struct reporter nobody = {.sock = -1}; /* the exit status has to do */
	const char *alone[] = {hook->path, NULL};
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 3; i++)
		if (dup2(streams[i], i) < 0)
			_exit(126);
	/* not at exec: the path itself might lead through one of them */
	child_close_from(3, 0);
	const char *const *args = hook->args && hook->args[0] ? hook->args : alone;
	const char *const *env = (const char *const *)hook->env;
	if (!env || !env[0])
		env = seal ? seal->env : (const char *const *)environ;
	if (seal && !seal->done)
		creds_seal(seal->process, seal->user, &nobody);
	execve(hook->path, (char *const *)args, (char *const *)env);
	const char *text = err_text(errno);
	fd_write_all(2, text, strlen(text));
	_exit(127);
}

static int64_t milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The beginning of what a hook says on one stream. */
struct said {
	int fd; /* -1: at its end */
	size_t len;
	char text[192];
};

/* Takes what is there. Whether there may be more that is worth taking. */
static bool hear(struct said *s)
{
	char chunk[256];
	ssize_t n = fd_read(s->fd, chunk, sizeof(chunk));
	if (n <= 0)
		s->fd = -1;
	for (ssize_t i = 0; i < n && s->len + 1 < sizeof(s->text); i++) {
		unsigned char c = (unsigned char)chunk[i];
		s->text[s->len++] = chunk[i];
		if (c < 0x20 || c == 0x7f)
			s->text[s->len - 1] = ' ';
	}
	s->text[s->len] = 0;
	return n > 0 && s->len + 1 < sizeof(s->text);
}

/* Collects what the hook says until it ends. false when the time is up. */
static bool watch(int pidfd, struct said said[2], int timeout)
{
	int64_t end = timeout > 0 ? milliseconds() + (int64_t)timeout * 1000 : 0;
	bool ended = false;
	for (;;) {
		struct pollfd p[3] = {{.fd = said[0].fd, .events = POLLIN},
			{.fd = said[1].fd, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
		int64_t left = end ? end - milliseconds() : -1;
		if (end && left <= 0)
			return ended;
		if (poll(p, 3, left > INT32_MAX ? INT32_MAX : (int)left) < 0) {
			if (errno != EINTR)
				return false;
			continue;
		}
		bool more = false;
		for (int i = 0; i < 2; i++)
			if (p[i].revents && hear(&said[i]))
				more = true;
		/* poll(2) looks at one after the other: its last words may have come in between. What it left behind
		 * may talk for ever. */
		if (ended && !more)
			return true;
		ended = p[2].revents;
	}
}

static const char *trimmed(struct said *s)
{
	while (s->len && s->text[s->len - 1] == ' ')
		s->text[--s->len] = 0;
	return s->text;
}

static int hook_failed(
	struct hook_fault *f, int sys, const char *what, const char *path, const char *why)
{
	f->sys = sys;
	report_format(f->text, sizeof(f->text), "error running %s hook %s: %s", what, path, why);
	return -1;
}

/* In runc's words, which are Go's of how a process ended. */
static int hook_ended(struct hook_fault *fault, const char *what, const char *path, int status,
	struct said said[2])
{
	char why[480];
	const char *name = WIFSIGNALED(status) ? sigdescr_np(WTERMSIG(status)) : NULL;
	const char *how = name			? "signal: "
			  : WIFSIGNALED(status) ? "signal: signal "
						: "exit status ";
	const char *out = trimmed(&said[0]), *err = trimmed(&said[1]);
	if (name) {
		/* but for "CPU time limit exceeded" and the like */
		char lower[2] = {(char)(name[1] >= 'a' ? name[0] | 0x20 : name[0]), 0};
		report_format(why, sizeof(why), "%s%s%s, stdout: %s, stderr: %s", how, lower,
			name + 1, out, err);
	} else {
		int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
		report_format(
			why, sizeof(why), "%s%d, stdout: %s, stderr: %s", how, number, out, err);
	}
	return hook_failed(fault, 0, what, path, why);
}

static int run_one(const struct plan_hook *hook, const struct hook_state *state, int pid,
	const char *what, const struct hook_seal *seal, struct hook_fault *fault)
{
	struct said said[2] = {{.fd = -1}, {.fd = -1}};
	int pidfd_value = -1, outs[2], errs[2];
	auto_fd int in = state_file(state, pid);
	if (in < 0 || pipe2(outs, O_CLOEXEC) < 0)
		return hook_failed(fault, errno, what, hook->path, err_text(errno));
	auto_fd int out = outs[0], their_out = outs[1];
	if (pipe2(errs, O_CLOEXEC) < 0)
		return hook_failed(fault, errno, what, hook->path, err_text(errno));
	auto_fd int err = errs[0], their_err = errs[1];
	struct child_args args = {
		.flags = CLONE_CLEAR_SIGHAND, .pidfd = &pidfd_value, .exit_signal = SIGCHLD};
	pid_t self = getpid();
	pid_t child = child_clone(&args);
	if (child == 0)
		hook_exec(hook, (const int[3]){in, their_out, their_err}, seal, self);
	if (child < 0)
		return hook_failed(fault, errno, what, hook->path, err_text(errno));
	auto_fd int pidfd = pidfd_value;
	fd_close(steal_fd(&their_out));
	fd_close(steal_fd(&their_err));
	said[0].fd = out;
	said[1].fd = err;
	bool in_time = watch(pidfd, said, hook->timeout);
	if (!in_time)
		child_pidfd_signal(pidfd, SIGKILL);
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!in_time)
		return hook_failed(fault, ETIMEDOUT, what, hook->path, "its time is up");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return hook_ended(fault, what, hook->path, status, said);
}

int hooks_run(const struct plan_hooks *hooks, const struct hook_state *state, int pid,
	const char *what, const struct hook_seal *seal, struct hook_fault *fault)
{
	for (size_t i = 0; i < hooks->count; i++)
		if (run_one(&hooks->v[i], state, pid, what, seal, fault) < 0)
			return -1;
	return 0;
}

static void tell_debug(const struct plan_hooks *hooks, const char *what)
{
	for (size_t i = 0; i < hooks->count; i++)
		log_debug("%s hook %s", what, hooks->v[i].path);
}

int run_poststop(const struct plan *plan, pid_t pid, struct err **err)
{
	const struct plan_hooks *hooks = &plan->poststop;
	struct hook_state state;
	struct hook_fault fault;
	auto_buf faults = BUF_INIT;
	if (!hooks->count)
		return 0;
	hook_state_make(&state, plan, "stopped");
	tell_debug(hooks, "poststop");
	for (size_t i = 0; i < hooks->count; i++)
		if (run_one(&hooks->v[i], &state, (int)pid, "poststop", NULL, &fault) < 0)
			buf_addf(&faults, "%s%s", faults.len ? "; " : "", fault.text);
	hook_state_free(&state);
	return faults.len ? err_set(err, ERR_SYSTEM, "%s", buf_str(&faults)) : 0;
}

int run_hooks(const struct plan_hooks *hooks, const struct plan *plan, const char *status,
	pid_t pid, const char *what, struct err **err)
{
	struct hook_state state;
	struct hook_fault fault;
	if (!hooks->count)
		return 0;
	hook_state_make(&state, plan, status);
	tell_debug(hooks, what);
	int r = hooks_run(hooks, &state, (int)pid, what, NULL, &fault);
	hook_state_free(&state);
	return r < 0 ? err_set(err, ERR_SYSTEM, "%s", fault.text) : 0;
}
