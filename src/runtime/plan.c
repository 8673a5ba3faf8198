#include "plan_private.h"

#include "base/mem.h"

struct plan *plan_new(void)
{
	struct arena *arena = arena_new();
	struct plan *plan = arena_alloc(arena, 1, sizeof(*plan));
	plan->arena = arena;
	plan->process.ioprio = -1;
	for (int i = 0; i < OCI_NS_COUNT; i++)
		plan->ns_fd[i] = -1;
	return plan;
}

void plan_free(struct plan *plan)
{
	if (plan)
		arena_free(plan->arena);
}

struct process_box *process_box_new(void)
{
	struct arena *arena = arena_new();
	struct process_box *box = arena_alloc(arena, 1, sizeof(*box));
	box->arena = arena;
	box->process.ioprio = -1;
	return box;
}

void plan_process_free(struct plan_process *process)
{
	if (process)
		arena_free(((struct process_box *)process)->arena);
}
