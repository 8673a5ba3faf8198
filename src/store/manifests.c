/* The manifests of an image's indexes, with what is here of each. Documents are strangers'; what cannot be read is left out. */
#include "store/manifests.h"

#include "base/mem.h"
#include "base/str.h"
#include "store/content.h"
#include "store_private.h"

#define ATTESTATION_TYPE "vnd.docker.reference.type"
#define ATTESTATION_OF "vnd.docker.reference.digest"

static void manifest_clear(struct store_manifest *m)
{
	oci_descriptor_free(m->descriptor);
	free(m->os_version);
	strv_free(m->containers);
	free(m->subject);
}

void store_manifests_free(struct store_manifests *m)
{
	for (size_t i = 0; i < m->count; i++)
		manifest_clear(&m->v[i]);
	free(m->v);
	oci_descriptor_free(m->target);
	*m = (struct store_manifests){0};
}

/* ---- one manifest ---- */

/* Adds what is in content/ of a blob; false if it is not there. */
static bool add_content(struct store *s, const struct digest *digest, int64_t *content)
{
	int64_t size = 0;
	if (blob_find(s, digest, &size, NULL) != 1)
		return false;
	*content += size > 0 ? size : 0;
	return true;
}

/* Is the image with the configuration @id here? Then its layers are, whatever blobs they came as. */
static bool find_image(struct store *s, const struct digest *id, int64_t *size)
{
	auto_db_stmt *q = db_query(s->db, "SELECT size FROM images WHERE id = ?", NULL);
	if (!q)
		return false;
	db_bind_str(q, 1, id->str);
	if (db_step(q, NULL) != 1)
		return false;
	*size = db_col_i64(q, 0);
	return true;
}

static void set_platform(struct store_manifest *m, const char *os, const char *architecture,
	const char *variant, const char *os_version)
{
	oci_platform_make(&m->platform, os, architecture, variant);
	str_replace(&m->os_version, os_version);
}

/* What the configuration says; only where it is here. */
static void read_config(struct store *s, struct store_manifest *m, const struct digest *config)
{
	auto_buf text = BUF_INIT;
	auto_oci_image *image = NULL;
	if (m->descriptor->has_platform || store_blob_read(s, config, &text, NULL) < 0 ||
		oci_image_parse(&image, text.data, text.len, NULL) < 0)
		return;
	set_platform(m, image->os, image->architecture, image->variant, image->os_version);
}

/* False for what Docker calls no image: BuildKit's attestations, artifacts. */
static bool may_be_image(const struct oci_descriptor *d)
{
	return !d->artifact_type && !oci_pairs_get(&d->annotations, ATTESTATION_TYPE) &&
	       !(d->has_platform && str_eq(d->os, "unknown"));
}

static void look_inside(struct store *s, struct store_manifest *m, const struct oci_manifest *doc)
{
	bool whole = add_content(s, &doc->config.digest, &m->content);
	for (size_t i = 0; i < doc->layer_count; i++) {
		bool again = false;
		for (size_t k = 0; k < i && !again; k++)
			again = str_eq(doc->layers[k].digest.str, doc->layers[i].digest.str);
		if (!again && !add_content(s, &doc->layers[i].digest, &m->content))
			whole = false;
	}
	m->available = whole;
	if (m->kind != STORE_MANIFEST_IMAGE)
		return;
	if (!oci_manifest_is_image(doc)) {
		m->kind = STORE_MANIFEST_UNKNOWN;
		return;
	}
	m->available = find_image(s, &doc->config.digest, &m->unpacked);
	if (m->available)
		m->image = doc->config.digest;
	read_config(s, m, &doc->config.digest);
}

static void read_manifest(struct store *s, struct store_manifest *m)
{
	const struct oci_descriptor *d = m->descriptor;
	const char *subject = oci_pairs_get(&d->annotations, ATTESTATION_OF);
	auto_buf text = BUF_INIT;
	auto_oci_manifest *doc = NULL;
	if (may_be_image(d)) {
		m->kind = STORE_MANIFEST_IMAGE;
		set_platform(m, d->os, d->architecture, d->variant, d->os_version);
	} else if (str_eq(oci_pairs_get(&d->annotations, ATTESTATION_TYPE),
			   "attestation-manifest") &&
		   subject) {
		m->kind = STORE_MANIFEST_ATTESTATION;
		m->subject = xstrdup(subject);
	}
	if (!add_content(s, &d->digest, &m->content) ||
		store_blob_read(s, &d->digest, &text, NULL) < 0 ||
		oci_manifest_parse(&doc, text.data, text.len, NULL) < 0 ||
		doc->layer_count > OCI_LAYER_MAX)
		return;
	look_inside(s, m, doc);
}

