/*
 * Which layer brought, changed or removed each file of an image, and how two images differ.
 *
 * Both walks go through the unpacked layers folder by folder, all layers at once, and tell one path after
 * another: a folder before what is in it, names in the order of their bytes. They hold the image's layers
 * (store_lease), one descriptor for each, and names of the folders on the way to the
 * present path, at most some twenty MiB, however many there are: a large folder is read several times. Nothing of the image is opened but
 * folders and, where the contents of two files are compared, regular files; all by descriptors below the
 * layer, following no symlink. One walk is used from one thread at a time; it blocks for the disk.
 */
#ifndef KIST_STORE_TREE_H
#define KIST_STORE_TREE_H

#include <sys/types.h>

#include "store/store.h"

struct store_tree;

enum store_change { STORE_ADDED, STORE_CHANGED, STORE_REMOVED };
/** "added", "changed", "removed". */
const char *store_change_name(enum store_change change);

/** What a file, folder or other thing is. */
struct store_node {
	mode_t mode; /* with its type */
	uint32_t uid, gid;
	int64_t size; /* of a regular file, else 0 */
	int64_t mtime; /* UTC nanoseconds */
	uint32_t rdev_major, rdev_minor; /* of a device */
	const char *target; /* of a symlink, else NULL */
	uint64_t inode; /* of a file that has several names in its layer, else 0 */
};

/** One layer's doing. */
struct store_tree_event {
	unsigned layer; /* 0: the lowest */
	enum store_change change;
	struct store_node node; /* not for REMOVED */
};

struct store_tree_entry {
	const char *path; /* below the root: "etc/passwd"; any bytes but NUL */
	/* lowest layer first, at least one. A folder that a layer only names again, with the same mode and
	 * owner, has not changed. What disappears with its folder is REMOVED by the layer that took that. */
	const struct store_tree_event *events;
	size_t count;
};

/** Begins a walk through the image @id. ERR_NOT_FOUND. */
struct store_tree *store_tree_open(struct store *store, const struct digest *id, struct err **err);
/** 1 and the next path, valid until the next call; 0: that was all; -1. */
int store_tree_next(struct store_tree *tree, struct store_tree_entry *out, struct err **err);
void store_tree_close(struct store_tree *tree);
static inline void store_tree_closep(struct store_tree **t)
{
	store_tree_close(*t);
	*t = 0;
}
#define auto_store_tree __attribute__((cleanup(store_tree_closep))) struct store_tree

/** Opens the regular file @path of @layer. */
int store_tree_file(struct store_tree *tree, unsigned layer, const char *path, struct err **err);
/** The diffID of a layer of the image; NULL beyond the last. */
const struct digest *store_tree_layer(const struct store_tree *tree, unsigned layer);

/* ---- two images ---- */

struct store_diff;

enum store_difference {
	STORE_DIFFERS_TYPE = 1,
	STORE_DIFFERS_CONTENT = 2, /* bytes of a file, target of a symlink, number of a device */
	STORE_DIFFERS_MODE = 4,
	STORE_DIFFERS_OWNER = 8,
};

struct store_diff_entry {
	const char *path;
	enum store_change change; /* ADDED: only the second image has it */
	unsigned differences; /* of CHANGED: enum store_difference */
	const struct store_node *a, *b; /* NULL where it is not */
};

/**
 * Compares what a container of each image would see. Files of equal length are compared byte by byte, unless
 * both images have them from the same layer; times do not count.
 */
struct store_diff *store_diff_open(
	struct store *store, const struct digest *a, const struct digest *b, struct err **err);
/** As store_tree_next(). Paths that do not differ are passed over. */
int store_diff_next(struct store_diff *diff, struct store_diff_entry *out, struct err **err);
void store_diff_close(struct store_diff *diff);

#endif
