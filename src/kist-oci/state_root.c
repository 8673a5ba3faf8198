/*
 * A container without a mount namespace has its root and its mounts in the caller's. What lay at the root's place is on
 * record before anything is attached there, so that whatever is killed when, delete knows what to take away: all that
 * is on top of that.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/stat.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/str.h"
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

static bool same_place(const char *a, const char *b)
{
	char real_a[PATH_MAX], real_b[PATH_MAX];
	return realpath(a, real_a) && realpath(b, real_b) && str_eq(real_a, real_b);
}

/* Of two at one place the first to go would take the second's mounts along, and the second what lay there before. */
static int check_free(const struct state *s, struct err **err)
{
	DIR *dir = opendir(s->globals->root);
	struct dirent *entry;
	int r = 0;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while (dir && r == 0 && (entry = readdir(dir))) {
		auto_state *other = NULL;
		auto_err *why = NULL;
		if (entry->d_name[0] == '.' || str_eq(entry->d_name, s->id) ||
			state_open(&other, s->globals, entry->d_name, LOCK_NONE, &why) < 0)
			continue;
		if (other->root_base && same_place(other->rootfs, s->rootfs))
			r = err_set(err, ERR_CONFLICT,
				"root file system %s: container %s has its mounts there", s->rootfs,
				other->id);
	}
	if (dir)
		closedir(dir);
	return r;
}

int state_root_begin(struct state *s, struct err **err)
{
	bool begins;
	if (check_free(s, err) < 0)
		return -1;
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
