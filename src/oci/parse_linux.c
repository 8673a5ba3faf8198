/* config-linux.md, without resources and seccomp. */
#include "base/mem.h"
#include "base/str.h"
#include "reader.h"

static const char *const namespace_names[OCI_NS_COUNT] = {
	[OCI_NS_USER] = "user",
	[OCI_NS_PID] = "pid",
	[OCI_NS_NETWORK] = "network",
	[OCI_NS_MOUNT] = "mount",
	[OCI_NS_IPC] = "ipc",
	[OCI_NS_UTS] = "uts",
	[OCI_NS_CGROUP] = "cgroup",
	[OCI_NS_TIME] = "time",
};

struct namespace_entry {
	char *type, *path;
};

static const struct field namespace_fields[] = {
	FIELD(struct namespace_entry, "type", FIELD_STR, type),
	FIELD(struct namespace_entry, "path", FIELD_STR, path),
};

static int add_namespace(const struct at *at, struct oci_linux *l, struct namespace_entry *entry)
{
	if (!entry->type)
		return at_bad(at, "type", "is missing");
	for (int i = 0; i < OCI_NS_COUNT; i++) {
		if (!str_eq(entry->type, namespace_names[i]))
			continue;
		if (l->ns[i].present)
			return at_bad(at, "type", "namespace \"%s\" is given twice", entry->type);
		if (!str_empty(entry->path) && *entry->path != '/')
			return at_bad(at, "path", "must be an absolute path");
		l->ns[i].present = true;
		if (!str_empty(entry->path))
			l->ns[i].path = steal_ptr(entry->path);
		return 0;
	}
	return at_bad(at, "type", "there is no namespace \"%s\"", entry->type);
}

static int parse_namespaces(const struct at *at, struct oci_linux *l)
{
	const json_t *list = json_object_get(at->j, "namespaces");
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return at_bad(at, "namespaces", "expected a list");
	struct at in = {.up = at, .key = "namespaces", .j = list, .err = at->err};
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct at element = {
			.up = &in, .index = i, .j = json_array_get(list, i), .err = at->err};
		struct namespace_entry entry = {0};
		if (!json_is_object(element.j))
			return at_bad(&element, NULL, "expected an object");
		int r = READ_FIELDS(&element, namespace_fields, &entry);
		if (r == 0)
			r = add_namespace(&element, l, &entry);
		free(entry.type);
		free(entry.path);
		if (r < 0)
			return -1;
	}
	return 0;
}

static const struct field device_fields[] = {
	FIELD(struct oci_device, "path", FIELD_STR, path),
	FIELD(struct oci_device, "major", FIELD_I64, major),
	FIELD(struct oci_device, "minor", FIELD_I64, minor),
	FIELD_HAS(struct oci_device, "fileMode", FIELD_U32, mode, has_mode),
	FIELD_HAS(struct oci_device, "uid", FIELD_U32, uid, has_uid),
	FIELD_HAS(struct oci_device, "gid", FIELD_U32, gid, has_gid),
};

static int parse_device(const struct at *at, void *element)
{
	struct oci_device *device = element;
	if (READ_FIELDS(at, device_fields, device) < 0)
		return -1;
	const char *type = json_string_value(json_object_get(at->j, "type"));
	if (!type || strlen(type) != 1 || !strchr("cubp", *type))
		return at_bad(at, "type", "must be \"c\", \"u\", \"b\" or \"p\"");
	device->type = *type == 'u' ? 'c' : *type;
	if (!device->path || *device->path != '/')
		return at_bad(at, "path", "must be an absolute path");
	if (device->type != 'p' &&
		(!json_object_get(at->j, "major") || !json_object_get(at->j, "minor")))
		return at_bad(at, NULL, "a device needs major and minor");
	return 0;
}

static const struct field linux_fields[] = {
	FIELD(struct oci_linux, "cgroupsPath", FIELD_STR, cgroups_path),
	FIELD(struct oci_linux, "rootfsPropagation", FIELD_STR, rootfs_propagation),
	FIELD(struct oci_linux, "maskedPaths", FIELD_STRV, masked_paths),
	FIELD(struct oci_linux, "readonlyPaths", FIELD_STRV, readonly_paths),
	FIELD(struct oci_linux, "mountLabel", FIELD_STR, mount_label),
};

static const struct field personality_fields[] = {
	FIELD(struct oci_linux, "domain", FIELD_STR, personality_domain),
	FIELD(struct oci_linux, "flags", FIELD_STRV, personality_flags),
};

static const struct field monotonic_fields[] = {
	FIELD_OPT(struct oci_linux, "secs", FIELD_I64, time_offsets.monotonic_secs),
	FIELD(struct oci_linux, "nanosecs", FIELD_U32, time_offsets.monotonic_nsecs),
};

