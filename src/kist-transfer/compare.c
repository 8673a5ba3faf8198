#include "compare.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "inodes.h"
#include "place.h"
#include "report.h"
#include "treewalk.h"

#define XATTR_LIST 65536 /* XATTR_LIST_MAX */
#define XATTR_VALUE 65536 /* XATTR_SIZE_MAX */
#define CHUNK 65536
#define TELL_EVERY 4096 /* entries; so that a check can be cancelled */

struct compare {
	struct damages *damages;
	bool contents;
	struct inodes expected, actual; /* each one's partner in the other tree */
	char *list[2], *value[2], *chunk[2];
	struct buf wrong; /* of the present entry */
};

/* ---- words ---- */

static const char *kind_of(const struct stat *st)
{
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		return "a file";
	case S_IFDIR:
		return "a folder";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFCHR:
		return st->st_rdev ? "a character device" : "a whiteout";
	case S_IFBLK:
		return "a block device";
	case S_IFIFO:
		return "a fifo";
	default:
		return "something else";
	}
}

static void wrong(struct compare *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void wrong(struct compare *c, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	buf_addf(&c->wrong, "%s%s", c->wrong.len ? ", " : "", text);
}

/* ---- what stat(2) tells ---- */

static bool same_kind(const struct stat *a, const struct stat *b)
{
	return (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT) &&
	       walk_is_whiteout(a) == walk_is_whiteout(b);
}

static void compare_status(struct compare *c, const struct stat *want, const struct stat *is)
{
	if (!S_ISLNK(want->st_mode) && (want->st_mode & 07777) != (is->st_mode & 07777))
		wrong(c, "mode %04o instead of %04o", is->st_mode & 07777, want->st_mode & 07777);
	if (want->st_uid != is->st_uid || want->st_gid != is->st_gid)
		wrong(c, "owner %u:%u instead of %u:%u", is->st_uid, is->st_gid, want->st_uid,
			want->st_gid);
	if (S_ISREG(want->st_mode) && want->st_size != is->st_size)
		wrong(c, "%lld bytes instead of %lld", (long long)is->st_size,
			(long long)want->st_size);
	if ((S_ISCHR(want->st_mode) || S_ISBLK(want->st_mode)) && want->st_rdev != is->st_rdev)
		wrong(c, "device %u:%u instead of %u:%u", major(is->st_rdev), minor(is->st_rdev),
			major(want->st_rdev), minor(want->st_rdev));
}

static void compare_times(struct compare *c, const struct stat *want, const struct stat *is)
{
	const struct timespec *w = &want->st_mtim, *i = &is->st_mtim;
	if (w->tv_sec != i->tv_sec || w->tv_nsec != i->tv_nsec)
		wrong(c, "time %lld.%09ld instead of %lld.%09ld", (long long)i->tv_sec, i->tv_nsec,
			(long long)w->tv_sec, w->tv_nsec);
}

static int compare_targets(struct compare *c, const struct walk_entry *e, struct err **err)
{
	char want[PATH_MAX], is[PATH_MAX];
	ssize_t a = readlinkat(e->upper_dir, e->name, want, sizeof(want));
	ssize_t b = readlinkat(e->lower_dir, e->name, is, sizeof(is));
	if (a < 0 || b < 0)
		return err_sys(err, errno, "read link \"%.256s\"", e->path);
	if (a != b || memcmp(want, is, (size_t)a) != 0)
		wrong(c, "target \"%.*s\" instead of \"%.*s\"", (int)b, is, (int)a, want);
	return 0;
}

/* ---- names of one file ---- */

/* Names that are one file in either tree must be one in the other. */
static void compare_links(struct compare *c, const struct walk_entry *e)
{
	uint64_t partner;
	if (S_ISDIR(e->upper.st_mode))
		return;
	if (e->upper.st_nlink > 1) {
		partner = inodes_partner(&c->expected, e->upper.st_ino, e->lower.st_ino);
		if (partner != e->lower.st_ino)
			wrong(c, "a file of its own instead of another name of one");
	}
	if (e->lower.st_nlink > 1) {
		partner = inodes_partner(&c->actual, e->lower.st_ino, e->upper.st_ino);
		if (partner != e->upper.st_ino)
			wrong(c, "another name of a file instead of one of its own");
	}
}

/* ---- attributes ---- */

/* The host's business, or our own mark. */
static bool passed_over(const char *name)
{
	return str_starts(name, "security.selinux") || str_starts(name, "security.SMACK") ||
	       str_starts(name, "security.apparmor") || str_eq(name, "security.ima") ||
	       str_eq(name, "security.evm") || str_eq(name, PLACE_TIMED);
}

static ssize_t list_names(int fd, char *list)
{
	ssize_t n = flistxattr(fd, list, XATTR_LIST);
	return n < 0 && errno == ENOTSUP ? 0 : n;
}

static void compare_value(struct compare *c, const int fd[2], const char *name)
{
	ssize_t n[2];
	for (int i = 0; i < 2; i++) {
		n[i] = fgetxattr(fd[i], name, c->value[i], XATTR_VALUE);
		if (n[i] < 0 && errno != ENODATA && errno != ENOTSUP) {
			wrong(c, "attribute %s cannot be read: %s", name, err_text(errno));
			return;
		}
	}
	if (n[0] < 0 && n[1] < 0)
		return;
	if (n[1] < 0)
		wrong(c, "attribute %s is missing", name);
	else if (n[0] < 0)
		wrong(c, "attribute %s was added", name);
	else if (n[0] != n[1] || memcmp(c->value[0], c->value[1], (size_t)n[0]) != 0)
		wrong(c, "attribute %s has another value", name);
}

static bool has_name(const char *list, ssize_t n, const char *name)
{
	for (const char *p = list; p < list + n; p += strlen(p) + 1)
		if (str_eq(p, name))
			return true;
	return false;
}

static int compare_attributes(
	struct compare *c, const int fd[2], const char *path, struct err **err)
{
	ssize_t n[2];
	for (int i = 0; i < 2; i++) {
		n[i] = list_names(fd[i], c->list[i]);
		if (n[i] < 0)
			return err_sys(err, errno, "list attributes of \"%.256s\"", path);
	}
	for (int i = 0; i < 2; i++)
		for (const char *p = c->list[i]; p < c->list[i] + n[i]; p += strlen(p) + 1)
			if (!passed_over(p) && !(i == 1 && has_name(c->list[0], n[0], p)))
				compare_value(c, fd, p);
	return 0;
}

/* ---- contents ---- */

/* Where data begins that either file has at or behind @at; @size where there is none. */
static int64_t next_data(const int fd[2], int64_t at, int64_t size)
{
	int64_t least = size;
	for (int i = 0; i < 2; i++) {
		off_t data = lseek(fd[i], at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return at; /* the file system has no idea: read it all */
		if (data >= 0 && data < least)
			least = data;
	}
	return least;
}

static int compare_contents(
	struct compare *c, const int fd[2], int64_t size, const char *path, struct err **err)
{
	for (int64_t at = next_data(fd, 0, size); at < size; at = next_data(fd, at, size)) {
		size_t want = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
		for (int i = 0; i < 2; i++) {
			ssize_t n = pread(fd[i], c->chunk[i], want, at);
			if (n < 0)
				return err_sys(err, errno, "read \"%.256s\"", path);
			memset(c->chunk[i] + n, 0, want - (size_t)n);
		}
		if (memcmp(c->chunk[0], c->chunk[1], want) != 0) {
			wrong(c, "another content than it came with");
			return 0;
		}
		at += (int64_t)want;
	}
	return 0;
}

/* ---- entries ---- */

static bool is_timed(struct compare *c, int expected)
{
	return fgetxattr(expected, PLACE_TIMED, c->value[0], XATTR_VALUE) >= 0;
}

/* What can only be asked of an open file or folder. */
static int compare_open(struct compare *c, const struct walk_entry *e, struct err **err)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	auto_fd int want = openat(e->upper_dir, e->name, flags);
	auto_fd int is = openat(e->lower_dir, e->name, flags);
	if (want < 0 || is < 0)
		return err_sys(err, errno, "open \"%.256s\"", e->path);
	const int fd[] = {want, is};
	if (S_ISDIR(e->upper.st_mode) && is_timed(c, want))
		compare_times(c, &e->upper, &e->lower);
	if (c->contents && S_ISREG(e->upper.st_mode) && e->upper.st_size == e->lower.st_size &&
		compare_contents(c, fd, e->upper.st_size, e->path, err) < 0)
		return -1;
	return compare_attributes(c, fd, e->path, err);
}

static int compare_entry(struct compare *c, const struct walk_entry *e, struct err **err)
{
	compare_status(c, &e->upper, &e->lower);
	compare_links(c, e);
	if (!S_ISDIR(e->upper.st_mode) && !walk_is_whiteout(&e->upper))
		compare_times(c, &e->upper, &e->lower);
	if (S_ISLNK(e->upper.st_mode))
		return compare_targets(c, e, err);
	if (S_ISREG(e->upper.st_mode) || S_ISDIR(e->upper.st_mode))
		return compare_open(c, e, err);
	return 0;
}

static void tell_wrong(struct compare *c, const char *path)
{
	if (c->wrong.len)
		damage_tell(c->damages, path, "%s", buf_str(&c->wrong));
	c->wrong.len = 0;
}

static int look_at(
	struct compare *c, struct tree_walk *w, const struct walk_entry *e, struct err **err)
{
	if (!e->in_lower)
		wrong(c, "%s is missing", kind_of(&e->upper));
	else if (!e->in_upper)
		wrong(c, "%s that the layer did not bring", kind_of(&e->lower));
	else if (!same_kind(&e->upper, &e->lower))
		wrong(c, "%s instead of %s", kind_of(&e->lower), kind_of(&e->upper));
	else if (compare_entry(c, e, err) < 0)
		return -1;
	tell_wrong(c, e->path);
	if (e->in_upper && e->in_lower && S_ISDIR(e->upper.st_mode) && S_ISDIR(e->lower.st_mode))
		walk_enter(w, true, true, IN_UPPER | IN_LOWER);
	return 0;
}

static int compare_roots(struct compare *c, const int fd[2], struct err **err)
{
	struct stat want, is;
	if (fstat(fd[0], &want) < 0 || fstat(fd[1], &is) < 0)
		return err_sys(err, errno, "look at the layer's folder");
	compare_status(c, &want, &is);
	if (compare_attributes(c, fd, "", err) < 0)
		return -1;
	tell_wrong(c, "");
	return 0;
}

static void say_alive(uint64_t entries)
{
	struct transfer_message m = {.kind = TRANSFER_PROGRESS, .name = ""};
	if (entries % TELL_EVERY == 0)
		report_send(&m);
}

static int walk(struct compare *c, int expected, int layer, struct err **err)
{
	struct tree_walk w;
	struct walk_entry e;
	int r;
	walk_init(&w, expected, &layer, 1, IN_UPPER | IN_LOWER);
	w.literal = true;
	while ((r = walk_next(&w, &e, err)) == 1) {
		say_alive(w.entries);
		r = look_at(c, &w, &e, err);
		if (r < 0)
			break;
	}
	walk_free(&w);
	return r;
}

int compare_layer(int expected, int layer, bool contents, struct damages *damages, struct err **err)
{
	struct compare c = {.damages = damages, .contents = contents};
	/* the layer may have come as O_PATH */
	auto_fd int readable = openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (readable < 0)
		return err_sys(err, errno, "open the layer's folder");
	const int roots[] = {expected, readable};
	for (int i = 0; i < 2; i++) {
		c.list[i] = xmalloc(XATTR_LIST);
		c.value[i] = xmalloc(XATTR_VALUE);
		c.chunk[i] = contents ? xmalloc(CHUNK) : NULL;
	}
	int r = compare_roots(&c, roots, err);
	if (r == 0)
		r = walk(&c, expected, layer, err);
	for (int i = 0; i < 2; i++) {
		free(c.list[i]);
		free(c.value[i]);
		free(c.chunk[i]);
	}
	inodes_free(&c.expected);
	inodes_free(&c.actual);
	buf_free(&c.wrong);
	return r;
}
