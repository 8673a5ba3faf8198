/* Choosing a driver; what drivers share. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/newmount.h"

/* Best first. */
static const struct store_driver *const drivers[] = {&driver_overlay, &driver_vfs};

const struct store_driver *driver_find(const char *name)
{
	/* as the kernel calls it: what Docker's driver of this name was (links to one layer) is gone there, too */
	if (str_eq(name, "overlay"))
		return &driver_overlay;
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++)
		if (str_eq(name, drivers[i]->name))
			return drivers[i];
	return NULL;
}

static const struct store_driver *choose_named(struct store *s, const char *name, struct err **err)
{
	const struct store_driver *d = driver_find(name);
	if (!d) {
		err_set(err, ERR_INVALID,
			"storage driver \"%.64s\" is not known: overlay2 and vfs are", name);
		return NULL;
	}
	if (d->probe(s, err) < 0) {
		err_wrap(err, "storage driver %s does not work in %s", d->name, s->root_path);
		return NULL;
	}
	return d;
}

const struct store_driver *driver_choose(struct store *s, const char *wanted, struct err **err)
{
	if (!str_empty(wanted))
		return choose_named(s, wanted, err);
	for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
		auto_err *why = NULL;
		if (drivers[i]->probe(s, &why) == 0) {
			if (i > 0)
				log_warn("storage driver: %s", drivers[i]->name);
			return drivers[i];
		}
		log_warn("storage driver %s does not work in %s: %s", drivers[i]->name,
			s->root_path, err_msg(why));
	}
	err_set(err, ERR_UNAVAILABLE, "no storage driver works in %s", s->root_path);
	return NULL;
}

bool driver_is_made(struct store *s, const struct snapshot *snap)
{
	for (size_t i = 0; snap->driver->folders[i]; i++) {
		auto_free char *path = xasprintf("%s/%s", snap->id, snap->driver->folders[i]);
		if (faccessat(s->containers, path, F_OK, 0) < 0)
			return false;
	}
	return true;
}

int driver_put_mark(int root, struct err **err)
{
	auto_fd int fd = openat(
		root, ".dockerenv", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
	if (fd < 0 && errno == EEXIST)
		return 0;
	/* whatever the umask: it is told from the container's own files by its mode, too */
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_sys(err, errno, "make /.dockerenv");
	return 0;
}

int driver_clone(struct store *s, const char *path, uint64_t attr, struct err **err)
{
	auto_fd int mnt = newmount_clone(s->root, path, false);
	struct newmount_attr a = {.set = attr, .propagation = MS_PRIVATE};
	if (mnt < 0)
		return err_sys(err, errno, "open folder %s", path);
	if (newmount_setattr(mnt, false, &a) < 0) {
		a.set &= ~(uint64_t)MOUNT_ATTR_NOSYMFOLLOW; /* before Linux 5.14 */
		if (newmount_setattr(mnt, false, &a) < 0)
			return err_sys(err, errno, "open folder %s as a mount of its own", path);
	}
	return steal_fd(&mnt);
}

void snapshot_clear(struct snapshot *snap)
{
	strv_free(snap->layers);
	snap->layers = NULL;
}

void snapshot_view_clear(struct snapshot_view *view)
{
	fd_close(view->own);
	for (size_t i = 0; i < view->below_count; i++)
		fd_close(view->below[i]);
	free(view->below);
	*view = (struct snapshot_view){.own = -1};
}
