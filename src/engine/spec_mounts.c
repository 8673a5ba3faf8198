/*
 * The mounts of a container, in order: the system's own (unless the user put something else there), then
 * the generated files and the user's, outer folders before inner ones.
 */
#include <unistd.h>

#include "base/mem.h"
#include "spec.h"

struct system_mount {
	const char *destination, *type, *source;
	const char *options[8];
};

static const struct system_mount system_mounts[] = {
	{"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
	{"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
	{"/dev/pts", "devpts", "devpts",
		{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
	{"/sys/fs/cgroup", "cgroup", "cgroup", {"ro", "nosuid", "noexec", "nodev"}},
	{"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
};

static bool user_mounts_at(const struct container_doc *doc, const char *destination)
{
	for (size_t i = 0; i < doc->mounts.n; i++)
		if (str_eq(doc->mounts.v[i].destination, destination))
			return true;
	return false;
}

/* Is it, or the folder it lies in, the user's own? With -v /dev:/dev the pts of the host stay. */
static bool replaced(const struct container_doc *doc, const char *destination)
{
	if (user_mounts_at(doc, destination))
		return true;
	return str_starts(destination, "/dev/") && user_mounts_at(doc, "/dev");
}

static bool drops_ro(const struct container_doc *doc, const char *destination)
{
	return doc->host.privileged && str_starts(destination, "/sys");
}

static void add_system(struct oci_config *c, const struct container_doc *doc)
{
	for (size_t i = 0; i < ARRAY_LEN(system_mounts); i++) {
		const struct system_mount *s = &system_mounts[i];
		const char *options[ARRAY_LEN(s->options) + 1] = {0};
		size_t n = 0;
		if (replaced(doc, s->destination))
			continue;
		/* a host without one gets a fresh view of the host's queues below */
		if (str_eq(s->destination, "/dev/mqueue") && str_eq(doc->host.ipc_mode, "host") &&
			!access("/dev/mqueue", F_OK)) {
			static const char *const bind[] = {
				"rbind", "nosuid", "noexec", "nodev", NULL};
			oci_mount_add(c, s->destination, "bind", "/dev/mqueue", bind);
			continue;
		}
		for (size_t k = 0; k < ARRAY_LEN(s->options) && s->options[k]; k++)
			if (!(str_eq(s->options[k], "ro") && drops_ro(doc, s->destination)))
				options[n++] = s->options[k];
		oci_mount_add(c, s->destination, s->type, s->source, options);
	}
}

static void add_shm(
	struct oci_config *c, const struct container_doc *doc, const struct spec_facts *facts)
{
	static const char *const bind[] = {"rbind", "rprivate", NULL};
	if (replaced(doc, "/dev/shm") || str_eq(doc->host.ipc_mode, "none"))
		return;
	if (str_eq(doc->host.ipc_mode, "host")) {
		oci_mount_add(c, "/dev/shm", "bind", "/dev/shm", bind);
		return;
	}
	if (facts->shm_source) {
		oci_mount_add(c, "/dev/shm", "bind", facts->shm_source, bind);
		return;
	}
	auto_free char *size = xasprintf(
		"size=%lld", (long long)(doc->host.shm_size > 0 ? doc->host.shm_size : 64 << 20));
	const char *const options[] = {"nosuid", "noexec", "nodev", "mode=1777", size, NULL};
	oci_mount_add(c, "/dev/shm", "tmpfs", "shm", options);
}

/* One of the user's mounts, or of the generated files, waiting to be put in order. */
struct placed {
	const char *destination, *type, *source;
	char *const *options;
	size_t depth;
	size_t order;
};

static size_t path_depth(const char *path)
{
	size_t n = 0;
	for (; *path; path++)
		n += *path == '/' && path[1];
	return n;
}

static int by_depth(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void place_file(struct placed *v, size_t *n, const struct container_doc *doc,
	const char *destination, const char *source)
{
	static char *rw[] = {(char *)"rbind", (char *)"rprivate", NULL};
	static char *ro[] = {(char *)"rbind", (char *)"ro", (char *)"rprivate", NULL};
	if (!source || user_mounts_at(doc, destination))
		return;
	v[*n] = (struct placed){.destination = destination,
		.type = "bind",
		.source = source,
		.options = doc->host.readonly_rootfs ? ro : rw,
		.depth = path_depth(destination),
		.order = *n};
	++*n;
}

static void add_placed(
	struct oci_config *c, const struct container_doc *doc, const struct spec_facts *facts)
{
	auto_free struct placed *v = xcalloc(doc->mounts.n + 3, sizeof(*v));
	size_t n = 0;

	place_file(v, &n, doc, "/etc/resolv.conf", facts->resolv);
	place_file(v, &n, doc, "/etc/hostname", facts->hostname_file);
	place_file(v, &n, doc, "/etc/hosts", facts->hosts);
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const struct mount_point *m = &doc->mounts.v[i];
		bool tmpfs = str_eq(m->type, "tmpfs");
		v[n] = (struct placed){.destination = m->destination,
			.type = tmpfs ? "tmpfs" : "bind",
			.source = tmpfs ? "tmpfs" : m->source,
			.options = m->options,
			.depth = path_depth(m->destination),
			.order = n};
		n++;
	}
	qsort(v, n, sizeof(*v), by_depth);
	for (size_t i = 0; i < n; i++)
		oci_mount_add(c, v[i].destination, v[i].type, v[i].source,
			(const char *const *)v[i].options);
}

/* A mount that is shared or a slave wants the root to be at least as open. */
static void set_root_propagation(struct oci_config *c, const struct container_doc *doc)
{
	const char *want = NULL;
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const char *p = doc->mounts.v[i].propagation;
		if (str_eq(p, "shared") || str_eq(p, "rshared"))
			want = "shared";
		else if ((str_eq(p, "slave") || str_eq(p, "rslave")) && !want)
			want = "rslave";
	}
	if (want)
		c->linux.rootfs_propagation = xstrdup(want);
}

/* As inspect shows them; the same as Docker's. */
static const char *const masked_paths[] = {"/proc/asound", "/proc/acpi", "/proc/interrupts",
	"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
	"/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap", NULL};
static const char *const readonly_paths[] = {
	"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL};

void spec_hidden_defaults(struct host_config *host)
{
	struct spec_security security;
	if (host->privileged || spec_security(&security, host, NULL))
		return;
	if (!host->masked_paths)
		host->masked_paths = security.systempaths_unconfined
					     ? xcalloc(1, sizeof(char *))
					     : strv_copy((char *const *)masked_paths);
	if (!host->readonly_paths)
		host->readonly_paths = security.systempaths_unconfined
					       ? xcalloc(1, sizeof(char *))
					       : strv_copy((char *const *)readonly_paths);
}

static void set_hidden_paths(struct oci_config *c, const struct host_config *host, bool unconfined)
{
	if (host->privileged || unconfined)
		return;
	c->linux.masked_paths =
		strv_copy(host->masked_paths ? host->masked_paths : (char *const *)masked_paths);
	c->linux.readonly_paths = strv_copy(
		host->readonly_paths ? host->readonly_paths : (char *const *)readonly_paths);
}

int spec_mounts(struct oci_config *c, const struct container_doc *doc,
	const struct spec_facts *facts, struct err **err)
{
	struct spec_security security;
	if (spec_security(&security, &doc->host, err))
		return -1;
	add_system(c, doc);
	add_shm(c, doc, facts);
	add_placed(c, doc, facts);
	set_root_propagation(c, doc);
	set_hidden_paths(c, &doc->host, security.systempaths_unconfined);
	return 0;
}
