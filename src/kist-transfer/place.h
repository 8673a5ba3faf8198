/*
 * Making one file system object after another below a folder, for unpack.c.
 *
 * Every name is resolved inside the root by the kernel (openat2, RESOLVE_IN_ROOT); the parent of the
 * last entry stays open, because archives list a folder's members together.
 */
#ifndef KIST_TRANSFER_PLACE_H
#define KIST_TRANSFER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "base/err.h"
#include "name.h"

/** On folders that got their time from an entry, where place.mark asks for it; never in a layer that is kept. */
#define PLACE_TIMED "trusted.kist.timed"

struct place {
	int root;
	bool mark;
	int keep; /* folder for contents that are displaced (recipe.h) */
	uint64_t kept; /* bytes in there */
	uint64_t implied; /* folders made that no entry was for; the caller sets 0 */
	int parent; /* folder of the last entry, or -1 */
	bool direct; /* no symlink on the way to it: its name is its path */
	char parent_name[NAME_ROOM];
	FILE *folders; /* times of folders, to be set when all members are made; unnamed file */
};

/** What an entry says of itself. */
struct place_meta {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* permissions with setuid, setgid, sticky */
	struct timespec mtime;
};

int place_open(struct place *p, int root, int keep, struct err **err);
void place_close(struct place *p);

/* All names are clean (name.h) and not empty. What is in the way is removed, except that a folder
 * meeting a folder is kept. Files that go, and are not empty, get another name in the folder @keep first. */

/**
 * A new regular file, opened for writing, and what it came to be: most have the mode and owner that they are to have from the
 * start. The caller writes it and calls place_finish().
 */
int place_file(struct place *p, const char *name, const struct place_meta *meta, struct stat *made,
	struct err **err);
/** After place_file() and its content: keeps it at once if the name of the entry is not its path. */
int place_keep_indirect(struct place *p, const char *name, struct err **err);
/** Owner, mode, time of an open file. Extended attributes go in between owner and mode. */
int place_owner(int fd, const char *name, const struct place_meta *meta, const struct stat *made,
	struct err **err);
int place_finish(int fd, const char *name, const struct place_meta *meta, const struct stat *made,
	struct err **err);
/** A folder; returns it open (for attributes; the time is noted for place_times()). */
int place_folder(
	struct place *p, const char *name, const struct place_meta *meta, struct err **err);
int place_symlink(struct place *p, const char *name, const char *target,
	const struct place_meta *meta, struct err **err);
int place_hardlink(struct place *p, const char *name, const char *target, struct err **err);
/** Device, fifo or socket: @type is S_IFCHR, S_IFBLK, S_IFIFO. */
int place_node(struct place *p, const char *name, mode_t type, dev_t dev,
	const struct place_meta *meta, struct err **err);
/** Hides @name of the layers below. */
int place_whiteout(struct place *p, const char *name, struct err **err);
/** Hides everything that layers below have in the folder @name ("" is the root). */
int place_opaque(struct place *p, const char *name, struct err **err);
/** Sets the times of all folders. */
int place_times(struct place *p, struct err **err);

#endif
