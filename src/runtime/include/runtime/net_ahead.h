/*
 * A network namespace that is made while its maker goes on: unshare(2) takes half a millisecond for one, as long as
 * everything that comes before a container's first process, and nothing of that needs the other.
 */
#ifndef KIST_RUNTIME_NET_AHEAD_H
#define KIST_RUNTIME_NET_AHEAD_H

struct net_ahead;
struct plan;

/**
 * Begins to make the network namespace of a container of @plan, with its loopback device up. NULL where the plan asks for
 * none, where it must belong to another user namespace or be made by another process, and where it cannot be begun: then
 * the container's first process makes it.
 *
 * It is made by a process in the caller's memory that shares its descriptors, does a few system calls and ends; the caller
 * must have a single thread. It has no exit signal: wait(2) for any child does not see it.
 */
struct net_ahead *net_ahead_begin(const struct plan *plan);
/** Waits for that process and closes the namespace, unless run_create() has taken it. @a may be NULL. */
void net_ahead_free(struct net_ahead *a);

#endif
