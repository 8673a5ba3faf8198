/*
 * Files without rows, and rows without files. Blobs and layers that have a row were looked at before: here it is about what
 * has none, and about containers.
 *
 * What comes and goes meanwhile must not be taken for damage. Blobs and layers get and lose file and row under
 * store->lock. A container's folder is made in the transaction that inserts its row, and goes after it: one without a row may
 * be on its way out, is no harm, and is removed by the next start; so only rows without folders are found.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "check_private.h"
#include "driver.h"

struct part {
	const char *name; /* below the data root */
	const char *sql; /* finds the row of a digest */
	int dir;
};

static bool known(const char *name)
{
	/* layers/empty is nobody's; a blob on its way (base/fdio.h, file_replace()) begins with a dot */
	return str_eq(name, "empty") || name[0] == '.';
}

/* With store->lock held: names in the folder that have no row. */
static int list_strays(struct store *s, const struct part *part, char ***out, struct err **err)
{
	auto_strv names = NULL;
	if (clean_list(part->dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		if (known(names[i]))
			continue;
		auto_free char *key = xasprintf("sha256:%s", names[i]);
		auto_db_stmt *q = db_query(s->db, part->sql, err);
		if (!q)
			return -1;
		db_bind_str(q, 1, key);
		int r = db_step(q, err);
		if (r < 0)
			return -1;
		if (r == 0)
			strv_add(out, names[i]);
	}
	return 0;
}

static int check_part(struct checker *c, const struct part *part, struct err **err)
{
	struct store *s = c->store;
	auto_strv strays = NULL;
	auto_strv trash = NULL;
	pthread_mutex_lock(&s->lock);
	int r = list_strays(s, part, &strays, err);
	for (size_t i = 0; r == 0 && strays && strays[i]; i++) {
		auto_free char *name = xasprintf("%s/%s", part->name, strays[i]);
		struct store_finding *f = check_find(c, STORE_FINDING_STRAY, NULL, name,
			"it belongs to no image and no container");
		char moved[STAGING_NAME] = "";
		auto_err *why = NULL;
		if (!c->repair) {
			str_replace(&f->remedy, "--repair removes it");
			continue;
		}
		f->repaired = staging_move(s, part->dir, strays[i], moved, &why) == 0;
		str_replace(&f->remedy, f->repaired ? "removed" : err_msg(why));
		if (*moved)
			strv_add(&trash, moved);
	}
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; trash && trash[i]; i++)
		staging_remove(s, trash[i]);
	return r;
}

/* ---- containers ---- */

static bool has_folder(struct store *s, const char *id, const char *name)
{
	struct stat st;
	auto_free char *path = xasprintf("%s/%s", id, name);
	return fstatat(s->containers, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* The first folder of the container's own that is not there. */
static const char *missing_folder(struct store *s, const struct snapshot *snap)
{
	/* one that is copied need not have been so far */
	if (snap->driver->copies)
		return NULL;
	for (size_t i = 0; snap->driver->folders[i]; i++)
		if (!has_folder(s, snap->id, snap->driver->folders[i]))
			return snap->driver->folders[i];
	return NULL;
}

static void check_container(struct checker *c, const char *id)
{
	struct store *s = c->store;
	auto_snapshot snap = {0}, healed = {0};
	auto_err *why = NULL;
	if (snapshot_load(s, id, false, &snap, NULL) < 0)
		return;
	const char *missing = missing_folder(s, &snap);
	/* once more, as a whole: rows and folders are made in one transaction */
	if (!missing || db_begin(s->db, NULL) < 0)
		return;
	missing = snapshot_exists(s, id, NULL) == 0 ? missing_folder(s, &snap) : NULL;
	db_rollback(s->db);
	if (!missing)
		return;
	auto_free char *problem = xasprintf("its folder \"%s\" is missing%s", missing,
		str_eq(missing, "upper") ? ", and what it wrote with it" : "");
	struct store_finding *f = check_find(c, STORE_FINDING_CONTAINER, NULL, id, problem);
	if (!c->repair) {
		str_replace(&f->remedy, "--repair makes it again, empty");
		return;
	}
	f->repaired = snapshot_load(s, id, true, &healed, &why) == 0;
	str_replace(&f->remedy, f->repaired ? "made again, empty" : err_msg(why));
}

static int check_containers(struct checker *c, struct err **err)
{
	auto_strv ids = NULL;
	if (store_snapshot_list(c->store, &ids, err) < 0)
		return -1;
	for (size_t i = 0; ids && ids[i]; i++) {
		if (check_tick(c, err) < 0)
			return -1;
		check_container(c, ids[i]);
	}
	return 0;
}

int check_rows(struct checker *c, struct err **err)
{
	const struct part parts[] = {
		{"content/sha256", "SELECT 1 FROM blobs WHERE digest = ?", c->store->content},
		{"layers", "SELECT 1 FROM layers WHERE diff_id = ?", c->store->layers},
		{"recipes", "SELECT 1 FROM layers WHERE diff_id = ?", c->store->recipes},
	};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		if (check_tick(c, err) < 0 || check_part(c, &parts[i], err) < 0)
			return -1;
	return check_containers(c, err);
}
