#include "sys/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

#define OPEN_FOLDERS 16
#define SEEN_ROOM_MAX (2u << 20) /* slots: 16 MiB */
#define BLOCK 512 /* of st_blocks, whatever the file system's own are */

/* A folder on the way to the present one. Of those far above only the place is kept where reading goes on. */
struct level {
	DIR *dir; /* NULL: closed for now */
	long at;
	ino_t ino;
};

struct walk {
	dev_t dev; /* mounts are not entered */
	struct level *levels;
	size_t depth, room;
	ino_t *seen; /* hash table of inodes with several names that were counted; 0 is free */
	size_t seen_count, seen_room;
	struct usage *out;
};

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

/* Makes room for one more; false if the table is as large as it may be. */
static bool seen_grow(struct walk *w)
{
	if (2 * w->seen_count < w->seen_room)
		return true;
	size_t room = w->seen_room ? 2 * w->seen_room : 64;
	if (room > SEEN_ROOM_MAX)
		return false;
	ino_t *bigger = xcalloc(room, sizeof(*bigger));
	for (size_t i = 0; i < w->seen_room; i++)
		if (w->seen[i])
			seen_put(bigger, room, w->seen[i]);
	free(w->seen);
	w->seen = bigger;
	w->seen_room = room;
	return true;
}

static void count(struct walk *w, const struct stat *st)
{
	int64_t names = 1;
	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1) {
		/* beyond a million such files each name counts for its part: the same, where all names are here */
		if (!seen_grow(w))
			names = (int64_t)st->st_nlink;
		else if (!seen_put(w->seen, w->seen_room, st->st_ino))
			return;
		else
			w->seen_count++;
	}
	w->out->disk += (int64_t)st->st_blocks * BLOCK / names;
	/* sparse files may claim any length */
	if (S_ISREG(st->st_mode) &&
		__builtin_add_overflow(w->out->bytes, (int64_t)st->st_size / names, &w->out->bytes))
		w->out->bytes = INT64_MAX;
}

static bool has_gone(int error)
{
	return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/* Enters the folder that @fd, which is taken, is open at. */
static int push(struct walk *w, int fd, struct err **err)
{
	struct stat st;
	DIR *d = fstat(fd, &st) < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int saved = errno;
		close(fd);
		return err_sys(err, saved, "read a folder");
	}
	if (w->depth == w->room) {
		w->room = w->room ? 2 * w->room : 64;
		w->levels = xreallocarray(w->levels, w->room, sizeof(*w->levels));
	}
	w->levels[w->depth++] = (struct level){.dir = d, .ino = st.st_ino};
	/* the first stays open: nothing above it may be looked at */
	struct level *far =
		w->depth > OPEN_FOLDERS + 1 ? &w->levels[w->depth - 1 - OPEN_FOLDERS] : NULL;
	if (far && far->dir) {
		far->at = telldir(far->dir);
		closedir(far->dir);
		far->dir = NULL;
	}
	return 0;
}

/* Leaves the present folder; the one above is opened again if it has to be, and is left, too, if it is another now. */
static void pop(struct walk *w)
{
	DIR *below = w->levels[--w->depth].dir;
	struct level *l = w->depth ? &w->levels[w->depth - 1] : NULL;
	struct stat st;
	if (l && !l->dir) {
		int fd = openat(dirfd(below), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		bool same = fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == l->ino &&
			    st.st_dev == w->dev;
		l->dir = same ? fdopendir(fd) : NULL;
		if (l->dir)
			seekdir(l->dir, l->at);
		else
			fd_close(fd);
	}
	closedir(below);
	/* moved while it was read: what is above cannot be found again but by one that is open */
	while (w->depth && !w->levels[w->depth - 1].dir)
		w->depth--;
}

static int enter(struct walk *w, DIR *from, const char *name, struct err **err)
{
	int fd = openat(dirfd(from), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return has_gone(errno) ? 0 : err_sys(err, errno, "open folder %s", name);
	return push(w, fd, err);
}

/* The next name of the present folder. */
static int step(struct walk *w, struct err **err)
{
	DIR *d = w->levels[w->depth - 1].dir;
	struct stat st;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	struct dirent *e = readdir(d);
	if (!e) {
		pop(w);
		return 0;
	}
	if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
		fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	w->out->files++;
	if (st.st_dev != w->dev)
		return 0;
	count(w, &st);
	return S_ISDIR(st.st_mode) ? enter(w, d, e->d_name, err) : 0;
}

int usage_add(int dir, const char *name, struct usage *out, struct err **err)
{
	struct stat st;
	struct walk w = {.out = out};
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return has_gone(errno) ? 0 : err_sys(err, errno, "%s", name);
	w.dev = st.st_dev;
	count(&w, &st);
	if (!S_ISDIR(st.st_mode)) {
		out->files++;
		return 0;
	}
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return has_gone(errno) ? 0 : err_sys(err, errno, "open folder %s", name);
	int r = push(&w, fd, err);
	while (r == 0 && w.depth)
		r = step(&w, err);
	while (w.depth)
		if (w.levels[--w.depth].dir)
			closedir(w.levels[w.depth].dir);
	free(w.levels);
	free(w.seen);
	return r;
}
