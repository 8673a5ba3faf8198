/*
 * Hooks (runtime-spec config.md "POSIX-platform Hooks"). The runner allocates nothing, so that the
 * child uses it too; the state document is prepared around the pid, which the child learns late.
 */
#ifndef KIST_RUNTIME_HOOKS_H
#define KIST_RUNTIME_HOOKS_H

#include "base/err.h"
#include "runtime/plan.h"
#include "user.h"

struct hook_state {
	char *head, *tail; /* JSON before and after the pid */
};

struct hook_fault {
	int sys;
	char text[512];
};

void hook_state_make(struct hook_state *out, const struct plan *plan, const char *status);
void hook_state_free(struct hook_state *state);

/** What a hook that lies inside the container gives up before it is executed (creds_seal). */
struct hook_seal {
	const struct plan_process *process;
	const struct user *user;
	const char *const *env; /* the program's */
	bool done; /* given up already: the hook inherits it */
};

/**
 * Runs @hooks in order with @state on their stdin; stops at the first that fails. With @seal they get no more
 * than the container's own process. One without an environment of its own has ours, or with @seal the
 * process's, as runc has it. 0, or -1 and @fault, which has the beginning of what the hook said on its standard output and
 * error; what it leaves behind is not waited for.
 */
int hooks_run(const struct plan_hooks *hooks, const struct hook_state *state, int pid,
	const char *what, const struct hook_seal *seal, struct hook_fault *fault);

#endif
