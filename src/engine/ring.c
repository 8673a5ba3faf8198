/*
 * Events: a ring of the latest ones, counted, and subscribers with a cursor each.
 *
 * Sequence numbers grow by one from 1; slot = number % RING_SIZE. A subscriber remembers the number that it
 * wants next, and jumps forward if the ring has overtaken it. Events carry the labels of images, so the ring
 * is bounded in bytes, too.
 */
#include "core.h"

#define RING_SIZE 512
#define RING_BYTES (4 << 20)

struct event_box {
	struct event event; /* first: event_unref() gets its address */
	atomic_uint refs;
	size_t bytes; /* about */
};

struct event_subscription {
	struct ring *ring;
	struct event_subscription *next, **link;
	uint64_t want;
	int64_t since, until;
	struct filters filters;
	void (*notify)(void *arg);
	void *arg;
};

struct ring {
	struct engine *engine;
	pthread_mutex_t lock;
	struct event_box *slot[RING_SIZE];
	uint64_t oldest; /* number of the oldest event that is kept */
	uint64_t next; /* number of the next event */
	size_t bytes; /* of those that are kept */
	int64_t last_time;
	bool ended;
	struct event_subscription *subscribers;
	uint32_t count;
};

struct ring *ring_new(struct engine *e)
{
	struct ring *r = xcalloc(1, sizeof(*r));
	r->engine = e;
	r->oldest = r->next = 1;
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void event_unref(const struct event *event)
{
	struct event_box *box = (struct event_box *)(uintptr_t)event;
	if (!box || atomic_fetch_sub(&box->refs, 1) != 1)
		return;
	for (size_t i = 0; i < event->attr_count; i++) {
		free((char *)(uintptr_t)event->attrs[i].key);
		free((char *)(uintptr_t)event->attrs[i].value);
	}
	free((void *)(uintptr_t)event->attrs);
	free((char *)(uintptr_t)event->type);
	free((char *)(uintptr_t)event->action);
	free((char *)(uintptr_t)event->actor);
	free((char *)(uintptr_t)event->from);
	free(box);
}

void ring_free(struct ring *r)
{
	for (size_t i = 0; i < RING_SIZE; i++)
		if (r->slot[i])
			event_unref(&r->slot[i]->event);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

uint32_t ring_listeners(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	uint32_t n = r->count;
	pthread_mutex_unlock(&r->lock);
	return n;
}

static int by_key(const void *a, const void *b)
{
	const struct event_attr *x = a, *y = b;
	return strcmp(x->key, y->key);
}

static void drop_oldest(struct ring *r)
{
	struct event_box **slot = &r->slot[r->oldest++ % RING_SIZE];
	struct event_box *box = steal_ptr(*slot);
	r->bytes -= box->bytes;
	event_unref(&box->event);
}

static void put(struct ring *r, struct event_box *box)
{
	box->bytes = sizeof(*box);
	for (size_t i = 0; i < box->event.attr_count; i++)
		box->bytes += sizeof(struct event_attr) + strlen(box->event.attrs[i].key) +
			      strlen(box->event.attrs[i].value);
	pthread_mutex_lock(&r->lock);
	/* the order of numbers and of times is the same, also when the clock steps back */
	int64_t now = time_now();
	box->event.time = now > r->last_time ? now : r->last_time + 1;
	r->last_time = box->event.time;
	while (r->oldest < r->next &&
		(r->next - r->oldest == RING_SIZE || r->bytes + box->bytes > RING_BYTES))
		drop_oldest(r);
	r->slot[r->next++ % RING_SIZE] = box;
	r->bytes += box->bytes;
	for (struct event_subscription *s = r->subscribers; s; s = s->next)
		s->notify(s->arg);
	pthread_mutex_unlock(&r->lock);
}

static struct event_box *box_new(
	const char *type, const char *action, const char *actor, size_t attrs)
{
	struct event_box *box = xcalloc(1, sizeof(*box));
	box->refs = 1;
	box->event.type = xstrdup(type);
	box->event.action = xstrdup(action);
	box->event.actor = xstrdup(actor);
	box->event.attrs = xcalloc(attrs + 1, sizeof(*box->event.attrs));
	return box;
}

/* Labels are unique among themselves, and may be many: nothing is looked for. */
static void add_label(struct event_box *box, const char *key, const char *value)
{
	struct event_attr *v = (struct event_attr *)(uintptr_t)box->event.attrs;
	v[box->event.attr_count++] = (struct event_attr){xstrdup(key), xstrdup(value ? value : "")};
}

static void add_attr(struct event_box *box, const char *key, const char *value)
{
	struct event_attr *v = (struct event_attr *)(uintptr_t)box->event.attrs;
	for (size_t i = 0; i < box->event.attr_count; i++) {
		if (str_eq(v[i].key, key)) {
			free((char *)(uintptr_t)v[i].value);
			v[i].value = xstrdup(value ? value : "");
			return;
		}
	}
	add_label(box, key, value);
}

static void sort_attrs(struct event_box *box)
{
	qsort((void *)(uintptr_t)box->event.attrs, box->event.attr_count, sizeof(*box->event.attrs),
		by_key);
}

void event_container(
	struct container *c, const char *action, const struct ring_attr *extra, size_t n)
{
	const struct container_config *config = &c->doc->doc.config;
	struct event_box *box =
		box_new("container", action, container_id(c), config->labels.n + n + 2);

	for (size_t i = 0; i < config->labels.n; i++)
		add_label(box, config->labels.v[i].key, config->labels.v[i].value);
	for (size_t i = 0; i < n; i++)
		add_attr(box, extra[i].key, extra[i].value);
	add_attr(box, "image", config->image);
	pthread_mutex_lock(&c->lock);
	auto_free char *name = xstrdup(c->name);
	pthread_mutex_unlock(&c->lock);
	add_attr(box, "name", name);
	box->event.from = xstrdup_null(config->image);
	sort_attrs(box);
	put(c->engine->ring, box);
}

void event_other(struct engine *e, const char *type, const char *action, const char *actor,
	const struct ring_attr *attrs, size_t n)
{
	struct event_box *box = box_new(type, action, actor, n);
	for (size_t i = 0; i < n; i++)
		add_attr(box, attrs[i].key, attrs[i].value);
	sort_attrs(box);
	put(e->ring, box);
}

void ring_end(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	for (struct event_subscription *s = r->subscribers; s; s = s->next)
		s->notify(s->arg);
	pthread_mutex_unlock(&r->lock);
}

static const char *attr_of(const struct event *ev, const char *key)
{
	for (size_t i = 0; i < ev->attr_count; i++)
		if (str_eq(ev->attrs[i].key, key))
			return ev->attrs[i].value;
	return NULL;
}

/* "exec_create: sh -c x" is matched by event=exec_create too. */
static bool action_matches(const struct filters *f, const char *action)
{
	const char *colon = strchr(action, ':');
	auto_free char *verb = colon ? xstrndup(action, (size_t)(colon - action)) : NULL;
	return filters_exact(f, "event", action) || (verb && filters_exact(f, "event", verb));
}

/* A resource's filter applies to its own type only; it names by id or by the attribute "name". */
static bool resource_matches(const struct filters *f, const struct event *ev, const char *type)
{
	if (!filters_get(f, type))
		return true;
	if (!str_eq(ev->type, type))
		return false;
	const char *name = attr_of(ev, "name");
	return filters_fuzzy(f, type, ev->actor) || (name && filters_fuzzy(f, type, name));
}

static bool image_matches(const struct filters *f, const struct event *ev)
{
	if (!filters_get(f, "image"))
		return true;
	const char *name = str_eq(ev->type, "image") ? attr_of(ev, "name") : attr_of(ev, "image");
	if (filters_exact(f, "image", ev->actor) || (name && filters_exact(f, "image", name)))
		return true;
	/* "busybox" is matched by "busybox:latest" */
	const char *colon = name ? strrchr(name, ':') : NULL;
	if (!colon || strchr(colon, '/'))
		return false;
	auto_free char *bare = xstrndup(name, (size_t)(colon - name));
	return filters_exact(f, "image", bare);
}

static bool labels_match(const struct filters *f, const struct event *ev)
{
	char **wanted = filters_get(f, "label");
	for (size_t i = 0; wanted && wanted[i]; i++) {
		const char *eq = strchr(wanted[i], '=');
		auto_free char *key =
			eq ? xstrndup(wanted[i], (size_t)(eq - wanted[i])) : xstrdup(wanted[i]);
		const char *value = attr_of(ev, key);
		if (!value || (eq && !str_eq(value, eq + 1)))
			return false;
	}
	return true;
}

static bool event_matches(const struct event_subscription *s, const struct event *ev)
{
	const struct filters *f = &s->filters;
	return action_matches(f, ev->action) && filters_exact(f, "type", ev->type) &&
	       filters_exact(f, "scope", "local") && resource_matches(f, ev, "container") &&
	       resource_matches(f, ev, "volume") && resource_matches(f, ev, "network") &&
	       resource_matches(f, ev, "daemon") && image_matches(f, ev) && labels_match(f, ev);
}

struct event_subscription *engine_events_open(struct engine *e, int64_t since, int64_t until,
	const struct filters *filters, void (*notify)(void *arg), void *arg, struct err **err)
{
	static const char *const known[] = {"config", "container", "daemon", "event", "image",
		"label", "network", "node", "plugin", "scope", "secret", "service", "type",
		"volume", NULL};
	struct ring *r = e->ring;

	if (filters && filters_check(filters, known, err))
		return NULL;
	struct event_subscription *s = xcalloc(1, sizeof(*s));
	for (size_t i = 0; filters && i < filters->count; i++)
		for (size_t k = 0; filters->v[i].values && filters->v[i].values[k]; k++)
			filters_add(&s->filters, filters->v[i].key, filters->v[i].values[k]);
	s->ring = r;
	s->since = since;
	s->until = until;
	s->notify = notify;
	s->arg = arg;
	pthread_mutex_lock(&r->lock);
	/* until without since: docker, too, shows what is kept */
	bool past = since || until;
	s->want = past ? r->oldest : r->next;
	s->next = r->subscribers;
	s->link = &r->subscribers;
	if (s->next)
		s->next->link = &s->next;
	r->subscribers = s;
	r->count++;
	pthread_mutex_unlock(&r->lock);
	return s;
}

/* The next kept event, counted. */
static struct event_box *take(struct event_subscription *s, bool *ended)
{
	struct ring *r = s->ring;
	struct event_box *box = NULL;

	pthread_mutex_lock(&r->lock);
	if (s->want < r->oldest)
		s->want = r->oldest;
	if (s->want < r->next) {
		box = r->slot[s->want++ % RING_SIZE];
		atomic_fetch_add(&box->refs, 1);
	}
	*ended = !box && r->ended;
	pthread_mutex_unlock(&r->lock);
	return box;
}

const struct event *engine_events_next(struct event_subscription *s, bool *ended)
{
	struct event_box *box;

	while ((box = take(s, ended))) {
		if (s->until && box->event.time > s->until) {
			event_unref(&box->event);
			break;
		}
		if (box->event.time >= s->since && event_matches(s, &box->event))
			return &box->event;
		event_unref(&box->event);
	}
	if (s->until && time_now() >= s->until)
		*ended = true;
	return NULL;
}

void engine_events_close(struct event_subscription *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->ring->lock);
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	s->ring->count--;
	pthread_mutex_unlock(&s->ring->lock);
	filters_free(&s->filters);
	free(s);
}
