/*
 * The daemon's side of runtime/monitor.h: starting a monitor, asking it, hearing its events.
 *
 * A struct monitor_client holds two connections to one monitor. Requests go over the first: any thread may
 * call a monitor_* request; they take turns under a lock and block until the reply or the time-out. Events
 * come over the second, which only the loop thread reads: it watches monitor_client_event_fd() and
 * calls monitor_client_event() until that says 0. So a worker that waits for START and the loop that
 * hears EXITED never read from the same socket.
 *
 * The client is reference-counted: a worker in the middle of a request holds a reference, and the last one out
 * closes. Dropping the client never harms the container: the monitor of a started container serves on
 * alone, one that was not started undoes everything and exits.
 *
 * Errors: those of the monitor arrive with their kind, errno and message (ERR_NO_EXECUTABLE and
 * ERR_NOT_EXECUTABLE from START and EXEC included); a monitor that is gone, or silent beyond the time-out, is
 * ERR_UNAVAILABLE. After a time-out the client stays usable: late replies are known by their serial.
 *
 * Descriptors given to a request stay the caller's (the monitor gets copies): a hijacked connection must be
 * closed by the daemon after ATTACH or EXEC has succeeded, or its client never sees the end.
 */
#ifndef KIST_RUNTIME_MONITOR_CLIENT_H
#define KIST_RUNTIME_MONITOR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/monitor.h"
#include "runtime/plan.h"

#define MONITOR_SOCKET "monitor.sock" /* in the run folder */
#define MONITOR_PIDFILE "monitor.pid" /* "pid start_ticks\n": the monitor */
#define MONITOR_INIT_PIDFILE                                                                       \
	"init.pid" /* "pid start_ticks generation\n": from CREATE until the end */

struct monitor_client;

struct monitor_spawn {
	const char *program; /* absolute path of kist-monitor */
	const char *id; /* container's id, argv[1] */
	int disk_dir; /* the container's folder below the data root: log, exit record */
	int run_dir; /* its folder below the exec root: socket, pid files */
	int log_fd; /* the monitor's stderr, -1: /dev/null */
	unsigned long
		nofile_soft; /* its soft RLIMIT_NOFILE, and so the container's; 0: the caller's */
};

/**
 * Starts a monitor (a child of the caller) and connects to it. Both connections are made before the program
 * starts, so a monitor whose daemon dies meanwhile finds nobody and exits. *pidfd becomes readable when
 * the monitor has ended; the caller reaps it (waitid P_PIDFD). pidfd may be NULL: then reap by *pid.
 */
int monitor_spawn(struct monitor_client **out, const struct monitor_spawn *spec, pid_t *pid,
	int *pidfd, struct err **err);

/**
 * Gives a parked monitor its container: one that was spawned ahead of time with a folder of its own as both
 * disk_dir and run_dir, given again here as @parked, and that has not been configured. Saves the time that
 * starting a program takes on the way of `run`. Its socket moves to @run_dir; @parked is empty afterwards and
 * the caller's to remove. A parked monitor ends with its daemon like any that has not been started.
 */
int monitor_adopt(struct monitor_client *c, const char *id, int parked, int disk_dir, int run_dir,
	struct err **err);

/** Connects to a monitor that is already there (after a restart of the daemon). ERR_UNAVAILABLE if
 * nothing listens: then the exit record and init.pid tell what became of the container. */
int monitor_connect(struct monitor_client **out, int run_dir, struct err **err);

/** Another reference; returns @c. */
struct monitor_client *monitor_client_ref(struct monitor_client *c);
void monitor_client_unref(struct monitor_client *c); /* NULL is allowed */

/** Reads "pid start_ticks" of MONITOR_PIDFILE, or MONITOR_INIT_PIDFILE; ERR_NOT_FOUND if there is none.
 * With run_start_ticks() the caller knows whether that process is still the one meant. */
int monitor_pid_read(int run_dir, const char *name, pid_t *pid, uint64_t *ticks, struct err **err);

