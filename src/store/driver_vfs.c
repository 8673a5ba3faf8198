/*
 * The driver vfs: each container has a copy of its image's files, containers/<id>/root. It works wherever files do.
 *
 * kist-transfer merges the layers into a staging folder, confined, and syncs it; a rename makes it the container's.
 * Nothing is copied for an image: that would be one more copy for most, and would have to be kept count of. What a
 * container has changed is found by comparing its copy with the layers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "driver.h"
#include "store/pack.h"
#include "store/whiteout.h"
#include "sys/newmount.h"

#define HARMLESS                                                                                   \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |            \
		MOUNT_ATTR_NOSYMFOLLOW)
#define SIZE_DIGITS_MAX 32

static const char *const folders[] = {"root", NULL};

/* Works everywhere; but where layers cannot be unpacked as overlayfs needs them, that is noted before the first is. */
static int probe(struct store *s, struct err **err)
{
	char name[STAGING_NAME];
	auto_fd int dir = staging_make(s, name, err);
	if (dir < 0)
		return -1;
	int made = mknodat(dir, "whiteout", S_IFCHR, WHITEOUT_OVERLAY);
	bool refused = made < 0 && errno == EPERM;
	staging_remove(s, name);
	if (!refused)
		return 0;
	auto_fd int mark =
		openat(s->root, WHITEOUT_MARK, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (mark < 0 || fsync(mark) < 0 || fsync(s->root) < 0)
		return err_sys(err, errno, "make %s", WHITEOUT_MARK);
	return 0;
}

static int open_layers(
	struct store *s, const struct snapshot *snap, struct snapshot_view *out, struct err **err)
{
	size_t n = strv_len(snap->layers);
	out->below = xcalloc(n, sizeof(*out->below));
	for (; out->below_count < n; out->below_count++) {
		int fd = driver_clone(s, snap->layers[out->below_count], HARMLESS, err);
		if (fd < 0)
			return -1;
		out->below[out->below_count] = fd;
	}
	return 0;
}

/* A confined program made it, of what strangers wrote: a link would have the runtime mount what it leads to. */
static int check_copy(int dir, struct err **err)
{
	struct stat st;
	if (fstatat(dir, "root", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "kist-transfer made no copy");
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "the copy is not a folder");
	return 0;
}

/* One that another thread has put there is as good. */
static int put_in_place(struct store *s, int dir, const char *id, struct err **err)
{
	auto_free char *root = xasprintf("%s/root", id);
	if (renameat2(dir, "root", s->containers, root, RENAME_NOREPLACE) == 0 || errno == EEXIST)
		return 0;
	/* file systems without that flag: a folder takes the place of an empty one at most */
	if (errno == EINVAL && (renameat(dir, "root", s->containers, root) == 0 ||
				       errno == EEXIST || errno == ENOTEMPTY))
		return 0;
	if (errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "container %s has no file system", id);
	return err_sys(err, errno, "move a copy of the image to container %s", id);
}

static int put_mark(int dir, struct err **err)
{
	auto_fd int root = dir_open(dir, "root", err);
	return root < 0 ? -1 : driver_put_mark(root, err);
}

static int make(struct store *s, const struct snapshot *snap, struct err **err)
{
	auto_snapshot_view view = {.own = -1};
	char name[STAGING_NAME];
	if (open_layers(s, snap, &view, err) < 0)
		return -1;
	auto_fd int dir = staging_make(s, name, err);
	if (dir < 0)
		return -1;
	int r = transfer_copy(s, dir, view.below, view.below_count, err);
	if (r == 0)
		r = check_copy(dir, err);
	if (r == 0)
		r = put_mark(dir, err);
	if (r == 0)
		r = put_in_place(s, dir, snap->id, err);
	staging_remove(s, name);
	return r < 0 ? err_wrap(err, "copy the image of container %s", snap->id) : 0;
}

static void describe(const struct snapshot *snap, const char *base, struct store_snapshot *out)
{
	out->kind = STORE_ROOT_FOLDER;
	out->folder = xasprintf("%scontainers/%s/root", base, snap->id);
}

static int mount_it(struct store *s, const struct snapshot *snap, bool read_only, struct err **err)
{
	auto_free char *root = xasprintf("containers/%s/root", snap->id);
	return driver_clone(s, root, read_only ? MOUNT_ATTR_RDONLY : 0, err);
}

static int view(
	struct store *s, const struct snapshot *snap, struct snapshot_view *out, struct err **err)
{
	auto_free char *root = xasprintf("containers/%s/root", snap->id);
	out->whole = true;
	out->own = driver_clone(s, root, HARMLESS, err);
	return out->own < 0 ? -1 : open_layers(s, snap, out, err);
}

/* As Docker's: not what the copy takes, but what of it is not the image's. */
static int64_t size(struct store *s, const struct snapshot *snap, struct err **err)
{
	auto_buf text = BUF_INIT;
	int64_t bytes;
	if (!driver_is_made(s, snap))
		return 0; /* not copied yet */
	auto_store_pack *pack = store_pack_start(s, snap->id, STORE_PACK_SIZE, err);
	if (!pack || fd_read_all(store_pack_fd(pack), SIZE_DIGITS_MAX, &text, "a size", err) < 0 ||
		store_pack_result(pack, err) < 0)
		return -1;
	if (str_to_i64(buf_str(&text), &bytes) < 0)
		return err_set(err, ERR_SYSTEM, "kist-transfer gave no size");
	return bytes;
}

/* Docker's words. */
static int set_option(const char *key, const char *value, struct err **err)
{
	if (!str_eq(key, "size"))
		return err_set(err, ERR_SYSTEM, "Storage opt %.64s not supported", key);
	return err_set(err, ERR_SYSTEM, "Filesystem does not support, or has not enabled quotas");
}

const struct store_driver driver_vfs = {
	.name = "vfs",
	.set_option = set_option,
	.copies = true,
	.probe = probe,
	.folders = folders,
	.make = make,
	.describe = describe,
	.mount = mount_it,
	.view = view,
	.size = size,
};
