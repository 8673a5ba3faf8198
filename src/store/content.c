/* Blobs: documents and compressed layers by digest. */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

int blob_find(struct store *s, const struct digest *digest, int64_t *size, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, "SELECT size FROM blobs WHERE digest = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, digest->str);
	int r = db_step(q, err);
	if (r == 1)
		*size = db_col_i64(q, 0);
	return r;
}

void store_blob_list_free(struct store_blob_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->v[i].media_type);
		free(list->v[i].platform);
	}
	free(list->v);
	*list = (struct store_blob_list){0};
}

/* Columns: digest, role, size, media type, platform, size in content/ or NULL. */
static int read_list(struct db_stmt *q, struct store_blob_list *out, struct err **err)
{
	int r;
	while ((r = db_step(q, err)) == 1) {
		out->v = xreallocarray(out->v, out->count + 1, sizeof(*out->v));
		struct store_blob *b = &out->v[out->count];
		if (digest_parse(db_col_str(q, 0), &b->digest, err) < 0)
			return -1;
		out->count++;
		b->present = !db_col_null(q, 5);
		*b = (struct store_blob){
			.digest = b->digest,
			.role = (enum store_role)db_col_i64(q, 1),
			.present = b->present,
			.size = b->present ? db_col_i64(q, 5) : db_col_i64(q, 2),
			.media_type = xstrdup(db_col_str(q, 3)),
			.platform = xstrdup(db_col_str(q, 4)),
		};
	}
	return r;
}

int store_image_blobs(
	struct store *s, const struct digest *image, struct store_blob_list *out, struct err **err)
{
	*out = (struct store_blob_list){0};
	auto_db_stmt *q = db_query(s->db,
		"SELECT i.digest, i.role, i.size, i.media_type, i.platform, b.size"
		" FROM image_blobs AS i LEFT JOIN blobs AS b USING(digest) WHERE i.image = ?"
		" ORDER BY CASE i.role WHEN 0 THEN 0 WHEN 3 THEN 2 ELSE 1 END,"
		" i.added DESC, i.role DESC, i.digest",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, image->str);
	int r = read_list(q, out, err);
	if (r == 0 && out->count == 0)
		r = err_set(err, ERR_NOT_FOUND, "No such image: %s", image->str);
	if (r < 0)
		store_blob_list_free(out);
	return r;
}

int store_layer_blobs(struct store *s, const struct digest *diff_id, struct store_blob_list *out,
	struct err **err)
{
	*out = (struct store_blob_list){0};
	auto_db_stmt *q = db_query(s->db,
		"SELECT b.digest, 3, b.size, b.media_type, '', b.size FROM layers"
		" JOIN layer_blobs ON layer = layers.id JOIN blobs AS b USING(digest)"
		" WHERE diff_id = ? ORDER BY b.digest",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, diff_id->str);
	int r = read_list(q, out, err);
	if (r < 0)
		store_blob_list_free(out);
	return r;
}

int store_blob_layer(
	struct store *s, const struct digest *blob, struct digest *diff_id, struct err **err)
{
	auto_db_stmt *q = db_query(s->db,
		"SELECT diff_id FROM layers JOIN layer_blobs ON layer = layers.id"
		" WHERE digest = ?1 UNION SELECT diff_id FROM layers WHERE diff_id = ?1",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, blob->str);
	int r = db_step(q, err);
	if (r == 1 && digest_parse(db_col_str(q, 0), diff_id, err) < 0)
		return -1;
	return r;
}

int store_blob_open(struct store *s, const struct digest *digest, int64_t *size, struct err **err)
{
	struct stat st;
	auto_fd int fd = openat(s->content, digest_hex(digest), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "No such blob: %s", digest->str);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open blob %s", digest->str);
	if (size)
		*size = st.st_size;
	return steal_fd(&fd);
}

int store_blob_read(struct store *s, const struct digest *digest, struct buf *out, struct err **err)
{
	struct digest actual;
	size_t before = out->len;
	auto_fd int fd = store_blob_open(s, digest, NULL, err);
	if (fd < 0 || fd_read_all(fd, OCI_DOCUMENT_MAX, out, digest->str, err) < 0)
		return -1;
	digest_of(out->data + before, out->len - before, &actual);
	if (str_eq(actual.str, digest->str))
		return 0;
	out->len = before;
	return err_set(err, ERR_SYSTEM, "blob %s is damaged on disk: its digest is %s", digest->str,
		actual.str);
}

int64_t store_content_size(struct store *s, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, "SELECT SUM(size) FROM blobs", err);
	return q && db_step(q, err) == 1 ? db_col_i64(q, 0) : -1;
}

