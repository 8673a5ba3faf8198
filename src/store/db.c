#include "db_private.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"

#define VFS_NAME "kist"
#define BUSY_TIMEOUT_MS 10000

/*
 * SQLite resolves every symlink of a database's path and refuses results over 512 bytes, but a data
 * root may be deeper. So the database is opened as /proc/self/fd/N/kist.db through SQLite's own file
 * layer with one method replaced: the "full path name" is what we gave.
 */
static int full_pathname(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
	int n = snprintf(out, (size_t)room, "%s", name);
	return n < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* SQLite keeps a pointer to this for the life of the process; written once. */
static sqlite3_vfs fd_vfs;
static pthread_once_t fd_vfs_once = PTHREAD_ONCE_INIT;

static void register_vfs(void)
{
	const sqlite3_vfs *plain = sqlite3_vfs_find(NULL);
	if (!plain)
		return;
	fd_vfs = *plain;
	fd_vfs.zName = VFS_NAME;
	fd_vfs.pNext = NULL;
	fd_vfs.xFullPathname = full_pathname;
	sqlite3_vfs_register(&fd_vfs, 0);
}

int db_fail(struct db *db, int code, const char *what, struct err **err)
{
	enum err_kind kind = ERR_SYSTEM;
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
		kind = ERR_CONFLICT;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		kind = ERR_UNAVAILABLE;
		break;
	}
	const char *why = (code & 0xff) == SQLITE_MISUSE ? "used wrongly" : sqlite3_errmsg(db->h);
	int sys = sqlite3_system_errno(db->h);
	if (kind == ERR_SYSTEM && sys && (code & 0xff) != SQLITE_ERROR)
		return err_sys(err, sys, "database: %s: %s", what, why);
	return err_set(err, kind, "database: %s: %s", what, why);
}

static int run(struct db *db, const char *sql, struct err **err)
{
	int r = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
	return r == SQLITE_OK ? 0 : db_fail(db, r, sql, err);
}

static int set_up(struct db *db, struct err **err)
{
	static const char *const pragmas[] = {
		"PRAGMA journal_mode=WAL",
		"PRAGMA synchronous=FULL",
		"PRAGMA foreign_keys=ON",
		/* one process, few statements: the defaults would keep 2 MB of pages */
		"PRAGMA cache_size=-512",
		"PRAGMA temp_store=MEMORY",
		("CREATE TABLE IF NOT EXISTS schema_version("
		 "module TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"),
	};
	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_timeout(db->h, BUSY_TIMEOUT_MS);
	for (size_t i = 0; i < ARRAY_LEN(pragmas); i++)
		if (run(db, pragmas[i], err) < 0)
			return -1;
	return 0;
}

static void lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

struct db *db_open(int dir, const char *name, struct err **err)
{
	pthread_once(&fd_vfs_once, register_vfs);
	/* made here for its mode: SQLite would use 0644, and gives WAL and index the same one */
	int file = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0) {
		err_sys(err, errno, "open database %s", name);
		return NULL;
	}
	/* before SQLite locks the file: closing a descriptor of it drops all locks that the process has
	 * there, and another program would take itself for the last one and remove the WAL under us */
	close(file);
	struct db *db = xcalloc(1, sizeof(*db));
	lock_init(&db->lock);
	db->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	auto_free char *path = xasprintf("/proc/self/fd/%d/%s", db->dir, name);
	int r = sqlite3_open_v2(path, &db->h,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, VFS_NAME);
	if (r != SQLITE_OK)
		db_fail(db, r, name, err);
	else if (set_up(db, err) == 0)
		return db;
	err_wrap(err, "open database %s", name);
	db_close(db);
	return NULL;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db_cache_free(db);
	sqlite3_close(db->h);
	fd_close(db->dir);
	pthread_mutex_destroy(&db->lock);
	free(db);
}

/* Cannot be changed within a transaction. */
static void set_lazy(struct db *db, bool lazy)
{
	if (db->lazy == lazy)
		return;
	if (run(db, lazy ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", NULL) == 0)
		db->lazy = lazy;
}

static int begin(struct db *db, bool lazy, struct err **err)
{
	pthread_mutex_lock(&db->lock);
	if (db->depth == 0) {
		db->doomed = false;
		set_lazy(db, lazy);
		/* IMMEDIATE: a lock that cannot be had shows here, not at the commit */
		if (run(db, "BEGIN IMMEDIATE", err) < 0) {
			pthread_mutex_unlock(&db->lock);
			return -1;
		}
	}
	db->depth++;
	return 0;
}

int db_begin(struct db *db, struct err **err)
{
	return begin(db, false, err);
}

int db_begin_lazy(struct db *db, struct err **err)
{
	return begin(db, true, err);
}

/* Statements outside of any transaction are commits of their own, and safe ones. */
static void leave(struct db *db)
{
	if (--db->depth == 0)
		set_lazy(db, false);
	pthread_mutex_unlock(&db->lock);
}

int db_commit(struct db *db, struct err **err)
{
	int r = 0;
	if (db->depth > 1) {
		db->depth--;
		pthread_mutex_unlock(&db->lock);
		return 0;
	}
	if (db->doomed)
		r = err_set(err, ERR_CONFLICT, "database: a part of the change was taken back");
	else if (sqlite3_get_autocommit(db->h))
		/* a full disk makes SQLite roll back by itself */
		r = err_set(err, ERR_SYSTEM, "database: the change was rolled back");
	else
		r = run(db, "COMMIT", err);
	if (r < 0) {
		db_rollback(db);
		return -1;
	}
	leave(db);
	return 0;
}

void db_rollback(struct db *db)
{
	if (db->depth > 1)
		db->doomed = true;
	else if (!sqlite3_get_autocommit(db->h))
		sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
	leave(db);
}

static int module_version(struct db *db, const char *module, int64_t *version, struct err **err)
{
	auto_db_stmt *q = db_query(db, "SELECT version FROM schema_version WHERE module = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, module);
	int r = db_step(q, err);
	*version = r == 1 ? db_col_i64(q, 0) : 0;
	return r < 0 ? -1 : 0;
}

static int migrate(
	struct db *db, const char *module, const char *const *steps, size_t n, struct err **err)
{
	int64_t version;
	if (module_version(db, module, &version, err) < 0)
		return -1;
	if (version > (int64_t)n)
		return err_set(err, ERR_UNAVAILABLE,
			"the database was made by a newer kist (tables of %s: version %lld, this "
			"one knows %zu)",
			module, (long long)version, n);
	if (version == (int64_t)n)
		return 0;
	for (size_t i = (size_t)version; i < n; i++)
		if (run(db, steps[i], err) < 0)
			return err_wrap(err, "migrate tables of %s to version %zu", module, i + 1);
	return db_exec(db, err,
		       "INSERT INTO schema_version(module, version) VALUES(?, ?) "
		       "ON CONFLICT(module) DO UPDATE SET version = excluded.version",
		       "si", module, (int64_t)n) < 0
		       ? -1
		       : 0;
}

int db_migrate(
	struct db *db, const char *module, const char *const *steps, size_t n, struct err **err)
{
	if (db_begin(db, err) < 0)
		return -1;
	if (migrate(db, module, steps, n, err) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err);
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->h);
}
