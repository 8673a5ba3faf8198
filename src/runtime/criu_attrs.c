/*
 * Attributes of restored bind mounts. criu (all versions up to 4.2.1) leaves out those of a mount that shows the same
 * folder as one it has made before, or one below it, with the same attributes: it takes the new mount for a copy of the
 * other one, while it is one of the source. So what was read-only would be writable.
 *
 * What the configuration forbids is forbidden here again, before any process runs. It only adds: what a container has
 * taken away from its own mounts stays away. Attributes of access times are not worth it.
 */
#include <fcntl.h>
#include <linux/stat.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/proc.h"
#include "criu_private.h"
#include "sys/child.h"
#include "sys/newmount.h"
#include "sys/rootpath.h"

#define FORBIDDING                                                                                 \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |            \
		MOUNT_ATTR_NOSYMFOLLOW)

/* A bind mount that has attributes, and the file that it shows. */
struct bound {
	const struct plan_mount *mount;
	uint64_t attr;
	dev_t dev;
	ino_t ino;
};

static size_t find_bound(struct bound *v, const struct plan *plan)
{
	size_t n = 0;
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		uint64_t attr = (m->attr_set & ~m->rec_attr_clear) | m->rec_attr_set;
		struct stat st;
		if (m->kind != STEP_BIND || (m->sb_flags & MS_REMOUNT) || !(attr & FORBIDDING))
			continue;
		int flags =
			m->links & (PLAN_LINK_SOURCE | PLAN_LINK_COPY) ? AT_SYMLINK_NOFOLLOW : 0;
		/* criu has just mounted it; one that is gone since is not this one any more */
		if (fstatat(AT_FDCWD, m->source, &st, flags) < 0)
			continue;
		v[n++] = (struct bound){m, attr & FORBIDDING, st.st_dev, st.st_ino};
	}
	return n;
}

/* Whether @fd is the root of a mount and the file of @b: not what the container has mounted in its place. */
static bool shows(int fd, const struct bound *b)
{
	struct stat st;
	struct statx stx;
	return fstat(fd, &st) == 0 && st.st_dev == b->dev && st.st_ino == b->ino &&
	       statx(fd, "", AT_EMPTY_PATH, STATX_INO, &stx) == 0 &&
	       (stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* In the container's mount namespace. 0 or an error number. */
static int forbid(int root, const struct bound *b)
{
	struct newmount_attr attr = {.set = b->attr};
	int nofollow = b->mount->links & PLAN_LINK_TARGET ? O_NOFOLLOW : 0;
	auto_fd int fd = root_open(root, b->mount->target, O_PATH | nofollow, 0);
	/* the container has unmounted it, or leads elsewhere by now */
	if (fd < 0 || !shows(fd, b) || newmount_setattr(fd, false, &attr) == 0)
		return 0;
	if (errno != EBUSY)
		return errno;
	/* open for writing, so the container itself had made it writable */
	attr.set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	return newmount_setattr(fd, false, &attr) < 0 ? errno : 0;
}

static int forbid_all(int ns, const struct bound *v, size_t n)
{
	if (setns(ns, CLONE_NEWNS) < 0)
		return errno;
	auto_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return errno;
	for (size_t i = 0; i < n; i++) {
		int e = forbid(root, &v[i]);
		if (e)
			return e;
	}
	return 0;
}

int criu_restore_attrs(const struct plan *plan, pid_t pid, struct arena *arena, struct err **err)
{
	char path[40];
	struct bound *v = arena_alloc(arena, plan->mount_count + 1, sizeof(*v));
	size_t n = find_bound(v, plan);
	if (!n)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	auto_fd int ns = open(path, O_RDONLY | O_CLOEXEC);
	struct child_args args = {.exit_signal = SIGCHLD};
	pid_t child = ns < 0 ? -1 : child_clone(&args);
	if (child == 0)
		_exit(forbid_all(ns, v, n));
	if (child < 0)
		return err_sys(err, errno, "enter the restored mount namespace");
	int status = proc_wait(child);
	if (status == 0)
		return 0;
	if (status > 0 && WIFEXITED(status))
		return err_sys(err, WEXITSTATUS(status), "set attributes of restored bind mounts");
	return err_set(err, ERR_SYSTEM, "cannot set attributes of restored bind mounts");
}
