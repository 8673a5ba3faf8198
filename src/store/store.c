#include "driver.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define LOCK_WAIT_NS (2 * TIME_NS_PER_SEC)

static int make_folder(int dir, const char *name, mode_t mode, int *out, struct err **err)
{
	if (dir_make(dir, name, mode, err) < 0)
		return -1;
	*out = dir_open(dir, name, err);
	return *out < 0 ? -1 : 0;
}

/* Other users may pass through the data root (0710) at most, and see nothing below it: setuid
 * programs of images lie there (CVE-2021-41091, CVE-2024-25621). */
static int make_folders(struct store *s, struct err **err)
{
	int empty = -1;
	if (make_folder(AT_FDCWD, s->root_path, 0710, &s->root, err) < 0)
		return -1;
	if (fchmod(s->root, 0710) < 0)
		return err_sys(err, errno, "change the mode of %s", s->root_path);
	if (dir_make(s->root, "content", 0700, err) < 0 ||
		make_folder(s->root, "content/sha256", 0700, &s->content, err) < 0 ||
		make_folder(s->root, "ingest", 0700, &s->ingest, err) < 0 ||
		make_folder(s->root, "layers", 0700, &s->layers, err) < 0 ||
		make_folder(s->root, "recipes", 0700, &s->recipes, err) < 0 ||
		make_folder(s->root, "containers", 0710, &s->containers, err) < 0 ||
		make_folder(s->root, "staging", 0700, &s->staging, err) < 0 ||
		make_folder(s->layers, "empty", 0755, &empty, err) < 0)
		return -1;
	close(empty);
	return 0;
}

/* A child of a killed daemon may hold the lock between its fork and its exec: wait a moment. */
static int lock_root(struct store *s, struct err **err)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int64_t end = time_mono() + LOCK_WAIT_NS;
	while (flock(s->root, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, errno, "lock %s", s->root_path);
		if (time_mono() > end)
			return err_set(err, ERR_CONFLICT, "%s is in use by another process of kist",
				s->root_path);
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int open_all(struct store *s, const char *driver, struct err **err)
{
	if (s->root_path[0] != '/')
		return err_set(
			err, ERR_INVALID, "data root \"%s\" is not an absolute path", s->root_path);
	if (make_folders(s, err) < 0 || lock_root(s, err) < 0)
		return -1;
	s->db = db_open(s->root, "kist.db", err);
	if (!s->db || schema_migrate(s->db, err) < 0 || store_clean(s, err) < 0)
		return -1;
	s->driver = driver_choose(s, driver, err);
	return s->driver ? 0 : -1;
}

struct store *store_open(const struct store_options *options, struct err **err)
{
	struct store *s = xcalloc(1, sizeof(*s));
	s->root = s->content = s->ingest = s->layers = s->recipes = s->containers = s->staging = -1;
	s->root_path = xstrdup(options->data_root);
	s->transfer_path = xstrdup_null(options->transfer_path);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->ingest_lock, NULL);
	if (open_all(s, options->driver, err) < 0) {
		err_wrap(err, "open the store");
		store_close(s);
		return NULL;
	}
	return s;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	db_close(s->db);
	fd_close(s->content);
	fd_close(s->ingest);
	fd_close(s->layers);
	fd_close(s->recipes);
	fd_close(s->containers);
	fd_close(s->staging);
	fd_close(s->root);
	while (s->pins) {
		struct pin *p = s->pins;
		s->pins = p->next;
		free(p);
	}
	pthread_mutex_destroy(&s->ingest_lock);
	pthread_mutex_destroy(&s->lock);
	free(s->root_path);
	free(s->transfer_path);
	free(s);
}

const char *store_driver_name(const struct store *s)
{
	return s->driver->name;
}

struct db *store_db(struct store *s)
{
	return s->db;
}

int store_root_fd(struct store *s)
{
	return s->root;
}

int store_containers_fd(struct store *s)
{
	return s->containers;
}
