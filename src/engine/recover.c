/*
 * Start-up: the rows say what was, the monitors and the exit records say what is.
 *
 * For each container whose row says that it may be running as generation N:
 *
 *   its monitor answers, and runs N          taken over; address and ports are held again
 *   exit record of generation N              it has ended meanwhile, and how is known
 *   neither                                  what is left is killed; 137
 *
 * An exit record of an older generation belongs to an earlier run and says nothing. After that: containers
 * without a row go, folders below exec-root without a running container go, and the packet filter is made to
 * hold exactly what is held.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>

#include "core.h"

/* The monitor with its answer, or NULL. */
static struct monitor_client *reach(struct container *c, struct monitor_status *status)
{
	struct monitor_client *m = NULL;
	auto_fd int run = container_run_dir(c, false, NULL);

	if (run < 0 || monitor_connect(&m, run, NULL))
		return NULL;
	if (monitor_status(m, status, NULL)) {
		monitor_client_unref(m);
		return NULL;
	}
	return m;
}

static void hold_again(struct container *c)
{
	struct engine *e = c->engine;
	auto_err *err = NULL;

	if (!c->hold.has_endpoint || !e->net)
		return;
	if (net_reserve(e->net, &c->hold.endpoint, &err) ||
		(c->hold.port_count && net_restore(e->net, &c->hold.endpoint, c->hold.ports,
					       c->hold.port_count, &err)))
		log_error("container %s: its network: %s", container_id(c), err_msg(err));
}

static bool is_frozen(const struct container *c)
{
	auto_free char *path = container_cgroup(c);
	struct cgroup *cg;
	if (cgroup_open(&cg, path, NULL))
		return false;
	bool frozen = cgroup_frozen(cg);
	cgroup_free(cg);
	return frozen;
}

static void take_over(
	struct container *c, struct monitor_client *m, const struct monitor_status *status)
{
	pause_recover(c);
	c->state.status = is_frozen(c) ? CONTAINER_PAUSED : CONTAINER_RUNNING;
	c->state.pid = status->pid;
	c->state.started_at = status->started_at;
	c->init_ticks = status->start_ticks;
	hold_again(c);
	container_set_net(c, network_view(c, &c->hold, true));
	monitor_watch(c, m);
	log_info("container %s: still running", container_id(c));
}

static void removal_work(void *container)
{
	auto_container *c = container;
	auto_err *err = NULL;

	if (container_begin(c, NULL))
		return;
	if (container_remove(c, true, &err))
		log_error("container %s: cannot be removed: %s", container_id(c), err_msg(err));
	container_end(c);
}

static void set_ended(struct container *c)
{
	struct monitor_exit x = {0};
	auto_err *err = NULL;
	auto_fd int disk = container_disk_dir(c, NULL);
	bool known =
		disk >= 0 && !monitor_exit_read(disk, &x, NULL) && x.generation == c->generation;

	container_sweep(c);
	c->state.status = CONTAINER_EXITED;
	c->state.pid = 0;
	c->state.exit_code = known ? x.code : 128 + SIGKILL;
	c->state.oom_killed = known && x.oom;
	if (known && x.started_at)
		c->state.started_at = x.started_at;
	c->state.finished_at = known ? x.finished_at : time_now();
	hold_clear(&c->hold);
	if (rows_save_state(c, &err))
		log_error("container %s: %s", container_id(c), err_msg(err));
}

static void recover_one(struct container *c)
{
	struct monitor_status status = {0};
	bool was_running = state_alive(c) || c->state.status == CONTAINER_RESTARTING;
	struct monitor_client *m = reach(c, &status);

	container_set_net(c, network_view(c, &(struct net_hold){0}, false));
	if (m && was_running && status.state == MONITOR_RUNNING &&
		status.generation == c->generation) {
		take_over(c, m, &status);
		return;
	}
	if (m) { /* half made, idle or about to go: nobody waits for it */
		monitor_quit(m, NULL);
		monitor_client_unref(m);
	}
	if (was_running)
		set_ended(c);
	else
		container_sweep(c);
	if (was_running && c->doc->doc.host.auto_remove)
		work_submit(c->engine->work, removal_work, container_ref(c));
}

/* Root file systems whose container's row is gone: a removal that was interrupted. */
static int drop_orphans(struct engine *e, struct err **err)
{
	auto_strv ids = NULL;

	if (store_snapshot_list(e->store, &ids, err))
		return -1;
	for (size_t i = 0; ids && ids[i]; i++) {
		auto_container *c = roster_find(&e->roster, ids[i], NULL);
		auto_err *why = NULL;
		if (!c && store_snapshot_remove(e->store, ids[i], &why))
			log_warn("%s", err_msg(why));
	}
	return 0;
}

/* Run folders of containers that are no more. */
static void drop_run_folders(struct engine *e)
{
	int fd = openat(e->run_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_close(fd);
		return;
	}
	for (struct dirent *de; (de = readdir(d));) {
		auto_container *c = NULL;
		if (strlen(de->d_name) != CONTAINER_ID_LEN)
			continue;
		c = roster_find(&e->roster, de->d_name, NULL);
		if (c)
			continue;
		/* killed in a removal: see shm_mount() */
		auto_free char *shm = xasprintf("%s/containers/%s/shm", e->exec_root, de->d_name);
		umount2(shm, MNT_DETACH | UMOUNT_NOFOLLOW);
		tree_remove(e->run_fd, de->d_name, NULL);
	}
	closedir(d);
}

int recover_all(struct engine *e, struct err **err)
{
	size_t n;
	struct container **all = roster_all(&e->roster, &n);

	for (size_t i = 0; i < n; i++) {
		recover_one(all[i]);
		container_unref(all[i]);
	}
	free(all);
	drop_run_folders(e);
	if (drop_orphans(e, err) || volumes_recover(e, err))
		return -1;
	return e->net ? net_sync(e->net, err) : 0;
}
