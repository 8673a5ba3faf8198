/* config-linux.md "Cgroup ownership". */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"
#include "run_private.h"

#define DELEGATE "/sys/kernel/cgroup/delegate"
/* for kernels before 4.15, which do not say */
#define DELEGATE_DEFAULT "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n"

static int give(const struct cgroup_dir *d, const char *name, uid_t uid, struct err **err)
{
	if (strchr(name, '/') || fchownat(d->fd, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == 0 ||
		errno == ENOENT)
		return 0;
	return err_sys(err, errno, "give %s/%s/%s to user %u", d->mount->path, d->rel, name, uid);
}

int cgroup_give(struct cgroup *cg, uid_t uid, struct err **err)
{
	if (cg->layout.mode != CGROUP_V2 || cg->dirs[0].fd < 0)
		return 0;
	const struct cgroup_dir *d = &cg->dirs[0];
	auto_buf list = BUF_INIT;
	if (file_read(AT_FDCWD, DELEGATE, 65536, &list, NULL) < 0)
		buf_adds(&list, DELEGATE_DEFAULT);
	auto_strv names = strv_split(buf_str(&list), '\n');
	for (size_t i = 0; names[i]; i++) {
		if (*names[i] && give(d, names[i], uid, err) < 0)
			return -1;
	}
	return give(d, ".", uid, err);
}

/* Mounted so that it can be written to, at the usual place? */
static bool mounted_writable(const struct plan *plan)
{
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		if (m->kind == STEP_CGROUP && str_eq(m->source, "cgroup") &&
			(str_eq(m->target, "/sys/fs/cgroup") ||
				str_eq(m->target, "/sys/fs/cgroup/")))
			return !((m->attr_set | m->rec_attr_set) & MOUNT_ATTR_RDONLY);
	}
	return false;
}

int run_give_cgroup(struct cgroup *cg, const struct plan *plan, struct err **err)
{
	/* who a name is is known in the container only; it is root that manages cgroups there */
	uint32_t uid = plan->process.user_spec ? 0 : plan->process.uid;
	if (!(plan->ns_new & CLONE_NEWCGROUP) || plan->rootless || !mounted_writable(plan))
		return 0;
	for (size_t i = 0; i < plan->uid_map_count; i++) {
		const struct oci_id_map *map = &plan->uid_map[i];
		if (uid >= map->container && uid - map->container < map->size)
			return cgroup_give(cg, map->host + (uid - map->container), err);
	}
	return 0;
}
