/* What an archive holds: blobs, and the documents that name them. */
#include "store/save.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "base/str.h"
#include "save_private.h"
#include "store/layer_tar.h"
#include "store/manifests.h"

#define TYPE_TAR "application/vnd.oci.image.layer.v1.tar"
#define LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}"

/* ---- blobs ---- */

/* A new one, or NULL if it is there already. */
static struct save_blob *add_blob(struct store_save *s, const struct digest *digest, int64_t size)
{
	for (size_t i = 0; i < s->blob_count; i++)
		if (str_eq(s->blobs[i].digest.str, digest->str))
			return NULL;
	s->blobs = xreallocarray(s->blobs, s->blob_count + 1, sizeof(*s->blobs));
	s->blobs[s->blob_count] = (struct save_blob){.digest = *digest, .size = size};
	return &s->blobs[s->blob_count++];
}

/* @bytes is used up. */
static void add_bytes(struct store_save *s, const struct digest *digest, struct buf *bytes)
{
	struct save_blob *b = add_blob(s, digest, (int64_t)bytes->len);
	if (b) {
		b->bytes = *bytes;
		*bytes = (struct buf)BUF_INIT;
	}
}

static void add_content(struct store_save *s, const struct digest *digest, int64_t size)
{
	struct save_blob *b = add_blob(s, digest, size);
	if (b)
		b->kind = SAVE_CONTENT;
}

static int64_t add_layer(struct store_save *s, const struct digest *diff_id, struct err **err)
{
	int64_t size = layer_tar_size(s->store, diff_id, err);
	struct save_blob *b = size < 0 ? NULL : add_blob(s, diff_id, size);
	if (b)
		b->kind = SAVE_LAYER;
	return size;
}

static int add_config(
	struct store_save *s, const struct digest *id, int64_t *size, struct err **err)
{
	auto_buf json = BUF_INIT;
	/* verified: a damaged one must not go out under its digest */
	if (store_blob_read(s->store, id, &json, err) < 0)
		return -1;
	*size = (int64_t)json.len;
	add_bytes(s, id, &json);
	return 0;
}

static void describe(struct jsonw *w, const char *key, const char *media_type,
	const struct digest *digest, int64_t size)
{
	jw_object(w, key);
	jw_str(w, "mediaType", media_type);
	jw_str(w, "digest", digest->str);
	jw_i64(w, "size", size);
}

/* ---- a manifest made here: plain layers ---- */

