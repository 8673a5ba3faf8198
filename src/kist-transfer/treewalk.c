#include "treewalk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/rootpath.h"

#define OPEN_LEVELS_MAX 12 /* of 64 descriptors that the program may have; each level has two */
#define LISTINGS_ROOM (24u << 20)

struct walk_level {
	int upper, lower; /* open folders, or -1 */
	bool has_upper, has_lower;
	unsigned int listed;
	size_t path_len; /* of the folder in walk.path */
	struct listing names;
};

void walk_init(struct tree_walk *w, int upper, int lower, unsigned int listed)
{
	*w = (struct tree_walk){
		.upper = upper,
		.lower = lower,
		.max_entries = UINT64_MAX,
		.listing_room = LISTING_ROOM,
		.listings_room = LISTINGS_ROOM,
	};
	walk_enter(w, upper >= 0, lower >= 0, listed);
}

void walk_limit(struct tree_walk *w, uint64_t entries, size_t listing_room, size_t listings_room)
{
	w->max_entries = entries;
	if (listing_room)
		w->listing_room = w->levels[0].names.room = listing_room;
	if (listings_room)
		w->listings_room = listings_room;
}

static void close_level(struct walk_level *l)
{
	fd_close(l->upper);
	fd_close(l->lower);
	l->upper = l->lower = -1;
}

static void leave(struct tree_walk *w)
{
	struct walk_level *l = &w->levels[--w->depth];
	close_level(l);
	listing_free(&l->names);
	w->path[w->depth ? w->levels[w->depth - 1].path_len : 0] = '\0';
}

void walk_free(struct tree_walk *w)
{
	while (w->depth)
		leave(w);
	free(w->levels);
	w->levels = NULL;
}

bool walk_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

int walk_is_opaque(int folder)
{
	char value[2];
	ssize_t n = fgetxattr(folder, "trusted.overlay.opaque", value, sizeof(value));
	if (n < 0)
		return errno == ENODATA || errno == ENOTSUP || errno == ERANGE ? 0 : -1;
	return n == 1 && value[0] == 'y';
}

void walk_enter(struct tree_walk *w, bool upper, bool lower, unsigned int listed)
{
	if (w->depth == w->levels_room) {
		w->levels_room = w->levels_room ? 2 * w->levels_room : 16;
		w->levels = xreallocarray(w->levels, w->levels_room, sizeof(*w->levels));
	}
	struct walk_level *l = &w->levels[w->depth];
	*l = (struct walk_level){
		.upper = -1,
		.lower = -1,
		.has_upper = upper,
		.has_lower = lower,
		.listed = listed,
		.path_len = strlen(w->path),
	};
	listing_init(&l->names);
	l->names.room = w->listing_room;
	w->depth++;
	/* so only the innermost ones are ever open; it is opened again when the walk is back */
	if (w->depth > OPEN_LEVELS_MAX)
		close_level(&w->levels[w->depth - 1 - OPEN_LEVELS_MAX]);
}

static bool vanished(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP || errnum == ESTALE ||
	       errnum == EXDEV;
}

/* 0, also when the folder has vanished: then it has no names. */
static int open_folder(int root, const char *path, int *out, struct err **err)
{
	*out = beneath_open(root, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (*out < 0 && !vanished(errno))
		return err_sys(err, errno, "open folder \"%.256s\"", path);
	return 0;
}

static int open_level(struct tree_walk *w, struct walk_level *l, struct err **err)
{
	if (l->has_upper && l->upper < 0 && open_folder(w->upper, w->path, &l->upper, err) < 0)
		return -1;
	if (l->has_lower && l->lower < 0 && open_folder(w->lower, w->path, &l->lower, err) < 0)
		return -1;
	return 0;
}

/* The listings of the innermost folders stay, the others can be read again. */
static void make_room(struct tree_walk *w)
{
	size_t held = 0;
	for (size_t i = w->depth; i-- > 0;) {
		held += listing_held(&w->levels[i].names);
		if (held > w->listings_room && i + 1 < w->depth)
			listing_drop(&w->levels[i].names);
	}
}

static int look(int dir, const char *name, struct stat *st, bool *found, struct err **err)
{
	*found = dir >= 0 && fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0;
	if (dir >= 0 && !*found && !vanished(errno))
		return err_sys(err, errno, "look at \"%.256s\"", name);
	return 0;
}

static int set_path(struct tree_walk *w, size_t folder, const char *name, struct err **err)
{
	size_t n = strlen(name);
	if (folder + 1 + n + 2 > NAME_ROOM)
		return err_set(err, ERR_TOO_LARGE, "path longer than %d bytes below \"%.64s...\"",
			NAME_ROOM - 2, w->path);
	if (folder)
		w->path[folder++] = '/';
	memcpy(w->path + folder, name, n + 1);
	return 0;
}

static int describe(struct tree_walk *w, const struct walk_level *l, const char *name,
	struct walk_entry *e, struct err **err)
{
	*e = (struct walk_entry){.upper_dir = l->upper, .lower_dir = l->lower, .depth = w->depth};
	if (look(l->upper, name, &e->upper, &e->in_upper, err) < 0 ||
		look(l->lower, name, &e->lower, &e->in_lower, err) < 0)
		return -1;
	if (e->in_lower && !w->literal && walk_is_whiteout(&e->lower))
		e->in_lower = false;
	if (!e->in_upper && !e->in_lower)
		return 0;
	if (++w->entries > w->max_entries)
		return err_set(err, ERR_TOO_LARGE, "container has more than %llu files",
			(unsigned long long)w->max_entries);
	if (set_path(w, l->path_len, name, err) < 0)
		return -1;
	e->path = w->path;
	e->name = w->path + (l->path_len ? l->path_len + 1 : 0);
	return 1;
}

int walk_next(struct tree_walk *w, struct walk_entry *e, struct err **err)
{
	while (w->depth) {
		struct walk_level *l = &w->levels[w->depth - 1];
		const char *name;
		unsigned int where;
		w->path[l->path_len] = '\0';
		if (open_level(w, l, err) < 0)
			return -1;
		if (l->names.next == l->names.count)
			make_room(w);
		int r = listing_next(&l->names, l->listed & IN_UPPER ? l->upper : -1,
			l->listed & IN_LOWER ? l->lower : -1, &name, &where, err);
		if (r < 0)
			return err_wrap(err, "\"%.256s\"", w->path);
		if (r == 0) {
			leave(w);
			continue;
		}
		r = describe(w, l, name, e, err);
		if (r != 0)
			return r;
	}
	return 0;
}
