/*
 * A container without a mount namespace has its root and its mounts in the caller's. What lay at the root's place is on
 * record before anything is attached there, so that whatever is killed when, delete knows what to take away: all that
 * is on top of that.
 */
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "state.h"

/* Id of the topmost mount at @path, and whether it begins there. */
static int look(const char *path, uint64_t *id, bool *begins)
{
	struct statx st;
	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0)
		return -1;
	*id = st.stx_mnt_id;
	*begins = st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return 0;
}

int state_root_begin(struct state *s, struct err **err)
{
	bool begins;
	if (look(s->rootfs, &s->root_base, &begins) < 0)
		return err_sys(err, errno, "root file system %s", s->rootfs);
	return 0;
}

int state_root_end(const struct state *s, struct err **err)
{
	uint64_t id;
	bool begins;
	if (!s->root_base)
		return 0;
	while (look(s->rootfs, &id, &begins) == 0 && begins && id != s->root_base) {
		if (umount2(s->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_sys(err, errno, "unmount root file system %s", s->rootfs);
	}
	return 0;
}
