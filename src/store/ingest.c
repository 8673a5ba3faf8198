/*
 * Partial downloads: ingest/<hex>, and which pull has which.
 *
 * A file is only ever appended to, by one program at a time: its owner's descriptor carries a lock (flock) which the
 * program that downloads shares, so that a registry program that outlives its daemon for a moment keeps the next one
 * waiting. What is in a file is never trusted; it is hashed whenever it is read. Nor does a blob get its name while anybody
 * has that lock (ingest_settle()): they could append to it afterwards.
 */
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
#include "pull_private.h"

#define LOCK_WAIT_NS (10 * TIME_NS_PER_SEC)

/* ---- sharing ---- */

static void wake_others(struct ingest *g, const struct store_pull *self)
{
	for (struct store_pull *p = g->store->pulls; p; p = p->next) {
		bool waits = false;
		for (size_t i = 0; p != self && !waits && i < p->count; i++)
			waits = p->layers[i].ingest == g;
		if (waits)
			pull_wake(p);
	}
}

static bool claim_locked(struct ingest *g, struct store_pull *pull, int64_t size)
{
	if (g->done || g->owner)
		return g->owner == pull;
	g->owner = pull;
	g->size = size;
	g->resumed = true;
	return true;
}

struct ingest *ingest_join(
	struct store_pull *pull, const struct digest *blob, int64_t size, bool *mine)
{
	struct store *s = pull->store;
	pthread_mutex_lock(&s->ingest_lock);
	struct ingest *g = s->ingests;
	while (g && !str_eq(g->blob.str, blob->str))
		g = g->next;
	if (!g) {
		g = xcalloc(1, sizeof(*g));
		*g = (struct ingest){
			.store = s, .blob = *blob, .next = s->ingests, .fd = -1, .compression = ""};
		s->ingests = g;
	}
	g->refs++;
	*mine = claim_locked(g, pull, size);
	pthread_mutex_unlock(&s->ingest_lock);
	return g;
}

bool ingest_claim(struct ingest *g, struct store_pull *pull, int64_t size)
{
	pthread_mutex_lock(&g->store->ingest_lock);
	bool mine = claim_locked(g, pull, size);
	pthread_mutex_unlock(&g->store->ingest_lock);
	return mine;
}

static void release_locked(struct ingest *g, struct store_pull *pull)
{
	if (g->owner != pull)
		return;
	fd_close(g->fd);
	g->fd = -1;
	g->owner = NULL;
	wake_others(g, pull);
}

void ingest_release(struct ingest *g, struct store_pull *pull)
{
	pthread_mutex_lock(&g->store->ingest_lock);
	release_locked(g, pull);
	pthread_mutex_unlock(&g->store->ingest_lock);
}

