#include "push_plan.h"

#include "core.h"
#include "oci/image.h"
#include "store/manifests.h"

#define DOCKER_TYPE_LAYER "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define MOUNTS_MAX 8
#define DOCUMENTS_MAX 1024

void push_plan_free(struct push_plan *p)
{
	send_items_free(p->items, p->item_count);
	for (size_t i = 0; i < p->document_count; i++) {
		buf_free(&p->documents[i].bytes);
		free(p->documents[i].media_type);
	}
	free(p->documents);
	*p = (struct push_plan){0};
}

static struct send_item *add_item(struct push_plan *p)
{
	p->items = xreallocarray(p->items, p->item_count + 1, sizeof(*p->items));
	p->items[p->item_count] = (struct send_item){.size = -1};
	return &p->items[p->item_count++];
}

static void add_document(
	struct push_plan *p, struct buf *bytes, const char *media_type, const struct digest *digest)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): push_plan_free() leaves NULL */
	p->documents = xreallocarray(p->documents, p->document_count + 1, sizeof(*p->documents));
	p->documents[p->document_count++] =
		(struct push_document){*bytes, xstrdup(media_type), *digest};
	*bytes = (struct buf)BUF_INIT;
}

/* ---- with the manifest that it came with ---- */

static bool is_plain(const char *media_type)
{
	return media_type && str_ends(media_type, ".tar");
}

static bool is_foreign(const struct oci_descriptor *d)
{
	return d->urls || (d->media_type && (strstr(d->media_type, "nondistributable") ||
						    strstr(d->media_type, ".foreign.")));
}

static enum layer_packing packing_of(const char *media_type)
{
	if (is_plain(media_type))
		return LAYER_TAR_PLAIN;
	return media_type && strstr(media_type, "zstd") ? LAYER_TAR_ZSTD : LAYER_TAR_GZIP;
}

/* @diff_id may be NULL: then the blob itself has to be here. False if there is no way to send it. */
static bool add_layer(struct push_plan *p, struct store_lease *lease,
	const struct oci_descriptor *d, const struct digest *diff_id)
{
	bool here = store_lease_blob(lease, &d->digest), foreign = is_foreign(d);
	if (!here && !foreign && !(diff_id && store_lease_layer(lease, diff_id)))
		return false;
	struct send_item *item = add_item(p);
	memcpy(item->id, digest_hex(diff_id ? diff_id : &d->digest), 12);
	item->blob = d->digest;
	if (diff_id)
		item->diff_id = *diff_id;
	item->size = d->size;
	item->media_type = xstrdup_null(d->media_type);
	item->pack = !here;
	item->packing = packing_of(d->media_type);
	item->foreign = foreign && !here;
	return true;
}

static bool add_config(
	struct push_plan *p, struct store_lease *lease, const struct digest *digest, int64_t size)
{
	if (!store_lease_blob(lease, digest))
		return false;
	struct send_item *item = add_item(p);
	item->blob = *digest;
	item->size = size;
	return true;
}

/* Everything that the manifest names, and itself. @config: its image's, if that is the one; else NULL. */
static bool add_manifest(struct push_plan *p, struct store_lease *lease, struct store *store,
	const struct digest *digest, const char *media_type, const struct oci_image *config)
{
	auto_oci_manifest *m = NULL;
	auto_buf bytes = BUF_INIT;
	if (!store_lease_blob(lease, digest) || store_blob_read(store, digest, &bytes, NULL) < 0 ||
		oci_manifest_parse(&m, bytes.data, bytes.len, NULL) < 0)
		return false;
	bool fits = config && config->diff_id_count == m->layer_count;
	for (size_t i = m->layer_count; i-- > 0;)
		if (!add_layer(p, lease, &m->layers[i], fits ? &config->diff_ids[i] : NULL))
			return false;
	if (!add_config(p, lease, &m->config.digest, m->config.size))
		return false;
	add_document(p, &bytes, m->media_type ? m->media_type : media_type, digest);
	return true;
}

