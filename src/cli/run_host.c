/* HostConfig of ContainerCreate. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "run.h"
#include "spec.h"
#include "terminal.h"

static json_t *list_or_null(char *const *v)
{
	return v ? json_strv(v) : json_null();
}

static json_t *list_or_empty(char *const *v)
{
	return v ? json_strv(v) : json_array();
}

static void put_text(json_t *h, const char *key, const struct args *a, const char *flag)
{
	json_put_str(h, key, flag_str(a, flag));
}

static void put_int(
	json_t *h, const char *key, const struct args *a, const char *flag, int64_t fallback)
{
	json_put(h, key, json_integer(flag_int(a, flag, fallback)));
}

static void put_flag(json_t *h, const char *key, const struct args *a, const char *flag)
{
	json_put(h, key, json_boolean(flag_bool(a, flag)));
}

static json_t *key_values(char *const *v)
{
	json_t *map = json_object();
	for (size_t i = 0; v && v[i]; i++) {
		const char *eq = strchr(v[i], '=');
		auto_free char *key = xstrndup(v[i], strcspn(v[i], "="));
		json_put_str(map, key, eq ? eq + 1 : "");
	}
	return map;
}

static int put_volumes(json_t *h, json_t *config, const struct args *a, struct err **err)
{
	char *const *v = flag_list(a, "volume"), *const *mounts = flag_list(a, "mount");
	json_t *binds = json_array();
	json_put(h, "Binds", binds);
	for (size_t i = 0; v && v[i]; i++) {
		auto_free char *bind = NULL;
		if (spec_volume(v[i], &bind, err) < 0)
			return -1;
		if (bind)
			json_array_append_new(binds, json_string(bind));
		else
			json_put(json_object_get(config, "Volumes"), v[i], json_object());
	}
	if (!json_array_size(binds))
		json_put(h, "Binds", json_null());
	if (!mounts)
		return 0;
	json_t *list = json_array();
	json_put(h, "Mounts", list);
	for (size_t i = 0; mounts[i]; i++) {
		json_t *mount = spec_mount(mounts[i], err);
		if (!mount)
			return -1;
		json_array_append_new(list, mount);
	}
	return 0;
}

static void put_tmpfs(json_t *h, const struct args *a)
{
	char *const *v = flag_list(a, "tmpfs");
	json_t *map = json_object();
	for (size_t i = 0; v && v[i]; i++) {
		const char *colon = strchr(v[i], ':');
		auto_free char *path = xstrndup(v[i], strcspn(v[i], ":"));
		json_put_str(map, path, colon ? colon + 1 : "");
	}
	if (v)
		json_put(h, "Tmpfs", map);
	else
		json_decref(map);
}

static int put_ports(json_t *h, json_t *config, const struct args *a, struct err **err)
{
	json_t *bindings = json_object(), *exposed = json_object_get(config, "ExposedPorts");
	char *const *publish = flag_list(a, "publish"), *const *expose = flag_list(a, "expose");
	json_put(h, "PortBindings", bindings);
	for (size_t i = 0; publish && publish[i]; i++)
		if (spec_publish(publish[i], exposed, bindings, err) < 0)
			return -1;
	for (size_t i = 0; expose && expose[i]; i++)
		if (spec_expose(expose[i], exposed, err) < 0)
			return -1;
	put_flag(h, "PublishAllPorts", a, "publish-all");
	return 0;
}

static int put_logging(json_t *h, const struct args *a, struct err **err)
{
	const char *driver = flag_str(a, "log-driver");
	if (str_eq(driver, "none") && flag_given(a, "log-opt"))
		return err_set(err, ERR_INVALID, "invalid logging opts for driver none");
	json_put(h, "LogConfig",
		json_pack("{s:s, s:o}", "Type", driver ? driver : "", "Config",
			key_values(flag_list(a, "log-opt"))));
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "net_admin" and "CAP_NET_ADMIN" are the same; ALL stands alone. */
static json_t *capabilities(char *const *v)
{
	auto_strv all = NULL;
	for (size_t i = 0; v && v[i]; i++) {
		auto_free char *name = xstrdup(v[i]);
		for (char *c = name; *c; c++)
			*c = (char)toupper((unsigned char)*c);
		bool whole = str_eq(name, "ALL") || str_starts(name, "CAP_");
		auto_free char *full = whole ? xstrdup(name) : xasprintf("CAP_%s", name);
		if (strv_index(all, full) < 0)
			strv_add(&all, full);
	}
	if (!all)
		return json_null();
	qsort(all, strv_len(all), sizeof(*all), by_text);
	return json_strv(all);
}

