/* What the container's first process does between clone and exec. */
#ifndef KIST_RUNTIME_INIT_H
#define KIST_RUNTIME_INIT_H

#include "hooks.h"
#include "program.h"
#include "setup.h"

struct init {
	struct setup setup;
	struct program program;
	struct hook_state created; /* for createContainer and startContainer */
	char keyring[128];
	int init_mount; /* kist-init, detached, for --init; -1 */
	int gate; /* listening socket to be started at, -1 */
	int parents; /* the parent's end of the report socket, which would hide its death */
	bool staged; /* namespaces were joined by the stage in between */
	bool sealed; /* creds_seal_early() */
};

/** First thing after the clone, before any namespace: on v1 a process moves itself, which is 0.1 ms
 * where being moved takes an RCU grace period. On v2 it was born inside. */
void setup_enter_cgroup(struct setup *s);
/** Runs to exec; never returns. */
void init_main(struct init *init) __attribute__((noreturn));
/**
 * The same for a container that joins another's pid namespace, run by the stage. What is in there
 * must not see a process with our privileges and descriptors, which it could trace: so the stage,
 * which it cannot see, does all that takes them (as in exec.c), and clones init before the gate.
 */
void init_hidden(struct init *init) __attribute__((noreturn));

#endif
