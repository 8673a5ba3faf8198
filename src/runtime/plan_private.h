/* What the parts of the plan compiler share. Each part fills its fields of the plan from the
 * config. */
#ifndef KIST_RUNTIME_PLAN_PRIVATE_H
#define KIST_RUNTIME_PLAN_PRIVATE_H

#include "arena.h"
#include "runtime/plan.h"

/* Made only here and in the decoder, so that plan_process_free() finds the arena. */
struct process_box {
	struct plan_process process;
	struct arena *arena;
};

/** A plan with its arena and the defaults that are not zero. */
struct plan *plan_new(void);
struct process_box *process_box_new(void);

int plan_mounts_compile(struct plan *plan, const struct oci_config *config,
	const struct plan_options *options, struct err **err);
int plan_sysctl_check(const struct oci_linux *l, struct err **err);
int plan_process_fill(struct plan_process *out, struct arena *arena, const struct oci_process *p,
	const struct oci_seccomp *seccomp, const struct plan_options *options, struct err **err);

/** One mount alone, for tests. */
int plan_mount_compile(struct plan_mount *out, struct arena *arena, const struct oci_mount *m,
	const struct plan_options *options, struct err **err);
/** MS_* of a propagation word ("rslave"), 0 if it is none. */
uint64_t plan_propagation(const char *word);

void plan_resources_encode(const struct oci_resources *r, struct buf *out);
struct wire;
struct oci_resources *plan_resources_decode(struct wire *w, struct arena *arena);

#endif
