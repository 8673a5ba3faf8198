/* What the parts of the plan compiler share. Each part fills its fields of the plan from the
 * config. */
#ifndef KIST_RUNTIME_PLAN_PRIVATE_H
#define KIST_RUNTIME_PLAN_PRIVATE_H

#include "arena.h"
#include "runtime/plan.h"

/* Bits in a mask of CPUs or memory nodes; what runc accepts, more than any kernel has. */
#define PLAN_MASK_MAX (65536 + 64)

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
/** The namespace (enum oci_ns) that the kernel parameter @key belongs to, -1 for none. */
int plan_sysctl_namespace(const char *key);
int plan_sysctl_check(const struct oci_linux *l, struct err **err);
int plan_process_fill(struct plan_process *out, struct arena *arena, const struct oci_process *p,
	const struct oci_linux *container, const struct plan_options *options, struct err **err);
/** plan_lists.c: "0-3,7" as a mask. @where names it in messages. NULL and "" are no
 * mask. */
int plan_mask_parse(struct plan_mask *out, struct arena *arena, const char *where, const char *list,
	struct err **err);
/** plan_env.c: @env as out->env. Of a name that is there several times the last one; ERR_INVALID for what has none. */
int plan_env_fill(
	struct plan_process *out, struct arena *arena, char *const *env, struct err **err);
/** plan_execution.c: personality, memory policy and resource classes of @container, called @id. */
int plan_execution_fill(struct plan_process *out, struct arena *arena,
	const struct oci_linux *container, const char *id, struct err **err);

/** One mount alone, for tests. */
int plan_mount_compile(struct plan_mount *out, struct arena *arena, const struct oci_mount *m,
	const struct plan_options *options, struct err **err);
/** An absolute path without ".", ".." and doubled slashes, so that "/proc" and "/dev" are known however they
 * are written. ".." goes by the text alone, as in runc. */
const char *plan_clean_path(struct arena *arena, const char *path);
/** MS_* of a propagation word ("rslave"), 0 if it is none. */
uint64_t plan_propagation(const char *word);

void plan_resources_encode(const struct oci_resources *r, struct buf *out);
struct wire;
struct oci_resources *plan_resources_decode(struct wire *w, struct arena *arena);

#endif
