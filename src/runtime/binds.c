/*
 * Sources of bind mounts, opened on the host before the container's process exists; but for those that lie in the
 * container's own root. These are opened by the child at their turn, in that root, so that they show what the mounts
 * before them have put there, and so that links of the image lead nowhere outside.
 */
#include "setup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "idmap.h"
#include "sys/newmount.h"
#include "sys/procfs.h"
#include "sys/rootpath.h"

static bool goes_up(const char *path)
{
	for (const char *at = path; (at = strstr(at, "/..")); at += 3)
		if (!at[3] || at[3] == '/')
			return true;
	return false;
}

const char *bind_inside_root(const struct plan *plan, const char *source)
{
	if (plan->root_kind != PLAN_ROOT_BIND || str_eq(plan->root_path, "/"))
		return NULL;
	const char *rest = str_after(source, plan->root_path);
	return rest && (!*rest || *rest == '/') && !goes_up(rest) ? rest : NULL;
}

/*
 * What a source is to the host's mounts before the words of its own, as if the host's whole tree had been made so before
 * (which is what runc does): a peer, by which mounts of the container's get to the host, only where the root is to be
 * shared. "private" and "slave" without "r" are taken as for the whole tree here: runc leaves all sources the host's
 * peers with them, which nobody means who asks for these.
 */
static uint64_t tie_to_host(const struct plan *plan)
{
	if (plan->root_propagation & MS_SHARED)
		return 0;
	return plan->root_propagation == (MS_PRIVATE | MS_REC) ? MS_PRIVATE : MS_SLAVE;
}

static int set_attributes(int mnt, const struct plan_mount *m, uint64_t tie)
{
	struct newmount_attr own = {.set = m->attr_set, .clear = m->attr_clear};
	struct newmount_attr all = {
		.set = m->rec_attr_set, .clear = m->rec_attr_clear, .propagation = tie};
	if (newmount_setattr(mnt, false, &own) < 0 || newmount_setattr(mnt, true, &all) < 0)
		return -1;
	return mount_propagate(mnt, m);
}

/* @source: O_PATH, closed. @tie: see tie_to_host(), or 0. -1 with errno. Safe between clone and exec. */
static int clone_source(struct bind_source *b, int from, const struct plan_mount *m, uint64_t tie)
{
	auto_fd int source = from;
	struct stat st;
	if (source < 0 || fstat(source, &st) < 0)
		return -1;
	if ((m->links & PLAN_LINK_COPY) && S_ISLNK(st.st_mode)) {
		b->is_link = true;
		b->mount = steal_fd(&source);
		return 0;
	}
	auto_fd int mnt = newmount_clone(source, "", m->recursive);
	if (mnt < 0 || set_attributes(mnt, m, tie) < 0)
		return -1;
	b->is_dir = S_ISDIR(st.st_mode);
	b->is_proc = procfs_is(source);
	b->mount = steal_fd(&mnt);
	return 0;
}

static int source_flags(const struct plan_mount *m)
{
	return O_PATH | (m->links & (PLAN_LINK_SOURCE | PLAN_LINK_COPY) ? O_NOFOLLOW : 0);
}

/* -1 with errno. Safe between clone and exec. */
static int clone_from_host(
	struct bind_source *b, const struct plan *plan, const struct plan_mount *m)
{
	int source = open(m->source, source_flags(m) | O_CLOEXEC);
	return clone_source(b, source, m, tie_to_host(plan));
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
	b->inside = bind_inside_root(s->plan, m->source);
	if (s->late || b->inside)
		return 0;
	if (clone_from_host(b, s->plan, m) < 0)
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

static void failed(struct setup *s, const struct plan_mount *m) __attribute__((noreturn));
static void failed(struct setup *s, const struct plan_mount *m)
{
	report_fail(&s->report, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
		"error mounting \"%s\" to rootfs at \"%s\"", m->source, m->target);
}

void binds_prepare_late(struct setup *s)
{
	for (size_t i = 0; i < s->plan->mount_count; i++) {
		const struct plan_mount *m = &s->plan->mounts[i];
		if (has_source(m) && !s->binds[i].inside &&
			clone_from_host(&s->binds[i], s->plan, m) < 0)
			failed(s, m);
	}
}

void bind_prepare_inside(struct setup *s, size_t i)
{
	const struct plan_mount *m = &s->plan->mounts[i];
	struct bind_source *b = &s->binds[i];
	int source = root_open(s->root, b->inside, source_flags(m), 0);
	/* the root is tied to the host as it is to be; only in the host's own mount namespace it is not yet */
	uint64_t tie = root_is_shared(s) ? tie_to_host(s->plan) : 0;
	if (clone_source(b, source, m, tie) < 0)
		failed(s, m);
	if (!m->idmap)
		return;
	/* what brings the way into the cgroups must not be read as the answer */
	mount_need_cgroup(s);
	/* the file system's owner shifts it, which root of a user namespace is not */
	report_send_fd(&s->report, REPORT_IDMAP, b->mount);
	report_wait(&s->report, PERMIT_HEARD);
	s->report.permits &= ~(uint32_t)PERMIT_HEARD;
}

static bool is_copied(int source, const struct plan_mount *m)
{
	struct stat st;
	return (m->links & PLAN_LINK_COPY) && fstat(source, &st) == 0 && S_ISLNK(st.st_mode);
}

int binds_idmap_next(struct setup *s, int mnt, struct err **err)
{
	for (size_t i = 0; i < s->plan->mount_count; i++) {
		const struct plan_mount *m = &s->plan->mounts[i];
		struct bind_source *b = &s->binds[i];
		if (!b->inside || !m->idmap || b->shifted)
			continue;
		b->shifted = true;
		/* a link that is made anew has its turn, but no owners to be shifted */
		return is_copied(mnt, m) ? 0 : idmap_mount(mnt, m, s, err);
	}
	return err_set(
		err, ERR_SYSTEM, "the container's process asks for an id-mapped mount too many");
}

bool binds_shift_late(const struct setup *s)
{
	for (size_t i = 0; i < s->plan->mount_count; i++)
		if (s->binds[i].inside && s->plan->mounts[i].idmap)
			return true;
	return false;
}

void binds_close(struct setup *s)
{
	for (size_t i = 0; s->binds && i < s->plan->mount_count; i++)
		fd_close(s->binds[i].mount);
	free(s->binds);
	s->binds = NULL;
}
