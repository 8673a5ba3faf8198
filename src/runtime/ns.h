/* Namespaces: joining, and what a new one needs before it is of use. */
#ifndef KIST_RUNTIME_NS_H
#define KIST_RUNTIME_NS_H

#include "report.h"
#include "runtime/plan.h"

/** CLONE_NEW* of an enum oci_ns. */
uint32_t ns_flag(enum oci_ns ns);
/** "network" and the like. */
const char *ns_name(enum oci_ns ns);
/** Its name in /proc/<pid>/ns. */
const char *ns_file(enum oci_ns ns);

/** Parent: opens the namespaces to join and checks that each is of its type. @fds: -1 where none.
 */
int ns_open(int fds[OCI_NS_COUNT], const struct plan *plan, struct err **err);
void ns_close(int fds[OCI_NS_COUNT], const struct plan *plan);
/** Must a process in between join them, because the container's first one is to be born in them? */
bool ns_needs_stage(const int fds[OCI_NS_COUNT], const struct plan *plan);
/** What clone makes; the cgroup and time namespaces come later, with @net_later the network's too. */
uint32_t ns_clone_flags(const struct plan *plan, bool net_later);

/** Child: gives up supplementary groups before a user namespace is joined, which may deny it and knows no names for
 * them; unless @p keeps them. */
void ns_leave_groups(const struct plan_process *p);
/** Child: joins all that are open. */
void ns_join(const int fds[OCI_NS_COUNT], const struct plan_process *p, struct reporter *r);
/** Child: root in its new user namespace, once that is mapped; where that has no 0, the ids of @p. */
void ns_become_root(const struct plan_process *p, struct reporter *r);
/** Child: the new network namespace's loopback device. */
void ns_loopback_up(struct reporter *r);
/** Child: makes the time namespace with its offsets and enters it. */
void ns_time(const struct plan *plan, int proc, struct reporter *r);

#endif
