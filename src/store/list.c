/*
 * Listing images, and the filters of `docker images`.
 *
 * One pass over the images, one over each kind of name and one over the layers if sizes are asked for, all
 * while the database's lock is held, so that the answer is of one moment. What a list shows is in the
 * tables: opening and parsing 2,000 configurations would take a hundred times as long.
 */
#include "store_private.h"

#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/str.h"

static void summary_clear(struct store_image_summary *i)
{
	strv_free(i->repo_tags);
	strv_free(i->repo_digests);
	free(i->parent);
	free(i->labels);
}

void store_image_list_free(struct store_image_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		summary_clear(&list->v[i]);
	free(list->v);
	*list = (struct store_image_list){0};
}

/* ---- reading ---- */

/* An image while it is being read. */
struct row {
	struct store_image_summary image;
	bool has_children;
	bool labels_unread; /* an image from before the table had labels */
};

struct reading {
	struct store *store;
	struct row *v; /* newest first */
	struct row **by_id;
	size_t count;
};

static void reading_free(struct reading *r)
{
	for (size_t i = 0; i < r->count; i++)
		summary_clear(&r->v[i].image);
	free(r->v);
	free(r->by_id);
}

static int by_id(const void *a, const void *b)
{
	return strcmp(
		(*(struct row *const *)a)->image.id.str, (*(struct row *const *)b)->image.id.str);
}