static int put_security(json_t *h, const struct args *a, struct err **err)
{
	json_t *options = json_array();
	bool unconfined;
	json_put(h, "SecurityOpt", options);
	if (spec_security(flag_list(a, "security-opt"), options, &unconfined, err) < 0)
		return -1;
	if (!json_array_size(options))
		json_put(h, "SecurityOpt", json_null());
	json_put(h, "MaskedPaths", unconfined ? json_array() : json_null());
	json_put(h, "ReadonlyPaths", unconfined ? json_array() : json_null());
	json_put(h, "CapAdd", capabilities(flag_list(a, "cap-add")));
	json_put(h, "CapDrop", capabilities(flag_list(a, "cap-drop")));
	put_flag(h, "Privileged", a, "privileged");
	put_flag(h, "ReadonlyRootfs", a, "read-only");
	put_text(h, "UsernsMode", a, "userns");
	return 0;
}

static int put_network(json_t *h, const struct args *a, struct err **err)
{
	char *const *v = flag_given(a, "network") ? flag_list(a, "network") : flag_list(a, "net");
	struct spec_network n;
	int rc = spec_network(v ? v[0] : "default", &n, err);
	if (rc == 0)
		json_put_str(h, "NetworkMode", n.name);
	spec_network_free(&n);
	char *const *hosts = flag_list(a, "add-host");
	json_t *extra = hosts ? json_array() : json_null();
	for (size_t i = 0; hosts && hosts[i]; i++) {
		auto_free char *plain = spec_extra_host(hosts[i]);
		json_array_append_new(extra, json_string(plain));
	}
	json_put(h, "ExtraHosts", extra);
	json_put(h, "Dns", list_or_empty(flag_list(a, "dns")));
	json_put(h, "DnsOptions",
		list_or_empty(flag_given(a, "dns-option") ? flag_list(a, "dns-option")
							  : flag_list(a, "dns-opt")));
	json_put(h, "DnsSearch", list_or_empty(flag_list(a, "dns-search")));
	json_put(h, "Links", list_or_null(flag_list(a, "link")));
	return rc;
}

/* A list of objects made by @parse from each value. */
static int put_parsed(json_t *h, const char *key, char *const *v,
	json_t *(*parse)(const char *, struct err **), struct err **err)
{
	json_t *list = json_array();
	json_put(h, key, list);
	for (size_t i = 0; v && v[i]; i++) {
		json_t *j = parse(v[i], err);
		if (!j)
			return -1;
		json_array_append_new(list, j);
	}
	return 0;
}

/* The last of each name counts; they go in the order of their names. */
static int put_ulimits(json_t *h, const struct args *a, struct err **err)
{
	char *const *v = flag_list(a, "ulimit");
	auto_json *by_name = json_object();
	auto_strv names = NULL;
	json_t *list = json_array();
	json_put(h, "Ulimits", list);
	for (size_t i = 0; v && v[i]; i++) {
		json_t *limit = spec_ulimit(v[i], err);
		if (!limit)
			return -1;
		const char *name = json_string_value(json_object_get(limit, "Name"));
		if (strv_index(names, name) < 0)
			strv_add(&names, name);
		json_put(by_name, name, limit);
	}
	if (names)
		qsort(names, strv_len(names), sizeof(*names), by_text);
	for (size_t i = 0; names && names[i]; i++)
		json_array_append(list, json_object_get(by_name, names[i]));
	return 0;
}

static json_t *throttle_bytes(const char *v, struct err **err)
{
	return spec_throttle(v, true, err);
}

static json_t *throttle_count(const char *v, struct err **err)
{
	return spec_throttle(v, false, err);
}

static int put_io(json_t *h, const struct args *a, struct err **err)
{
	put_int(h, "BlkioWeight", a, "blkio-weight", 0);
	if (put_parsed(h, "BlkioWeightDevice", flag_list(a, "blkio-weight-device"), spec_weight,
		    err) < 0 ||
		put_parsed(h, "BlkioDeviceReadBps", flag_list(a, "device-read-bps"), throttle_bytes,
			err) < 0 ||
		put_parsed(h, "BlkioDeviceWriteBps", flag_list(a, "device-write-bps"),
			throttle_bytes, err) < 0 ||
		put_parsed(h, "BlkioDeviceReadIOps", flag_list(a, "device-read-iops"),
			throttle_count, err) < 0)
		return -1;
	return put_parsed(
		h, "BlkioDeviceWriteIOps", flag_list(a, "device-write-iops"), throttle_count, err);
}

