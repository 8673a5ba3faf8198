/*
 * Paths of the container that are covered or made read-only. What covers them is ours: a file gets
 * the host's null device, checked to be one (CVE-2025-31133), a folder an empty read-only tmpfs, one for all of them.
 */
#include "setup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/mem.h"
#include "sys/newmount.h"
#include "sys/rootpath.h"

static bool is_kernel_interface(int mount)
{
	struct statfs fs;
	return mount >= 0 && fstatfs(mount, &fs) == 0 &&
	       (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

/* Is @path in @folder: what follows it from its slash on, else NULL. "" if it is @folder itself. */
static const char *within(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	if (n == 1)
		return path;
	return strncmp(path, folder, n) == 0 && (path[n] == '/' || !path[n]) ? path + n : NULL;
}

/*
 * What is to be protected in /proc and /sys is looked for in the very mounts that were made there: whoever shares
 * the root's folders may exchange what leads to them meanwhile, and would have something else covered
 * (CVE-2023-27561). Returns the mount and moves @path on to what is below it; else the root.
 */
static int find_mount(const struct setup *s, const char **path)
{
	const struct plan *plan = s->plan;
	const char *rest = *path, *top = NULL;
	int found = s->root;
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		const char *below = within(*path, m->target);
		if (!below || (m->sb_flags & MS_REMOUNT))
			continue;
		const struct bind_source *b = &s->binds[i];
		if (*below && !b->is_link && is_kernel_interface(b->mount)) {
			found = b->mount;
			top = m->target;
			rest = below;
		} else if (top && within(top, m->target)) {
			/* covered by it */
			found = s->root;
			top = NULL;
			rest = *path;
		}
	}
	*path = rest;
	return found;
}

/* Descriptor of the path, or -1 if there is nothing to protect. */
static int open_path(struct setup *s, const char *path)
{
	const char *below = path;
	const int top = find_mount(s, &below);
	int fd = root_open(top, below, O_PATH, 0);
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		report_sys(&s->report, "protect %s", path);
	return fd;
}

struct covers {
	int null; /* the host's null device */
	int folder; /* the tmpfs where it has been mounted first; -1: not yet */
};

static int make_folder(struct setup *s)
{
	const bool labelled = s->plan->mount_label;
	const char *const options[] = {"source", "tmpfs", "size", "0k", "nr_inodes", "1", "mode",
		"755", labelled ? "context" : NULL, s->plan->mount_label, NULL};
	return newmount_simple("tmpfs", options, MOUNT_ATTR_RDONLY);
}

/* Is @target what has been covered already: a path that is given twice, or leads to another of them? */
static bool is_covered(const struct stat *target, int cover)
{
	struct stat st;
	return cover >= 0 && fstat(cover, &st) == 0 && st.st_dev == target->st_dev &&
	       st.st_ino == target->st_ino;
}

static void mask(struct setup *s, const char *path, struct covers *c)
{
	auto_fd int target = open_path(s, path);
	struct stat st;
	if (target < 0)
		return;
	if (fstat(target, &st) < 0)
		report_sys(&s->report, "mask %s", path);
	const bool folder = S_ISDIR(st.st_mode), first = folder && c->folder < 0;
	const int source = folder ? c->folder : c->null;
	if (is_covered(&st, source))
		return;
	/* the first is attached before it is copied: not every kernel copies what is in no namespace */
	auto_fd int cover = first ? make_folder(s) : newmount_clone(source, "", false);
	if (cover < 0 || newmount_move(cover, target) < 0)
		report_sys(&s->report, "mask %s", path);
	if (first)
		c->folder = steal_fd(&cover);
}

static void make_readonly(struct setup *s, const char *path)
{
	auto_fd int target = open_path(s, path);
	if (target < 0)
		return;
	auto_fd int copy = newmount_clone(target, "", true);
	struct newmount_attr attr = {.set = MOUNT_ATTR_RDONLY};
	if (copy < 0 || newmount_setattr(copy, true, &attr) < 0 || newmount_move(copy, target) < 0)
		report_sys(&s->report, "make %s read-only", path);
}

static void mask_all(struct setup *s, const char *const *paths)
{
	auto_fd int null = device_open_host(&s->report, "/dev/null", S_IFCHR, 1, 3);
	struct covers covers = {.null = null, .folder = -1};
	for (size_t i = 0; paths[i]; i++)
		mask(s, paths[i], &covers);
	fd_close(covers.folder);
}

/* Masks come first: the copy that covers a read-only /proc or /sys has them in it, while find_mount() goes on to lead to
 * what is covered. */
void masks_make(struct setup *s)
{
	const struct plan *plan = s->plan;
	if (plan->masked && plan->masked[0])
		mask_all(s, plan->masked);
	for (size_t i = 0; plan->readonly && plan->readonly[i]; i++)
		make_readonly(s, plan->readonly[i]);
}
