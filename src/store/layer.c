/* Layers: rows, pins, and the removal of those that nothing uses. */
#include "store_private.h"

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

int layer_find(
	struct store *s, const struct digest *diff_id, struct layer_row *out, struct err **err)
{
	auto_db_stmt *q =
		db_query(s->db, "SELECT id, size, opaque FROM layers WHERE diff_id = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, diff_id->str);
	int r = db_step(q, err);
	if (r == 1)
		*out = (struct layer_row){db_col_i64(q, 0), db_col_i64(q, 1), db_col_i64(q, 2)};
	return r;
}

bool layer_pin(struct store *s, const struct digest *diff_id)
{
	struct layer_row row;
	pthread_mutex_lock(&s->lock);
	bool have = layer_find(s, diff_id, &row, NULL) == 1;
	if (have) {
		struct pin *p = xcalloc(1, sizeof(*p));
		p->diff_id = *diff_id;
		p->next = s->pins;
		s->pins = p;
	}
	pthread_mutex_unlock(&s->lock);
	return have;
}

void layer_unpin(struct store *s, const struct digest *diff_id)
{
	pthread_mutex_lock(&s->lock);
	for (struct pin **at = &s->pins; *at; at = &(*at)->next) {
		if (!str_eq((*at)->diff_id.str, diff_id->str))
			continue;
		struct pin *p = *at;
		*at = p->next;
		free(p);
		break;
	}
	pthread_mutex_unlock(&s->lock);
}

static bool pinned(struct store *s, const char *diff_id)
{
	for (struct pin *p = s->pins; p; p = p->next)
		if (str_eq(p->diff_id.str, diff_id))
			return true;
	return false;
}

/* Sizes in the order of the ids. */
static int unused_layers(struct store *s, char ***out, struct buf *sizes, struct err **err)
{
	auto_db_stmt *q = db_query(s->db,
		"SELECT diff_id, size FROM layers WHERE"
		" NOT EXISTS(SELECT 1 FROM image_layers WHERE layer = layers.id) AND"
		" NOT EXISTS(SELECT 1 FROM snapshot_layers WHERE layer = layers.id)",
		err);
	if (!q)
		return -1;
	int r;
	while ((r = db_step(q, err)) == 1) {
		int64_t size = db_col_i64(q, 1);
		if (pinned(s, db_col_str(q, 0)))
			continue;
		strv_add(out, db_col_str(q, 0));
		buf_add(sizes, &size, sizeof(size));
	}
	return r;
}

/* The row first: a row without its folder would be a broken image, a folder without its row is
 * cleaned up at the next start. */
static int drop_layer(struct store *s, const char *diff_id, char ***trash, struct err **err)
{
	char name[STAGING_NAME];
	if (db_exec(s->db, err, "DELETE FROM layers WHERE diff_id = ?", "s", diff_id) < 0)
		return -1;
	if (staging_move(s, s->layers, diff_id + strlen("sha256:"), name, err) < 0)
		return -1;
	if (*name)
		strv_add(trash, name);
	return 0;
}

int64_t layer_gc(struct store *s)
{
	auto_strv unused = NULL;
	auto_strv trash = NULL;
	auto_buf sizes = BUF_INIT;
	auto_err *err = NULL;
	int64_t freed = 0, size;
	pthread_mutex_lock(&s->lock);
	int r = unused_layers(s, &unused, &sizes, &err);
	for (size_t i = 0; r == 0 && unused && unused[i]; i++) {
		r = drop_layer(s, unused[i], &trash, &err);
		memcpy(&size, sizes.data + i * sizeof(size), sizeof(size));
		freed += r == 0 ? size : 0;
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		log_warn("remove unused layers: %s", err->msg); /* they are found again later */
	for (size_t i = 0; trash && trash[i]; i++)
		staging_remove(s, trash[i]);
	return freed;
}

struct digest *layer_chains(const struct digest *diff_ids, size_t n)
{
	struct digest *chain = xcalloc(n + 1, sizeof(*chain));
	for (size_t i = 0; i < n; i++) {
		if (i == 0) {
			chain[0] = diff_ids[0];
			continue;
		}
		auto_free char *text = xasprintf("%s %s", chain[i - 1].str, diff_ids[i].str);
		digest_of(text, strlen(text), &chain[i]);
	}
	return chain;
}
