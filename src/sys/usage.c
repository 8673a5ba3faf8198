#include "sys/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "sys/rootpath.h"

#define PATH_LEN_MAX 4096
#define BLOCK 512 /* of st_blocks, whatever the file system's own are */

/* The folders being walked: paths from the root, so that depth costs no descriptors. */
struct walk {
	int root;
	dev_t dev; /* mounts are not entered */
	char **todo; /* folders still to be read */
	size_t count, room;
	ino_t *seen; /* hash table of inodes with several names that were counted; 0 is free */
	size_t seen_count, seen_room;
	struct usage *out;
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

static void count(struct walk *w, const struct stat *st)
{
	if (!S_ISDIR(st->st_mode) && seen_before(w, st))
		return;
	w->out->disk += (int64_t)st->st_blocks * BLOCK;
	/* sparse files may claim any length */
	if (S_ISREG(st->st_mode) &&
		__builtin_add_overflow(w->out->bytes, (int64_t)st->st_size, &w->out->bytes))
		w->out->bytes = INT64_MAX;
}

static bool has_gone(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

static int read_folder(struct walk *w, const char *path, struct err **err)
{
	int fd = beneath_open(w->root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int saved = errno;
		fd_close(fd);
		return has_gone(saved) ? 0 : err_sys(err, saved, "read folder %s", path);
	}
	struct dirent *e;
	struct stat st;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while ((e = readdir(d))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
			fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		w->out->files++;
		if (st.st_dev != w->dev)
			continue;
		count(w, &st);
		if (S_ISDIR(st.st_mode) && strlen(path) < PATH_LEN_MAX)
			push(w, xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name));
	}
	closedir(d);
	return 0;
}

int usage_add(int dir, const char *name, struct usage *out, struct err **err)
{
	struct stat st;
	struct walk w = {.root = -1, .out = out};
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return has_gone(errno) ? 0 : err_sys(err, errno, "%s", name);
	w.dev = st.st_dev;
	count(&w, &st);
	if (!S_ISDIR(st.st_mode)) {
		out->files++;
		return 0;
	}
	auto_fd int root = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (root < 0)
		return has_gone(errno) ? 0 : err_sys(err, errno, "open folder %s", name);
	w.root = root;
	int r = read_folder(&w, "", err);
	while (r == 0 && w.count) {
		auto_free char *next = w.todo[--w.count];
		r = read_folder(&w, next, err);
	}
	while (w.count)
		free(w.todo[--w.count]);
	free(w.todo);
	free(w.seen);
	return r;
}
