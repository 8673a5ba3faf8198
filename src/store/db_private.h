/* What db.c (connection, transactions, migrations) and db_stmt.c (statements) share. */
#ifndef KIST_STORE_DB_PRIVATE_H
#define KIST_STORE_DB_PRIVATE_H

#include <pthread.h>
#include <sqlite3.h>

#include "store/db.h"

#define DB_CACHE_BUCKETS 64

struct db_stmt {
	struct db *db;
	struct db_stmt *next; /* in its bucket of the cache */
	char *sql;
	sqlite3_stmt *h;
	bool busy;
	bool cached;
	int bind_error; /* first failure of a bind, told by the next step */
};

struct db {
	sqlite3 *h;
	pthread_mutex_t lock; /* recursive */
	int depth; /* of nested transactions; under the lock */
	bool lazy; /* synchronous=NORMAL at the moment */
	bool doomed; /* an inner transaction was rolled back */
	int dir; /* the database's folder: its path goes through this descriptor */
	struct db_stmt *cache[DB_CACHE_BUCKETS];
};

/** Sets *err from SQLite's last error on the connection. Returns -1. */
int db_fail(struct db *db, int code, const char *what, struct err **err);
void db_cache_free(struct db *db);

#endif
