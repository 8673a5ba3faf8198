/*
 * Walking an image's layers, all at once.
 *
 * A frame is one folder that is being gone through: what any layer has in it, sorted by name, then by layer.
 * Which layers cut off what lies below a path is a set of bits: those in which a component of the path is a
 * whiteout, something else than a folder, or an opaque folder. An entry of its own in such a layer counts
 * as coming after the cut.
 */
#include "store/tree.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "store/content.h"
#include "store_private.h"
#include "sys/rootpath.h"

#define OPAQUE "trusted.overlay.opaque"
#define PATH_LEN_MAX 4096
#define HELD_MAX                                                                                   \
	(256u << 20) /* bytes of the folders on the way to the present path: an image chooses them */

typedef unsigned __int128 layer_set; /* bit i: layer i */
static_assert(OCI_LAYER_MAX <= 128, "a bit for each layer");

static layer_set bit(unsigned layer)
{
	return (layer_set)1 << layer;
}

/* One layer's entry in a folder. */
struct place {
	size_t name; /* where in the frame's names */
	unsigned layer;
	struct store_node node;
	bool whiteout;
};

struct frame {
	struct place *v;
	size_t count, room, next;
	struct buf names;
	size_t prefix; /* length of the folder's path */
	layer_set cuts;
};

struct store_tree {
	struct store_lease *lease;
	struct digest *diff_ids;
	int *fds; /* of the layers' folders */
	size_t held; /* bytes in the stack's frames */
	unsigned layers;
	struct frame *stack;
	size_t depth, room;
	struct buf path;
	struct store_tree_event *events; /* two for each layer at most */
	char **targets; /* of symlinks, one for each layer */
};

const char *store_change_name(enum store_change change)
{
	static const char *const names[] = {"added", "changed", "removed"};
	return names[change];
}

/* ---- reading folders ---- */

static void node_of(const struct stat *st, struct store_node *out)
{
	bool device = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
	*out = (struct store_node){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.size = S_ISREG(st->st_mode) ? st->st_size : 0,
		.mtime = st->st_mtim.tv_sec * TIME_NS_PER_SEC + st->st_mtim.tv_nsec,
		.rdev_major = device ? major(st->st_rdev) : 0,
		.rdev_minor = device ? minor(st->st_rdev) : 0,
		.inode = S_ISREG(st->st_mode) && st->st_nlink > 1 ? st->st_ino : 0,
	};
}

static void add_item(struct frame *f, unsigned layer, const char *name, const struct stat *st)
{
	if (f->count == f->room) {
		f->room = f->room ? 2 * f->room : 32;
		f->v = xreallocarray(f->v, f->room, sizeof(*f->v));
	}
	struct place *i = &f->v[f->count++];
	*i = (struct place){.name = f->names.len, .layer = layer};
	node_of(st, &i->node);
	i->whiteout = S_ISCHR(st->st_mode) && st->st_rdev == 0;
	buf_add(&f->names, name, strlen(name) + 1);
}

static size_t frame_held(const struct frame *f)
{
	return f->count * sizeof(*f->v) + f->names.len;
}

static bool is_opaque(int fd)
{
	char value[4];
	return fgetxattr(fd, OPAQUE, value, sizeof(value)) == 1 && value[0] == 'y';
}

/* Adds what @layer has in the folder @path; *opaque if it hides what is below. */
static int read_folder(struct store_tree *t, struct frame *f, unsigned layer, const char *path,
	bool *opaque, struct err **err)
{
	int fd = beneath_open(
		t->fds[layer], *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		int saved = errno;
		fd_close(fd);
		return err_sys(
			err, saved, "read folder %s of layer %s", path, t->diff_ids[layer].str);
	}
	*opaque = is_opaque(fd);
	struct dirent *e;
	struct stat st;
	int r = 0;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while (r == 0 && (e = readdir(d))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = err_sys(err, errno, "%s/%s of layer %s", path, e->d_name,
				t->diff_ids[layer].str);
		else if (t->held + frame_held(f) > HELD_MAX)
			r = err_set(err, ERR_TOO_LARGE,
				"folder \"%.256s\" of the image has too many entries", path);
		else
			add_item(f, layer, e->d_name, &st);
	}
	closedir(d);
	return r;
}

