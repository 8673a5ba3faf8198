#include "place.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/fdio.h"
#include "base/str.h"
#include "recipe.h"
#include "store/whiteout.h"
#include "sys/rootpath.h"
#include "sys/tmpfile.h"

#define OPAQUE "trusted.overlay.opaque"

int place_open(struct place *p, int root, int keep, struct err **err)
{
	*p = (struct place){.root = root, .keep = keep, .parent = -1};
	auto_fd int spool = tmpfile_open(root, 0);
	if (spool < 0)
		return err_sys(err, errno, "make a temporary file");
	p->folders = fdopen(spool, "w+");
	if (!p->folders)
		return err_sys(err, errno, "make a temporary file");
	(void)steal_fd(&spool);
	return 0;
}

void place_close(struct place *p)
{
	if (p->folders)
		fclose(p->folders);
	fd_close(p->parent);
	p->parent = -1;
	p->folders = NULL;
}

static void forget_parent(struct place *p)
{
	fd_close(p->parent);
	p->parent = -1;
}

static int fail(const char *name, const char *what, struct err **err)
{
	int saved = errno;
	/* what the archive asks for is impossible, or the machine cannot do it: the latter must not
	 * look like a damaged image */
	bool archive = saved == ENOTDIR || saved == EEXIST || saved == ELOOP || saved == ENOENT ||
		       saved == ENAMETOOLONG || saved == EINVAL || saved == EXDEV ||
		       saved == EISDIR || saved == EMLINK;
	return err_sysk(
		err, archive ? ERR_INVALID : ERR_SYSTEM, saved, "%s \"%.256s\"", what, name);
}

/* The beginning of @path, a length, that is a symlink to nothing; 0: none is. */
static size_t dangling(struct place *p, const char *path)
{
	char prefix[PATH_MAX];
	for (size_t n = strcspn(path, "/"); n < sizeof(prefix);) {
		struct stat st;
		memcpy(prefix, path, n);
		prefix[n] = '\0';
		auto_fd int link = root_open(p->root, prefix, O_PATH | O_NOFOLLOW, 0);
		auto_fd int target = root_open(p->root, prefix, O_PATH, 0);
		if (link >= 0 && target < 0 && fstat(link, &st) == 0 && S_ISLNK(st.st_mode))
			return n;
		if (!path[n])
			break;
		n += 1 + strcspn(path + n + 1, "/");
	}
	return 0;
}

/* Making folders at the far end of a link takes reading the link, which nothing that unpacks may (confine.c). */
static int fail_folder(
	struct place *p, const char *name, const char *folder, const char *what, struct err **err)
{
	int saved = errno;
	size_t n = saved == EPERM ? dangling(p, folder) : 0;
	errno = saved;
	if (!n)
		return fail(name, what, err);
	return err_set(err, ERR_INVALID,
		"%s \"%.256s\": the symlink \"%.*s\" leads to nothing in the same layer", what,
		name, n > 256 ? 256 : (int)n, folder);
}

static int open_parent(struct place *p, size_t len)
{
	p->direct = true;
	p->parent = len ? beneath_open(p->root, p->parent_name, O_PATH | O_DIRECTORY, 0)
			: fcntl(p->root, F_DUPFD_CLOEXEC, 3);
	if (p->parent >= 0)
		return 0;
	p->parent = root_make_dir_counting(p->root, p->parent_name, 0755, &p->implied);
	if (p->parent < 0)
		return -1;
	auto_fd int again = beneath_open(p->root, p->parent_name, O_PATH | O_DIRECTORY, 0);
	p->direct = again >= 0;
	return 0;
}

/* The open folder that holds @name, whose last component is copied to @base. */
static int parent_of(struct place *p, const char *name, const char **base, struct err **err)
{
	*base = name_base(name);
	size_t len = *base == name ? 0 : (size_t)(*base - name) - 1;
	if (p->parent >= 0 && strlen(p->parent_name) == len &&
		memcmp(p->parent_name, name, len) == 0)
		return 0;
	forget_parent(p);
	memcpy(p->parent_name, name, len);
	p->parent_name[len] = '\0';
	return open_parent(p, len) < 0
		       ? fail_folder(p, name, p->parent_name, "make the folder of", err)
		       : 0;
}

/* A file that is about to go, or cannot be found again under its entry's name: what it holds is part of the
 * layer's tar all the same. A second link to it may have been kept before. */
static int keep_file(void *arg, int dir, const char *name, const struct stat *st)
{
	struct place *p = arg;
	char id[RECIPE_ID_ROOM];
	if (!S_ISREG(st->st_mode) || !st->st_size)
		return 0;
	recipe_id_name(st->st_ino, id);
	if (linkat(dir, name, p->keep, id, 0) < 0)
		return errno == EEXIST ? 0 : -1;
	p->kept += (uint64_t)st->st_size;
	return 0;
}

