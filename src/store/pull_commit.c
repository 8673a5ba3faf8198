/* Making a pulled image visible. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "pull_private.h"

/** Where the documents lie until they are renamed. */
struct documents {
	char folder[STAGING_NAME];
	int dir;
	int *held; /* downloads that nobody may write to meanwhile */
	size_t held_count;
};

static int add_document(struct store_pull *p, struct new_image *image, struct documents *docs,
	enum store_role role, const struct digest *digest, const struct buf *text, const char *type,
	const char *platform, struct err **err)
{
	struct new_blob *b = new_image_blob(image);
	b->digest = *digest;
	b->role = role;
	b->size = (int64_t)text->len;
	b->media_type = xstrdup_null(type);
	b->platform = xstrdup_null(platform);
	if (store_lease_blob(p->lease, digest))
		return 0;
	lease_expect(p->lease, PIN_BLOB, digest);
	p->fresh = true;
	snprintf(b->file, sizeof(b->file), "%s", digest_hex(digest));
	b->dir = docs->dir;
	auto_fd int fd = openat(docs->dir, b->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, text->data, text->len) < 0)
		return err_sys(err, errno, "write a document");
	return 0;
}

static int add_documents(
	struct store_pull *p, struct new_image *image, struct documents *docs, struct err **err)
{
	const struct pull_docs *d = &p->docs;
	for (size_t i = 0; i < d->index_count; i++) {
		const struct pull_index *x = &d->indexes[i];
		if (add_document(p, image, docs, STORE_ROLE_INDEX, &x->digest, &x->text,
			    x->media_type, NULL, err) < 0)
			return -1;
	}
	if (add_document(p, image, docs, STORE_ROLE_MANIFEST, &d->manifest_digest, &d->manifest,
		    d->manifest_type, d->platform, err) < 0)
		return -1;
	return add_document(p, image, docs, STORE_ROLE_CONFIG, &d->config_digest, &d->config,
		d->m->config.media_type, NULL, err);
}

static int settle(
	struct store_pull *p, struct documents *docs, const struct digest *blob, struct err **err)
{
	int fd = ingest_settle(p->store, blob, err);
	if (fd == -1)
		return -1;
	if (fd >= 0)
		docs->held[docs->held_count++] = fd;
	return 0;
}

static int add_layers(
	struct store_pull *p, struct new_image *image, struct documents *docs, struct err **err)
{
	docs->held = xcalloc(p->count + 1, sizeof(*docs->held));
	image->layers = xcalloc(p->count + 1, sizeof(*image->layers));
	for (size_t i = 0; i < p->count; i++) {
		const struct pull_layer *l = &p->layers[i];
		struct new_blob *b = new_image_blob(image);
		image->layers[i] = l->staged;
		image->layers[i].diff_id = l->pub.diff_id;
		b->digest = l->pub.blob;
		b->role = STORE_ROLE_LAYER;
		b->size = l->pub.size;
		b->media_type = xstrdup(l->pub.media_type);
		b->diff_id = l->pub.diff_id;
		b->compression = l->compression;
		/* plain tars are not kept: they can be put together again */
		if (l->pub.state == STORE_PULL_DONE && *l->compression &&
			p->layers[l->same_as].ingest) {
			b->dir = p->store->ingest;
			strcpy(b->file, digest_hex(&l->pub.blob));
			if (settle(p, docs, &l->pub.blob, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* The image that @ref names so far; "" if none. */
static int named_now(struct store_pull *p, const char *sql, const char *name, struct digest *out,
	struct err **err)
{
	auto_db_stmt *q = db_query(p->store->db, sql, err);
	*out = (struct digest){0};
	if (!q)
		return -1;
	db_bind_str(q, 1, name);
	int r = db_step(q, err);
	return r == 1 ? digest_parse(db_col_str(q, 0), out, err) : r;
}

static int add_names(struct store_pull *p, struct new_image *image, const struct reference *given,
	struct store_pull_result *out, struct err **err)
{
	auto_reference ref = {0};
	struct digest now;
	if (!given)
		return 0;
	reference_copy_name(&ref, given);
	auto_free char *repo = reference_name(&ref);
	if (given->has_digest) {
		auto_free char *name = xasprintf("%s@%s", repo, given->digest.str);
		if (named_now(p, "SELECT image FROM repo_digests WHERE name = ?", name, &now, err) <
			0)
			return -1;
		strv_add(&image->digests, name);
		image->move_digests = true;
	} else {
		ref.tag = xstrdup(str_empty(given->tag) ? "latest" : given->tag);
		auto_free char *name = reference_string(&ref);
		if (named_now(p, "SELECT image FROM tags WHERE name = ?", name, &now, err) < 0)
			return -1;
		if (!str_eq(now.str, image->id.str))
			strv_add(&image->names, name);
		new_image_document(image, name, store_pull_digest(p));
		strv_take(&image->digests, xasprintf("%s@%s", repo, store_pull_digest(p)->str));
	}
	out->updated = !str_eq(now.str, image->id.str);
	return 0;
}

static int make_image(struct store_pull *p, struct new_image *image, struct documents *docs,
	const struct reference *ref, struct store_pull_result *out, struct err **err)
{
	image->id = p->docs.config_digest;
	buf_add(&image->json, p->docs.config.data, p->docs.config.len);
	image->config_type = xstrdup_null(p->docs.m->config.media_type);
	if (oci_image_parse(&image->config, image->json.data, image->json.len, err) < 0)
		return -1;
	docs->dir = staging_make(p->store, docs->folder, err);
	if (docs->dir < 0 || add_documents(p, image, docs, err) < 0)
		return -1;
	if (add_layers(p, image, docs, err) < 0)
		return -1;
	return add_names(p, image, ref, out, err);
}

static int commit(struct store_pull *p, struct new_image *image, struct documents *docs,
	const struct reference *ref, struct store_pull_result *out, struct err **err)
{
	struct moved_names moved = {0};
	if (make_image(p, image, docs, ref, out, err) < 0)
		return -1;
	/* everything of this pull, in one go, before any of it gets its name */
	if (p->fresh && syncfs(p->disk) < 0)
		return err_sys(err, errno, "sync the pulled image");
	int r = commit_images(p->store, p->store->staging, image, 1, &moved, err);
	if (r == 0)
		out->image = image->id;
	if (r == 0 && moved.count)
		out->moved_from = moved.v[0].from;
	moved_names_free(&moved);
	return r;
}

int store_pull_commit(struct store_pull *p, const struct reference *ref,
	struct store_pull_result *out, struct err **err)
{
	struct new_image image = {0};
	struct documents docs = {.dir = -1};
	*out = (struct store_pull_result){0};
	if (!p->ready)
		return err_set(err, ERR_CONFLICT, "the pull is not complete");
	int r = commit(p, &image, &docs, ref, out, err);
	new_image_free(&image);
	fd_close(docs.dir);
	for (size_t i = 0; i < docs.held_count; i++)
		close(docs.held[i]);
	free(docs.held);
	staging_remove(p->store, docs.folder);
	for (size_t i = 0; r == 0 && i < p->count; i++)
		if (p->layers[i].ingest)
			ingest_forget_file(p->store, &p->layers[i].pub.blob);
	return r;
}
