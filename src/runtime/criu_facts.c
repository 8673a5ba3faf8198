/*
 * What of a container comes from outside of it. criu is told the names of such mounts at the checkpoint, which go
 * into the images, and at the restore what stands behind each name. Names are those of runc: the target for a bind
 * mount, "/dev/null" for what covers a masked file.
 *
 * At the checkpoint the mount point is what the target leads to inside the running container, through its symbolic
 * links. A container that has since made them lead elsewhere gets a refusal from criu and nothing worse: the source
 * comes from the configuration alone.
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "criu_private.h"
#include "setup.h"
#include "sys/rootpath.h"

#define NULL_DEVICE "/dev/null"

struct finder {
	struct criu_mount *v;
	size_t count;
	int root; /* -1: restore */
	struct arena *arena;
};

/* "//a//b/" -> "/a/b" */
static char *tidy(struct arena *arena, const char *path)
{
	char *out = arena_alloc(arena, strlen(path) + 2, 1), *at = out;
	while (*path) {
		path += strspn(path, "/");
		size_t n = strcspn(path, "/");
		if (!n)
			break;
		*at++ = '/';
		at = mempcpy(at, path, n);
		path += n;
	}
	if (at == out)
		*at = '/';
	return out;
}

/* Where @name is in the running container; as it is where it is not there. */
static const char *place(struct finder *f, const char *name, int flags)
{
	char link[48], path[PATH_MAX];
	auto_fd int fd = root_open(f->root, name, O_PATH | flags, 0);
	if (fd < 0)
		return name;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || path[0] != '/')
		return name;
	path[n] = 0;
	return arena_strdup(f->arena, path);
}

/* @source: what is mounted on @name; @called: its name in the images if it has another one. */
static void add_with(
	struct finder *f, const char *name, const char *source, const char *called, int flags)
{
	struct criu_mount *m = &f->v[f->count++];
	bool restore = f->root < 0;
	called = called ? called : name;
	m->key = restore ? called : place(f, name, flags);
	m->value = restore ? source : called;
}

static void add(struct finder *f, const char *name, const char *source, const char *called)
{
	add_with(f, name, source, called, 0);
}

static void add_bind(struct finder *f, const struct plan_mount *m, const char *target)
{
	add_with(f, target, m->source, NULL, m->links & PLAN_LINK_TARGET ? O_NOFOLLOW : 0);
}

static bool has_cgroup_namespace(const struct plan *plan)
{
	return (plan->ns_new & CLONE_NEWCGROUP) || plan->ns_path[OCI_NS_CGROUP];
}

/* As mount_cgroup() makes it: on v1 each hierarchy is a bind mount of the container's own folder. */
static void add_cgroup(
	struct finder *f, const char *target, const struct cgroup_hierarchy *h, size_t n)
{
	if (n == 1 && h[0].v2)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *slash = strrchr(h[i].mount, '/');
		const char *name =
			arena_printf(f->arena, "%s/%s", target, slash ? slash + 1 : h[i].mount);
		add(f, name, arena_strdup(f->arena, h[i].folder), NULL);
	}
}

static bool is_file(struct finder *f, const char *path)
{
	struct stat st;
	auto_fd int fd = root_open(f->root, path, O_PATH, 0);
	return fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode);
}

static void add_masks(struct finder *f, const struct plan *plan)
{
	bool restore = f->root < 0;
	if (!plan->masked || !plan->masked[0])
		return;
	if (restore)
		add(f, NULL_DEVICE, NULL_DEVICE, NULL);
	for (size_t i = 0; !restore && plan->masked[i]; i++)
		if (is_file(f, plan->masked[i]))
			add(f, tidy(f->arena, plan->masked[i]), NULL, NULL_DEVICE);
}

