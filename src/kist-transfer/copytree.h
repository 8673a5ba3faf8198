/*
 * Layers, merged, as plain files: a container's root file system where there is no overlayfs.
 *
 * Owners, modes, times, devices, hard links, holes and the attributes that a layer can hold are kept; whiteouts and
 * opaque folders take effect and are not copied. Contents are shared with the layers where the file system can
 * (copy_file_range(2)). Nothing is followed: see treewalk.h.
 */
#ifndef KIST_TRANSFER_COPYTREE_H
#define KIST_TRANSFER_COPYTREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct copy_spec {
	int to; /* an empty folder, which nobody else writes to; its own mode and owner stay as they are */
	const int *layers; /* top first */
	size_t count;
	int spool; /* an unnamed file to write to */
	uint64_t max_entries, max_bytes; /* ERR_TOO_LARGE beyond */
};

int copy_layers(const struct copy_spec *spec, struct err **err);

#endif