static struct row *find_row(const struct reading *r, const char *id)
{
	size_t low = 0, high = r->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(id, r->by_id[mid]->image.id.str);
		if (order == 0)
			return r->by_id[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static int read_row(struct db_stmt *q, struct row *row, struct err **err)
{
	struct store_image_summary *i = &row->image;
	if (digest_parse(db_col_str(q, 0), &i->id, err) < 0)
		return -1;
	i->created = db_col_i64(q, 1);
	i->size = db_col_i64(q, 2);
	i->last_tagged = db_col_i64(q, 3);
	i->parent = xstrdup(db_col_str(q, 4));
	row->labels_unread = db_col_null(q, 5);
	if (!row->labels_unread && !str_eq(db_col_str(q, 5), "{}"))
		i->labels = xstrdup(db_col_str(q, 5));
	row->has_children = db_col_i64(q, 6);
	i->shared_size = i->containers = -1;
	return 0;
}

static int read_rows(struct reading *r, struct db_stmt *q, struct err **err)
{
	size_t room = 0;
	int s;
	while ((s = db_step(q, err)) == 1) {
		if (r->count == room) {
			room = room ? 2 * room : 64;
			r->v = xreallocarray(r->v, room, sizeof(*r->v));
		}
		struct row *row = &r->v[r->count++];
		*row = (struct row){0};
		if (read_row(q, row, err) < 0)
			return -1;
	}
	r->by_id = xcalloc(r->count + 1, sizeof(*r->by_id));
	for (size_t i = 0; i < r->count; i++)
		r->by_id[i] = &r->v[i];
	qsort(r->by_id, r->count, sizeof(*r->by_id), by_id);
	return s;
}

/* Both kinds of names come sorted. */
static int read_names(struct reading *r, const char *sql, bool digests, struct err **err)
{
	auto_db_stmt *q = db_query(r->store->db, sql, err);
	if (!q)
		return -1;
	int s;
	while ((s = db_step(q, err)) == 1) {
		struct row *row = find_row(r, db_col_str(q, 0));
		if (row)
			strv_add(digests ? &row->image.repo_digests : &row->image.repo_tags,
				db_col_str(q, 1));
	}
	return s;
}

/* What each image has alone: layers that no other image has, each once. */
static int read_sizes(struct reading *r, struct err **err)
{
	auto_db_stmt *q = db_query(r->store->db,
		"SELECT image, SUM(size) FROM (SELECT layer, MIN(image) AS image FROM image_layers"
		" GROUP BY layer HAVING MIN(image) = MAX(image)) JOIN layers ON layers.id = layer"
		" GROUP BY image",
		err);
	if (!q)
		return -1;
	for (size_t i = 0; i < r->count; i++)
		r->v[i].image.shared_size = r->v[i].image.size;
	int s;
	while ((s = db_step(q, err)) == 1) {
		struct row *row = find_row(r, db_col_str(q, 0));
		if (row)
			row->image.shared_size -= db_col_i64(q, 1);
	}
	return s;
}

static int read_all(struct reading *r, bool sizes, struct err **err)
{
	/* the outer statement holds the lock until all is read */
	auto_db_stmt *q = db_query(r->store->db,
		"SELECT id, created, size, last_tagged, parent, labels,"
		" EXISTS(SELECT 1 FROM images AS child WHERE child.parent = images.id)"
		" FROM images ORDER BY created DESC, id",
		err);
	if (!q || read_rows(r, q, err) < 0)
		return -1;
	if (read_names(r, "SELECT image, name FROM tags ORDER BY name", false, err) < 0 ||
		read_names(r, "SELECT image, name FROM repo_digests ORDER BY name", true, err) < 0)
		return -1;
	return sizes ? read_sizes(r, err) : 0;
}

/* ---- labels ---- */

char *labels_text(const struct oci_pairs *labels)
{
	struct buf out = BUF_INIT;
	struct jsonw w = jsonw_to(&out);
	jw_object(&w, NULL);
	for (size_t i = 0; i < labels->count; i++)
		jw_str(&w, labels->v[i].key, labels->v[i].value);
	jw_end_object(&w);
	return buf_steal(&out);
}

/* Completes the row of an image that is older than the column. */
static int read_labels(struct store *s, struct row *row, struct err **err)
{
	auto_store_image *image = image_read(s, &row->image.id, row->image.id.str, NULL);
	/* damaged, or removed since: no reason to show none of the others */
	if (!image)
		return 0;
	auto_free char *text = labels_text(&image->config->config.labels);
	row->labels_unread = false;
	if (db_exec(s->db, err, "UPDATE images SET labels = ? WHERE id = ?", "ss", text,
		    row->image.id.str) < 0)
		return -1;
	if (!str_eq(text, "{}"))
		row->image.labels = steal_ptr(text);
	return 0;
}

static bool has_label(const json_t *labels, const char *wanted)
{
	const char *eq = strchr(wanted, '=');
	auto_free char *key = eq ? xstrndup(wanted, (size_t)(eq - wanted)) : xstrdup(wanted);
	const char *value = json_string_value(json_object_get(labels, key));
	return value && (!eq || str_eq(value, eq + 1));
}

static bool labels_match(const struct store_image_summary *i, const struct store_image_filter *f)
{
	if (!f->label && !f->label_not)
		return true;
	const char *text = i->labels ? i->labels : "{}";
	auto_json *labels = json_parse(text, strlen(text), "labels", NULL);
	for (size_t k = 0; f->label && f->label[k]; k++)
		if (!has_label(labels, f->label[k]))
			return false;
	for (size_t k = 0; f->label_not && f->label_not[k]; k++)
		if (has_label(labels, f->label_not[k]))
			return false;
	return true;
}

/* ---- the other filters ---- */

/* before= and since= as times. */
struct bounds {
	bool has_before, has_since;
	int64_t before, since;
};

static int created_of(struct store *s, const char *ref, int64_t *out, struct err **err)
{
	auto_store_image *image = store_image_find(s, ref, err);
	if (!image)
		return -1;
	*out = image->config->created;
	return 0;
}

static int find_bounds(
	struct store *s, const struct store_image_filter *f, struct bounds *b, struct err **err)
{
	int64_t t;
	for (size_t i = 0; f->before && f->before[i]; i++) {
		if (created_of(s, f->before[i], &t, err) < 0)
			return -1;
		if (!b->has_before || t > b->before) /* any of several */
			b->before = t;
		b->has_before = true;
	}
	for (size_t i = 0; f->since && f->since[i]; i++) {
		if (created_of(s, f->since[i], &t, err) < 0)
			return -1;
		if (!b->has_since || t < b->since)
			b->since = t;
		b->has_since = true;
	}
	return 0;
}

/* Keeps the names that fit one of the patterns. */
static int keep_matching(char ***names, char *const *patterns, struct err **err)
{
	char **kept = NULL;
	for (size_t i = 0; *names && (*names)[i]; i++) {
		auto_reference ref = {0};
		int match = 0;
		if (reference_parse((*names)[i], &ref, err) < 0)
			match = -1;
		for (size_t k = 0; match == 0 && patterns[k]; k++)
			match = reference_match(patterns[k], &ref, err);
		if (match < 0) {
			strv_free(kept);
			return -1;
		}
		if (match)
			strv_add(&kept, (*names)[i]);
	}
	strv_free(*names);
	*names = kept;
	return 0;
}

/* 1: listed, 0: not. */
static int matches(struct row *row, const struct store_image_filter *f, const struct bounds *b,
	struct err **err)
{
	struct store_image_summary *i = &row->image;
	if ((b->has_before && i->created >= b->before) ||
		(b->has_since && i->created <= b->since) || (f->until && i->created >= f->until) ||
		!labels_match(i, f))
		return 0;
	bool dangling = !i->repo_tags && !i->repo_digests;
	if (dangling && row->has_children && !f->all)
		return 0;
	if (f->reference && (keep_matching(&i->repo_tags, f->reference, err) < 0 ||
				    keep_matching(&i->repo_digests, f->reference, err) < 0))
		return -1;
	if (!i->repo_tags && !i->repo_digests)
		return !f->reference && (!f->has_dangling || f->dangling);
	return !(f->has_dangling && f->dangling && i->repo_tags);
}

int store_image_list(struct store *s, const struct store_image_filter *filter,
	struct store_image_list *out, struct err **err)
{
	static const struct store_image_filter none;
	const struct store_image_filter *f = filter ? filter : &none;
	struct reading r = {.store = s};
	struct bounds b = {0};
	*out = (struct store_image_list){0};
	int ok = find_bounds(s, f, &b, err);
	if (ok == 0)
		ok = read_all(&r, f->sizes, err);
	out->v = xcalloc(r.count + 1, sizeof(*out->v));
	for (size_t i = 0; ok == 0 && i < r.count; i++) {
		struct row *row = &r.v[i];
		if (row->labels_unread)
			ok = read_labels(s, row, err);
		int listed = ok == 0 ? matches(row, f, &b, err) : -1;
		if (listed < 0)
			ok = -1;
		if (listed <= 0)
			continue;
		names_familiar(row->image.repo_tags);
		names_familiar(row->image.repo_digests);
		out->v[out->count++] = row->image;
		row->image = (struct store_image_summary){0};
	}
	reading_free(&r);
	if (ok < 0)
		store_image_list_free(out);
	return ok;
}
