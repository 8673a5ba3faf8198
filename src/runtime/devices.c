/* Device nodes and the links that every /dev has. */
#include "setup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/newmount.h"
#include "sys/rootpath.h"

static bool is_device(const struct stat *st, uint32_t mode, uint32_t major, uint32_t minor)
{
	return (st->st_mode & S_IFMT) == (mode & S_IFMT) && st->st_rdev == makedev(major, minor);
}

int device_open_host(
	struct reporter *r, const char *path, uint32_t mode, uint32_t major, uint32_t minor)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		report_sys(r, "open the host's %s", path);
	if (!is_device(&st, mode, major, minor))
		report_fail(
			r, ERR_SYSTEM, 0, "the host's %s is not device %u:%u", path, major, minor);
	return fd;
}

/* A user namespace may not make device nodes: the host's is bound instead. */
static void bind_from_host(struct setup *s, const struct plan_device *d)
{
	auto_fd int host = device_open_host(&s->report, d->path, d->mode, d->major, d->minor);
	auto_fd int mnt = newmount_clone(host, "", false);
	auto_fd int target = root_make_file(s->root, d->path);
	if (mnt < 0 || target < 0 || newmount_move(mnt, target) < 0)
		report_sys(&s->report, "bind the host's %s", d->path);
}

/* config-linux.md "Devices": what is there already must be the same device. */
static void check_existing(
	struct setup *s, const struct plan_device *d, int parent, const char *name)
{
	struct stat st;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		report_sys(&s->report, "device %s", d->path);
	bool same = S_ISFIFO(d->mode) ? S_ISFIFO(st.st_mode)
				      : is_device(&st, d->mode, d->major, d->minor);
	if (!same)
		report_fail(&s->report, ERR_INVALID, 0,
			"device %s: there is a file in its place that is not this device", d->path);
}

static void make_device(struct setup *s, const struct plan_device *d)
{
	char name[NAME_MAX + 1];
	auto_fd int parent = root_open_parent(s->root, d->path, 1, name, sizeof(name));
	if (parent < 0)
		report_sys(&s->report, "make the folder of device %s", d->path);
	if (mknodat(parent, name, d->mode, makedev(d->major, d->minor)) < 0) {
		if (errno == EPERM)
			bind_from_host(s, d);
		else if (errno != EEXIST)
			report_sys(&s->report, "make device %s", d->path);
		else if (d->requested)
			check_existing(s, d, parent, name);
		return; /* one that is there was put there by a mount, and is left as it is */
	}
	if ((d->uid || d->gid) && fchownat(parent, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		report_sys(&s->report, "set the owner of device %s", d->path);
}

static bool same_folder(const struct statx *a, const struct statx *b)
{
	return a->stx_mnt_id == b->stx_mnt_id && a->stx_ino == b->stx_ino;
}

static void look(struct setup *s, int dir, struct statx *st)
{
	if (statx(dir, "", AT_EMPTY_PATH, STATX_MNT_ID | STATX_INO, st) < 0)
		report_sys(&s->report, "look at a folder on the way to /dev");
}

static bool is_top_of_bind(struct setup *s, const struct statx *st)
{
	for (size_t i = 0; i < s->plan->mount_count; i++) {
		struct statx top;
		if (!s->binds[i].is_dir)
			continue;
		look(s, s->binds[i].mount, &top);
		if (same_folder(&top, st))
			return true;
	}
	return false;
}

/* With a link of the image, be it /dev itself or one on the way of a bind mount, /dev may be a folder of the host's
 * that is mounted for another purpose. */
static bool in_bind(struct setup *s, int dir)
{
	struct statx root, here, below = {0};
	bool any = false;
	for (size_t i = 0; i < s->plan->mount_count; i++)
		any = any || s->binds[i].is_dir;
	auto_fd int at = any ? openat(dir, ".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (!any)
		return false;
	look(s, s->root, &root);
	for (;;) {
		look(s, at, &here);
		if (same_folder(&here, &root))
			return false;
		/* or the root itself is covered */
		if (is_top_of_bind(s, &here) || same_folder(&here, &below))
			return true;
		below = here;
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			report_sys(&s->report, "look at the folders above /dev");
		fd_close(at);
		at = up;
	}
}

static void make_link(struct setup *s, int dev, const char *to, const char *name)
{
	if (symlinkat(to, dev, name) < 0 && errno != EEXIST)
		report_sys(&s->report, "make link /dev/%s", name);
}

/* config-linux.md "Dev symbolic links" and /dev/ptmx */
static void make_links(struct setup *s, int dev)
{
	make_link(s, dev, "/proc/self/fd", "fd");
	make_link(s, dev, "/proc/self/fd/0", "stdin");
	make_link(s, dev, "/proc/self/fd/1", "stdout");
	make_link(s, dev, "/proc/self/fd/2", "stderr");
	struct stat st;
	if (fstatat(s->proc, "kcore", &st, AT_SYMLINK_NOFOLLOW) == 0)
		make_link(s, dev, "/proc/kcore", "core");
	/* a plain file or link of the image in its place would be somebody else's terminals */
	if (s->devpts >= 0) {
		unlinkat(dev, "ptmx", 0);
		make_link(s, dev, "pts/ptmx", "ptmx");
	}
}

bool devices_are_ours(const struct plan *plan)
{
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		/* there is one devtmpfs for all */
		if ((m->kind == STEP_BIND || str_eq(m->fstype, "devtmpfs")) &&
			str_eq(m->target, "/dev"))
			return false;
	}
	return true;
}

void devices_make(struct setup *s)
{
	if (!s->dev_is_ours || s->dev_done)
		return;
	s->dev_done = true;
	auto_fd int dev = root_make_dir(s->root, "/dev", 0755);
	if (dev < 0)
		report_sys(&s->report, "make /dev");
	if (in_bind(s, dev))
		return;
	for (size_t i = 0; i < s->plan->device_count; i++)
		make_device(s, &s->plan->devices[i]);
	make_links(s, dev);
}
