/* Layers: rows and chains. */
#include "store_private.h"

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
