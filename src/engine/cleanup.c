/* What a container may leave behind when its monitor could not tidy up: processes, cgroups, files. */
#include "core.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "runtime/run.h"
#include "sys/child.h"

/* Kills the process that a pid file names, if it still is that process. */
static void kill_recorded(int run_dir, const char *file)
{
	pid_t pid;
	uint64_t ticks;

	if (monitor_pid_read(run_dir, file, &pid, &ticks, NULL))
		return;
	auto_fd int pidfd = child_pidfd_open(pid);
	if (pidfd >= 0 && run_start_ticks(pid) == ticks)
		child_pidfd_signal(pidfd, SIGKILL);
}

static void sweep_cgroup(struct container *c)
{
	auto_free char *path = container_cgroup(c);
	struct cgroup *cg;
	auto_err *err = NULL;

	if (cgroup_open(&cg, path, NULL))
		return;
	if (cgroup_destroy(cg, &err))
		log_warn("container %s: %s", container_id(c), err_msg(err));
	cgroup_free(cg);
}

void container_sweep(struct container *c)
{
	auto_fd int run = container_run_dir(c, false, NULL);
	auto_err *err = NULL;

	if (run >= 0) {
		kill_recorded(run, MONITOR_PIDFILE);
		kill_recorded(run, MONITOR_INIT_PIDFILE);
	}
	sweep_cgroup(c);
	if (run < 0)
		return;
	shm_unmount(c);
	if (tree_remove(c->engine->run_fd, container_id(c), &err))
		log_warn("container %s: %s", container_id(c), err_msg(err));
}

void cgroup_parent_drop(struct engine *e)
{
	struct cgroup *cg;
	struct cgroup_hierarchy *h = NULL;
	size_t n = 0;

	if (cgroup_open(&cg, e->cgroup_parent, NULL))
		return;
	if (!cgroup_hierarchies(cg, &h, &n, NULL))
		for (size_t i = 0; i < n; i++)
			rmdir(h[i].folder); /* fails while a container has its own below */
	cgroup_hierarchies_free(h, n);
	cgroup_free(cg);
}

/* ---- /dev/shm of --ipc shareable: a tmpfs below exec-root, so that others can have it ---- */

char *shm_path(const struct container *c)
{
	return xasprintf("%s/containers/%s/shm", c->engine->exec_root, container_id(c));
}

int shm_mount(struct container *c, struct err **err)
{
	auto_free char *path = shm_path(c);
	auto_free char *options =
		xasprintf("mode=1777,size=%lld", (long long)c->doc->doc.host.shm_size);

	if (mkdir(path, 0700) && errno != EEXIST)
		return err_sys(err, errno, "make %s", path);
	shm_unmount(c); /* the last run's */
	if (mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options))
		return err_sys(err, errno, "mount %s", path);
	return 0;
}

void shm_unmount(struct container *c)
{
	auto_free char *path = shm_path(c);
	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}
