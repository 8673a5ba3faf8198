/*
 * A container's cgroups in all hierarchies: what runtime/cgroup.h promises, put together from one
 * struct cgroup_ops per hierarchy.
 */
#include "runtime/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "cgroup_private.h"

enum cgroup_mode cgroup_mode(void)
{
	auto_cgroup_layout layout = {0};
	return cgroup_layout_load(&layout, NULL) < 0 ? CGROUP_V2 : layout.mode;
}

char **cgroup_controllers(void)
{
	auto_cgroup_layout layout = {0};
	char **list = xcalloc(1, sizeof(*list));
	if (cgroup_layout_load(&layout, NULL) < 0)
		return list;
	for (int c = 0; c < CTL_COUNT; c++) {
		const struct cgroup_mount *m = cgroup_layout_find(&layout, c);
		if (m)
			strv_add(&list, cgroup_controller_name(c, m->v2));
	}
	return list;
}

struct cgroup *cgroup_new_in(struct cgroup_layout *layout, const char *path, struct err **err)
{
	struct cgroup *cg = xcalloc(1, sizeof(*cg));
	cg->layout = *layout;
	*layout = (struct cgroup_layout){0};
	cg->path = xstrdup(path);
	cg->dirs = xcalloc(cg->layout.count, sizeof(*cg->dirs));
	cg->count = cg->layout.count;
	for (size_t i = 0; i < cg->count; i++) {
		struct cgroup_dir *d = &cg->dirs[i];
		d->mount = &cg->layout.v[i];
		d->ops = d->mount->v2 ? &cgroup_v2_ops : &cgroup_v1_ops;
		d->fd = -1;
	}
	for (size_t i = 0; i < cg->count; i++) {
		cg->dirs[i].rel = cgroup_path_in(cg->dirs[i].mount, path, err);
		if (!cg->dirs[i].rel) {
			cgroup_free(cg);
			return NULL;
		}
	}
	return cg;
}

struct cgroup *cgroup_new(const char *path, struct err **err)
{
	auto_cgroup_layout layout = {0};
	return cgroup_layout_load(&layout, err) < 0 ? NULL : cgroup_new_in(&layout, path, err);
}

static void close_dirs(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->count; i++) {
		fd_close(cg->dirs[i].fd);
		cg->dirs[i].fd = -1;
	}
	for (size_t i = 0; i < cg->entry_count; i++)
		fd_close(cg->entries[i]);
	cg->entry_count = 0;
}

void cgroup_free(struct cgroup *cg)
{
	if (!cg)
		return;
	close_dirs(cg);
	cgroup_unit_free(cg->unit);
	for (size_t i = 0; i < cg->count; i++)
		free(cg->dirs[i].rel);
	free(cg->dirs);
	free(cg->entries);
	free(cg->path);
	cgroup_layout_clear(&cg->layout);
	free(cg);
}

const char *cgroup_path(const struct cgroup *cg)
{
	return cg->path;
}

const struct cgroup_dir *cgroup_dir_of(const struct cgroup *cg, enum cgroup_controller c)
{
	const struct cgroup_mount *m = cgroup_layout_find(&cg->layout, c);
	for (size_t i = 0; m && i < cg->count; i++) {
		if (cg->dirs[i].mount == m)
			return cg->dirs[i].fd >= 0 ? &cg->dirs[i] : NULL;
	}
	return NULL;
}

/* On a hybrid machine the v2 hierarchy is other people's (systemd's, or nobody's) with some controller left over
 * on it: that is turned on below the root only for a container that asks for its limits. */
static bool cgroup_is_lazy(const struct cgroup *cg, const struct cgroup_dir *d)
{
	return d->mount->v2 && cg->layout.mode == CGROUP_HYBRID;
}

/* One level of the path: its folder, and what its version needs. *existed says whether somebody has
 * made the folder before. */
static int make_level(struct cgroup_dir *d, int base, const char *rel, bool leaf, bool lazy,
	bool *existed, struct err **err)
{
	*existed = false;
	if (mkdirat(base, rel, 0755) < 0) {
		if (errno != EEXIST)
			return err_sys(err, errno, "create cgroup %s/%s", d->mount->path, rel);
		*existed = true;
	}
	enum cgroup_level level = leaf	     ? CGROUP_LEVEL_LEAF
				  : *existed ? CGROUP_LEVEL_OLD
					     : CGROUP_LEVEL_NEW;
	return lazy ? 0 : d->ops->prepare(d, base, rel, level, err);
}

