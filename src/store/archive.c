/* What a transferred archive holds: common to both formats. */
#include "archive.h"

#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define LINKS_MAX 8

const struct item *archive_member(struct transfer *t, const char *name, enum item_kind kind)
{
	for (int hops = 0; hops <= LINKS_MAX; hops++) {
		const struct item *link = NULL, *found = NULL;
		/* the last member of a name wins, as when an archive is unpacked */
		for (size_t i = 0; i < t->count; i++) {
			const struct item *it = &t->items[i];
			if (!str_eq(it->name, name))
				continue;
			if (it->kind == kind || (it->kind == ITEM_LAYER && it->text))
				found = it;
			else if (it->kind == ITEM_LINK)
				link = it;
		}
		if (found || !link)
			return found;
		name = link->text;
	}
	return NULL;
}

int archive_doc(struct transfer *t, const char *name, struct buf *out, struct err **err)
{
	const struct item *it = archive_member(t, name, ITEM_DOC);
	if (!it)
		return err_set(err, ERR_NOT_FOUND, "%s is missing in the archive", name);
	if (it->kind != ITEM_DOC)
		return err_set(err, ERR_INVALID, "%s: %s", name, it->text);
	char file[32];
	snprintf(file, sizeof(file), "doc.%u", it->index);
	if (file_read(t->dir, file, OCI_DOCUMENT_MAX, out, err) < 0)
		return err_wrap(err, "%s", name);
	struct digest actual;
	digest_of(out->data, out->len, &actual);
	if (!str_eq(actual.str, it->blob.str))
		return err_set(err, ERR_SYSTEM, "%s was changed while it was read", name);
	return archive_check_name(name, &actual, err);
}

int archive_check_name(const char *name, const struct digest *actual, struct err **err)
{
	const char *hex = str_after(name, "blobs/sha256/");
	if (!hex || str_eq(hex, digest_hex(actual)))
		return 0;
	return err_set(err, ERR_INVALID, "%s is damaged: its digest is %s", name, actual->str);
}

struct new_image *archive_add(struct collect *c)
{
	c->v = xreallocarray(c->v, c->count + 1, sizeof(*c->v));
	c->v[c->count] = (struct new_image){0};
	return &c->v[c->count++];
}

void archive_drop(struct collect *c)
{
	new_image_free(&c->v[--c->count]);
}

struct new_image *archive_known(const struct collect *c, const struct digest *id)
{
	for (size_t i = 0; i < c->count; i++)
		if (str_eq(c->v[i].id.str, id->str))
			return &c->v[i];
	return NULL;
}

bool archive_is_wanted(const struct collect *c, const struct new_image *image)
{
	struct oci_platform have;
	oci_platform_make(
		&have, image->config->os, image->config->architecture, image->config->variant);
	return !c->want || oci_platform_score(c->want, &have) >= 0;
}

int archive_config(struct collect *c, struct new_image *image, const char *name, struct err **err)
{
	if (archive_doc(c->t, name, &image->json, err) < 0)
		return -1;
	c->bytes += image->json.len;
	if (c->bytes > ARCHIVE_CONFIGS_MAX)
		return err_set(err, ERR_TOO_LARGE,
			"the archive's image configurations are larger than %u MiB together",
			ARCHIVE_CONFIGS_MAX >> 20);
	if (oci_image_parse(&image->config, image->json.data, image->json.len, err) < 0)
		return -1;
	const char *os = image->config->os;
	if (!str_empty(os) && !str_eq(os, "linux"))
		return err_set(err, ERR_INVALID, "cannot load %.64s image on linux", os);
	if (oci_image_check_history(image->config, err) < 0)
		return err_wrap(err, "%s", name);
	digest_of(image->json.data, image->json.len, &image->id);
	size_t n = image->config->diff_id_count;
	image->layers = xcalloc(n + 1, sizeof(*image->layers));
	for (size_t i = 0; i < n; i++)
		image->layers[i].diff_id = image->config->diff_ids[i];
	return 0;
}

void staged_layer_take(struct staged_layer *layer, const struct item *it)
{
	layer->diff_id = it->diff_id;
	layer->size = (int64_t)it->size;
	layer->tar_size = (int64_t)it->tar_size;
	layer->recipe_size = (int64_t)it->recipe_size;
	layer->opaque = it->opaque;
	if (!it->staged)
		return;
	snprintf(layer->folder, sizeof(layer->folder), "layer.%u", it->index);
	snprintf(layer->recipe, sizeof(layer->recipe), "recipe.%u", it->index);
}

int archive_layer(
	struct collect *c, struct new_image *image, size_t i, const char *name, struct err **err)
{
	struct staged_layer *layer = &image->layers[i];
	const struct item *it = archive_member(c->t, name, ITEM_LAYER);
	if (!it) {
		/* an archive may leave out what the receiver has */
		struct layer_row row;
		int r = layer_find(c->t->store, &layer->diff_id, &row, err);
		return r != 0 ? (r < 0 ? -1 : 0)
			      : err_set(err, ERR_INVALID, "layer %s is missing in the archive",
					name);
	}
	if (it->text)
		return err_set(err, ERR_INVALID, "layer %s: %s", name, it->text);
	if (archive_check_name(name, &it->blob, err) < 0)
		return -1;
	if (!str_eq(it->diff_id.str, layer->diff_id.str))
		return err_set(err, ERR_INVALID,
			"invalid diffID for layer %zu: expected \"%s\", got \"%s\"", i,
			layer->diff_id.str, it->diff_id.str);
	staged_layer_take(layer, it);
	return 0;
}

static int no_image(const struct oci_platform *want, struct err **err)
{
	if (!want)
		return err_set(err, ERR_INVALID, "the archive holds no image for this machine");
	auto_free char *text = oci_platform_format(want);
	return err_set(err, ERR_NOT_FOUND,
		"requested platform (%s) not found: the archive holds no image for it", text);
}

/*
 * docker 25 and later, and BuildKit, write both forms over the same blobs. The OCI form has the manifests, without
 * which digests are lost; Docker's is what dockerd itself reads there, so it says what is loaded and by
 * which names, and an index.json that leads nowhere does not matter beside it.
 */
static int read_forms(struct collect *c, struct err **err)
{
	bool docker = archive_member(c->t, "manifest.json", ITEM_DOC);
	bool oci = archive_member(c->t, "index.json", ITEM_DOC);
	auto_err *bad = NULL;
	if (!docker && !oci)
		return err_set(err, ERR_INVALID,
			"the archive is neither of docker save (no manifest.json) nor an OCI "
			"layout (no index.json)");
	if (!docker)
		return archive_oci(c, err);
	if (oci && archive_oci(c, &bad) < 0) {
		if (bad->kind == ERR_SYSTEM)
			return err_move(err, &bad);
		while (c->count)
			archive_drop(c);
		c->bytes = 0;
	}
	return archive_docker(c, err);
}

int archive_images(struct transfer *t, const struct oci_platform *want, struct new_image **out,
	size_t *count, struct err **err)
{
	struct collect c = {.t = t, .want = want};
	int r = read_forms(&c, err);
	if (r == 0 && c.count == 0)
		r = no_image(want, err);
	*out = c.v;
	*count = c.count;
	return r;
}