static bool is_planned(const struct push_plan *p, const struct digest *digest)
{
	for (size_t i = 0; i < p->document_count; i++)
		if (str_eq(p->documents[i].digest.str, digest->str))
			return true;
	return false;
}

/* Every document once: what they list of each other could be a great deal more. */
static bool add_index(struct push_plan *p, struct store_lease *lease, struct store *store,
	const struct digest *digest, const char *media_type, int depth)
{
	auto_oci_index *index = NULL;
	auto_buf bytes = BUF_INIT;
	if (depth == OCI_INDEX_DEPTH_MAX || !store_lease_blob(lease, digest) ||
		store_blob_read(store, digest, &bytes, NULL) < 0 ||
		oci_index_parse(&index, bytes.data, bytes.len, NULL) < 0)
		return false;
	for (size_t i = 0; i < index->manifest_count; i++) {
		const struct oci_descriptor *d = &index->manifests[i];
		if (is_planned(p, &d->digest))
			continue;
		if (p->document_count == DOCUMENTS_MAX)
			return false;
		bool ok = oci_type_is_index(d->media_type)
				  ? add_index(p, lease, store, &d->digest, d->media_type, depth + 1)
				  : add_manifest(p, lease, store, &d->digest, d->media_type, NULL);
		if (!ok)
			return false;
	}
	add_document(p, &bytes, index->media_type ? index->media_type : media_type, digest);
	return true;
}

/* The best of the documents that can be sent with all that it names. A makeshift is not sent: registries get what is
 * compressed. */
static bool plan_existing(struct push_plan *p, struct store_lease *lease, struct store *store,
	const struct store_image *image, const struct store_blob_list *list, bool single)
{
	struct store_choices choices;
	bool done = false;
	store_choose(store, image, &image->document, list, &choices);
	for (size_t i = 0; i < choices.count && !done; i++) {
		const struct store_blob *b = choices.v[i].blob;
		bool index = b->role == STORE_ROLE_INDEX;
		if (choices.v[i].makeshift || (index && single))
			continue;
		done = index ? add_index(p, lease, store, &b->digest, b->media_type, 0)
			     : add_manifest(
				       p, lease, store, &b->digest, b->media_type, image->config);
		if (!done)
			push_plan_free(p);
	}
	free(choices.v);
	return done;
}

/* ---- without ---- */

/* A gzip blob that the layer came as, or was pushed as, is taken again. */
static void known_blob(struct store *store, struct store_lease *lease, struct send_item *item)
{
	struct store_blob_list list = {0};
	if (store_layer_blobs(store, &item->diff_id, &list, NULL) < 0)
		return;
	for (size_t i = 0; i < list.count && item->pack; i++) {
		const struct store_blob *b = &list.v[i];
		if (!b->media_type || !strstr(b->media_type, "gzip") ||
			!store_lease_blob(lease, &b->digest))
			continue;
		item->blob = b->digest;
		item->size = b->size;
		item->pack = false;
	}
	store_blob_list_free(&list);
}

static int plan_new(struct push_plan *p, struct store_lease *lease, struct store *store,
	const struct store_image *image, struct err **err)
{
	const struct oci_image *c = image->config;
	for (size_t i = c->diff_id_count; i-- > 0;) {
		struct send_item *item = add_item(p);
		memcpy(item->id, digest_hex(&c->diff_ids[i]), 12);
		item->diff_id = c->diff_ids[i];
		item->media_type = xstrdup(DOCKER_TYPE_LAYER);
		item->pack = true;
		item->packing = LAYER_TAR_GZIP;
		known_blob(store, lease, item);
	}
	if (!add_config(p, lease, &image->id, -1))
		return err_set(err, ERR_SYSTEM, "the configuration of image %s is not in the store",
			image->id.str);
	return 0;
}

