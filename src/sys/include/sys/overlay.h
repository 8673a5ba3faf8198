/*
 * Overlay mounts, detached, of up to 500 layers at paths of any length.
 *
 * Layers go to the kernel as descriptors (Linux 6.13). Where it does not take them, as "lowerdir+"
 * strings (6.8; paths of 255 bytes and more as /proc/self/fd/N), and before that as one mount(2)
 * whose options are descriptor numbers relative to /proc/self/fd, in a mount namespace of a
 * short-lived child: nothing is ever visible on the host. Found out by trying, not by comparing
 * versions.
 *
 * Callable from threads.
 */
#ifndef KIST_SYS_OVERLAY_H
#define KIST_SYS_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define OVERLAY_LOWER_MAX 500

struct overlay_spec {
	/** Top layer first, NULL-terminated, at least one. Absolute, or relative to @dir. */
	const char *const *lower;
	/** Both or neither. Neither: a read-only mount (a plain read-only bind if @lower is only
	 * one). */
	const char *upper, *work;
	int dir; /* AT_FDCWD or a folder's descriptor for relative paths */
	bool no_sync; /* overlay "volatile": the upper layer need not survive a crash (--rm) */
	uint64_t attr; /* MOUNT_ATTR_* of the mount */
	const char *context; /* SELinux context=, or NULL */
};

/**
 * Makes the mount. Options are those under which the upper folder can be read as a layer later on:
 * index, metacopy and redirect_dir are off. Returns the detached mount's descriptor (O_PATH,
 * CLOEXEC); -1 with ERR_NOT_FOUND (a layer is missing; named), ERR_INVALID or ERR_SYSTEM.
 */
int overlay_mount(const struct overlay_spec *spec, struct err **err);

#endif
