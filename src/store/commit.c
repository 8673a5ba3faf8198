/*
 * Making images visible.
 *
 * Order, so that a kill at any line leaves nothing half visible: layers and blobs (already synced) are
 * renamed from staging/ and ingest/ to layers/ and content/, configurations written there, both
 * folders synced; then one transaction inserts the rows. What was renamed without its row is removed by the next start, or
 * here, when the transaction fails before its end.
 */
#include "store_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

void new_image_free(struct new_image *image)
{
	buf_free(&image->json);
	free(image->config_type);
	oci_image_free(image->config);
	free(image->layers);
	strv_free(image->names);
	strv_free(image->digests);
	for (size_t i = 0; i < image->blob_count; i++) {
		free(image->blobs[i].media_type);
		free(image->blobs[i].platform);
	}
	free(image->blobs);
	for (size_t i = 0; i < image->document_count; i++)
		free(image->documents[i].name);
	free(image->documents);
	*image = (struct new_image){0};
}

struct new_blob *new_image_blob(struct new_image *image)
{
	image->blobs = xreallocarray(image->blobs, image->blob_count + 1, sizeof(*image->blobs));
	struct new_blob *b = &image->blobs[image->blob_count++];
	*b = (struct new_blob){.dir = -1, .compression = ""};
	return b;
}

void new_image_document(struct new_image *image, const char *name, const struct digest *document)
{
	image->documents = xreallocarray(
		image->documents, image->document_count + 1, sizeof(*image->documents));
	image->documents[image->document_count++] =
		(struct named_document){xstrdup(name), *document};
}

void moved_names_free(struct moved_names *moved)
{
	for (size_t i = 0; i < moved->count; i++)
		free(moved->v[i].name);
	free(moved->v);
	*moved = (struct moved_names){0};
}

/* Everything that one commit puts in place and may have to take back. */
struct commit {
	struct store *store;
	int staging;
	char **layers; /* folders renamed into layers/ and recipes/ */
	char **blobs; /* files renamed to content/, or written there */
	struct moved_names *moved;
	int64_t now;
	bool named; /* COMMIT was tried */
};

