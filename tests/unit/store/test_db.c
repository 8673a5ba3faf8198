#include "../cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "store/db.h"

static const char *const steps[] = {
	"CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL)",
	"ALTER TABLE t ADD COLUMN extra TEXT; CREATE INDEX t_extra ON t(extra)",
};

struct place {
	char path[64];
	int dir;
	struct db *db;
};

static int setup(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	snprintf(p->path, sizeof(p->path), "/tmp/kist-db-XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->db = db_open(p->dir, "test.db", NULL);
	*state = p;
	return p->db && db_migrate(p->db, "test", steps, 2, NULL) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct place *p = *state;
	db_close(p->db);
	close(p->dir);
	tree_remove(AT_FDCWD, p->path, NULL);
	free(p);
	return 0;
}

static int64_t count(struct db *db)
{
	auto_db_stmt *q = db_query(db, "SELECT COUNT(*) FROM t", NULL);
	assert_int_equal(db_step(q, NULL), 1);
	return db_col_i64(q, 0);
}

static int add(struct db *db, const char *name, struct err **err)
{
	return db_exec(db, err, "INSERT INTO t(name) VALUES(?)", "s", name);
}

static void binds_and_reads(void **state)
{
	struct place *p = *state;
	assert_int_equal(db_exec(p->db, NULL, "INSERT INTO t(id, name, extra) VALUES(?, ?, ?)",
				 "iss", (int64_t)1 << 40, "x'); DROP TABLE t;--", NULL),
		1);
	auto_db_stmt *q = db_query(p->db, "SELECT id, name, extra FROM t", NULL);
	assert_int_equal(db_step(q, NULL), 1);
	assert_true(db_col_i64(q, 0) == (int64_t)1 << 40);
	assert_string_equal(db_col_str(q, 1), "x'); DROP TABLE t;--");
	assert_true(db_col_null(q, 2));
	assert_int_equal(db_step(q, NULL), 0);
}

static void constraint_is_conflict(void **state)
{
	struct place *p = *state;
	struct err *err = NULL;
	assert_int_equal(add(p->db, "a", NULL), 1);
	assert_int_equal(add(p->db, "a", &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_free(err);
}

static void rolls_back(void **state)
{
	struct place *p = *state;
	assert_int_equal(db_begin(p->db, NULL), 0);
	add(p->db, "a", NULL);
	db_rollback(p->db);
	assert_int_equal(count(p->db), 0);
}

static void nested_rollback_dooms_the_whole(void **state)
{
	struct place *p = *state;
	struct err *err = NULL;
	assert_int_equal(db_begin(p->db, NULL), 0);
	add(p->db, "a", NULL);
	assert_int_equal(db_begin(p->db, NULL), 0);
	add(p->db, "b", NULL);
	db_rollback(p->db);
	assert_int_equal(db_commit(p->db, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_free(err);
	assert_int_equal(count(p->db), 0);
	/* and the lock is free again */
	assert_int_equal(db_begin(p->db, NULL), 0);
	assert_int_equal(db_commit(p->db, NULL), 0);
}

static void migrates_on_and_refuses_newer(void **state)
{
	struct place *p = *state;
	struct err *err = NULL;
	assert_int_equal(db_migrate(p->db, "test", steps, 2, NULL), 0);
	assert_int_equal(db_migrate(p->db, "test", steps, 1, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	err_free(err);
	err = NULL;
	const char *const broken[] = {"CREATE TABLE u(x)", "CREATE NONSENSE"};
	assert_int_equal(db_migrate(p->db, "other", broken, 2, &err), -1);
	err_free(err);
	/* nothing of it stayed */
	assert_int_equal(db_migrate(p->db, "other", broken, 1, NULL), 0);
}

static void refuses_what_is_no_database(void **state)
{
	struct place *p = *state;
	struct err *err = NULL;
	char junk[4096];
	memset(junk, 'x', sizeof(junk));
	assert_int_equal(file_replace(p->dir, "junk.db", junk, sizeof(junk), 0600, false, NULL), 0);
	assert_null(db_open(p->dir, "junk.db", &err));
	assert_non_null(strstr(err->msg, "not a database"));
	err_free(err);
	struct stat st;
	assert_int_equal(fstatat(p->dir, "junk.db", &st, 0), 0);
	assert_int_equal(st.st_size, sizeof(junk));
}

static void is_private(void **state)
{
	struct place *p = *state;
	struct stat st;
	add(p->db, "a", NULL);
	const char *const files[] = {"test.db", "test.db-wal", "test.db-shm"};
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fstatat(p->dir, files[i], &st, 0), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

/* What sqlite3(1) or a backup does: another program opens the database and closes it. Run as main() of a
 * process of its own, as a forked one would believe to have this one's locks. */
static int look(const char *path)
{
	sqlite3 *h;
	return sqlite3_open(path, &h) != SQLITE_OK ||
	       sqlite3_exec(h, "INSERT INTO t(name) VALUES('outside')", NULL, NULL, NULL) !=
		       SQLITE_OK ||
	       sqlite3_close(h) != SQLITE_OK;
}

static void look_from_outside(struct place *p)
{
	char path[96];
	int status;
	snprintf(path, sizeof(path), "%s/test.db", p->path);
	pid_t child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "test_db", path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void shares_the_file_with_other_programs(void **state)
{
	struct place *p = *state;
	struct stat st;
	assert_int_equal(add(p->db, "before", NULL), 1);
	look_from_outside(p);
	/* the one that was not the last to leave has left the log alone */
	assert_int_equal(fstatat(p->dir, "test.db-wal", &st, 0), 0);
	assert_int_equal(add(p->db, "after", NULL), 1);
	assert_int_equal(count(p->db), 3);
	db_close(p->db);
	p->db = db_open(p->dir, "test.db", NULL);
	assert_int_equal(count(p->db), 3);
	auto_db_stmt *q = db_query(p->db, "PRAGMA integrity_check", NULL);
	assert_int_equal(db_step(q, NULL), 1);
	assert_string_equal(db_col_str(q, 0), "ok");
}

static void *add_many(void *arg)
{
	char name[64];
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "%lx-%d", (unsigned long)pthread_self(), i);
		if (db_begin(arg, NULL) < 0)
			return arg;
		add(arg, name, NULL);
		count(arg);
		if (db_commit(arg, NULL) < 0)
			return arg;
	}
	return NULL;
}

static void serves_threads(void **state)
{
	struct place *p = *state;
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, add_many, p->db);
	for (int i = 0; i < 4; i++) {
		void *failed;
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(count(p->db), 200);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return look(argv[1]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(binds_and_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(constraint_is_conflict, setup, teardown),
		cmocka_unit_test_setup_teardown(rolls_back, setup, teardown),
		cmocka_unit_test_setup_teardown(nested_rollback_dooms_the_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(migrates_on_and_refuses_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_database, setup, teardown),
		cmocka_unit_test_setup_teardown(is_private, setup, teardown),
		cmocka_unit_test_setup_teardown(
			shares_the_file_with_other_programs, setup, teardown),
		cmocka_unit_test_setup_teardown(serves_threads, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