int push_plan_make(struct push_plan *p, struct store_lease *lease, struct store *store,
	const struct store_image *image, bool single, struct err **err)
{
	struct store_blob_list list = {0};
	*p = (struct push_plan){0};
	if (store_lease_image(lease, &image->id, err) < 0 ||
		store_image_blobs(store, &image->id, &list, err) < 0)
		return -1;
	bool existing = plan_existing(p, lease, store, image, &list, single);
	store_blob_list_free(&list);
	p->image = image->id;
	return existing ? 0 : plan_new(p, lease, store, image, err);
}

static void add_descriptor(
	struct buf *out, const char *indent, const char *type, const struct send_item *item)
{
	buf_addf(out,
		"%s   \"mediaType\": \"%s\",\n%s   \"size\": %lld,\n%s   \"digest\": \"%s\"\n%s}",
		indent, type, indent, (long long)item->size, indent, item->blob.str, indent);
}

/* Laid out as dockerd lays it out: were the blobs the same, the digest would be, too. */
void push_plan_manifest(struct push_plan *p)
{
	struct buf out = BUF_INIT;
	struct digest digest;
	const struct send_item *config = &p->items[p->item_count - 1];
	buf_adds(&out, "{\n   \"schemaVersion\": 2,\n   \"mediaType\": \"" DOCKER_TYPE_MANIFEST
		       "\",\n   \"config\": {\n");
	add_descriptor(&out, "   ", DOCKER_TYPE_CONFIG, config);
	buf_adds(&out, ",\n   \"layers\": [");
	for (size_t i = p->item_count - 1; i-- > 0;) {
		buf_adds(&out, "\n      {\n");
		add_descriptor(&out, "      ", DOCKER_TYPE_LAYER, &p->items[i]);
		if (i)
			buf_addc(&out, ',');
	}
	buf_adds(&out, p->item_count > 1 ? "\n   ]\n}" : "]\n}");
	digest_of(out.data, out.len, &digest);
	add_document(p, &out, DOCKER_TYPE_MANIFEST, &digest);
}

/* ---- mounts ---- */

/* Repositories of @ref's registry, but its own, that are known to have the image. */
static char **repositories_of(const struct store_image_summary *s, const struct reference *ref)
{
	char **paths = NULL;
	for (size_t i = 0; s->repo_digests && s->repo_digests[i]; i++) {
		auto_reference other = {0};
		if (reference_parse(s->repo_digests[i], &other, NULL) == 0 &&
			str_eq(other.domain, ref->domain) && !str_eq(other.path, ref->path) &&
			strv_index(paths, other.path) < 0)
			strv_add(&paths, other.path);
	}
	return paths;
}

static void add_mounts(
	struct send_item *item, const struct store_blob_list *list, char *const *paths)
{
	bool has = false;
	for (size_t i = 0; i < list->count && item->blob.str[0]; i++)
		has = has || str_eq(list->v[i].digest.str, item->blob.str);
	for (size_t i = 0; has && paths[i] && strv_len(item->mount_from) < MOUNTS_MAX; i++)
		if (strv_index(item->mount_from, paths[i]) < 0)
			strv_add(&item->mount_from, paths[i]);
}

void push_plan_mounts(struct push_plan *p, struct store *store, const struct reference *ref)
{
	struct store_image_list all = {0};
	if (store_image_list(store, NULL, &all, NULL) < 0)
		return; /* then everything is sent */
	for (size_t i = 0; i < all.count; i++) {
		struct store_blob_list list = {0};
		auto_strv paths = repositories_of(&all.v[i], ref);
		if (!paths || store_image_blobs(store, &all.v[i].id, &list, NULL) < 0)
			continue;
		for (size_t k = 0; k < p->item_count; k++)
			if (p->items[k].id[0])
				add_mounts(&p->items[k], &list, paths);
		store_blob_list_free(&list);
	}
	store_image_list_free(&all);
}
