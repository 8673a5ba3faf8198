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
#include "store/whiteout.h"
#include "store_private.h"
#include "sys/rootpath.h"

#define OPAQUE "trusted.overlay.opaque"
#define PATH_LEN_MAX 4096
/* An image chooses how many names a folder has. Of one folder so many are held at a time (bytes), and the folder is
 * read again for the next ones; of all folders on the way to the present path so many, those far above are read
 * again when it is their turn. */
#define FRAME_MAX (4u << 20)
#define HELD_MAX (16u << 20)

typedef unsigned __int128 layer_set; /* bit i: layer i */
static_assert(OCI_LAYER_MAX <= 128, "a bit for each layer");

static layer_set bit(unsigned layer)
{
	return (layer_set)1 << layer;
}

/* One layer's entry in a folder, of which there may be millions: what it is, is looked at when it is its turn. */
struct place {
	uint32_t name; /* where in the frame's names */
	uint32_t layer;
};

/* What a layer has at the present path. */
struct own {
	struct store_node node;
	bool whiteout;
};

struct frame {
	struct place *v;
	size_t count, room, next;
	struct buf names;
	char *after; /* names up to this one have been told; NULL: none */
	char *until; /* names behind this one are left for the next reading; NULL: none */
	size_t prefix; /* length of the folder's path */
	layer_set where; /* the layers that have the folder */
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
	struct own *own; /* for each layer */
	char **targets; /* of symlinks, for each layer */
	int *parents; /* the topmost frame's folder in each layer, where it was needed already; else -1 */
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

static void add_item(struct frame *f, unsigned layer, const char *name)
{
	if (f->count == f->room) {
		f->room = f->room ? 2 * f->room : 32;
		f->v = xreallocarray(f->v, f->room, sizeof(*f->v));
	}
	f->v[f->count++] = (struct place){.name = (uint32_t)f->names.len, .layer = layer};
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

static int by_name(const void *a, const void *b, void *names)
{
	const struct place *x = a, *y = b;
	int order = strcmp((const char *)names + x->name, (const char *)names + y->name);
	return order ? order : x->layer < y->layer ? -1 : 1;
}

static void sort_frame(struct frame *f)
{
	if (f->count)
		qsort_r(f->v, f->count, sizeof(*f->v), by_name, f->names.data);
}

static const char *name_at(const struct frame *f, size_t i)
{
	return f->names.data + f->v[i].name;
}

/* Keeps the smaller half of the names; the others' turn is the next reading. */
static void shrink(struct frame *f)
{
	struct buf names = BUF_INIT;
	sort_frame(f);
	str_replace(&f->until, name_at(f, f->count / 2));
	size_t n = 0;
	for (; n < f->count && strcmp(name_at(f, n), f->until) <= 0; n++) {
		const char *name = name_at(f, n);
		f->v[n].name = (uint32_t)names.len;
		buf_add(&names, name, strlen(name) + 1);
	}
	f->count = n;
	buf_free(&f->names);
	f->names = names;
}

static bool is_due(const struct frame *f, const char *name)
{
	return !(f->after && strcmp(name, f->after) <= 0) &&
	       !(f->until && strcmp(name, f->until) > 0);
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
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while ((errno = 0, (e = readdir(d)) != NULL)) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") || !is_due(f, e->d_name))
			continue;
		add_item(f, layer, e->d_name);
		if (frame_held(f) > FRAME_MAX)
			shrink(f);
	}
	int failed = errno;
	closedir(d);
	return failed ? err_sys(err, failed, "read folder %s of layer %s", path,
				t->diff_ids[layer].str)
		      : 0;
}

/* Reads the names that are due; *opaque: the layers that hide what is below. */
static int fill(struct store_tree *t, struct frame *f, layer_set *opaque, struct err **err)
{
	*opaque = 0;
	for (unsigned i = 0; i < t->layers; i++) {
		bool hides = false;
		if (!(f->where & bit(i)))
			continue;
		if (read_folder(t, f, i, buf_str(&t->path), &hides, err) < 0)
			return -1;
		*opaque |= hides ? bit(i) : 0;
	}
	sort_frame(f);
	return 0;
}

/* Forgets the names; what comes behind the last one told has to be read again. */
static void drop(struct store_tree *t, struct frame *f)
{
	if (f->next)
		str_replace(&f->after, name_at(f, f->next - 1));
	if (f->next < f->count && !f->until)
		f->until = xstrdup(""); /* something: there is more */
	t->held -= frame_held(f);
	free(f->v);
	f->v = NULL;
	f->count = f->room = f->next = 0;
	buf_free(&f->names);
}

/* The next names of the topmost folder, if it has any left. */
static int refill(struct store_tree *t, struct err **err)
{
	struct frame *f = &t->stack[t->depth - 1];
	layer_set opaque;
	drop(t, f);
	free(f->until);
	f->until = NULL;
	t->path.len = f->prefix;
	if (t->path.data)
		t->path.data[f->prefix] = '\0';
	int r = fill(t, f, &opaque, err);
	t->held += frame_held(f);
	return r;
}

static void frame_free(struct frame *f)
{
	free(f->v);
	free(f->after);
	free(f->until);
	buf_free(&f->names);
}

static void forget_parents(struct store_tree *t)
{
	for (unsigned i = 0; t->parents && i < t->layers; i++) {
		fd_close(t->parents[i]);
		t->parents[i] = -1;
	}
}

/* Enters the folder that t->path names, which the layers of @where have. */
static int push(struct store_tree *t, layer_set where, layer_set cuts, struct err **err)
{
	struct frame f = {.prefix = t->path.len, .where = where};
	layer_set opaque;
	forget_parents(t);
	for (size_t i = 0; i < t->depth && t->held > HELD_MAX; i++)
		drop(t, &t->stack[i]);
	if (fill(t, &f, &opaque, err) < 0) {
		frame_free(&f);
		return -1;
	}
	f.cuts = cuts | opaque;
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
	layer_set all = 0, cuts = 0;
	unsigned n = (unsigned)config->diff_id_count;
	t->diff_ids = xcalloc(n + 1, sizeof(*t->diff_ids));
	t->fds = xcalloc(n + 1, sizeof(*t->fds));
	t->events = xcalloc(2 * n + 1, sizeof(*t->events));
	t->own = xcalloc(n + 1, sizeof(*t->own));
	t->targets = xcalloc(n + 1, sizeof(*t->targets));
	t->parents = xcalloc(n + 1, sizeof(*t->parents));
	for (; t->layers < n; t->layers++) {
		auto_err *bad = NULL;
		unsigned i = t->layers;
		t->diff_ids[i] = config->diff_ids[i];
		t->fds[i] = t->parents[i] = -1;
		open_layer(t, s, i, &cuts, &bad);
		if (t->fds[i] < 0)
			return err_move(err, &bad);
		all |= bit(i);
	}
	return push(t, all, cuts, err);
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
	forget_parents(t);
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
	forget_parents(t);
	for (unsigned i = 0; i < t->layers; i++)
		fd_close(t->fds[i]);
	store_lease_end(t->lease);
	free(t->stack);
	free(t->diff_ids);
	free(t->fds);
	free(t->events);
	free(t->own);
	free(t->targets);
	free(t->parents);
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

/* The folder of the topmost frame in @layer. */
static int parent_of(struct store_tree *t, unsigned layer)
{
	if (t->parents[layer] >= 0)
		return t->parents[layer];
	size_t n = t->stack[t->depth - 1].prefix;
	auto_free char *path = xstrndup(n ? t->path.data : ".", n ? n : 1);
	t->parents[layer] =
		beneath_open(t->fds[layer], path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return t->parents[layer];
}

/* What @layer has under @name, the last part of the present path. */
static int look(struct store_tree *t, unsigned layer, const char *name, struct err **err)
{
	struct own *o = &t->own[layer];
	char target[PATH_LEN_MAX];
	struct stat st;
	ssize_t n = 0;
	int dir = parent_of(t, layer);
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		(S_ISLNK(st.st_mode) && (n = readlinkat(dir, name, target, sizeof(target))) < 0))
		return err_sys(
			err, errno, "%s of layer %s", buf_str(&t->path), t->diff_ids[layer].str);
	node_of(&st, &o->node);
	o->whiteout = whiteout_is(&st);
	free(t->targets[layer]);
	t->targets[layer] = S_ISLNK(st.st_mode) ? xstrndup(target, (size_t)n) : NULL;
	o->node.target = t->targets[layer];
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
		const struct own *own = k < n && v[k].layer == layer ? &t->own[v[k++].layer] : NULL;
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
	layer_set folders = 0, cuts = f->cuts;
	t->path.len = f->prefix;
	if (f->prefix)
		buf_addc(&t->path, '/');
	buf_adds(&t->path, name);
	if (t->path.len >= PATH_LEN_MAX)
		return err_set(err, ERR_INVALID, "a path of the image is longer than %d bytes",
			PATH_LEN_MAX);
	forget_targets(t);
	for (; f->next < f->count && str_eq(f->names.data + f->v[f->next].name, name); n++) {
		unsigned layer = f->v[f->next++].layer;
		if (look(t, layer, name, err) < 0)
			return -1;
		if (S_ISDIR(t->own[layer].node.mode))
			folders |= bit(layer);
		else
			cuts |= bit(layer);
	}
	out->count = make_events(t, v, n, f->cuts);
	out->events = t->events;
	/* the stack may move: @f and @v are not valid behind this */
	if (folders && push(t, folders, cuts, err) < 0)
		return -1;
	out->path = buf_str(&t->path);
	return out->count > 0;
}

int store_tree_next(struct store_tree *t, struct store_tree_entry *out, struct err **err)
{
	int r = 0;
	while (t->depth && r == 0) {
		const struct frame *f = &t->stack[t->depth - 1];
		if (f->next == f->count && f->until)
			r = refill(t, err);
		else if (f->next == f->count)
			pop(t);
		else
			r = take(t, out, err); /* 0: a whiteout of what was not there */
	}
	return r;
}
