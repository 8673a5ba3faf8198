/* From a config document to a plan: every rule that needs no machine to be checked. */
#include "plan_private.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "runtime/systemd.h"
#include "sys/child.h"

static const struct {
	const char *name;
	uint32_t flag;
} namespaces[OCI_NS_COUNT] = {
	[OCI_NS_USER] = {"user", CLONE_NEWUSER},
	[OCI_NS_PID] = {"pid", CLONE_NEWPID},
	[OCI_NS_NETWORK] = {"network", CLONE_NEWNET},
	[OCI_NS_MOUNT] = {"mount", CLONE_NEWNS},
	[OCI_NS_IPC] = {"ipc", CLONE_NEWIPC},
	[OCI_NS_UTS] = {"uts", CLONE_NEWUTS},
	[OCI_NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP},
	[OCI_NS_TIME] = {"time", CLONE_NEWTIME},
};

static void fill_namespaces(struct plan *plan, const struct oci_linux *l)
{
	for (int i = 0; i < OCI_NS_COUNT; i++) {
		if (!l->ns[i].present)
			continue;
		if (str_empty(l->ns[i].path))
			plan->ns_new |= namespaces[i].flag;
		else
			plan->ns_path[i] = l->ns[i].path;
	}
}

static int check_user_namespace(
	const struct oci_linux *l, const struct plan_options *options, struct err **err)
{
	bool mapped = l->uid_map_count || l->gid_map_count;
	bool fresh = l->ns[OCI_NS_USER].present && str_empty(l->ns[OCI_NS_USER].path);
	if (options->unprivileged && !l->ns[OCI_NS_USER].present)
		return err_set(err, ERR_INVALID, "rootless container requires user namespaces");
	if (mapped && !l->ns[OCI_NS_USER].present)
		return err_set(err, ERR_INVALID,
			"linux.uidMappings and gidMappings need a user namespace");
	if (options->unprivileged && l->net_device_count)
		return err_set(err, ERR_INVALID,
			"linux.netDevices: moving network devices takes privileges");
	if (fresh && (!l->uid_map_count || !l->gid_map_count))
		return err_set(err, ERR_INVALID,
			"a new user namespace needs linux.uidMappings and linux.gidMappings");
	return 0;
}

static bool id_mapped(const struct oci_id_map *maps, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++)
		if (id >= maps[i].container && id - maps[i].container < maps[i].size)
			return true;
	return false;
}

/* The kernel would only say EINVAL. A user namespace that is joined has mappings that nobody has told us. */
static int check_user(const struct oci_config *config, struct err **err)
{
	const struct oci_linux *l = &config->linux;
	const struct oci_user *u = &config->process.user;
	if (!l->ns[OCI_NS_USER].present || !str_empty(l->ns[OCI_NS_USER].path))
		return 0;
	if (!id_mapped(l->uid_map, l->uid_map_count, u->uid))
		return err_set(err, ERR_INVALID,
			"process.user.uid: %u is not mapped by linux.uidMappings", u->uid);
	if (!id_mapped(l->gid_map, l->gid_map_count, u->gid))
		return err_set(err, ERR_INVALID,
			"process.user.gid: %u is not mapped by linux.gidMappings", u->gid);
	for (size_t i = 0; i < u->additional_gid_count; i++)
		if (!id_mapped(l->gid_map, l->gid_map_count, u->additional_gids[i]))
			return err_set(err, ERR_INVALID,
				"process.user.additionalGids[%zu]: %u is not mapped by "
				"linux.gidMappings",
				i, u->additional_gids[i]);
	return 0;
}

/* What belongs to a namespace is refused without one: it would change the host. */
static int check_namespaces(
	const struct oci_config *config, const struct plan_options *options, struct err **err)
{
	const struct oci_linux *l = &config->linux;
	if ((!str_empty(config->hostname) || !str_empty(config->domainname)) &&
		!l->ns[OCI_NS_UTS].present)
		return err_set(err, ERR_INVALID, "unable to set %s without a private UTS namespace",
			str_empty(config->hostname) ? "domainname" : "hostname");
	bool offsets = l->time_offsets.monotonic_secs.set || l->time_offsets.boottime_secs.set;
	bool fresh_time = l->ns[OCI_NS_TIME].present && str_empty(l->ns[OCI_NS_TIME].path);
	if (offsets && !fresh_time)
		return err_set(err, ERR_INVALID, "linux.timeOffsets need a new time namespace");
	return check_user_namespace(l, options, err);
}

