/*
 * From the gate to exec: opening it, and hearing what becomes of the program. The listener of a filter with
 * SCMP_ACT_NOTIFY is passed on to its agent on the way.
 */
#include "runtime/run.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "hooks.h"
#include "listener.h"
#include "report.h"
#include "run_private.h"
#include "sys/child.h"

/* Two programs find each other's end by exit, so a child that died without a word is named by its
 * signal. */
int run_died(const struct run *run, const char *when, struct err **err)
{
	siginfo_t info = {0};
	waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED | WNOWAIT);
	if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
		return err_set(err, ERR_SYSTEM,
			"the container's first process was killed by signal %d %s%s",
			info.si_status, when,
			info.si_status == SIGKILL ? " (perhaps for want of memory)" : "");
	return err_set(err, ERR_SYSTEM, "the container's first process ended %s (status %d)", when,
		info.si_status);
}

/* An init on its way from the gate to exec. */
struct starting {
	const struct plan *plan;
	int sock;
	pid_t pid;
	int pidfd;
	bool told; /* init announced exec */
	bool listened; /* the agent has the listener */
};

/* Whatever happens here, the child goes on only once the agent has the listener. */
static int pass_listener(
	const struct starting *s, const struct report *report, int passed, struct err **err)
{
	struct hook_state state;
	auto_fd int listener = listener_take(report, passed, s->pidfd, err);
	if (listener < 0)
		return -1;
	hook_state_make(&state, s->plan, "created");
	auto_free char *text = xasprintf("%s%d%s", state.head, (int)s->pid, state.tail);
	hook_state_free(&state);
	if (listener_send(&s->plan->process, text, s->pid, listener, err) < 0)
		return -1;
	report_permit(s->sock, PERMIT_HEARD);
	return 0;
}

static int take_listener(
	struct starting *s, const struct report *report, int passed, struct err **err)
{
	if (report->type != REPORT_LISTENER || !s->plan->process.listener_path || s->listened)
		return report_unexpected(report, passed, err);
	s->listened = true;
	return pass_listener(s, report, passed, err);
}

/* Until the socket ends. */
static int wait_exec(struct starting *s, struct err **err)
{
	struct report report;
	int got, fd = -1;
	if (!s->plan->process.listener_path)
		report_await_end(s->sock, -1);
	while ((got = report_receive(s->sock, &report, &fd)) == 1) {
		if (report.type == REPORT_ERROR)
			return report_to_err(&report, err);
		int r = report.type == REPORT_EXEC ? 0 : take_listener(s, &report, fd, err);
		if (r < 0) {
			/* it may wait for an agent that will never come */
			child_pidfd_signal(s->pidfd, SIGKILL);
			return -1;
		}
		s->told = s->told || report.type == REPORT_EXEC;
	}
	return got < 0 ? err_sys(err, errno, "hear from the container's first process") : 0;
}

int run_start(struct run *run, const struct plan *plan, struct err **err)
{
	struct starting s = {.plan = plan, .sock = run->gate, .pid = run->pid, .pidfd = run->pidfd};
	int r = 0;
	if (!run->gate_open && report_permit(run->gate, PERMIT_GO) < 0 && errno != EPIPE)
		r = err_sys(err, errno, "open the container's gate");
	if (r == 0)
		r = wait_exec(&s, err);
	if (r == 0 && !s.told)
		r = run_died(run, "before its program was executed", err);
	fd_close(run->gate);
	run->gate = -1;
	if (r < 0) {
		child_pidfd_signal(run->pidfd, SIGKILL);
		proc_wait(run->pid);
		run->pid = 0;
	}
	return r;
}

int run_start_at(int sock, const struct plan *plan, pid_t pid, int pidfd, struct err **err)
{
	struct starting s = {.plan = plan, .sock = sock, .pid = pid, .pidfd = pidfd};
	if (report_permit(sock, PERMIT_GO) < 0)
		return err_sys(err, errno, "open the container's gate");
	if (wait_exec(&s, err) < 0)
		return -1;
	return s.told ? 0
		      : err_set(err, ERR_SYSTEM,
				"the container's first process ended before its program was "
				"executed");
}
