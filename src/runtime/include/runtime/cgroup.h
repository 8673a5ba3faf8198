/*
 * The budget of one container: cgroups on v1, hybrid and v2 behind one interface.
 *
 * The layout is found once from /proc/self/mountinfo and /proc/self/cgroup: each controller is on a v1
 * hierarchy, on v2, or absent. A limit that is asked for on an absent controller is an error that names it; one
 * that was not asked for is not touched. Paths are relative to each hierarchy's mount point.
 *
 * Not thread-safe per object; different objects are independent. Nothing here runs after clone in the
 * child, but for cgroup_enter().
 */
#ifndef KIST_RUNTIME_CGROUP_H
#define KIST_RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "oci/config.h"

enum cgroup_mode { CGROUP_V1, CGROUP_HYBRID, CGROUP_V2 };

struct cgroup; /* the cgroups of one container in every hierarchy */

/** What kind of machine this is. */
enum cgroup_mode cgroup_mode(void);
/** Controllers that are present, for /info ("memory", "cpu", "pids", ...): owned vector. */
char **cgroup_controllers(void);

/**
 * Makes the cgroup (parents too) at @path in every hierarchy; fails with ERR_CONFLICT if it exists with
 * processes in it. Existing empty ones are reused. Until cgroup_settle() or cgroup_free() it is ours alone: whoever
 * else makes it gets ERR_CONFLICT as well.
 */
int cgroup_create(struct cgroup **out, const char *path, struct err **err);
/**
 * The two halves of cgroup_create(): what cgroup_clone_fd() and cgroup_hierarchies() need first; then the
 * folders of v1's hierarchies, a millisecond's work that need not be done before a process is cloned.
 * cgroup_finish() may be called always. After a failure it has taken back what it made; the rest is
 * for cgroup_remove(), which leaves alone what others made.
 */
int cgroup_begin(struct cgroup **out, const char *path, struct err **err);
int cgroup_finish(struct cgroup *cg, struct err **err);
/** To be called when the first process is in it, which keeps others out from then on. */
void cgroup_settle(struct cgroup *cg);
/** Whether cgroup_finish() has more to do. */
bool cgroup_unfinished(const struct cgroup *cg);
/**
 * What @given means now, by a process in our own cgroups: a relative one so that it means the same for every process
 * later. ".." leads no further up than to where the path begins; the other functions refuse it. Owned; to be given to
 * the functions of this header.
 */
char *cgroup_resolve(const char *given, struct err **err);
/** Opens one that exists; ERR_NOT_FOUND if it does in no hierarchy. */
int cgroup_open(struct cgroup **out, const char *path, struct err **err);
/**
 * Where the hierarchies of @cg are, as text to be kept: reading that from all mounts of the machine is most of the work of
 * cgroup_open(). Owned; NULL where there are no words for it.
 */
char *cgroup_places(const struct cgroup *cg);
/**
 * cgroup_open() of an absolute or resolved @path by what cgroup_places() said. ERR_NOT_FOUND also where that is no longer
 * so: cgroup_open() finds out. Only those folders are open that have to do with processes, which is enough for
 * cgroup_frozen(), cgroup_freeze(), cgroup_kill(), cgroup_pids(), cgroup_destroy(), cgroup_entry_fds() and
 * cgroup_clone_fd(). cgroup_open_rest() opens the others.
 */
int cgroup_open_known(struct cgroup **out, const char *path, const char *places, struct err **err);
void cgroup_open_rest(struct cgroup *cg);
void cgroup_free(struct cgroup *cg);
const char *cgroup_path(const struct cgroup *cg);

/**
 * Makes @cg stand for cgroups below the container's, as runc's `exec --cgroup` names them: one path for all
 * hierarchies, or "CONTROLLER[,CONTROLLER...]:PATH" for some. They must exist, and no path leads out.
 */
int cgroup_descend(struct cgroup *cg, char *const *specs, struct err **err);
/** Whether it does: then no other may take its place. */
bool cgroup_chosen(const struct cgroup *cg);
/**
 * Gives the cgroup to a user (config-linux.md "Cgroup ownership"): folder and what the kernel lists in
 * /sys/kernel/cgroup/delegate. v2 only; elsewhere it does nothing, as delegating is not safe there.
 */
int cgroup_give(struct cgroup *cg, uid_t uid, struct err **err);

/** Writes limits. Devices on v2 (and hybrid if devices is on v2) are an eBPF program, replaced in place.
 * Where device rules are given, the devices that every container has (config-linux.md "Default Devices",
 * ptys, mknod of any) are allowed after them. */
int cgroup_set(struct cgroup *cg, const struct oci_resources *res, struct err **err);
/** cgroup_set() for a group that has limits already: where one is refused, those written before it are set back.
 * Not so lists (devices, throttles) and what systemd was told. */
int cgroup_update(struct cgroup *cg, const struct oci_resources *res, struct err **err);
/** Moves a process in, in all hierarchies. On v2 not needed when cgroup_clone_fd() was used. On v1 and on
 * a quiet machine it waits for an RCU grace period (9 ms): prefer cgroup_enter(). */
int cgroup_attach(struct cgroup *cg, pid_t pid, struct err **err);
/**
 * The way in without that wait: a single-threaded process that writes "0" to `tasks` moves itself, for which
 * the kernel (5.5) takes no lock that has to wait: 0.1 ms for nine hierarchies. The parent gets the
 * descriptors (v1 hierarchies only, borrowed from @cg), the child calls cgroup_enter() first thing after
 * clone. On v2 use cgroup_clone_fd() with CLONE_INTO_CGROUP. A new cgroup namespace is unshared after both.
 */