/* ---- adding ---- */

static int check_digest(const struct digest *digest, const void *p, size_t n, struct err **err)
{
	struct digest actual;
	digest_of(p, n, &actual);
	if (str_eq(actual.str, digest->str))
		return 0;
	return err_set(
		err, ERR_INVALID, "a document should be %s and is %s", digest->str, actual.str);
}

/* A file of its own on disk, below staging/. */
static int stage_file(
	struct store *s, char name[STAGING_NAME], const void *p, size_t n, struct err **err)
{
	random_hex(name, 16);
	auto_fd int fd = openat(s->staging, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, p, n) < 0 || fdatasync(fd) < 0) {
		err_sys(err, errno, "write a document");
		unlinkat(s->staging, name, 0);
		return -1;
	}
	return 0;
}

static int place_file(struct store *s, const char *staged, const struct digest *digest,
	const char *media_type, size_t n, struct err **err)
{
	int64_t size;
	int r = blob_find(s, digest, &size, err);
	if (r != 0)
		return r < 0 ? -1 : 0; /* somebody else was faster */
	if (renameat(s->staging, staged, s->content, digest_hex(digest)) < 0 ||
		fsync(s->content) < 0)
		return err_sys(err, errno, "put blob %s in place", digest->str);
	return db_exec(s->db, err, "INSERT INTO blobs(digest, size, media_type) VALUES(?, ?, ?)",
		       "sis", digest->str, (int64_t)n, media_type) < 0
		       ? -1
		       : 0;
}

int store_blob_add(struct store_lease *lease, const struct digest *digest, const char *media_type,
	const void *p, size_t n, struct err **err)
{
	struct store *s = lease_store(lease);
	char name[STAGING_NAME];
	if (n > OCI_DOCUMENT_MAX)
		return err_set(err, ERR_TOO_LARGE, "a document of %zu bytes is too large", n);
	if (check_digest(digest, p, n, err) < 0)
		return -1;
	if (store_lease_blob(lease, digest))
		return 0;
	if (stage_file(s, name, p, n, err) < 0)
		return -1;
	lease_expect(lease, PIN_BLOB, digest);
	pthread_mutex_lock(&s->lock);
	int r = place_file(s, name, digest, media_type ? media_type : "", n, err);
	pthread_mutex_unlock(&s->lock);
	unlinkat(s->staging, name, 0); /* if it is still there */
	return r;
}

int image_blob_insert(struct store *s, const struct digest *image, const struct store_blob *b,
	int64_t added, struct err **err)
{
	return db_exec(s->db, err,
		       "INSERT INTO image_blobs(image, digest, role, size, media_type, platform, "
		       "added)"
		       " VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT(image, digest) DO NOTHING",
		       "ssiissi", image->str, b->digest.str, (int64_t)b->role, b->size,
		       b->media_type ? b->media_type : "", b->platform ? b->platform : "",
		       added) < 0
		       ? -1
		       : 0;
}

int store_image_blob_add(struct store *s, const struct digest *image, enum store_role role,
	const struct digest *digest, const char *media_type, const char *platform, struct err **err)
{
	struct store_blob b = {
		.digest = *digest,
		.role = role,
		.size = -1,
		.media_type = (char *)media_type,
		.platform = (char *)platform,
	};
	if (db_begin(s->db, err) < 0)
		return -1;
	int r = blob_find(s, digest, &b.size, err);
	if (r == 0 && role != STORE_ROLE_LAYER)
		r = err_set(err, ERR_NOT_FOUND, "No such blob: %s", digest->str);
	if (r >= 0)
		r = image_blob_insert(s, image, &b, time_now(), err);
	if (r == 0)
		return db_commit(s->db, err);
	db_rollback(s->db);
	return -1;
}

int store_image_digest_add(struct store *s, const struct digest *image, const char *repo,
	const struct digest *digest, struct err **err)
{
	auto_free char *name = xasprintf("%s@%s", repo, digest->str);
	return db_exec(s->db, err,
		       "INSERT INTO repo_digests(name, image) VALUES(?, ?)"
		       " ON CONFLICT(name) DO NOTHING",
		       "ss", name, image->str) < 0
		       ? -1
		       : 0;
}

int store_image_document_add(struct store *s, const struct digest *image, const char *name,
	const struct digest *digest, struct err **err)
{
	return db_exec(s->db, err,
		       "UPDATE tags SET document = ? WHERE name = ? AND image = ? AND document = "
		       "''",
		       "sss", digest->str, name, image->str) < 0
		       ? -1
		       : 0;
}
