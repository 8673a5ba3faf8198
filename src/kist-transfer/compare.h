/*
 * A layer against how it should be: the same layer unpacked again (unpack.h), with or without contents.
 *
 * Kinds, modes, owners, sizes, times, link targets, device numbers, extended attributes, whiteouts and opaque folders, which
 * names are one file, what is missing and what nobody put there. Not compared: what unpacking leaves to chance (times
 * of the root and of folders that the tar does not name), labels of the host's security modules, and attributes of
 * what is neither file nor folder.
 */
#ifndef KIST_TRANSFER_COMPARE_H
#define KIST_TRANSFER_COMPARE_H

#include <stdbool.h>

#include "base/err.h"
#include "damage.h"

/** @contents: the folder @expected has them; compared as well. -1: one of the two cannot be read. */
int compare_layer(
	int expected, int layer, bool contents, struct damages *damages, struct err **err);

#endif
