/*
 * mount(2), for what fsconfig(2) cannot say: its strings end at 255 bytes, and an overlay's layers may take more
 * ("lowerdir+" is Linux 6.5). The mount is made where it belongs and taken off again, so that the caller gets the
 * same detached mount as from fsmount(2).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/mem.h"
#include "report.h"
#include "runtime/plan.h"
#include "setup.h"
#include "sys/newmount.h"
#include "sys/rootpath.h"

#define FSCONFIG_STRING_MAX 255

bool mount_is_long(const struct plan_mount *m)
{
	if (m->source && strlen(m->source) > FSCONFIG_STRING_MAX)
		return true;
	for (const char *at = m->data; at && *at;) {
		size_t n = strcspn(at, ",");
		size_t key = strcspn(at, "=,");
		if (key < n && n - key - 1 > FSCONFIG_STRING_MAX)
			return true;
		at += n + (at[n] == ',');
	}
	return false;
}

/* The options, and the label as mount(8) writes it. */
static const char *data_of(
	const struct setup *s, const struct plan_mount *m, char *room, size_t size)
{
	if (!mount_takes_label(s, m))
		return m->data;
	bool bare = !m->data || !*m->data;
	size_t n = strlen(s->plan->mount_label) + (bare ? 0 : strlen(m->data));
	if (n + sizeof(",context=\"\"") > size) {
		errno = E2BIG;
		return NULL;
	}
	report_format(room, size, "%s%scontext=\"%s\"", bare ? "" : m->data, bare ? "" : ",",
		s->plan->mount_label);
	return room;
}

int mount_classic(struct setup *s, const struct plan_mount *m, int target)
{
	unsigned long flags = m->sb_flags & ~(unsigned long)MS_REMOUNT;
	if (m->attr_set & MOUNT_ATTR_RDONLY)
		flags |= MS_RDONLY;
	char room[4096]; /* the kernel takes no more */
	const char *data = data_of(s, m, room, sizeof(room));
	if ((!data && (m->data || mount_takes_label(s, m))) || fchdir(target) < 0 ||
		mount(m->source, ".", m->fstype, flags, data) < 0)
		return -1;
	/* a folder that is the working folder is not what was mounted on it: look again */
	auto_fd int there = root_open(s->root, m->target, O_PATH | O_DIRECTORY, 0);
	auto_fd int mnt = there < 0 ? -1 : newmount_clone(there, "", false);
	struct newmount_attr top = {
		.set = m->attr_set, .clear = m->attr_clear, .propagation = MS_PRIVATE};
	struct newmount_attr all = {.set = m->rec_attr_set, .clear = m->rec_attr_clear};
	if (mnt < 0 || fchdir(there) < 0 || umount2(".", MNT_DETACH) < 0 || fchdir(s->root) < 0 ||
		newmount_setattr(mnt, false, &top) < 0 || newmount_setattr(mnt, true, &all) < 0)
		return -1;
	return steal_fd(&mnt);
}
