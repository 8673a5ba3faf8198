/*
 * config.json of the OCI runtime specification (1.3) as C structs: parse, validate, free.
 *
 * Plain data, owned throughout by struct oci_config and freed by oci_config_free(). Absent strings
 * are NULL, absent lists have count 0. Numbers whose absence means something carry a has_ flag or
 * live in a pointer. Fields follow the specification's names and order (config.md, config-linux.md).
 * The engine fills the same struct by hand; nothing here depends on where it came from.
 */
#ifndef KIST_OCI_CONFIG_H
#define KIST_OCI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define OCI_VERSION "1.3.0"

struct oci_pair { /* annotations, sysctl, unified: in document order */
	char *key;
	char *value;
};

struct oci_pairs {
	struct oci_pair *v;
	size_t count;
};

struct oci_user {
	uint32_t uid, gid;
	bool has_umask;
	uint32_t umask;
	uint32_t *additional_gids;
	size_t additional_gid_count;
};

struct oci_rlimit {
	char *type; /* "RLIMIT_NOFILE" */
	uint64_t soft, hard;
};

/** Capability sets as bit masks by number (CAP_CHOWN is bit 0). Unknown names were warned about. */
struct oci_capabilities {
	uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct oci_scheduler {
	char *policy; /* "SCHED_OTHER" */
	int32_t nice;
	int32_t priority;
	char **flags;
	uint64_t runtime, deadline, period;
};

struct oci_process {
	bool terminal;
	uint32_t console_height, console_width; /* 0: not given */
	struct oci_user user;
	char **args;
	char **env;
	char *cwd; /* absolute */
	bool has_capabilities;
	struct oci_capabilities capabilities;
	struct oci_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	char *apparmor_profile;
	char *selinux_label;
	bool has_oom_score_adj;
	int32_t oom_score_adj;
	struct oci_scheduler *scheduler;
	char *ioprio_class; /* "IOPRIO_CLASS_BE" or NULL */
	int32_t ioprio_priority;
	char *exec_cpu_initial, *exec_cpu_final;
};

struct oci_id_map {
	uint32_t container, host, size;
};

struct oci_mount {
	char *destination;
	char *type; /* may be NULL for binds */
	char *source; /* may be NULL */
	char **options;
	struct oci_id_map *uid_map, *gid_map;
	size_t uid_map_count, gid_map_count;
};

struct oci_hook {
	char *path;
	char **args, **env;
	int32_t timeout; /* seconds; 0 none */
};

struct oci_hook_list {
	struct oci_hook *v;
	size_t count;
};

struct oci_hooks {
	struct oci_hook_list prestart, create_runtime, create_container, start_container, poststart,
		poststop;
};

enum oci_ns { /* order of NS_* tables everywhere */
	OCI_NS_USER,
	OCI_NS_PID,
	OCI_NS_NETWORK,
	OCI_NS_MOUNT,
	OCI_NS_IPC,
	OCI_NS_UTS,
	OCI_NS_CGROUP,
	OCI_NS_TIME,
	OCI_NS_COUNT
};

struct oci_namespace {
	bool present;
	char *path; /* NULL: a new one */
};

struct oci_device {
	char *path;
	char type; /* 'c' (also 'u'), 'b', 'p' */
	int64_t major, minor;
	bool has_mode, has_uid, has_gid;
	uint32_t mode, uid, gid;
};

struct oci_device_rule {
	int64_t major, minor; /* -1: any */
	char type; /* 'a', 'c', 'b' */
	bool allow;
	bool read, write, mknod;
};

struct oci_blkio_weight {
	int64_t major, minor;
	bool has_weight, has_leaf_weight;
	uint16_t weight, leaf_weight;
};

struct oci_blkio_rate {
	int64_t major, minor;
	uint64_t rate;
};

struct oci_blkio_rates {
	struct oci_blkio_rate *v;
	size_t count;
};

#define OCI_OPT(type) /* an optional number */                                                     \
	struct {                                                                                   \
		bool set;                                                                          \
		type v;                                                                            \
	}

struct oci_resources {
	struct oci_device_rule *devices;
	size_t device_count;
	struct {
		OCI_OPT(int64_t) limit, reservation, swap, kernel, kernel_tcp; /* -1: unlimited */
		OCI_OPT(uint64_t) swappiness;
		OCI_OPT(bool) disable_oom_killer, use_hierarchy, check_before_update;
	} memory;
	struct {
		OCI_OPT(uint64_t) shares, period, realtime_period, burst;
		OCI_OPT(int64_t) quota, realtime_runtime, idle;
		char *cpus, *mems;
	} cpu;
	OCI_OPT(int64_t) pids_limit; /* <= 0 per specification: unlimited ("max") for -1 */
	struct {
		OCI_OPT(uint16_t) weight, leaf_weight;
		struct oci_blkio_weight *weight_devices;
		size_t weight_device_count;
		struct oci_blkio_rates read_bps, write_bps, read_iops, write_iops;
	} blkio;
	struct oci_hugepage {
		char *page_size;
		uint64_t limit;
	} * hugepages;
	size_t hugepage_count;
	OCI_OPT(uint32_t) net_class_id;
	struct oci_pairs net_priorities; /* value: decimal */
	struct oci_rdma {
		char *device;
		OCI_OPT(uint32_t) handles, objects;
	} * rdma;
	size_t rdma_count;
	struct oci_pairs unified;
};

struct oci_seccomp_arg {
	uint32_t index;
	uint64_t value, value_two;
	char *op; /* "SCMP_CMP_EQ" */
};

struct oci_seccomp_rule {
	char **names;
	char *action;
	OCI_OPT(uint32_t) errno_ret;
	struct oci_seccomp_arg *args;
	size_t arg_count;
};

struct oci_seccomp {
	char *default_action;
	OCI_OPT(uint32_t) default_errno_ret;
	char **architectures;
	char **flags;
	char *listener_path, *listener_metadata;
	struct oci_seccomp_rule *rules;
	size_t rule_count;
};

struct oci_net_device {
	char *host_name;
	char *name;
};

struct oci_memory_policy {
	char *mode; /* "MPOL_BIND" */
	char *nodes; /* "0-3,7" or NULL */
	char **flags;
};

struct oci_intel_rdt {
	char *clos_id; /* NULL: the container's id */
	char *l3_cache_schema, *mem_bw_schema;
	char **schemata;
	bool enable_monitoring;
};

struct oci_linux {
	struct oci_namespace ns[OCI_NS_COUNT];
	struct oci_id_map *uid_map, *gid_map;
	size_t uid_map_count, gid_map_count;
	struct {
		OCI_OPT(int64_t) monotonic_secs, boottime_secs;
		uint32_t monotonic_nsecs, boottime_nsecs;
	} time_offsets;
	struct oci_device *devices;
	size_t device_count;
	struct oci_net_device *net_devices;
	size_t net_device_count;
	char *cgroups_path;
	struct oci_resources resources;
	struct oci_pairs sysctl;
	struct oci_seccomp *seccomp; /* NULL: none */
	char *rootfs_propagation;
	char **masked_paths, **readonly_paths;
	char *mount_label;
	char *personality_domain; /* NULL: not set */
	char **personality_flags;
	struct oci_memory_policy *memory_policy; /* NULL: none */
	struct oci_intel_rdt *intel_rdt; /* NULL: none */
};

struct oci_config {
	char *version;
	char *root_path;
	bool root_readonly;
	char *hostname, *domainname;
	struct oci_mount *mounts;
	size_t mount_count;
	bool has_process;
	struct oci_process process;
	struct oci_hooks hooks;
	struct oci_pairs annotations;
	struct oci_linux linux;
};

struct oci_config *oci_config_new(void);
void oci_config_free(struct oci_config *config);
static inline void oci_config_freep(struct oci_config **c)
{
	oci_config_free(*c);
	*c = 0;
}
#define auto_oci_config __attribute__((cleanup(oci_config_freep))) struct oci_config

/** A profile that says nothing, "seccomp": {} in a config.json, is none (as with runc). */
bool oci_seccomp_empty(const struct oci_seccomp *seccomp);

/**
 * Parses and validates a config.json (at most 16 MiB). ERR_INVALID names the field by its path
 * ("linux.resources.memory.limit: expected an integer").
 */
int oci_config_parse(struct oci_config **out, const void *json, size_t n, struct err **err);
/** The rules of the specification that types alone do not give: also for structs filled by hand. */
int oci_config_validate(const struct oci_config *config, struct err **err);
/** A process.json for `exec --process`. Frees with oci_process_free(). */
int oci_process_parse(struct oci_process **out, const void *json, size_t n, struct err **err);
void oci_process_free(struct oci_process *process);
/** A seccomp document alone (share/seccomp.json, --security-opt seccomp=FILE). Docker's profile
 * format with archMap/includes/excludes is accepted and resolved for @caps and this machine's
 * architecture and kernel. */
int oci_seccomp_parse(
	struct oci_seccomp **out, const void *json, size_t n, uint64_t caps, struct err **err);
void oci_seccomp_free(struct oci_seccomp *seccomp);
/** A resources document alone (`update -r`). */
int oci_resources_parse(struct oci_resources **out, const void *json, size_t n, struct err **err);
void oci_resources_free(struct oci_resources *resources);

/** Appending helpers for code that fills a config by hand; strings are copied. */
struct oci_mount *oci_mount_add(struct oci_config *c, const char *destination, const char *type,
	const char *source, const char *const *options);
void oci_pair_add(struct oci_pairs *pairs, const char *key, const char *value);
void oci_rlimit_add(struct oci_process *p, const char *type, uint64_t soft, uint64_t hard);
struct oci_device *oci_device_add(
	struct oci_linux *l, const char *path, char type, int64_t major, int64_t minor);
void oci_device_rule_add(struct oci_resources *r, bool allow, char type, int64_t major,
	int64_t minor, const char *access);

/** Capability numbers by name ("CAP_CHOWN", case-insensitive, prefix optional); -1 if unknown. */
int oci_cap_number(const char *name);
/** "CAP_CHOWN" or NULL. */
const char *oci_cap_name(int number);
#define OCI_CAP_LAST 40

#endif
