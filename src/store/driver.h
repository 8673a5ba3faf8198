/*
 * Drivers: how a container's root file system is made from its image's layers.
 *
 * What all of them share belongs to the store: layers are unpacked once per diffID into layers/<hex>, in the form
 * that overlayfs has (whiteouts are character devices 0:0, opaque folders have trusted.overlay.opaque), whatever
 * lies below them; rows say which layers a container has; its folder containers/<id> comes and goes by rename. A
 * driver has what is the container's own in that folder, and says what the runtime is to mount and where its
 * changes are.
 *
 * A snapshot keeps the driver that it was made by, so that a store can be opened with another one: that
 * concerns new containers only.
 *
 * One that is to come fits in like this: erofs and fuse-overlayfs are overlay with another way to mount, their
 * changes are a folder of their own; btrfs and zfs are like vfs, with a clone instead of a copy, their changes are
 * found by comparing two trees.
 */
#ifndef KIST_STORE_DRIVER_H
#define KIST_STORE_DRIVER_H

#include <stdbool.h>

#include "store/store.h"
#include "store_private.h"

/** A container's root file system, as its rows describe it. */
struct snapshot {
	const char *id; /* borrowed */
	const struct store_driver *driver;
	/* "layers/<hex>" below the data root, top first; at least one, each once, cut off below one that is opaque */
	char **layers;
};
void snapshot_clear(struct snapshot *snap);
#define auto_snapshot __attribute__((cleanup(snapshot_clear))) struct snapshot

/** Where a container's changes are, for kist-transfer to read: detached mounts, all read-only. */
struct snapshot_view {
	int own; /* without devices, set-id bits and symlinks that are followed */
	bool whole; /* own has all files, not only those that were changed: these are found by comparing */
	int *below; /* what lies below, top first; layers in the store's form if there are several */
	size_t below_count;
};
void snapshot_view_clear(struct snapshot_view *view);
#define auto_snapshot_view __attribute__((cleanup(snapshot_view_clear))) struct snapshot_view

struct store_driver {
	const char *name; /* as Docker calls it */
	/** Can snapshots be made in this data root? Found out by trying; leaves nothing behind. */
	int (*probe)(struct store *store, struct err **err);
	/** A container's setting (--storage-opt): -1 and why not. Neither driver has any so far. */
	int (*set_option)(const char *key, const char *value, struct err **err);
	/** make() copies files: it may take long, and is not called in a transaction. */
	bool copies;
	const char *const *folders; /* what make() makes; NULL-terminated */
	/**
	 * Makes what is the container's own in containers/<id>, which exists. After a kill -9 each folder is there as
	 * a whole, or it is missing and make() is called again. Several at once for one id are allowed.
	 */
	int (*make)(struct store *store, const struct snapshot *snap, struct err **err);
	/** Fills @out, paths beginning with @base ("" or the data root with a '/'). */
	void (*describe)(const struct snapshot *snap, const char *base, struct store_snapshot *out);
	/** store_snapshot_mount() */
	int (*mount)(
		struct store *store, const struct snapshot *snap, bool read_only, struct err **err);
	/** @out is zeroed, with own -1. */
	int (*view)(struct store *store, const struct snapshot *snap, struct snapshot_view *out,
		struct err **err);
	/** store_snapshot_size_rw() */
	int64_t (*size)(struct store *store, const struct snapshot *snap, struct err **err);
};

extern const struct store_driver driver_overlay, driver_vfs;

/** The driver that a row or a user names; NULL if there is none. */
const struct store_driver *driver_find(const char *name);
/** The one for new containers. @wanted "" or NULL: the first that works here; a log line says so if it is not overlay. */
const struct store_driver *driver_choose(struct store *store, const char *wanted, struct err **err);
/**
 * Reads a snapshot's rows; ERR_NOT_FOUND if there is none. What is its own is made if it is missing (after a power
 * cut), with @make.
 */
int snapshot_load(
	struct store *store, const char *id, bool make, struct snapshot *out, struct err **err);
/** Are its folders there? */
bool driver_is_made(struct store *store, const struct snapshot *snap);
/** Makes /.dockerenv in the root folder @root unless there is one: by it programs know that they
 * are in a container. */
int driver_put_mark(int root, struct err **err);
/** A detached mount of a folder below the data root with @attr (MOUNT_ATTR_*). */
int driver_clone(struct store *store, const char *path, uint64_t attr, struct err **err);

#endif
