/*
 * Repairs, each of what is damaged alone.
 *
 * A blob that nothing needs to run is dropped: its image goes on without, and can be pulled again. A layer is
 * unpacked anew from its compressed blob, and takes its place in one step. Not while a container has it: a mounted
 * layer must not change.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "check_private.h"

#define AGAIN "remove its images, then pull or load them again"

static void say(struct store_finding *f, const char *remedy)
{
	str_replace(&f->remedy, remedy);
}

/* ---- blobs ---- */

static bool is_config(struct checker *c, const struct digest *d)
{
	auto_db_stmt *q = db_query(c->store->db, "SELECT 1 FROM images WHERE id = ?", NULL);
	if (!q)
		return true;
	db_bind_str(q, 1, d->str);
	return db_step(q, NULL) != 0;
}

void check_repair_blob(struct checker *c, struct store_finding *f)
{
	struct store *s = c->store;
	if (is_config(c, &f->digest)) {
		say(f, AGAIN);
		return;
	}
	if (!c->repair) {
		say(f, "--repair drops it: its images are used as before, and pulled again when "
		       "asked");
		return;
	}
	auto_err *err = NULL;
	pthread_mutex_lock(&s->lock);
	int r = db_exec(s->db, &err, "DELETE FROM blobs WHERE digest = ?", "s", f->digest.str);
	if (r >= 0 && unlinkat(s->content, digest_hex(&f->digest), 0) < 0 && errno != ENOENT)
		r = err_sys(&err, errno, "remove blob %s", f->digest.str);
	pthread_mutex_unlock(&s->lock);
	f->repaired = r >= 0;
	say(f, r < 0 ? err->msg : "dropped");
}

/* ---- layers ---- */

/* One whose digest is right; -1: none. */
static int open_blob(struct checker *c, const struct digest *diff_id)
{
	struct store_blob_list list = {0};
	int fd = -1;
	if (store_layer_blobs(c->store, diff_id, &list, NULL) < 0)
		return -1;
	for (size_t i = 0; fd < 0 && i < list.count; i++) {
		struct digest actual;
		fd = store_blob_open(c->store, &list.v[i].digest, NULL, NULL);
		if (fd < 0)
			continue;
		if (digest_of_fd(fd, &actual) == 0 && str_eq(actual.str, list.v[i].digest.str) &&
			lseek(fd, 0, SEEK_SET) == 0)
			break;
		fd_close(fd);
		fd = -1;
	}
	store_blob_list_free(&list);
	return fd;
}

static int in_use(struct store *s, const struct digest *diff_id, struct err **err)
{
	auto_db_stmt *q = db_query(s->db,
		"SELECT 1 FROM snapshot_layers JOIN layers ON layers.id = layer WHERE diff_id = ?",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, diff_id->str);
	return db_step(q, err);
}

/* The old one comes to where the new one was, and is removed there. */
static int swap(int from, const char *name, int dir, const char *hex, struct err **err)
{
	if (renameat2(from, name, dir, hex, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno == ENOENT && renameat(from, name, dir, hex) == 0)
		return 0;
	return err_sys(err, errno, "put %s in place", hex);
}

static int replace(struct store *s, int staging, const struct staged_layer *layer,
	const struct digest *diff_id, struct err **err)
{
	const char *hex = digest_hex(diff_id);
	int used = in_use(s, diff_id, err);
	if (used)
		return used < 0 ? -1 : err_set(err, ERR_CONFLICT, "a container has it");
	if (swap(staging, layer->recipe, s->recipes, hex, err) < 0 ||
		swap(staging, layer->folder, s->layers, hex, err) < 0)
		return -1;
	if (fsync(s->recipes) < 0 || fsync(s->layers) < 0)
		return err_sys(err, errno, "sync folders of the store");
	return db_exec(s->db, err,
		       "UPDATE layers SET size = ?, opaque = ?, tar_size = ?, recipe_size = ? "
		       "WHERE diff_id = ?",
		       "iiiis", layer->size, (int64_t)layer->opaque, layer->tar_size,
		       layer->recipe_size, diff_id->str) < 0
		       ? -1
		       : 0;
}

static int put_in_place(
	struct store *s, struct transfer *t, const struct digest *diff_id, struct err **err)
{
	const struct item *it = &t->items[0];
	struct staged_layer layer;
	if (t->count != 1 || it->kind != ITEM_LAYER || !it->staged)
		return err_set(err, ERR_SYSTEM, "kist-transfer gave no layer");
	if (!str_eq(it->diff_id.str, diff_id->str))
		return err_set(err, ERR_INVALID, "its blob is another layer, %s", it->diff_id.str);
	staged_layer_take(&layer, it);
	/* containers are made in a transaction: none in between */
	if (db_begin(s->db, err) < 0)
		return -1;
	if (replace(s, t->dir, &layer, diff_id, err) == 0)
		return db_commit(s->db, err);
	db_rollback(s->db);
	return -1;
}

static int unpack_again(struct store *s, int blob, const struct digest *diff_id, struct err **err)
{
	struct transfer t;
	int r = transfer_run(s, TRANSFER_IMPORT, blob, NULL, NULL, &t, err);
	if (r == 0) {
		pthread_mutex_lock(&s->lock);
		r = put_in_place(s, &t, diff_id, err);
		pthread_mutex_unlock(&s->lock);
	}
	transfer_end(&t);
	return r;
}

void check_repair_layer(struct checker *c, struct store_finding *f)
{
	auto_err *err = NULL;
	auto_fd int blob = open_blob(c, &f->digest);
	int used = in_use(c->store, &f->digest, &err);
	if (blob < 0)
		say(f, AGAIN);
	else if (used)
		say(f, used < 0 ? err->msg
				: "remove the containers that have it: --repair unpacks it again "
				  "then");
	else if (!c->repair)
		say(f, "--repair unpacks it again");
	else {
		f->repaired = unpack_again(c->store, blob, &f->digest, &err) == 0;
		say(f, f->repaired ? "unpacked again" : err->msg);
	}
}
