/*
 * A container's configuration as clients send it and as inspect shows it: Engine API 1.51,
 * ContainerConfig, HostConfig with Resources, NetworkingConfig. Fields are in Docker's order and
 * mean what its documentation says; strings that are empty are NULL after reading (use
 * str_empty()). Vectors: NULL is null, an allocated empty one is [].
 */
#ifndef KIST_MODEL_CONTAINER_H
#define KIST_MODEL_CONTAINER_H

#include "model/codec.h"

/** Engine API 1.51 "ContainerConfig". Also the "config" member of an image's configuration. */
struct container_config {
	char *hostname, *domainname;
	char *user;
	bool attach_stdin, attach_stdout, attach_stderr;
	char **exposed_ports; /* "80/tcp" */
	bool tty, open_stdin, stdin_once;
	char **env;
	char **cmd;
	json_t *healthcheck; /* as sent; not built but for ["NONE"] */
	bool args_escaped;
	char *image; /* as the user named it */
	char **volumes; /* folders that get an anonymous volume */
	char *working_dir;
	char **entrypoint;
	bool network_disabled;
	char *mac_address;
	char **on_build;
	struct str_map labels;
	char *stop_signal;
	struct opt_i64 stop_timeout;
	char **shell;
};

struct log_config {
	char *type;
	struct str_map config;
};

struct port_binding {
	char *host_ip, *host_port; /* port: "", "8080", "8000-8010" */
};

/** One entry of PortBindings: key "80/tcp" and where on the host. */
struct port_map_entry {
	char *key;
	MODEL_LIST(struct port_binding) bindings;
};

struct restart_policy {
	char *name; /* "", "no", "always", "unless-stopped", "on-failure" */
	int64_t max_retry;
};

struct weight_device {
	char *path;
	uint64_t weight;
};

struct throttle_device {
	char *path;
	uint64_t rate;
};

struct device_mapping {
	char *path_on_host, *path_in_container, *permissions;
};

struct ulimit {
	char *name; /* "nofile" */
	int64_t hard, soft; /* -1: unlimited */
};

struct bind_options {
	char *propagation;
	bool non_recursive, create_mountpoint, readonly_non_recursive, readonly_force_recursive;
};

struct volume_driver_config {
	char *name;
	struct str_map options;
};

struct volume_options {
	bool no_copy;
	struct str_map labels;
	char *subpath;
	struct volume_driver_config *driver_config; /* may be NULL */
};

struct image_options {
	char *subpath;
};

struct tmpfs_options {
	int64_t size_bytes;
	uint64_t mode; /* permission bits */
	json_t *options; /* [][]string, as sent */
};

/** Engine API 1.51 "Mount", of HostConfig.Mounts. */
struct mount_spec {
	char *type; /* "bind", "volume", "tmpfs", "image", "npipe", "cluster" */
	char *source, *target;
	bool read_only;
	char *consistency;
	struct bind_options *bind; /* these may be NULL */
	struct volume_options *volume;
	struct image_options *image;
	struct tmpfs_options *tmpfs;
};

/** Engine API 1.51 "Resources". */
struct resources {
	int64_t cpu_shares;
	int64_t memory; /* bytes */
	int64_t nano_cpus;
	char *cgroup_parent;
	uint64_t blkio_weight;
	MODEL_LIST(struct weight_device) blkio_weight_device;
	MODEL_LIST(struct throttle_device) blkio_read_bps;
	MODEL_LIST(struct throttle_device) blkio_write_bps;
	MODEL_LIST(struct throttle_device) blkio_read_iops;
	MODEL_LIST(struct throttle_device) blkio_write_iops;
	int64_t cpu_period, cpu_quota; /* microseconds */
	int64_t cpu_rt_period, cpu_rt_runtime;
	char *cpuset_cpus, *cpuset_mems;
	MODEL_LIST(struct device_mapping) devices;
	char **device_cgroup_rules;
	json_t *device_requests; /* as sent; not built */
	int64_t kernel_memory, kernel_memory_tcp;
	int64_t memory_reservation;
	int64_t memory_swap; /* memory + swap; -1 unlimited; 0 unset */
	struct opt_i64 memory_swappiness;
	enum tristate oom_kill_disable;
	struct opt_i64 pids_limit;
	MODEL_LIST(struct ulimit) ulimits;
	int64_t cpu_count, cpu_percent; /* Windows */
	uint64_t io_max_iops, io_max_bandwidth;
};

/** Engine API 1.51 "HostConfig". */
struct host_config {
	char **binds; /* "source:target[:options]" */
	char *container_id_file;
	struct log_config log;
	char *network_mode;
	MODEL_LIST(struct port_map_entry) port_bindings;
	struct restart_policy restart;
	bool auto_remove;
	char *volume_driver;
	char **volumes_from;
	uint64_t console_size[2]; /* height, width */
	struct str_map annotations;
	char **cap_add, **cap_drop;
	char *cgroupns_mode; /* "", "host", "private" */
	char **dns, **dns_options, **dns_search;
	char **extra_hosts; /* "name:address" */
	char **group_add;
	char *ipc_mode;
	char *cgroup;
	char **links;
	int64_t oom_score_adj;
	char *pid_mode;
	bool privileged, publish_all_ports, readonly_rootfs;
	char **security_opt;
	struct str_map storage_opt;
	struct str_map tmpfs; /* target -> options */
	char *uts_mode, *userns_mode;
	int64_t shm_size; /* bytes; 0: the default */
	struct str_map sysctls;
	char *runtime;
	char *isolation;
	struct resources res;
	MODEL_LIST(struct mount_spec) mounts;
	char **masked_paths, **readonly_paths; /* NULL: the defaults */
	enum tristate init;
};

struct ipam_config {
	char *ipv4, *ipv6;
	char **link_local_ips;
};

/** Engine API 1.51 "EndpointSettings": what a client asks for, and below it what the engine found. */
struct endpoint_settings {
	struct ipam_config *ipam; /* may be NULL */
	char **links, **aliases;
	char *mac_address;
	struct str_map driver_opts;
	int64_t gw_priority;
	char *network_id, *endpoint_id;
	char *gateway, *ip_address;
	int64_t ip_prefix_len;
	char *ipv6_gateway, *global_ipv6_address;
	int64_t global_ipv6_prefix_len;
	char **dns_names;
};

struct endpoint_entry {
	char *key; /* the network, by name or id */
	struct endpoint_settings settings;
};

/** Engine API 1.51 "NetworkingConfig". */
struct networking_config {
	MODEL_LIST(struct endpoint_entry) endpoints;
};

/** Body of ContainerCreate: the configuration's own members, and the two other documents. */
struct create_request {
	struct container_config config;
	struct host_config host;
	struct networking_config net;
};

extern const struct model_type model_container_config, model_host_config, model_resources,
	model_mount_spec, model_endpoint_settings, model_networking_config, model_create_request;

static inline void container_config_clear(struct container_config *c)
{
	model_clear(&model_container_config, c);
}
static inline void host_config_clear(struct host_config *c)
{
	model_clear(&model_host_config, c);
}
static inline void networking_config_clear(struct networking_config *c)
{
	model_clear(&model_networking_config, c);
}
static inline void endpoint_settings_clear(struct endpoint_settings *c)
{
	model_clear(&model_endpoint_settings, c);
}
static inline void create_request_clear(struct create_request *c)
{
	model_clear(&model_create_request, c);
}

#endif
