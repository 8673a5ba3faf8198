#include "hooks.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
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

static void hook_exec(const struct plan_hook *hook, int in, int err, const struct hook_seal *seal)
	__attribute__((noreturn));
static void hook_exec(const struct plan_hook *hook, int in, int err, const struct hook_seal *seal)
{
	struct reporter nobody = {.sock = -1}; /* the exit status has to do */
	const char *alone[] = {hook->path, NULL};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) < 0 || dup2(null >= 0 ? null : err, 1) < 0 || dup2(err, 2) < 0)
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

/* Collects what the hook says on stderr until it ends. false when the time is up. */
static bool watch(int pidfd, int err, int timeout, char *said, size_t room)
{
	int64_t end = timeout > 0 ? milliseconds() + (int64_t)timeout * 1000 : 0;
	size_t len = 0;
	for (;;) {
		struct pollfd p[2] = {
			{.fd = pidfd, .events = POLLIN}, {.fd = err, .events = POLLIN}};
		int64_t left = end ? end - milliseconds() : -1;
		if (end && left <= 0)
			return false;
		if (poll(p, 2, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
			return false;
		if (p[1].revents & (POLLIN | POLLHUP)) {
			char chunk[256];
			ssize_t n = fd_read(err, chunk, sizeof(chunk));
			for (ssize_t i = 0; i < n && len + 1 < room; i++)
				said[len++] = chunk[i] == '\n' ? ' ' : chunk[i];
			said[len] = 0;
			if (n <= 0)
				err = -1;
			else if (!(p[0].revents & POLLIN) || len + 1 < room)
				continue; /* but not for ever, if it left somebody talking */
		}
		if (p[0].revents & POLLIN)
			return true;
	}
}

static int hook_failed(
	struct hook_fault *f, int sys, const char *what, const char *path, const char *why)
{
	f->sys = sys;
	report_format(f->text, sizeof(f->text), "error running %s hook %s: %s", what, path, why);
	return -1;
}

static int run_one(const struct plan_hook *hook, const struct hook_state *state, int pid,
	const char *what, const struct hook_seal *seal, struct hook_fault *fault)
{
	char said[256] = "", why[320];
	int pidfd_value = -1, pipefd[2];
	auto_fd int in = state_file(state, pid);
	if (in < 0 || pipe2(pipefd, O_CLOEXEC) < 0)
		return hook_failed(fault, errno, what, hook->path, err_text(errno));
	auto_fd int err = pipefd[0], theirs = pipefd[1];
	struct child_args args = {
		.flags = CLONE_CLEAR_SIGHAND, .pidfd = &pidfd_value, .exit_signal = SIGCHLD};
	pid_t child = child_clone(&args);
	if (child == 0)
		hook_exec(hook, in, theirs, seal);
	if (child < 0)
		return hook_failed(fault, errno, what, hook->path, err_text(errno));
	auto_fd int pidfd = pidfd_value;
	fd_close(steal_fd(&theirs));
	bool in_time = watch(pidfd, err, hook->timeout, said, sizeof(said));
	if (!in_time)
		child_pidfd_signal(pidfd, SIGKILL);
	int status = 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!in_time)
		return hook_failed(fault, ETIMEDOUT, what, hook->path, "its time is up");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	report_format(why, sizeof(why), "exit status %d%s%s", child_exit_code(status),
		said[0] ? ", stderr: " : "", said);
	return hook_failed(fault, 0, what, hook->path, why);
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
