/*
 * From a name's document to one image. Indexes come from strangers: none can contain itself, being named by digest, but they
 * can be deep and lead to many; so the way is bounded in both.
 */
#include "documents.h"

#include "base/mem.h"
#include "base/str.h"

#define VISITS_MAX 64 /* documents that indexes led to */

void documents_free(struct documents *d)
{
	for (size_t i = 0; i < d->index_count; i++)
		registry_manifest_free(&d->indexes[i]);
	registry_manifest_free(&d->manifest);
	buf_free(&d->config);
}

struct descent {
	struct documents *d;
	struct registry_session *session;
	struct store *store;
	const struct oci_platform *want;
	size_t visits;
};

/* An index says so in its media type; a server that tells none is believed by the document's fields. */
static bool is_index(const struct registry_manifest *m)
{
	auto_oci_index *index = NULL;
	if (oci_type_is_index(m->media_type) || oci_type_is_manifest(m->media_type))
		return oci_type_is_index(m->media_type);
	return oci_index_parse(&index, m->bytes.data, m->bytes.len, NULL) == 0;
}

static int get_config(struct descent *w, struct err **err)
{
	struct documents *d = w->d;
	auto_oci_manifest *m = NULL;
	if (oci_manifest_parse(&m, d->manifest.bytes.data, d->manifest.bytes.len, err) < 0)
		return -1;
	if (store_blob_read(w->store, &m->config.digest, &d->config, NULL) == 0)
		return 0;
	d->config.len = 0;
	if (registry_document(w->session, &m->config.digest, m->config.size, &d->config, err) < 0)
		return err_wrap(err, "error pulling image configuration");
	return 0;
}

/* Of a manifest whose platform no index tells: is it an image, and for @want? */
static bool fits(struct descent *w)
{
	auto_oci_image *image = NULL;
	struct oci_platform have;
	if (oci_image_parse(&image, w->d->config.data, w->d->config.len, NULL) < 0)
		return false;
	oci_platform_make(&have, image->os, image->architecture, image->variant);
	return image->os && image->architecture && oci_platform_score(w->want, &have) >= 0;
}

/* 1: @c is the image's manifest; 0: it is for something else; -1. */
static int try_manifest(struct descent *w, const struct oci_descriptor *c, struct err **err)
{
	struct documents *d = w->d;
	if (registry_manifest_get(w->session, c->digest.str, REGISTRY_MANIFEST, &d->manifest, err) <
		0)
		return -1;
	if (c->has_platform)
		return 1;
	if (get_config(w, err) < 0)
		return -1;
	if (fits(w))
		return 1;
	registry_manifest_free(&d->manifest);
	d->config.len = 0;
	return 0;
}

static int descend(struct descent *w, struct err **err);

/* As try_manifest(), for an index. */
static int try_index(struct descent *w, const struct oci_descriptor *c, struct err **err)
{
	struct documents *d = w->d;
	if (d->index_count == OCI_INDEX_DEPTH_MAX)
		return err_set(err, ERR_TOO_LARGE,
			"index %s: more than %d indexes lie one in the other", c->digest.str,
			OCI_INDEX_DEPTH_MAX);
	struct registry_manifest *x = &d->indexes[d->index_count];
	if (registry_manifest_get(w->session, c->digest.str, REGISTRY_INDEX, x, err) < 0)
		return -1;
	d->index_count++;
	int r = descend(w, err);
	if (r == 0)
		registry_manifest_free(&d->indexes[--d->index_count]);
	return r;
}

/* From the innermost index so far: 1: the manifest was found; 0: nothing fits; -1. */
static int descend(struct descent *w, struct err **err)
{
	const struct registry_manifest *from = &w->d->indexes[w->d->index_count - 1];
	auto_oci_index *index = NULL;
	if (oci_index_parse(&index, from->bytes.data, from->bytes.len, err) < 0)
		return -1;
	auto_free const struct oci_descriptor **c = oci_index_candidates(index, w->want);
	int r = 0;
	for (size_t i = 0; r == 0 && c[i]; i++) {
		if (++w->visits > VISITS_MAX)
			return err_set(err, ERR_TOO_LARGE, "the index leads to more than %d others",
				VISITS_MAX);
		r = oci_type_is_index(c[i]->media_type) ? try_index(w, c[i], err)
							: try_manifest(w, c[i], err);
	}
	return r;
}

int documents_get(struct documents *d, struct registry_session *s, struct store *store,
	const struct oci_platform *want, struct err **err)
{
	struct descent w = {d, s, store, want, 0};
	if (is_index(&d->manifest)) {
		d->indexes[d->index_count++] = d->manifest;
		d->manifest = (struct registry_manifest){0};
		int r = descend(&w, err);
		if (r <= 0)
			return r < 0 ? -1 : oci_index_no_match(want, err);
	}
	return d->config.len ? 0 : get_config(&w, err);
}

/* ---- what is here ---- */

static const struct store_blob *find(
	const struct store_blob_list *list, const struct digest *digest)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->v[i].digest.str, digest->str))
			return &list->v[i];
	return NULL;
}

static bool image_fits(const struct store_image *image, const struct oci_platform *want)
{
	struct oci_platform have;
	oci_platform_make(
		&have, image->config->os, image->config->architecture, image->config->variant);
	return oci_platform_score(want, &have) >= 0;
}

/* Of stored indexes. As bounded as the way through a registry's. */
struct trail {
	struct store *store;
	const struct oci_platform *want;
	const struct store_image *image;
	const struct store_blob_list *list;
	size_t visits;
};

/* 1: it is the image's; 0: it leads to nothing for the platform; -1: that cannot be known from what is here. */
static int follow(struct trail *t, const struct digest *digest, int depth)
{
	auto_buf text = BUF_INIT;
	auto_oci_index *index = NULL;
	if (depth == OCI_INDEX_DEPTH_MAX || store_blob_read(t->store, digest, &text, NULL) < 0 ||
		oci_index_parse(&index, text.data, text.len, NULL) < 0)
		return -1;
	auto_free const struct oci_descriptor **c = oci_index_candidates(index, t->want);
	int r = 0;
	for (size_t i = 0; r == 0 && c[i]; i++) {
		const struct store_blob *b = find(t->list, &c[i]->digest);
		if (!b || ++t->visits > VISITS_MAX)
			r = -1;
		else if (b->role == STORE_ROLE_INDEX)
			r = follow(t, &b->digest, depth + 1);
		else if (b->role == STORE_ROLE_MANIFEST)
			r = c[i]->has_platform || image_fits(t->image, t->want);
	}
	return r;
}

bool documents_lead_to(struct store *store, const struct digest *digest,
	const struct oci_platform *want, const struct store_image *image,
	const struct store_blob_list *list)
{
	const struct store_blob *b = find(list, digest);
	struct trail t = {store, want, image, list, 0};
	if (!b)
		return false;
	return b->role == STORE_ROLE_MANIFEST ||
	       (b->role == STORE_ROLE_INDEX && follow(&t, digest, 0) == 1);
}