int place_keep_indirect(struct place *p, const char *name, struct err **err)
{
	struct stat st;
	if (p->direct)
		return 0;
	const char *base = name_base(name);
	if (fstatat(p->parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		keep_file(p, p->parent, base, &st) < 0)
		return err_sys(err, errno, "keep the content of \"%.256s\"", name);
	return 0;
}

/* Removes what is at @base. Entries resolved through it would lead elsewhere now, so the cached
 * parent may not outlive it; @base lies in the cached parent itself, which stays. */
static int clear_way(struct place *p, const char *base, const char *name, struct err **err)
{
	auto_err *why = NULL;
	if (tree_remove_telling(p->parent, base, keep_file, p, &why) == 0)
		return 0;
	errno = why->sys;
	return fail(name, "replace", err);
}

/* Runs @make; if something is in the way, removes it and runs @make again. */
#define PLACE_REPLACING(p, base, name, make)                                                       \
	({                                                                                         \
		int place_r = (make);                                                              \
		if (place_r < 0 && errno == EEXIST && clear_way(p, base, name, NULL) == 0)         \
			place_r = (make);                                                          \
		place_r;                                                                           \
	})

int place_file(struct place *p, const char *name, const struct place_meta *meta, struct stat *made,
	struct err **err)
{
	const char *base;
	if (parent_of(p, name, &base, err) < 0)
		return -1;
	/* setuid and setgid only when it has its owner and its content */
	auto_fd int fd = PLACE_REPLACING(p, base, name,
		openat(p->parent, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			meta->mode & 0777));
	if (fd < 0 || fstat(fd, made) < 0)
		return fail(name, "create", err);
	return steal_fd(&fd);
}

/* A folder with setgid gives its group to what is made in it: who owns a file is asked, not assumed. */
int place_owner(int fd, const char *name, const struct place_meta *meta, const struct stat *made,
	struct err **err)
{
	if ((meta->uid != made->st_uid || meta->gid != made->st_gid) &&
		fchown(fd, meta->uid, meta->gid) < 0)
		return fail(name, "change the owner of", err);
	return 0;
}

static void times_of(const struct place_meta *meta, struct timespec out[2])
{
	out[0] = meta->mtime;
	out[1] = meta->mtime;
}

int place_finish(int fd, const char *name, const struct place_meta *meta, const struct stat *made,
	struct err **err)
{
	struct timespec times[2];
	times_of(meta, times);
	if ((made->st_mode & 07777) != meta->mode && fchmod(fd, meta->mode) < 0)
		return fail(name, "change the mode of", err);
	if (futimens(fd, times) < 0)
		return fail(name, "set the time of", err);
	return 0;
}

static int note_time(struct place *p, const char *name, const struct timespec *t, struct err **err)
{
	uint16_t len = (uint16_t)strlen(name);
	if (fwrite(&len, sizeof(len), 1, p->folders) != 1 ||
		fwrite(t, sizeof(*t), 1, p->folders) != 1 || fwrite(name, len, 1, p->folders) != 1)
		return err_sys(err, errno, "write a temporary file");
	return 0;
}

/* Makes the folder unless there is one; setuid, setgid and the sticky bit come with its owner. A whiteout in the way means that the one below is hidden:
 * then the new one is opaque. */
static int make_folder(
	struct place *p, const char *base, const char *name, mode_t mode, bool *opaque)
{
	struct stat st;
	*opaque = false;
	if (mkdirat(p->parent, base, mode & 0777) == 0)
		return 0;
	if (errno != EEXIST || fstatat(p->parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		return 0;
	*opaque = whiteout_is(&st);
	if (clear_way(p, base, name, NULL) < 0)
		return -1;
	return mkdirat(p->parent, base, mode & 0777);
}

int place_folder(struct place *p, const char *name, const struct place_meta *meta, struct err **err)
{
	const char *base;
	bool opaque;
	struct stat made;
	if (parent_of(p, name, &base, err) < 0)
		return -1;
	if (make_folder(p, base, name, meta->mode, &opaque) < 0)
		return fail(name, "make folder", err);
	auto_fd int fd = openat(p->parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &made) < 0)
		return fail(name, "open folder", err);
	if (opaque && fsetxattr(fd, OPAQUE, "y", 1, 0) < 0)
		return fail(name, "make opaque", err);
	if (place_owner(fd, name, meta, &made, err) < 0)
		return -1;
	if ((made.st_mode & 07777) != meta->mode && fchmod(fd, meta->mode) < 0)
		return fail(name, "change the mode of", err);
	if (note_time(p, name, &meta->mtime, err) < 0)
		return -1;
	return steal_fd(&fd);
}

static int owner_and_time(struct place *p, const char *base, const char *name,
	const struct place_meta *meta, struct err **err)
{
	struct timespec times[2];
	times_of(meta, times);
	if (fchownat(p->parent, base, meta->uid, meta->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(name, "change the owner of", err);
	if (utimensat(p->parent, base, times, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(name, "set the time of", err);
	return 0;
}

int place_symlink(struct place *p, const char *name, const char *target,
	const struct place_meta *meta, struct err **err)
{
	const char *base;
	if (parent_of(p, name, &base, err) < 0)
		return -1;
	if (PLACE_REPLACING(p, base, name, symlinkat(target, p->parent, base)) < 0)
		return fail(name, "make symbolic link", err);
	return owner_and_time(p, base, name, meta, err);
}

int place_hardlink(struct place *p, const char *name, const char *target, struct err **err)
{
	char last[NAME_MAX + 1];
	const char *base;
	if (parent_of(p, name, &base, err) < 0)
		return -1;
	auto_fd int from = root_open_parent(p->root, target, 0, last, sizeof(last));
	if (from < 0)
		return fail(target, "find what a hard link points to:", err);
	struct stat st, here;
	if (fstatat(from, last, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(target, "find what a hard link points to:", err);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "hard link \"%.256s\" points to a folder", name);
	/* a link to itself is there already, and clearing the way would remove it */
	if (fstatat(p->parent, base, &here, AT_SYMLINK_NOFOLLOW) == 0 && here.st_ino == st.st_ino &&
		here.st_dev == st.st_dev)
		return 0;
	if (PLACE_REPLACING(p, base, name, linkat(from, last, p->parent, base, 0)) < 0)
		return fail(name, "make hard link", err);
	return 0;
}

int place_node(struct place *p, const char *name, mode_t type, dev_t dev,
	const struct place_meta *meta, struct err **err)
{
	const char *base;
	if (parent_of(p, name, &base, err) < 0)
		return -1;
	if (PLACE_REPLACING(p, base, name, mknodat(p->parent, base, type | meta->mode, dev)) < 0)
		return fail(name, "make device or fifo", err);
	return owner_and_time(p, base, name, meta, err);
}

int place_whiteout(struct place *p, const char *name, struct err **err)
{
	const char *base;
	if (parent_of(p, name, &base, err) < 0)
		return -1;
	if (mknodat(p->parent, base, S_IFCHR, WHITEOUT_OVERLAY) == 0)
		return 0;
	/* an overlay takes none that is not its own */
	if (errno == EPERM && mknodat(p->parent, base, S_IFCHR, WHITEOUT_PLAIN) == 0)
		return 0;
	if (errno != EEXIST)
		return fail(name, "make whiteout", err);
	/* A whiteout concerns the layers below (image-spec layer.md): what this layer has itself
	 * stays. A file hides the one below anyway; a folder must not merge with it. */
	struct stat st;
	if (fstatat(p->parent, base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(name, "make whiteout", err);
	return S_ISDIR(st.st_mode) ? place_opaque(p, name, err) : 0;
}

int place_opaque(struct place *p, const char *name, struct err **err)
{
	auto_fd int made = *name ? root_make_dir_counting(p->root, name, 0755, &p->implied) : -1;
	if (*name && made < 0)
		return fail_folder(p, name, name, "make folder", err);
	auto_fd int fd = openat(*name ? made : p->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsetxattr(fd, OPAQUE, "y", 1, 0) < 0)
		return fail(name, "make opaque", err);
	return 0;
}

static int set_time(struct place *p, const char *name, const struct timespec *t, struct err **err)
{
	struct timespec times[2] = {*t, *t};
	/* O_NOFOLLOW: a later entry may have put something else in the folder's place */
	auto_fd int fd = root_open(p->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : fail(name, "open folder", err);
	if (p->mark && fsetxattr(fd, PLACE_TIMED, "", 0, 0) < 0)
		return fail(name, "mark", err);
	return futimens(fd, times) < 0 ? fail(name, "set the time of", err) : 0;
}

int place_times(struct place *p, struct err **err)
{
	char name[NAME_ROOM];
	uint16_t len;
	struct timespec t;
	if (fflush(p->folders) != 0 || fseeko(p->folders, 0, SEEK_SET) != 0)
		return err_sys(err, errno, "read a temporary file");
	while (fread(&len, sizeof(len), 1, p->folders) == 1) {
		if (len >= NAME_ROOM || fread(&t, sizeof(t), 1, p->folders) != 1 ||
			fread(name, len, 1, p->folders) != 1)
			return err_sys(err, errno, "read a temporary file");
		name[len] = '\0';
		if (set_time(p, name, &t, err) < 0)
			return -1;
	}
	return ferror(p->folders) ? err_sys(err, errno, "read a temporary file") : 0;
}
