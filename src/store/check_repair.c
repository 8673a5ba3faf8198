/*
 * Repairs, each of what is damaged alone.
 *
 * A blob is fetched again from the registry that an image with it came from. One of images that came from none is dropped
 * if nothing needs it to run: they go on without. A layer is unpacked anew from its compressed blob, which is fetched where
 * it is not here, and takes its place in one step. Not while a container has it: see store/check.h.
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

static int drop(struct store *s, const struct digest *d, struct err **err)
{
	pthread_mutex_lock(&s->lock);
	/* whoever holds it takes it for granted, and may be about to give it to an image */
	int r = pin_holds(s, PIN_BLOB, d->str)
			? err_set(err, ERR_CONFLICT, "it is in use: try again later")
			: db_exec(s->db, err, "DELETE FROM blobs WHERE digest = ?", "s", d->str);
	if (r >= 0 && unlinkat(s->content, digest_hex(d), 0) < 0 && errno != ENOENT)
		r = err_sys(err, errno, "remove blob %s", d->str);
	pthread_mutex_unlock(&s->lock);
	return r < 0 ? -1 : 0;
}

static int correct_size(struct store *s, const struct digest *d, int64_t size, struct err **err)
{
	return db_exec(s->db, err, "UPDATE blobs SET size = ? WHERE digest = ?", "is", size,
		       d->str) < 0
		       ? -1
		       : 0;
}

static int fetch_again(struct checker *c, struct store_finding *f, struct err **err)
{
	auto_fetched came = {.fd = -1};
	if (fetch_blob(c, &f->digest, &came, err) < 0 || fetch_place(c, &f->digest, &came, err) < 0)
		return -1;
	auto_free char *text = xasprintf("fetched again from %s", came.from);
	say(f, text);
	return 0;
}

static bool has_source(struct checker *c, const struct digest *blob)
{
	auto_strv repos = fetch_repos(c, blob);
	return repos != NULL;
}

/* Where a blob can be had, in words; NULL: nowhere. */
static char *offer(struct checker *c, const struct digest *blob, const char *what)
{
	auto_strv repos = fetch_repos(c, blob);
	return repos ? xasprintf("--repair %s from %s", what, repos[0]) : NULL;
}

static void offer_blob(struct checker *c, struct store_finding *f, bool whole)
{
	auto_free char *text = offer(c, &f->digest, "fetches it again");
	if (whole)
		say(f, "--repair corrects its row");
	else if (text)
		say(f, text);
	else if (is_config(c, &f->digest))
		say(f, AGAIN);
	else
		say(f, "--repair drops it: its images are used as before, and pulled again when "
		       "asked");
}

void check_repair_blob(struct checker *c, struct store_finding *f, bool whole, int64_t size)
{
	auto_err *err = NULL;
	if (!c->repair) {
		offer_blob(c, f, whole);
		return;
	}
	int r;
	if (whole) {
		say(f, "its row is corrected");
		r = correct_size(c->store, &f->digest, size, &err);
	} else {
		r = fetch_again(c, f, &err);
	}
	/* it came from nowhere: what can do without it does */
	if (r < 0 && !has_source(c, &f->digest)) {
		if (is_config(c, &f->digest)) {
			say(f, AGAIN);
			return;
		}
		err_freep(&err);
		say(f, "dropped");
		r = drop(c->store, &f->digest, &err);
	}
	f->repaired = r == 0;
	if (r < 0)
		say(f, err_msg(err));
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
		if (check_digest(c, fd, &actual) == 0 && str_eq(actual.str, list.v[i].digest.str) &&
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
	if (staged_layer_check(t->dir, &layer, err) < 0)
		return -1;
	/* containers are made in a transaction: none in between */
	if (db_begin(s->db, err) < 0)
		return -1;
	if (replace(s, t->dir, &layer, diff_id, err) == 0)
		return db_commit(s->db, err);
	db_rollback(s->db);
	return -1;
}

static int is_over(void *arg, const struct store_progress *progress)
{
	const struct store_check_spec *spec = arg;
	(void)progress;
	return spec->progress ? spec->progress(spec->arg) : 0;
}

static int unpack_again(struct checker *c, int blob, const struct digest *diff_id, struct err **err)
{
	struct store *s = c->store;
	struct transfer t;
	int r = transfer_run(s, TRANSFER_IMPORT, blob, is_over, (void *)c->spec, &t, err);
	if (r == 0) {
		pthread_mutex_lock(&s->lock);
		r = put_in_place(s, &t, diff_id, err);
		pthread_mutex_unlock(&s->lock);
	}
	transfer_end(&t);
	return r;
}

/* Any blob that the layer came as; one that is plain is not kept, and is the layer's tar itself. */
static int fetch_layer(struct checker *c, struct store_finding *f, int *out, struct err **err)
{
	auto_strv blobs = NULL;
	auto_err *why = NULL;
	if (db_strings(c->store->db,
		    "SELECT digest FROM layer_blobs JOIN layers ON layers.id = layer"
		    " WHERE diff_id = ? ORDER BY digest",
		    f->digest.str, &blobs, err) < 0)
		return -1;
	for (size_t i = 0; blobs && blobs[i]; i++) {
		struct digest d;
		auto_fetched came = {.fd = -1};
		err_freep(&why);
		if (digest_parse(blobs[i], &d, &why) < 0 || fetch_blob(c, &d, &came, &why) < 0)
			continue;
		if (str_eq(d.str, f->digest.str))
			unlinkat(c->store->staging, came.staged, 0);
		else if (fetch_place(c, &d, &came, err) < 0)
			return -1;
		*out = steal_fd(&came.fd);
		return 0;
	}
	return why ? err_move(err, &why) : err_set(err, ERR_NOT_FOUND, "it came from no registry");
}

static char *offer_layer(struct checker *c, struct store_finding *f)
{
	auto_strv blobs = NULL;
	char *text = NULL;
	db_strings(c->store->db,
		"SELECT digest FROM layer_blobs JOIN layers ON layers.id = layer WHERE diff_id = ?",
		f->digest.str, &blobs, NULL);
	for (size_t i = 0; !text && blobs && blobs[i]; i++) {
		struct digest d;
		if (digest_parse(blobs[i], &d, NULL) == 0)
			text = offer(c, &d, "fetches it again");
	}
	return text ? text : xstrdup(AGAIN);
}

static void repair_layer(struct checker *c, struct store_finding *f, int blob)
{
	auto_err *err = NULL;
	auto_fd int came = -1;
	int r = blob < 0 ? fetch_layer(c, f, &came, &err) : 0;
	if (r == 0)
		r = unpack_again(c, blob < 0 ? came : blob, &f->digest, &err);
	f->repaired = r == 0;
	if (r == 0)
		say(f, blob < 0 ? "fetched and unpacked again" : "unpacked again");
	else if (err->kind == ERR_NOT_FOUND)
		say(f, AGAIN);
	else
		say(f, err_msg(err));
}

void check_repair_layer(struct checker *c, struct store_finding *f)
{
	auto_err *err = NULL;
	auto_fd int blob = open_blob(c, &f->digest);
	int used = in_use(c->store, &f->digest, &err);
	if (used) {
		say(f, used < 0 ? err_msg(err)
				: "remove the containers that have it: --repair unpacks it again "
				  "then");
	} else if (c->repair) {
		repair_layer(c, f, blob);
	} else {
		auto_free char *text =
			blob < 0 ? offer_layer(c, f) : xstrdup("--repair unpacks it again");
		say(f, text);
	}
}