static void fill_time(struct plan *plan, const struct oci_linux *l)
{
	plan->has_time_offsets =
		l->time_offsets.monotonic_secs.set || l->time_offsets.boottime_secs.set;
	plan->monotonic_secs = l->time_offsets.monotonic_secs.v;
	plan->boottime_secs = l->time_offsets.boottime_secs.v;
	plan->monotonic_nsecs = l->time_offsets.monotonic_nsecs;
	plan->boottime_nsecs = l->time_offsets.boottime_nsecs;
}

/* config-linux.md "Default Devices": these exist in every container. */
static const struct plan_device default_devices[] = {
	{"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0},
	{"/dev/random", S_IFCHR | 0666, 1, 8, 0, 0},
	{"/dev/full", S_IFCHR | 0666, 1, 7, 0, 0},
	{"/dev/tty", S_IFCHR | 0666, 5, 0, 0, 0},
	{"/dev/zero", S_IFCHR | 0666, 1, 5, 0, 0},
	{"/dev/urandom", S_IFCHR | 0666, 1, 9, 0, 0},
};

static int fill_device(struct plan_device *out, const struct oci_device *d, struct err **err)
{
	static const struct {
		char type;
		uint32_t mode;
	} types[] = {{'c', S_IFCHR}, {'u', S_IFCHR}, {'b', S_IFBLK}, {'p', S_IFIFO}};
	uint32_t type = 0;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == d->type)
			type = types[i].mode;
	if (!type)
		return err_set(err, ERR_INVALID, "linux.devices: %s has the unknown type '%c'",
			d->path, d->type);
	if (str_empty(d->path) || d->path[0] != '/')
		return err_set(err, ERR_INVALID, "linux.devices: \"%s\" is not an absolute path",
			d->path ? d->path : "");
	if (type != S_IFIFO &&
		(d->major < 0 || d->minor < 0 || d->major > UINT32_MAX || d->minor > UINT32_MAX))
		return err_set(err, ERR_INVALID,
			"linux.devices: %s needs a major and a minor number", d->path);
	*out = (struct plan_device){
		.path = d->path,
		.mode = type | (d->has_mode ? d->mode & 07777 : 0666),
		.major = type == S_IFIFO ? 0 : (uint32_t)d->major,
		.minor = type == S_IFIFO ? 0 : (uint32_t)d->minor,
		.uid = d->has_uid ? d->uid : 0,
		.gid = d->has_gid ? d->gid : 0,
		.requested = true,
	};
	return 0;
}

static int fill_devices(struct plan *plan, const struct oci_linux *l, struct err **err)
{
	size_t n = 0;
	struct plan_device *list = arena_alloc(
		plan->arena, l->device_count + ARRAY_LEN(default_devices), sizeof(*list));
	for (size_t i = 0; i < l->device_count; i++)
		if (fill_device(&list[n++], &l->devices[i], err) < 0)
			return -1;
	for (size_t i = 0; i < ARRAY_LEN(default_devices); i++) {
		bool own = false;
		for (size_t k = 0; k < l->device_count; k++)
			own = own || str_eq(l->devices[k].path, default_devices[i].path);
		if (!own)
			list[n++] = default_devices[i];
	}
	plan->devices = list;
	plan->device_count = n;
	return 0;
}

static void fill_hook_list(
	struct plan_hooks *out, struct arena *arena, const struct oci_hook_list *in)
{
	struct plan_hook *v = arena_alloc(arena, in->count, sizeof(*v));
	for (size_t i = 0; i < in->count; i++)
		v[i] = (struct plan_hook){.path = in->v[i].path,
			.args = (const char **)in->v[i].args,
			.env = (const char **)in->v[i].env,
			.timeout = in->v[i].timeout};
	out->v = v;
	out->count = in->count;
}

static void fill_hooks(struct plan *plan, const struct oci_hooks *h)
{
	fill_hook_list(&plan->prestart, plan->arena, &h->prestart);
	fill_hook_list(&plan->create_runtime, plan->arena, &h->create_runtime);
	fill_hook_list(&plan->create_container, plan->arena, &h->create_container);
	fill_hook_list(&plan->start_container, plan->arena, &h->start_container);
	fill_hook_list(&plan->poststart, plan->arena, &h->poststart);
	fill_hook_list(&plan->poststop, plan->arena, &h->poststop);
}