int staged_layer_check(int staging, const struct staged_layer *layer, struct err **err)
{
	struct stat st;
	if (fstatat(staging, layer->folder, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "layer %s", layer->diff_id.str);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "layer %s is not a folder", layer->diff_id.str);
	if (fstatat(staging, layer->recipe, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "recipe of layer %s", layer->diff_id.str);
	if (!S_ISDIR(st.st_mode))
		return err_set(
			err, ERR_INVALID, "recipe of layer %s is not a folder", layer->diff_id.str);
	return 0;
}

static int place_layer(struct commit *c, const struct staged_layer *layer, struct err **err)
{
	struct store *s = c->store;
	const char *hex = digest_hex(&layer->diff_id);
	struct layer_row row;
	int r = layer_find(s, &layer->diff_id, &row, err);
	if (r != 0 || strv_index(c->layers, hex) >= 0)
		return r < 0 ? -1 : 0;
	if (!*layer->folder)
		return err_set(err, ERR_INVALID, "layer %s is neither in the archive nor here",
			layer->diff_id.str);
	if (staged_layer_check(c->staging, layer, err) < 0)
		return -1;
	/* folders without a row are left over from a commit that failed */
	if (staging_trash(s, s->layers, hex, err) < 0 || staging_trash(s, s->recipes, hex, err) < 0)
		return -1;
	strv_add(&c->layers, hex);
	if (renameat(c->staging, layer->recipe, s->recipes, hex) < 0 ||
		renameat(c->staging, layer->folder, s->layers, hex) < 0)
		return err_sys(err, errno, "put layer %s in place", layer->diff_id.str);
	return 0;
}

/* 1: it is there, or will be when this commit succeeds. */
static int have_blob(struct commit *c, const struct digest *digest, struct err **err)
{
	int64_t size;
	if (strv_index(c->blobs, digest_hex(digest)) >= 0)
		return 1;
	return blob_find(c->store, digest, &size, err);
}

static int place_config(struct commit *c, const struct new_image *image, struct err **err)
{
	const char *hex = digest_hex(&image->id);
	int r = have_blob(c, &image->id, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (file_replace(
		    c->store->content, hex, image->json.data, image->json.len, 0600, true, err) < 0)
		return -1;
	strv_add(&c->blobs, hex);
	return 0;
}

static int place_blob(struct commit *c, const struct new_blob *blob, struct err **err)
{
	const char *hex = digest_hex(&blob->digest);
	struct stat st;
	int r = have_blob(c, &blob->digest, err);
	if (r != 0 || !*blob->file)
		return r < 0 ? -1 : 0;
	if (fstatat(blob->dir, blob->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "blob %s", blob->digest.str);
	/* more bytes than were hashed would be somebody else's */
	if (!S_ISREG(st.st_mode) || st.st_size != blob->size)
		return err_set(err, ERR_INVALID, "blob %s was changed while it was read",
			blob->digest.str);
	if (renameat(blob->dir, blob->file, c->store->content, hex) < 0)
		return err_sys(err, errno, "put blob %s in place", blob->digest.str);
	strv_add(&c->blobs, hex);
	return 0;
}

static int place_image(struct commit *c, const struct new_image *image, struct err **err)
{
	for (size_t i = 0; i < image->config->diff_id_count; i++)
		if (place_layer(c, &image->layers[i], err) < 0)
			return -1;
	for (size_t i = 0; i < image->blob_count; i++)
		if (place_blob(c, &image->blobs[i], err) < 0)
			return -1;
	return place_config(c, image, err);
}

static int layer_row_id(
	struct store *s, const struct staged_layer *layer, struct layer_row *row, struct err **err)
{
	int r = layer_find(s, &layer->diff_id, row, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	if (db_exec(s->db, err,
		    "INSERT INTO layers(diff_id, size, opaque, tar_size, recipe_size) "
		    "VALUES(?, ?, ?, ?, ?)",
		    "siiii", layer->diff_id.str, layer->size, (int64_t)layer->opaque,
		    layer->tar_size, layer->recipe_size) < 0)
		return -1;
	*row = (struct layer_row){db_last_id(s->db), layer->size, layer->opaque};
	return 0;
}

static int insert_layers(struct store *s, const struct new_image *image,
	const struct layer_row *rows, struct err **err)
{
	size_t n = image->config->diff_id_count;
	auto_free struct digest *chain = layer_chains(image->config->diff_ids, n);
	for (size_t i = 0; i < n; i++)
		if (db_exec(s->db, err,
			    "INSERT INTO image_layers(image, pos, layer, chain) "
			    "VALUES(?, ?, ?, ?)",
			    "siis", image->id.str, (int64_t)i, rows[i].id, chain[i].str) < 0)
			return -1;
	return 0;
}

/* The row for what is in content/: what this commit placed, or another before. */
static int insert_content(struct commit *c, const struct digest *digest, int64_t size,
	const char *media_type, struct err **err)
{
	if (strv_index(c->blobs, digest_hex(digest)) < 0)
		return 0;
	return db_exec(c->store->db, err,
		       "INSERT INTO blobs(digest, size, media_type) VALUES(?, ?, ?)"
		       " ON CONFLICT(digest) DO NOTHING",
		       "sis", digest->str, size, media_type ? media_type : "") < 0
		       ? -1
		       : 0;
}

static int insert_blob(
	struct commit *c, const struct new_image *image, const struct new_blob *b, struct err **err)
{
	struct store *s = c->store;
	struct store_blob row = {
		.digest = b->digest,
		.role = b->role,
		.size = b->size,
		.media_type = b->media_type,
		.platform = b->platform,
	};
	struct layer_row layer;
	if (insert_content(c, &b->digest, b->size, b->media_type, err) < 0 ||
		image_blob_insert(s, &image->id, &row, c->now, err) < 0)
		return -1;
	if (b->role != STORE_ROLE_LAYER || b->claimed)
		return 0;
	if (layer_find(s, &b->diff_id, &layer, err) < 0)
		return -1;
	return db_exec(s->db, err,
		       "INSERT INTO layer_blobs(layer, digest, compression) VALUES(?, ?, ?)"
		       " ON CONFLICT(layer, digest) DO NOTHING",
		       "iss", layer.id, b->digest.str, b->compression) < 0
		       ? -1
		       : 0;
}

static int insert_blobs(struct commit *c, const struct new_image *image, struct err **err)
{
	const char *type = image->config_type ? image->config_type : DOCKER_TYPE_CONFIG;
	struct store_blob config = {
		.digest = image->id,
		.role = STORE_ROLE_CONFIG,
		.size = (int64_t)image->json.len,
		.media_type = (char *)type,
	};
	if (insert_content(c, &image->id, config.size, type, err) < 0 ||
		image_blob_insert(c->store, &image->id, &config, c->now, err) < 0)
		return -1;
	for (size_t i = 0; i < image->blob_count; i++)
		if (insert_blob(c, image, &image->blobs[i], err) < 0)
			return -1;
	return 0;
}

static int insert_image(struct commit *c, const struct new_image *image, struct err **err)
{
	struct store *s = c->store;
	size_t n = image->config->diff_id_count;
	auto_free struct layer_row *rows = xcalloc(n + 1, sizeof(*rows));
	int64_t size = 0;
	for (size_t i = 0; i < n; i++) {
		if (layer_row_id(s, &image->layers[i], &rows[i], err) < 0)
			return -1;
		if (__builtin_add_overflow(size, rows[i].size, &size))
			size = INT64_MAX;
	}
	auto_free char *labels = labels_text(&image->config->config.labels);
	int made = db_exec(s->db, err,
		"INSERT INTO images(id, created, size, last_tagged, parent, labels) "
		"VALUES(?, ?, ?, 0, ?, ?) ON CONFLICT(id) DO NOTHING",
		"siiss", image->id.str, image->config->created, size, image->parent.str, labels);
	if (made < 0 || (made == 1 && insert_layers(s, image, rows, err) < 0))
		return -1;
	return insert_blobs(c, image, err);
}

/* Which image a digest names does not change by the way, as with dockerd. */
static int insert_digest(
	struct commit *c, const struct new_image *image, const char *name, struct err **err)
{
	struct db *db = c->store->db;
	if (image->move_digests &&
		db_exec(db, err, "DELETE FROM repo_digests WHERE name = ?", "s", name) < 0)
		return -1;
	return db_exec(db, err,
		       "INSERT INTO repo_digests(name, image) VALUES(?, ?)"
		       " ON CONFLICT(name) DO NOTHING",
		       "ss", name, image->id.str) < 0
		       ? -1
		       : 0;
}

static int insert_names(struct commit *c, const struct new_image *image, struct err **err)
{
	for (size_t i = 0; image->names && image->names[i]; i++) {
		struct digest from;
		if (name_set(c->store, image->names[i], &image->id, &from, err) < 0)
			return -1;
		if (!*from.str)
			continue;
		struct moved_names *m = c->moved;
		m->v = xreallocarray(m->v, m->count + 1, sizeof(*m->v));
		m->v[m->count++] = (struct moved_name){xstrdup(image->names[i]), from};
	}
	for (size_t i = 0; i < image->document_count; i++) {
		const struct named_document *d = &image->documents[i];
		if (name_set_document(c->store, d->name, &image->id, &d->digest, err) < 0)
			return -1;
	}
	for (size_t i = 0; image->digests && image->digests[i]; i++)
		if (insert_digest(c, image, image->digests[i], err) < 0)
			return -1;
	return 0;
}

static int insert_all(struct commit *c, const struct new_image *images, size_t n, struct err **err)
{
	if (db_begin(c->store->db, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (insert_image(c, &images[i], err) < 0 || insert_names(c, &images[i], err) < 0) {
			db_rollback(c->store->db);
			return -1;
		}
	}
	c->named = true;
	return db_commit(c->store->db, err);
}

static int place_all(struct commit *c, const struct new_image *images, size_t n, struct err **err)
{
	for (size_t i = 0; i < n; i++)
		if (place_image(c, &images[i], err) < 0)
			return -1;
	if ((c->layers && (fsync(c->store->layers) < 0 || fsync(c->store->recipes) < 0)) ||
		(c->blobs && fsync(c->store->content) < 0))
		return err_sys(err, errno, "sync folders of the store");
	return 0;
}

static void take_back(struct commit *c)
{
	for (size_t i = 0; c->layers && c->layers[i]; i++) {
		staging_trash(c->store, c->store->layers, c->layers[i], NULL);
		staging_trash(c->store, c->store->recipes, c->layers[i], NULL);
	}
	for (size_t i = 0; c->blobs && c->blobs[i]; i++)
		unlinkat(c->store->content, c->blobs[i], 0);
}

int commit_images(struct store *s, int staging, struct new_image *images, size_t n,
	struct moved_names *moved, struct err **err)
{
	struct commit c = {.store = s, .staging = staging, .moved = moved, .now = time_now()};
	pthread_mutex_lock(&s->lock);
	int r = place_all(&c, images, n, err);
	if (r == 0)
		r = insert_all(&c, images, n, err);
	/* A COMMIT that failed to be synced may still be found after a crash, and then its files have to be there. Without
	 * their rows they are replaced by the next commit, or removed by the next start. */
	if (r < 0 && !c.named)
		take_back(&c);
	pthread_mutex_unlock(&s->lock);
	strv_free(c.layers);
	strv_free(c.blobs);
	return r;
}
