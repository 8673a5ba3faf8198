/*
 * Copy-up: an empty volume gets what the image has at the place where it is mounted.
 *
 * The image's tree is hostile: its path is resolved inside its own detached mount (a VOLUME whose path is a
 * symlink leads nowhere outside, CVE-2022-23648), and from there on everything goes by descriptors that
 * follow no link. The copy is made beside the volume and renamed over its empty folder, so a killed daemon
 * leaves an empty volume and some rubbish (which volumes_recover() removes), not half a copy.
 *
 * What the image has at /etc/hostname, hosts, mtab and resolv.conf is not copied: as from dockerd, whose own layer below
 * the container's covers them, a volume over /etc gets empty files to be mounted on, and the link that mtab is. Links of the
 * image at these places would lead the mounts elsewhere.
 */
#include "mounts.h"

#include <dirent.h>
#include <fcntl.h>
#include <search.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/digest.h"
#include "sys/filecopy.h"
#include "sys/rootpath.h"

#define COPY_DEPTH_MAX 256
#define LINKS_HELD_MAX (16u << 20) /* bytes: an image chooses how many there are */

static const char *const etc_files[] = {"hostname", "hosts", "resolv.conf"};

/* A file with several names that has been copied under one, while others are to come. */
struct hard_link {
	dev_t dev;
	ino_t ino;
	nlink_t left; /* names not seen yet */
	char path[]; /* relative to the copy's root */
};

struct copier {
	int root; /* of the copy */
	bool etc; /* it is /etc */
	size_t files;
	void *links; /* tsearch(3) of struct hard_link */
	size_t held; /* bytes of them */
};

static int copy_xattrs(int from, int to, const char *what, struct err **err)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(from, names, sizeof(names));

	if (n < 0)
		return errno == ENOTSUP ? 0 : err_sys(err, errno, "list attributes of %s", what);
	for (const char *name = names; name < names + n; name += strlen(name) + 1) {
		if (str_starts(name, "trusted.overlay."))
			continue;
		ssize_t size = fgetxattr(from, name, value, sizeof(value));
		if (size < 0)
			return err_sys(err, errno, "read attribute %s of %s", name, what);
		if (fsetxattr(to, name, value, (size_t)size, 0) && errno != ENOTSUP)
			return err_sys(err, errno, "copy attribute %s of %s", name, what);
	}
	return 0;
}

static int copy_meta(int from, int to, const struct stat *st, const char *what, struct err **err)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	/* owner first: chown takes set-id bits and capabilities away */
	if (fchown(to, st->st_uid, st->st_gid) || fchmod(to, st->st_mode & 07777))
		return err_sys(err, errno, "set owner and mode of %s", what);
	if (copy_xattrs(from, to, what, err))
		return -1;
	if (futimens(to, times))
		return err_sys(err, errno, "set times of %s", what);
	return 0;
}

static int copy_file(int from, const char *name, int to, const struct stat *st, struct err **err)
{
	auto_fd int in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	auto_fd int out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (in < 0 || out < 0)
		return err_sys(err, errno, "copy %s", name);
	if (filecopy_content(in, out, st) < 0)
		return err_sys(err, errno, "copy %s", name);
	return copy_meta(in, out, st, name, err);
}

static int copy_link(int from, const char *name, int to, const struct stat *st, struct err **err)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(err, errno, "read link %s", name);
	target[n] = 0;
	if (symlinkat(target, to, name) ||
		fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW))
		return err_sys(err, errno, "copy link %s", name);
	return 0;
}

static int copy_special(const char *name, int to, const struct stat *st, struct err **err)
{
	if (S_ISSOCK(st->st_mode))
		return 0;
	if (mknodat(to, name, st->st_mode, st->st_rdev) ||
		fchownat(to, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) ||
		fchmodat(to, name, st->st_mode & 07777, 0))
		return err_sys(err, errno, "copy special file %s", name);
	return 0;
}

static int by_inode(const void *a, const void *b)
{
	const struct hard_link *x = a, *y = b;
	if (x->dev != y->dev)
		return x->dev < y->dev ? -1 : 1;
	return x->ino == y->ino ? 0 : x->ino < y->ino ? -1 : 1;
}

