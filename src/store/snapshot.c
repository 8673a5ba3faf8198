/* Root file systems of containers. */
#include "driver.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static int check_id(const char *id, struct err **err)
{
	if (!str_all_of(id, "0123456789abcdef", DIGEST_HEX_LEN, DIGEST_HEX_LEN))
		return err_set(err, ERR_INVALID, "\"%.80s\" is no container id", id);
	return 0;
}

/* Exact modes, whatever the umask: the container's root folder takes its own from upper. */
int folder_make_exact(int dir, const char *name, mode_t mode, struct err **err)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make folder %s", name);
	if (fchmodat(dir, name, mode, 0) < 0)
		return err_sys(err, errno, "change the mode of folder %s", name);
	return 0;
}

/* The container's folder, and in it what does not take long. */
static int make_folders(struct store *s, const struct snapshot *snap, struct err **err)
{
	if (folder_make_exact(s->containers, snap->id, 0710, err) < 0)
		return -1;
	if (!snap->driver->copies && snap->driver->make(s, snap, err) < 0)
		return err_wrap(err, "container %s", snap->id);
	return 0;
}

static int insert(struct store *s, const char *id, const struct digest *image, struct err **err)
{
	int r = db_exec(s->db, err,
		"INSERT INTO snapshots(id, image, driver) SELECT ?, id, ? FROM images "
		"WHERE id = ?",
		"sss", id, s->driver->name, image->str);
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, "No such image: %s", image->str);
	if (r < 0)
		return -1;
	return db_exec(s->db, err,
		       "INSERT INTO snapshot_layers(snapshot, pos, layer, chain) "
		       "SELECT ?, pos, layer, chain FROM image_layers WHERE image = ?",
		       "ss", id, image->str) < 0
		       ? -1
		       : 0;
}

int store_snapshot_create(
	struct store *s, const char *id, const struct digest *image, struct err **err)
{
	if (check_id(id, err) < 0 || db_begin(s->db, err) < 0)
		return -1;
	const struct snapshot snap = {.id = id, .driver = s->driver};
	if (insert(s, id, image, err) < 0 || make_folders(s, &snap, err) < 0) {
		db_rollback(s->db);
		return -1;
	}
	return db_commit(s->db, err);
}

int store_snapshot_forget(struct store *s, const char *id, struct err **err)
{
	if (check_id(id, err) < 0 ||
		db_exec(s->db, err, "DELETE FROM snapshots WHERE id = ?", "s", id) < 0)
		return -1;
	return 0;
}

int store_snapshot_remove(struct store *s, const char *id, struct err **err)
{
	if (check_id(id, err) < 0 ||
		db_exec(s->db, err, "DELETE FROM snapshots WHERE id = ?", "s", id) < 0 ||
		staging_trash(s, s->containers, id, err) < 0)
		return -1;
	gc_after_container(s);
	return 0;
}

int store_snapshot_list(struct store *s, char ***ids, struct err **err)
{
	return db_strings(s->db, "SELECT id FROM snapshots ORDER BY id", NULL, ids, err);
}

void store_snapshot_free(struct store_snapshot *snapshot)
{
	strv_free(snapshot->lower);
	free(snapshot->upper);
	free(snapshot->work);
	free(snapshot->folder);
	*snapshot = (struct store_snapshot){0};
}

/* Top first. A layer that comes twice is named once, at its highest place: the kernel refuses the
 * same folder twice, and the lower one is covered by its twin anyway. A layer whose root is opaque
 * is the last: the kernel does not heed the mark on a root. */
