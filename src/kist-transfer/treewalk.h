/*
 * Walking a container's root file system in the order of its names: the upper folder, what lies below it,
 * or the two as one. What lies below may be several layers, merged as overlayfs does it: the topmost one that has
 * a name counts, whiteouts and opaque folders hide what is below them, folders are one.
 *
 * All trees are hostile, and the upper one may change at any moment. Every name is looked up in an open
 * folder, one component at a time, and never followed; folders are opened again from the root (openat2 with
 * RESOLVE_BENEATH, NO_SYMLINKS, NO_XDEV), so that depth costs no descriptors. What has vanished is passed
 * over. Memory is bounded: see listing.h; the outermost listings are dropped when inner ones need room.
 */
#ifndef KIST_TRANSFER_TREEWALK_H
#define KIST_TRANSFER_TREEWALK_H

#include <sys/stat.h>

#include "base/err.h"
#include "listing.h"
#include "name.h"

#define WALK_LAYERS_MAX 128

struct walk_level;

struct tree_walk {
	int upper; /* root, or -1 */
	const int *below; /* roots of what lies below, top first; borrowed */
	size_t below_count;
	size_t open_levels; /* folders that may be open at a time */
	bool literal; /* whiteouts of the lower tree are entries like others */
	uint64_t entries, max_entries;
	size_t listing_room, listings_room; /* for one, for all; tests make them small */
	struct walk_level *levels;
	size_t depth, levels_room;
	char path[NAME_ROOM]; /* of the present entry, without '/' at its beginning */
};

/** One name, and what it is. */
struct walk_entry {
	const char *path, *name; /* valid until the next call */
	int upper_dir,
		lower_dir; /* the folders that hold it, -1 where there is none; the lower one: of the topmost
				   * layer that has it */
	bool in_upper,
		in_lower; /* whiteouts count as absent in the lower tree, as present in the upper one */
	struct stat upper, lower; /* of those that are there */
	size_t depth; /* 1: at the root */
};

/** Begins at the roots: @upper may be -1, @count 0 to WALK_LAYERS_MAX. @listed: whose names are asked for (IN_UPPER,
 * IN_LOWER). */
void walk_init(struct tree_walk *w, int upper, const int *below, size_t count, unsigned int listed);
/** Bounds: entries in all, bytes for the names of one folder and of all open ones (0: as they are). */
void walk_limit(struct tree_walk *w, uint64_t entries, size_t listing_room, size_t listings_room);
void walk_free(struct tree_walk *w);
/** 1 and the next entry; 0 at the end of the tree; -1. A folder's members only come after walk_enter(). */
int walk_next(struct tree_walk *w, struct walk_entry *e, struct err **err);
/** Its members come next. @upper, @lower: in which trees it is a folder that counts; @listed as above. */
void walk_enter(struct tree_walk *w, bool upper, bool lower, unsigned int listed);

/** The mark of a name that is gone (store/whiteout.h). */
bool walk_is_whiteout(const struct stat *st);
/** 1 if the folder hides what lies below it, 0, -1 with errno. */
int walk_is_opaque(int folder);

#endif
