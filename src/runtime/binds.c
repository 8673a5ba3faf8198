/* Sources of bind mounts, opened on the host before the container's process exists. */
#include "setup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "idmap.h"
#include "sys/newmount.h"
#include "sys/procfs.h"

/*
 * What a source is to the host's mounts before the words of its own, as if the host's whole tree had been made so before
 * (which is what runc does): a peer, by which mounts of the container's get to the host, only where both the root is to be
 * shared and this mount asks for it or speaks of its whole tree.
 */
static uint64_t tie_to_host(const struct plan *plan, const struct plan_mount *m)
{
	bool speaks = m->propagation_count && (m->propagation[0] & (MS_SHARED | MS_REC));
	if ((plan->root_propagation & MS_SHARED) && speaks)
		return 0;
	return plan->root_propagation == (MS_PRIVATE | MS_REC) ? MS_PRIVATE : MS_SLAVE;
}

static int set_attributes(int mnt, const struct plan *plan, const struct plan_mount *m)
{
	struct newmount_attr own = {.set = m->attr_set, .clear = m->attr_clear};
	struct newmount_attr all = {.set = m->rec_attr_set,
		.clear = m->rec_attr_clear,
		.propagation = tie_to_host(plan, m)};
	if (newmount_setattr(mnt, false, &own) < 0 || newmount_setattr(mnt, true, &all) < 0)
		return -1;
	return mount_propagate(mnt, m);
}

/* -1 with errno. Safe between clone and exec. */
static int clone_source(struct bind_source *b, const struct plan *plan, const struct plan_mount *m)
{
	bool link = m->links & (PLAN_LINK_SOURCE | PLAN_LINK_COPY);
	auto_fd int source = open(m->source, O_PATH | O_CLOEXEC | (link ? O_NOFOLLOW : 0));
	struct stat st;
	if (source < 0 || fstat(source, &st) < 0)
		return -1;
	if ((m->links & PLAN_LINK_COPY) && S_ISLNK(st.st_mode)) {
		b->is_link = true;
		b->mount = steal_fd(&source);
		return 0;
	}
	auto_fd int mnt = newmount_clone(source, "", m->recursive);
	if (mnt < 0 || set_attributes(mnt, plan, m) < 0)
		return -1;
	b->is_dir = S_ISDIR(st.st_mode);
	b->is_proc = procfs_is(source);
	b->mount = steal_fd(&mnt);
	return 0;
}

static bool has_source(const struct plan_mount *m)
{
	return m->kind == STEP_BIND && !(m->sb_flags & MS_REMOUNT);
}

static int prepare(
	struct setup *s, struct bind_source *b, const struct plan_mount *m, struct err **err)
{
	/* the file system's owner shifts it, and that is not an ordinary user */
	if (s->late && m->idmap)
		return err_set(err, ERR_FORBIDDEN,
			"mount %s: id-mapped mounts are not supported for rootless containers",
			m->target);
	if (s->late)
		return 0;
	if (clone_source(b, s->plan, m) < 0)
		return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"error mounting \"%s\" to rootfs at \"%s\"", m->source, m->target);
	return m->idmap && !b->is_link ? idmap_mount(b->mount, m, s, err) : 0;
}

int binds_prepare(struct setup *s, struct err **err)
{
	const struct plan *plan = s->plan;
	s->binds = xcalloc(plan->mount_count, sizeof(*s->binds));
	for (size_t i = 0; i < plan->mount_count; i++)
		s->binds[i].mount = -1;
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		if (has_source(m) && prepare(s, &s->binds[i], m, err) < 0)
			return -1;
	}
	return 0;
}

void binds_prepare_late(struct setup *s)
{
	for (size_t i = 0; i < s->plan->mount_count; i++) {
		const struct plan_mount *m = &s->plan->mounts[i];
		if (has_source(m) && clone_source(&s->binds[i], s->plan, m) < 0)
			report_fail(&s->report, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
				"error mounting \"%s\" to rootfs at \"%s\"", m->source, m->target);
	}
}

void binds_close(struct setup *s)
{
	for (size_t i = 0; s->binds && i < s->plan->mount_count; i++)
		fd_close(s->binds[i].mount);
	free(s->binds);
	s->binds = NULL;
}
