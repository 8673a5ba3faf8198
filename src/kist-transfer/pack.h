/*
 * A container's files as a tar: what it changed, as a layer (image-spec layer.md), or all of them; or the
 * list of what it changed.
 *
 * Sorted by names, folders before their members; times in whole seconds, no names of users, holes as zeroes:
 * the same files give the same bytes. A file that changes while it is read is cut or filled up with zeroes
 * to the size that its header says. Sockets are left out.
 */
#ifndef KIST_TRANSFER_PACK_H
#define KIST_TRANSFER_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pack_spec {
	int upper; /* the container's own files */
	bool whole; /* these are all that it has; else the changes alone, as overlayfs keeps them */
	const int *below; /* what lies below, top first: one tree, or layers */
	size_t below_count;
	int spool; /* an unnamed file to write to */
	int out; /* where the tar or the list goes */
	uint64_t max_entries, max_bytes; /* ERR_TOO_LARGE beyond */
	size_t listing_room, listings_room; /* 0: as treewalk.h has them; for tests */
};

/**
 * What the container changed as a layer: every entry of the upper folder, whiteouts as ".wh.NAME", opaque folders
 * with ".wh..wh..opq", hard links among them. Of a whole one, what differs from below (pack_compare.h) and the
 * folders that it is in: the same bytes after the same changes. Mount points that the engine made are no changes (pack_mounts.h). ERR_INVALID for what a
 * layer cannot say: a file named ".wh.", a folder or file that overlay redirects.
 */
int pack_layer(const struct pack_spec *spec, struct err **err);
/** Upper and lower as the container sees them. */
int pack_whole(const struct pack_spec *spec, struct err **err);
/**
 * Engine API ContainerChanges as JSON: [{"Path":"/etc","Kind":0},...], "null" for none; 0 changed, 1 added, 2
 * deleted. A folder comes before what changed in it. By dockerd's rules: content counts as changed by time or size.
 */
int pack_changes(const struct pack_spec *spec, struct err **err);
/** Bytes of the regular files that pack_changes() lists, each file once: as decimal digits. */
int pack_size(const struct pack_spec *spec, struct err **err);

#endif