static int make_manifest(struct store_save *s, const struct store_image *image,
	struct save_entry *entry, struct err **err)
{
	const struct oci_image *config = image->config;
	auto_buf json = BUF_INIT;
	int64_t size;
	if (add_config(s, &image->id, &size, err) < 0)
		return -1;
	struct jsonw w = jsonw_to(&json);
	jw_object(&w, NULL);
	jw_i64(&w, "schemaVersion", 2);
	jw_str(&w, "mediaType", OCI_TYPE_MANIFEST);
	describe(&w, "config", OCI_TYPE_CONFIG, &image->id, size);
	jw_end_object(&w);
	jw_array(&w, "layers");
	for (size_t i = 0; i < config->diff_id_count; i++) {
		size = add_layer(s, &config->diff_ids[i], err);
		if (size < 0)
			return -1;
		describe(&w, NULL, TYPE_TAR, &config->diff_ids[i], size);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_end_object(&w);
	digest_of(json.data, json.len, &entry->target);
	entry->size = (int64_t)json.len;
	entry->media_type = xstrdup(OCI_TYPE_MANIFEST);
	add_bytes(s, &entry->target, &json);
	return 0;
}

/* ---- what an image came with ---- */

static const struct store_blob *kept(const struct store_blob_list *list, const struct digest *d)
{
	for (size_t i = 0; i < list->count; i++)
		if (str_eq(list->v[i].digest.str, d->str) && list->v[i].present)
			return &list->v[i];
	return NULL;
}

/* True if every layer of @m is here as it came: compressed, or plain, which is written from its recipe. */
static bool is_whole(const struct store_blob_list *list, const struct oci_manifest *m,
	const struct oci_image *config)
{
	if (m->layer_count != config->diff_id_count)
		return false;
	for (size_t i = 0; i < m->layer_count; i++)
		if (!kept(list, &m->layers[i].digest) &&
			!str_eq(m->layers[i].digest.str, config->diff_ids[i].str))
			return false;
	return true;
}

static int take_layers(struct store_save *s, const struct store_blob_list *list,
	const struct oci_manifest *m, struct err **err)
{
	for (size_t i = 0; i < m->layer_count; i++) {
		const struct store_blob *b = kept(list, &m->layers[i].digest);
		if (b)
			add_content(s, &b->digest, b->size);
		else if (add_layer(s, &m->layers[i].digest, err) < 0)
			return -1;
	}
	return 0;
}

static void name_by(struct store_save *s, struct save_entry *entry, const struct store_blob *b,
	const char *fallback)
{
	add_content(s, &b->digest, b->size);
	entry->target = b->digest;
	entry->size = b->size;
	str_replace(&entry->media_type, str_empty(b->media_type) ? fallback : b->media_type);
}

/* 1: taken, with the indexes that lead to it: the outermost stands for the image; 0: it cannot be used. */
static int take_manifest(struct store_save *s, const struct save_image *image,
	struct save_entry *entry, const struct store_blob_list *list,
	const struct store_choice *choice, struct err **err)
{
	const struct store_blob *b = choice->blob;
	auto_buf text = BUF_INIT;
	auto_oci_manifest *m = NULL;
	int64_t size;
	if (store_blob_read(s->store, &b->digest, &text, err) < 0 ||
		oci_manifest_parse(&m, text.data, text.len, err) < 0)
		return -1;
	if (!str_eq(m->config.digest.str, image->image->id.str) ||
		!is_whole(list, m, image->image->config))
		return 0;
	if (add_config(s, &image->image->id, &size, err) < 0 || take_layers(s, list, m, err) < 0)
		return -1;
	name_by(s, entry, b, OCI_TYPE_MANIFEST);
	for (choice = choice->in; choice; choice = choice->in)
		name_by(s, entry, choice->blob, OCI_TYPE_INDEX);
	return 1;
}

/* An index is taken with the manifest in it; here it is asked only whether it is whole. */
static int check_index(struct store_save *s, const struct store_blob *b, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_oci_index *x = NULL;
	return store_blob_read(s->store, &b->digest, &text, err) < 0 ||
			       oci_index_parse(&x, text.data, text.len, err) < 0
		       ? -1
		       : 0;
}

static int take_kept(struct store_save *s, const struct save_image *image, struct save_entry *entry,
	struct err **err)
{
	struct store_blob_list list = {0};
	struct store_choices choices = {0};
	int r = store_image_blobs(s->store, &image->image->id, &list, err);
	if (r == 0)
		store_choose(s->store, image->image, &entry->document, &list, &choices);
	for (size_t i = 0; r == 0 && i < choices.count; i++) {
		const struct store_choice *c = &choices.v[i];
		r = c->blob->role == STORE_ROLE_INDEX
			    ? check_index(s, c->blob, err)
			    : take_manifest(s, image, entry, &list, c, err);
	}
	free(choices.v);
	store_blob_list_free(&list);
	return r;
}

/* Names that came with the same share what was found for the first of them. */
static bool take_known(const struct save_image *image, struct save_entry *entry, bool any)
{
	for (const struct save_entry *e = image->entries; e < entry; e++) {
		if (!any && !str_eq(e->document.str, entry->document.str))
			continue;
		entry->target = e->target;
		entry->size = e->size;
		entry->media_type = xstrdup(e->media_type);
		return true;
	}
	return false;
}

static int take_entry(struct store_save *s, const struct save_image *image,
	struct save_entry *entry, struct err **err)
{
	if (take_known(image, entry, s->form == STORE_SAVE_DOCKER))
		return 0;
	int r = s->form == STORE_SAVE_OCI ? take_kept(s, image, entry, err) : 0;
	if (r == 0)
		r = make_manifest(s, image->image, entry, err);
	return r < 0 ? -1 : 0;
}

static int take_image(struct store_save *s, struct save_image *image, struct err **err)
{
	if (!image->entry_count)
		save_entry_add(image, &image->image->document);
	for (size_t i = 0; i < image->entry_count; i++)
		if (take_entry(s, image, &image->entries[i], err) < 0)
			return err_wrap(err, "save %s", image->image->id.str);
	return 0;
}

/* ---- the documents at the archive's root ---- */

static const char *tag_of(const char *name)
{
	return strrchr(name, ':') + 1;
}

static void write_index(const struct store_save *s, struct buf *out)
{
	struct jsonw w = jsonw_to(out);
	jw_object(&w, NULL);
	jw_i64(&w, "schemaVersion", 2);
	jw_str(&w, "mediaType", OCI_TYPE_INDEX);
	jw_array(&w, "manifests");
	for (size_t i = 0; i < s->count; i++) {
		const struct save_image *image = &s->images[i];
		for (size_t k = 0; k < image->entry_count; k++) {
			const struct save_entry *e = &image->entries[k];
			describe(&w, NULL, e->media_type, &e->target, e->size);
			if (image->names) {
				jw_object(&w, "annotations");
				jw_str(&w, "io.containerd.image.name", image->names[k]);
				jw_str(&w, "org.opencontainers.image.ref.name",
					tag_of(image->names[k]));
				jw_end_object(&w);
			}
			jw_end_object(&w);
		}
	}
	jw_end_array(&w);
	jw_end_object(&w);
}

static void write_path(struct jsonw *w, const char *key, const struct digest *d)
{
	auto_free char *path = xasprintf("blobs/sha256/%s", digest_hex(d));
	jw_str(w, key, path);
}

static void write_names(struct jsonw *w, char *const *names)
{
	if (!names) {
		jw_null(w, "RepoTags");
		return;
	}
	auto_strv familiar = strv_copy(names);
	names_familiar(familiar);
	jw_strv(w, "RepoTags", familiar);
}

static int write_image(const struct store_save *s, const struct save_image *image, struct jsonw *w,
	struct err **err)
{
	const struct oci_image *config = image->image->config;
	jw_object(w, NULL);
	write_path(w, "Config", &image->image->id);
	write_names(w, image->names);
	jw_array(w, "Layers");
	for (size_t i = 0; i < config->diff_id_count; i++)
		write_path(w, NULL, &config->diff_ids[i]);
	jw_end_array(w);
	if (config->diff_id_count) {
		jw_object(w, "LayerSources");
		for (size_t i = 0; i < config->diff_id_count; i++) {
			int64_t size = layer_tar_size(s->store, &config->diff_ids[i], err);
			if (size < 0)
				return -1;
			bool again = false;
			for (size_t k = 0; k < i; k++)
				again |= str_eq(config->diff_ids[k].str, config->diff_ids[i].str);
			if (again)
				continue;
			describe(w, config->diff_ids[i].str, TYPE_TAR, &config->diff_ids[i], size);
			jw_end_object(w);
		}
		jw_end_object(w);
	}
	jw_end_object(w);
	return 0;
}

static int write_manifest(const struct store_save *s, struct buf *out, struct err **err)
{
	struct jsonw w = jsonw_to(out);
	jw_array(&w, NULL);
	for (size_t i = 0; i < s->count; i++)
		if (write_image(s, &s->images[i], &w, err) < 0)
			return -1;
	jw_end_array(&w);
	return 0;
}

/* For docker before 1.10: repository, tag, image. Empty if nothing has a name. */
static void write_repositories(const struct store_save *s, struct buf *out)
{
	struct jsonw w = jsonw_to(out);
	auto_strv repos = NULL;
	for (size_t i = 0; i < s->count; i++)
		for (size_t k = 0; k < strv_len(s->images[i].names); k++) {
			const char *name = s->images[i].names[k];
			auto_free char *repo = xstrndup(name, (size_t)(tag_of(name) - name) - 1);
			if (strv_index(repos, repo) < 0)
				strv_add(&repos, repo);
		}
	if (!repos)
		return;
	jw_object(&w, NULL);
	for (size_t r = 0; repos[r]; r++) {
		auto_strv familiar = NULL;
		strv_add(&familiar, repos[r]);
		names_familiar(familiar);
		jw_object(&w, familiar[0]);
		for (size_t i = 0; i < s->count; i++)
			for (size_t k = 0; k < strv_len(s->images[i].names); k++) {
				const char *rest = str_after(s->images[i].names[k], repos[r]);
				if (rest && *rest == ':')
					jw_str(&w, rest + 1, digest_hex(&s->images[i].image->id));
			}
		jw_end_object(&w);
	}
	jw_end_object(&w);
}

/* ---- the archive ---- */

static int compare_blobs(const void *a, const void *b)
{
	return strcmp(((const struct save_blob *)a)->digest.str,
		((const struct save_blob *)b)->digest.str);
}

static int prepare(struct store_save *s, char *const *refs, const struct oci_platform *platform,
	struct err **err)
{
	if (save_find(s, refs, platform, err) < 0)
		return -1;
	s->ids = xcalloc(s->count, sizeof(*s->ids));
	for (size_t i = 0; i < s->count; i++) {
		s->ids[i] = s->images[i].image->id;
		if (store_lease_image(s->lease, &s->ids[i], err) < 0 ||
			take_image(s, &s->images[i], err) < 0)
			return -1;
	}
	qsort(s->blobs, s->blob_count, sizeof(*s->blobs), compare_blobs);
	return 0;
}

struct store_save *store_save_new(struct store *store, char *const *refs, enum store_save_form form,
	const struct oci_platform *platform, struct err **err)
{
	auto_store_save *s = xcalloc(1, sizeof(*s));
	s->store = store;
	s->form = form;
	s->lease = store_lease_new(store);
	return prepare(s, refs, platform, err) < 0 ? NULL : steal_ptr(s);
}

void store_save_free(struct store_save *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->count; i++) {
		store_image_free(s->images[i].image);
		strv_free(s->images[i].names);
		for (size_t k = 0; k < s->images[i].entry_count; k++)
			free(s->images[i].entries[k].media_type);
		free(s->images[i].entries);
	}
	for (size_t i = 0; i < s->blob_count; i++)
		buf_free(&s->blobs[i].bytes);
	free(s->images);
	free(s->blobs);
	free(s->ids);
	store_lease_end(s->lease);
	free(s);
}

