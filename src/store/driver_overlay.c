/* The driver overlay2: layers are mounted one on top of another, what a container writes goes to a folder above. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "driver.h"
#include "store/whiteout.h"
#include "sys/newmount.h"
#include "sys/overlay.h"

#define HARMLESS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const char *const folders[] = {"upper", "work", NULL};

static int make_in(int dir, struct err **err)
{
	/* the container's root folder takes its mode from upper; as Docker */
	if (folder_make_exact(dir, "upper", 0755, err) < 0 ||
		folder_make_exact(dir, "work", 0700, err) < 0)
		return -1;
	return 0;
}

/* With upper and work: file systems that do as layers need not do as those. */
static int probe(struct store *s, struct err **err)
{
	char name[STAGING_NAME];
	if (faccessat(s->root, WHITEOUT_MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, ERR_UNAVAILABLE,
			"layers were unpacked where overlayfs's whiteouts cannot be made");
	auto_fd int dir = staging_make(s, name, err);
	if (dir < 0)
		return -1;
	int mnt = -1;
	if (make_in(dir, err) == 0) {
		auto_free char *lower = xasprintf("%s/layers/empty", s->root_path);
		const char *layers[] = {lower, NULL};
		struct overlay_spec spec = {
			.lower = layers, .upper = "upper", .work = "work", .dir = dir};
		mnt = overlay_mount(&spec, err);
	}
	fd_close(mnt);
	staging_remove(s, name);
	return mnt < 0 ? -1 : 0;
}

/* Nothing is synced, that would cost every run: what a power cut takes within seconds was empty. */
static int make(struct store *s, const struct snapshot *snap, struct err **err)
{
	auto_fd int dir = dir_open(s->containers, snap->id, err);
	if (dir < 0 || make_in(dir, err) < 0)
		return -1;
	auto_fd int upper = dir_open(dir, "upper", err);
	return upper < 0 ? -1 : driver_put_mark(upper, err);
}

static void describe(const struct snapshot *snap, const char *base, struct store_snapshot *out)
{
	out->kind = STORE_ROOT_OVERLAY;
	for (size_t i = 0; snap->layers[i]; i++)
		strv_take(&out->lower, xasprintf("%s%s", base, snap->layers[i]));
	out->upper = xasprintf("%scontainers/%s/upper", base, snap->id);
	out->work = xasprintf("%scontainers/%s/work", base, snap->id);
}

static int mount_it(struct store *s, const struct snapshot *snap, bool read_only, struct err **err)
{
	auto_free char *upper = xasprintf("containers/%s/upper", snap->id);
	auto_free char *work = xasprintf("containers/%s/work", snap->id);
	/* upper takes part in a read-only mount as the topmost layer: nothing is written to it */
	auto_free const char **lower = xcalloc(strv_len(snap->layers) + 2, sizeof(*lower));
	size_t n = 0;
	if (read_only)
		lower[n++] = upper;
	for (size_t i = 0; snap->layers[i]; i++)
		lower[n++] = snap->layers[i];
	struct overlay_spec spec = {
		.lower = lower,
		.upper = read_only ? NULL : upper,
		.work = read_only ? NULL : work,
		.dir = s->root,
	};
	return overlay_mount(&spec, err);
}

/* The upper folder itself, not a second overlay over it: that one's behaviour would be undefined. */
static int view(
	struct store *s, const struct snapshot *snap, struct snapshot_view *out, struct err **err)
{
	auto_free char *upper = xasprintf("containers/%s/upper", snap->id);
	struct overlay_spec spec = {
		.lower = (const char *const *)snap->layers,
		.dir = s->root,
		.attr = HARMLESS,
	};
	out->below = xmalloc(sizeof(*out->below));
	out->below[0] = overlay_mount(&spec, err);
	if (out->below[0] < 0)
		return -1;
	out->below_count = 1;
	out->own = driver_clone(s, upper, HARMLESS | MOUNT_ATTR_NOSYMFOLLOW, err);
	return out->own < 0 ? err_wrap(err, "the container's files") : 0;
}

static int64_t size(struct store *s, const struct snapshot *snap, struct err **err)
{
	struct usage usage = {0};
	struct stat st;
	auto_free char *path = xasprintf("%s/upper", snap->id);
	if (fstatat(s->containers, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"file system of container %s", snap->id);
	return usage_add(s->containers, path, &usage, err) < 0 ? -1 : usage.bytes;
}

/* Docker's words: there it takes xfs's project quotas. */
static int set_option(const char *key, const char *value, struct err **err)
{
	return err_set(err, ERR_SYSTEM,
		"--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
}

const struct store_driver driver_overlay = {
	.name = "overlay2",
	.set_option = set_option,
	.probe = probe,
	.folders = folders,
	.make = make,
	.describe = describe,
	.mount = mount_it,
	.view = view,
	.size = size,
};