static int put_resources(json_t *h, const struct args *a, struct err **err)
{
	int64_t swappiness = flag_int(a, "memory-swappiness", -1);
	const char *cpus = flag_str(a, "cpus");
	if (swappiness < -1 || swappiness > 100)
		return err_set(err, ERR_INVALID,
			"invalid value: %lld. Valid memory swappiness range is 0-100",
			(long long)swappiness);
	static const char *const windows_only[] = {
		"CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"};
	for (size_t i = 0; i < ARRAY_LEN(windows_only); i++)
		json_put(h, windows_only[i], json_integer(0));
	put_int(h, "CpuShares", a, "cpu-shares", 0);
	put_int(h, "Memory", a, "memory", 0);
	json_put(h, "NanoCpus", json_integer(cpus ? spec_cpus(cpus) : 0));
	put_text(h, "CgroupParent", a, "cgroup-parent");
	put_int(h, "CpuPeriod", a, "cpu-period", 0);
	put_int(h, "CpuQuota", a, "cpu-quota", 0);
	put_int(h, "CpuRealtimePeriod", a, "cpu-rt-period", 0);
	put_int(h, "CpuRealtimeRuntime", a, "cpu-rt-runtime", 0);
	put_text(h, "CpusetCpus", a, "cpuset-cpus");
	put_text(h, "CpusetMems", a, "cpuset-mems");
	put_int(h, "MemoryReservation", a, "memory-reservation", 0);
	put_int(h, "MemorySwap", a, "memory-swap", 0);
	json_put(h, "MemorySwappiness", json_integer(swappiness));
	put_flag(h, "OomKillDisable", a, "oom-kill-disable");
	put_int(h, "OomScoreAdj", a, "oom-score-adj", 0);
	put_int(h, "PidsLimit", a, "pids-limit", 0);
	put_int(h, "ShmSize", a, "shm-size", 0);
	json_put(h, "DeviceCgroupRules", list_or_null(flag_list(a, "device-cgroup-rule")));
	json_put(h, "DeviceRequests", json_null());
	if (put_ulimits(h, a, err) < 0 ||
		put_parsed(h, "Devices", flag_list(a, "device"), spec_device, err) < 0)
		return -1;
	return put_io(h, a, err);
}

static int put_namespace(json_t *h, const struct args *a, struct err **err)
{
	const char *pid = flag_str(a, "pid"), *uts = flag_str(a, "uts");
	const char *cgroup = flag_str(a, "cgroupns"), *userns = flag_str(a, "userns");
	if (!str_empty(pid) && !str_eq(pid, "host") &&
		(!str_starts(pid, "container:") || !pid[strlen("container:")]))
		return err_set(err, ERR_INVALID, "--pid: invalid PID mode");
	if (!str_empty(uts) && !str_eq(uts, "host"))
		return err_set(err, ERR_INVALID, "--uts: invalid UTS mode");
	if (!str_empty(userns) && !str_eq(userns, "host"))
		return err_set(err, ERR_INVALID, "--userns: invalid USER mode");
	if (!str_empty(cgroup) && !str_eq(cgroup, "host") && !str_eq(cgroup, "private"))
		return err_set(err, ERR_INVALID, "--cgroupns: invalid CGROUP mode");
	put_text(h, "PidMode", a, "pid");
	put_text(h, "IpcMode", a, "ipc");
	put_text(h, "UTSMode", a, "uts");
	put_text(h, "CgroupnsMode", a, "cgroupns");
	json_put_str(h, "Cgroup", "");
	put_text(h, "Isolation", a, "isolation");
	return 0;
}

static void put_console(json_t *h, const struct args *a)
{
	unsigned rows = 0, columns = 0;
	if (a->flags == run_flags)
		terminal_size(&rows, &columns);
	json_put(h, "ConsoleSize", json_pack("[i, i]", (int)rows, (int)columns));
}

static int put_life(json_t *h, const struct args *a, struct err **err)
{
	const char *policy = flag_str(a, "restart");
	json_t *restart = spec_restart(policy ? policy : "no", err);
	if (!restart)
		return -1;
	json_put(h, "RestartPolicy", restart);
	if (flag_bool(a, "rm") && policy && !str_eq(policy, "no") && *policy)
		return err_set(err, ERR_INVALID,
			"conflicting options: cannot specify both --restart and --rm");
	put_flag(h, "AutoRemove", a, "rm");
	put_text(h, "ContainerIDFile", a, "cidfile");
	if (flag_given(a, "init"))
		put_flag(h, "Init", a, "init");
	if (flag_given(a, "runtime"))
		put_text(h, "Runtime", a, "runtime");
	if (flag_given(a, "annotation"))
		json_put(h, "Annotations", key_values(flag_list(a, "annotation")));
	return 0;
}

json_t *run_host_config(const struct args *a, json_t *config, struct err **err)
{
	auto_json *h = json_object();
	if (put_volumes(h, config, a, err) < 0 || put_life(h, a, err) < 0 ||
		put_logging(h, a, err) < 0 || put_network(h, a, err) < 0 ||
		put_ports(h, config, a, err) < 0)
		return NULL;
	put_text(h, "VolumeDriver", a, "volume-driver");
	json_put(h, "VolumesFrom", list_or_null(flag_list(a, "volumes-from")));
	put_console(h, a);
	json_put(h, "GroupAdd", list_or_null(flag_list(a, "group-add")));
	put_tmpfs(h, a);
	if (flag_given(a, "storage-opt"))
		json_put(h, "StorageOpt", key_values(flag_list(a, "storage-opt")));
	if (flag_given(a, "sysctl"))
		json_put(h, "Sysctls", key_values(flag_list(a, "sysctl")));
	if (put_namespace(h, a, err) < 0 || put_security(h, a, err) < 0 ||
		put_resources(h, a, err) < 0)
		return NULL;
	return json_incref(h);
}
