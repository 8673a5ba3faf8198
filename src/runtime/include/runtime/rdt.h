/*
 * Cache and memory bandwidth by the resctrl file system (runtime-spec config-linux.md "IntelRdt"). A class of
 * service is a folder there, "/" the root itself; a monitoring group is a folder below a class. @root: the file
 * system's folder, from rdt_open(). Errors carry what the kernel says in info/last_cmd_status.
 */
#ifndef KIST_RUNTIME_RDT_H
#define KIST_RUNTIME_RDT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/plan.h"

/** The mounted resctrl file system, or -1 with ERR_UNAVAILABLE. */
int rdt_open(struct err **err);
/** Will rdt_create() make the class, so that it is ours to remove? */
bool rdt_makes_class(int root, const struct plan_rdt *rdt);
/**
 * Puts @pid into the class and, where asked for, the monitoring group; makes what is missing. A class that was
 * named and exists must have the schemata that are asked for; one that was named without any must exist.
 * Undoes what it made if it fails.
 */
int rdt_create(int root, const struct plan_rdt *rdt, pid_t pid, struct err **err);
/** Puts @pid, of an exec, into them. */
int rdt_enter(int root, const struct plan_rdt *rdt, pid_t pid, struct err **err);
/** Writes lines to the class's schemata; NULL ones are left out. */
int rdt_update(int root, const char *clos, const char *l3, const char *mb, struct err **err);
/** Removes the monitoring group, and the class if @class; absence is success. */
int rdt_remove(int root, const struct plan_rdt *rdt, bool class, struct err **err);

#endif
