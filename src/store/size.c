/* Sizes. */
#include "store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/rootpath.h"

#define DEPTH_MAX 4096

static int64_t sum_of(struct store *s, const char *sql, const char *key, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, sql, err);
	if (!q)
		return -1;
	if (key)
		db_bind_str(q, 1, key);
	int r = db_step(q, err);
	return r < 0 ? -1 : r == 1 ? db_col_i64(q, 0) : 0;
}

int64_t store_layers_size(struct store *s, struct err **err)
{
	return sum_of(s, "SELECT COALESCE(SUM(size), 0) FROM layers", NULL, err);
}

int64_t store_snapshot_size_lower(struct store *s, const char *id, struct err **err)
{
	return sum_of(s,
		"SELECT COALESCE(SUM(layers.size), 0) FROM snapshot_layers "
		"JOIN layers ON layers.id = snapshot_layers.layer WHERE snapshot = ?",
		id, err);
}

/* The folders being walked: paths from the root, so that depth costs no descriptors. */
struct walk {
	int root;
	char **todo; /* folders still to be read */
	size_t count, room;
	ino_t *seen; /* hash table of inodes with several names that were counted; 0 is free */
	size_t seen_count, seen_room;
	int64_t bytes;
};

static void push(struct walk *w, char *path)
{
	if (w->count == w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->todo = xreallocarray(w->todo, w->room, sizeof(*w->todo));
	}
	w->todo[w->count++] = path;
}

/* Puts @ino into the table of @room slots, a power of two; false if it was there. */
static bool seen_put(ino_t *seen, size_t room, ino_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15ull) & (room - 1);
	for (; seen[i]; i = (i + 1) & (room - 1))
		if (seen[i] == ino)
			return false;
	seen[i] = ino;
	return true;
}

static bool seen_before(struct walk *w, const struct stat *st)
{
	if (st->st_nlink < 2)
		return false;
	if (2 * w->seen_count >= w->seen_room) {
		size_t room = w->seen_room ? 2 * w->seen_room : 64;
		ino_t *bigger = xcalloc(room, sizeof(*bigger));
		for (size_t i = 0; i < w->seen_room; i++)
			if (w->seen[i])
				seen_put(bigger, room, w->seen[i]);
		free(w->seen);
		w->seen = bigger;
		w->seen_room = room;
	}
	if (!seen_put(w->seen, w->seen_room, st->st_ino))
		return true;
	w->seen_count++;
	return false;
}

static int read_folder(struct walk *w, const char *path, struct err **err)
{
	int fd = beneath_open(w->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int saved = errno;
		close(fd);
		/* the container runs on and may have removed it */
		return saved == ENOENT || saved == ENOTDIR || saved == ELOOP
			       ? 0
			       : err_sys(err, saved, "read folder %s", path);
	}
	struct dirent *e;
	struct stat st;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while ((e = readdir(d))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && strlen(path) < DEPTH_MAX)
			push(w, xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name));
		else if (S_ISREG(st.st_mode) && !seen_before(w, &st))
			w->bytes += st.st_size;
	}
	closedir(d);
	return 0;
}

int64_t store_snapshot_size_rw(struct store *s, const char *id, struct err **err)
{
	auto_free char *path = xasprintf("%s/upper", id);
	auto_fd int root = beneath_open(s->containers, path, O_RDONLY | O_DIRECTORY, 0);
	if (root < 0)
		return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"file system of container %s", id);
	struct walk w = {.root = root};
	int r = read_folder(&w, "", err);
	while (r == 0 && w.count) {
		auto_free char *next = w.todo[--w.count];
		r = read_folder(&w, next, err);
	}
	while (w.count)
		free(w.todo[--w.count]);
	free(w.todo);
	free(w.seen);
	return r < 0 ? -1 : w.bytes;
}
