/* The tables of a container's documents, in Docker's order (api/types/container of Docker 28). */
#include "model/container.h"

#include <stddef.h>

#include "table.h"

#define F(struct_, member, json_, kind_, ...)                                                      \
	{                                                                                          \
		.name = json_, .kind = kind_, .offset = offsetof(struct struct_, member),          \
		__VA_ARGS__                                                                        \
	}
#define TYPE(var, text, struct_, table)                                                            \
	const struct model_type var = {text, sizeof(struct struct_), table}

/* ---- Config ---- */

#define C(member, json, kind, ...) F(container_config, member, json, kind, ##__VA_ARGS__)
static const struct model_field config_fields[] = {
	C(hostname, "Hostname", M_STR),
	C(domainname, "Domainname", M_STR),
	C(user, "User", M_STR),
	C(attach_stdin, "AttachStdin", M_BOOL),
	C(attach_stdout, "AttachStdout", M_BOOL),
	C(attach_stderr, "AttachStderr", M_BOOL),
	C(exposed_ports, "ExposedPorts", M_SET, .flags = OMIT_EMPTY),
	C(tty, "Tty", M_BOOL),
	C(open_stdin, "OpenStdin", M_BOOL),
	C(stdin_once, "StdinOnce", M_BOOL),
	C(env, "Env", M_STRV),
	C(cmd, "Cmd", M_SLICE),
	C(healthcheck, "Healthcheck", M_RAW, .raw = JSON_OBJECT, .flags = OMIT_EMPTY | NOT_BUILT,
		.same = "NONE"),
	C(args_escaped, "ArgsEscaped", M_BOOL, .flags = OMIT_EMPTY),
	C(image, "Image", M_STR),
	C(volumes, "Volumes", M_SET),
	C(working_dir, "WorkingDir", M_STR),
	C(entrypoint, "Entrypoint", M_SLICE),
	C(network_disabled, "NetworkDisabled", M_BOOL, .flags = OMIT_EMPTY),
	C(mac_address, "MacAddress", M_STR, .flags = OMIT_EMPTY),
	C(on_build, "OnBuild", M_STRV),
	C(labels, "Labels", M_MAP),
	C(stop_signal, "StopSignal", M_STR, .flags = OMIT_EMPTY),
	C(stop_timeout, "StopTimeout", M_OPT, .flags = OMIT_EMPTY),
	C(shell, "Shell", M_SLICE, .flags = OMIT_EMPTY),
	MODEL_END,
};
TYPE(model_container_config, "ContainerConfig", container_config, config_fields);

/* ---- Resources ---- */

static const struct model_field weight_fields[] = {
	F(weight_device, path, "Path", M_STR),
	F(weight_device, weight, "Weight", M_U64, .max = UINT16_MAX),
	MODEL_END,
};
static TYPE(weight_type, "WeightDevice", weight_device, weight_fields);

static const struct model_field throttle_fields[] = {
	F(throttle_device, path, "Path", M_STR),
	F(throttle_device, rate, "Rate", M_U64),
	MODEL_END,
};
static TYPE(throttle_type, "ThrottleDevice", throttle_device, throttle_fields);

static const struct model_field device_fields[] = {
	F(device_mapping, path_on_host, "PathOnHost", M_STR),
	F(device_mapping, path_in_container, "PathInContainer", M_STR),
	F(device_mapping, permissions, "CgroupPermissions", M_STR),
	MODEL_END,
};
static TYPE(device_type, "DeviceMapping", device_mapping, device_fields);

static const struct model_field ulimit_fields[] = {
	F(ulimit, name, "Name", M_STR),
	F(ulimit, hard, "Hard", M_I64),
	F(ulimit, soft, "Soft", M_I64),
	MODEL_END,
};
static TYPE(ulimit_type, "Ulimit", ulimit, ulimit_fields);

