/* The ways to make an overlay mount, best first; tests force each of them. */
#ifndef KIST_SYS_OVERLAY_WAYS_H
#define KIST_SYS_OVERLAY_WAYS_H

#include "sys/overlay.h"

enum overlay_way { OVERLAY_BY_FD, OVERLAY_BY_STRING, OVERLAY_BY_CHILD };

/** overlay_mount() beginning at @first. */
int overlay_mount_by(const struct overlay_spec *spec, enum overlay_way first, struct err **err);

#endif