/* ---- all of them ---- */

struct walk {
	struct store *store;
	struct store_blob_list blobs;
	/* of each blob: an index of the image lists it; its manifests are there already */
	bool *listed, *walked;
	struct store_manifests *out;
};

static bool is_there(const struct store_manifests *m, const struct digest *digest)
{
	for (size_t i = 0; i < m->count; i++)
		if (str_eq(m->v[i].descriptor->digest.str, digest->str))
			return true;
	return false;
}

static void add(struct walk *w, const struct oci_descriptor *d)
{
	struct store_manifests *m = w->out;
	if (m->count == STORE_MANIFESTS_MAX || is_there(m, &d->digest))
		return;
	m->v = xreallocarray(m->v, m->count + 1, sizeof(*m->v));
	m->v[m->count] = (struct store_manifest){.descriptor = oci_descriptor_copy(d)};
	read_manifest(w->store, &m->v[m->count++]);
}

/* NULL if it cannot be read. */
static struct oci_index *read_index(struct store *s, const struct digest *digest)
{
	auto_buf text = BUF_INIT;
	struct oci_index *x = NULL;
	if (store_blob_read(s, digest, &text, NULL) < 0 ||
		oci_index_parse(&x, text.data, text.len, NULL) < 0)
		return NULL;
	return x;
}

/* Which of @list it is; list->count: none. */
static size_t place_of(const struct store_blob_list *list, const struct digest *digest)
{
	size_t i = 0;
	while (i < list->count && !str_eq(list->v[i].digest.str, digest->str))
		i++;
	return i;
}

/* Each index once: what they list of each other could be a great deal more. Those that are not here could lead to
 * anything, and are left out. */
static void add_all_of(struct walk *w, size_t at, int depth)
{
	const struct store_blob *b = &w->blobs.v[at];
	if (depth == OCI_INDEX_DEPTH_MAX || b->role != STORE_ROLE_INDEX || w->walked[at])
		return;
	w->walked[at] = true;
	auto_oci_index *x = read_index(w->store, &b->digest);
	for (size_t i = 0; x && i < x->manifest_count; i++) {
		const struct oci_descriptor *d = &x->manifests[i];
		if (!oci_type_is_index(d->media_type)) {
			add(w, d);
			continue;
		}
		size_t place = place_of(&w->blobs, &d->digest);
		if (place < w->blobs.count)
			add_all_of(w, place, depth + 1);
	}
}

bool *store_blobs_listed(struct store *s, const struct store_blob_list *list)
{
	bool *listed = xcalloc(list->count, sizeof(*listed));
	for (size_t i = 0; i < list->count; i++) {
		auto_oci_index *x = list->v[i].role == STORE_ROLE_INDEX
					    ? read_index(s, &list->v[i].digest)
					    : NULL;
		for (size_t k = 0; x && k < x->manifest_count; k++) {
			size_t place = place_of(list, &x->manifests[k].digest);
			if (place < list->count)
				listed[place] = true;
		}
	}
	return listed;
}

/* What no index lists; the first of these is what the image stands for. */
static void add_blob(struct walk *w, size_t at)
{
	const struct store_blob *b = &w->blobs.v[at];
	struct oci_descriptor d = {
		.digest = b->digest,
		.size = b->size > 0 ? b->size : 0,
		.media_type = b->media_type,
	};
	if (!w->out->target)
		w->out->target = oci_descriptor_copy(&d);
	if (b->role == STORE_ROLE_INDEX)
		add_all_of(w, at, 0);
	else
		add(w, &d);
}

int store_image_manifests(
	struct store *s, const struct digest *image, struct store_manifests *out, struct err **err)
{
	static const enum store_role order[] = {STORE_ROLE_INDEX, STORE_ROLE_MANIFEST};
	struct walk w = {.store = s, .out = out};
	*out = (struct store_manifests){0};
	if (store_image_blobs(s, image, &w.blobs, err) < 0)
		return -1;
	w.listed = store_blobs_listed(s, &w.blobs);
	w.walked = xcalloc(w.blobs.count, sizeof(*w.walked));
	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		for (size_t i = 0; i < w.blobs.count; i++) {
			const struct store_blob *b = &w.blobs.v[i];
			if (b->role == order[k] && b->present && !w.listed[i])
				add_blob(&w, i);
		}
	free(w.listed);
	free(w.walked);
	store_blob_list_free(&w.blobs);
	return 0;
}
