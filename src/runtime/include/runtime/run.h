/*
 * Carrying a plan out: from nothing to a container's init waiting at the door, and then to exec.
 *
 * The caller is a single-threaded program (kist-monitor, kist-oci): between clone and exec the child
 * shares nothing, allocates nothing and takes no lock. Order of work, and why:
 *
 *   parent  opens everything it needs by path on the host (namespaces, bind sources, root), makes
 *           every mount detached, resolves the user in the root, makes the cgroup and its limits
 *   parent  clone3 into new namespaces (CLONE_INTO_CGROUP on v2; on v1 the child enters by itself,
 *           first thing)
 *   child   waits for "mappings written" if there is a user namespace; moves mounts into place, devices,
 *           pivot_root, masks, hostname, sysctls, createContainer hooks
 *   child   says "ready", waits for "go" (create/start of the specification; the daemon finishes the
 *           network meanwhile)
 *   child   credentials, startContainer hooks (no more than the container has), seccomp last, exec
 *
 * A container that joins a pid namespace is made by a process outside it (init_hidden() in init.h).
 *
 * An error in the child arrives here as a whole struct err through a pipe; exec failures carry the kinds
 * ERR_NO_EXECUTABLE and ERR_NOT_EXECUTABLE. After a failure nothing is left: the child is reaped, the
 * cgroup removed; mounts were never visible on the host.
 */
#ifndef KIST_RUNTIME_RUN_H
#define KIST_RUNTIME_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/cgroup.h"
#include "runtime/net_ahead.h"
#include "runtime/plan.h"

struct run;

/** What the name of a container's session keyring begins with; its id comes after. As runc has it. */
#define RUN_KEYRING "_ses."

/** Stdio of the process to be. With process.terminal the child opens a pty in its own devpts and the
 * master comes back in @tty_master; stdin/out/err are then ignored. Descriptors stay the caller's. */
struct run_io {
	int in, out, err;
	const int *preserve; /* extra descriptors to appear as 3, 4, ... */
	size_t preserve_count;
	bool lf_only; /* the terminal leaves "\n" as it is, for who relays it to a terminal that does not */
	/* > 0: a listening SOCK_SEQPACKET unix socket at which init waits to be started instead of
	 * run.gate, so that another process can do it (kist-oci create, then start: run_start_at()).
	 * run.gate and run.report are then -1 after run_create(), and the caller may exit. */
	int gate_socket;
	/* run_exec(): the session keyring that the process joins, or makes; NULL: the caller's stays. */
	const char *keyring;
	/* > 0: run_exec() gives up after so many milliseconds, for callers with other things to do. What it
	 * has begun is killed, but not waited for: the caller reaps any child. */
	int timeout_ms;
	/* run_create(): called once init's pid is known (run's pid, pidfd and start_ticks), while init builds its
	 * tree: the time to put it on record. -1 fails the creation. May be NULL. */
	int (*known)(void *arg, const struct run *run, struct err **err);
	void *known_arg;
	/* Nobody has anything to do at the gate: after @known init goes through it as soon as it is ready, and
	 * run_start(), which must follow at once, only waits for exec. Saves two switches of process. Ignored
	 * where run_create() itself has something to do there. */
	bool straight;
	/* A descriptor that nobody needs and that takes time to close: the child gives up its copy at once, so that the
	 * time is the caller's, and run_create() does the same while it waits, unless init goes straight. May be NULL. */
	int *spare;
	/* The container's network namespace, where it was begun before; run_create() takes it. Or NULL. */
	struct net_ahead *net;
	/* struct cgroup_unit_spec's "made": with systemd cgroups, before init does anything */
	int (*unit_made)(void *arg, const char *cgroup, struct err **err);
	void *unit_arg;
};

/** A container being made or running. Plain data; the descriptors are owned by it. */
struct run {
	pid_t pid;
	int pidfd;
	int gate; /* socket to init: lets it go, brings its errors; -1 after run_start */
	int report; /* always -1: errors come through gate */
	int tty_master; /* -1 without a terminal */
	int root_mount; /* the detached root mount as made (overlay or bind), for copies; may be -1 */
	struct cgroup *cgroup;
	uint64_t start_ticks; /* field 22 of /proc/pid/stat: with pid, an identity */
	bool gate_open; /* run_io.straight: init has been let go */
};

/**
 * Makes the container up to the gate. On success init exists, everything but the last step is done and
 * the caller may finish the network in /proc/<pid>/ns/net. CreateRuntime and prestart hooks have run
 * unless @defer_hooks; then run_hooks_create() runs them (the daemon needs its network before them).
 */
int run_create(struct run **out, const struct plan *plan, const struct run_io *io, bool defer_hooks,
	struct err **err);
int run_hooks_create(struct run *run, const struct plan *plan, struct err **err);
/** Opens the gate and waits until exec has happened (report pipe closes) or failed. Poststart hooks are
 * the caller's: run_hooks(). On failure the child has been reaped. */
int run_start(struct run *run, const struct plan *plan, struct err **err);
/** As run_start() for an init that waits at a gate_socket: @sock is connected to it; @pid is init's and @pidfd
 * refers to it. Returns when exec has happened; the error is the child's own (ERR_NO_EXECUTABLE...). Closes
 * nothing, reaps nothing; init ends if this fails. */
int run_start_at(int sock, const struct plan *plan, pid_t pid, int pidfd, struct err **err);
/** Kills what is there (if anything), reaps init, removes the cgroup. Safe in every state. */
void run_destroy(struct run *run);
/** Frees without killing or removing: the container lives on (kist-oci create). */
void run_release(struct run *run);

/**
 * An exec: joins the namespaces and the cgroup of the container whose init is @init (a pidfd), and starts
 * @process as a child of the caller. Protects against CVE-2016-9962 and CVE-2024-21626: not dumpable and
 * no host descriptor open before it has entered. Returns the pid; *pidfd and *tty_master are set.
 */
pid_t run_exec(const struct plan_process *process, pid_t init, int init_pidfd,
	const struct cgroup *cgroup, const struct run_io *io, int *pidfd, int *tty_master,
	struct err **err);

/** Runs hooks in the caller's namespaces with the state document on stdin and their time-outs. */
int run_hooks(const struct plan_hooks *hooks, const struct plan *plan, const char *status,
	pid_t pid, const char *what, struct err **err);
/** Runs the poststop hooks, every one even where one fails (runtime.md "Lifecycle", step 13). Returns -1
 * with the faults of all that failed: a warning to its caller. */
int run_poststop(const struct plan *plan, pid_t pid, struct err **err);

/** Start time of a process in clock ticks, 0 if it is gone. */
uint64_t run_start_ticks(pid_t pid);
/** Whether @pid is still the process that started then and runs: not a zombie that nobody has reaped yet. */
bool run_is_alive(pid_t pid, uint64_t start_ticks);

#endif
