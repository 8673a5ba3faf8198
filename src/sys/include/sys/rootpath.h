/*
 * Paths inside a tree that somebody else wrote (an image, a running container), resolved by the
 * kernel.
 *
 * Every function takes a descriptor of the tree's root and a path as the program inside would write
 * it; symlinks, ".." and absolute links stay inside (openat2(2), RESOLVE_IN_ROOT, Linux 5.6). Magic
 * links are refused. All return -1 with errno; all are safe between clone and exec.
 */
#ifndef KIST_SYS_ROOTPATH_H
#define KIST_SYS_ROOTPATH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** openat2(2) itself, repeated over EAGAIN (a rename raced with "..") and EINTR a bounded number of
 * times. O_CLOEXEC is added. */
int path_openat2(int dir, const char *path, uint64_t flags, mode_t mode, uint64_t resolve);

/** Opens @path as seen by a process whose root is @root. */
int root_open(int root, const char *path, int flags, mode_t mode);

/** Opens @path below @dir, following no symlink at all and entering no other mount. */
int beneath_open(int dir, const char *path, int flags, mode_t mode);

/**
 * mkdir -p inside @root; what exists is left alone, and what a dangling symlink leads to is made where it
 * leads inside @root ("/var/run" to a "/run" that an image lacks). Returns a descriptor (O_PATH | O_DIRECTORY)
 * of the last folder. ENOTDIR if a component is something else.
 */
int root_make_dir(int root, const char *path, mode_t mode);
/** The same; adds to *made how many folders it made, also if it failed then. One path may lead through many, by symlinks. */
int root_make_dir_counting(int root, const char *path, mode_t mode, uint64_t *made);

/**
 * The folder that holds the last component of @path inside @root, made with mode 0755 where missing
 * if
 * @make. The last component's name is copied to @name (room for NAME_MAX + 1). ENAMETOOLONG,
 * EINVAL for a path that ends in "." or ".." or has no component.
 */
int root_open_parent(int root, const char *path, int make, char *name, size_t room);

/** An O_PATH descriptor of @path inside @root, which is made as an empty file (0755 folders, 0644
 * file) where missing, as root_make_dir() does. Never opens the target itself for writing. */
int root_make_file(int root, const char *path);

#endif