static void find(
	struct finder *f, const struct plan *plan, const struct cgroup_hierarchy *h, size_t n)
{
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		const char *target = tidy(f->arena, m->target);
		if (m->kind == STEP_BIND && !(m->sb_flags & MS_REMOUNT))
			add_bind(f, m, target);
		else if (m->kind == STEP_CGROUP && !has_cgroup_namespace(plan))
			add_cgroup(f, target, h, n);
	}
	add_masks(f, plan);
	/* in a user namespace they are bind mounts */
	for (size_t i = 0; i < plan->device_count; i++)
		add(f, tidy(f->arena, plan->devices[i].path), plan->devices[i].path, NULL);
}

int criu_find_mounts(struct criu_facts *facts, const struct plan *plan, const struct cgroup *cgroup,
	int root, struct arena *arena, struct err **err)
{
	struct cgroup_hierarchy *h = NULL;
	size_t n = 0, masks = 0;
	if (cgroup && cgroup_hierarchies(cgroup, &h, &n, err) < 0)
		return -1;
	while (plan->masked && plan->masked[masks])
		masks++;
	size_t room = plan->mount_count * (n + 1) + masks + plan->device_count + 1;
	struct finder f = {
		.v = arena_alloc(arena, room, sizeof(*f.v)), .root = root, .arena = arena};
	find(&f, plan, h, n);
	cgroup_hierarchies_free(h, n);
	facts->mounts = f.v;
	facts->mount_count = f.count;
	return 0;
}

/* As criu calls them; NULL: it has no way to join one. @key: handed over as a descriptor under this name. */
static const struct {
	const char *kind, *name, *key;
} namespaces[OCI_NS_COUNT] = {
	[OCI_NS_USER] = {"user", "user", NULL},
	[OCI_NS_PID] = {"pid", "pid", "extRootPidNS"},
	[OCI_NS_NETWORK] = {"network", "net", "extRootNetNS"},
	[OCI_NS_MOUNT] = {"mount", NULL, NULL},
	[OCI_NS_IPC] = {"ipc", "ipc", NULL},
	[OCI_NS_UTS] = {"uts", "uts", NULL},
	[OCI_NS_CGROUP] = {"cgroup", NULL, NULL},
	[OCI_NS_TIME] = {"time", "time", NULL},
};

int criu_check_plan(const struct plan *plan, struct err **err)
{
	for (int i = 0; i < OCI_NS_COUNT; i++)
		if (plan->ns_path[i] && !namespaces[i].name)
			return err_set(err, ERR_NOT_IMPLEMENTED,
				"checkpoint and restore with a %s namespace that is joined (%s): "
				"criu cannot",
				namespaces[i].kind, plan->ns_path[i]);
	/* its root is a mount of the host's */
	if (!(plan->ns_new & CLONE_NEWNS))
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"checkpoint and restore without a mount namespace");
	for (size_t i = 0; i < plan->mount_count; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		if (m->idmap != PLAN_IDMAP_NONE)
			return err_set(err, ERR_NOT_IMPLEMENTED,
				"checkpoint and restore with an idmapped mount (%s): criu cannot",
				m->target);
		/* it would be opened on the host, where links of the image lead to the host's files */
		if (m->kind == STEP_BIND && m->source && !(m->sb_flags & MS_REMOUNT) &&
			bind_inside_root(plan, m->source))
			return err_set(err, ERR_NOT_IMPLEMENTED,
				"checkpoint and restore with a bind mount from the container's own "
				"root (%s)",
				m->target);
	}
	return 0;
}

#define NO_NEW_PRIVS_VERSION 31900
/* criu moves into the cgroup namespace before it is root in the user namespace, and in all it asks for meanwhile names
 * itself by what the kernel calls it there (checkpoint-restore/criu#2902) */
#define CGROUP_FIRST_VERSION 31900
#define CGROUP_LATER_VERSION 40300
#define NOBODY 65534

/* Whether host's 0, which criu still is, or else what it is called without a name, is something in there. */
static bool has_name(const struct oci_id_map *map, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!map[i].size)
			continue;
		if (!map[i].host || NOBODY - map[i].container < map[i].size)
			return true;
	}
	return false;
}