/* The usual case, tried first because there are ten hierarchies: the container before this one has made all levels
 * but the last. False: level by level, which knows what is wrong. */
static bool make_leaf(struct cgroup_dir *d, bool lazy)
{
	auto_free char *full = xasprintf("%s/%s", d->mount->path, d->rel);
	if ((d->mount->v2 && !lazy) || mkdir(full, 0755) < 0)
		return false;
	if (lazy || d->ops->prepare(d, AT_FDCWD, full, CGROUP_LEVEL_LEAF, NULL) == 0)
		d->fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->fd < 0)
		rmdir(full);
	return d->fd >= 0;
}

/* All levels of the path. @lazy: controllers are not turned on for a group that may never need them. */
static int make_levels(struct cgroup_dir *d, bool lazy, bool *existed, struct err **err)
{
	*existed = false;
	if (make_leaf(d, lazy))
		return 0;
	auto_fd int base = open(d->mount->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return err_sys(err, errno, "open %s", d->mount->path);
	if (d->mount->v2 && !lazy && d->ops->prepare(d, base, ".", CGROUP_LEVEL_OLD, err) < 0)
		return -1;
	auto_free char *rel = xstrdup(d->rel);
	for (char *at = rel;;) {
		char *slash = strchr(at, '/');
		if (slash)
			*slash = 0;
		if (make_level(d, base, rel, !slash, lazy, existed, err) < 0)
			return -1;
		if (!slash)
			break;
		*slash = '/';
		at = slash + 1;
	}
	d->fd = dir_open(base, d->rel, err);
	return d->fd < 0 ? -1 : 0;
}

int cgroup_make_folder(struct cgroup *cg, struct cgroup_dir *d, struct err **err)
{
	bool existed;
	return make_levels(d, cgroup_is_lazy(cg, d), &existed, err);
}

static int check_empty(const struct cgroup_dir *d, struct err **err)
{
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	if (cgroup_tree_pids(d->fd, &pids, &n, err) < 0)
		return -1;
	if (n)
		return err_set(err, ERR_CONFLICT, "cgroup %s/%s is not empty: process %d is in it",
			d->mount->path, d->rel, (int)pids[0]);
	return 0;
}

/* Between finding it empty and the first process in it another could find it empty, too: a lock keeps them out. */
static int claim(const struct cgroup_dir *d, struct err **err)
{
	if (flock(d->fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return err_set(err, ERR_CONFLICT,
			"cgroup %s/%s is not empty: another container is being made in it",
			d->mount->path, d->rel);
	return err_sys(err, errno, "lock cgroup %s/%s", d->mount->path, d->rel);
}

void cgroup_settle(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->count; i++)
		if (cg->dirs[i].fd >= 0)
			flock(cg->dirs[i].fd, LOCK_UN);
}

/* In a frozen cgroup, or below one, the container's first process would never get anywhere. */
static int check_thawed(const struct cgroup *cg, const struct cgroup_dir *d, struct err **err)
{
	if (cgroup_dir_of(cg, CTL_FREEZER) != d || !d->ops->stopped(d))
		return 0;
	return err_set(err, ERR_CONFLICT, "cgroup %s/%s, or one above it, is frozen",
		d->mount->path, d->rel);
}

/* Makes one hierarchy's folder, or says that it cannot and forgets it. */
static int make_dir(struct cgroup *cg, struct cgroup_dir *d, struct err **err)
{
	bool existed = false;
	int r = make_levels(d, cgroup_is_lazy(cg, d), &existed, err);
	if (r == 0 && claim(d, err) < 0) {
		existed = true; /* if it was ours, it is another's now */
		r = -1;
	}
	if (r == 0 && existed)
		r = check_empty(d, err);
	if (r == 0)
		r = check_thawed(cg, d, err);
	if (r == 0)
		return 0;
	fd_close(d->fd);
	d->fd = -1;
	if (!existed)
		cgroup_tree_remove(d, false, NULL);
	d->foreign = true;
	return -1;
}

static int make_dirs(struct cgroup *cg, bool v2, struct err **err)
{
	for (size_t i = 0; i < cg->count; i++) {
		if (cg->dirs[i].mount->v2 == v2 && make_dir(cg, &cg->dirs[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A container that did not come to be takes back what was made for it. */
static void forget_unmade(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->count; i++)
		cg->dirs[i].foreign = cg->dirs[i].fd < 0;
}

int cgroup_begin(struct cgroup **out, const char *path, struct err **err)
{
	struct cgroup *cg = cgroup_new(path, err);
	if (!cg)
		return -1;
	if (make_dirs(cg, true, err) < 0) {
		forget_unmade(cg);
		cgroup_remove(cg, NULL);
		cgroup_free(cg);
		return -1;
	}
	*out = cg;
	return 0;
}

bool cgroup_unfinished(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->count; i++) {
		if (!cg->dirs[i].mount->v2 && cg->dirs[i].fd < 0)
			return true;
	}
	return false;
}

int cgroup_finish(struct cgroup *cg, struct err **err)
{
	if (!cgroup_unfinished(cg))
		return 0;
	if (make_dirs(cg, false, err) < 0) {
		forget_unmade(cg);
		return -1;
	}
	return 0;
}

int cgroup_create(struct cgroup **out, const char *path, struct err **err)
{
	struct cgroup *cg;
	if (cgroup_begin(&cg, path, err) < 0)
		return -1;
	if (cgroup_finish(cg, err) < 0) {
		cgroup_remove(cg, NULL);
		cgroup_free(cg);
		return -1;
	}
	*out = cg;
	return 0;
}

bool cgroup_open_folder(struct cgroup_dir *d)
{
	auto_free char *full = xasprintf("%s/%s", d->mount->path, d->rel);
	d->fd = open(full, (d->mount->v2 ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC);
	return d->fd >= 0;
}

int cgroup_open(struct cgroup **out, const char *path, struct err **err)
{
	struct cgroup *cg = cgroup_new(path, err);
	if (!cg)
		return -1;
	size_t found = 0;
	for (size_t i = 0; i < cg->count; i++)
		found += cgroup_open_folder(&cg->dirs[i]);
	if (!found) {
		cgroup_free(cg);
		return err_set(err, ERR_NOT_FOUND, "cgroup %s does not exist", path);
	}
	*out = cg;
	return 0;
}

/* The one limit that is let go where the kernel does not have it: NOT RECOMMENDED by config-linux.md. */
static void warn_kernel_tcp(const struct cgroup *cg, const struct oci_resources *res)
{
	const struct cgroup_dir *memory = cgroup_dir_of(cg, CTL_MEMORY);
	if (res->memory.kernel_tcp.set && res->memory.kernel_tcp.v && memory &&
		!cgroup_file_exists(memory, CGROUP_KERNEL_TCP))
		log_warn("the limit on kernel memory for TCP (memory.kernelTCP) is ignored: this "
			 "machine's cgroups have none");
}

int cgroup_write_limits(struct cgroup *cg, const struct oci_resources *res, struct err **err)
{
	if (cgroup_check_present(cg, res, err) < 0)
		return -1;
	warn_kernel_tcp(cg, res);
	for (size_t i = 0; i < cg->count; i++) {
		struct cgroup_dir *d = &cg->dirs[i];
		if (d->fd < 0)
			continue;
		if (cgroup_is_lazy(cg, d) && cgroup_asks_of(d, res) && cgroup_v2_enable(d, err) < 0)
			return -1;
		if (d->ops->set(d, res, err) < 0)
			return err_wrap(err, "set limits");
	}
	const struct cgroup_dir *devices = cgroup_dir_of(cg, CTL_DEVICES);
	if (res->device_count && devices && devices->mount->v2)
		return cgroup_v2_devices(devices, res, err);
	return 0;
}

int cgroup_set(struct cgroup *cg, const struct oci_resources *res, struct err **err)
{
	if (cg->unit && cgroup_unit_set(cg, res, err) < 0)
		return -1;
	return cgroup_write_limits(cg, res, err);
}

int cgroup_update(struct cgroup *cg, const struct oci_resources *res, struct err **err)
{
	struct cgroup_undo undo = {0};
	/* systemd has taken all its properties by then, and would write them again */
	for (size_t i = 0; i < cg->count; i++)
		cg->dirs[i].undo = cg->unit ? NULL : &undo;
	int r = cgroup_set(cg, res, err);
	for (size_t i = 0; i < cg->count; i++)
		cg->dirs[i].undo = NULL;
	if (r < 0)
		cgroup_undo(&undo);
	cgroup_undo_clear(&undo);
	return r;
}

int cgroup_attach(struct cgroup *cg, pid_t pid, struct err **err)
{
	for (size_t i = 0; i < cg->count; i++) {
		struct cgroup_dir *d = &cg->dirs[i];
		if (d->fd >= 0 && d->ops->attach(d, pid, err) < 0)
			return -1;
	}
	return 0;
}

int cgroup_clone_fd(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->count; i++) {
		if (cg->dirs[i].mount->v2)
			return cg->dirs[i].fd;
	}
	return -1;
}

/* By its path where the folder is not open: cgroup_open_known(). */
static int open_tasks(const struct cgroup_dir *d)
{
	if (d->fd >= 0)
		return openat(d->fd, "tasks", O_WRONLY | O_CLOEXEC);
	auto_free char *full = xasprintf("%s/%s/tasks", d->mount->path, d->rel);
	return open(full, O_WRONLY | O_CLOEXEC);
}

int cgroup_entry_fds(struct cgroup *cg, const int **fds, size_t *n, struct err **err)
{
	if (!cg->entries)
		cg->entries = xcalloc(cg->count, sizeof(*cg->entries));
	for (size_t i = 0; i < cg->count && !(cg->entry_count && i == 0); i++) {
		struct cgroup_dir *d = &cg->dirs[i];
		if (d->mount->v2 || (d->fd < 0 && !cg->in_part))
			continue;
		int fd = open_tasks(d);
		if (fd < 0 && d->fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return err_sys(err, errno, "open %s/%s/tasks", d->mount->path, d->rel);
		cg->entries[cg->entry_count++] = fd;
	}
	*fds = cg->entries;
	*n = cg->entry_count;
	return 0;
}

int cgroup_enter(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (fd_write(fds[i], "0", 1) < 0)
			return -1;
	}
	return 0;
}

int cgroup_rename(struct cgroup *cg, const char *path, struct err **err)
{
	if (cg->layout.mode == CGROUP_V2)
		return err_set(err, ERR_NOT_IMPLEMENTED, "cgroup v2 cannot rename a cgroup");
	for (size_t i = 0; i < cg->count; i++) {
		struct cgroup_dir *d = &cg->dirs[i];
		if (d->mount->v2 || d->fd < 0)
			continue;
		auto_free char *to = cgroup_path_in(d->mount, path, err);
		if (!to)
			return -1;
		auto_fd int base = open(d->mount->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (base < 0 || renameat(base, d->rel, base, to) < 0)
			return err_sys(err, errno, "rename cgroup %s/%s to %s", d->mount->path,
				d->rel, to);
		free(d->rel);
		d->rel = steal_ptr(to);
	}
	str_replace(&cg->path, path);
	return 0;
}

int cgroup_freeze(struct cgroup *cg, bool frozen, struct err **err)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CTL_FREEZER);
	if (!d)
		return err_set(
			err, ERR_UNAVAILABLE, "this machine has no freezer cgroup controller");
	return d->ops->freeze(d, frozen, err);
}

bool cgroup_frozen(const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CTL_FREEZER);
	return d && d->ops->frozen(d);
}

/* The folder that tells the processes: any hierarchy would do; one on v2 also has cgroup.kill. */
static const struct cgroup_dir *members(const struct cgroup *cg)
{
	const struct cgroup_dir *any = NULL;
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];
		if (d->fd < 0)
			continue;
		if (!any || (d->mount->controllers & (CTL_BIT(CTL_PIDS) | CTL_BIT(CTL_FREEZER))))
			any = d;
		if (d->mount->v2 && cg->layout.mode == CGROUP_V2)
			return d;
	}
	return any;
}

static int signal_all(const struct cgroup_dir *d, int sig, struct err **err)
{
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	if (cgroup_tree_pids(d->fd, &pids, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (kill(pids[i], sig) < 0 && errno != ESRCH)
			return err_sys(
				err, errno, "send signal %d to process %d", sig, (int)pids[i]);
	}
	return 0;
}

/* Linux 5.14: the kernel kills all at once, whatever forks meanwhile. */
static bool kill_by_kernel(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];
		if (d->mount->v2 && d->fd >= 0)
			return cgroup_put(d, "cgroup.kill", NULL, "1") == 0;
	}
	return false;
}

