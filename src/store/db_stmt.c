/* Statements: prepared once, kept by their text, bound and stepped. */
#include "db_private.h"

#include <stdarg.h>

#include "base/mem.h"
#include "base/str.h"

static unsigned int bucket_of(const char *sql)
{
	unsigned int h = 2166136261u;
	for (; *sql; sql++)
		h = (h ^ (unsigned char)*sql) * 16777619u;
	return h % DB_CACHE_BUCKETS;
}

static struct db_stmt *find_idle(struct db *db, unsigned int bucket, const char *sql, bool *known)
{
	for (struct db_stmt *q = db->cache[bucket]; q; q = q->next) {
		if (strcmp(q->sql, sql) != 0)
			continue;
		*known = true;
		if (!q->busy)
			return q;
	}
	return NULL;
}

struct db_stmt *db_query(struct db *db, const char *sql, struct err **err)
{
	unsigned int bucket = bucket_of(sql);
	bool known = false;
	pthread_mutex_lock(&db->lock);
	struct db_stmt *q = find_idle(db, bucket, sql, &known);
	if (!q) {
		sqlite3_stmt *h = NULL;
		int r = sqlite3_prepare_v3(
			db->h, sql, -1, known ? 0 : SQLITE_PREPARE_PERSISTENT, &h, NULL);
		if (r != SQLITE_OK) {
			db_fail(db, r, sql, err);
			pthread_mutex_unlock(&db->lock);
			return NULL;
		}
		q = xcalloc(1, sizeof(*q));
		q->db = db;
		q->h = h;
		q->sql = xstrdup(sql);
		/* a statement used within itself is rare: the second copy is not kept */
		q->cached = !known;
		if (q->cached) {
			q->next = db->cache[bucket];
			db->cache[bucket] = q;
		}
	}
	q->busy = true;
	q->bind_error = SQLITE_OK;
	return q; /* the lock stays with the statement */
}

static void stmt_free(struct db_stmt *q)
{
	sqlite3_finalize(q->h);
	free(q->sql);
	free(q);
}

int db_step_strings(struct db_stmt *q, char ***out, struct err **err)
{
	int r;
	while ((r = db_step(q, err)) == 1)
		strv_add(out, db_col_str(q, 0));
	return r;
}

int db_strings(struct db *db, const char *sql, const char *key, char ***out, struct err **err)
{
	auto_db_stmt *q = db_query(db, sql, err);
	if (!q)
		return -1;
	if (key)
		db_bind_str(q, 1, key);
	return db_step_strings(q, out, err);
}

void db_end(struct db_stmt *q)
{
	if (!q)
		return;
	struct db *db = q->db;
	sqlite3_reset(q->h);
	sqlite3_clear_bindings(q->h);
	q->busy = false;
	if (!q->cached)
		stmt_free(q);
	pthread_mutex_unlock(&db->lock);
}

void db_cache_free(struct db *db)
{
	for (size_t i = 0; i < DB_CACHE_BUCKETS; i++) {
		while (db->cache[i]) {
			struct db_stmt *q = db->cache[i];
			db->cache[i] = q->next;
			stmt_free(q);
		}
	}
}

static void note(struct db_stmt *q, int r)
{
	if (r != SQLITE_OK && q->bind_error == SQLITE_OK)
		q->bind_error = r;
}

void db_bind_str(struct db_stmt *q, int i, const char *s)
{
	note(q, s ? sqlite3_bind_text(q->h, i, s, -1, SQLITE_TRANSIENT)
		  : sqlite3_bind_null(q->h, i));
}

void db_bind_i64(struct db_stmt *q, int i, int64_t v)
{
	note(q, sqlite3_bind_int64(q->h, i, v));
}

void db_bind_blob(struct db_stmt *q, int i, const void *p, size_t n)
{
	note(q, sqlite3_bind_blob64(q->h, i, p ? p : "", n, SQLITE_TRANSIENT));
}

void db_bind_null(struct db_stmt *q, int i)
{
	note(q, sqlite3_bind_null(q->h, i));
}

int db_step(struct db_stmt *q, struct err **err)
{
	if (q->bind_error != SQLITE_OK)
		return db_fail(q->db, q->bind_error, q->sql, err);
	int r = sqlite3_step(q->h);
	if (r == SQLITE_ROW)
		return 1;
	if (r == SQLITE_DONE)
		return 0;
	return db_fail(q->db, r, q->sql, err);
}

const char *db_col_str(struct db_stmt *q, int i)
{
	return (const char *)sqlite3_column_text(q->h, i);
}

int64_t db_col_i64(struct db_stmt *q, int i)
{
	return sqlite3_column_int64(q->h, i);
}

const void *db_col_blob(struct db_stmt *q, int i, size_t *n)
{
	const void *p = sqlite3_column_blob(q->h, i);
	*n = (size_t)sqlite3_column_bytes(q->h, i);
	return p;
}

bool db_col_null(struct db_stmt *q, int i)
{
	return sqlite3_column_type(q->h, i) == SQLITE_NULL;
}

int db_exec(struct db *db, struct err **err, const char *sql, const char *types, ...)
{
	auto_db_stmt *q = db_query(db, sql, err);
	if (!q)
		return -1;
	va_list ap;
	va_start(ap, types);
	for (int i = 1; *types; types++, i++) {
		if (*types == 's')
			db_bind_str(q, i, va_arg(ap, const char *));
		else if (*types == 'i')
			db_bind_i64(q, i, va_arg(ap, int64_t));
		else
			note(q, *types == 'n' ? sqlite3_bind_null(q->h, i) : SQLITE_MISUSE);
	}
	va_end(ap);
	int r;
	do
		r = db_step(q, err);
	while (r == 1);
	return r < 0 ? -1 : sqlite3_changes(db->h);
}