#define R(member, json, kind, ...) F(resources, member, json, kind, ##__VA_ARGS__)
static const struct model_field resources_fields[] = {
	R(cpu_shares, "CpuShares", M_I64),
	R(memory, "Memory", M_I64),
	R(nano_cpus, "NanoCpus", M_I64),
	R(cgroup_parent, "CgroupParent", M_STR),
	R(blkio_weight, "BlkioWeight", M_U64, .max = UINT16_MAX),
	R(blkio_weight_device, "BlkioWeightDevice", M_LIST, .sub = &weight_type),
	R(blkio_read_bps, "BlkioDeviceReadBps", M_LIST, .sub = &throttle_type),
	R(blkio_write_bps, "BlkioDeviceWriteBps", M_LIST, .sub = &throttle_type),
	R(blkio_read_iops, "BlkioDeviceReadIOps", M_LIST, .sub = &throttle_type),
	R(blkio_write_iops, "BlkioDeviceWriteIOps", M_LIST, .sub = &throttle_type),
	R(cpu_period, "CpuPeriod", M_I64),
	R(cpu_quota, "CpuQuota", M_I64),
	R(cpu_rt_period, "CpuRealtimePeriod", M_I64),
	R(cpu_rt_runtime, "CpuRealtimeRuntime", M_I64),
	R(cpuset_cpus, "CpusetCpus", M_STR),
	R(cpuset_mems, "CpusetMems", M_STR),
	R(devices, "Devices", M_LIST, .sub = &device_type),
	R(device_cgroup_rules, "DeviceCgroupRules", M_STRV),
	R(device_requests, "DeviceRequests", M_RAW, .raw = JSON_ARRAY, .flags = NOT_BUILT),
	R(kernel_memory, "KernelMemory", M_I64, .flags = OMIT_EMPTY | NOT_BUILT),
	R(kernel_memory_tcp, "KernelMemoryTCP", M_I64, .flags = OMIT_EMPTY | NOT_BUILT),
	R(memory_reservation, "MemoryReservation", M_I64),
	R(memory_swap, "MemorySwap", M_I64),
	R(memory_swappiness, "MemorySwappiness", M_OPT),
	R(oom_kill_disable, "OomKillDisable", M_TRI),
	R(pids_limit, "PidsLimit", M_OPT),
	R(ulimits, "Ulimits", M_LIST, .sub = &ulimit_type),
	R(cpu_count, "CpuCount", M_I64, .flags = NOT_BUILT),
	R(cpu_percent, "CpuPercent", M_I64, .flags = NOT_BUILT),
	R(io_max_iops, "IOMaximumIOps", M_U64, .flags = NOT_BUILT),
	R(io_max_bandwidth, "IOMaximumBandwidth", M_U64, .flags = NOT_BUILT),
	MODEL_END,
};
TYPE(model_resources, "Resources", resources, resources_fields);

/* ---- Mounts ---- */

static const struct model_field bind_fields[] = {
	F(bind_options, propagation, "Propagation", M_STR, .flags = OMIT_EMPTY),
	F(bind_options, non_recursive, "NonRecursive", M_BOOL, .flags = OMIT_EMPTY),
	F(bind_options, create_mountpoint, "CreateMountpoint", M_BOOL, .flags = OMIT_EMPTY),
	F(bind_options, readonly_non_recursive, "ReadOnlyNonRecursive", M_BOOL,
		.flags = OMIT_EMPTY),
	F(bind_options, readonly_force_recursive, "ReadOnlyForceRecursive", M_BOOL,
		.flags = OMIT_EMPTY),
	MODEL_END,
};
static TYPE(bind_type, "BindOptions", bind_options, bind_fields);

static const struct model_field driver_fields[] = {
	F(volume_driver_config, name, "Name", M_STR, .flags = OMIT_EMPTY | NOT_BUILT,
		.same = "local"),
	F(volume_driver_config, options, "Options", M_MAP, .flags = OMIT_EMPTY),
	MODEL_END,
};
static TYPE(driver_type, "Driver", volume_driver_config, driver_fields);

static const struct model_field volume_fields[] = {
	F(volume_options, no_copy, "NoCopy", M_BOOL, .flags = OMIT_EMPTY),
	F(volume_options, labels, "Labels", M_MAP, .flags = OMIT_EMPTY),
	F(volume_options, subpath, "Subpath", M_STR, .flags = OMIT_EMPTY),
	F(volume_options, driver_config, "DriverConfig", M_POINTER, .sub = &driver_type,
		.flags = OMIT_EMPTY),
	MODEL_END,
};
static TYPE(volume_type, "VolumeOptions", volume_options, volume_fields);

static const struct model_field image_fields[] = {
	F(image_options, subpath, "Subpath", M_STR, .flags = OMIT_EMPTY),
	MODEL_END,
};
static TYPE(image_type, "ImageOptions", image_options, image_fields);

