/* Listing images, and the filters of `docker images`. */
#include "store_private.h"

#include "base/mem.h"
#include "base/str.h"

void store_image_list_free(struct store_image_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		store_image_free(list->v[i]);
	free(list->v);
	*list = (struct store_image_list){0};
}

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

static bool has_label(const struct store_image *image, const char *wanted)
{
	const char *eq = strchr(wanted, '=');
	auto_free char *key = eq ? xstrndup(wanted, (size_t)(eq - wanted)) : xstrdup(wanted);
	const char *value = oci_pairs_get(&image->config->config.labels, key);
	return value && (!eq || str_eq(value, eq + 1));
}

static bool labels_match(const struct store_image *image, const struct store_image_filter *f)
{
	for (size_t i = 0; f->label && f->label[i]; i++)
		if (!has_label(image, f->label[i]))
			return false;
	for (size_t i = 0; f->label_not && f->label_not[i]; i++)
		if (has_label(image, f->label_not[i]))
			return false;
	return true;
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
static int matches(struct store_image *image, const struct store_image_filter *f,
	const struct bounds *b, struct err **err)
{
	int64_t created = image->config->created;
	if ((b->has_before && created >= b->before) || (b->has_since && created <= b->since) ||
		(f->until && created >= f->until) || !labels_match(image, f))
		return 0;
	if (f->reference && (keep_matching(&image->repo_tags, f->reference, err) < 0 ||
				    keep_matching(&image->repo_digests, f->reference, err) < 0))
		return -1;
	if (!image->repo_tags && !image->repo_digests)
		return !f->reference && (!f->has_dangling || f->dangling);
	return !(f->has_dangling && f->dangling && image->repo_tags);
}

static int all_ids(struct store *s, struct digest **out, size_t *count, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, "SELECT id FROM images ORDER BY created DESC, id", err);
	if (!q)
		return -1;
	int r;
	size_t room = 0;
	while ((r = db_step(q, err)) == 1) {
		if (*count == room) {
			room = room ? 2 * room : 16;
			*out = xreallocarray(*out, room, sizeof(**out));
		}
		if (digest_parse(db_col_str(q, 0), &(*out)[(*count)++], err) < 0)
			return -1;
	}
	return r;
}

static int add_if_listed(struct store *s, const struct digest *id,
	const struct store_image_filter *f, const struct bounds *b, struct store_image_list *out,
	struct err **err)
{
	auto_err *bad = NULL;
	auto_store_image *image = image_read(s, id, id->str, &bad);
	if (!image) /* removed meanwhile */
		return bad->kind == ERR_NOT_FOUND ? 0 : err_move(err, &bad);
	int r = matches(image, f, b, err);
	if (r <= 0)
		return r;
	out->v[out->count++] = steal_ptr(image);
	return 0;
}

int store_image_list(struct store *s, const struct store_image_filter *filter,
	struct store_image_list *out, struct err **err)
{
	static const struct store_image_filter none;
	const struct store_image_filter *f = filter ? filter : &none;
	struct bounds b = {0};
	auto_free struct digest *ids = NULL;
	size_t n = 0;
	*out = (struct store_image_list){0};
	if (find_bounds(s, f, &b, err) < 0 || all_ids(s, &ids, &n, err) < 0)
		return -1;
	out->v = xcalloc(n + 1, sizeof(*out->v));
	for (size_t i = 0; i < n; i++) {
		if (add_if_listed(s, &ids[i], f, &b, out, err) < 0) {
			store_image_list_free(out);
			return -1;
		}
	}
	return 0;
}
