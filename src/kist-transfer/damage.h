/* What is wrong with a layer, file by file, told to the store. */
#ifndef KIST_TRANSFER_DAMAGE_H
#define KIST_TRANSFER_DAMAGE_H

#include <stdint.h>

struct damages {
	uint64_t count; /* all; the first TRANSFER_DAMAGES_MAX are told */
};

/** @path is below the layer's root, "" the root itself. */
void damage_tell(struct damages *d, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
