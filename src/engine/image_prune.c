/*
 * `image prune`, by dockerd's rules. Two differences: dockerd takes away all names but one of an image that
 * a container uses; here an image that is in use keeps its names. And what pulls that were broken off left goes,
 * which dockerd keeps in no place that outlives it.
 */
#include "engine/image.h"

#include <inttypes.h>
#include <stdio.h>

#include "core.h"
#include "store/content.h"

static void append(struct store_removed_list *to, struct store_removed_list *from)
{
	if (from->count) {
		to->v = xreallocarray(to->v, to->count + from->count, sizeof(*to->v));
		memcpy(to->v + to->count, from->v, from->count * sizeof(*to->v));
		to->count += from->count;
	}
	to->reclaimed += from->reclaimed;
	free(from->v);
}

static void remove_one(struct engine *e, const char *ref, struct store_removed_list *out)
{
	struct store_removed_list removed;
	auto_err *why = NULL;
	if (engine_image_remove(e, ref, 0, &removed, &why) == 0)
		append(out, &removed);
	else if (why->kind != ERR_CONFLICT && why->kind != ERR_NOT_FOUND)
		log_warn("image prune: %s: %s", ref, err_msg(why));
}

/* By name as long as there are names: another may be given meanwhile. */
static void prune_image(
	struct engine *e, const struct store_image_summary *i, struct store_removed_list *out)
{
	for (size_t k = 0; i->repo_tags && i->repo_tags[k]; k++)
		remove_one(e, i->repo_tags[k], out);
	for (size_t k = 0; i->repo_digests && i->repo_digests[k]; k++)
		remove_one(e, i->repo_digests[k], out);
	if (!i->repo_tags && !i->repo_digests)
		remove_one(e, digest_hex(&i->id), out);
}

static void announce(struct engine *e, int64_t reclaimed)
{
	char text[24];
	const struct ring_attr attr = {"reclaimed", text};
	snprintf(text, sizeof(text), "%" PRId64, reclaimed);
	event_other(e, "image", "prune", "", &attr, 1);
}

/* Labels they have none, and what asks for labels means images. */
static int64_t prune_downloads(struct engine *e, const struct store_image_filter *filter)
{
	if (filter->label || filter->label_not)
		return 0;
	return store_downloads_prune(e->store, filter->until ? filter->until : INT64_MAX);
}

static int prune(struct engine *e, const struct store_image_filter *filter,
	struct store_removed_list *out, struct err **err)
{
	struct store_image_list list;
	if (store_image_list(e->store, filter, &list, err))
		return -1;
	images_count_containers(e, &list);
	for (size_t i = 0; i < list.count; i++)
		if (list.v[i].containers == 0)
			prune_image(e, &list.v[i], out);
	store_image_list_free(&list);
	out->reclaimed += prune_downloads(e, filter);
	announce(e, out->reclaimed);
	return 0;
}

int engine_image_prune(
	struct engine *e, const struct filters *f, struct store_removed_list *out, struct err **err)
{
	static const char *const known[] = {"dangling", "label", "label!", "until", NULL};
	struct store_image_filter filter = {
		.label = filters_get(f, "label"), .label_not = filters_get(f, "label!")};
	char **until = filters_get(f, "until");
	bool idle = false;

	*out = (struct store_removed_list){0};
	if (filters_check(f, known, err) ||
		filters_bool(f, "dangling", true, &filter.dangling, err))
		return -1;
	filter.has_dangling = filter.dangling;
	if (until && until[1])
		return err_set(err, ERR_INVALID, "more than one until filter specified");
	if (until && time_parse_timestamp(until[0], time_now(), &filter.until))
		return err_set(err, ERR_INVALID,
			"failed to parse value as time or duration: \"%s\"", until[0]);
	if (!atomic_compare_exchange_strong(&e->pruning_images, &idle, true))
		return err_set(err, ERR_CONFLICT, "a prune operation is already running");
	int r = prune(e, &filter, out, err);
	atomic_store(&e->pruning_images, false);
	return r;
}