static size_t link_size(const char *path)
{
	return sizeof(struct hard_link) + strlen(path) + 1;
}

/* Beyond LINKS_HELD_MAX a file is copied once more for each further name. */
static void remember(struct copier *c, const struct stat *st, const char *path)
{
	size_t size = link_size(path);
	if (c->held + size > LINKS_HELD_MAX)
		return;
	struct hard_link *l = xcalloc(1, size);
	l->dev = st->st_dev;
	l->ino = st->st_ino;
	l->left = st->st_nlink - 1;
	memcpy(l->path, path, strlen(path) + 1);
	if (!tsearch(l, &c->links, by_inode))
		abort();
	c->held += size;
}

static void forget(struct copier *c, struct hard_link *l)
{
	tdelete(l, &c->links, by_inode);
	c->held -= link_size(l->path);
	free(l);
}

/* 1 if @name could be made as another name of something copied already, 0 if not, -1 on error. */
static int copy_known(struct copier *c, const char *name, int to, const char *path,
	const struct stat *st, struct err **err)
{
	const struct hard_link key = {.dev = st->st_dev, .ino = st->st_ino};
	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 0;
	struct hard_link **found = tfind(&key, &c->links, by_inode);
	if (!found) {
		remember(c, st, path);
		return 0;
	}
	struct hard_link *l = *found;
	if (linkat(c->root, l->path, to, name, 0))
		return err_sys(err, errno, "link %s", name);
	if (--l->left == 0)
		forget(c, l);
	return 1;
}

static int copy_dir(
	struct copier *c, int from, int to, const char *path, int depth, struct err **err);

/* Is it in the place of what the engine puts there? A folder of the image stays. */
static bool gives_way(const struct copier *c, const char *path, const struct stat *st)
{
	bool ours = str_eq(path, "mtab");
	for (size_t i = 0; i < ARRAY_LEN(etc_files); i++)
		ours |= str_eq(path, etc_files[i]);
	return c->etc && ours && !S_ISDIR(st->st_mode);
}

/* Beside folders of the image that have these names. */
static int make_etc(int to, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(etc_files); i++) {
		auto_fd int fd = openat(to, etc_files[i],
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0 ? errno != EEXIST : fchmod(fd, 0755) != 0)
			return err_sys(err, errno, "make %s", etc_files[i]);
	}
	if (symlinkat("/proc/mounts", to, "mtab") && errno != EEXIST)
		return err_sys(err, errno, "make mtab");
	return 0;
}

static int copy_entry(struct copier *c, int from, const char *name, int to, const char *path,
	int depth, struct err **err)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW))
		return err_sys(err, errno, "stat %s", name);
	if (gives_way(c, path, &st))
		return 0;
	int known = copy_known(c, name, to, path, &st, err);
	if (known)
		return known < 0 ? -1 : 0;
	c->files++;
	if (S_ISREG(st.st_mode))
		return copy_file(from, name, to, &st, err);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, name, to, &st, err);
	if (!S_ISDIR(st.st_mode))
		return copy_special(name, to, &st, err);
	if (depth >= COPY_DEPTH_MAX)
		return err_set(err, ERR_TOO_LARGE, "%s: folders are nested too deeply", path);
	if (mkdirat(to, name, 0700))
		return err_sys(err, errno, "make folder %s", name);
	auto_fd int in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd int out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (in < 0 || out < 0)
		return err_sys(err, errno, "open folder %s", name);
	if (copy_dir(c, in, out, path, depth + 1, err))
		return -1;
	return copy_meta(in, out, &st, name, err);
}

static int copy_dir(
	struct copier *c, int from, int to, const char *path, int depth, struct err **err)
{
	int r = 0;
	int fd = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return err_sys(err, errno, "read folder %s", path);
	}
	struct dirent *de;
	while (!r && (errno = 0, (de = readdir(d)) != NULL)) {
		if (str_eq(de->d_name, ".") || str_eq(de->d_name, ".."))
			continue;
		auto_free char *sub =
			*path ? xasprintf("%s/%s", path, de->d_name) : xstrdup(de->d_name);
		r = copy_entry(c, from, de->d_name, to, sub, depth, err);
	}
	/* half a folder is none */
	if (!r && errno)
		r = err_sys(err, errno, "read folder %s", path);
	closedir(d);
	return r;
}