static bool is_nobody_there(const struct plan *plan)
{
	return (plan->ns_new & CLONE_NEWUSER) && (plan->ns_new & CLONE_NEWCGROUP) &&
	       (!has_name(plan->uid_map, plan->uid_map_count) ||
		       !has_name(plan->gid_map, plan->gid_map_count));
}

int criu_check_version(const struct criu *c, const struct plan *plan, struct err **err)
{
	int major = c->version / 10000, minor = c->version / 100 % 100;
	if (plan->process.no_new_privs && c->version < NO_NEW_PRIVS_VERSION)
		return err_set(err, ERR_UNAVAILABLE,
			"process.noNewPrivileges would be lost: that takes criu 3.19 or newer, and "
			"this is %d.%d",
			major, minor);
	if (is_nobody_there(plan) && c->version >= CGROUP_FIRST_VERSION &&
		c->version < CGROUP_LATER_VERSION)
		return err_set(err, ERR_UNAVAILABLE,
			"a cgroup namespace would not be restored in a user namespace without id "
			"%d: that takes criu 4.3 or newer, and this is %d.%d",
			NOBODY, major, minor);
	return 0;
}

int criu_find_namespaces(
	struct criu_facts *facts, const struct plan *plan, struct arena *arena, struct err **err)
{
	facts->external = arena_alloc(arena, OCI_NS_COUNT, sizeof(*facts->external));
	for (int i = 0; i < OCI_NS_COUNT; i++) {
		struct stat st;
		if (!plan->ns_path[i] || !namespaces[i].key)
			continue;
		if (stat(plan->ns_path[i], &st) < 0)
			return err_sys(err, errno, "%s namespace %s", namespaces[i].kind,
				plan->ns_path[i]);
		facts->external[facts->external_count++] = arena_printf(arena, "%s[%lu]:%s",
			namespaces[i].name, (unsigned long)st.st_ino, namespaces[i].key);
	}
	return 0;
}

void criu_join_namespaces(struct criu_facts *facts, const struct plan *plan,
	const int fds[OCI_NS_COUNT], struct arena *arena, int *handed, size_t *count)
{
	static const Criu__Namespace no_namespace = CRIU__NAMESPACE__INIT;
	static const Criu__Inherit nothing = CRIU__INHERIT__INIT;
	Criu__Inherit *inherit =
		arena_alloc(arena, facts->inherit_count + OCI_NS_COUNT, sizeof(*inherit));
	for (size_t i = 0; i < facts->inherit_count; i++)
		inherit[i] = facts->inherit[i];
	facts->inherit = inherit;
	facts->joined = arena_alloc(arena, OCI_NS_COUNT, sizeof(*facts->joined));
	for (int i = 0; i < OCI_NS_COUNT; i++) {
		if (fds[i] < 0)
			continue;
		if (namespaces[i].key) {
			Criu__Inherit *to = &inherit[facts->inherit_count++];
			*to = nothing;
			to->key = arena_strdup(arena, namespaces[i].key);
			to->fd = CRIU_FD_FIRST + (int)*count;
			handed[(*count)++] = fds[i];
			continue;
		}
		Criu__Namespace *to = &facts->joined[facts->joined_count++];
		*to = no_namespace;
		to->kind = arena_strdup(arena, namespaces[i].name);
		to->path = arena_strdup(arena, plan->ns_path[i]);
	}
}

#define CONFIG_ANNOTATION "org.criu.config"

const char *criu_config_file(const struct plan *plan)
{
	/* criu's own files are read by criu itself; these are for runtimes */
	static const char *const defaults[] = {"/etc/criu/kist-oci.conf", "/etc/criu/runc.conf"};
	for (size_t i = 0; i < plan->annotation_count; i++)
		if (str_eq(plan->annotations[i].key, CONFIG_ANNOTATION))
			return str_empty(plan->annotations[i].value) ? NULL
								     : plan->annotations[i].value;
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		if (access(defaults[i], R_OK) == 0)
			return defaults[i];
	return NULL;
}
