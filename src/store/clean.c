/*
 * What a killed process leaves, and what becomes of it at the next start:
 *
 *	staging/<random>       unpacked or thrown away half-way: removed
 *	layers/<hex>           renamed into place, its row never committed: removed
 *	recipes/<hex>          the same
 *	content/sha256/<hex>   the same
 *	ingest/<hex>           a download that was broken off: kept for a week, the next pull goes on (a daemon that
 *	                       runs for long looks for older ones, too: engine/tidy.c)
 *	containers/<id>        made, its row never committed, or row removed and folder not: removed
 *	rows of layers         that no image and no container has: removed with their folder
 */
#include "store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define TRANSFER_WAIT_NS (10 * TIME_NS_PER_SEC)

int clean_list(int dir, char ***names, struct err **err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return err_sys(err, errno, "read a folder of the store");
	}
	struct dirent *e;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while ((e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			strv_add(names, e->d_name);
	closedir(d);
	return 0;
}

static bool wait_lock(int dir)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int64_t end = time_mono() + TRANSFER_WAIT_NS;
	while (flock(dir, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || time_mono() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* kist-transfer is killed with its daemon, and its children with it, but that may take a moment: they hold locks until
 * then, it of the whole folder, each child of one folder in it. */
bool staging_unused(struct store *s, const char *name)
{
	auto_fd int dir = openat(s->staging, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return true; /* a file: nobody works in it */
	auto_strv names = NULL;
	bool unused = wait_lock(dir) && clean_list(dir, &names, NULL) == 0;
	for (size_t i = 0; unused && names && names[i]; i++) {
		auto_fd int work = -1;
		if (str_starts(names[i], "work."))
			work = openat(
				dir, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		unused = work < 0 || wait_lock(work);
	}
	return unused;
}

static int clean_staging(struct store *s, struct err **err)
{
	auto_strv names = NULL;
	if (clean_list(s->staging, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		if (staging_unused(s, names[i]))
			staging_remove(s, names[i]);
		else
			log_warn("staging folder %s is still in use", names[i]);
	}
	return 0;
}

/* Removes what lies in @dir and has no row; @prefix goes before a name to make the key. */
static int clean_folder(struct store *s, int dir, const char *sql, const char *prefix,
	const char *keep, struct err **err)
{
	auto_strv names = NULL;
	if (clean_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++) {
		if (str_eq(names[i], keep))
			continue;
		auto_free char *key = xasprintf("%s%s", prefix, names[i]);
		struct db_stmt *q = db_query(s->db, sql, err);
		if (!q)
			return -1;
		db_bind_str(q, 1, key);
		int r = db_step(q, err);
		db_end(q);
		if (r < 0)
			return -1;
		auto_err *warn = NULL;
		if (r == 0 && staging_trash(s, dir, names[i], &warn) < 0)
			log_warn("clean up: %s", warn->msg);
	}
	return 0;
}

/* Blobs that were there before there was a table of them. */
static int measure_blobs(struct store *s, struct err **err)
{
	auto_strv digests = NULL;
	int r = db_strings(s->db, "SELECT digest FROM blobs WHERE size < 0", NULL, &digests, err);
	for (size_t i = 0; r == 0 && digests && digests[i]; i++) {
		struct stat st;
		if (fstatat(s->content, str_after(digests[i], "sha256:"), &st, 0) < 0)
			continue; /* system check tells */
		int64_t size = st.st_size;
		if (db_exec(s->db, err, "UPDATE blobs SET size = ? WHERE digest = ?", "is", size,
			    digests[i]) < 0 ||
			db_exec(s->db, err,
				"UPDATE image_blobs SET size = ? WHERE digest = ? AND size < 0",
				"is", size, digests[i]) < 0)
			r = -1;
	}
	return r;
}

int store_clean(struct store *s, struct err **err)
{
	if (clean_staging(s, err) < 0 ||
		clean_folder(s, s->containers, "SELECT 1 FROM snapshots WHERE id = ?", "", "",
			err) < 0 ||
		clean_folder(s, s->layers, "SELECT 1 FROM layers WHERE diff_id = ?",
			"sha256:", "empty", err) < 0 ||
		clean_folder(s, s->recipes, "SELECT 1 FROM layers WHERE diff_id = ?", "sha256:", "",
			err) < 0 ||
		clean_folder(s, s->content, "SELECT 1 FROM blobs WHERE digest = ?", "sha256:", "",
			err) < 0 ||
		measure_blobs(s, err) < 0 || ingest_clean(s, err) < 0)
		return err_wrap(err, "clean up after the last run");
	store_gc(s);
	return 0;
}
