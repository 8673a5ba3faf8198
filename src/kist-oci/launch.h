/* Making a container from a bundle: what create and run share. */
#ifndef KIST_OCI_LAUNCH_H
#define KIST_OCI_LAUNCH_H

#include "notify.h"
#include "oci/config.h"
#include "runtime/run.h"
#include "state.h"

struct launch_options {
	const char *bundle, *console_socket, *pidfd_socket, *pid_file;
	bool detach, keep, no_subreaper, no_pivot, no_new_keyring;
	int preserve_fds;
};

struct launch {
	struct state *state;
	struct oci_config *config;
	struct plan *plan;
	struct run *run;
	char *bundle, *cgroup, *cache; /* plan borrows them */
	int gate; /* listening socket, or -1 */
	int listen; /* sockets from systemd */
	bool notifies; /* there is a $NOTIFY_SOCKET */
	struct notify notify;
};
#define LAUNCH_INIT                                                                                \
	{                                                                                          \
		.gate = -1, .notify = NOTIFY_INIT                                                  \
	}

/**
 * Reads the bundle, makes the container's entry and the container up to its gate, sends the terminal and
 * writes the pid file. @split: start will come from another process. After a failure nothing is left.
 */
int launch_create(struct launch *l, const struct globals *g, const struct launch_options *o,
	const char *id, bool split, struct err **err);
/** The one who launched ends the container: hooks, cgroup, entry. */
int launch_remove(struct launch *l, struct err **err);
void launch_clear(struct launch *l);
#define auto_launch __attribute__((cleanup(launch_clear))) struct launch

/** Where compiled filters are kept below --root. Owned. */
char *seccomp_cache_path(const struct globals *g);
/** config.json of @bundle. */
int bundle_config(struct oci_config **out, const char *bundle, struct err **err);

#endif
