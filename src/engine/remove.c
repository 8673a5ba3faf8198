/* Remove: first the record, then what it recorded; a crash in between is finished by the next start. */
#include <signal.h>

#include "core.h"
#include "engine/volume.h"

static int stop_idle_monitor(struct container *c, struct err **err)
{
	struct monitor_client *m = container_monitor(c);
	if (!m)
		return 0;
	pthread_mutex_lock(&c->lock);
	bool ended = c->exit_known;
	pthread_mutex_unlock(&c->lock);
	if (!ended)
		monitor_quit(m, NULL);
	monitor_client_unref(m);
	if (monitor_wait_gone(c, 30))
		return err_set(err, ERR_UNAVAILABLE,
			"the monitor of container %s has not ended yet", container_id(c));
	return 0;
}

static void drop_volumes(struct container *c)
{
	const struct container_doc *doc = &c->doc->doc;
	auto_err *err = NULL;
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const struct mount_point *m = &doc->mounts.v[i];
		if (!m->anonymous || !str_eq(m->type, "volume"))
			continue;
		if (!volume_drop(c->engine, m->name, &err))
			continue;
		if (err->kind == ERR_CONFLICT) /* --volumes-from: somebody else has it now */
			volume_doom(c->engine, m->name, false, NULL);
		else if (err->kind != ERR_NOT_FOUND)
			log_warn("container %s: %s", container_id(c), err_msg(err));
		err_freep(&err);
	}
}

/* Marks its anonymous volumes as going with it: what a crash leaves of them the next start removes. */
static int doom_volumes(struct container *c, struct err **err)
{
	const struct container_doc *doc = &c->doc->doc;
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const struct mount_point *m = &doc->mounts.v[i];
		if (m->anonymous && str_eq(m->type, "volume") &&
			volume_doom(c->engine, m->name, true, err))
			return -1;
	}
	return 0;
}

/* All rows in one commit. From there on the container is gone, whatever happens. */
static int forget(struct container *c, bool volumes, struct err **err)
{
	struct engine *e = c->engine;

	if (rows_begin(c, err))
		return -1;
	if (rows_delete(e->db, container_id(c), err) || (volumes && doom_volumes(c, err)) ||
		store_snapshot_forget(e->store, container_id(c), err)) {
		db_rollback(e->db);
		return -1;
	}
	return db_commit(e->db, err);
}

static enum container_status set_status(struct container *c, enum container_status status)
{
	pthread_mutex_lock(&c->lock);
	enum container_status old = c->state.status;
	c->state.status = status;
	pthread_mutex_unlock(&c->lock);
	return old;
}

static void set_gone(struct container *c)
{
	roster_remove(&c->engine->roster, c);
	pthread_mutex_lock(&c->lock);
	c->gone = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

static void remove_folders(struct container *c)
{
	struct engine *e = c->engine;
	auto_err *err = NULL;

	shm_unmount(c);
	if (tree_remove(e->run_fd, container_id(c), &err) ||
		store_snapshot_remove(e->store, container_id(c), &err))
		log_error("container %s: not everything could be removed: %s", container_id(c),
			err_msg(err));
}

static void tell_removed(struct container *c, bool volumes)
{
	exec_forget(c);
	set_gone(c);
	if (volumes)
		drop_volumes(c);
	event_container(c, "destroy", NULL, 0);
	pthread_mutex_lock(&c->lock);
	wait_fire(c, WAIT_REMOVED, c->state.exit_code, NULL);
	pthread_mutex_unlock(&c->lock);
	logs_wake(c);
}

int container_remove(struct container *c, bool volumes, struct err **err)
{
	enum container_status old = set_status(c, CONTAINER_REMOVING);

	if (stop_idle_monitor(c, err) || forget(c, volumes, err)) {
		set_status(c, old);
		return -1;
	}
	remove_folders(c);
	tell_removed(c, volumes);
	return 0;
}

/* The commit decides; the monitor may take its time with cgroups and mounts, and nobody needs to wait for that. */
int container_remove_ended(struct container *c, struct err **err)
{
	enum container_status old = set_status(c, CONTAINER_REMOVING);

	if (forget(c, true, err)) {
		set_status(c, old);
		return -1;
	}
	tell_removed(c, true);
	if (monitor_wait_gone(c, 30)) {
		/* the next start removes what no row describes */
		if (c->engine->stopping)
			return 0;
		log_warn("container %s: its monitor has not ended yet", container_id(c));
	}
	remove_folders(c);
	return 0;
}

static int refuse_running(struct container *c, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	bool paused = c->state.status == CONTAINER_PAUSED;
	auto_free char *name = xstrdup(c->name);
	pthread_mutex_unlock(&c->lock);
	if (paused)
		return err_set(err, ERR_CONFLICT,
			"cannot remove container \"/%s\": container is paused and must be unpaused "
			"first",
			name);
	return err_set(err, ERR_CONFLICT,
		"cannot remove container \"/%s\": container is running: stop the container before "
		"removing or force remove",
		name);
}

/* Kills and waits, outside of any operation: the work after the exit needs one. */
static int kill_first(struct container *c, struct err **err)
{
	auto_err *why = NULL;
	if (!container_is_running(c))
		return 0;
	if (engine_container_kill(c->engine, container_id(c), "KILL", &why) &&
		why->kind != ERR_CONFLICT && why->kind != ERR_NOT_FOUND)
		return err_move(err, &why);
	if (!container_wait_exit(c, 15 * TIME_NS_PER_SEC))
		return err_set(err, ERR_SYSTEM,
			"cannot remove container \"/%s\": could not kill container: tried to kill "
			"container, but did not receive an exit event",
			c->name);
	return 0;
}

int engine_container_remove(
	struct engine *e, const char *ref, bool force, bool volumes, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	auto_err *gone = NULL;
	if (!c || (force && kill_first(c, err)))
		return -1;
	if (container_begin(c, &gone)) {
		/* --rm was faster */
		return force ? 0 : err_move(err, &gone);
	}
	int r = container_is_running(c) ? refuse_running(c, err)
					: container_remove(c, volumes, err);
	container_end(c);
	return r;
}