static int fill_root(struct plan *plan, const struct oci_config *config,
	const struct plan_options *options, struct err **err)
{
	const char *root = config->root_path;
	plan->root_kind = PLAN_ROOT_BIND;
	if (str_empty(root))
		root = "rootfs";
	if (root[0] != '/' && options->bundle)
		root = arena_printf(plan->arena, "%s/%s", options->bundle, root);
	plan->root_path = root[0] == '/' ? plan_clean_path(plan->arena, root) : root;
	plan->root_readonly = config->root_readonly;
	plan->no_pivot = options->no_pivot;
	const char *word = config->linux.rootfs_propagation;
	if (str_empty(word))
		return 0;
	plan->root_propagation = plan_propagation(word);
	if (!plan->root_propagation)
		return err_set(err, ERR_INVALID,
			"linux.rootfsPropagation: unknown propagation \"%s\"", word);
	if (plan->no_pivot && (plan->root_propagation & MS_PRIVATE))
		return err_set(err, ERR_INVALID,
			"linux.rootfsPropagation: %s is not safe without pivot_root", word);
	return 0;
}

/* So that masks_make() sees which of them lie in which mount. */
static const char **clean_paths(struct arena *arena, char *const *list)
{
	const char **out = arena_alloc(arena, strv_len(list) + 1, sizeof(*out));
	for (size_t i = 0; list && list[i]; i++)
		out[i] = list[i][0] == '/' ? plan_clean_path(arena, list[i]) : list[i];
	return out;
}

static void fill_identity(
	struct plan *plan, const struct oci_config *config, const struct plan_options *options)
{
	plan->id = options->id;
	plan->bundle = options->bundle;
	plan->oci_version = config->version ? config->version : OCI_VERSION;
	/* an empty one is none: the namespace is born with the host's */
	plan->hostname = str_empty(config->hostname) ? NULL : config->hostname;
	plan->domainname = str_empty(config->domainname) ? NULL : config->domainname;
	plan->net_devices = config->linux.net_devices;
	plan->net_device_count = config->linux.net_device_count;
	plan->annotations = config->annotations.v;
	plan->annotation_count = config->annotations.count;
	plan->cgroup_path = config->linux.cgroups_path;
	plan->mount_label = str_empty(config->linux.mount_label) ? NULL : config->linux.mount_label;
	plan->rootless = options->rootless;
	plan->cgroup_optional = options->rootless && str_empty(plan->cgroup_path);
	plan->resources = &config->linux.resources;
	plan->sysctl = config->linux.sysctl.v;
	plan->sysctl_count = config->linux.sysctl.count;
	plan->masked = clean_paths(plan->arena, config->linux.masked_paths);
	plan->readonly = clean_paths(plan->arena, config->linux.readonly_paths);
	plan->uid_map = config->linux.uid_map;
	plan->gid_map = config->linux.gid_map;
	plan->uid_map_count = config->linux.uid_map_count;
	plan->gid_map_count = config->linux.gid_map_count;
	plan->init_path = options->init_path;
	plan->systemd_helper = options->systemd_helper;
	plan->systemd_user = options->systemd_user;
	plan->new_keyring = !options->no_new_keyring;
}

/* What systemd is going to be told, before anything exists. */
static int check_unit(const struct plan *plan, struct err **err)
{
	struct systemd_unit unit;
	auto_systemd_props props = {0};
	if (!plan->systemd_helper)
		return 0;
	if (systemd_unit_parse(&unit, plan->cgroup_path, plan->id, plan->systemd_user, err) < 0)
		return -1;
	int r = systemd_props_base(
		&props, &unit, plan->id, plan->annotations, plan->annotation_count, err);
	if (r == 0)
		r = systemd_props_limits(&props, plan->resources, true, err);
	systemd_unit_clear(&unit);
	return r;
}

static int fill(struct plan *plan, const struct oci_config *config,
	const struct plan_options *options, struct err **err)
{
	if (!config->has_process)
		return err_set(err, ERR_INVALID, "the config has no process");
	fill_identity(plan, config, options);
	if (check_unit(plan, err) < 0)
		return -1;
	fill_namespaces(plan, &config->linux);
	fill_time(plan, &config->linux);
	fill_hooks(plan, &config->hooks);
	if (check_namespaces(config, options, err) < 0)
		return -1;
	if (check_user(config, err) < 0 || fill_root(plan, config, options, err) < 0 ||
		plan_mounts_compile(plan, config, options, err) < 0)
		return -1;
	if (fill_devices(plan, &config->linux, err) < 0 ||
		plan_sysctl_check(&config->linux, err) < 0)
		return -1;
	struct plan_options own = *options;
	own.annotations = &config->annotations;
	return plan_process_fill(
		&plan->process, plan->arena, &config->process, &config->linux, &own, err);
}

int plan_compile(struct plan **out, const struct oci_config *config,
	const struct plan_options *options, struct err **err)
{
	static const struct plan_options none = {0};
	struct plan *plan = plan_new();
	if (fill(plan, config, options ? options : &none, err) < 0) {
		plan_free(plan);
		return -1;
	}
	*out = plan;
	return 0;
}