/* ---- events: the loop thread only ---- */

struct monitor_event {
	enum monitor_type
		type; /* MONITOR_EXITED, MONITOR_EXEC_EXITED, MONITOR_OOM, MONITOR_DETACHED */
	struct monitor_exit exit; /* EXITED */
	char exec_id[80]; /* EXEC_EXITED; DETACHED from an exec; "" is the container's init */
	int32_t code; /* EXEC_EXITED */
};

/** Non-blocking; readable when there are events or the monitor has gone. Borrowed. */
int monitor_client_event_fd(const struct monitor_client *c);
/**
 * One event: 1 with *ev filled, 0 when there is none just now, -1 (ERR_UNAVAILABLE) when the monitor has
 * closed. After EXITED the monitor closes as soon as the cgroup and mounts are gone: a restart or removal of
 * the container waits for that close, not for EXITED alone.
 */
int monitor_client_event(struct monitor_client *c, struct monitor_event *ev, struct err **err);

/* ---- requests: any thread, blocking ---- */

int monitor_configure(
	struct monitor_client *c, const struct monitor_config *config, struct err **err);

/** Hands over a client's connection. Allowed in every state but MONITOR_DEAD (ERR_CONFLICT). */
int monitor_attach(
	struct monitor_client *c, const struct monitor_attach *attach, int conn, struct err **err);

struct monitor_created {
	pid_t pid;
	uint64_t start_ticks;
	int netns; /* descriptor of init's network namespace, owned by the caller; -1: none of its own */
};

/**
 * Makes the container up to the gate. Descriptors in plan->ns_fd travel along. Prestart and
 * createRuntime hooks have not run: START runs them, after the daemon has made the network. On failure the
 * monitor is MONITOR_IDLE again, its attached clients are closed, nothing is left behind.
 */
int monitor_create(struct monitor_client *c, uint64_t generation, const struct plan *plan,
	struct monitor_created *out, struct err **err);
/** Hooks, then the gate, then poststart hooks; returns when the program has been executed. Failure as
 * monitor_create(). */
int monitor_start(struct monitor_client *c, int64_t *started_at, struct err **err);
int monitor_kill(struct monitor_client *c, int sig, struct err **err);
/** @exec_id NULL: the container's own terminal. ERR_INVALID without a terminal. */
int monitor_resize(
	struct monitor_client *c, const char *exec_id, uint32_t h, uint32_t w, struct err **err);

/**
 * Starts @process inside. @attach NULL (and conn -1) for a detached one; attach->exec_id is ignored. If it
 * fails nothing has been written to @conn. Its end comes as MONITOR_EXEC_EXITED, and again to a daemon that
 * connects later if nobody heard it.
 */
int monitor_exec(struct monitor_client *c, const char *exec_id, const struct monitor_config *config,
	const struct plan_process *process, const struct monitor_attach *attach, int conn,
	pid_t *pid, struct err **err);
int monitor_exec_kill(struct monitor_client *c, const char *exec_id, int sig, struct err **err);

struct monitor_status {
	enum monitor_state state;
	pid_t pid; /* 0 when there is no init */
	uint64_t start_ticks;
	int64_t started_at;
	uint64_t generation;
	uint32_t clients; /* attached to the container's own stdio */
};
int monitor_status(struct monitor_client *c, struct monitor_status *out, struct err **err);
/** Returns when all output that the container has written so far is in the log file. */
int monitor_log_sync(struct monitor_client *c, struct err **err);
int monitor_detach_all(struct monitor_client *c, struct err **err);
/** Descriptor of the container's root mount as made for it, for copies in and out; owned by the caller.
 * ERR_CONFLICT when there is none. */
int monitor_root(struct monitor_client *c, int *root, struct err **err);
/** Ends an idle monitor; one that is MONITOR_CREATED undoes that first. ERR_CONFLICT while it runs. */
int monitor_quit(struct monitor_client *c, struct err **err);

#endif
