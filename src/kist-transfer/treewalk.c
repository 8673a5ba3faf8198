#include "treewalk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/whiteout.h"
#include "sys/rootpath.h"

#define OPEN_LEVELS_MAX 12 /* of 64 descriptors that the program may have; each level has two */
#define OPEN_LAYERS_MAX 240 /* with several layers: folders of them that are open at a time */
#define LISTINGS_ROOM (24u << 20)

typedef unsigned __int128 layer_set; /* bit i: layer i, 0 the topmost one */
static_assert(WALK_LAYERS_MAX <= 128, "a bit for each layer");

struct walk_level {
	int upper; /* open folder, or -1 */
	int *below; /* open folders, or -1; NULL until the first one is opened */
	bool has_upper;
	layer_set layers; /* those that have it as a folder, and do not hide it from each other */
	bool looked; /* until then: those that may have it */
	unsigned int listed;
	size_t path_len; /* of the folder in walk.path */
	struct listing names;
};

void walk_init(struct tree_walk *w, int upper, const int *below, size_t count, unsigned int listed)
{
	*w = (struct tree_walk){
		.upper = upper,
		.below = below,
		.below_count = count,
		.open_levels = OPEN_LEVELS_MAX,
		.max_entries = UINT64_MAX,
		.listing_room = LISTING_ROOM,
		.listings_room = LISTINGS_ROOM,
	};
	if (count > 1) {
		size_t n = OPEN_LAYERS_MAX / count;
		w->open_levels = n < 2 ? 2 : n > OPEN_LEVELS_MAX ? OPEN_LEVELS_MAX : n;
	}
	walk_enter(w, upper >= 0, count > 0, listed);
}

void walk_limit(struct tree_walk *w, uint64_t entries, size_t listing_room, size_t listings_room)
{
	w->max_entries = entries;
	if (listing_room)
		w->listing_room = w->levels[0].names.room = listing_room;
	if (listings_room)
		w->listings_room = listings_room;
}

static void close_level(struct tree_walk *w, struct walk_level *l)
{
	fd_close(l->upper);
	l->upper = -1;
	for (size_t i = 0; l->below && i < w->below_count; i++)
		fd_close(l->below[i]);
	free(l->below);
	l->below = NULL;
}

static void leave(struct tree_walk *w)
{
	struct walk_level *l = &w->levels[--w->depth];
	close_level(w, l);
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
	return whiteout_is(st);
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
	layer_set all = w->depth	       ? w->levels[w->depth - 1].layers
			: w->below_count < 128 ? ((layer_set)1 << w->below_count) - 1
					       : ~(layer_set)0;
	struct walk_level *l = &w->levels[w->depth];
	*l = (struct walk_level){
		.upper = -1,
		.has_upper = upper,
		.layers = lower ? all : 0,
		.listed = listed,
		.path_len = strlen(w->path),
	};
	listing_init(&l->names);
	l->names.room = w->listing_room;
	w->depth++;
	/* so only the innermost ones are ever open; it is opened again when the walk is back */
	if (w->depth > w->open_levels)
		close_level(w, &w->levels[w->depth - 1 - w->open_levels]);
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

/* The layers from @i on are hidden by one above. */
static void cut(struct walk_level *l, size_t i)
{
	if (i < 128)
		l->layers &= ((layer_set)1 << i) - 1;
}

/* The folder in layer @i: does the layer have it, and does it hide it in those below? */
static int look_into_layer(struct tree_walk *w, struct walk_level *l, size_t i, struct err **err)
{
	errno = 0;
	if (open_folder(w->below[i], w->path, &l->below[i], err) < 0)
		return -1;
	if (l->below[i] < 0) {
		/* a whiteout, or a file */
		if (errno == ENOTDIR || errno == ELOOP)
			cut(l, i);
		l->layers &= ~((layer_set)1 << i);
		return 0;
	}
	if (l->looked || w->below_count == 1)
		return 0;
	int opaque = walk_is_opaque(l->below[i]);
	if (opaque < 0)
		return err_sys(err, errno, "read an attribute of \"%.256s\"", w->path);
	if (opaque)
		cut(l, i + 1);
	return 0;
}

static int open_below(struct tree_walk *w, struct walk_level *l, struct err **err)
{
	l->below = xreallocarray(NULL, w->below_count, sizeof(*l->below));
	for (size_t i = 0; i < w->below_count; i++)
		l->below[i] = -1;
	for (size_t i = 0; i < w->below_count; i++)
		if (l->layers >> i & 1 && look_into_layer(w, l, i, err) < 0)
			return -1;
	l->looked = true;
	return 0;
}

static int open_level(struct tree_walk *w, struct walk_level *l, struct err **err)
{
	if (l->has_upper && l->upper < 0 && open_folder(w->upper, w->path, &l->upper, err) < 0)
		return -1;
	return l->layers && !l->below ? open_below(w, l, err) : 0;
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

/* The topmost layer that has the name decides. */
static int look_below(struct tree_walk *w, const struct walk_level *l, const char *name,
	struct walk_entry *e, struct err **err)
{
	for (size_t i = 0; l->below && !e->in_lower && i < w->below_count; i++) {
		if (look(l->below[i], name, &e->lower, &e->in_lower, err) < 0)
			return -1;
		e->lower_dir = l->below[i];
	}
	if (e->in_lower && !w->literal && walk_is_whiteout(&e->lower))
		e->in_lower = false;
	return 0;
}

static int describe(struct tree_walk *w, const struct walk_level *l, const char *name,
	struct walk_entry *e, struct err **err)
{
	*e = (struct walk_entry){.upper_dir = l->upper, .lower_dir = -1, .depth = w->depth};
	if (look(l->upper, name, &e->upper, &e->in_upper, err) < 0 ||
		look_below(w, l, name, e, err) < 0)
		return -1;
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
		int r = listing_next(&l->names, l->listed & IN_UPPER ? l->upper : -1, l->below,
			l->below && l->listed & IN_LOWER ? w->below_count : 0, &name, &where, err);
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
