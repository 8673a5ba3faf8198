/*
 * The making of one container: what the parent has prepared and the child carries out. Everything
 * that needs memory, or a path on the host, is done before the clone; functions marked "child" run
 * after it and end the process where they fail.
 */
#ifndef KIST_RUNTIME_SETUP_H
#define KIST_RUNTIME_SETUP_H

#include "report.h"
#include "runtime/cgroup.h"
#include "runtime/run.h"
#include "user.h"

/** What a bind mount of the plan has become. */
struct bind_source {
	/* Detached, attributes set; -1 where the step is none. Child: a file system that mounts_finish() makes
	 * read-only, or that masks_make() looks for paths in. */
	int mount;
	bool is_link; /* mount is a link of the host, O_PATH, to be made anew */
	bool is_dir;
	bool is_proc; /* on a procfs: may go on /proc itself */
	const char *
		inside; /* the source lies in the container's root, there: opened at its turn; or NULL */
	bool shifted; /* parent: binds_idmap_next() has seen it */
};

struct setup {
	const struct plan *plan;
	const struct run_io *io;
	struct reporter report;
	int proc; /* the host's procfs */
	int root; /* the container's root mount; detached until root_attach() */
	struct bind_source *binds; /* one per step of the plan */
	int ns[OCI_NS_COUNT]; /* namespaces to join, or -1 */
	struct cgroup_hierarchy *hierarchies;
	size_t hierarchy_count;
	char **kernel_mounts; /* with --no-pivot: the host's whole procfs and sysfs mounts */
	const int *entries; /* the child's way into its v1 cgroups (cgroup_enter), borrowed */
	size_t entry_count;
	bool cgroup_late; /* init enters its v1 cgroups while it builds its tree, not first thing */
	bool net_ahead; /* the network namespace comes from the parent, or not at all (run_io.net) */
	bool cgroup_unit; /* systemd moves the child into its cgroup, before anything else */
	bool wait_hooks; /* hooks of the parent's run before pivot_root */
	bool wait_net; /* the parent moves network devices to us before that */
	bool hidden; /* made by a process outside the pid namespace that is joined: init_hidden() */
	bool dev_is_ours; /* no bind mount at /dev: devices and links are made there */
	bool late; /* an ordinary user's: the root and bind sources are cloned by the child */
	/* the child's own */
	int devpts; /* mount of the last devpts step, -1 */
	int sysctls; /* "sys" of the container's own procfs, not covered by masks; or -1 */
	int tty; /* the container's side of its terminal, -1 */
	bool no_tty_group; /* devpts without its gid: it is not mapped */
	bool dev_done; /* devices and links are made */
	bool cgroup_done; /* inside, in the cgroup namespace too */
	struct user user;
};

/* host_check.c */

/** Parent, once the namespaces to join are open: refuses settings that would be the caller's own. */
int host_check(const struct setup *s, struct err **err);

/* root.c */

/** Parent: the detached root mount. -1 without an error and *late set where only the child, in its user
 * namespace, may make it. */
int root_prepare(const struct plan *plan, bool *late, struct err **err);
/** Child: what was late; makes the namespace's mounts private and puts the root mount into it. */
void root_attach(struct setup *s);
/** Has the container no mount namespace but the caller's? Then its root is attached where everybody sees it, for
 * the caller to take away in the end, and entered by chroot(2). */
bool root_is_shared(const struct setup *s);
/** Child: "/" becomes the root mount, the host's tree goes. */
void root_pivot(struct setup *s);

/* nopivot.c */

/** Parent: finds what must not stay reachable for a container whose old root does (--no-pivot). */
int nopivot_prepare(struct setup *s, struct err **err);
/** Child: takes that away and moves the root mount to "/". */
void nopivot_move(struct setup *s);
void nopivot_free(struct setup *s);

/* binds.c */

/** Where in the container's root @source lies, as both paths are written; NULL: not in there. */
const char *bind_inside_root(const struct plan *plan, const char *source);
/** Parent: opens the sources of bind mounts as detached mounts, unless that is late or they lie in the root. */
int binds_prepare(struct setup *s, struct err **err);
/** Child: the same where it is late. */
void binds_prepare_late(struct setup *s);
/** Child, at its turn: the source of step @i, which lies in the root as it is by now. */
void bind_prepare_inside(struct setup *s, size_t i);
/** Will the child ask for that (REPORT_IDMAP)? */
bool binds_shift_late(const struct setup *s);
/** Parent: shifts the owners of @mnt, of the next such step that is to be id-mapped. Each once, whoever asks. */
int binds_idmap_next(struct setup *s, int mnt, struct err **err);
void binds_close(struct setup *s);

/** etc.c: child; what plan.etc asks for, before mounts_make(). */
void etc_make(struct setup *s);

/* mounts.c: child */

void mounts_make(struct setup *s);
/** Creates the target of a mount where it is missing; an O_PATH descriptor. */
int mount_target(struct setup *s, const struct plan_mount *m, bool is_dir);
/** Makes @mnt hear and tell as @m says, word by word; -1 with errno. Safe in the parent as well. */
int mount_propagate(int mnt, const struct plan_mount *m);
/** Ends where @target, that of @m, is in /proc and @m may not be. @b: its source, or NULL. */
void mount_check_proc(
	struct setup *s, const struct plan_mount *m, const struct bind_source *b, int target);
/** Makes read-only what had to be writable for the mounts, devices and masks in it, and closes all mounts. */
void mounts_finish(struct setup *s);
/** Has the container a user namespace that is not the host's? */
bool mount_in_user_namespace(const struct setup *s);
/** Enters the cgroups if that is still to be done, and makes the cgroup namespace. Before anything that
 * looks at cgroups, takes much memory, or is not ours. */
void mount_need_cgroup(struct setup *s);

/* init.c: child */

/** Waits until the parent has made the v1 cgroups, and enters them (setup.cgroup_late). */
void setup_enter_late(struct setup *s);

/* mount_cgroup.c: child */

void mount_cgroup(struct setup *s, const struct plan_mount *m);

/* mount_classic.c: child */

/** Does @m say something that is too long for fsconfig(2)? */
bool mount_is_long(const struct plan_mount *m);
/** Whether linux.mountLabel is an option of this mount, "context=". */
bool mount_takes_label(const struct setup *s, const struct plan_mount *m);
/** Makes @m, for the folder @target, with mount(2): a detached mount, or -1 with errno. The working folder is s->root then. */
int mount_classic(struct setup *s, const struct plan_mount *m, int target);

/* copyup.c: child */

/** Copies the folder @from into the empty folder @to. */
void copy_up(struct reporter *r, int from, int to, const char *what);

/* devices.c: child, but for the first */

/** Is there no bind mount at /dev? */
bool devices_are_ours(const struct plan *plan);
void devices_make(struct setup *s);
/** mknod-like special file that certainly is the host's, for binding: O_PATH descriptor. */
int device_open_host(
	struct reporter *r, const char *path, uint32_t mode, uint32_t major, uint32_t minor);

/* masks.c: child */

void masks_make(struct setup *s);

/* settings.c: child */

/** Before masks_make(): opens what sysctls are written through. */
void settings_prepare(struct setup *s);
/** Host name, domain name, sysctls. */
void settings_apply(struct setup *s);

#endif
