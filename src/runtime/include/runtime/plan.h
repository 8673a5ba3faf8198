/*
 * The plan: everything that is needed to make one container, flat and validated.
 *
 * kist-oci and the daemon compile an oci_config into a plan (plan_compile, pure but for the seccomp
 * cache); the monitor receives it as bytes (plan_encode, plan_decode) and carries it out with
 * runtime/run.h. So the programs that make containers contain neither JSON nor libseccomp, and a
 * plan can be tested without root. Decoding checks every bound: a plan from a broken daemon is an
 * error, never a crash.
 *
 * Plain data. A plan from plan_compile() or plan_decode() owns one arena; plan_free() frees it all.
 * Strings are borrowed from that arena or, for plan_compile(), from the config, which must outlive it.
 */
#ifndef KIST_RUNTIME_PLAN_H
#define KIST_RUNTIME_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "oci/config.h"

/** Where the root file system comes from. */
enum plan_root_kind {
	PLAN_ROOT_BIND, /* root_path: an existing folder (a bundle's rootfs) */
	PLAN_ROOT_OVERLAY, /* lower folders, upper and work: a detached overlay mount */
};

enum plan_step_kind {
	STEP_MOUNT, /* a new file system: fstype, source, data */
	STEP_BIND, /* source on the host, opened before the clone */
	STEP_CGROUP, /* /sys/fs/cgroup as the specification asks: v2, or v1 binds below a tmpfs */
};

/** Whose owners a bind mount shows: its own mappings' or, where it has none, the container's user namespace's. */
enum plan_idmap {
	PLAN_IDMAP_NONE,
	PLAN_IDMAP_TOP, /* "idmap" */
	PLAN_IDMAP_TREE, /* "ridmap": the mounts below it too */
};

/* plan_mount.links: what becomes of symlinks in last place (crun's options) */
#define PLAN_LINK_SOURCE 1u /* "src-nofollow": the source's link itself is bound */
#define PLAN_LINK_TARGET 2u /* "dest-nofollow": the target's link itself is covered */
#define PLAN_LINK_COPY 4u /* "copy-symlink": a source that is a link is made anew, not bound */
#define PLAN_LINK_ALL 7u

/* plan.etc: what Docker makes in the root's /etc before all mounts (etc.c) */
#define PLAN_ETC_FILES 1u /* hostname, hosts, resolv.conf: no links, but files to be covered */
#define PLAN_ETC_MTAB 2u /* mtab: a link to /proc/mounts, whatever the image has there */
#define PLAN_ETC_ALL 3u

/** One mount, in order. Targets are resolved inside the new root with RESOLVE_IN_ROOT. */
struct plan_mount {
	enum plan_step_kind kind;
	const char *fstype;
	const char *source;
	const char *target;
	const char *data; /* file system's own options, comma separated; may be NULL */
	uint64_t attr_set; /* MOUNT_ATTR_* */
	uint64_t attr_clear; /* MOUNT_ATTR_* cleared explicitly ("rw", "suid", "exec", ...) */
	uint64_t rec_attr_set; /* recursive ones: rro, rnosuid, ... */
	uint64_t rec_attr_clear;
	uint32_t sb_flags; /* MS_SYNCHRONOUS and the like for a new file system */
	const uint32_t *propagation; /* MS_PRIVATE... with MS_REC where recursive, in order */
	size_t propagation_count; /* 0: leave */
	bool recursive; /* rbind */
	bool copy_up; /* tmpcopyup */
	bool is_dir_hint; /* create a folder (not a file) if the target is missing */
	uint32_t links; /* PLAN_LINK_* */
	enum plan_idmap idmap;
	const struct oci_id_map *uid_map, *gid_map; /* idmapped */
	size_t uid_map_count, gid_map_count;
};

struct plan_device {
	const char *path; /* in the container, resolved in root */
	uint32_t mode; /* type and permissions */
	uint32_t major, minor;
	uint32_t uid, gid;
	bool requested; /* by the config, and not one of the default devices */
};

struct plan_rlimit {
	int resource;
	uint64_t soft, hard;
};

