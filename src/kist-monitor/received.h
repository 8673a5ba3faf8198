/* Plans and large requests as they come from the daemon: sealed memory files. */
#ifndef KIST_MONITOR_RECEIVED_H
#define KIST_MONITOR_RECEIVED_H

#include <stddef.h>

#include "base/err.h"
#include "runtime/plan.h"

/** The bytes of a sealed memory file, mapped: sealed, so that nobody changes them while they are read. */
struct received {
	void *data;
	size_t len;
};
int received_map(struct received *r, int fd, struct err **err);
void received_unmap(struct received *r);
#define auto_received __attribute__((cleanup(received_unmap))) struct received

struct received_plan {
	struct received bytes; /* the plan borrows from them */
	struct plan *plan;
};
int received_plan(struct received_plan *p, int fd, struct err **err);
void received_plan_free(struct received_plan *p);

#endif