/* Without that SIGKILL must still reach what forks meanwhile: the freezer holds the group still. On v1
 * a frozen process dies only when it is thawed. */
int cgroup_kill(struct cgroup *cg, int sig, struct err **err)
{
	const struct cgroup_dir *d = members(cg);
	const struct cgroup_dir *freezer = cgroup_dir_of(cg, CTL_FREEZER);
	if (!d)
		return 0;
	bool thaw = freezer && !freezer->mount->v2 && sig == SIGKILL;
	if (sig == SIGKILL && kill_by_kernel(cg)) {
		/* on a hybrid machine somebody may be in v1's folders alone */
		if (!d->mount->v2)
			signal_all(d, sig, NULL);
		if (thaw && freezer->ops->frozen(freezer))
			freezer->ops->freeze(freezer, false, NULL);
		return 0;
	}
	if (sig == SIGKILL && freezer && !freezer->ops->frozen(freezer)) {
		freezer->ops->freeze(freezer, true, NULL);
		thaw = true;
	}
	int r = signal_all(d, sig, err);
	if (thaw)
		freezer->ops->freeze(freezer, false, NULL);
	return r;
}

int cgroup_pids(const struct cgroup *cg, pid_t **pids, size_t *n, struct err **err)
{
	const struct cgroup_dir *d = members(cg);
	*pids = NULL;
	*n = 0;
	return d ? cgroup_tree_pids(d->fd, pids, n, err) : 0;
}