static int copy_members(struct copier *c, int from, int to, struct err **err)
{
	struct stat st;
	if (from < 0)
		return fchmod(to, 0755) ? err_sys(err, errno, "set the mode of the volume's folder")
					: make_etc(to, err);
	if (fstat(from, &st))
		return err_sys(err, errno, "stat the image's folder");
	if (copy_dir(c, from, to, "", 0, err) || (c->etc && make_etc(to, err)))
		return -1;
	return copy_meta(from, to, &st, "the volume's folder", err);
}

/* Copies the folder @from into @to (empty, ours), with its own owner and mode. @etc: it is /etc, -1 if there is none. */
static int copy_tree(int from, bool etc, int to, struct err **err)
{
	struct copier c = {.root = to, .etc = etc};
	int r = copy_members(&c, from, to, err);
	tdestroy(c.links, free);
	/* a power cut behind the rename shall not find empty files; an empty folder has none */
	if (!r && c.files && syncfs(to))
		return err_sys(err, errno, "sync the volume's copy");
	return r;
}

static bool dir_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	bool empty = d != NULL;
	if (!d) {
		fd_close(copy);
		return false;
	}
	for (struct dirent *de; empty && (de = readdir(d));)
		empty = str_eq(de->d_name, ".") || str_eq(de->d_name, "..");
	closedir(d);
	return empty;
}

/* The copy is staged as <volume>/.copy-XXXX beside _data. */
static int fill_volume(int from, bool etc, int volume, struct err **err)
{
	char name[32] = ".copy-";
	random_hex(name + 6, 8);
	if (mkdirat(volume, name, 0700))
		return err_sys(err, errno, "make a folder for the volume's copy");
	auto_fd int to = openat(volume, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0 || copy_tree(from, etc, to, err)) {
		if (to < 0)
			err_sys(err, errno, "open the volume's copy");
		tree_remove(volume, name, NULL);
		return -1;
	}
	if (renameat(volume, name, volume, "_data")) {
		int saved = errno;
		tree_remove(volume, name, NULL);
		/* somebody has put something there meanwhile: then it is his */
		if (saved == ENOTEMPTY || saved == EEXIST || saved == EBUSY)
			return 0;
		return err_sys(err, saved, "put the volume's copy in place");
	}
	return 0;
}

static int copy_up_one(
	struct container *c, int *root, const struct mount_point *m, struct err **err)
{
	auto_fd int volume = openat(
		c->engine->volumes_fd, m->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_fd int data = volume < 0 ? -1
				      : openat(volume, "_data",
						O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (data < 0)
		return err_sys(err, errno, "open volume %s", m->name);
	if (!dir_empty(data))
		return 0;
	if (*root < 0)
		*root = store_snapshot_mount(c->engine->store, container_id(c), true, err);
	if (*root < 0)
		return -1;
	bool etc = str_eq(m->destination, "/etc");
	/* a link of this name gives way to a folder, too */
	auto_fd int from = root_open(
		*root, m->destination, O_RDONLY | O_DIRECTORY | (etc ? O_NOFOLLOW : 0), 0);
	bool missing = from < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP);
	if (missing && !etc)
		return 0;
	if (from < 0 && !missing)
		return err_sys(err, errno, "open %s in the image", m->destination);
	if (fill_volume(from, etc, volume, err))
		return err_wrap(err, "failed to copy %s of the image into volume %s",
			m->destination, m->name);
	return 0;
}

int mounts_copy_up(struct container *c, struct err **err)
{
	auto_fd int root = -1;
	const struct container_doc *doc = &c->doc->doc;

	for (size_t i = 0; i < doc->mounts.n; i++)
		if (doc->mounts.v[i].copy_up && copy_up_one(c, &root, &doc->mounts.v[i], err))
			return -1;
	return 0;
}