static const struct field boottime_fields[] = {
	FIELD_OPT(struct oci_linux, "secs", FIELD_I64, time_offsets.boottime_secs),
	FIELD(struct oci_linux, "nanosecs", FIELD_U32, time_offsets.boottime_nsecs),
};

static int parse_time_offsets(const struct at *at, struct oci_linux *l)
{
	struct at in, clock;
	int r = at_object(at, "timeOffsets", &in);
	if (r <= 0)
		return r;
	if ((r = at_object(&in, "monotonic", &clock)) < 0 ||
		(r && READ_FIELDS(&clock, monotonic_fields, l) < 0))
		return -1;
	l->time_offsets.monotonic_secs.set |= r > 0;
	if ((r = at_object(&in, "boottime", &clock)) < 0 ||
		(r && READ_FIELDS(&clock, boottime_fields, l) < 0))
		return -1;
	l->time_offsets.boottime_secs.set |= r > 0;
	return 0;
}

static const struct field net_device_fields[] = {
	FIELD(struct oci_net_device, "name", FIELD_STR, name),
};

static int parse_net_devices(const struct at *at, struct oci_linux *l)
{
	struct at in, entry;
	int r = at_object(at, "netDevices", &in);
	if (r <= 0)
		return r;
	const char *name;
	json_t *value;
	l->net_devices = xcalloc(json_object_size(in.j) + 1, sizeof(*l->net_devices));
	json_object_foreach((json_t *)in.j, name, value)
	{
		struct oci_net_device *device = &l->net_devices[l->net_device_count++];
		device->host_name = xstrdup(name);
		if ((r = at_object(&in, name, &entry)) < 0 ||
			(r && READ_FIELDS(&entry, net_device_fields, device) < 0))
			return -1;
	}
	return 0;
}

static const struct field memory_policy_fields[] = {
	FIELD(struct oci_memory_policy, "mode", FIELD_STR, mode),
	FIELD(struct oci_memory_policy, "nodes", FIELD_STR, nodes),
	FIELD(struct oci_memory_policy, "flags", FIELD_STRV, flags),
};

static int parse_memory_policy(const struct at *at, struct oci_linux *l)
{
	struct at in;
	int r = at_object(at, "memoryPolicy", &in);
	if (r <= 0)
		return r;
	l->memory_policy = xcalloc(1, sizeof(*l->memory_policy));
	if (READ_FIELDS(&in, memory_policy_fields, l->memory_policy) < 0)
		return -1;
	return l->memory_policy->mode ? 0 : at_bad(&in, "mode", "is missing");
}

static const struct field intel_rdt_fields[] = {
	FIELD(struct oci_intel_rdt, "closID", FIELD_STR, clos_id),
	FIELD(struct oci_intel_rdt, "l3CacheSchema", FIELD_STR, l3_cache_schema),
	FIELD(struct oci_intel_rdt, "memBwSchema", FIELD_STR, mem_bw_schema),
	FIELD(struct oci_intel_rdt, "schemata", FIELD_STRV, schemata),
	FIELD(struct oci_intel_rdt, "enableMonitoring", FIELD_BOOL, enable_monitoring),
};

static int parse_intel_rdt(const struct at *at, struct oci_linux *l)
{
	struct at in;
	int r = at_object(at, "intelRdt", &in);
	if (r <= 0)
		return r;
	l->intel_rdt = xcalloc(1, sizeof(*l->intel_rdt));
	return READ_FIELDS(&in, intel_rdt_fields, l->intel_rdt);
}

int parse_linux(const struct at *at, struct oci_linux *l)
{
	struct at in;
	int r;
	if (READ_FIELDS(at, linux_fields, l) < 0 || parse_namespaces(at, l) < 0 ||
		READ_LIST(at, "uidMappings", l->uid_map, l->uid_map_count, parse_id_map) < 0 ||
		READ_LIST(at, "gidMappings", l->gid_map, l->gid_map_count, parse_id_map) < 0 ||
		parse_time_offsets(at, l) < 0 ||
		READ_LIST(at, "devices", l->devices, l->device_count, parse_device) < 0 ||
		parse_net_devices(at, l) < 0 || read_pairs(at, "sysctl", &l->sysctl) < 0)
		return -1;
	if ((r = at_object(at, "resources", &in)) < 0 ||
		(r && parse_resources(&in, &l->resources) < 0))
		return -1;
	if ((r = at_object(at, "personality", &in)) < 0 ||
		(r && READ_FIELDS(&in, personality_fields, l) < 0))
		return -1;
	if (r && !l->personality_domain)
		return at_bad(&in, "domain", "is missing");
	if ((r = at_object(at, "seccomp", &in)) < 0)
		return -1;
	if (r) {
		l->seccomp = xcalloc(1, sizeof(*l->seccomp));
		if (parse_seccomp(&in, l->seccomp) < 0)
			return -1;
	}
	return parse_memory_policy(at, l) < 0 ? -1 : parse_intel_rdt(at, l);
}