static int by_name(const void *a, const void *b, void *names)
{
	const struct place *x = a, *y = b;
	int order = strcmp((const char *)names + x->name, (const char *)names + y->name);
	return order ? order : x->layer < y->layer ? -1 : 1;
}

static void frame_free(struct frame *f)
{
	free(f->v);
	buf_free(&f->names);
}

/* Enters the folder that t->path names, which the layers of @where have; *opaque: those that hide. */
static int push(
	struct store_tree *t, layer_set where, layer_set cuts, layer_set *opaque, struct err **err)
{
	struct frame f = {.prefix = t->path.len};
	*opaque = 0;
	for (unsigned i = 0; i < t->layers; i++) {
		bool hides = false;
		if (!(where & bit(i)))
			continue;
		if (read_folder(t, &f, i, buf_str(&t->path), &hides, err) < 0) {
			frame_free(&f);
			return -1;
		}
		*opaque |= hides ? bit(i) : 0;
	}
	if (f.count)
		qsort_r(f.v, f.count, sizeof(*f.v), by_name, f.names.data);
	f.cuts = cuts | *opaque;
	if (t->depth == t->room) {
		t->room = t->room ? 2 * t->room : 16;
		t->stack = xreallocarray(t->stack, t->room, sizeof(*t->stack));
	}
	t->stack[t->depth++] = f;
	t->held += frame_held(&f);
	return 0;
}

/* ---- opening ---- */

static void open_layer(
	struct store_tree *t, struct store *s, unsigned i, layer_set *cuts, struct err **err)
{
	struct layer_row row;
	if (!store_lease_layer(t->lease, &t->diff_ids[i]) ||
		layer_find(s, &t->diff_ids[i], &row, NULL) != 1) {
		err_set(err, ERR_NOT_FOUND, "layer %s is not here", t->diff_ids[i].str);
		return;
	}
	t->fds[i] = openat(s->layers, digest_hex(&t->diff_ids[i]),
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (t->fds[i] < 0)
		err_sys(err, errno, "open layer %s", t->diff_ids[i].str);
	*cuts |= row.opaque ? bit(i) : 0;
}

static int open_layers(
	struct store_tree *t, struct store *s, const struct oci_image *config, struct err **err)
{
	layer_set all = 0, cuts = 0, opaque;
	unsigned n = (unsigned)config->diff_id_count;
	t->diff_ids = xcalloc(n + 1, sizeof(*t->diff_ids));
	t->fds = xcalloc(n + 1, sizeof(*t->fds));
	t->events = xcalloc(2 * n + 1, sizeof(*t->events));
	t->targets = xcalloc(n + 1, sizeof(*t->targets));
	for (; t->layers < n; t->layers++) {
		auto_err *bad = NULL;
		unsigned i = t->layers;
		t->diff_ids[i] = config->diff_ids[i];
		t->fds[i] = -1;
		open_layer(t, s, i, &cuts, &bad);
		if (t->fds[i] < 0)
			return err_move(err, &bad);
		all |= bit(i);
	}
	return push(t, all, cuts, &opaque, err);
}

struct store_tree *store_tree_open(struct store *s, const struct digest *id, struct err **err)
{
	auto_store_image *image = image_read(s, id, id->str, err);
	if (!image)
		return NULL;
	auto_store_tree *t = xcalloc(1, sizeof(*t));
	t->lease = store_lease_new(s);
	if (open_layers(t, s, image->config, err) < 0)
		return NULL;
	return steal_ptr(t);
}

static void pop(struct store_tree *t)
{
	struct frame *f = &t->stack[--t->depth];
	t->held -= frame_held(f);
	frame_free(f);
}

static void forget_targets(struct store_tree *t)
{
	for (unsigned i = 0; t->targets && i < t->layers; i++) {
		free(t->targets[i]);
		t->targets[i] = NULL;
	}
}

void store_tree_close(struct store_tree *t)
{
	if (!t)
		return;
	while (t->depth)
		pop(t);
	forget_targets(t);
	for (unsigned i = 0; i < t->layers; i++)
		fd_close(t->fds[i]);
	store_lease_end(t->lease);
	free(t->stack);
	free(t->diff_ids);
	free(t->fds);
	free(t->events);
	free(t->targets);
	buf_free(&t->path);
	free(t);
}

const struct digest *store_tree_layer(const struct store_tree *t, unsigned layer)
{
	return layer < t->layers ? &t->diff_ids[layer] : NULL;
}

int store_tree_file(struct store_tree *t, unsigned layer, const char *path, struct err **err)
{
	struct stat st;
	auto_fd int fd =
		beneath_open(t->fds[layer], path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "open %s of layer %s", path, t->diff_ids[layer].str);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "%s of layer %s is no file", path,
			t->diff_ids[layer].str);
	return steal_fd(&fd);
}