static const struct model_field tmpfs_fields[] = {
	F(tmpfs_options, size_bytes, "SizeBytes", M_I64, .flags = OMIT_EMPTY),
	F(tmpfs_options, mode, "Mode", M_U64, .max = UINT32_MAX, .flags = OMIT_EMPTY),
	F(tmpfs_options, options, "Options", M_RAW, .raw = JSON_ARRAY, .flags = OMIT_EMPTY),
	MODEL_END,
};
static TYPE(tmpfs_type, "TmpfsOptions", tmpfs_options, tmpfs_fields);

static const struct model_field mount_fields[] = {
	F(mount_spec, type, "Type", M_STR, .flags = OMIT_EMPTY),
	F(mount_spec, source, "Source", M_STR, .flags = OMIT_EMPTY),
	F(mount_spec, target, "Target", M_STR, .flags = OMIT_EMPTY),
	F(mount_spec, read_only, "ReadOnly", M_BOOL, .flags = OMIT_EMPTY),
	F(mount_spec, consistency, "Consistency", M_STR, .flags = OMIT_EMPTY),
	F(mount_spec, bind, "BindOptions", M_POINTER, .sub = &bind_type, .flags = OMIT_EMPTY),
	F(mount_spec, volume, "VolumeOptions", M_POINTER, .sub = &volume_type, .flags = OMIT_EMPTY),
	F(mount_spec, image, "ImageOptions", M_POINTER, .sub = &image_type, .flags = OMIT_EMPTY),
	F(mount_spec, tmpfs, "TmpfsOptions", M_POINTER, .sub = &tmpfs_type, .flags = OMIT_EMPTY),
	MODEL_END,
};
TYPE(model_mount_spec, "Mount", mount_spec, mount_fields);

/* ---- HostConfig ---- */

static const struct model_field log_fields[] = {
	F(log_config, type, "Type", M_STR),
	F(log_config, config, "Config", M_MAP),
	MODEL_END,
};
static TYPE(log_type, "LogConfig", log_config, log_fields);

static const struct model_field binding_fields[] = {
	F(port_binding, host_ip, "HostIp", M_STR),
	F(port_binding, host_port, "HostPort", M_STR),
	MODEL_END,
};
static TYPE(binding_type, "PortBinding", port_binding, binding_fields);

static const struct model_field port_entry_fields[] = {
	F(port_map_entry, bindings, "", M_LIST, .sub = &binding_type),
	MODEL_END,
};
static TYPE(port_entry_type, "PortMap", port_map_entry, port_entry_fields);

static const struct model_field restart_fields[] = {
	F(restart_policy, name, "Name", M_STR, .flags = NOT_BUILT, .same = "no"),
	F(restart_policy, max_retry, "MaximumRetryCount", M_I64),
	MODEL_END,
};
static TYPE(restart_type, "RestartPolicy", restart_policy, restart_fields);

#define H(member, json, kind, ...) F(host_config, member, json, kind, ##__VA_ARGS__)
static const struct model_field host_fields[] = {
	H(binds, "Binds", M_STRV),
	H(container_id_file, "ContainerIDFile", M_STR),
	H(log, "LogConfig", M_OBJECT, .sub = &log_type),
	H(network_mode, "NetworkMode", M_STR),
	H(port_bindings, "PortBindings", M_KEYED, .sub = &port_entry_type),
	H(restart, "RestartPolicy", M_OBJECT, .sub = &restart_type),
	H(auto_remove, "AutoRemove", M_BOOL),
	H(volume_driver, "VolumeDriver", M_STR, .flags = NOT_BUILT, .same = "local"),
	H(volumes_from, "VolumesFrom", M_STRV),
	H(console_size, "ConsoleSize", M_PAIR),
	H(annotations, "Annotations", M_MAP, .flags = OMIT_EMPTY),
	H(cap_add, "CapAdd", M_SLICE),
	H(cap_drop, "CapDrop", M_SLICE),
	H(cgroupns_mode, "CgroupnsMode", M_STR),
	H(dns, "Dns", M_STRV),
	H(dns_options, "DnsOptions", M_STRV),
	H(dns_search, "DnsSearch", M_STRV),
	H(extra_hosts, "ExtraHosts", M_STRV),
	H(group_add, "GroupAdd", M_STRV),
	H(ipc_mode, "IpcMode", M_STR),
	H(cgroup, "Cgroup", M_STR, .flags = NOT_BUILT),
	H(links, "Links", M_STRV, .flags = NOT_BUILT),
	H(oom_score_adj, "OomScoreAdj", M_I64),
	H(pid_mode, "PidMode", M_STR),
	H(privileged, "Privileged", M_BOOL),
	H(publish_all_ports, "PublishAllPorts", M_BOOL),
	H(readonly_rootfs, "ReadonlyRootfs", M_BOOL),
	H(security_opt, "SecurityOpt", M_STRV),
	H(storage_opt, "StorageOpt", M_MAP, .flags = OMIT_EMPTY),
	H(tmpfs, "Tmpfs", M_MAP, .flags = OMIT_EMPTY),
	H(uts_mode, "UTSMode", M_STR),
	H(userns_mode, "UsernsMode", M_STR, .flags = NOT_BUILT, .same = "host"),
	H(shm_size, "ShmSize", M_I64),
	H(sysctls, "Sysctls", M_MAP, .flags = OMIT_EMPTY),
	H(runtime, "Runtime", M_STR, .flags = OMIT_EMPTY | NOT_BUILT,
		.same = "kist runc io.containerd.runc.v2"),
	H(isolation, "Isolation", M_STR, .flags = NOT_BUILT, .same = "default"),
	H(res, "", M_EMBED, .sub = &model_resources),
	H(mounts, "Mounts", M_LIST, .sub = &model_mount_spec, .flags = OMIT_EMPTY),
	H(masked_paths, "MaskedPaths", M_STRV),
	H(readonly_paths, "ReadonlyPaths", M_STRV),
	H(init, "Init", M_TRI, .flags = OMIT_EMPTY),
	MODEL_END,
};
TYPE(model_host_config, "HostConfig", host_config, host_fields);