int cgroup_entry_fds(struct cgroup *cg, const int **fds, size_t *n, struct err **err);
/** In the child: async-signal-safe. 0, or -1 with errno. */
int cgroup_enter(const int *fds, size_t n);
/** Descriptor of the v2 folder for CLONE_INTO_CGROUP, or -1 where there is no v2 with our controllers.
 * Borrowed. */
int cgroup_clone_fd(const struct cgroup *cg);
/** Renames in every hierarchy (v1 only, within the same parent): prepared cgroups get their container's
 * name. ERR_NOT_IMPLEMENTED on v2. */
int cgroup_rename(struct cgroup *cg, const char *path, struct err **err);

/* The systemd driver (runtime/systemd.h): the cgroup is a unit of systemd's. */

struct systemd_unit;
struct cgroup_unit_spec {
	const char *id; /* the container's */
	const struct oci_resources *resources; /* may be NULL */
	const struct oci_pair *annotations;
	size_t annotation_count;
	/* Told where the cgroup is as soon as there is a unit, which from then on must be stopped (cgroup_remove(),
	 * cgroup_unit_stop()). May be NULL; fails as all functions do. */
	int (*made)(void *arg, const char *path, struct err **err);
	void *arg;
};
/** Asks where the cgroup of @unit will be; makes nothing. ERR_UNAVAILABLE without systemd. */
int cgroup_unit_plan(struct cgroup **out, const struct systemd_unit *unit, struct err **err);
/** Starts the unit with @pid in it, writes limits, moves @pid in hierarchies that systemd does not know. */
int cgroup_unit_start(
	struct cgroup *cg, const struct cgroup_unit_spec *spec, pid_t pid, struct err **err);
/** An opened cgroup is @unit's: cgroup_set() and cgroup_remove() tell systemd. */
void cgroup_unit_adopt(struct cgroup *cg, const struct systemd_unit *unit);
bool cgroup_is_unit(const struct cgroup *cg);
/** Has systemd move @pid in: for callers without the right to. */
int cgroup_unit_attach(struct cgroup *cg, pid_t pid, struct err **err);
/** Stops a unit whose cgroup may be gone. */
int cgroup_unit_stop(const struct systemd_unit *unit, struct err **err);

/** Freezer. cgroup_freeze returns when everything is frozen. */
int cgroup_freeze(struct cgroup *cg, bool frozen, struct err **err);
bool cgroup_frozen(const struct cgroup *cg);
/** Sends @sig to every process in the cgroup and below (cgroup.kill for SIGKILL on v2; thawing a frozen
 * one). */
int cgroup_kill(struct cgroup *cg, int sig, struct err **err);
/** Process ids inside (recursive): owned array, count in *n. */
int cgroup_pids(const struct cgroup *cg, pid_t **pids, size_t *n, struct err **err);
/** Removes the folders, children first. Waits for dying processes up to a bounded time; ERR_SYSTEM EBUSY then. */
int cgroup_remove(struct cgroup *cg, struct err **err);
/** cgroup_kill() and cgroup_remove(), and kills whoever still comes in meanwhile: an exec that was under way. */
int cgroup_destroy(struct cgroup *cg, struct err **err);

/** OOM kills counted by the kernel in this cgroup and below (memory.oom_control / memory.events). -1
 * where there is no memory controller. On v1 a cgroup below that is removed takes its count along. */
int64_t cgroup_oom_kills(const struct cgroup *cg);
/** A descriptor (eventfd on v1, inotify on v2; non-blocking) that becomes readable when memory ran out in this
 * cgroup; on v1 not for limits of cgroups below it, which only cgroup_oom_kills() knows of. */
int cgroup_oom_watch(const struct cgroup *cg, struct err **err);
/** Empties it. On v1 how often memory ran out, also when the cgroup has been removed since: the kernel tells
 * before it kills. On v2 0: ask cgroup_oom_kills(). -1 if nothing more will come. */
int64_t cgroup_oom_told(const struct cgroup *cg, int watch);

struct cgroup_stats { /* -1 where unknown; INT64_MAX for a limit that is none */
	int64_t memory_usage, memory_limit, memory_peak, swap_usage;
	int64_t memory_inactive_file; /* page cache that docker subtracts from the usage */
	int64_t cpu_usage_ns, cpu_user_ns, cpu_system_ns;
	int64_t throttled_periods, periods, throttled_ns;
	int64_t pids, pids_limit;
};
int cgroup_read_stats(const struct cgroup *cg, struct cgroup_stats *out, struct err **err);

/** The controller of the first limit in @res, by its v2 name where it has one; NULL if there is none. Rules for
 * devices are not counted. */
const char *cgroup_first_asked(const struct oci_resources *res);

/** For the mount step: the hierarchies as (mount name, host path of the container's folder) pairs. */
struct cgroup_hierarchy {
	char *name; /* "memory", "cpu,cpuacct", "unified", "systemd" */
	char *mount; /* "/sys/fs/cgroup/memory" */
	char *folder; /* "/sys/fs/cgroup/memory/kist/<id>" */
	bool v2;
};
int cgroup_hierarchies(
	const struct cgroup *cg, struct cgroup_hierarchy **out, size_t *n, struct err **err);
/** The same for the caller's own cgroups, where a container has none; none at all if they cannot be found. */
void cgroup_hierarchies_own(struct cgroup_hierarchy **out, size_t *n);
void cgroup_hierarchies_free(struct cgroup_hierarchy *h, size_t n);

#endif
