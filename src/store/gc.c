/*
 * Removing what nothing holds: layers that no image and no container has, blobs that no image has. The blob of a layer
 * that containers alone still have stays with it, so that pulling the image again costs nothing.
 *
 * The rows go first, in one transaction: a row without its folder would be a broken image, a folder without its row is
 * cleaned up at the next start.
 */
#include "store_private.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

struct garbage {
	char **layers, **blobs; /* digests */
	char **trash; /* names below staging/ */
	int64_t bytes;
};

/* Digest and size of each row that no pin holds. */
static int collect(
	struct store *s, struct garbage *g, enum pin_kind kind, const char *sql, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, sql, err);
	int r = q ? 0 : -1;
	while (q && (r = db_step(q, err)) == 1) {
		if (pin_holds(s, kind, db_col_str(q, 0)))
			continue;
		strv_add(kind == PIN_LAYER ? &g->layers : &g->blobs, db_col_str(q, 0));
		g->bytes += db_col_i64(q, 1) > 0 ? db_col_i64(q, 1) : 0;
	}
	return r;
}

/* @all: false if only a container went: then blobs can be garbage only together with layers. */
static int find(struct store *s, bool all, struct garbage *g, struct err **err)
{
	if (collect(s, g, PIN_LAYER,
		    "SELECT diff_id, size + COALESCE(recipe_size, 0) FROM layers WHERE"
		    " NOT EXISTS(SELECT 1 FROM image_layers WHERE layer = layers.id) AND"
		    " NOT EXISTS(SELECT 1 FROM snapshot_layers WHERE layer = layers.id)",
		    err) < 0)
		return -1;
	if (!all && !g->layers)
		return 0;
	return collect(s, g, PIN_BLOB,
		"SELECT digest, size FROM blobs AS b WHERE"
		" NOT EXISTS(SELECT 1 FROM image_blobs WHERE digest = b.digest) AND"
		" NOT EXISTS(SELECT 1 FROM layer_blobs AS l WHERE l.digest = b.digest AND"
		"  EXISTS(SELECT 1 FROM snapshot_layers WHERE layer = l.layer) AND"
		"  NOT EXISTS(SELECT 1 FROM image_layers WHERE layer = l.layer))",
		err);
}

static int forget(struct store *s, const struct garbage *g, struct err **err)
{
	if (db_begin(s->db, err) < 0)
		return -1;
	int r = 0;
	for (size_t i = 0; r == 0 && g->layers && g->layers[i]; i++)
		r = db_exec(s->db, err, "DELETE FROM layers WHERE diff_id = ?", "s", g->layers[i]) <
				    0
			    ? -1
			    : 0;
	for (size_t i = 0; r == 0 && g->blobs && g->blobs[i]; i++)
		r = db_exec(s->db, err, "DELETE FROM blobs WHERE digest = ?", "s", g->blobs[i]) < 0
			    ? -1
			    : 0;
	if (r == 0)
		return db_commit(s->db, err);
	db_rollback(s->db);
	return -1;
}

/* Out of the way at once; what takes long happens later, without the lock. */
static int move(struct store *s, struct garbage *g, struct err **err)
{
	char name[STAGING_NAME];
	const int folders[] = {s->layers, s->recipes};
	for (size_t i = 0; g->layers && g->layers[i]; i++) {
		for (size_t k = 0; k < ARRAY_LEN(folders); k++) {
			if (staging_move(s, folders[k], str_after(g->layers[i], "sha256:"), name,
				    err) < 0)
				return -1;
			if (*name)
				strv_add(&g->trash, name);
		}
	}
	for (size_t i = 0; g->blobs && g->blobs[i]; i++)
		if (unlinkat(s->content, str_after(g->blobs[i], "sha256:"), 0) < 0 &&
			errno != ENOENT)
			return err_sys(err, errno, "remove blob %s", g->blobs[i]);
	return 0;
}

static int64_t run(struct store *s, bool all)
{
	struct garbage g = {0};
	auto_err *err = NULL;
	pthread_mutex_lock(&s->lock);
	int r = find(s, all, &g, &err);
	if (r == 0 && (g.layers || g.blobs)) {
		r = forget(s, &g, &err);
		if (r == 0)
			r = move(s, &g, &err);
	}
	pthread_mutex_unlock(&s->lock);
	if (r < 0)
		log_warn("remove unused layers: %s", err->msg); /* found again later */
	for (size_t i = 0; g.trash && g.trash[i]; i++)
		staging_remove(s, g.trash[i]);
	strv_free(g.layers);
	strv_free(g.blobs);
	strv_free(g.trash);
	return r < 0 ? 0 : g.bytes;
}

int64_t store_gc(struct store *s)
{
	return run(s, true);
}

void gc_after_container(struct store *s)
{
	run(s, false);
}
