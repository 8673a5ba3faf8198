/* A container's class and monitoring group in the resctrl file system, over its whole life. */
#ifndef KIST_OCI_RESCTRL_H
#define KIST_OCI_RESCTRL_H

#include "state.h"

/** Before the container is made: whether its class will be ours, for the record. */
int resctrl_foresee(struct state *s, const struct plan_rdt *rdt, struct err **err);
/** update: schemata of the container's class, which is made for it if it has none. */
int resctrl_update(struct state *s, const char *l3, const char *mb, struct err **err);
/** delete: what was made goes. @plan may be NULL. */
int resctrl_remove(const struct state *s, const struct plan *plan, struct err **err);

#endif