/* ---- networks ---- */

static const struct model_field ipam_fields[] = {
	F(ipam_config, ipv4, "IPv4Address", M_STR, .flags = OMIT_EMPTY),
	F(ipam_config, ipv6, "IPv6Address", M_STR, .flags = OMIT_EMPTY),
	F(ipam_config, link_local_ips, "LinkLocalIPs", M_STRV, .flags = OMIT_EMPTY),
	MODEL_END,
};
static TYPE(ipam_type, "EndpointIPAMConfig", ipam_config, ipam_fields);

#define E(member, json, kind, ...) F(endpoint_settings, member, json, kind, ##__VA_ARGS__)
static const struct model_field endpoint_fields[] = {
	E(ipam, "IPAMConfig", M_POINTER, .sub = &ipam_type),
	E(links, "Links", M_STRV, .flags = NOT_BUILT),
	E(aliases, "Aliases", M_STRV),
	E(mac_address, "MacAddress", M_STR),
	E(driver_opts, "DriverOpts", M_MAP, .flags = NOT_BUILT),
	E(gw_priority, "GwPriority", M_I64, .since = 148, .flags = NOT_BUILT),
	E(network_id, "NetworkID", M_STR),
	E(endpoint_id, "EndpointID", M_STR),
	E(gateway, "Gateway", M_STR),
	E(ip_address, "IPAddress", M_STR),
	E(ip_prefix_len, "IPPrefixLen", M_I64),
	E(ipv6_gateway, "IPv6Gateway", M_STR),
	E(global_ipv6_address, "GlobalIPv6Address", M_STR),
	E(global_ipv6_prefix_len, "GlobalIPv6PrefixLen", M_I64),
	E(dns_names, "DNSNames", M_STRV, .since = 144),
	MODEL_END,
};
TYPE(model_endpoint_settings, "EndpointSettings", endpoint_settings, endpoint_fields);

static const struct model_field endpoint_entry_fields[] = {
	F(endpoint_entry, settings, "", M_OBJECT, .sub = &model_endpoint_settings),
	MODEL_END,
};
static TYPE(endpoint_entry_type, "EndpointSettings", endpoint_entry, endpoint_entry_fields);

static const struct model_field networking_fields[] = {
	F(networking_config, endpoints, "EndpointsConfig", M_KEYED, .sub = &endpoint_entry_type),
	MODEL_END,
};
TYPE(model_networking_config, "NetworkingConfig", networking_config, networking_fields);

/* ---- the body of a create request ---- */

static const struct model_field create_fields[] = {
	F(create_request, config, "", M_EMBED, .sub = &model_container_config),
	F(create_request, host, "HostConfig", M_OBJECT, .sub = &model_host_config),
	F(create_request, net, "NetworkingConfig", M_OBJECT, .sub = &model_networking_config),
	MODEL_END,
};
TYPE(model_create_request, "ContainerCreateRequest", create_request, create_fields);
