/* What a container uses, as runc's `events --stats` says it (its types/events.go). */
#ifndef KIST_OCI_USAGE_JSON_H
#define KIST_OCI_USAGE_JSON_H

#include "base/buf.h"
#include "runtime/cgroup_usage.h"

/** Appends the object. Written here and not with jansson, which has no unsigned 64-bit numbers. */
void usage_json(const struct cgroup_usage *u, struct buf *out);

#endif
