#include "timer.h"

#include "base/mem.h"
#include "base/timefmt.h"

struct timer {
	struct timer *next;
	int64_t at;
	timer_fn *fn;
	void *arg;
};

enum { NS_PER_MS = 1000000 };

void timer_set(struct client *c, uint32_t ms, timer_fn *fn, void *arg)
{
	struct timer *t = xmalloc(sizeof(*t));
	*t = (struct timer){c->timers, time_mono() + (int64_t)ms * NS_PER_MS, fn, arg};
	c->timers = t;
}

void timer_clear(struct client *c, const void *arg)
{
	struct timer **t = &c->timers;
	while (*t) {
		struct timer *gone = *t;
		if (gone->arg != arg) {
			t = &gone->next;
			continue;
		}
		*t = gone->next;
		free(gone);
	}
}

/* A call may set and clear timers, so each search begins at the start. */
static struct timer *take_due(struct client *c, int64_t now)
{
	for (struct timer **t = &c->timers; *t; t = &(*t)->next) {
		if ((*t)->at <= now) {
			struct timer *due = *t;
			*t = due->next;
			return due;
		}
	}
	return NULL;
}

int timer_run(struct client *c, int most)
{
	int64_t now = time_mono();
	struct timer *due;
	while ((due = take_due(c, now))) {
		due->fn(due->arg);
		free(due);
	}
	int64_t left = most;
	for (struct timer *t = c->timers; t; t = t->next) {
		int64_t ms = (t->at - now + NS_PER_MS - 1) / NS_PER_MS;
		if (ms < left)
			left = ms < 0 ? 0 : ms;
	}
	return (int)left;
}
