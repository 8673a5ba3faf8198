/* Root file systems of containers. */
#include "store_private.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/overlay.h"

static int check_id(const char *id, struct err **err)
{
	if (!str_all_of(id, "0123456789abcdef", DIGEST_HEX_LEN, DIGEST_HEX_LEN))
		return err_set(err, ERR_INVALID, "\"%.80s\" is no container id", id);
	return 0;
}

/* Exact modes, whatever the umask: the container's root folder takes its own from upper. */
static int make_exact(int dir, const char *name, mode_t mode, struct err **err)
{
	if (mkdirat(dir, name, mode) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make folder %s", name);
	if (fchmodat(dir, name, mode, 0) < 0)
		return err_sys(err, errno, "change the mode of folder %s", name);
	return 0;
}

static int make_folders(struct store *s, const char *id, struct err **err)
{
	if (make_exact(s->containers, id, 0710, err) < 0)
		return -1;
	auto_fd int dir = dir_open(s->containers, id, err);
	if (dir < 0)
		return -1;
	if (make_exact(dir, "upper", 0755, err) < 0 || make_exact(dir, "work", 0700, err) < 0)
		return err_wrap(err, "container %s", id);
	return 0;
}

static int insert(struct store *s, const char *id, const struct digest *image, struct err **err)
{
	int r = db_exec(s->db, err,
		"INSERT INTO snapshots(id, image) SELECT ?, id FROM images "
		"WHERE id = ?",
		"ss", id, image->str);
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
	if (insert(s, id, image, err) < 0 || make_folders(s, id, err) < 0) {
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
	*snapshot = (struct store_snapshot){0};
}

int snapshot_exists(struct store *s, const char *id, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, "SELECT 1 FROM snapshots WHERE id = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, id);
	int r = db_step(q, err);
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, "container %s has no file system", id);
	return r < 0 ? -1 : 0;
}

/* Top first. A layer that comes twice is named once, at its highest place: the kernel refuses the
 * same folder twice, and the lower one is covered by its twin anyway. A layer whose root is opaque
 * is the last: the kernel does not heed the mark on a root. */
static int lower_folders(
	struct store *s, const char *id, const char *base, char ***out, struct err **err)
{
	auto_db_stmt *q = db_query(s->db,
		"SELECT layers.diff_id, layers.opaque FROM snapshot_layers "
		"JOIN layers ON layers.id = snapshot_layers.layer "
		"WHERE snapshot = ? ORDER BY pos DESC",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, id);
	int r;
	while ((r = db_step(q, err)) == 1) {
		auto_free char *path =
			xasprintf("%slayers/%s", base, db_col_str(q, 0) + strlen("sha256:"));
		if (strv_index(*out, path) < 0)
			strv_add(out, path);
		if (db_col_i64(q, 1))
			break;
	}
	if (r >= 0 && !*out)
		strv_take(out, xasprintf("%slayers/empty", base));
	return r < 0 ? -1 : 0;
}

/* The row is on disk, but the folders were not synced: a power cut within seconds of the creation
 * may have lost them, and then there was nothing in them. */
static int heal(struct store *s, const char *id, struct err **err)
{
	auto_free char *upper = xasprintf("%s/upper", id);
	auto_free char *work = xasprintf("%s/work", id);
	if (faccessat(s->containers, upper, F_OK, 0) == 0 &&
		faccessat(s->containers, work, F_OK, 0) == 0)
		return 0;
	/* or a removal is under way, whose row has gone before the folders: then they stay away */
	if (db_begin(s->db, err) < 0)
		return -1;
	int r = snapshot_exists(s, id, err);
	if (r == 0) {
		log_warn("container %s: folders are missing, made anew", id);
		r = make_folders(s, id, err);
	}
	if (r == 0)
		return db_commit(s->db, err);
	db_rollback(s->db);
	return -1;
}

/* Paths below @base, which ends in '/' or is empty. */
static int describe(struct store *s, const char *id, const char *base, struct store_snapshot *out,
	struct err **err)
{
	*out = (struct store_snapshot){0};
	if (check_id(id, err) < 0 || snapshot_exists(s, id, err) < 0 || heal(s, id, err) < 0)
		return -1;
	if (lower_folders(s, id, base, &out->lower, err) < 0) {
		store_snapshot_free(out);
		return -1;
	}
	out->upper = xasprintf("%scontainers/%s/upper", base, id);
	out->work = xasprintf("%scontainers/%s/work", base, id);
	return 0;
}

int store_snapshot_describe(
	struct store *s, const char *id, struct store_snapshot *out, struct err **err)
{
	auto_free char *base = xasprintf("%s/", s->root_path);
	return describe(s, id, base, out, err);
}

int snapshot_paths(struct store *s, const char *id, struct store_snapshot *out, struct err **err)
{
	return describe(s, id, "", out, err);
}

int store_snapshot_mount(struct store *s, const char *id, bool read_only, struct err **err)
{
	struct store_snapshot snapshot;
	if (describe(s, id, "", &snapshot, err) < 0)
		return -1;
	/* upper takes part in a read-only mount as the topmost layer: nothing is written to it */
	auto_free const char **lower = xcalloc(strv_len(snapshot.lower) + 2, sizeof(*lower));
	size_t n = 0;
	if (read_only)
		lower[n++] = snapshot.upper;
	for (size_t i = 0; snapshot.lower[i]; i++)
		lower[n++] = snapshot.lower[i];
	struct overlay_spec spec = {
		.lower = lower,
		.upper = read_only ? NULL : snapshot.upper,
		.work = read_only ? NULL : snapshot.work,
		.dir = s->root,
	};
	int mnt = overlay_mount(&spec, err);
	store_snapshot_free(&snapshot);
	return mnt;
}