/* Nothing to go on with, or no room to: that would only keep the disk full. */
static bool pointless(const struct ingest *g)
{
	struct stat st;
	uint64_t room;
	if (g->done ||
		fstatat(g->store->ingest, digest_hex(&g->blob), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return st.st_size == 0 ||
	       (st.st_size < g->size && transfer_room(g->store->ingest, &room, NULL) == 0 &&
		       room < (uint64_t)(g->size - st.st_size));
}

void ingest_refuse(struct ingest *g, const struct digest *diff_id, const struct err *why)
{
	pthread_mutex_lock(&g->store->ingest_lock);
	err_set(&g->refused, why->kind, "%s", err_msg(why));
	g->refused->sys = why->sys;
	g->refused_as = *diff_id;
	wake_others(g, g->owner);
	pthread_mutex_unlock(&g->store->ingest_lock);
}

int ingest_refused(struct ingest *g, const struct digest *diff_id, struct err **why)
{
	pthread_mutex_lock(&g->store->ingest_lock);
	bool refused = g->refused && str_eq(g->refused_as.str, diff_id->str);
	if (refused) {
		err_set(why, g->refused->kind, "%s", err_msg(g->refused));
		if (why)
			(*why)->sys = g->refused->sys;
	}
	pthread_mutex_unlock(&g->store->ingest_lock);
	return refused;
}

void ingest_leave(struct ingest *g, struct store_pull *pull)
{
	struct store *s = g->store;
	pthread_mutex_lock(&s->ingest_lock);
	release_locked(g, pull);
	bool last = --g->refs == 0;
	/* as long as the lock is held nobody can begin it anew */
	if (last && (g->refused || pull->hopeless || pointless(g)))
		ingest_forget_file(s, &g->blob);
	for (struct ingest **at = &s->ingests; last && *at; at = &(*at)->next)
		if (*at == g) {
			*at = g->next;
			break;
		}
	pthread_mutex_unlock(&s->ingest_lock);
	if (!last)
		return;
	staging_remove(s, g->folder);
	err_free(g->refused);
	free(g);
}

void ingest_grown(struct ingest *g, int64_t there)
{
	pthread_mutex_lock(&g->store->ingest_lock);
	g->there = there;
	if (g->refs > 1)
		wake_others(g, g->owner);
	pthread_mutex_unlock(&g->store->ingest_lock);
}

void ingest_finish(struct ingest *g, const struct staged_layer *staged, const char *folder,
	const char *compression)
{
	pthread_mutex_lock(&g->store->ingest_lock);
	g->done = true;
	g->staged = *staged;
	strcpy(g->folder, folder);
	g->compression = compression;
	release_locked(g, g->owner);
	pthread_mutex_unlock(&g->store->ingest_lock);
}

/* ---- the file ---- */

int64_t ingest_look(struct ingest *g)
{
	struct stat st;
	const char *name = digest_hex(&g->blob);
	if (fstatat(g->store->ingest, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISREG(st.st_mode) && st.st_size <= g->size)
		return st.st_size;
	ingest_discard(g); /* longer than it may be: what follows the end was never hashed */
	return 0;
}

static int wait_lock(int fd, int how)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	int64_t end = time_mono() + LOCK_WAIT_NS;
	while (flock(fd, how | LOCK_NB) < 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) || time_mono() > end)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int ingest_open(struct ingest *g, int64_t *offset, struct err **err)
{
	struct stat st;
	if (g->fd < 0) {
		g->resumed = ingest_look(g) > 0;
		auto_fd int fd = openat(g->store->ingest, digest_hex(&g->blob),
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 || wait_lock(fd, LOCK_EX) < 0)
			return err_sys(err, errno, "open the download of %s", g->blob.str);
		g->fd = steal_fd(&fd);
	}
	if (fstat(g->fd, &st) < 0)
		return err_sys(err, errno, "open the download of %s", g->blob.str);
	if (st.st_size > g->size) {
		if (ftruncate(g->fd, 0) < 0)
			return err_sys(err, errno, "begin the download of %s anew", g->blob.str);
		st.st_size = 0;
	}
	*offset = st.st_size;
	return 0;
}

int ingest_read_fd(struct ingest *g, struct err **err)
{
	int fd = openat(g->store->ingest, digest_hex(&g->blob), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open the download of %s", g->blob.str);
	return fd;
}

int ingest_settle(struct store *s, const struct digest *blob, struct err **err)
{
	auto_fd int fd = openat(s->ingest, digest_hex(blob), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return INGEST_GONE;
	if (fd < 0)
		return err_sys(err, errno, "open the download of %s", blob->str);
	/* shared: another pull may be naming it, too */
	if (wait_lock(fd, LOCK_SH) < 0)
		return err_set(err, ERR_CONFLICT,
			"layer %s is still held by a program that may write to it", blob->str);
	return steal_fd(&fd);
}

void ingest_discard(struct ingest *g)
{
	fd_close(g->fd);
	g->fd = -1;
	g->resumed = false;
	unlinkat(g->store->ingest, digest_hex(&g->blob), 0);
}

void ingest_forget_file(struct store *s, const struct digest *blob)
{
	unlinkat(s->ingest, digest_hex(blob), 0);
}

/* ---- what nobody goes on with ---- */

static int is_kept(struct store *s, const char *hex, struct err **err)
{
	auto_db_stmt *q = db_query(s->db,
		"SELECT 1 FROM blobs WHERE digest = ?1 UNION SELECT 1 FROM layers WHERE diff_id = "
		"?1",
		err);
	if (!q)
		return -1;
	auto_free char *digest = xasprintf("sha256:%s", hex);
	db_bind_str(q, 1, digest);
	return db_step(q, err);
}

/* With the lock held: then no pull begins with it either. */
static bool in_use(const struct store *s, const char *hex)
{
	const struct ingest *g = s->ingests;
	while (g && !str_eq(digest_hex(&g->blob), hex))
		g = g->next;
	return g;
}

static bool is_older(const struct stat *st, int64_t until)
{
	return st->st_mtim.tv_sec * TIME_NS_PER_SEC + st->st_mtim.tv_nsec <= until;
}

/* Moved away under the lock; what takes long comes later. *trash is "" if it stays. */
static int take_away(struct store *s, const char *name, int64_t until, int64_t *bytes,
	char trash[STAGING_NAME], struct err **err)
{
	struct stat st;
	int r = 0;
	trash[0] = '\0';
	pthread_mutex_lock(&s->ingest_lock);
	if (!in_use(s, name) && fstatat(s->ingest, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		is_older(&st, until)) {
		r = staging_move(s, s->ingest, name, trash, err);
		if (r == 0 && S_ISREG(st.st_mode))
			*bytes += st.st_size;
	}
	pthread_mutex_unlock(&s->ingest_lock);
	return r;
}

static int clean_one(
	struct store *s, const char *name, int64_t until, int64_t *bytes, struct err **err)
{
	char trash[STAGING_NAME];
	auto_err *warn = NULL;
	bool blob = str_all_of(name, "0123456789abcdef", DIGEST_HEX_LEN, DIGEST_HEX_LEN);
	int kept = blob ? is_kept(s, name, err) : 0;
	if (kept < 0)
		return -1;
	/* of no use, however new: what is no blob's, and what is here already */
	if (take_away(s, name, blob && !kept ? until : INT64_MAX, bytes, trash, &warn) < 0)
		log_warn("clean up: %s", warn->msg);
	staging_remove(s, trash);
	return 0;
}

static int clean(struct store *s, int64_t until, int64_t *bytes, struct err **err)
{
	auto_strv names = NULL;
	*bytes = 0;
	if (clean_list(s->ingest, &names, err) < 0)
		return -1;
	for (size_t i = 0; names && names[i]; i++)
		if (clean_one(s, names[i], until, bytes, err) < 0)
			return -1;
	return 0;
}

int ingest_clean(struct store *s, struct err **err)
{
	int64_t bytes;
	return clean(s, time_now() - STORE_DOWNLOAD_KEEP_NS, &bytes, err);
}

int64_t store_downloads_prune(struct store *s, int64_t until)
{
	int64_t bytes;
	auto_err *err = NULL;
	if (clean(s, until, &bytes, &err) < 0)
		log_warn("remove downloads that nobody goes on with: %s", err->msg);
	return bytes;
}
