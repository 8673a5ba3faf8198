#include "copytree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "copymark.h"
#include "links.h"
#include "pack_xattr.h"
#include "sys/filecopy.h"
#include "sys/rootpath.h"
#include "treewalk.h"

/* A folder that the walk is in: its time is set when nothing comes into it any more. */
struct folder {
	char *path;
	struct timespec mtime;
};

struct copier {
	struct tree_walk walk;
	struct links links;
	int to;
	int dir; /* the open folder of the copy that the present entry goes to, or -1: */
	char dir_path[NAME_ROOM];
	struct folder *folders; /* outermost first */
	size_t depth, room;
	uint64_t bytes, max_bytes;
};

static int fail(const struct walk_entry *e, const char *what, struct err **err)
{
	return err_sys(err, errno, "copy a layer: %s \"%.256s\"", what, e->path);
}

/* ---- folders ---- */

static int open_copy(struct copier *c, const char *path)
{
	return beneath_open(c->to, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

/* Those that the walk has left: all that are not outside of an entry of @depth. */
static int finish_folders(struct copier *c, size_t depth, struct err **err)
{
	while (c->depth >= depth && c->depth) {
		struct folder *f = &c->folders[c->depth - 1];
		const struct timespec times[2] = {f->mtime, f->mtime};
		auto_fd int fd = open_copy(c, f->path);
		if (fd < 0 || futimens(fd, times) < 0)
			return err_sys(
				err, errno, "copy a layer: set the time of \"%.256s\"", f->path);
		free(f->path);
		c->depth--;
	}
	return 0;
}

static void push_folder(struct copier *c, const struct walk_entry *e)
{
	if (c->depth == c->room) {
		c->room = c->room ? 2 * c->room : 16;
		c->folders = xreallocarray(c->folders, c->room, sizeof(*c->folders));
	}
	c->folders[c->depth++] = (struct folder){xstrdup(e->path), e->lower.st_mtim};
}

/* The folder of the copy that the entry goes to. */
static int enter_dir(struct copier *c, const struct walk_entry *e, struct err **err)
{
	size_t n = e->name == e->path ? 0 : (size_t)(e->name - e->path) - 1;
	if (c->dir >= 0 && strlen(c->dir_path) == n && memcmp(c->dir_path, e->path, n) == 0)
		return 0;
	fd_close(c->dir);
	memcpy(c->dir_path, e->path, n);
	c->dir_path[n] = '\0';
	c->dir = open_copy(c, c->dir_path);
	return c->dir < 0 ? fail(e, "open the folder of", err) : 0;
}

static int copy_folder(struct copier *c, const struct walk_entry *e, struct err **err)
{
	if (mkdirat(c->dir, e->name, 0700) < 0)
		return fail(e, "make folder", err);
	auto_fd int from =
		openat(e->lower_dir, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd int to = openat(c->dir, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || to < 0)
		return fail(e, "open folder", err);
	if (fchown(to, e->lower.st_uid, e->lower.st_gid) < 0 ||
		fchmod(to, e->lower.st_mode & 07777) < 0 || copymark_set(to, e->path) < 0)
		return fail(e, "set owner and mode of", err);
	if (pack_xattrs_copy(from, to, e->path, err) < 0)
		return -1;
	push_folder(c, e);
	walk_enter(&c->walk, false, true, IN_LOWER);
	return 0;
}

/* ---- files ---- */

/* 1 if it is there under another name and has been linked, 0, -1. */
static int link_copy(struct copier *c, const struct walk_entry *e, struct err **err)
{
	char first[NAME_ROOM];
	if (e->lower.st_nlink < 2)
		return 0;
	/* all layers are in one file system: their inodes have different numbers */
	int r = links_look(&c->links, &e->lower, 0, e->path, first, err);
	if (r <= 0)
		return r;
	char *slash = strrchr(first, '/');
	if (slash)
		*slash = '\0';
	auto_fd int dir = open_copy(c, slash ? first : "");
	if (dir < 0 || linkat(dir, slash ? slash + 1 : first, c->dir, e->name, 0) < 0)
		return fail(e, "link", err);
	return 1;
}

static int copy_file(struct copier *c, const struct walk_entry *e, struct err **err)
{
	const struct timespec times[2] = {e->lower.st_mtim, e->lower.st_mtim};
	/* holes stay holes: a length may be anything */
	uint64_t need = (uint64_t)e->lower.st_blocks * 512;
	if (c->bytes > c->max_bytes || need > c->max_bytes - c->bytes)
		return err_set(err, ERR_TOO_LARGE,
			"the image's \"%.256s\" of %lld bytes is more than there is room for",
			e->path, (long long)need);
	auto_fd int from =
		openat(e->lower_dir, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	auto_fd int to =
		openat(c->dir, e->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (from < 0 || to < 0)
		return fail(e, "open", err);
	if (filecopy_content(from, to, &e->lower) < 0)
		return fail(e, "write", err);
	c->bytes += need;
	/* a new owner takes capabilities and set-id bits away */
	if (fchown(to, e->lower.st_uid, e->lower.st_gid) < 0 ||
		fchmod(to, e->lower.st_mode & 07777) < 0)
		return fail(e, "set owner and mode of", err);
	if (pack_xattrs_copy(from, to, e->path, err) < 0)
		return -1;
	return futimens(to, times) < 0 ? fail(e, "set the time of", err) : 0;
}

static int make_node(struct copier *c, const struct walk_entry *e)
{
	char target[NAME_ROOM + 1];
	if (!S_ISLNK(e->lower.st_mode))
		return mknodat(c->dir, e->name, e->lower.st_mode, e->lower.st_rdev);
	ssize_t n = readlinkat(e->lower_dir, e->name, target, sizeof(target) - 1);
	if (n < 0)
		return -1;
	target[n] = '\0';
	return symlinkat(target, c->dir, e->name);
}

static int copy_node(struct copier *c, const struct walk_entry *e, struct err **err)
{
	const struct timespec times[2] = {e->lower.st_mtim, e->lower.st_mtim};
	if (make_node(c, e) < 0)
		return fail(e, "make", err);
	if (fchownat(c->dir, e->name, e->lower.st_uid, e->lower.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
		utimensat(c->dir, e->name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(e, "set owner and time of", err);
	return 0;
}

static int copy_entry(struct copier *c, const struct walk_entry *e, struct err **err)
{
	if (finish_folders(c, e->depth, err) < 0 || enter_dir(c, e, err) < 0)
		return -1;
	if (S_ISDIR(e->lower.st_mode))
		return copy_folder(c, e, err);
	int r = link_copy(c, e, err);
	if (r)
		return r < 0 ? -1 : 0;
	return S_ISREG(e->lower.st_mode) ? copy_file(c, e, err) : copy_node(c, e, err);
}

int copy_layers(const struct copy_spec *spec, struct err **err)
{
	struct copier c = {.to = spec->to, .dir = -1, .max_bytes = spec->max_bytes};
	struct walk_entry e;
	walk_init(&c.walk, -1, spec->layers, spec->count, IN_LOWER);
	walk_limit(&c.walk, spec->max_entries, 0, 0);
	links_init(&c.links, spec->spool);
	int r = copymark_set(spec->to, "");
	if (r < 0)
		err_sys(err, errno, "copy a layer: mark its root");
	while (r == 0 && (r = walk_next(&c.walk, &e, err)) == 1)
		r = copy_entry(&c, &e, err);
	if (r == 0)
		r = finish_folders(&c, 1, err);
	while (c.depth)
		free(c.folders[--c.depth].path);
	free(c.folders);
	fd_close(c.dir);
	links_free(&c.links);
	walk_free(&c.walk);
	return r;
}