/** A set of small numbers as the kernel takes it, bit by bit; NULL and 0: not given. */
struct plan_mask {
	const void *bits;
	size_t len; /* bytes, a multiple of 8 */
};

/** linux.intelRdt, see runtime/rdt.h. */
struct plan_rdt {
	const char *clos; /* the class: a folder's name, or "/"; NULL: nothing is asked for */
	bool named; /* by closID; else the class is the container's own */
	const char **schemata; /* lines, in the order in which they are written */
	const char *monitor; /* the monitoring group, or NULL */
};

/** One process: the container's init or an exec. By topic, not by size. */
struct plan_process { /* NOLINT(clang-analyzer-optin.performance.Padding) */
	const char **args, **env; /* NULL-terminated */
	const char *cwd;
	bool cwd_create; /* make the working folder if it is missing */
	bool terminal;
	uint32_t console_height, console_width;
	/* Either numbers, or (user_spec != NULL) "user[:group]" to be resolved from the container's
	 * own /etc/passwd and /etc/group, as Docker does; then HOME is set from it if env has none. */
	const char *user_spec;
	const char **group_add; /* names or numbers, with user_spec */
	uint32_t uid, gid;
	const uint32_t *gids;
	size_t gid_count;
	bool keep_groups; /* the caller's supplementary groups stay; none of the above is set */
	bool has_umask;
	uint32_t umask;
	bool has_caps;
	struct oci_capabilities caps;
	/* With user_spec: drop effective/permitted/ambient if the user is not root, as Docker does. */
	bool caps_by_user;
	const struct plan_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privs;
	const char *apparmor, *selinux;
	bool has_oom_score_adj;
	int32_t oom_score_adj;
	/* scheduler, ioprio: -1 / has_ flags when not asked for */
	bool has_scheduler;
	uint32_t sched_policy, sched_priority;
	int32_t sched_nice;
	uint64_t sched_flags, sched_runtime, sched_deadline, sched_period;
	int32_t ioprio; /* -1: leave */
	bool use_init; /* docker --init: init_path is bind mounted and run in front of args */
	/* the seccomp filter as the kernel takes it (array of struct sock_filter) */
	const void *bpf;
	size_t bpf_len;
	uint32_t bpf_flags; /* SECCOMP_FILTER_FLAG_* */
	/* Where the filter has SCMP_ACT_NOTIFY: the agent's socket, and what it is told. An exec brings
	 * the container's state document, JSON; for init it is made from the plan. */
	const char *listener_path, *listener_metadata, *listener_state;
	bool has_personality;
	uint32_t personality;
	bool has_memory_policy;
	uint32_t memory_policy; /* MPOL_* with MPOL_F_* */
	struct plan_mask memory_nodes;
	struct plan_rdt rdt;
	struct plan_mask cpus_initial,
		cpus_final; /* execCPUAffinity: before and after the cgroup */
};

struct plan_hook {
	const char *path;
	const char **args, **env;
	int32_t timeout;
};

struct plan_hooks {
	const struct plan_hook *v;
	size_t count;
};

/** Copy-up of an image's folder into a fresh named volume happens in the engine, not here. */
struct plan {
	const char *id; /* for messages and cgroup names */

	enum plan_root_kind root_kind;
	const char *root_path;
	const char **lower; /* top first; NULL-terminated; absolute host paths */
	const char *upper, *work;
	bool root_volatile; /* overlay "volatile": --rm containers */
	bool root_readonly;
	uint32_t etc; /* PLAN_ETC_* */
	const char *mount_label; /* SELinux context of new file systems, or NULL */
	uint64_t root_propagation; /* MS_* of "/" of the new namespace, 0: private */
	bool no_pivot;
	/* Without a mount namespace: root and mounts are made in the caller's, who takes them away in the end. Not encoded:
	 * what comes over a wire is not trusted to do without one. */
	bool host_mounts;

