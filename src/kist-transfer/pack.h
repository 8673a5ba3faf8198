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

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pack_spec {
	int upper; /* the container's upper folder */
	int lower; /* all that lies below, as one tree */
	int spool; /* an unnamed file to write to */
	int out; /* where the tar or the list goes */
	uint64_t max_entries, max_bytes; /* ERR_TOO_LARGE beyond */
	size_t listing_room, listings_room; /* 0: as treewalk.h has them; for tests */
};

/**
 * The upper folder as a layer: every entry of it, whiteouts as ".wh.NAME", opaque folders with ".wh..wh..opq",
 * hard links among them. Mount points that the engine made are no changes (pack_mounts.h). ERR_INVALID for what a
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

#endif
