/* Rules of config-linux.md. */
#include "base/mem.h"
#include "base/str.h"
#include "validate.h"

#define BAD(err, ...) err_set((err), ERR_INVALID, __VA_ARGS__)

static int check_maps(
	const char *where, const struct oci_id_map *maps, size_t count, struct err **err)
{
	for (size_t i = 0; i < count; i++) {
		if (!maps[i].size)
			return BAD(err, "linux.%s[%zu].size: must be greater than zero", where, i);
		if (maps[i].container > UINT32_MAX - maps[i].size ||
			maps[i].host > UINT32_MAX - maps[i].size)
			return BAD(err, "linux.%s[%zu]: goes beyond the last id", where, i);
	}
	return 0;
}

static int check_namespaces(const struct oci_config *c, struct err **err)
{
	const struct oci_linux *l = &c->linux;
	const struct oci_namespace *user = &l->ns[OCI_NS_USER], *time = &l->ns[OCI_NS_TIME];
	bool mapped = l->uid_map_count || l->gid_map_count;
	if (mapped && !user->present)
		return BAD(err, "linux.uidMappings: needs a user namespace");
	if (user->present && !user->path && (!l->uid_map_count || !l->gid_map_count))
		return BAD(err,
			"linux.namespaces: a new user namespace needs uidMappings and gidMappings");
	if (check_maps("uidMappings", l->uid_map, l->uid_map_count, err) < 0 ||
		check_maps("gidMappings", l->gid_map, l->gid_map_count, err) < 0)
		return -1;
	if ((l->time_offsets.monotonic_secs.set || l->time_offsets.boottime_secs.set) &&
		(!time->present || time->path))
		return BAD(err, "linux.timeOffsets: needs a new time namespace");
	if (l->time_offsets.monotonic_nsecs > 999999999 ||
		l->time_offsets.boottime_nsecs > 999999999)
		return BAD(err, "linux.timeOffsets: nanosecs must be below 1000000000");
	if (!str_empty(c->hostname) && !l->ns[OCI_NS_UTS].present)
		return BAD(err, "hostname: needs a UTS namespace");
	if (!str_empty(c->domainname) && !l->ns[OCI_NS_UTS].present)
		return BAD(err, "domainname: needs a UTS namespace");
	return 0;
}

/* The closed sets are config-linux.md's "Memory policy"; numbers are the kernel's. */
static int check_memory_policy(const struct oci_memory_policy *m, struct err **err)
{
	if (!m)
		return 0;
	bool none = str_eq(m->mode, "MPOL_DEFAULT") || str_eq(m->mode, "MPOL_LOCAL");
	bool some = str_eq(m->mode, "MPOL_BIND") || str_eq(m->mode, "MPOL_INTERLEAVE") ||
		    str_eq(m->mode, "MPOL_WEIGHTED_INTERLEAVE") ||
		    str_eq(m->mode, "MPOL_PREFERRED_MANY");
	if (!none && !some && !str_eq(m->mode, "MPOL_PREFERRED"))
		return BAD(err, "linux.memoryPolicy.mode: there is no mode \"%s\"", m->mode);
	if (none && !str_empty(m->nodes))
		return BAD(err, "linux.memoryPolicy.nodes: %s takes none", m->mode);
	if (some && str_empty(m->nodes))
		return BAD(err, "linux.memoryPolicy.nodes: %s needs at least one", m->mode);
	return 0;
}

static int check_no_newline(const char *what, const char *s, struct err **err)
{
	if (s && strchr(s, '\n'))
		return BAD(err, "linux.intelRdt.%s: must be one line", what);
	return 0;
}

/* closID becomes a folder of the resctrl file system, "/" being that itself. */
static int check_intel_rdt(const struct oci_intel_rdt *r, struct err **err)
{
	if (!r)
		return 0;
	const char *clos = r->clos_id;
	if (clos && !str_eq(clos, "/") &&
		(strchr(clos, '/') || str_eq(clos, ".") || str_eq(clos, "..")))
		return BAD(err, "linux.intelRdt.closID: invalid class of service \"%s\"", clos);
	if (!str_empty(r->mem_bw_schema) && !str_starts(r->mem_bw_schema, "MB:"))
		return BAD(err, "linux.intelRdt.memBwSchema: must start with \"MB:\"");
	if (check_no_newline("l3CacheSchema", r->l3_cache_schema, err) < 0 ||
		check_no_newline("memBwSchema", r->mem_bw_schema, err) < 0)
		return -1;
	for (size_t i = 0; r->schemata && r->schemata[i]; i++)
		if (check_no_newline("schemata", r->schemata[i], err) < 0)
			return -1;
	return 0;
}

/* What the kernel takes for an interface's name (dev_valid_name). */
static bool is_device_name(const char *name)
{
	return *name && strlen(name) < 16 && !str_eq(name, ".") && !str_eq(name, "..") &&
	       !strpbrk(name, "/: \t\n\v\f\r");
}

/* In a new name one %d is a place for the kernel's number (config-linux.md "Network Devices"). */
static bool is_template(const char *name)
{
	const char *percent = strchr(name, '%');
	return !percent || (percent[1] == 'd' && !strchr(percent + 1, '%'));
}

