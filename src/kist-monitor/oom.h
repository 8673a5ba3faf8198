/*
 * Hearing from the kernel that a process of the container was killed for memory: memory.events through
 * inotify on cgroup v2, an eventfd on memory.oom_control on v1. Where neither works the counter is still
 * read at the end.
 */
#ifndef KIST_MONITOR_OOM_H
#define KIST_MONITOR_OOM_H

#include <stdbool.h>

#include "base/loop.h"
#include "runtime/cgroup.h"

struct oom_watch;

/** Calls @fn when the counter has grown. Never fails: what cannot be watched is not. @cg is borrowed. */
struct oom_watch *oom_watch_new(
	struct loop *loop, const struct cgroup *cg, void (*fn)(void *arg), void *arg);
/** Compares the counter now; calls fn if it has grown. */
void oom_watch_check(struct oom_watch *w);
/** Has anything been killed since oom_watch_new()? */
bool oom_watch_seen(const struct oom_watch *w);
void oom_watch_free(struct oom_watch *w); /* NULL is allowed */

#endif
