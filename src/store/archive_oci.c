/* OCI image layout: index.json, perhaps indexes in it, manifests, blobs/sha256/<hex>. */
#include "archive.h"

#include <stdio.h>

#include <sys/utsname.h>

#include "base/mem.h"
#include "base/str.h"
#include "oci/platform.h"

#define MANIFESTS_MAX 1024 /* visited in one archive */

/* What a descriptor gives the name to: itself, whatever image is found in it. */
struct naming {
	const char *name; /* NULL: none */
	const struct digest *document;
};

struct walk {
	struct collect *c;
	size_t visited;
	const struct oci_descriptor *index[OCI_INDEX_DEPTH_MAX]; /* on the way to here */
};

static char *blob_name(const struct digest *d)
{
	return xasprintf("blobs/sha256/%s", digest_hex(d));
}

/* containerd's annotation holds the whole name; the specification's often the tag alone, which is
 * then no name. */
static int name_of(const struct oci_descriptor *d, char **out, struct err **err)
{
	const char *name = oci_pairs_get(&d->annotations, "io.containerd.image.name");
	const char *ref = oci_pairs_get(&d->annotations, "org.opencontainers.image.ref.name");
	if (str_empty(name) && ref && strpbrk(ref, ":/"))
		name = ref;
	if (str_empty(name))
		return 0;
	auto_reference parsed = {0};
	if (reference_parse(name, &parsed, err) < 0)
		return err_wrap(err, "image name \"%.256s\"", name);
	reference_default_tag(&parsed);
	if (!parsed.has_digest)
		*out = reference_string(&parsed);
	return 0;
}

static int check_size(
	const char *name, const struct oci_descriptor *d, size_t size, struct err **err)
{
	if ((uint64_t)d->size == size)
		return 0;
	return err_set(err, ERR_INVALID, "%s has %zu bytes, its descriptor says %lld", name, size,
		(long long)d->size);
}

static int read_blob(
	struct walk *w, const struct oci_descriptor *d, struct buf *out, struct err **err)
{
	auto_free char *name = blob_name(&d->digest);
	return archive_doc(w->c->t, name, out, err) < 0 ? -1 : check_size(name, d, out->len, err);
}

/* The same image under two names, or twice in the index, is one image. */
static void add_name(struct new_image *image, const char *name)
{
	if (name && strv_index(image->names, name) < 0)
		strv_add(&image->names, name);
}

/* ---- blobs, kept so that digests stay when the image is pushed or saved ---- */

static void keep_doc(struct walk *w, struct new_image *image, enum store_role role,
	const struct oci_descriptor *d)
{
	auto_free char *name = blob_name(&d->digest);
	const struct item *it = archive_member(w->c->t, name, ITEM_DOC);
	for (size_t i = 0; i < image->blob_count; i++)
		if (str_eq(image->blobs[i].digest.str, d->digest.str))
			return;
	struct new_blob *b = new_image_blob(image);
	b->digest = d->digest;
	b->role = role;
	b->size = d->size;
	b->media_type = xstrdup_null(d->media_type);
	if (d->has_platform) {
		struct oci_platform p;
		oci_platform_make(&p, d->os, d->architecture, d->variant);
		b->platform = oci_platform_format(&p);
	}
	b->dir = w->c->t->dir;
	snprintf(b->file, sizeof(b->file), "doc.%u", it->index);
}

/* A layer that the archive leaves out, because it is known to be here, has no blob to keep. */
static void keep_layer(struct walk *w, struct new_image *image, const struct oci_descriptor *d,
	const struct digest *diff_id)
{
	auto_free char *name = blob_name(&d->digest);
	const struct item *it = archive_member(w->c->t, name, ITEM_LAYER);
	for (size_t i = 0; i < image->blob_count; i++)
		if (str_eq(image->blobs[i].digest.str, d->digest.str))
			return;
	struct new_blob *b = new_image_blob(image);
	b->digest = d->digest;
	b->role = STORE_ROLE_LAYER;
	b->size = it ? (int64_t)it->blob_size : d->size;
	b->media_type = xstrdup_null(d->media_type);
	b->diff_id = *diff_id;
	b->claimed = !it && !str_eq(d->digest.str, diff_id->str);
	b->compression = it ? it->compression : "";
	b->dir = w->c->t->dir;
	if (it && it->kept)
		snprintf(b->file, sizeof(b->file), "blob.%u", it->index);
}

/* A manifest of plain tars is what `save` had to make, for want of another or because docker's form has them so: no name
 * comes with that. */
static void keep_all(struct walk *w, struct new_image *image, const struct naming *by,
	const struct oci_descriptor *d, const struct oci_manifest *m)
{
	if (by->name && !oci_manifest_is_plain(m, image->config))
		new_image_document(image, by->name, by->document);
	for (size_t i = 0; i < ARRAY_LEN(w->index) && w->index[i]; i++)
		keep_doc(w, image, STORE_ROLE_INDEX, w->index[i]);
	keep_doc(w, image, STORE_ROLE_MANIFEST, d);
	str_replace(&image->config_type, m->config.media_type);
	for (size_t i = 0; i < m->layer_count; i++)
		keep_layer(w, image, &m->layers[i], &image->config->diff_ids[i]);
}

