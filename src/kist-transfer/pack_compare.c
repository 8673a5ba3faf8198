#include "pack_compare.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fdio.h"
#include "base/str.h"
#include "pack_xattr.h"

/* Archives have whole seconds: where one of the times has nothing below, that does not count. */
static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && (a->tv_nsec == b->tv_nsec || !a->tv_nsec || !b->tv_nsec);
}

static bool stat_differs(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
		a->st_rdev != b->st_rdev)
		return true;
	return !S_ISDIR(a->st_mode) &&
	       (!same_time(&a->st_mtim, &b->st_mtim) || a->st_size != b->st_size);
}

/* -1 where it is gone meanwhile, or does not open: nothing that has attributes. */
static int open_either(int dir, const char *name)
{
	return openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int add_capability(int dir, const struct walk_entry *e, struct buf *out, struct err **err)
{
	auto_fd int fd = open_either(dir, e->name);
	return fd < 0 ? 0 : pack_capability(fd, e->path, out, err);
}

int compare_entry(const struct walk_entry *e, struct err **err)
{
	auto_buf upper = BUF_INIT;
	auto_buf lower = BUF_INIT;
	if (stat_differs(&e->upper, &e->lower))
		return 1;
	if (!S_ISREG(e->upper.st_mode))
		return 0;
	if (add_capability(e->upper_dir, e, &upper, err) < 0 ||
		add_capability(e->lower_dir, e, &lower, err) < 0)
		return -1;
	return upper.len != lower.len ||
	       (upper.len && memcmp(upper.data, lower.data, upper.len) != 0);
}

int compare_attributes(const struct walk_entry *e, struct err **err)
{
	auto_buf upper = BUF_INIT;
	auto_buf lower = BUF_INIT;
	auto_fd int a = open_either(e->upper_dir, e->name);
	auto_fd int b = e->in_lower ? open_either(e->lower_dir, e->name) : -1;
	if (a < 0 || (e->in_lower && b < 0))
		return 0;
	if (pack_xattrs(a, e->path, false, &upper, err) < 0 ||
		(b >= 0 && pack_xattrs(b, e->path, false, &lower, err) < 0))
		return -1;
	return upper.len != lower.len ||
	       (upper.len && memcmp(upper.data, lower.data, upper.len) != 0);
}

int compare_for_layer(const struct walk_entry *e, struct err **err)
{
	if (stat_differs(&e->upper, &e->lower))
		return 1;
	/* a layer's file may have a second link beside its recipe, never fewer than its copy has */
	if (!S_ISDIR(e->upper.st_mode) && e->upper.st_nlink > e->lower.st_nlink)
		return 1;
	if (S_ISDIR(e->upper.st_mode) && !same_time(&e->upper.st_mtim, &e->lower.st_mtim) &&
		!str_eq(e->path, "etc"))
		return 1;
	if (!S_ISREG(e->upper.st_mode) && !S_ISDIR(e->upper.st_mode))
		return 0;
	return compare_attributes(e, err);
}