static int check_net_devices(const struct oci_linux *l, struct err **err)
{
	if (l->net_device_count && !l->ns[OCI_NS_NETWORK].present)
		return BAD(err, "linux.netDevices: needs a network namespace");
	for (size_t i = 0; i < l->net_device_count; i++) {
		const struct oci_net_device *d = &l->net_devices[i];
		if (!is_device_name(d->host_name))
			return BAD(err, "linux.netDevices: invalid network device name \"%s\"",
				d->host_name);
		if (!str_empty(d->name) && (!is_device_name(d->name) || !is_template(d->name)))
			return BAD(err,
				"linux.netDevices.%s.name: invalid network device name \"%s\"",
				d->host_name, d->name);
	}
	return 0;
}

static int check_paths(const char *where, char *const *paths, struct err **err)
{
	for (size_t i = 0; paths && paths[i]; i++) {
		if (*paths[i] != '/')
			return BAD(err, "linux.%s[%zu]: %s is not an absolute path", where, i,
				paths[i]);
	}
	return 0;
}

static const char *const propagations[] = {
	"shared",
	"slave",
	"private",
	"unbindable",
	"rshared",
	"rslave",
	"rprivate",
	"runbindable",
};

static int check_propagation(const char *s, struct err **err)
{
	if (str_empty(s))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(propagations); i++) {
		if (str_eq(s, propagations[i]))
			return 0;
	}
	return BAD(err, "linux.rootfsPropagation: there is no propagation \"%s\"", s);
}

/* Keys become file names below /proc/sys: no way out of it. */
static int check_sysctl(const struct oci_pairs *sysctl, struct err **err)
{
	for (size_t i = 0; i < sysctl->count; i++) {
		const char *key = sysctl->v[i].key;
		if (!*key || *key == '/' || *key == '.' || strstr(key, "..") || strstr(key, "//"))
			return BAD(err,
				"linux.sysctl: \"%s\" is not the name of a kernel parameter", key);
	}
	return 0;
}

static int check_weight(const char *where, uint16_t weight, struct err **err)
{
	if (weight && (weight < 10 || weight > 1000))
		return BAD(err, "linux.resources.blockIO.%s: %u is out of range (10 to 1000)",
			where, weight);
	return 0;
}

static int check_blkio(const struct oci_resources *r, struct err **err)
{
	if ((r->blkio.weight.set && check_weight("weight", r->blkio.weight.v, err) < 0) ||
		(r->blkio.leaf_weight.set &&
			check_weight("leafWeight", r->blkio.leaf_weight.v, err) < 0))
		return -1;
	for (size_t i = 0; i < r->blkio.weight_device_count; i++) {
		const struct oci_blkio_weight *w = &r->blkio.weight_devices[i];
		if (!w->has_weight && !w->has_leaf_weight)
			return BAD(
				err, "linux.resources.blockIO.weightDevice[%zu]: has no weight", i);
		if (check_weight("weightDevice", w->weight, err) < 0 ||
			check_weight("weightDevice", w->leaf_weight, err) < 0)
			return -1;
	}
	return 0;
}

static int check_cpu_list(const char *where, const char *list, struct err **err)
{
	if (str_empty(list) || str_all_of(list, "0123456789,- \n", 1, 65536))
		return 0;
	return BAD(err, "linux.resources.cpu.%s: \"%s\" is not a list like \"0-3,5\"", where, list);
}

int oci_resources_validate(const struct oci_resources *r, struct err **err)
{
	if (r->memory.swappiness.set && r->memory.swappiness.v > 100)
		return BAD(err, "linux.resources.memory.swappiness: %lu is out of range (0 to 100)",
			(unsigned long)r->memory.swappiness.v);
	if (r->memory.limit.set && r->memory.limit.v > 0 && r->memory.swap.set &&
		r->memory.swap.v > 0 && r->memory.swap.v < r->memory.limit.v)
		return BAD(err,
			"linux.resources.memory.swap: memory+swap %ld is below the memory limit "
			"%ld",
			(long)r->memory.swap.v, (long)r->memory.limit.v);
	for (size_t i = 0; i < r->device_count; i++) {
		const struct oci_device_rule *rule = &r->devices[i];
		if (!strchr("acb", rule->type) || !rule->type)
			return BAD(err, "linux.resources.devices[%zu].type: must be a, c or b", i);
	}
	if (check_cpu_list("cpus", r->cpu.cpus, err) < 0 ||
		check_cpu_list("mems", r->cpu.mems, err) < 0)
		return -1;
	if (r->cpu.idle.set && r->cpu.idle.v != 0 && r->cpu.idle.v != 1)
		return BAD(err, "linux.resources.cpu.idle: must be 0 or 1");
	return check_blkio(r, err);
}

int oci_linux_validate(const struct oci_config *c, struct err **err)
{
	const struct oci_linux *l = &c->linux;
	if (check_namespaces(c, err) < 0 || check_paths("maskedPaths", l->masked_paths, err) < 0 ||
		check_paths("readonlyPaths", l->readonly_paths, err) < 0 ||
		check_propagation(l->rootfs_propagation, err) < 0 ||
		check_sysctl(&l->sysctl, err) < 0 || oci_resources_validate(&l->resources, err) < 0)
		return -1;
	if ((l->masked_paths && l->masked_paths[0]) && !l->ns[OCI_NS_MOUNT].present)
		return BAD(err, "linux.maskedPaths: needs a mount namespace");
	if (check_memory_policy(l->memory_policy, err) < 0 ||
		check_intel_rdt(l->intel_rdt, err) < 0 || check_net_devices(l, err) < 0)
		return -1;
	if (!l->seccomp || oci_seccomp_empty(l->seccomp))
		return 0;
	return oci_seccomp_validate(l->seccomp, err);
}
