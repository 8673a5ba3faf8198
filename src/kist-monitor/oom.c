#include "oom.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define LATER (200 * 1000000LL)

struct oom_watch {
	const struct cgroup *cg;
	void (*fn)(void *arg);
	void *arg;
	int64_t first, last; /* of the kernel's counter */
	int fd;
	struct loop_source *source;
	struct loop_timer *again;
};

/* The folder of the hierarchy that has the memory controller; v2's may be "unified". */
static int open_folder(const struct cgroup *cg, bool *v2)
{
	struct cgroup_hierarchy *h = NULL;
	size_t n = 0;
	int fd = -1;
	if (cgroup_hierarchies(cg, &h, &n, NULL) < 0)
		return -1;
	for (size_t i = 0; i < n && fd < 0; i++) {
		int dir = open(h[i].folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		const char *file = h[i].v2 ? "memory.events" : "memory.oom_control";
		if (dir >= 0 && faccessat(dir, file, R_OK, 0) == 0) {
			fd = dir;
			*v2 = h[i].v2;
		} else {
			fd_close(dir);
		}
	}
	cgroup_hierarchies_free(h, n);
	return fd;
}

static int watch_v1(int dir)
{
	auto_fd int control = openat(dir, "memory.oom_control", O_RDONLY | O_CLOEXEC);
	auto_fd int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || event < 0)
		return -1;
	char line[32];
	int n = snprintf(line, sizeof(line), "%d %d", event, control);
	if (file_write(dir, "cgroup.event_control", line, (size_t)n, NULL) < 0)
		return -1;
	return steal_fd(&event);
}

static int watch_v2(int dir)
{
	auto_fd int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", dir);
	if (notify < 0 || inotify_add_watch(notify, path, IN_MODIFY) < 0)
		return -1;
	return steal_fd(&notify);
}

void oom_watch_check(struct oom_watch *w)
{
	int64_t now = cgroup_oom_kills(w->cg);
	if (now <= w->last)
		return;
	w->last = now;
	w->fn(w->arg);
}

static void ready(struct loop_source *source, uint32_t events, void *arg)
{
	struct oom_watch *w = arg;
	char drop[512];
	if (fd_read(w->fd, drop, sizeof(drop)) <= 0 && errno != EAGAIN) {
		loop_del(steal_ptr(w->source));
		return;
	}
	oom_watch_check(w);
	/* v1 tells before it kills, and counts when it has killed */
	loop_timer_set(w->again, time_mono() + LATER);
}

static void check_again(struct loop_timer *timer, void *arg)
{
	oom_watch_check(arg);
}

struct oom_watch *oom_watch_new(
	struct loop *loop, const struct cgroup *cg, void (*fn)(void *arg), void *arg)
{
	struct oom_watch *w = xcalloc(1, sizeof(*w));
	*w = (struct oom_watch){.cg = cg, .fn = fn, .arg = arg, .fd = -1};
	w->first = w->last = cgroup_oom_kills(cg);
	bool v2 = false;
	auto_fd int dir = open_folder(cg, &v2);
	if (dir >= 0)
		w->fd = v2 ? watch_v2(dir) : watch_v1(dir);
	if (w->fd >= 0)
		w->source = loop_add(loop, w->fd, EPOLLIN, ready, w, NULL);
	w->again = loop_timer_add(loop, -1, check_again, w);
	if (!w->source)
		log_debug("out-of-memory events cannot be watched");
	return w;
}

bool oom_watch_seen(const struct oom_watch *w)
{
	return w->last > w->first;
}

void oom_watch_free(struct oom_watch *w)
{
	if (!w)
		return;
	loop_timer_del(w->again);
	loop_del(w->source);
	fd_close(w->fd);
	free(w);
}
