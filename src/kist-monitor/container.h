/*
 * The one container of this monitor: made, started, watched, and its end recorded.
 *
 *   IDLE --create--> CREATED --start--> RUNNING --init ends--> DEAD
 *    ^________________|__________________|  (failure: everything undone)
 *
 * The end, in this order: init is reaped; its output is read to the end and in the log; execs likewise;
 * the exit record is on disk; EXITED is sent; only then are the mounts let go and the cgroup removed (dropping the
 * last reference to an overlay mount may sync a whole file system); poststop hooks; owner->finished().
 * Clients that still read get what is queued for them; when they have gone, owner->deserted().
 */
#ifndef KIST_MONITOR_CONTAINER_H
#define KIST_MONITOR_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "runtime/monitor.h"
#include "runtime/monitor_client.h"

struct container;

struct container_owner {
	/** Sends an event to every subscriber; false if there was none. */
	bool (*event)(void *arg, uint32_t type, const struct buf *payload);
	/** The container is over and nothing of it is left. */
	void (*finished)(void *arg);
	/** It is over and the last client has gone: time to exit. */
	void (*deserted)(void *arg);
	void *arg;
};

/** Writes MONITOR_PIDFILE. */
int container_write_monitor_pid(int run_dir, struct err **err);

/** @disk and @run_dir are borrowed. */
struct container *container_new(struct loop *loop, const char *id, int disk, int run_dir,
	const struct container_owner *owner);
/** Undoes what is merely created; a running container is left alone (never happens in order). */
void container_free(struct container *c);

/** A monitor that was started ahead of time gets its container. The folders' descriptors change behind
 * their numbers. */
int container_adopt(struct container *c, const char *id, int disk, int run_dir, struct err **err);
int container_configure(struct container *c, const struct monitor_config *config, struct err **err);
/** Takes @conn on success. */
int container_attach(
	struct container *c, const struct monitor_attach *attach, int conn, struct err **err);
/** @ns: a descriptor per bit of @mask, lowest first; they and @plan_fd stay the caller's. */
int container_create(struct container *c, uint64_t generation, int plan_fd, uint32_t mask,
	const int *ns, struct monitor_created *out, struct err **err);
int container_start(struct container *c, int64_t *started_at, struct err **err);
int container_kill(struct container *c, int sig, struct err **err);
int container_resize(
	struct container *c, const char *exec_id, uint32_t h, uint32_t w, struct err **err);
/** Takes *conn (if there is @attach) on success, leaving -1. */
int container_exec(struct container *c, const char *id, const struct monitor_config *config,
	int plan_fd, const struct monitor_attach *attach, int *conn, pid_t *pid, struct err **err);
int container_exec_kill(struct container *c, const char *exec_id, int sig, struct err **err);
void container_status(const struct container *c, struct monitor_status *out);
void container_log_sync(struct container *c);
void container_detach_all(struct container *c);
/** Borrowed descriptor of the root mount. */
int container_root(const struct container *c, int *root, struct err **err);
/** Ends of execs that nobody has heard are told now. */
void container_tell_again(struct container *c);
/** Undoes CREATED; ERR_CONFLICT once it runs. */
int container_undo(struct container *c, struct err **err);
/** Reaps children that have ended. */
void container_reap(struct container *c);
/** Is anything there for which the monitor must stay? */
bool container_idle(const struct container *c);

#endif
