/* The container's end, step by step; container.h has the order and why. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "container_private.h"
#include "sys/child.h"
#include <sys/wait.h>

/* How long others may keep the container's stdout open after init has ended. Only a container that shares
 * somebody's pid namespace has such others, and they have just been killed. */
#define GRACE (2 * TIME_NS_PER_SEC)

void container_init_ended(struct container *c, int status)
{
	c->init_reaped = true;
	c->state = MONITOR_DEAD;
	c->exit.finished_at = time_now();
	c->exit.code = child_exit_code(status);
	c->exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (c->oom) {
		oom_watch_check(c->oom);
		c->exit.oom = oom_watch_seen(c->oom);
	}
	auto_err *err = NULL;
	if (!c->own_pids && c->run->cgroup && cgroup_kill(c->run->cgroup, SIGKILL, &err) < 0)
		log_warn("container %s: %s", c->id, err_msg(err));
	session_end(c->session, GRACE);
	exec_end_all(c);
}

/* The truth for a daemon that is away, so it comes before the news. */
static void record(struct container *c)
{
	auto_err *err = NULL;
	if (monitor_exit_write(c->disk, &c->exit, &err) < 0)
		log_error("container %s: exit record: %s", c->id, err_msg(err));
	auto_buf event = BUF_INIT;
	monitor_exit_encode(&c->exit, &event);
	c->owner.event(c->owner.arg, MONITOR_EXITED, &event);
	c->exited_sent = true;
}

static void let_go(struct container *c)
{
	auto_err *err = NULL;
	const struct plan *plan = c->plan.plan;
	pid_t pid = c->run->pid;
	oom_watch_free(steal_ptr(c->oom));
	c->run->pid = 0; /* reaped: the number may be another's by now */
	run_destroy(steal_ptr(c->run));
	if (plan && plan->poststop.count && run_poststop(plan, pid, &err) < 0)
		log_warn("container %s: %s", c->id, err_msg(err));
	received_plan_free(&c->plan);
	unlinkat(c->run_dir, MONITOR_INIT_PIDFILE, 0);
	c->finished = true;
	c->owner.finished(c->owner.arg);
}

void container_end_on(struct container *c)
{
	if (!c->init_reaped)
		return;
	if (!c->exited_sent && session_drained(c->session) && exec_all_over(c)) {
		/* in this order: a client whose stream has ended asks for the exit code */
		record(c);
		session_detach_all(c->session);
	}
	if (c->exited_sent && !c->finished)
		let_go(c);
	if (c->finished && c->session_deserted && exec_all_deserted(c))
		c->owner.deserted(c->owner.arg);
}
