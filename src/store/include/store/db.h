/*
 * The metadata database: a thin wrapper around SQLite (WAL, synchronous=FULL, foreign keys).
 *
 * One connection, one recursive lock. SQLite has one writer at a time anyway, and kist's statements
 * are short reads by key and few commits (0.12 ms each), so one connection with its page cache and
 * its prepared statements costs less than several, and nobody ever sees SQLITE_BUSY. The lock is
 * taken by db_begin() and by db_query() and given back by db_commit()/db_rollback() and db_end():
 * do not wait on another program in between.
 *
 * Typical use:
 *
 *	struct db_stmt *q = db_query(db, "SELECT name FROM volumes WHERE driver = ?", err);
 *	if (!q)
 *		return -1;
 *	db_bind_str(q, 1, driver);
 *	int r;
 *	while ((r = db_step(q, err)) == 1)
 *		strv_add(&names, db_col_str(q, 0));
 *	db_end(q);
 *	return r;
 *
 *	if (db_exec(db, err, "UPDATE containers SET name = ? WHERE id = ?", "ss", name, id) < 0) ...
 *
 * Each module keeps its own tables, created and changed by its own migrations, names prefixed by
 * nothing but chosen not to clash: store has layers, images, image_layers, tags, repo_digests,
 * snapshots, snapshot_layers.
 */
#ifndef KIST_STORE_DB_H
#define KIST_STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;
struct db_stmt;

/**
 * Opens (creating, mode 0600) the database @name below the folder @dir, of any path length. A
 * database that is not one, or made by a newer kist (db_migrate), is refused and left alone.
 */
struct db *db_open(int dir, const char *name, struct err **err);
/** Checkpoints and closes; all statements must have ended. NULL is allowed. */
void db_close(struct db *db);

/**
 * Brings a module's tables up to date: steps[i] (SQL, may hold several statements) leads from version
 * i to i + 1. All missing steps run in one transaction. Steps once released are never edited.
 * ERR_UNAVAILABLE if the database has a newer version than @n.
 */
int db_migrate(
	struct db *db, const char *module, const char *const *steps, size_t n, struct err **err);

/* Transactions. They nest on one thread: only the outermost commits; an inner rollback makes the
 * outermost commit fail (ERR_CONFLICT) and roll back. */
int db_begin(struct db *db, struct err **err);
/**
 * Begins a transaction that the disk need not have when it is committed: it survives kill -9 of the process,
 * but a power cut may take it back, and then every later one that is lazy too. A commit that is not lazy makes
 * all before it safe. Within another transaction, that one decides.
 */
int db_begin_lazy(struct db *db, struct err **err);
int db_commit(struct db *db, struct err **err);
/** Ends the transaction whatever its state; never fails. */
void db_rollback(struct db *db);

/** Prepares (or takes from the cache) one statement; @sql must be a string constant. Takes the lock
 * until db_end(). */
struct db_stmt *db_query(struct db *db, const char *sql, struct err **err);
/* Parameters count from 1; text and blobs are copied; a NULL string binds NULL. Errors show at the
 * next db_step(). */
void db_bind_str(struct db_stmt *q, int i, const char *s);
void db_bind_i64(struct db_stmt *q, int i, int64_t v);
void db_bind_blob(struct db_stmt *q, int i, const void *p, size_t n);
void db_bind_null(struct db_stmt *q, int i);
/** 1: a row is there; 0: done; -1: error. A violated constraint is ERR_CONFLICT. */
int db_step(struct db_stmt *q, struct err **err);
/* Columns count from 0 and are valid until the next step. A NULL column gives NULL or 0. */
const char *db_col_str(struct db_stmt *q, int i);
int64_t db_col_i64(struct db_stmt *q, int i);
const void *db_col_blob(struct db_stmt *q, int i, size_t *n);
bool db_col_null(struct db_stmt *q, int i);
/** Adds the first column of each row to *out (base/str.h) and steps to the end: 0 or -1. The caller binds, and ends the
 * statement. */
int db_step_strings(struct db_stmt *q, char ***out, struct err **err);
/** The same from a statement with one parameter; @key NULL: without one. */
int db_strings(struct db *db, const char *sql, const char *key, char ***out, struct err **err);
/** Ends the statement and gives the lock back. NULL is allowed. */
void db_end(struct db_stmt *q);
static inline void db_endp(struct db_stmt **q)
{
	db_end(*q);
	*q = 0;
}
/** auto_db_stmt *q = db_query(...): ended at the end of the scope. */
#define auto_db_stmt __attribute__((cleanup(db_endp))) struct db_stmt

/**
 * One statement without rows, bound from the arguments as @types says, one letter each: 's' const
 * char * (may be NULL), 'i' int64_t, 'n' NULL without an argument. Returns the rows changed or -1.
 */
int db_exec(struct db *db, struct err **err, const char *sql, const char *types, ...);
/** Rowid of the last INSERT on this connection; call it inside the transaction that inserted. */
int64_t db_last_id(struct db *db);

#endif
