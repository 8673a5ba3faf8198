/* From a container to an image: its changes become a layer, unpacked as one that was loaded. */
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "store/pack.h"
#include "store_private.h"

/* A tar without entries: no layer of its own, as in dockerd. */
#define EMPTY_LAYER "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

struct job {
	struct store *store;
	const struct store_commit *spec;
	struct store_pack *pack;
	bool told;
};

/* The container need not hold still any longer. */
static void tell_packed(struct job *j)
{
	if (!j->told && j->spec->packed)
		j->spec->packed(j->spec->arg);
	j->told = true;
}

static int on_progress(void *arg, const struct store_progress *progress)
{
	struct job *j = arg;
	if (store_pack_done(j->pack))
		tell_packed(j);
	return 0;
}

static void add_history(struct oci_image *image, const struct store_commit *spec, bool empty)
{
	image->history =
		xreallocarray(image->history, image->history_count + 1, sizeof(*image->history));
	image->history[image->history_count++] = (struct oci_history){
		.created = image->created,
		.author = str_empty(spec->author) ? NULL : xstrdup(spec->author),
		.created_by = xstrdup_null(spec->created_by),
		.comment = str_empty(spec->comment) ? NULL : xstrdup(spec->comment),
		.empty_layer = empty,
	};
}

static int add_layer(struct oci_image *image, const struct digest *diff_id, struct err **err)
{
	if (image->diff_id_count >= OCI_LAYER_MAX)
		return err_set(err, ERR_INVALID,
			"max depth exceeded: an image has at most %d layers", OCI_LAYER_MAX);
	image->diff_ids =
		xreallocarray(image->diff_ids, image->diff_id_count + 1, sizeof(*image->diff_ids));
	image->diff_ids[image->diff_id_count++] = *diff_id;
	return 0;
}

/* The parent's configuration, changed to the new image's. */
static void change_config(struct oci_image *image, const struct store_commit *spec)
{
	image->created = time_now();
	str_replace(&image->author, str_empty(spec->author) ? NULL : spec->author);
	str_replace(&image->comment, str_empty(spec->comment) ? NULL : spec->comment);
	str_replace(&image->docker_version, spec->docker_version);
	oci_image_config_clear(&image->config);
	oci_image_config_copy(&image->config, spec->config);
}

static int describe(
	struct job *j, const struct item *layer, struct new_image *new, struct err **err)
{
	const struct store_commit *spec = j->spec;
	bool empty = str_eq(layer->diff_id.str, EMPTY_LAYER);
	auto_store_image *parent = store_image_find(j->store, spec->parent, err);
	if (!parent)
		return err_wrap(err, "the container's image");
	new->parent = parent->id;
	new->config = steal_ptr(parent->config);
	change_config(new->config, spec);
	add_history(new->config, spec, empty);
	if (!empty && add_layer(new->config, &layer->diff_id, err) < 0)
		return -1;
	size_t n = new->config->diff_id_count;
	new->layers = xcalloc(n + 1, sizeof(*new->layers));
	for (size_t i = 0; i < n; i++)
		new->layers[i].diff_id = new->config->diff_ids[i];
	if (!empty)
		staged_layer_take(&new->layers[n - 1], layer);
	oci_image_emit(new->config, &new->json);
	digest_of(new->json.data, new->json.len, &new->id);
	if (spec->name)
		strv_add(&new->names, spec->name);
	return 0;
}

/* What was unpacked is only good if the packer says that it was all. */
static int check(struct job *j, const struct transfer *t, int r, struct err **err)
{
	auto_err *why = NULL;
	if (store_pack_result(j->pack, &why) < 0) {
		/* one that was ended because nobody read any more is not the cause */
		if (r < 0 && why->kind == ERR_CANCELLED)
			return -1;
		if (r < 0 && err)
			err_freep(err);
		return err_move(err, &why);
	}
	if (r < 0)
		return -1;
	/* files that went with the container were passed over */
	if (snapshot_exists(j->store, j->spec->container, err) < 0)
		return -1;
	if (t->count != 1 || t->items[0].kind != ITEM_LAYER || !t->items[0].staged)
		return err_set(err, ERR_SYSTEM, "kist-transfer gave no layer");
	return 0;
}

int store_commit(struct store *s, const struct store_commit *spec, struct digest *id,
	struct digest *moved_from, struct err **err)
{
	struct job j = {.store = s, .spec = spec};
	struct transfer t = {.dir = -1};
	struct new_image image = {0};
	struct moved_names moved = {0};
	moved_from->str[0] = '\0';
	j.pack = store_pack_start(s, spec->container, STORE_PACK_LAYER, err);
	if (!j.pack) {
		tell_packed(&j);
		return -1;
	}
	int r = transfer_run(s, TRANSFER_IMPORT, store_pack_fd(j.pack), on_progress, &j, &t, err);
	r = check(&j, &t, r, err);
	store_pack_free(j.pack);
	tell_packed(&j);
	if (r == 0)
		r = describe(&j, &t.items[0], &image, err);
	if (r == 0)
		r = commit_images(s, t.dir, &image, 1, &moved, err);
	transfer_end(&t);
	if (r == 0) {
		*id = image.id;
		if (moved.count)
			*moved_from = moved.v[0].from;
	}
	new_image_free(&image);
	moved_names_free(&moved);
	return r;
}