	uint32_t ns_new; /* CLONE_NEW* to make */
	const char *ns_path[OCI_NS_COUNT]; /* to join, or NULL; resolved and checked by type */
	int ns_fd
		[OCI_NS_COUNT]; /* >= 0: join this descriptor instead (not encoded; passed along) */
	const struct oci_id_map *uid_map, *gid_map;
	size_t uid_map_count, gid_map_count;
	bool has_time_offsets;
	int64_t monotonic_secs, boottime_secs;
	uint32_t monotonic_nsecs, boottime_nsecs;
	const char *hostname, *domainname;
	const struct oci_net_device *net_devices; /* moved into the network namespace */
	size_t net_device_count;

	const struct plan_mount *mounts;
	size_t mount_count;
	const struct plan_device *devices;
	size_t device_count;
	const char **masked, **readonly; /* paths */
	const struct oci_pair *sysctl;
	size_t sysctl_count;
	const char *init_path; /* host path of kist-init for use_init */

	const char *cgroup_path; /* as in cgroupsPath; "" or NULL: "/<id>" chosen by the caller */
	/* The systemd driver, where not NULL: path of kist-systemd; cgroup_path is "slice:prefix:name" then. */
	const char *systemd_helper;
	bool systemd_user; /* the user's manager */
	/* An ordinary user's, or made by root of a user namespace: no rules for devices, which take privileges to
	 * set and would forbid nothing that the user namespace does not. */
	bool rootless;
	/* ... and no cgroup was named: where none may be made and no limit is asked for, there is none. */
	bool cgroup_optional;
	const struct oci_resources *resources;

	bool new_keyring;

	struct plan_process process;
	struct plan_hooks prestart, create_runtime, create_container, start_container, poststart,
		poststop;
	const char *bundle; /* for the state document given to hooks */
	const char *oci_version;
	const struct oci_pair *annotations;
	size_t annotation_count;

	void *arena; /* owned */
};

/** The annotation that sets plan_process.keep_groups, whatever its value. */
#define PLAN_KEEP_GROUPS "run.oci.keep_original_groups"

struct plan_options {
	const char *id;
	const char *bundle;
	const char *seccomp_cache; /* folder for compiled filters, or NULL */
	/* of the container that an exec is for (plan_process_compile()), or NULL */
	const struct oci_pairs *annotations;
	bool no_pivot, no_new_keyring;
	bool rootless; /* sets plan.rootless, and cgroup_optional unless the config names a cgroup */
	bool unprivileged; /* the caller is not root: without a user namespace nothing can be made */
	const char *init_path;
	const char *systemd_helper; /* as in struct plan */
	bool systemd_user;
};

/**
 * Compiles @config. Validates what the specification demands (mount options, namespaces, sysctls that
 * need a namespace, rlimit names, capabilities) and compiles the seccomp filter (runtime/seccomp.h).
 * Fields for which kist-oci has no use yet give ERR_NOT_IMPLEMENTED naming them.
 * Root kind is PLAN_ROOT_BIND; the engine overwrites root_kind, lower, upper, work, user_spec etc.
 */
int plan_compile(struct plan **out, const struct oci_config *config,
	const struct plan_options *options, struct err **err);
/** A process alone, for exec. @container: what every process of the container gets (filter, personality,
 * memory policy), or NULL. */
int plan_process_compile(struct plan_process **out, const struct oci_process *process,
	const struct oci_linux *container, const struct plan_options *options, struct err **err);
/** Every option of a mount that is known, sorted; the caller's (strv_free()). */
char **plan_mount_options(void);
/** Words that linux.memoryPolicy may have, one after the other; NULL at the end. */
const char *plan_memory_mode(size_t i);
const char *plan_memory_flag(size_t i);
void plan_free(struct plan *plan);
void plan_process_free(struct plan_process *process);

void plan_encode(const struct plan *plan, struct buf *out);
/** @bytes must outlive the plan. */
int plan_decode(struct plan **out, const void *bytes, size_t n, struct err **err);
void plan_process_encode(const struct plan_process *process, struct buf *out);
int plan_process_decode(struct plan_process **out, const void *bytes, size_t n, struct err **err);

#endif