/* @gone has been removed, and what is there now is somebody else's; or NULL. */
static int remove_all(struct cgroup *cg, bool kill, const struct cgroup_dir *gone, struct err **err)
{
	int r = cg->unit ? cgroup_unit_remove(cg, err) : 0;
	for (size_t i = 0; i < cg->count; i++) {
		auto_err *why = NULL;
		const struct cgroup_dir *d = &cg->dirs[i];
		if ((gone && d == gone) || d->foreign)
			continue;
		if (cgroup_tree_remove(d, kill, &why) < 0) {
			r = -1;
			if (err && !*err)
				err_move(err, &why);
		}
	}
	/* only now: a claim ends with them */
	close_dirs(cg);
	return r;
}

int cgroup_remove(struct cgroup *cg, struct err **err)
{
	return remove_all(cg, false, NULL, err);
}

/* What has no process goes at once. Where the only one was the init of a pid namespace that is the rule, and killing takes
 * the freezer, which patches the kernel's code on all processors, twice. */
int cgroup_destroy(struct cgroup *cg, struct err **err)
{
	auto_err *why = NULL;
	const struct cgroup_dir *d = members(cg);
	/* a unit of this name was there before us: what is in it is somebody else's */
	if (cg->unit && !cgroup_unit_started(cg))
		return 0;
	if (d && !d->foreign && !cg->unit && cgroup_tree_remove_empty(d))
		return remove_all(cg, true, d, err);
	if (cgroup_kill(cg, SIGKILL, &why) == 0)
		return remove_all(cg, true, NULL, err);
	if (remove_all(cg, true, NULL, NULL) == 0)
		return 0;
	return err_move(err, &why);
}

