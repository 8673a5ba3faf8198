/* What monitor_client.c and monitor_spawn.c share. */
#ifndef KIST_RUNTIME_MONITOR_CLIENT_PRIVATE_H
#define KIST_RUNTIME_MONITOR_CLIENT_PRIVATE_H

#include "base/wire.h"
#include "runtime/monitor_client.h"

/** Owns both descriptors from now on. */
struct monitor_client *monitor_client_new(int requests, int events);
/** Two non-blocking connections to the socket in @run_dir. */
int monitor_connect_pair(int run_dir, int *requests, int *events, struct err **err);
/** Asks for events; does not wait. */
int monitor_client_subscribe(struct monitor_client *c, struct err **err);
/** A sealed memory file with the bytes. */
int monitor_memfd(const char *name, const void *p, size_t n, struct err **err);
/** The payload of an event: 1 with *ev filled, 0 for a type that this version does not know, -1. */
int monitor_event_decode(struct monitor_event *ev, uint32_t type, struct wire *w, struct err **err);

#endif
