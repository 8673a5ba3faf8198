/*
 * Finding and executing the container's program, with Docker's words for what goes wrong. In the
 * child, after the switch of root; program_prepare() in the parent.
 */
#ifndef KIST_RUNTIME_PROGRAM_H
#define KIST_RUNTIME_PROGRAM_H

#include <limits.h>

#include "report.h"
#include "user.h"

#define PROGRAM_INIT "/sbin/docker-init" /* where --init is bound, as Docker does */

struct program {
	const char **argv;
	const char **env; /* with a free slot for HOME */
	size_t env_count;
	char home[USER_HOME_MAX + 8];
	char path[PATH_MAX];
};

/** Parent: memory for the vectors; owned by @out, freed by program_free(). */
void program_prepare(struct program *out, const struct plan_process *p);
void program_free(struct program *program);

/** Changes to the working folder (made if asked for) and proves that it lies inside the root. */
void program_enter_folder(const struct plan_process *p, struct reporter *r);
/** Adds HOME if the environment has none. */
void program_set_home(struct program *program, const struct user *user);
/** Finds the file to execute; fails as exec would. */
void program_find(struct program *program, struct reporter *r);
void program_exec(struct program *program, struct reporter *r) __attribute__((noreturn));

#endif
