#include "container.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "container_private.h"
#include "sys/child.h"

static void session_told_drained(void *arg)
{
	container_end_on(arg);
}

static void session_told_deserted(void *arg)
{
	struct container *c = arg;
	c->session_deserted = true;
	container_end_on(c);
}

static void session_told_detached(void *arg)
{
	struct container *c = arg;
	auto_buf id = BUF_INIT;
	wire_put_str(&id, NULL);
	c->owner.event(c->owner.arg, MONITOR_DETACHED, &id);
}

static void session_told_left(void *arg)
{
	struct container *c = arg;
	if (c->state == MONITOR_IDLE)
		session_told_detached(arg);
}

int container_write_monitor_pid(int run_dir, struct err **err)
{
	char text[64];
	int n = snprintf(
		text, sizeof(text), "%d %" PRIu64 "\n", (int)getpid(), run_start_ticks(getpid()));
	return file_replace(run_dir, MONITOR_PIDFILE, text, (size_t)n, 0600, false, err);
}

struct container *container_new(struct loop *loop, const char *id, int disk, int run_dir,
	const struct container_owner *owner)
{
	struct container *c = xcalloc(1, sizeof(*c));
	*c = (struct container){
		.loop = loop, .id = xstrdup(id), .disk = disk, .run_dir = run_dir, .owner = *owner};
	struct session_owner told = {session_told_drained, session_told_deserted,
		session_told_detached, session_told_left, c};
	c->session = session_new(loop, &told);
	return c;
}

static int wrong_state(const struct container *c, const char *what, struct err **err)
{
	static const char *const names[] = {"not created", "created", "running", "dead"};
	return err_set(err, ERR_CONFLICT, "%s: container %s is %s", what, c->id, names[c->state]);
}

int container_adopt(struct container *c, const char *id, int disk, int run_dir, struct err **err)
{
	if (c->state != MONITOR_IDLE || c->configured)
		return wrong_state(c, "adopt", err);
	if (dup3(disk, c->disk, O_CLOEXEC) < 0 || dup3(run_dir, c->run_dir, O_CLOEXEC) < 0)
		return err_sys(err, errno, "take the container's folders");
	str_replace(&c->id, id);
	return container_write_monitor_pid(c->run_dir, err);
}

int container_configure(struct container *c, const struct monitor_config *config, struct err **err)
{
	if (c->state != MONITOR_IDLE)
		return wrong_state(c, "configure", err);
	struct logfile *log = NULL;
	if (config->log_enabled &&
		logfile_open(&log, c->disk, config->log_name, config->log_max_size,
			config->log_max_file, config->log_attrs, err) < 0)
		return -1;
	session_configure(c->session, config->tty, config->open_stdin, config->stdin_once, log);
	logfile_close(c->log);
	c->log = log;
	c->tty = config->tty;
	c->configured = true;
	return 0;
}

int container_attach(
	struct container *c, const struct monitor_attach *attach, int conn, struct err **err)
{
	if (!attach->exec_id) {
		if (c->state == MONITOR_DEAD)
			return wrong_state(c, "attach", err);
		return session_attach(c->session, attach, conn, err);
	}
	struct exec *e = exec_find(c, attach->exec_id);
	if (!e || !e->session)
		return err_set(err, ERR_NOT_FOUND, "no such exec: %s", attach->exec_id);
	return session_attach(e->session, attach, conn, err);
}

/* ---- making ---- */

/* Back to IDLE: everything of a container that was being made is undone. */
static void undo(struct container *c)
{
	oom_watch_free(steal_ptr(c->oom));
	if (c->run)
		run_destroy(steal_ptr(c->run));
	session_abort(c->session);
	received_plan_free(&c->plan);
	unlinkat(c->run_dir, MONITOR_INIT_PIDFILE, 0);
	c->state = MONITOR_IDLE;
}

static int take_namespaces(struct plan *plan, uint32_t mask, const int *ns, struct err **err)
{
	if (mask >> OCI_NS_COUNT)
		return err_set(err, ERR_INVALID, "unknown namespaces were sent");
	for (int i = 0; i < OCI_NS_COUNT; i++)
		plan->ns_fd[i] = mask & (1u << i) ? *ns++ : -1;
	return 0;
}

static void killed_for_memory(void *arg)
{
	struct container *c = arg;
	auto_buf nothing = BUF_INIT;
	c->owner.event(c->owner.arg, MONITOR_OOM, &nothing);
}

/* What a daemon needs that finds neither a monitor nor an exit record. */
static int write_pid(struct container *c, uint64_t generation, struct err **err)
{
	char text[80];
	int n = snprintf(text, sizeof(text), "%d %" PRIu64 " %" PRIu64 "\n", (int)c->run->pid,
		c->run->start_ticks, generation);
	return file_replace(c->run_dir, MONITOR_INIT_PIDFILE, text, (size_t)n, 0600, false, err);
}

static int open_netns(const struct container *c, struct err **err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)c->run->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	return fd;
}

static int make(
	struct container *c, uint64_t generation, struct monitor_created *out, struct err **err)
{
	const struct plan *plan = c->plan.plan;
	struct run_io io;
	if (session_open(c->session, &io, err) < 0)
		return -1;
	if (run_create(&c->run, plan, &io, true, err) < 0)
		return -1;
	if (write_pid(c, generation, err) < 0)
		return -1;
	*out = (struct monitor_created){
		.pid = c->run->pid, .start_ticks = c->run->start_ticks, .netns = -1};
	if (plan->ns_new & CLONE_NEWNET) {
		out->netns = open_netns(c, err);
		if (out->netns < 0)
			return -1;
	}
	session_run(c->session, steal_fd(&c->run->tty_master));
	if (c->run->cgroup)
		c->oom = oom_watch_new(c->loop, c->run->cgroup, killed_for_memory, c);
	return 0;
}

