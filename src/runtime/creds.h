/*
 * The last steps before exec: limits, identity, capabilities, labels, filter. In the child, in this
 * order; what each step takes away is not needed by those after it.
 */
#ifndef KIST_RUNTIME_CREDS_H
#define KIST_RUNTIME_CREDS_H

#include "report.h"
#include "user.h"

/** rlimits, personality, memory policy, umask. */
void limits_apply(const struct plan_process *p, struct reporter *r);
/** RLIMIT_* of a resource, for messages. */
const char *limits_name(int resource);
/** Every CPU that the cgroup allows, however few the caller had: the container's own are not the caller's. */
void cpus_reset(void);
/** execCPUAffinity; -1 with errno. */
int cpus_set(const struct plan_mask *mask);

/** Parent: warns of capabilities that are asked for and that we, lacking them ourselves, cannot give (config.md
 * "Linux Process": not an error). Not for a process in another user namespace, which has them all there. */
void creds_warn(const struct plan_process *p);

/** Joins the session keyring of that name, which is made if there is none. */
void creds_keyring(const char *name, struct reporter *r);
/** The label for the next exec, through the verified @proc. */
void creds_label(const struct plan_process *p, int proc, struct reporter *r);
/**
 * Groups, ids, bounding set, capabilities. Inheritable ones are as the plan has them: none for
 * Docker (CVE-2022-24769). CAP_SYS_ADMIN stays where creds_seal() needs it for the filter.
 */
void creds_drop(const struct plan_process *p, const struct user *user, struct reporter *r);
/** no_new_privs, seccomp filter, and what creds_drop() had to leave. Nothing but exec comes after.
 */
void creds_seal(const struct plan_process *p, const struct user *user, struct reporter *r);
/**
 * creds_seal() in a process that then gives birth to the container's (creds_clone()), so that the
 * latter never has more than it may keep; only where CAP_SYS_ADMIN had to stay for the filter and
 * where that lets pass what is still to be done. Returns whether it was done.
 */
bool creds_seal_early(const struct plan_process *p, const struct user *user, struct reporter *r);
/** A child with our parent as its parent, by a call that filters know: -1 with errno. */
pid_t creds_clone(void);

#endif
