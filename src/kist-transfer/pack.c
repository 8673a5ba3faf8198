#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "copymark.h"
#include "links.h"
#include "pack_compare.h"
#include "pack_mounts.h"
#include "pack_xattr.h"
#include "sys/rootpath.h"
#include "tarout.h"
#include "treewalk.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct packer {
	struct tree_walk walk;
	struct links links;
	struct tar_out *out;
	bool layer; /* what changed, as opposed to everything */
	bool whole; /* upper has everything */
	bool marked; /* copied folders can be told from others (copymark.h) */
	bool *put; /* whole, a layer: is the folder on the way to the present entry in it? By depth */
	size_t put_room;
	uint64_t bytes, max_bytes;
};

/* One entry of the tree that it is taken from. */
struct source {
	int dir;
	unsigned int tree; /* 0 upper, 1 lower */
	const char *path, *name;
	const struct stat *st;
};

/* Whole seconds, towards the past, as Docker cuts them. */
static struct tar_member member_of(
	const struct source *s, const struct stat *st, enum tar_type type)
{
	return (struct tar_member){
		.path = s->path,
		.type = type,
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtim.tv_sec,
	};
}

/* ---- files ---- */

/* Fills a hole, or what a file has lost since its size was read. */
static int put_zeroes(struct packer *p, uint64_t n, struct err **err)
{
	return tar_out_zeroes(p->out, n, err);
}

