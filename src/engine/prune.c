/* Removing containers and volumes that nothing needs. Images: image_prune.c. */
#include <inttypes.h>
#include <stdio.h>

#include "core.h"
#include "engine/disk.h"

void pruned_free(struct pruned *p)
{
	strv_free(p->names);
	*p = (struct pruned){0};
}

static void announce(struct engine *e, const char *type, int64_t reclaimed)
{
	char text[24];
	const struct ring_attr attr = {"reclaimed", text};
	snprintf(text, sizeof(text), "%" PRId64, reclaimed);
	event_other(e, type, "prune", "", &attr, 1);
}

/* A label filter's "key" or "key=value" against one label. */
static bool is_label(const char *wanted, const char *key, const char *value)
{
	size_t n = strcspn(wanted, "=");
	return strlen(key) == n && !memcmp(wanted, key, n) &&
	       (!wanted[n] || str_eq(wanted + n + 1, value));
}

static bool container_has(const struct container_snapshot *c, const char *wanted)
{
	const struct str_map *labels = &c->doc->config.labels;
	for (size_t i = 0; i < labels->n; i++)
		if (is_label(wanted, labels->v[i].key, labels->v[i].value))
			return true;
	return false;
}

static bool container_wanted(
	const struct container_snapshot *c, const struct filters *f, int64_t until)
{
	char **labels = filters_get(f, "label"), **without = filters_get(f, "label!");
	if (until && c->doc->created > until)
		return false;
	for (size_t i = 0; labels && labels[i]; i++)
		if (!container_has(c, labels[i]))
			return false;
	for (size_t i = 0; without && without[i]; i++)
		if (container_has(c, without[i]))
			return false;
	return true;
}

int engine_container_prune(
	struct engine *e, const struct filters *f, struct pruned *out, struct err **err)
{
	static const char *const known[] = {"label", "label!", "until", NULL};
	auto_filters ended = {0};
	struct container_list_options options = {.all = true, .size = true, .filters = &ended};
	struct container_snapshot **v;
	char **until = filters_get(f, "until");
	int64_t before = 0;
	size_t n;

	*out = (struct pruned){0};
	if (filters_check(f, known, err))
		return -1;
	if (until && (until[1] || time_parse_timestamp(until[0], time_now(), &before)))
		return err_set(err, ERR_INVALID, "invalid filter 'until=%s'", until[0]);
	filters_add(&ended, "status", "created");
	filters_add(&ended, "status", "exited");
	filters_add(&ended, "status", "dead");
	if (engine_container_list(e, &options, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		/* one that has been started meanwhile stays */
		if (!container_wanted(v[i], f, before) ||
			engine_container_remove(e, v[i]->doc->id, false, false, NULL))
			continue;
		strv_add(&out->names, v[i]->doc->id);
		out->reclaimed += v[i]->size_rw > 0 ? v[i]->size_rw : 0;
	}
	container_snapshot_list_free(v, n);
	announce(e, "container", out->reclaimed);
	return 0;
}

static bool volume_has(const struct volume_info *v, const char *wanted)
{
	for (size_t i = 0; i < v->label_count; i++)
		if (is_label(wanted, v->labels[i].key, v->labels[i].value))
			return true;
	return false;
}

static bool volume_wanted(const struct volume_info *v, const struct filters *f)
{
	char **labels = filters_get(f, "label"), **without = filters_get(f, "label!");
	for (size_t i = 0; labels && labels[i]; i++)
		if (!volume_has(v, labels[i]))
			return false;
	for (size_t i = 0; without && without[i]; i++)
		if (volume_has(v, without[i]))
			return false;
	return true;
}

int engine_volume_prune(
	struct engine *e, const struct filters *f, bool all, struct pruned *out, struct err **err)
{
	static const char *const known[] = {"all", "label", "label!", NULL};
	struct volume_info *v;
	size_t n;

	*out = (struct pruned){0};
	if (filters_check(f, known, err) || filters_bool(f, "all", all, &all, err) ||
		engine_volume_list(e, NULL, &v, &n, err))
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (v[i].uses || !(all || v[i].anonymous) || !volume_wanted(&v[i], f))
			continue;
		int64_t size = volume_size(e, v[i].name);
		if (volume_drop(e, v[i].name, NULL))
			continue;
		strv_add(&out->names, v[i].name);
		out->reclaimed += size > 0 ? size : 0;
	}
	volume_info_list_free(v, n);
	announce(e, "volume", out->reclaimed);
	return 0;
}
