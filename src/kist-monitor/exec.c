/*
 * Execs: other processes of the container, each with a session of its own.
 *
 * An exec is over when it has been reaped and its output has been read to the end; then EXEC_EXITED is
 * sent. If nobody is there to hear it, the exit code is kept (bounded) for the next daemon that subscribes.
 */
#include <signal.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "container_private.h"
#include "sys/child.h"

/* An exec that leaves a child behind which keeps its stdout: how long that child's output is waited for. */
#define GRACE (2 * TIME_NS_PER_SEC)
/* Ends of execs that nobody has heard of. */
#define UNHEARD_MAX 256

struct exec *exec_find(struct container *c, const char *id)
{
	for (struct exec *e = c->execs; e; e = e->next)
		if (str_eq(e->id, id))
			return e;
	return NULL;
}

static void exec_close(struct exec *e)
{
	session_free(e->session);
	fd_close(e->pidfd);
	free(e->id);
	free(e);
}

static void exec_free(struct exec *e)
{
	struct exec **at = &e->container->execs;
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	exec_close(e);
}

static bool over(const struct exec *e)
{
	return !e->pid && (!e->session || session_drained(e->session));
}

static bool tell(struct exec *e)
{
	struct container *c = e->container;
	auto_buf event = BUF_INIT;
	wire_put_str(&event, e->id);
	wire_put_u32(&event, (uint32_t)e->code);
	return c->owner.event(c->owner.arg, MONITOR_EXEC_EXITED, &event);
}

/* The oldest unheard ones go: the list is newest first. */
static void bound_unheard(struct container *c)
{
	size_t n = 0;
	struct exec *next;
	for (struct exec *e = c->execs; e; e = next) {
		next = e->next;
		if (!e->heard && over(e) && !e->session && ++n > UNHEARD_MAX)
			exec_free(e);
	}
}

static void told_drained(void *arg)
{
	struct exec *e = arg;
	/* in this order: a client whose stream has ended asks for the exit code */
	e->heard = tell(e);
	session_detach_all(e->session);
	container_end_on(e->container);
}

static void told_deserted(void *arg)
{
	struct exec *e = arg;
	struct container *c = e->container;
	session_free(steal_ptr(e->session));
	if (e->heard)
		exec_free(e);
	else
		bound_unheard(c);
	container_end_on(c);
}

static void told_detached(void *arg)
{
	struct exec *e = arg;
	struct container *c = e->container;
	auto_buf id = BUF_INIT;
	wire_put_str(&id, e->id);
	c->owner.event(c->owner.arg, MONITOR_DETACHED, &id);
}

/* An exec's clients come after its process. */
static void told_left(void *arg)
{
}

static struct exec *exec_new(
	struct container *c, const char *id, const struct monitor_config *config)
{
	struct exec *e = xcalloc(1, sizeof(*e));
	struct session_owner told = {told_drained, told_deserted, told_detached, told_left, e};
	e->container = c;
	e->id = xstrdup(id);
	e->pidfd = -1;
	e->session = session_new(c->loop, &told);
	session_configure(e->session, config->tty, config->open_stdin, config->stdin_once, NULL);
	return e;
}

/* The container's output and its clients wait meanwhile. */
#define EXEC_TIMEOUT_MS 30000

static int start(struct exec *e, int plan_fd, struct err **err)
{
	struct container *c = e->container;
	auto_received bytes = {0};
	struct plan_process *process = NULL;
	if (received_map(&bytes, plan_fd, err) < 0 ||
		plan_process_decode(&process, bytes.data, bytes.len, err) < 0)
		return -1;
	struct run_io io;
	int tty = -1;
	pid_t pid = -1;
	if (session_open(e->session, &io, err) == 0) {
		auto_free char *keyring = xasprintf(RUN_KEYRING "%s", c->id);
		io.timeout_ms = EXEC_TIMEOUT_MS;
		io.keyring = keyring;
		pid = run_exec(process, c->run->pid, c->run->pidfd, c->run->cgroup, &io, &e->pidfd,
			&tty, err);
	}
	plan_process_free(process);
	if (pid < 0)
		return -1;
	e->pid = pid;
	session_run(e->session, tty);
	return 0;
}

int container_exec(struct container *c, const char *id, const struct monitor_config *config,
	int plan_fd, const struct monitor_attach *attach, int *conn, pid_t *pid, struct err **err)
{
	if (c->state != MONITOR_RUNNING)
		return err_set(err, ERR_CONFLICT, "exec: container %s is not running", c->id);
	/* it would be born frozen, and the monitor would wait for it */
	if (c->run->cgroup && cgroup_frozen(c->run->cgroup))
		return err_set(err, ERR_CONFLICT, "exec: container %s is paused", c->id);
	if (exec_find(c, id))
		return err_set(err, ERR_CONFLICT, "exec %s has been started already", id);
	struct exec *e = exec_new(c, id, config);
	e->next = c->execs;
	c->execs = e;
	if (start(e, plan_fd, err) < 0) {
		exec_free(e);
		return -1;
	}
	*pid = e->pid;
	/* nothing has been read from it yet: the client gets its output from the first byte on */
	if (attach && session_attach(e->session, attach, *conn, err) < 0) {
		child_pidfd_signal(e->pidfd, SIGKILL);
		return -1;
	}
	*conn = -1;
	return 0;
}

bool exec_reaped(struct container *c, pid_t pid, int status)
{
	for (struct exec *e = c->execs; e; e = e->next) {
		if (e->pid != pid)
			continue;
		e->pid = 0;
		e->code = child_exit_code(status);
		session_end(e->session, GRACE);
		return true;
	}
	return false;
}

/* With a pid namespace of its own the kernel has killed and we have reaped them; others were killed with
 * the cgroup and are reaped within moments. */
void exec_end_all(struct container *c)
{
	for (struct exec *e = c->execs; e; e = e->next)
		if (e->pid)
			child_pidfd_signal(e->pidfd, SIGKILL);
}

bool exec_all_over(const struct container *c)
{
	for (const struct exec *e = c->execs; e; e = e->next)
		if (!over(e))
			return false;
	return true;
}

bool exec_all_deserted(const struct container *c)
{
	for (const struct exec *e = c->execs; e; e = e->next)
		if (e->session)
			return false;
	return true;
}

void container_tell_again(struct container *c)
{
	struct exec *next;
	for (struct exec *e = c->execs; e; e = next) {
		next = e->next;
		if (e->heard || !over(e))
			continue;
		e->heard = tell(e);
		if (e->heard && !e->session)
			exec_free(e);
	}
}

void exec_free_all(struct container *c)
{
	struct exec *next;
	for (struct exec *e = c->execs; e; e = next) {
		next = e->next;
		exec_close(e);
	}
	c->execs = NULL;
}