static int load_layers(struct store *s, struct snapshot *snap, struct err **err)
{
	auto_db_stmt *q = db_query(s->db,
		"SELECT layers.diff_id, layers.opaque FROM snapshot_layers "
		"JOIN layers ON layers.id = snapshot_layers.layer "
		"WHERE snapshot = ? ORDER BY pos DESC",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, snap->id);
	int r;
	while ((r = db_step(q, err)) == 1) {
		auto_free char *path = xasprintf("layers/%s", db_col_str(q, 0) + strlen("sha256:"));
		if (strv_index(snap->layers, path) < 0)
			strv_add(&snap->layers, path);
		if (db_col_i64(q, 1))
			break;
	}
	if (r >= 0 && !snap->layers)
		strv_add(&snap->layers, "layers/empty");
	return r < 0 ? -1 : 0;
}

static int load_driver(struct store *s, struct snapshot *snap, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, "SELECT driver FROM snapshots WHERE id = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, snap->id);
	int r = db_step(q, err);
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, "container %s has no file system", snap->id);
	if (r < 0)
		return -1;
	snap->driver = driver_find(db_col_str(q, 0));
	if (!snap->driver)
		return err_set(err, ERR_UNAVAILABLE,
			"container %s was made with storage driver %s, which is not known here",
			snap->id, db_col_str(q, 0));
	return 0;
}

int snapshot_exists(struct store *s, const char *id, struct err **err)
{
	struct snapshot snap = {.id = id};
	return load_driver(s, &snap, err);
}

/* The row is on disk, but the folders need not be: they were not synced, or not copied yet, and then there was
 * nothing in them that the image has not got. */
static int heal(struct store *s, const struct snapshot *snap, struct err **err)
{
	if (driver_is_made(s, snap))
		return 0;
	/* or a removal is under way, whose row has gone before the folders: then they stay away */
	if (db_begin(s->db, err) < 0)
		return -1;
	int r = snapshot_exists(s, snap->id, err);
	if (r == 0) {
		log_warn("container %s: folders are missing, made anew", snap->id);
		r = make_folders(s, snap, err);
	}
	if (r == 0)
		r = db_commit(s->db, err);
	else
		db_rollback(s->db);
	return r == 0 && snap->driver->copies ? snap->driver->make(s, snap, err) : r;
}

int snapshot_load(
	struct store *s, const char *id, bool make, struct snapshot *out, struct err **err)
{
	*out = (struct snapshot){.id = id};
	if (check_id(id, err) < 0 || load_driver(s, out, err) < 0 || load_layers(s, out, err) < 0 ||
		(make && heal(s, out, err) < 0)) {
		snapshot_clear(out);
		return -1;
	}
	return 0;
}

int store_snapshot_option(struct store *s, const char *key, const char *value, struct err **err)
{
	return s->driver->set_option(key, value, err);
}

int store_snapshot_fill(struct store *s, const char *id, struct err **err)
{
	auto_snapshot snap = {0};
	if (!s->driver->copies)
		return 0;
	if (snapshot_load(s, id, false, &snap, err) < 0)
		return -1;
	if (!snap.driver->copies || driver_is_made(s, &snap))
		return 0;
	return snap.driver->make(s, &snap, err);
}

int store_snapshot_describe(
	struct store *s, const char *id, bool make, struct store_snapshot *out, struct err **err)
{
	auto_snapshot snap = {0};
	auto_free char *base = xasprintf("%s/", s->root_path);
	*out = (struct store_snapshot){0};
	if (snapshot_load(s, id, make, &snap, err) < 0)
		return -1;
	out->driver = snap.driver->name;
	snap.driver->describe(&snap, base, out);
	return 0;
}

int store_snapshot_mount(struct store *s, const char *id, bool read_only, struct err **err)
{
	auto_snapshot snap = {0};
	if (snapshot_load(s, id, true, &snap, err) < 0)
		return -1;
	return snap.driver->mount(s, &snap, read_only, err);
}

int64_t store_snapshot_size_rw(struct store *s, const char *id, struct err **err)
{
	auto_snapshot snap = {0};
	if (snapshot_load(s, id, false, &snap, err) < 0)
		return -1;
	return snap.driver->size(s, &snap, err);
}