/* ---- going on ---- */

/* The target of the symlink at the present path. */
static int read_target(struct store_tree *t, struct place *i, struct err **err)
{
	char target[PATH_LEN_MAX];
	const char *path = buf_str(&t->path);
	if (!S_ISLNK(i->node.mode))
		return 0;
	auto_fd int fd = beneath_open(t->fds[i->layer], path, O_PATH | O_NOFOLLOW, 0);
	ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target));
	if (n < 0)
		return err_sys(
			err, errno, "read symlink %s of layer %s", path, t->diff_ids[i->layer].str);
	free(t->targets[i->layer]);
	i->node.target = t->targets[i->layer] = xstrndup(target, (size_t)n);
	return 0;
}

static bool same_folder(const struct store_node *a, const struct store_node *b)
{
	return S_ISDIR(a->mode) && S_ISDIR(b->mode) && a->mode == b->mode && a->uid == b->uid &&
	       a->gid == b->gid;
}

/* What the layers did to the path whose entries are @v, where @cuts cut its folder off. */
static size_t make_events(struct store_tree *t, const struct place *v, size_t n, layer_set cuts)
{
	struct store_tree_event *e = t->events;
	const struct store_node *present = NULL;
	size_t k = 0;
	for (unsigned layer = 0; layer < t->layers; layer++) {
		const struct place *own = k < n && v[k].layer == layer ? &v[k++] : NULL;
		bool cut = cuts & bit(layer);
		bool gone = own ? own->whiteout : cut;
		if (present && gone)
			*e++ = (struct store_tree_event){.layer = layer, .change = STORE_REMOVED};
		if (gone)
			present = NULL;
		if (!own || own->whiteout)
			continue;
		if (!present || !same_folder(present, &own->node))
			*e++ = (struct store_tree_event){.layer = layer,
				.change = present ? STORE_CHANGED : STORE_ADDED,
				.node = own->node};
		present = &own->node;
	}
	return (size_t)(e - t->events);
}

/* Takes the next name of the topmost folder, its entries in *@v; the folder is entered if it is one. */
static int take(struct store_tree *t, struct store_tree_entry *out, struct err **err)
{
	struct frame *f = &t->stack[t->depth - 1];
	struct place *v = &f->v[f->next];
	const char *name = f->names.data + v->name;
	size_t n = 0;
	layer_set folders = 0, cuts = f->cuts, opaque;
	t->path.len = f->prefix;
	if (f->prefix)
		buf_addc(&t->path, '/');
	buf_adds(&t->path, name);
	if (t->path.len >= PATH_LEN_MAX)
		return err_set(err, ERR_INVALID, "a path of the image is longer than %d bytes",
			PATH_LEN_MAX);
	forget_targets(t);
	for (; f->next < f->count && str_eq(f->names.data + f->v[f->next].name, name); n++) {
		struct place *i = &f->v[f->next++];
		if (read_target(t, i, err) < 0)
			return -1;
		if (S_ISDIR(i->node.mode))
			folders |= bit(i->layer);
		else
			cuts |= bit(i->layer);
	}
	out->count = make_events(t, v, n, f->cuts);
	out->events = t->events;
	/* the stack may move: @f and @v are not valid behind this */
	if (folders && push(t, folders, cuts, &opaque, err) < 0)
		return -1;
	out->path = buf_str(&t->path);
	return out->count > 0;
}

int store_tree_next(struct store_tree *t, struct store_tree_entry *out, struct err **err)
{
	int r = 0;
	while (t->depth && r == 0) {
		const struct frame *f = &t->stack[t->depth - 1];
		if (f->next == f->count)
			pop(t);
		else
			r = take(t, out, err); /* 0: a whiteout of what was not there */
	}
	return r;
}
