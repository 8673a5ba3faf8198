#include "oom.h"

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
	if (cgroup_oom_told(w->cg, w->fd) < 0) {
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
	w->fd = cgroup_oom_watch(cg, NULL);
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
