/*
 * A program that a container cannot overwrite (CVE-2019-5736).
 *
 * Whatever is about to exec a container's program can be made to execute itself again inside the
 * container ("#!/proc/self/exe"), and from there the container reaches the file on the host. So
 * programs that make containers run from a read-only mount that is in no namespace: three system
 * calls, no copy, and opening /proc/PID/exe for writing is EROFS for everybody. Without the
 * privilege for that (rootless), from a sealed copy in memory.
 */
#ifndef KIST_SYS_SEALED_SELF_H
#define KIST_SYS_SEALED_SELF_H

#include <stdbool.h>

#include "base/err.h"

/** Is the running program's file out of reach for writing? */
bool sealed_self_is(void);
/**
 * The mount that the running program was executed from by sealed_self_ensure() of its first life, now CLOEXEC; or -1.
 * Closing it takes an RCU grace period, 0.03 to 0.1 ms: whoever has something to wait for does it then. Call before
 * anything else is opened.
 */
int sealed_self_mount(void);
/**
 * A descriptor of the program at @path that is safe to execute: execveat(fd, "", ...,
 * AT_EMPTY_PATH), or
 * "/proc/self/fd/N" as a path. CLOEXEC. Can be kept and used for every start.
 */
int sealed_self_open(const char *path, struct err **err);
/**
 * Returns 0 if the running program is sealed; else executes it anew, sealed, with @argv and the
 * present environment, and does not return. Call first thing in main(): descriptors other than
 * CLOEXEC ones and nothing else survive. -1 with an error where neither way is possible.
 */
int sealed_self_ensure(char *const *argv, struct err **err);

#endif