/* From @at to the end of the hole there, if there is one: those bytes need not be read. */
static uint64_t hole_at(int fd, uint64_t at, uint64_t size)
{
	off_t data = lseek(fd, (off_t)at, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? size - at : 0;
	return (uint64_t)data >= size ? size - at : (uint64_t)data - at;
}

/* Exactly @size bytes, whatever becomes of the file meanwhile. */
static int put_content(struct packer *p, int fd, const struct source *s, uint64_t size,
	bool has_holes, struct err **err)
{
	for (uint64_t at = 0; at < size;) {
		uint64_t hole = has_holes ? hole_at(fd, at, size) : 0;
		if (put_zeroes(p, hole, err) < 0)
			return -1;
		at += hole;
		size_t room;
		char *to = at < size ? tar_out_room(p->out, &room, err) : NULL;
		if (at == size)
			break;
		if (!to)
			return -1;
		if (room > size - at)
			room = (size_t)(size - at);
		ssize_t n = pread(fd, to, room, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read \"%.256s\"", s->path);
		if (n == 0)
			return put_zeroes(p, size - at, err);
		tar_out_filled(p->out, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

static int count_bytes(struct packer *p, const struct source *s, uint64_t n, struct err **err)
{
	if (n > p->max_bytes - p->bytes)
		return err_set(err, ERR_TOO_LARGE,
			"\"%.256s\" of %llu bytes is more than there is room for", s->path,
			(unsigned long long)n);
	p->bytes += n;
	return 0;
}

static bool vanished(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP || errnum == ESTALE;
}

/* A file that does not open: has something else taken its place? A device does not open (nodev). */
static bool replaced(const struct source *s, int errnum)
{
	struct stat st;
	if (vanished(errnum))
		return true;
	return fstatat(s->dir, s->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? vanished(errno)
								      : !S_ISREG(st.st_mode);
}

/* 1 if it had come under another name, 0 if it is to be written, -1. */
static int put_if_linked(
	struct packer *p, const struct source *s, const struct stat *st, struct err **err)
{
	char first[NAME_ROOM];
	if (st->st_nlink < 2)
		return 0;
	int r = links_look(&p->links, st, s->tree, s->path, first, err);
	if (r <= 0)
		return r;
	struct tar_member m = member_of(s, st, TAR_HARDLINK);
	m.link = first;
	return tar_out_member(p->out, &m, err) < 0 ? -1 : 1;
}

static int put_file(struct packer *p, const struct source *s, struct err **err)
{
	/* what it was when it was looked at it need not be any more: nothing may wait or be set off */
	auto_fd int fd =
		openat(s->dir, s->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	if (fd < 0) {
		int saved = errno;
		return replaced(s, saved) ? 0 : err_sys(err, saved, "open \"%.256s\"", s->path);
	}
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at \"%.256s\"", s->path);
	if (!S_ISREG(st.st_mode))
		return 0;
	int linked = put_if_linked(p, s, &st, err);
	if (linked)
		return linked < 0 ? -1 : 0;
	uint64_t size = (uint64_t)st.st_size;
	auto_buf pax = BUF_INIT;
	if (count_bytes(p, s, size, err) < 0 ||
		pack_xattrs(fd, s->path, p->layer && !p->whole, &pax, err) < 0)
		return -1;
	struct tar_member m = member_of(s, &st, TAR_FILE);
	m.size = size;
	m.pax = &pax;
	if (tar_out_member(p->out, &m, err) < 0 ||
		put_content(p, fd, s, size, (uint64_t)st.st_blocks * 512 < size, err) < 0)
		return -1;
	return tar_out_pad(p->out, err);
}

/* ---- everything else ---- */

static int put_symlink(struct packer *p, const struct source *s, struct err **err)
{
	char target[NAME_ROOM + 1];
	ssize_t n = readlinkat(s->dir, s->name, target, sizeof(target) - 1);
	if (n < 0)
		return vanished(errno) || errno == EINVAL
			       ? 0
			       : err_sys(err, errno, "read the link \"%.256s\"", s->path);
	target[n] = '\0';
	struct tar_member m = member_of(s, s->st, TAR_SYMLINK);
	m.link = target;
	return tar_out_member(p->out, &m, err);
}

static int put_node(struct packer *p, const struct source *s, enum tar_type type, struct err **err)
{
	struct tar_member m = member_of(s, s->st, type);
	m.major = major(s->st->st_rdev);
	m.minor = minor(s->st->st_rdev);
	return tar_out_member(p->out, &m, err);
}

static int put_special(struct packer *p, const struct source *s, struct err **err)
{
	int linked = S_ISSOCK(s->st->st_mode) ? 1 : put_if_linked(p, s, s->st, err);
	if (linked)
		return linked < 0 ? -1 : 0;
	switch (s->st->st_mode & S_IFMT) {
	case S_IFLNK:
		return put_symlink(p, s, err);
	case S_IFCHR:
		return put_node(p, s, TAR_CHAR, err);
	case S_IFBLK:
		return put_node(p, s, TAR_BLOCK, err);
	case S_IFIFO:
		return put_node(p, s, TAR_FIFO, err);
	default:
		return 0;
	}
}

/* An empty file that means something to those who unpack the layer. */
static int put_mark(struct packer *p, const char *path, struct err **err)
{
	struct tar_member m = {.path = path, .type = TAR_FILE, .mode = 0600};
	return tar_out_member(p->out, &m, err);
}

static int put_whiteout(struct packer *p, const struct walk_entry *e, struct err **err)
{
	auto_free char *path =
		xasprintf("%.*s" WHITEOUT "%s", (int)(e->name - e->path), e->path, e->name);
	return put_mark(p, path, err);
}

/* 1: written; 0: gone meanwhile; -1. */
static int put_folder(struct packer *p, const struct source *s, bool *opaque, struct err **err)
{
	auto_fd int fd = openat(s->dir, s->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return vanished(errno) ? 0 : err_sys(err, errno, "open folder \"%.256s\"", s->path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at \"%.256s\"", s->path);
	auto_buf pax = BUF_INIT;
	int hides = s->tree == 0 && !p->whole ? walk_is_opaque(fd) : 0;
	if (hides < 0)
		return err_sys(err, errno, "read an attribute of \"%.256s\"", s->path);
	*opaque = hides;
	if (pack_xattrs(fd, s->path, p->layer && !p->whole, &pax, err) < 0)
		return -1;
	struct tar_member m = member_of(s, &st, TAR_FOLDER);
	m.pax = &pax;
	return tar_out_member(p->out, &m, err) < 0 ? -1 : 1;
}

static int put(struct packer *p, const struct source *s, struct err **err)
{
	return S_ISREG(s->st->st_mode) ? put_file(p, s, err) : put_special(p, s, err);
}

static struct source source_of(const struct walk_entry *e)
{
	return (struct source){
		.dir = e->in_upper ? e->upper_dir : e->lower_dir,
		.tree = e->in_upper ? 0 : 1,
		.path = e->path,
		.name = e->name,
		.st = e->in_upper ? &e->upper : &e->lower,
	};
}

/* ---- a layer ---- */

static int put_layer_folder(struct packer *p, const struct source *s, struct err **err)
{
	bool opaque = false;
	int r = put_folder(p, s, &opaque, err);
	if (r <= 0)
		return r;
	auto_free char *mark = opaque ? xasprintf("%s/" OPAQUE, s->path) : NULL;
	if (mark && put_mark(p, mark, err) < 0)
		return -1;
	walk_enter(&p->walk, true, !opaque, IN_UPPER);
	return 0;
}

static int check_name(const struct walk_entry *e, struct err **err)
{
	if (str_starts(e->name, WHITEOUT))
		return err_set(err, ERR_INVALID,
			"\"%.256s\" cannot be in a layer, where its name means a deletion",
			e->path);
	return 0;
}

static int put_change(struct packer *p, const struct walk_entry *e, struct err **err)
{
	if (!e->in_upper)
		return 0; /* gone meanwhile */
	if (walk_is_whiteout(&e->upper))
		return put_whiteout(p, e, err);
	if (check_name(e, err) < 0)
		return -1;
	int ours = pack_is_mount_point(e, false, err);
	if (ours)
		return ours < 0 ? -1 : 0;
	const struct source s = source_of(e);
	return S_ISDIR(e->upper.st_mode) ? put_layer_folder(p, &s, err) : put(p, &s, err);
}

/* ---- a layer of a whole tree ---- */

/* The folder whose path is the first @n bytes of @path. */
static int put_outer(struct packer *p, const char *path, size_t n, struct err **err)
{
	char outer[NAME_ROOM], parent[NAME_ROOM];
	bool opaque;
	memcpy(outer, path, n);
	outer[n] = '\0';
	const char *name = name_base(outer);
	size_t up = name == outer ? 0 : (size_t)(name - outer) - 1;
	memcpy(parent, outer, up);
	parent[up] = '\0';
	auto_fd int dir = beneath_open(
		p->walk.upper, up ? parent : ".", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	if (dir < 0)
		return vanished(errno) ? 0 : err_sys(err, errno, "open folder \"%.256s\"", parent);
	const struct source s = {.dir = dir, .path = outer, .name = name};
	return put_folder(p, &s, &opaque, err);
}

/* The folders that the entry is in come before it. */
static int put_outers(struct packer *p, const struct walk_entry *e, struct err **err)
{
	size_t depth = 1;
	for (const char *slash = strchr(e->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		if (!p->put[depth] && put_outer(p, e->path, (size_t)(slash - e->path), err) < 0)
			return -1;
		p->put[depth++] = true;
	}
	return 0;
}

/* 1 if it was made anew where the image has another: overlayfs makes such a one opaque. */
static int is_replaced(struct packer *p, const struct walk_entry *e, struct err **err)
{
	if (!e->in_lower)
		return 0;
	if (!S_ISDIR(e->lower.st_mode))
		return 1;
	if (!p->marked)
		return 0;
	auto_fd int fd =
		openat(e->upper_dir, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int copied = fd < 0 ? 1 : copymark_is(fd, e->path);
	return copied < 0 ? err_sys(err, errno, "read an attribute of \"%.256s\"", e->path)
			  : !copied;
}

static int look_at_folder(struct packer *p, const struct walk_entry *e, struct err **err)
{
	const struct source s = source_of(e);
	bool opaque;
	int replaced = is_replaced(p, e, err);
	bool fresh = replaced || !e->in_lower;
	int r = replaced < 0 ? -1 : fresh ? 1 : compare_for_layer(e, err);
	if (r > 0 && put_outers(p, e, err) < 0)
		r = -1;
	if (r > 0) {
		r = put_folder(p, &s, &opaque, err);
		if (r == 0)
			return 0;
		p->put[e->depth] = true;
	}
	if (r > 0 && replaced) {
		auto_free char *mark = xasprintf("%s/" OPAQUE, e->path);
		r = put_mark(p, mark, err);
	}
	if (r < 0)
		return -1;
	walk_enter(&p->walk, true, !fresh, IN_UPPER | IN_LOWER);
	return 0;
}

static int put_if_different(struct packer *p, const struct walk_entry *e, struct err **err)
{
	if (e->depth >= p->put_room) {
		p->put_room = 2 * e->depth + 16;
		p->put = xreallocarray(p->put, p->put_room, sizeof(*p->put));
	}
	p->put[e->depth] = false;
	if (!e->in_upper || walk_is_whiteout(&e->upper)) {
		if (!e->in_lower)
			return 0;
		return put_outers(p, e, err) < 0 ? -1 : put_whiteout(p, e, err);
	}
	int ours = pack_is_mount_point(e, true, err);
	if (ours)
		return ours < 0 ? -1 : 0;
	if (!e->in_lower && check_name(e, err) < 0)
		return -1;
	if (S_ISDIR(e->upper.st_mode))
		return look_at_folder(p, e, err);
	int r = e->in_lower ? compare_for_layer(e, err) : 1;
	if (r <= 0)
		return r;
	const struct source s = source_of(e);
	return put_outers(p, e, err) < 0 ? -1 : put(p, &s, err);
}

/* ---- everything ---- */

static int put_whole_folder(
	struct packer *p, const struct walk_entry *e, const struct source *s, struct err **err)
{
	bool opaque = false;
	int r = put_folder(p, s, &opaque, err);
	if (r <= 0)
		return r;
	bool merged = e->in_upper && e->in_lower && S_ISDIR(e->lower.st_mode) && !opaque;
	walk_enter(&p->walk, e->in_upper, !e->in_upper || merged, IN_UPPER | IN_LOWER);
	return 0;
}

static int put_either(struct packer *p, const struct walk_entry *e, struct err **err)
{
	const struct source s = source_of(e);
	if (walk_is_whiteout(s.st))
		return 0;
	return S_ISDIR(s.st->st_mode) ? put_whole_folder(p, e, &s, err) : put(p, &s, err);
}

static int put_entry(struct packer *p, const struct walk_entry *e, struct err **err)
{
	if (!p->layer)
		return put_either(p, e, err);
	return p->whole ? put_if_different(p, e, err) : put_change(p, e, err);
}

static int pack(const struct pack_spec *spec, bool layer, struct err **err)
{
	struct packer p = {.layer = layer, .whole = spec->whole, .max_bytes = spec->max_bytes};
	struct walk_entry e;
	/* all of a whole tree: what lies below does not matter */
	size_t below = spec->whole && !layer ? 0 : spec->below_count;
	walk_init(&p.walk, spec->upper, spec->below, below,
		layer && !spec->whole ? IN_UPPER : IN_UPPER | IN_LOWER);
	walk_limit(&p.walk, spec->max_entries, spec->listing_room, spec->listings_room);
	links_init(&p.links, spec->spool);
	p.marked = spec->whole && copymark_is(spec->upper, "") == 1;
	auto_tar_out *out = p.out = tar_out_new(spec->out);
	int r;
	while ((r = walk_next(&p.walk, &e, err)) == 1) {
		r = put_entry(&p, &e, err);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = tar_out_end(out, err);
	free(p.put);
	links_free(&p.links);
	walk_free(&p.walk);
	return r;
}

int pack_layer(const struct pack_spec *spec, struct err **err)
{
	return pack(spec, true, err);
}

int pack_whole(const struct pack_spec *spec, struct err **err)
{
	return pack(spec, false, err);
}
