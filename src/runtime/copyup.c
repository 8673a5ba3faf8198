/*
 * tmpcopyup: what the image has in a folder is copied into the tmpfs that will cover it. The image
 * is hostile: no link is followed, depth is bounded, and the process is in its cgroup by then, so
 * that the container pays for what it copies.
 */
#include "setup.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fdio.h"
#include "base/mem.h"

#define DEPTH_MAX 64

struct kernel_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

struct copy {
	struct reporter *r;
	const char *what;
};

static void copy_dir(struct copy *c, int from, int to, int depth);

static void failed(struct copy *c, const char *name)
{
	report_sys(c->r, "copy %s to the tmpfs at %s", name, c->what);
}

/* An owner who is not mapped in the user namespace stays the one who copies. */
static int own(int dir, const char *name, const struct stat *st)
{
	int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
	if (fchownat(dir, name, st->st_uid, st->st_gid, flags) < 0 && errno != EINVAL &&
		errno != EPERM)
		return -1;
	return 0;
}

static void copy_file(struct copy *c, int from, int to, const char *name, const struct stat *st)
{
	auto_fd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	auto_fd int out =
		openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (in < 0 || out < 0)
		failed(c, name);
	char chunk[16384];
	ssize_t n;
	while ((n = fd_read(in, chunk, sizeof(chunk))) > 0)
		if (fd_write_all(out, chunk, (size_t)n) < 0)
			failed(c, name);
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (n < 0 || own(out, "", st) < 0 || fchmod(out, st->st_mode & 07777) < 0 ||
		futimens(out, times) < 0)
		failed(c, name);
}

static void copy_link(struct copy *c, int from, int to, const char *name, const struct stat *st)
{
	char target[4096];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);
	if (n < 0)
		failed(c, name);
	target[n] = 0;
	if (symlinkat(target, to, name) < 0 || own(to, name, st) < 0)
		failed(c, name);
}

static void copy_folder(
	struct copy *c, int from, int to, const char *name, const struct stat *st, int depth)
{
	if (depth >= DEPTH_MAX) {
		errno = ELOOP;
		failed(c, name);
	}
	if (mkdirat(to, name, 0700) < 0)
		failed(c, name);
	auto_fd int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		failed(c, name);
	copy_dir(c, in, out, depth + 1);
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	if (own(out, "", st) < 0 || fchmod(out, st->st_mode & 07777) < 0 ||
		futimens(out, times) < 0)
		failed(c, name);
}

static void copy_entry(struct copy *c, int from, int to, const char *name, int depth)
{
	struct stat st;
	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		failed(c, name);
	if (S_ISDIR(st.st_mode)) {
		copy_folder(c, from, to, name, &st, depth);
	} else if (S_ISREG(st.st_mode)) {
		copy_file(c, from, to, name, &st);
	} else if (S_ISLNK(st.st_mode)) {
		copy_link(c, from, to, name, &st);
	} else if (mknodat(to, name, st.st_mode, st.st_rdev) < 0 || own(to, name, &st) < 0) {
		failed(c, name);
	}
}

static void copy_dir(struct copy *c, int from, int to, int depth)
{
	_Alignas(struct kernel_dirent) char entries[4096];
	long n;
	while ((n = syscall(SYS_getdents64, from, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < n;) {
			struct kernel_dirent *e = (struct kernel_dirent *)(entries + at);
			at += e->len;
			if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
				copy_entry(c, from, to, e->name, depth);
		}
	}
	if (n < 0)
		failed(c, ".");
}

void copy_up(struct reporter *r, int from, int to, const char *what)
{
	struct copy c = {.r = r, .what = what};
	auto_fd int in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_fd int out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		failed(&c, ".");
	copy_dir(&c, in, out, 0);
	/* its mode came with the mount: the config may have another than the folder's */
	if (own(out, "", &st) < 0)
		failed(&c, ".");
}
