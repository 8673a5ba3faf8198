/* Removal of trees that hostile programs filled: no symlink followed, no mount crossed, any depth. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fdio.h"

/* The path of folders being emptied. Deeper folders are moved up before they are entered, so that
 * depth in the tree costs neither stack nor descriptors. (kist-transfer allows itself 64 of those.) */
#define TREE_MAX_OPEN 24

struct level {
	DIR *dir;
	char *name;
};

/* What a removal is told of, beside names. */
struct remover {
	dev_t dev;
	tree_file_fn *before;
	void *arg;
};

static int unlink_file(const struct remover *r, int dir, const char *name, const struct stat *st)
{
	if (r->before && r->before(r->arg, dir, name, st) < 0)
		return -1;
	return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? -1 : 0;
}

static int enter(int parent, const char *name, dev_t dev, DIR **out)
{
	auto_fd int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return -1;
	if (st.st_dev != dev) {
		errno = EXDEV;
		return -1;
	}
	*out = fdopendir(fd);
	if (!*out)
		return -1;
	(void)steal_fd(&fd);
	return 0;
}

/* Empties the folder @levels[0].dir with everything below. */
static int empty(struct level *levels, const struct remover *r)
{
	size_t depth = 1;
	int top = dirfd(levels[0].dir);
	while (depth) {
		struct level *at = &levels[depth - 1];
		errno = 0;
		struct dirent *e = readdir(at->dir);
		if (!e) {
			if (errno)
				break;
			if (depth == 1)
				return 0;
			closedir(at->dir);
			depth--;
			auto_free char *name = steal_ptr(at->name);
			int parent = dirfd(levels[depth - 1].dir);
			if (unlinkat(parent, name, AT_REMOVEDIR) < 0) {
				/* children moved to the top meanwhile: look again */
				if (errno != ENOENT)
					break;
			}
			rewinddir(levels[depth - 1].dir);
			continue;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		int here = dirfd(at->dir);
		struct stat st;
		if (fstatat(here, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			break;
		}
		if (!S_ISDIR(st.st_mode)) {
			if (unlink_file(r, here, e->d_name, &st) < 0)
				break;
			continue;
		}
		if (depth == TREE_MAX_OPEN) {
			char fresh[32] = ".deep-";
			random_hex(fresh + 6, 8);
			if (renameat(here, e->d_name, top, fresh) < 0)
				break;
			continue;
		}
		DIR *sub;
		if (enter(here, e->d_name, r->dev, &sub) < 0) {
			if (errno == ENOENT)
				continue;
			break;
		}
		levels[depth++] = (struct level){.dir = sub, .name = xstrdup(e->d_name)};
	}
	int saved = errno;
	while (depth > 1) {
		depth--;
		closedir(levels[depth].dir);
		free(levels[depth].name);
	}
	errno = saved;
	return -1;
}

int tree_remove_telling(
	int dir, const char *name, tree_file_fn *before, void *arg, struct err **err)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "remove %s", name);
	struct remover r = {st.st_dev, before, arg};
	if (!S_ISDIR(st.st_mode))
		return unlink_file(&r, dir, name, &st) < 0 ? err_sys(err, errno, "remove %s", name)
							   : 0;
	struct level levels[TREE_MAX_OPEN] = {0};
	if (enter(dir, name, st.st_dev, &levels[0].dir) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "remove %s", name);
	int done = empty(levels, &r);
	int saved = errno;
	closedir(levels[0].dir);
	if (done < 0)
		return err_sys(err, saved, "remove %s", name);
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove %s", name);
	return 0;
}

int tree_remove(int dir, const char *name, struct err **err)
{
	return tree_remove_telling(dir, name, NULL, NULL, err);
}
