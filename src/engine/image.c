/* Images: the store's, with events and with who uses them. */
#include "engine/image.h"

#include "core.h"

struct store *engine_store(struct engine *e)
{
	return e->store;
}

struct store_image *engine_image_inspect(struct engine *e, const char *ref, struct err **err)
{
	return store_image_find(e->store, ref, err);
}

struct store_image *engine_image_for(
	struct engine *e, const char *ref, const struct oci_platform *want, struct err **err)
{
	struct oci_platform have, wanted;
	struct store_image *i = store_image_find(e->store, ref, err);
	if (!i || !want)
		return i;
	oci_platform_make(&have, i->config->os, i->config->architecture, i->config->variant);
	oci_platform_make(&wanted, want->os, want->architecture, want->variant);
	if (oci_platform_score(&wanted, &have) >= 0)
		return i;
	auto_free char *text = oci_platform_format(&wanted);
	auto_free char *actual = oci_platform_format(&have);
	err_set(err, ERR_NOT_FOUND,
		"image with reference %s was found but does not provide the specified platform "
		"(%s): it is for %s",
		ref, text, actual);
	store_image_free(i);
	return NULL;
}

/* Containers whose ids the store has been given, counted until it has finished. */
struct users {
	struct engine *engine;
	struct container **held;
	size_t n;
};

static void users_clear(struct users *u)
{
	for (size_t i = 0; i < u->n; i++)
		container_unref(u->held[i]);
	free(u->held);
}

static size_t image_users(void *arg, const struct digest *image, struct store_user *out, size_t max)
{
	struct users *u = arg;
	size_t n, found = 0;
	struct container **all = roster_all(&u->engine->roster, &n);

	for (size_t i = 0; i < n && found < max; i++) {
		if (!str_eq(all[i]->doc->doc.image_id, image->str))
			continue;
		out[found].running = container_is_running(all[i]);
		out[found].container_id = container_id(all[i]);
		if (out[found].running && found) {
			struct store_user first = out[0];
			out[0] = out[found];
			out[found] = first;
		}
		found++;
	}
	u->held = xreallocarray(u->held, u->n + n + 1, sizeof(*u->held));
	memcpy(u->held + u->n, all, n * sizeof(*all));
	u->n += n;
	free(all);
	return found;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void images_count_containers(struct engine *e, struct store_image_list *list)
{
	size_t n;
	struct container **all = roster_all(&e->roster, &n);
	auto_free const char **ids = xcalloc(n + 1, sizeof(*ids));

	for (size_t i = 0; i < n; i++)
		ids[i] = all[i]->doc->doc.image_id;
	qsort(ids, n, sizeof(*ids), by_text);
	for (size_t i = 0; i < list->count; i++) {
		const char *id = list->v[i].id.str;
		const char **hit = n ? bsearch(&id, ids, n, sizeof(*ids), by_text) : NULL;
		list->v[i].containers = 0;
		for (const char **h = hit; h && h < ids + n && str_eq(*h, id); h++)
			list->v[i].containers++;
		for (const char **h = hit; h && h > ids && str_eq(h[-1], id); h--)
			list->v[i].containers++;
	}
	for (size_t i = 0; i < n; i++)
		container_unref(all[i]);
	free(all);
}

static void add_containers(struct engine *e, struct store_manifest *m)
{
	size_t n;
	struct container **all = roster_all(&e->roster, &n);
	for (size_t i = 0; i < n; i++) {
		if (str_eq(all[i]->doc->doc.image_id, m->image.str))
			strv_add(&m->containers, container_id(all[i]));
		container_unref(all[i]);
	}
	free(all);
}

int engine_image_manifests(
	struct engine *e, const struct digest *image, struct store_manifests *out, struct err **err)
{
	if (store_image_manifests(e->store, image, out, err))
		return -1;
	for (size_t i = 0; i < out->count; i++)
		if (*out->v[i].image.str)
			add_containers(e, &out->v[i]);
	return 0;
}

int engine_image_list(struct engine *e, const struct image_list_options *o,
	struct store_image_list *out, struct err **err)
{
	static const char *const known[] = {
		"before", "dangling", "label", "label!", "reference", "since", "until", NULL};
	const struct filters *f = o->filters;
	struct store_image_filter filter = {.reference = filters_get(f, "reference"),
		.label = filters_get(f, "label"),
		.label_not = filters_get(f, "label!"),
		.before = filters_get(f, "before"),
		.since = filters_get(f, "since"),
		.has_dangling = filters_get(f, "dangling") != NULL,
		.all = o->all,
		.sizes = o->sizes};
	char **until = filters_get(f, "until");

	if (filters_check(f, known, err) ||
		filters_bool(f, "dangling", false, &filter.dangling, err))
		return -1;
	if (until && (until[1] || time_parse_timestamp(until[0], time_now(), &filter.until)))
		return err_set(err, ERR_INVALID, "invalid filter 'until=%s'", until[0]);
	if (store_image_list(e->store, &filter, out, err))
		return -1;
	if (o->containers)
		images_count_containers(e, out);
	return 0;
}

void image_event(struct engine *e, const char *action, const char *id, const char *name)
{
	const struct ring_attr attr = {"name", name};
	event_other(e, "image", action, id, &attr, 1);
}

int engine_image_tag(
	struct engine *e, const char *ref, const char *repo, const char *tag, struct err **err)
{
	struct digest moved = {0};
	auto_store_image *image = store_image_find(e->store, ref, err);
	if (!image || store_image_tag(e->store, ref, repo, tag, &moved, err))
		return -1;
	auto_free char *name = xasprintf("%s:%s", repo, str_empty(tag) ? "latest" : tag);
	image_event(e, "tag", image->id.str, name);
	return 0;
}

int engine_image_remove(struct engine *e, const char *ref, unsigned flags,
	struct store_removed_list *out, struct err **err)
{
	struct users users = {.engine = e};
	int failed = store_image_remove(e->store, ref, flags, image_users, &users, out, err);
	users_clear(&users);
	if (failed)
		return -1;
	for (size_t i = 0; i < out->count; i++) {
		const struct store_removed *r = &out->v[i];
		if (r->silent)
			continue;
		if (r->kind == STORE_UNTAGGED)
			image_event(e, "untag", r->image.str, r->image.str);
		else if (r->is_image)
			image_event(e, "delete", r->what, r->what);
	}
	return 0;
}

int engine_image_load(struct engine *e, int fd, const struct oci_platform *want,
	store_progress_fn *progress, void *arg, struct err **err)
{
	struct store_loaded loaded = {0};
	if (store_load(e->store, fd, want, progress, arg, &loaded, err))
		return -1;
	for (size_t i = 0; i < loaded.count; i++)
		image_event(e, "load", loaded.v[i].str, loaded.v[i].str);
	free(loaded.v);
	return 0;
}
