/*
 * A seccomp listener on its way from the process that installed the filter to the agent (runtime-spec
 * config-linux.md "The Container Process State"). The parent's half.
 */
#ifndef KIST_RUNTIME_LISTENER_H
#define KIST_RUNTIME_LISTENER_H

#include "report.h"
#include "runtime/plan.h"

/** The listener that a REPORT_LISTENER speaks of: @passed if that came with it, else fetched from @sender, a
 * pidfd. Owned; -1 with *err. @passed is taken over. */
int listener_take(const struct report *report, int passed, int sender, struct err **err);

/**
 * Tells the agent at p->listener_path of the process @pid and gives it @listener, in one connection. @state:
 * the container's state document, JSON. The descriptor stays the caller's.
 */
int listener_send(
	const struct plan_process *p, const char *state, pid_t pid, int listener, struct err **err);

#endif