int cgroup_read_stats(const struct cgroup *cg, struct cgroup_stats *out, struct err **err)
{
	memset(out, 0xff, sizeof(*out)); /* -1 everywhere */
	bool any = false;
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];
		if (d->fd < 0 || d->mount->v2)
			continue;
		any = true;
		d->ops->stats(d, out);
	}
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];
		if (d->fd >= 0 && d->mount->v2) {
			any = true;
			d->ops->stats(d, out);
		}
	}
	return any ? 0 : err_set(err, ERR_NOT_FOUND, "cgroup %s does not exist", cg->path);
}

int cgroup_hierarchies(
	const struct cgroup *cg, struct cgroup_hierarchy **out, size_t *n, struct err **err)
{
	struct cgroup_hierarchy *list = xcalloc(cg->count + 1, sizeof(*list));
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];
		list[i] = (struct cgroup_hierarchy){
			.name = xstrdup(d->mount->name),
			.mount = xstrdup(d->mount->path),
			.folder = xasprintf("%s/%s", d->mount->path, d->rel),
			.v2 = d->mount->v2,
		};
	}
	*out = list;
	*n = cg->count;
	return 0;
}

void cgroup_hierarchies_own(struct cgroup_hierarchy **out, size_t *n)
{
	auto_cgroup_layout layout = {0};
	*out = NULL;
	*n = 0;
	if (cgroup_layout_load(&layout, NULL) < 0)
		return;
	*out = xcalloc(layout.count, sizeof(**out));
	*n = layout.count;
	for (size_t i = 0; i < layout.count; i++) {
		const struct cgroup_mount *m = &layout.v[i];
		(*out)[i] = (struct cgroup_hierarchy){
			.name = xstrdup(m->name),
			.mount = xstrdup(m->path),
			.folder = xasprintf("%s%s", m->path, m->own),
			.v2 = m->v2,
		};
	}
}

void cgroup_hierarchies_free(struct cgroup_hierarchy *h, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(h[i].name);
		free(h[i].mount);
		free(h[i].folder);
	}
	free(h);
}
