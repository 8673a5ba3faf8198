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
 * Opens the prefix of @path that ends at @end (exclusive). @path is copied because the kernel wants
 * a terminated string; PATH_MAX bounds it.
 */
static int open_prefix(int root, const char *path, size_t end)
{
	char prefix[PATH_MAX];
	if (end >= sizeof(prefix)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(prefix, path, end);
	prefix[end] = 0;
	return root_open(root, prefix, O_PATH | O_DIRECTORY, 0);
}

/* Makes one folder whose parent exists; a dangling symlink in the way is an error (EEXIST then
 * ENOENT), because where it should lead is not ours to guess. */
static int make_one(int root, const char *path, size_t end, mode_t mode)
{
	size_t start = end;
	while (start > 0 && path[start - 1] != '/')
		start--;
	char name[NAME_MAX + 1];
	if (end - start >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, path + start, end - start);
	name[end - start] = 0;
	auto_fd int parent = open_prefix(root, path, start);
	if (parent < 0)
		return -1;
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return -1;
	return open_prefix(root, path, end);
}

static size_t skip_slashes(const char *path, size_t at)
{
	while (path[at] == '/')
		at++;
	return at;
}

int root_make_dir(int root, const char *path, mode_t mode)
{
	int fd = root_open(root, path, O_PATH | O_DIRECTORY, 0);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	for (size_t at = skip_slashes(path, 0); path[at]; at = skip_slashes(path, at)) {
		at += strcspn(path + at, "/");
		fd_close(fd);
		fd = open_prefix(root, path, at);
		if (fd < 0 && errno == ENOENT)
			fd = make_one(root, path, at, mode);
		if (fd < 0)
			return -1;
	}
	return fd;
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
	char name[NAME_MAX + 1];
	auto_fd int parent = root_open_parent(root, path, 1, name, sizeof(name));
	if (parent < 0)
		return -1;
	/* mknod and not open(O_CREAT): it neither follows a dangling link nor opens what it made */
	if (mknodat(parent, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		return -1;
	return root_open(root, path, O_PATH, 0);
}
