#include "store_private.h"

#include "base/mem.h"
#include "base/str.h"

void store_history_free(struct store_history *rows, size_t count)
{
	for (size_t i = 0; rows && i < count; i++)
		strv_free(rows[i].tags);
	free(rows);
}

/* The newest row is the image itself, the next one its parent, as far as those are here. */
static void name_rows(struct store *s, const struct store_image *image, struct store_history *rows)
{
	size_t n = image->config->history_count;
	auto_free char *parent = xstrdup(image->parent);
	if (n == 0)
		return;
	rows[0].id = image->id;
	rows[0].tags = strv_copy(image->repo_tags);
	for (size_t i = 1; i < n && *parent; i++) {
		struct digest id;
		auto_store_image *next = NULL;
		if (digest_parse(parent, &id, NULL) == 0)
			next = image_read(s, &id, parent, NULL);
		if (!next)
			return;
		rows[i].id = id;
		rows[i].tags = strv_copy(next->repo_tags);
		str_replace(&parent, next->parent);
	}
}

int store_image_history(struct store *s, const struct store_image *image,
	struct store_history **out, size_t *count, struct err **err)
{
	const struct oci_image *c = image->config;
	auto_free struct store_history *rows = xcalloc(c->history_count + 1, sizeof(*rows));
	size_t layer = 0;
	for (size_t i = 0; i < c->history_count; i++) {
		const struct oci_history *h = &c->history[i];
		struct store_history *row = &rows[c->history_count - 1 - i];
		*row = (struct store_history){
			.created = h->created,
			.created_by = h->created_by ? h->created_by : "",
			.comment = h->comment ? h->comment : "",
		};
		if (h->empty_layer)
			continue;
		if (layer == c->diff_id_count)
			return err_set(
				err, ERR_INVALID, "too many non-empty layers in History section");
		struct layer_row found;
		int r = layer_find(s, &c->diff_ids[layer++], &found, err);
		if (r < 0)
			return -1;
		row->size = r == 1 ? found.size : 0;
	}
	name_rows(s, image, rows);
	*count = c->history_count;
	*out = steal_ptr(rows);
	return 0;
}
