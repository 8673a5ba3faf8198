/* Finding and reading images. */
#include "store_private.h"

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

void store_image_free(struct store_image *image)
{
	if (!image)
		return;
	strv_free(image->repo_tags);
	strv_free(image->repo_digests);
	free(image->parent);
	oci_image_free(image->config);
	free(image->chain_ids);
	free(image);
}

int store_image_config_json(
	struct store *s, const struct digest *id, struct buf *out, struct err **err)
{
	return file_read(s->content, digest_hex(id), OCI_DOCUMENT_MAX, out, err);
}

static int no_such_image(const char *ref, struct err **err)
{
	return err_set(err, ERR_NOT_FOUND, "No such image: %s", ref);
}

void names_familiar(char **names)
{
	for (size_t i = 0; names && names[i]; i++) {
		auto_reference ref = {0};
		if (reference_parse(names[i], &ref, NULL) < 0)
			continue;
		free(names[i]);
		names[i] = reference_familiar_string(&ref);
	}
}

static int read_row(struct store *s, struct store_image *image, const char *ref, struct err **err)
{
	auto_db_stmt *q =
		db_query(s->db, "SELECT size, last_tagged, parent FROM images WHERE id = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, image->id.str);
	int r = db_step(q, err);
	if (r == 0)
		return no_such_image(ref, err);
	if (r < 0)
		return -1;
	image->size = db_col_i64(q, 0);
	image->last_tagged = db_col_i64(q, 1);
	str_replace(&image->parent, db_col_str(q, 2));
	return names_of(s, &image->id, &image->repo_tags, &image->repo_digests, err);
}

struct store_image *image_read(
	struct store *s, const struct digest *id, const char *ref, struct err **err)
{
	auto_store_image *image = xcalloc(1, sizeof(*image));
	auto_buf json = BUF_INIT;
	image->id = *id;
	image->parent = xstrdup("");
	if (read_row(s, image, ref, err) < 0)
		return NULL;
	if (store_image_config_json(s, id, &json, err) < 0) {
		/* removed since the row was read */
		if (err && (*err)->sys == ENOENT)
			no_such_image(ref, err);
		return NULL;
	}
	if (oci_image_parse(&image->config, json.data, json.len, err) < 0) {
		err_wrap(err, "image %s", id->str);
		return NULL;
	}
	names_familiar(image->repo_tags);
	names_familiar(image->repo_digests);
	image->chain_ids = layer_chains(image->config->diff_ids, image->config->diff_id_count);
	return steal_ptr(image);
}

/* 1: *id is set; 0: nothing found; -1. */
static int find_one(
	struct store *s, const char *sql, const char *key, struct digest *id, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, sql, err);
	if (!q)
		return -1;
	db_bind_str(q, 1, key);
	int r = db_step(q, err);
	if (r == 1 && digest_parse(db_col_str(q, 0), id, err) < 0)
		return -1;
	return r;
}

static int find_prefix(struct store *s, const char *text, struct digest *id, struct err **err)
{
	const char *hex = str_after(text, "sha256:");
	hex = hex ? hex : text;
	if (!str_all_of(hex, "0123456789abcdef", 1, DIGEST_HEX_LEN))
		return 0;
	auto_db_stmt *q = db_query(
		s->db, "SELECT id FROM images WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", err);
	if (!q)
		return -1;
	auto_free char *from = xasprintf("sha256:%s", hex);
	auto_free char *to = xasprintf("sha256:%sg", hex);
	db_bind_str(q, 1, from);
	db_bind_str(q, 2, to);
	int r = db_step(q, err);
	if (r != 1)
		return r;
	if (digest_parse(db_col_str(q, 0), id, err) < 0)
		return -1;
	r = db_step(q, err);
	if (r == 1)
		return err_set(
			err, ERR_INVALID, "multiple IDs found with provided prefix: %s", text);
	return r < 0 ? -1 : 1;
}

static int find_digested(struct store *s, const struct reference *ref, struct digest *id,
	struct digest *document, struct err **err)
{
	auto_free char *base = reference_name(ref);
	auto_free char *name = xasprintf("%s@%s", base, ref->digest.str);
	*document = ref->digest;
	return find_one(s, "SELECT image FROM repo_digests WHERE name = ?", name, id, err);
}

static int find_tagged(struct store *s, const struct reference *ref, struct digest *id,
	struct digest *document, struct err **err)
{
	auto_free char *name = reference_string(ref);
	auto_db_stmt *q = db_query(s->db, "SELECT image, document FROM tags WHERE name = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, name);
	int r = db_step(q, err);
	if (r != 1)
		return r;
	if (digest_parse(db_col_str(q, 0), id, err) < 0 ||
		(*db_col_str(q, 1) && digest_parse(db_col_str(q, 1), document, err) < 0))
		return -1;
	return 1;
}

int image_resolve(struct store *s, const char *text, struct digest *id, struct digest *document,
	struct err **err)
{
	auto_reference ref = {0};
	enum reference_kind kind;
	struct digest unused = {0};
	document = document ? document : &unused;
	*document = (struct digest){0};
	if (reference_parse_any(text, &ref, &kind, err) < 0)
		return -1;
	if (kind == REFERENCE_ID) {
		int r = find_one(s, "SELECT id FROM images WHERE id = ?", ref.digest.str, id, err);
		return r == 0 ? no_such_image(ref.digest.str, err) : r < 0 ? -1 : 0;
	}
	reference_default_tag(&ref);
	/* with tag and digest the digest decides, as for Docker */
	int r = ref.has_digest ? find_digested(s, &ref, id, document, err)
			       : find_tagged(s, &ref, id, document, err);
	if (r == 0) {
		*document = (struct digest){0};
		r = find_prefix(s, text, id, err);
	}
	if (r == 0) {
		auto_free char *familiar = reference_familiar_string(&ref);
		return no_such_image(familiar, err);
	}
	return r < 0 ? -1 : 0;
}

struct store_image *store_image_find(struct store *s, const char *ref, struct err **err)
{
	struct digest id, document;
	if (image_resolve(s, ref, &id, &document, err) < 0)
		return NULL;
	struct store_image *image = image_read(s, &id, ref, err);
	if (image)
		image->document = document;
	return image;
}

int64_t store_image_count(struct store *s)
{
	auto_db_stmt *q = db_query(s->db, "SELECT COUNT(*) FROM images", NULL);
	return q && db_step(q, NULL) == 1 ? db_col_i64(q, 0) : 0;
}