const struct digest *store_save_images(const struct store_save *s, size_t *count)
{
	*count = s->count;
	return s->ids;
}

static int write_blobs(struct store_save *s, struct save_tar *t, struct err **err)
{
	if (save_tar_folder(t, "blobs/", err) < 0 || save_tar_folder(t, "blobs/sha256/", err) < 0)
		return -1;
	for (size_t i = 0; i < s->blob_count; i++)
		if (save_tar_blob(t, s->store, &s->blobs[i], err) < 0)
			return -1;
	return 0;
}

static int write_documents(struct store_save *s, struct save_tar *t, struct err **err)
{
	auto_buf index = BUF_INIT, manifest = BUF_INIT, repositories = BUF_INIT;
	write_index(s, &index);
	if (save_tar_file(t, "index.json", index.data, index.len, err) < 0)
		return -1;
	if (s->form == STORE_SAVE_DOCKER &&
		(write_manifest(s, &manifest, err) < 0 ||
			save_tar_file(t, "manifest.json", manifest.data, manifest.len, err) < 0))
		return -1;
	if (save_tar_file(t, "oci-layout", LAYOUT, strlen(LAYOUT), err) < 0)
		return -1;
	if (s->form != STORE_SAVE_DOCKER)
		return 0;
	write_repositories(s, &repositories);
	return repositories.len
		       ? save_tar_file(t, "repositories", repositories.data, repositories.len, err)
		       : 0;
}

int store_save_run(struct store_save *s, int out, struct err **err)
{
	struct save_tar t = {.out = out};
	int r = write_blobs(s, &t, err);
	if (r == 0)
		r = write_documents(s, &t, err);
	if (r == 0)
		r = save_tar_end(&t, err);
	layer_packer_close(t.packer);
	return r;
}