/* ---- images ---- */

/* True if what the archive has of the layers is what @config says, as archive_layer() finds for the first manifest. */
static bool layers_fit(struct walk *w, const struct oci_manifest *m, const struct oci_image *config)
{
	if (m->layer_count != config->diff_id_count)
		return false;
	for (size_t i = 0; i < m->layer_count; i++) {
		auto_free char *name = blob_name(&m->layers[i].digest);
		const struct item *it = archive_member(w->c->t, name, ITEM_LAYER);
		if (it && (it->text || archive_check_name(name, &it->blob, NULL) < 0 ||
				  !str_eq(it->diff_id.str, config->diff_ids[i].str)))
			return false;
	}
	return true;
}

/* 1: it is an image's, and that is among those to be loaded; 0; -1. */
static int take_manifest(
	struct walk *w, const struct oci_descriptor *d, const struct naming *by, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_oci_manifest *m = NULL;
	if (read_blob(w, d, &text, err) < 0 || oci_manifest_parse(&m, text.data, text.len, err) < 0)
		return err_wrap(err, "manifest %s", d->digest.str);
	if (!oci_manifest_is_image(m))
		return 0; /* nothing here runs it; the images beside it are loaded */
	struct new_image *known = archive_known(w->c, &m->config.digest);
	if (known) {
		add_name(known, by->name);
		if (layers_fit(w, m, known->config))
			keep_all(w, known, by, d, m);
		return 1;
	}
	struct new_image *image = archive_add(w->c);
	auto_free char *config = blob_name(&m->config.digest);
	add_name(image, by->name);
	if (archive_config(w->c, image, config, err) < 0 ||
		check_size(config, &m->config, image->json.len, err) < 0)
		return err_wrap(err, "manifest %s", d->digest.str);
	if (!archive_is_wanted(w->c, image)) {
		archive_drop(w->c);
		return 0;
	}
	if (m->layer_count != image->config->diff_id_count)
		return err_set(err, ERR_INVALID,
			"invalid manifest, layers length mismatch: expected %zu, got %zu",
			m->layer_count, image->config->diff_id_count);
	for (size_t i = 0; i < m->layer_count; i++) {
		auto_free char *blob = blob_name(&m->layers[i].digest);
		if (archive_layer(w->c, image, i, blob, err) < 0)
			return -1;
	}
	keep_all(w, image, by, d, m);
	return 1;
}

static bool have_blob(struct walk *w, const struct oci_descriptor *d)
{
	auto_free char *name = blob_name(&d->digest);
	return archive_member(w->c->t, name, ITEM_DOC) != NULL;
}

static int take_descriptor(struct walk *w, const struct oci_descriptor *d, const struct naming *by,
	int depth, struct err **err);

/* The best of the platforms in an index whose documents are in the archive. As take_manifest(). */
static int take_index(struct walk *w, const struct oci_descriptor *d, const struct naming *by,
	int depth, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_oci_index *x = NULL;
	if (depth == OCI_INDEX_DEPTH_MAX)
		return err_set(err, ERR_TOO_LARGE,
			"index %s: more than %d indexes lie one in the other", d->digest.str,
			OCI_INDEX_DEPTH_MAX);
	if (read_blob(w, d, &text, err) < 0 || oci_index_parse(&x, text.data, text.len, err) < 0)
		return err_wrap(err, "index %s", d->digest.str);
	auto_free const struct oci_descriptor **c = oci_index_candidates(x, w->c->want);
	int r = 0;
	w->index[depth] = d;
	for (size_t i = 0; r == 0 && c[i]; i++)
		if (have_blob(w, c[i]))
			r = take_descriptor(w, c[i], by, depth + 1, err);
	w->index[depth] = NULL;
	return r;
}

static int take_descriptor(struct walk *w, const struct oci_descriptor *d, const struct naming *by,
	int depth, struct err **err)
{
	auto_free char *own = NULL;
	if (++w->visited > MANIFESTS_MAX)
		return err_set(err, ERR_TOO_LARGE,
			"the archive's index leads to more than %d others", MANIFESTS_MAX);
	if (name_of(d, &own, err) < 0)
		return -1;
	struct naming itself = {own, &d->digest};
	if (own)
		by = &itself;
	if (oci_type_is_index(d->media_type))
		return take_index(w, d, by, depth, err);
	if (d->media_type && !oci_type_is_manifest(d->media_type))
		return 0; /* something else that lies in the layout */
	return take_manifest(w, d, by, err);
}

int archive_oci(struct collect *c, struct err **err)
{
	struct walk w = {.c = c};
	auto_buf text = BUF_INIT;
	auto_oci_index *x = NULL;
	if (archive_doc(c->t, "index.json", &text, err) < 0 ||
		oci_index_parse(&x, text.data, text.len, err) < 0)
		return err_wrap(err, "index.json");
	for (size_t i = 0; i < x->manifest_count; i++) {
		const struct oci_descriptor *d = &x->manifests[i];
		/* attestations and other machines' images beside ours */
		if (x->manifest_count > 1 && oci_descriptor_score(c->want, d) < 0)
			continue;
		if (take_descriptor(&w, d, &(struct naming){0}, 0, err) < 0)
			return -1;
	}
	return 0;
}
