/* Giving up everything that unpacking does not need. */
#ifndef KIST_TRANSFER_CONFINE_H
#define KIST_TRANSFER_CONFINE_H

#include <stddef.h>

#include "base/err.h"

/**
 * Makes the folder @staging (a descriptor, closed here) the root of this process in a mount
 * namespace of its own, without network, with the capabilities and system calls that it takes to unpack a layer there
 * and to read what comes as descriptors of read-only mounts, and no others, and with bounded memory. Returns a
 * descriptor of the new root. Before any thread is started; what libraries load from files must be loaded by now.
 */
int confine_verifying(int staging, struct err **err);
/** The same for one that copies files from other trees, whose descriptors it has, into @staging. */
int confine_copying(int staging, struct err **err);

/**
 * The same for a supervisor, which parses nothing of strangers' and starts children that do (confine_child.h): it may
 * fork, and give its children less than it has. Nobody may trace it.
 */
int confine_supervising(int staging, struct err **err);

/**
 * The same for a program that only reads: @tree (closed here) is a detached, read-only mount, which becomes
 * the root. Descriptors that were opened before can be used as they were.
 */
int confine_reading(int tree, struct err **err);

/** Adds the system calls by which files below the root are made and changed. Negative errno. */
int confine_making_rules(void *ctx);
/** Adds to the seccomp filter @ctx (scmp_filter_ctx): mprotect and madvise, as far as they do no harm. Negative errno. */
int confine_memory_rules(void *ctx);

/** Keeps the capabilities @kept and no others, and gains none by exec. */
int confine_capabilities(const int *kept, size_t n, struct err **err);

#endif
