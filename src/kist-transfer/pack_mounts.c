#include "pack_mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "pack_compare.h"

static const char *const folders[] = {"dev", "proc", "sys"};
static const char *const etc_names[] = {"hostname", "hosts", "mtab", "resolv.conf"};

static bool among(const char *name, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(name, v[i]))
			return true;
	return false;
}

/* Names in the folder @name of @dir that are not among @but; -1 on error. */
static int other_names(
	int dir, const char *name, const char *const *but, size_t n, struct err **err)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 1
			       : err_sys(err, errno, "open folder /%s", name);
	DIR *d = fdopendir(fd);
	if (!d) {
		close(fd);
		return err_sys(err, errno, "open folder /%s", name);
	}
	int others = 0;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	for (const struct dirent *de; !others && (de = readdir(d));)
		others = !str_eq(de->d_name, ".") && !str_eq(de->d_name, "..") &&
			 !among(de->d_name, but, n);
	closedir(d);
	return others;
}

static bool as_made(const struct stat *st)
{
	return st->st_uid == 0 && st->st_gid == 0;
}

static bool empty_file(const struct stat *st, mode_t mode)
{
	return S_ISREG(st->st_mode) && st->st_size == 0 && st->st_nlink == 1 &&
	       (st->st_mode & 07777) == mode && as_made(st);
}

/* The runtime makes it where the image has none, and in place of what is no plain file (runtime/etc.c). */
static bool our_file(const struct stat *upper, const struct stat *lower)
{
	return (empty_file(upper, 0644) || empty_file(upper, 0755)) &&
	       (!lower || !(S_ISREG(lower->st_mode) || S_ISDIR(lower->st_mode)));
}

static bool our_link(int dir, const char *name, const struct stat *st)
{
	static const char target[] = "/proc/mounts";
	char text[sizeof(target)];
	return S_ISLNK(st->st_mode) && as_made(st) &&
	       readlinkat(dir, name, text, sizeof(text)) == (ssize_t)sizeof(target) - 1 &&
	       memcmp(text, target, sizeof(target) - 1) == 0;
}

/* @dir holds @name; @lower: what the image has, NULL: nothing. */
static bool is_ours(int dir, const char *name, const struct stat *upper, const struct stat *lower)
{
	return str_eq(name, "mtab") ? our_link(dir, name, upper) : our_file(upper, lower);
}

/* Is every name in /etc one of ours? */
static int etc_is_ours(const struct walk_entry *e, struct err **err)
{
	int others = other_names(e->upper_dir, "etc", etc_names, ARRAY_LEN(etc_names), err);
	if (others)
		return others < 0 ? -1 : 0;
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	auto_fd int upper = openat(e->upper_dir, "etc", flags);
	auto_fd int lower =
		e->in_lower && S_ISDIR(e->lower.st_mode) ? openat(e->lower_dir, "etc", flags) : -1;
	for (size_t i = 0; i < ARRAY_LEN(etc_names); i++) {
		struct stat a, b;
		if (fstatat(upper, etc_names[i], &a, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bool there =
			lower >= 0 && fstatat(lower, etc_names[i], &b, AT_SYMLINK_NOFOLLOW) == 0;
		if (!is_ours(upper, etc_names[i], &a, there ? &b : NULL))
			return 0;
	}
	return 1;
}

static bool same_owner_and_mode(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

/* 1: its attributes are the image's (none, where the image has no such folder). */
static int same_attributes(const struct walk_entry *e, struct err **err)
{
	int r = compare_attributes(e, err);
	return r < 0 ? -1 : !r;
}

static int is_etc(const struct walk_entry *e, struct err **err)
{
	bool folder = e->in_lower && S_ISDIR(e->lower.st_mode);
	if (folder && !same_owner_and_mode(&e->upper, &e->lower))
		return 0;
	if (!folder && ((e->upper.st_mode & 07777) != 0755 || !as_made(&e->upper)))
		return 0;
	int r = same_attributes(e, err);
	return r == 1 ? etc_is_ours(e, err) : r;
}

int pack_is_mount_point(const struct walk_entry *e, bool whole, struct err **err)
{
	if (!e->in_upper || e->depth > 2)
		return 0;
	if (e->depth == 2) {
		const char *file = str_after(e->path, "etc/");
		return file && among(file, etc_names, ARRAY_LEN(etc_names)) &&
		       is_ours(e->upper_dir, file, &e->upper, e->in_lower ? &e->lower : NULL);
	}
	/* the store makes it with every container, over one that the image has */
	if (str_eq(e->path, ".dockerenv"))
		return empty_file(&e->upper, 0755);
	if (!S_ISDIR(e->upper.st_mode))
		return 0;
	/* one that has everything does not say which names in it are changes: they are looked at one by one */
	if (str_eq(e->path, "etc"))
		return whole && e->in_lower && S_ISDIR(e->lower.st_mode) ? 0 : is_etc(e, err);
	if (e->in_lower || (e->upper.st_mode & 07777) != 0755 || !as_made(&e->upper) ||
		!among(e->path, folders, ARRAY_LEN(folders)))
		return 0;
	int others = other_names(e->upper_dir, e->path, NULL, 0, err);
	return others < 0 ? -1 : !others;
}