int container_create(struct container *c, uint64_t generation, int plan_fd, uint32_t mask,
	const int *ns, struct monitor_created *out, struct err **err)
{
	if (c->state != MONITOR_IDLE || !c->configured)
		return wrong_state(c, "create", err);
	if (received_plan(&c->plan, plan_fd, err) < 0)
		return -1;
	struct plan *plan = c->plan.plan;
	if (plan->process.terminal != c->tty) {
		received_plan_free(&c->plan);
		return err_set(
			err, ERR_INVALID, "plan and configuration disagree about the terminal");
	}
	if (take_namespaces(plan, mask, ns, err) < 0 || make(c, generation, out, err) < 0) {
		undo(c);
		return -1;
	}
	c->own_pids = plan->ns_new & CLONE_NEWPID;
	c->exit = (struct monitor_exit){.generation = generation};
	c->state = MONITOR_CREATED;
	return 0;
}

static void reap_posted(void *arg)
{
	container_reap(arg);
}

int container_start(struct container *c, int64_t *started_at, struct err **err)
{
	if (c->state != MONITOR_CREATED)
		return wrong_state(c, "start", err);
	const struct plan *plan = c->plan.plan;
	if (run_hooks_create(c->run, plan, err) < 0 || run_start(c->run, plan, err) < 0) {
		undo(c);
		return -1;
	}
	*started_at = c->exit.started_at = time_now();
	c->state = MONITOR_RUNNING;
	/* the specification: a failing poststart hook is logged and the container lives on */
	auto_err *hook = NULL;
	if (plan->poststart.count &&
		run_hooks(&plan->poststart, plan, "running", c->run->pid, "poststart", &hook) < 0)
		log_warn("container %s: %s", c->id, err_msg(hook));
	if (!plan->poststop.count)
		received_plan_free(&c->plan);
	/* while CREATED nobody was reaped (run_start() does that itself), and the signal may have passed */
	loop_post(c->loop, reap_posted, c);
	return 0;
}

int container_undo(struct container *c, struct err **err)
{
	if (c->state == MONITOR_RUNNING || c->state == MONITOR_DEAD)
		return wrong_state(c, "end the monitor", err);
	undo(c);
	return 0;
}

bool container_idle(const struct container *c)
{
	return c->state == MONITOR_IDLE || c->state == MONITOR_CREATED;
}

/* ---- while it runs ---- */

void container_reap(struct container *c)
{
	if (c->state == MONITOR_CREATED)
		return;
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (c->run && pid == c->run->pid && !c->init_reaped)
			container_init_ended(c, status);
		else if (!exec_reaped(c, pid, status))
			log_debug("container %s: reaped orphan %d", c->id, (int)pid);
	}
}

static int signal_process(int pidfd, int sig, const char *what, struct err **err)
{
	if (sig <= 0 || sig > SIGRTMAX)
		return err_set(err, ERR_INVALID, "%d is not a signal", sig);
	if (child_pidfd_signal(pidfd, sig) < 0)
		return err_sysk(err, errno == ESRCH ? ERR_CONFLICT : ERR_SYSTEM, errno,
			"send signal %d to %s", sig, what);
	return 0;
}

int container_kill(struct container *c, int sig, struct err **err)
{
	if (c->state != MONITOR_RUNNING)
		return wrong_state(c, "kill", err);
	return signal_process(c->run->pidfd, sig, c->id, err);
}

int container_exec_kill(struct container *c, const char *exec_id, int sig, struct err **err)
{
	struct exec *e = exec_find(c, exec_id);
	if (!e)
		return err_set(err, ERR_NOT_FOUND, "no such exec: %s", exec_id);
	if (!e->pid)
		return err_set(err, ERR_CONFLICT, "exec %s has ended", exec_id);
	return signal_process(e->pidfd, sig, exec_id, err);
}

int container_resize(
	struct container *c, const char *exec_id, uint32_t h, uint32_t w, struct err **err)
{
	if (exec_id) {
		struct exec *e = exec_find(c, exec_id);
		if (!e || !e->session)
			return err_set(err, ERR_NOT_FOUND, "no such exec: %s", exec_id);
		return session_resize(e->session, h, w, err);
	}
	if (c->state != MONITOR_CREATED && c->state != MONITOR_RUNNING)
		return wrong_state(c, "resize", err);
	return session_resize(c->session, h, w, err);
}

void container_status(const struct container *c, struct monitor_status *out)
{
	*out = (struct monitor_status){
		.state = c->state,
		.pid = c->run ? c->run->pid : 0,
		.start_ticks = c->run ? c->run->start_ticks : 0,
		.started_at = c->exit.started_at,
		.generation = c->exit.generation,
		.clients = session_clients(c->session),
	};
}

void container_log_sync(struct container *c)
{
	session_sync(c->session);
}

void container_detach_all(struct container *c)
{
	session_detach_all(c->session);
}

int container_root(const struct container *c, int *root, struct err **err)
{
	if (!c->run || c->run->root_mount < 0)
		return wrong_state(c, "root", err);
	*root = c->run->root_mount;
	return 0;
}

void container_free(struct container *c)
{
	if (!c)
		return;
	oom_watch_free(c->oom);
	exec_free_all(c);
	session_free(c->session);
	if (c->run && c->state == MONITOR_CREATED)
		run_destroy(c->run);
	else if (c->run)
		run_release(c->run);
	received_plan_free(&c->plan);
	logfile_close(c->log);
	free(c->id);
	free(c);
}
