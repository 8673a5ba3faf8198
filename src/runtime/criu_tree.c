/*
 * What criu sees as the new root, and the mount points in it.
 *
 * criu wants the root to be a mount of its own. It is one in criu's own mount namespace: nothing of it is seen on the
 * host, and it ends with criu. Mount points that the images do not bring along (a new copy of the root file system
 * lacks them) are made on a first copy of the root, with the bind mounts in place, because some lie inside of
 * others; then that copy goes, and criu gets the second one, without any mounts below.
 */
#include <fcntl.h>
#include <linux/stat.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "criu_private.h"
#include "sys/newmount.h"
#include "sys/rootpath.h"

static int clone_root(const struct plan *plan, struct err **err)
{
	struct newmount_attr attr = {.propagation = MS_PRIVATE};
	auto_fd int dir = open(plan->root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd int mnt = dir < 0 ? -1 : newmount_clone(dir, "", true);
	if (mnt < 0 || newmount_setattr(mnt, true, &attr) < 0)
		return err_sys(err, errno, "root file system %s", plan->root_path);
	return steal_fd(&mnt);
}

static int clone_source(struct criu_tree *t, size_t i, struct err **err)
{
	const struct plan_mount *m = &t->plan->mounts[i];
	struct stat st;
	auto_fd int source = open(m->source, O_PATH | O_CLOEXEC);
	if (source < 0 || fstat(source, &st) < 0)
		return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"error mounting \"%s\" to rootfs at \"%s\"", m->source, m->target);
	t->points[i].mount = newmount_clone(source, "", m->recursive);
	if (t->points[i].mount < 0)
		return err_sys(err, errno, "error mounting \"%s\" to rootfs at \"%s\"", m->source,
			m->target);
	t->points[i].is_dir = S_ISDIR(st.st_mode);
	return 0;
}

static bool below(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	while (n && folder[n - 1] == '/')
		n--;
	return n && strncmp(path, folder, n) == 0 && path[n] == '/';
}

/* In a file system that criu mounts itself, and fills itself if it is a tmpfs. */
static bool in_file_system(const struct plan *plan, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (plan->mounts[k].kind != STEP_BIND &&
			below(plan->mounts[i].target, plan->mounts[k].target))
			return true;
	return false;
}

int criu_tree_prepare(struct criu_tree *t, const struct plan *plan, const char *folder,
	struct arena *arena, struct err **err)
{
	t->plan = plan;
	t->folder = folder;
	t->points = arena_alloc(arena, plan->mount_count + 1, sizeof(*t->points));
	for (size_t i = 0; i < plan->mount_count; i++)
		t->points[i].mount = -1;
	t->first = clone_root(plan, err);
	t->second = t->first < 0 ? -1 : clone_root(plan, err);
	if (t->second < 0)
		return -1;
	/* criu gives every mount its flags back but the root */
	struct newmount_attr attr = {.set = MOUNT_ATTR_RDONLY};
	if (plan->root_readonly && newmount_setattr(t->second, false, &attr) < 0)
		return err_sys(err, errno, "make root file system %s read-only", plan->root_path);
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		struct criu_point *p = &t->points[i];
		p->skip = (m->sb_flags & MS_REMOUNT) || m->links || in_file_system(plan, i);
		p->is_dir = true;
		if (m->kind == STEP_BIND && !p->skip && clone_source(t, i, err) < 0)
			return -1;
	}
	return 0;
}

void criu_tree_close(struct criu_tree *t)
{
	for (size_t i = 0; t->points && i < t->plan->mount_count; i++)
		fd_close(t->points[i].mount);
	fd_close(t->first);
	fd_close(t->second);
}

/* The mount that holds @folder may be the host's peer: what is attached below would appear there. It stays the
 * host's slave, because sources of bind mounts may lie in it, too, which criu makes slaves by its example. */
static void keep_from_host(int folder, struct reporter *r)
{
	struct newmount_attr attr = {.propagation = MS_SLAVE};
	int at = openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (;;) {
		struct statx st;
		if (at < 0 || statx(at, "", AT_EMPTY_PATH, STATX_INO, &st) < 0)
			report_sys(r, "find the mount that holds criu's root");
		if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
			break;
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(at);
		at = up;
	}
	if (newmount_setattr(at, false, &attr) < 0)
		report_sys(r, "make the mount that holds criu's root a slave");
	close(at);
}

static void make_points(struct criu_tree *t, struct reporter *r)
{
	for (size_t i = 0; i < t->plan->mount_count; i++) {
		const struct plan_mount *m = &t->plan->mounts[i];
		const struct criu_point *p = &t->points[i];
		if (p->skip)
			continue;
		auto_fd int target = p->is_dir ? root_make_dir(t->first, m->target, 0755)
					       : root_make_file(t->first, m->target);
		if (target < 0 || (p->mount >= 0 && newmount_move(p->mount, target) < 0))
			report_sys(r, "make mount point %s", m->target);
	}
}

void criu_tree_enter(struct criu_tree *t, struct reporter *r)
{
	if (unshare(CLONE_NEWNS) < 0)
		report_sys(r, "make criu's mount namespace");
	int folder = open(t->folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		report_sys(r, "open %s", t->folder);
	keep_from_host(folder, r);
	if (newmount_move(t->first, folder) < 0)
		report_sys(r, "attach the root file system at %s", t->folder);
	make_points(t, r);
	if (newmount_detach(t->first) < 0 || chdir("/") < 0 || newmount_move(t->second, folder) < 0)
		report_sys(r, "attach the root file system at %s again", t->folder);
	close(folder);
}
