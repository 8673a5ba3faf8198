/* The kernel's word that memory ran out. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "cgroup_private.h"

int64_t cgroup_oom_kills(const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CTL_MEMORY);
	return d ? d->ops->oom_kills(d) : -1;
}

static int watch_v1(const struct cgroup_dir *d, struct err **err)
{
	auto_fd int control = openat(d->fd, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	auto_fd int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || event < 0)
		return err_sys(
			err, errno, "watch %s/%s for want of memory", d->mount->path, d->rel);
	if (cgroup_put(d, "cgroup.event_control", err, "%d %d", event, control) < 0)
		return -1;
	return steal_fd(&event);
}

static int watch_v2(const struct cgroup_dir *d, struct err **err)
{
	auto_fd int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", d->fd);
	if (notify < 0 || inotify_add_watch(notify, path, IN_MODIFY) < 0)
		return err_sys(
			err, errno, "watch %s/%s for want of memory", d->mount->path, d->rel);
	return steal_fd(&notify);
}

int cgroup_oom_watch(const struct cgroup *cg, struct err **err)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CTL_MEMORY);
	if (!d)
		return err_set(err, ERR_UNAVAILABLE, "the container has no memory cgroup");
	return d->mount->v2 ? watch_v2(d, err) : watch_v1(d, err);
}

int64_t cgroup_oom_told(const struct cgroup *cg, int watch)
{
	const struct cgroup_dir *d = cgroup_dir_of(cg, CTL_MEMORY);
	union {
		uint64_t count;
		char bytes[4096];
	} event;
	ssize_t n = fd_read(watch, &event, sizeof(event));
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	if (!d || d->mount->v2 || n != sizeof(event.count))
		return 0;
	/* its removal counts as an event, too */
	if (!cgroup_file_exists(d, "cgroup.event_control"))
		event.count--;
	return event.count > INT32_MAX ? INT32_MAX : (int64_t)event.count;
}
