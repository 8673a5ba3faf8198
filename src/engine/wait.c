/* Waiting for a container: subscriptions in a list of the container's own, called under its lock. */
#include "core.h"

struct container_wait {
	struct container *container; /* counted */
	struct container_wait *next, **link; /* link NULL: fired or never queued */
	enum wait_condition condition;
	container_wait_fn *fn;
	void *arg;
};

int wait_condition_parse(const char *name)
{
	if (str_empty(name) || str_eq(name, "not-running"))
		return WAIT_NOT_RUNNING;
	if (str_eq(name, "next-exit"))
		return WAIT_NEXT_EXIT;
	return str_eq(name, "removed") ? WAIT_REMOVED : -1;
}

static void unlink_wait(struct container_wait *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->link = NULL;
}

/* An exit ends the first two conditions, a removal all. */
void wait_fire(struct container *c, enum wait_condition event, int32_t code, const char *error)
{
	struct container_wait *w = c->waits;
	while (w) {
		struct container_wait *next = w->next;
		if (event == WAIT_REMOVED || w->condition != WAIT_REMOVED) {
			unlink_wait(w);
			w->fn(w->arg, code, error);
		}
		w = next;
	}
}

/* Does the condition hold already? With the lock held. */
static bool holds(const struct container *c, enum wait_condition condition)
{
	if (c->gone)
		return true;
	return condition == WAIT_NOT_RUNNING && !state_alive(c);
}

struct container_wait *engine_container_wait(struct engine *e, const char *ref,
	enum wait_condition condition, container_wait_fn *fn, void *arg, struct err **err)
{
	struct container *c = roster_find(&e->roster, ref, err);
	if (!c)
		return NULL;
	struct container_wait *w = xcalloc(1, sizeof(*w));
	w->container = c;
	w->condition = condition;
	w->fn = fn;
	w->arg = arg;
	pthread_mutex_lock(&c->lock);
	if (holds(c, condition)) {
		fn(arg, c->state.exit_code, NULL);
	} else {
		w->next = c->waits;
		w->link = &c->waits;
		if (w->next)
			w->next->link = &w->next;
		c->waits = w;
	}
	pthread_mutex_unlock(&c->lock);
	return w;
}

void engine_wait_cancel(struct container_wait *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->container->lock);
	if (w->link)
		unlink_wait(w);
	pthread_mutex_unlock(&w->container->lock);
	container_unref(w->container);
	free(w);
}
