/* Making a container from a bundle: what create and run share. */
#ifndef KIST_OCI_LAUNCH_H
#define KIST_OCI_LAUNCH_H

#include "notify.h"
#include "oci/config.h"
#include "runtime/criu.h"
#include "runtime/run.h"
#include "state.h"

struct launch_options {
	const char *bundle, *console_socket, *pidfd_socket, *pid_file;
	bool detach, keep, no_subreaper, no_pivot, no_new_keyring;
	int preserve_fds;
	const struct criu_options *images; /* restore: what to bring back; else NULL */
};

/* The options of create, which run has too; tables of struct option begin with them. */
#define LAUNCH_OPTION(name, kind, member, help)                                                    \
	{                                                                                          \
		name, kind, offsetof(struct launch_options, member), help                          \
	}
#define LAUNCH_OPTIONS                                                                             \
	LAUNCH_OPTION("bundle, b", OPTION_STR, bundle, "folder of the bundle (default .)"),        \
		LAUNCH_OPTION("console-socket", OPTION_STR, console_socket,                        \
			"unix socket that receives the terminal's master end"),                    \
		LAUNCH_OPTION("pidfd-socket", OPTION_STR, pidfd_socket,                            \
			"unix socket that receives a descriptor of the process"),                  \
		LAUNCH_OPTION(                                                                     \
			"pid-file", OPTION_STR, pid_file, "file to write the process id to"),      \
		LAUNCH_OPTION("no-pivot", OPTION_BOOL, no_pivot,                                   \
			"do not use pivot_root: for a root on a ramdisk"),                         \
		LAUNCH_OPTION("no-new-keyring", OPTION_BOOL, no_new_keyring,                       \
			"keep the caller's session keyring"),                                      \
		LAUNCH_OPTION("preserve-fds", OPTION_INT, preserve_fds,                            \
			"hand on N more descriptors, from 3")

struct launch {
	struct state *state;
	struct oci_config *config;
	struct plan *plan;
	struct run *run;
	struct net_ahead *net; /* begun as soon as the plan is made; or NULL */
	char *bundle, *cgroup, *cache, *systemd; /* plan borrows them */
	int gate; /* listening socket, or -1 */
	int sealed; /* sealed_self_mount() */
	int listen; /* sockets from systemd */
	bool notifies; /* there is a $NOTIFY_SOCKET */
	struct notify notify;
};
#define LAUNCH_INIT                                                                                \
	{                                                                                          \
		.gate = -1, .sealed = -1, .notify = NOTIFY_INIT                                    \
	}

/**
 * Reads the bundle, makes the container's entry and the container up to its gate, sends the terminal and
 * writes the pid file. @split: start will come from another process. With @o->images it is running when this
 * returns. After a failure nothing is left.
 */
int launch_create(struct launch *l, const struct globals *g, const struct launch_options *o,
	const char *id, bool split, struct err **err);
/** Puts on record that it is made, unless that was done: run's container goes through its gate before. */
int launch_made(struct launch *l, struct err **err);
/** Waits for init and, unless @keep or another verb was first, launch_remove()s; others may change the container
 * meanwhile. @signals as in foreground_wait(). The exit code; what fails afterwards is said but does not replace it.
 * -1 on failure. */
int launch_wait(struct launch *l, bool keep, int signals, struct err **err);
/** The one who launched ends the container: hooks, cgroup, entry. */
int launch_remove(struct launch *l, struct err **err);
void launch_clear(struct launch *l);
#define auto_launch __attribute__((cleanup(launch_clear))) struct launch

#define SECCOMP_CACHE ":seccomp" /* no container can be called so */
/** Where compiled filters are kept below --root. Owned. */
char *seccomp_cache_path(const struct globals *g);
/** config.json of @bundle. */
int bundle_config(struct oci_config **out, const char *bundle, struct err **err);

#endif
