/* How two images differ: two walks side by side, in the same order. */
#include "store/tree.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "store_private.h"

enum { CHUNK = 64 << 10 };

/* One image's walk, standing at a path that a container would see. */
struct side {
	struct store_tree *tree;
	struct store_tree_entry entry;
	const struct store_tree_event *last; /* what the path came to be; NULL: the walk is over */
	bool stale; /* its path has been told */
};

struct store_diff {
	struct side a, b;
	char *buffer; /* two chunks, for comparing files */
};

/* On to the next path that is there in the end. */
static int advance(struct side *s, struct err **err)
{
	int r;
	s->last = NULL;
	while ((r = store_tree_next(s->tree, &s->entry, err)) == 1) {
		const struct store_tree_event *e = &s->entry.events[s->entry.count - 1];
		if (e->change == STORE_REMOVED)
			continue;
		s->last = e;
		return 0;
	}
	return r;
}

void store_diff_close(struct store_diff *d)
{
	if (!d)
		return;
	store_tree_close(d->a.tree);
	store_tree_close(d->b.tree);
	free(d->buffer);
	free(d);
}

struct store_diff *store_diff_open(
	struct store *s, const struct digest *a, const struct digest *b, struct err **err)
{
	struct store_diff *d = xcalloc(1, sizeof(*d));
	d->a.tree = store_tree_open(s, a, err);
	d->b.tree = d->a.tree ? store_tree_open(s, b, err) : NULL;
	d->buffer = xmalloc(2 * CHUNK);
	d->a.stale = d->b.stale = true;
	if (d->b.tree)
		return d;
	store_diff_close(d);
	return NULL;
}

/* The order of the walks: a folder before what is in it, so '/' comes before everything. */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	int x = *a == '/' ? 1 : *a ? (unsigned char)*a + 1 : 0;
	int y = *b == '/' ? 1 : *b ? (unsigned char)*b + 1 : 0;
	return x - y;
}

static ssize_t fill(int fd, off_t at, char *p)
{
	size_t got = 0;
	while (got < CHUNK) {
		ssize_t n = pread(fd, p + got, CHUNK - got, at + (off_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

static bool is_sparse(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && (off_t)st.st_blocks * 512 < st.st_size;
}

/* Behind the hole at @at; @at if there is none, or the file system does not tell. */
static off_t after_hole(int fd, off_t at)
{
	off_t data = lseek(fd, at, SEEK_DATA);
	return data >= 0 ? data : errno == ENXIO ? lseek(fd, 0, SEEK_END) : at;
}

/* 1: the same bytes, 0: not, -1. Where both have a hole nothing is read: sparse files may claim to be enormous. */
static int same_bytes(struct store_diff *d, const char *path, struct err **err)
{
	auto_fd int a = store_tree_file(d->a.tree, d->a.last->layer, path, err);
	auto_fd int b = a < 0 ? -1 : store_tree_file(d->b.tree, d->b.last->layer, path, err);
	if (b < 0)
		return -1;
	bool holes = is_sparse(a) && is_sparse(b);
	for (off_t at = 0;; at += CHUNK) {
		off_t p = holes ? after_hole(a, at) : at, q = holes ? after_hole(b, at) : at;
		at = p < q ? p : q;
		ssize_t x = fill(a, at, d->buffer), y = fill(b, at, d->buffer + CHUNK);
		if (x < 0 || y < 0)
			return err_sys(err, errno, "read %s", path);
		if (x != y || memcmp(d->buffer, d->buffer + CHUNK, (size_t)x) != 0)
			return 0;
		if (x < CHUNK)
			return 1;
	}
}

/* -1, or STORE_DIFFERS_* of what both have. */
static int differences(struct store_diff *d, struct err **err)
{
	const struct store_node *a = &d->a.last->node, *b = &d->b.last->node;
	int differ = (a->mode & 07777) != (b->mode & 07777) ? STORE_DIFFERS_MODE : 0;
	if (a->uid != b->uid || a->gid != b->gid)
		differ |= STORE_DIFFERS_OWNER;
	if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
		return differ | STORE_DIFFERS_TYPE;
	if (a->size != b->size || !str_eq(a->target, b->target) || a->rdev_major != b->rdev_major ||
		a->rdev_minor != b->rdev_minor)
		return differ | STORE_DIFFERS_CONTENT;
	if (!S_ISREG(a->mode) || a->size == 0 ||
		str_eq(store_tree_layer(d->a.tree, d->a.last->layer)->str,
			store_tree_layer(d->b.tree, d->b.last->layer)->str))
		return differ;
	int same = same_bytes(d, d->a.entry.path, err);
	return same < 0 ? -1 : same ? differ : differ | STORE_DIFFERS_CONTENT;
}

/* Looks at the present pair: 1 if it is to be told. */
static int look(struct store_diff *d, struct store_diff_entry *out, struct err **err)
{
	int order = !d->a.last	 ? 1
		    : !d->b.last ? -1
				 : compare_paths(d->a.entry.path, d->b.entry.path);
	d->a.stale = order <= 0;
	d->b.stale = order >= 0;
	*out = (struct store_diff_entry){
		.path = d->a.stale ? d->a.entry.path : d->b.entry.path,
		.change = order < 0   ? STORE_REMOVED
			  : order > 0 ? STORE_ADDED
				      : STORE_CHANGED,
		.a = d->a.stale ? &d->a.last->node : NULL,
		.b = d->b.stale ? &d->b.last->node : NULL,
	};
	if (order != 0)
		return 1;
	int differ = differences(d, err);
	if (differ <= 0)
		return differ;
	out->differences = (unsigned)differ;
	return 1;
}

int store_diff_next(struct store_diff *d, struct store_diff_entry *out, struct err **err)
{
	int r = 0;
	while (r == 0) {
		if ((d->a.stale && advance(&d->a, err) < 0) ||
			(d->b.stale && advance(&d->b, err) < 0))
			return -1;
		d->a.stale = d->b.stale = false;
		if (!d->a.last && !d->b.last)
			return 0;
		r = look(d, out, err);
	}
	return r;
}
