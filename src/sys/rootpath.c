#include "sys/rootpath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

#define RETRIES 256
#define LINKS_MAX 40 /* as in the kernel */

int path_openat2(int dir, const char *path, uint64_t flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? mode : 0,
		.resolve = resolve,
	};
	int fd = -1;
	for (int i = 0; i < RETRIES; i++) {
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd;
}

int root_open(int root, const char *path, int flags, mode_t mode)
{
	return path_openat2(root, *path ? path : "/", (uint64_t)(unsigned int)flags, mode,
		RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int beneath_open(int dir, const char *path, int flags, mode_t mode)
{
	return path_openat2(dir, path, (uint64_t)(unsigned int)flags, mode,
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

/*
 * A path on its way: what has been found (or made) and what is left of it. A symlink that leads to nothing yet is
 * followed by hand: what it says takes the place of its name, and an absolute one begins anew at the root. Each step
 * is still resolved by the kernel, so a race changes where in the tree something is made and never leads out of it.
 */
struct walk {
	int root, links;
	uint64_t *made;
	char done[PATH_MAX], left[PATH_MAX];
};

static int too_long(void)
{
	errno = ENAMETOOLONG;
	return -1;
}

/* The next component into @name: 1, 0 at the end, -1. */
static int walk_next(struct walk *w, char name[NAME_MAX + 1])
{
	const char *at = w->left + strspn(w->left, "/");
	size_t n = strcspn(at, "/");
	if (n > NAME_MAX)
		return too_long();
	memcpy(name, at, n);
	name[n] = 0;
	memmove(w->left, at + n, strlen(at + n) + 1);
	return n > 0;
}

static int walk_append(struct walk *w, const char *name)
{
	size_t have = strlen(w->done), n = strlen(name);
	if (have + n + 2 > sizeof(w->done))
		return too_long();
	w->done[have] = '/';
	memcpy(w->done + have + 1, name, n + 1);
	return 0;
}

/* Back to before the link @name, whose text goes in front of what is left. */
static int walk_follow(struct walk *w, int parent, const char *name)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(parent, name, text, sizeof(text) - 1);
	if (n < 0)
		return errno == EINVAL ? 0 : -1; /* somebody has made a folder of it meanwhile */
	size_t left = strlen(w->left);
	if (w->links++ >= LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	if ((size_t)n + left + 2 > sizeof(w->left))
		return too_long();
	memmove(w->left + n + 1, w->left, left + 1);
	memcpy(w->left, text, (size_t)n);
	w->left[n] = '/';
	if (text[0] == '/')
		w->done[0] = 0;
	return 0;
}

static int walk_start(struct walk *w, int root, const char *path)
{
	w->root = root;
	w->links = 0;
	w->done[0] = 0;
	if (strlen(path) >= sizeof(w->left))
		return too_long();
	strcpy(w->left, path);
	return 0;
}

/* For a file: the link @name, last of what is left, is replaced in there by what it says. */
static int walk_relink(struct walk *w, int parent, const char *name)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(parent, name, text, sizeof(text) - 1);
	if (n < 0)
		return -1;
	text[n] = 0;
	if (w->links++ >= LINKS_MAX) {
		errno = ELOOP;
		return -1;
	}
	size_t folder = strlen(w->left);
	while (folder > 0 && w->left[folder - 1] == '/')
		folder--;
	while (folder > 0 && w->left[folder - 1] != '/')
		folder--;
	if (text[0] == '/')
		folder = 0;
	if (folder + (size_t)n + 1 > sizeof(w->left))
		return too_long();
	memcpy(w->left + folder, text, (size_t)n + 1);
	return 0;
}

/* One folder more, made where it is missing. */
static int walk_folder(struct walk *w, const char *name, mode_t mode)
{
	size_t before = strlen(w->done);
	if (walk_append(w, name) < 0)
		return -1;
	for (int i = 0; i < RETRIES; i++) {
		int fd = root_open(w->root, w->done, O_PATH | O_DIRECTORY, 0);
		if (fd >= 0 || errno != ENOENT) {
			fd_close(fd);
			return fd < 0 ? -1 : 0;
		}
		w->done[before] = 0;
		auto_fd int parent = root_open(w->root, w->done, O_PATH | O_DIRECTORY, 0);
		if (parent < 0)
			return -1;
		int made = mkdirat(parent, name, mode);
		if (made < 0 && errno != EEXIST)
			return -1;
		*w->made += made == 0;
		int links = w->links;
		if (made < 0 && walk_follow(w, parent, name) < 0)
			return -1;
		if (w->links > links)
			return 0;
		w->done[before] = '/';
	}
	errno = EAGAIN;
	return -1;
}

/* Where only the last folder is missing, which is the usual case; -1: step by step. */
static int make_last(int root, const char *path, mode_t mode, uint64_t *made)
{
	char name[NAME_MAX + 1];
	auto_fd int parent = root_open_parent(root, path, 0, name, sizeof(name));
	if (parent < 0 || mkdirat(parent, name, mode) < 0)
		return -1;
	++*made;
	return root_open(root, path, O_PATH | O_DIRECTORY, 0);
}

int root_make_dir(int root, const char *path, mode_t mode)
{
	uint64_t made = 0;
	return root_make_dir_counting(root, path, mode, &made);
}

int root_make_dir_counting(int root, const char *path, mode_t mode, uint64_t *made)
{
	int fd = root_open(root, path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = make_last(root, path, mode, made);
	if (fd >= 0)
		return fd;
	struct walk w;
	w.made = made;
	char name[NAME_MAX + 1];
	int got = walk_start(&w, root, path);
	while (got == 0 && (got = walk_next(&w, name)) == 1)
		got = walk_folder(&w, name, mode);
	return got < 0 ? -1 : root_open(root, w.done, O_PATH | O_DIRECTORY, 0);
}

int root_open_parent(int root, const char *path, int make, char *name, size_t room)
{
	size_t end = strlen(path);
	while (end > 0 && path[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	size_t len = end - start;
	if (!len || (len == 1 && path[start] == '.') ||
		(len == 2 && path[start] == '.' && path[start + 1] == '.')) {
		errno = EINVAL;
		return -1;
	}
	char prefix[PATH_MAX];
	if (len >= room || start >= sizeof(prefix)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, path + start, len);
	name[len] = 0;
	memcpy(prefix, path, start);
	prefix[start] = 0;
	return make ? root_make_dir(root, prefix, 0755)
		    : root_open(root, prefix, O_PATH | O_DIRECTORY, 0);
}

int root_make_file(int root, const char *path)
{
	int fd = root_open(root, path, O_PATH, 0);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	struct walk w;
	char name[NAME_MAX + 1];
	if (walk_start(&w, root, path) < 0)
		return -1;
	for (int links = -1; links < w.links;) {
		char at[PATH_MAX];
		links = w.links;
		strcpy(at, w.left);
		auto_fd int parent = root_open_parent(root, at, 1, name, sizeof(name));
		/* mknod and not open(O_CREAT): it neither follows a dangling link nor opens what it made */
		if (parent < 0 || (mknodat(parent, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST))
			return -1;
		fd = root_open(root, at, O_PATH, 0);
		if (fd >= 0 || errno != ENOENT)
			return fd;
		if (walk_relink(&w, parent, name) < 0)
			return -1;
	}
	return -1;
}
