/* Who exists: containers by id and by name, each sorted, found by bisection and by prefix. */
#include "core.h"

void roster_init(struct roster *t)
{
	pthread_rwlock_init(&t->lock, NULL);
}

void roster_free(struct roster *t)
{
	for (size_t i = 0; i < t->count; i++)
		container_unref(t->by_id[i]);
	for (size_t i = 0; i < t->name_count; i++)
		free(t->names[i].name);
	free(t->by_id);
	free(t->names);
	pthread_rwlock_destroy(&t->lock);
}

/* First container whose id is not less than @id. */
static size_t id_place(const struct roster *t, const char *id)
{
	size_t lo = 0, hi = t->count;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (strcmp(container_id(t->by_id[mid]), id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static size_t name_place(const struct roster *t, const char *name)
{
	size_t lo = 0, hi = t->name_count;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (strcmp(t->names[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct name_entry *name_find(struct roster *t, const char *name)
{
	size_t at = name_place(t, name);
	return at < t->name_count && str_eq(t->names[at].name, name) ? &t->names[at] : NULL;
}

static struct container *id_find(struct roster *t, const char *id)
{
	size_t at = id_place(t, id);
	return at < t->count && str_eq(container_id(t->by_id[at]), id) ? t->by_id[at] : NULL;
}

/* Full id, then name, then prefix of ids, as dockerd looks. With the lock held. */
static struct container *find_locked(struct roster *t, const char *ref, bool *ambiguous)
{
	struct container *c = id_find(t, ref);
	if (c)
		return c;
	struct name_entry *n = name_find(t, ref[0] == '/' ? ref + 1 : ref);
	if (n)
		return id_find(t, n->id);
	size_t at = id_place(t, ref), len = strlen(ref);
	if (at >= t->count || strncmp(container_id(t->by_id[at]), ref, len) != 0)
		return NULL;
	*ambiguous = at + 1 < t->count && strncmp(container_id(t->by_id[at + 1]), ref, len) == 0;
	return *ambiguous ? NULL : t->by_id[at];
}

struct container *roster_find(struct roster *t, const char *ref, struct err **err)
{
	bool ambiguous = false;
	struct container *c = NULL;

	if (str_empty(ref)) {
		err_set(err, ERR_INVALID, "No container name or ID supplied");
		return NULL;
	}
	pthread_rwlock_rdlock(&t->lock);
	c = find_locked(t, ref, &ambiguous);
	if (c)
		container_ref(c);
	pthread_rwlock_unlock(&t->lock);
	if (!c && ambiguous)
		err_set(err, ERR_INVALID, "Multiple IDs found with provided prefix: %s", ref);
	else if (!c)
		err_set(err, ERR_NOT_FOUND, "No such container: %s", ref);
	return c;
}

static int newest_first(const void *a, const void *b)
{
	const struct container *x = *(struct container *const *)a;
	const struct container *y = *(struct container *const *)b;
	if (x->doc->doc.created != y->doc->doc.created)
		return x->doc->doc.created > y->doc->doc.created ? -1 : 1;
	return strcmp(container_id(x), container_id(y));
}

struct container **roster_all(struct roster *t, size_t *count)
{
	pthread_rwlock_rdlock(&t->lock);
	struct container **v = xcalloc(t->count + 1, sizeof(*v));
	for (size_t i = 0; i < t->count; i++)
		v[i] = container_ref(t->by_id[i]);
	*count = t->count;
	pthread_rwlock_unlock(&t->lock);
	if (*count)
		qsort(v, *count, sizeof(*v), newest_first);
	return v;
}

size_t roster_count(struct roster *t)
{
	pthread_rwlock_rdlock(&t->lock);
	size_t n = t->count;
	pthread_rwlock_unlock(&t->lock);
	return n;
}

int roster_name_take(struct roster *t, const char *name, const char *id, struct err **err)
{
	int r = 0;
	pthread_rwlock_wrlock(&t->lock);
	struct name_entry *taken = name_find(t, name);
	if (taken) {
		r = err_set(err, ERR_CONFLICT,
			"Conflict. The container name \"/%s\" is already in use by container "
			"\"%s\". You have to remove (or rename) that container to be able to reuse "
			"that name.",
			name, taken->id);
	} else {
		size_t at = name_place(t, name);
		if (t->name_count == t->name_room) {
			t->name_room = t->name_room ? t->name_room * 2 : 16;
			t->names = xreallocarray(t->names, t->name_room, sizeof(*t->names));
		}
		memmove(t->names + at + 1, t->names + at, (t->name_count - at) * sizeof(*t->names));
		t->names[at].name = xstrdup(name);
		memcpy(t->names[at].id, id, sizeof(t->names[at].id));
		t->name_count++;
	}
	pthread_rwlock_unlock(&t->lock);
	return r;
}

static void name_drop_locked(struct roster *t, const char *name)
{
	struct name_entry *n = name_find(t, name);
	if (!n)
		return;
	free(n->name);
	t->name_count--;
	memmove(n, n + 1, (size_t)(t->names + t->name_count - n) * sizeof(*n));
}

void roster_name_drop(struct roster *t, const char *name)
{
	pthread_rwlock_wrlock(&t->lock);
	name_drop_locked(t, name);
	pthread_rwlock_unlock(&t->lock);
}

void roster_renamed(struct roster *t, struct container *c, const char *name)
{
	pthread_rwlock_wrlock(&t->lock);
	name_drop_locked(t, c->name);
	pthread_mutex_lock(&c->lock);
	str_replace(&c->name, name);
	pthread_mutex_unlock(&c->lock);
	pthread_rwlock_unlock(&t->lock);
}

void roster_add(struct roster *t, struct container *c)
{
	pthread_rwlock_wrlock(&t->lock);
	size_t at = id_place(t, container_id(c));
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 16;
		t->by_id = xreallocarray(t->by_id, t->room, sizeof(struct container *));
	}
	memmove(t->by_id + at + 1, t->by_id + at, (t->count - at) * sizeof(struct container *));
	t->by_id[at] = container_ref(c);
	t->count++;
	pthread_rwlock_unlock(&t->lock);
}

void roster_remove(struct roster *t, struct container *c)
{
	bool found = false;
	pthread_rwlock_wrlock(&t->lock);
	size_t at = id_place(t, container_id(c));
	if (at < t->count && t->by_id[at] == c) {
		found = true;
		t->count--;
		memmove(t->by_id + at, t->by_id + at + 1,
			(t->count - at) * sizeof(struct container *));
		name_drop_locked(t, c->name);
	}
	pthread_rwlock_unlock(&t->lock);
	if (found)
		container_unref(c);
}
