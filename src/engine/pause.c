/* Pause and unpause: the freezer of the container's cgroup. */
#include <fcntl.h>

#include "core.h"

static int freeze(struct container *c, bool frozen, struct err **err)
{
	auto_free char *path = container_cgroup(c);
	struct cgroup *cg;

	if (cgroup_open(&cg, path, err))
		return -1;
	int r = cgroup_freeze(cg, frozen, err);
	cgroup_free(cg);
	return r;
}

/* Nobody may be on his way into the cgroup: see begin_start() in exec.c. */
static void keep_execs_out(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	c->pausing = true;
	while (c->exec_starts)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
}

static void let_execs_in(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	c->pausing = false;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static int set_paused(struct container *c, bool paused, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	enum container_status status = c->state.status;
	uint32_t kills = c->kills;
	pthread_mutex_unlock(&c->lock);

	if (paused && status == CONTAINER_PAUSED)
		return err_set(
			err, ERR_CONFLICT, "Container %s is already paused", container_id(c));
	if (paused && status != CONTAINER_RUNNING)
		return not_running(c, err);
	if (!paused && status != CONTAINER_PAUSED)
		return err_set(err, ERR_CONFLICT, "Container %s is not paused", container_id(c));
	if (freeze(c, paused, err))
		return err_wrap(err, "Cannot %s container %s", paused ? "pause" : "unpause",
			container_id(c));
	pthread_mutex_lock(&c->lock);
	/* one that came in between has seen nothing to thaw, and the frozen do not even die of SIGKILL */
	bool killed = paused && c->kills != kills;
	if (state_alive(c) && !killed)
		c->state.status = paused ? CONTAINER_PAUSED : CONTAINER_RUNNING;
	pthread_mutex_unlock(&c->lock);
	if (killed) {
		freeze(c, false, NULL);
		return not_running(c, err);
	}
	event_container(c, paused ? "pause" : "unpause", NULL, 0);
	return 0;
}

/* A file in the run folder says that nobody but a commit asked for the pause, should the daemon be killed meanwhile. */
#define MARK "paused-by-commit"

static bool unmark(struct container *c)
{
	auto_fd int run = container_run_dir(c, false, NULL);
	return run >= 0 && unlinkat(run, MARK, 0) == 0;
}

static int with_operation(struct engine *e, const char *ref, bool paused, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c || container_begin(c, err))
		return -1;
	if (paused)
		keep_execs_out(c);
	int r = set_paused(c, paused, err);
	if (paused)
		let_execs_in(c);
	/* a pause that comes after this is not the commit's */
	if (r == 0)
		unmark(c);
	container_end(c);
	return r;
}

/* ---- for as long as a commit reads it ---- */

static int mark(struct container *c, struct err **err)
{
	auto_fd int run = container_run_dir(c, false, err);
	if (run < 0)
		return -1;
	auto_fd int fd = openat(run, MARK, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, errno, "note the pause of container %s", container_id(c)) : 0;
}

static bool runs(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	bool runs = c->state.status == CONTAINER_RUNNING;
	pthread_mutex_unlock(&c->lock);
	return runs;
}

int pause_begin(struct container *c, struct err **err)
{
	auto_err *why = NULL;
	if (container_begin(c, err))
		return -1;
	auto_operation *op = c;
	if (!runs(c))
		return 0;
	if (mark(c, err))
		return -1;
	keep_execs_out(c);
	int r = set_paused(c, true, &why);
	let_execs_in(c);
	if (!r)
		return 1;
	unmark(c);
	/* it ended just now */
	return runs(c) ? err_move(err, &why) : 0;
}

void pause_end(struct container *c)
{
	auto_err *err = NULL;
	if (container_begin(c, NULL))
		return;
	/* without the mark it has ended and perhaps been started again: that is another pause */
	if (unmark(c) && set_paused(c, false, &err) && err->kind != ERR_CONFLICT)
		log_error("container %s: after its commit: %s", container_id(c), err_msg(err));
	container_end(c);
}

void pause_recover(struct container *c)
{
	auto_err *err = NULL;
	if (unmark(c) && freeze(c, false, &err))
		log_error("container %s: paused for a commit: %s", container_id(c), err_msg(err));
}

int engine_container_pause(struct engine *e, const char *ref, struct err **err)
{
	return with_operation(e, ref, true, err);
}

int engine_container_unpause(struct engine *e, const char *ref, struct err **err)
{
	return with_operation(e, ref, false, err);
}
