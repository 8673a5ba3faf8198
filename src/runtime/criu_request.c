/* From options and facts to criu's request. Pure. */
#include <sched.h>

#include "base/mem.h"
#include "base/str.h"
#include "criu_private.h"

#define LOG_LEVEL 4 /* everything: a failure is explained by what came before it */

static const struct {
	const char *name;
	Criu__CgroupMode mode;
} cgroup_modes[] = {
	{"soft", CRIU__CGROUP_MODE__SOFT},
	{"full", CRIU__CGROUP_MODE__FULL},
	{"strict", CRIU__CGROUP_MODE__STRICT},
	{"ignore", CRIU__CGROUP_MODE__IGNORE},
};

static int find_mode(const char *name, Criu__CgroupMode *mode)
{
	*mode = CRIU__CGROUP_MODE__DEFAULT;
	if (str_empty(name))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(cgroup_modes); i++) {
		if (!str_eq(cgroup_modes[i].name, name))
			continue;
		*mode = cgroup_modes[i].mode;
		return 0;
	}
	return -1;
}

int criu_page_server(const char *text, struct arena *arena, char **address, int *port)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	if (!colon || str_to_int(colon + 1, port) < 0 || *port < 1 || *port > 65535)
		return -1;
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return -1;
	}
	if (!n || memchr(text, '[', n) || memchr(text, ']', n))
		return -1;
	*address = arena_printf(arena, "%.*s", (int)n, text);
	return 0;
}

static int check_page_server(const char *text, struct err **err)
{
	struct arena *arena = arena_new();
	char *address;
	int port, r = 0;
	if (!str_empty(text))
		r = criu_page_server(text, arena, &address, &port);
	arena_free(arena);
	return r < 0 ? err_set(err, ERR_INVALID, "--page-server %s: expected ADDRESS:PORT", text)
		     : 0;
}

int criu_options_check(const struct criu_options *o, struct err **err)
{
	Criu__CgroupMode mode;
	if (find_mode(o->cgroup_mode, &mode) < 0)
		return err_set(err, ERR_INVALID,
			"--manage-cgroups-mode %s: expected soft, full, strict or ignore",
			o->cgroup_mode);
	if (o->parent_path && o->parent_path[0] == '/')
		return err_set(err, ERR_INVALID,
			"--parent-path %s must be relative to --image-path", o->parent_path);
	for (size_t i = 0; o->empty_ns && o->empty_ns[i]; i++)
		if (!str_eq(o->empty_ns[i], "network"))
			return err_set(err, ERR_INVALID,
				"--empty-ns: namespace %s is not supported", o->empty_ns[i]);
	return check_page_server(o->page_server, err);
}

/* protobuf-c: an optional number has a flag beside it, and an absent string is NULL */
#define SET(message, field, v)                                                                     \
	do {                                                                                       \
		(message)->has_##field = 1;                                                        \
		(message)->field = (v);                                                            \
	} while (0)

static char *text(struct arena *arena, const char *s)
{
	return str_empty(s) ? NULL : arena_strdup(arena, s);
}

/* An array of pointers to @n things of @size at @from, as repeated fields have it. */
static void *pointers(struct arena *arena, const void *from, size_t n, size_t size)
{
	const char **list = arena_alloc(arena, n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = (const char *)from + i * size;
	return list;
}

static void set_options(Criu__Options *p, const struct criu_options *o)
{
	SET(p, tcp_established, o->tcp_established);
	SET(p, tcp_skip_in_flight, o->tcp_skip_in_flight);
	SET(p, link_remap, o->link_remap);
	SET(p, ext_unix_sk, o->ext_unix_sk);
	SET(p, shell_job, o->shell_job);
	SET(p, file_locks, o->file_locks);
	SET(p, auto_dedup, o->auto_dedup);
	SET(p, lazy_pages, o->lazy_pages);
	Criu__CgroupMode mode = CRIU__CGROUP_MODE__DEFAULT;
	find_mode(o->cgroup_mode, &mode);
	SET(p, manage_cgroups, true);
	SET(p, cgroup_mode, mode);
	/* interfaces are for hooks and for those who made the namespace, as at the first start */
	SET(p, empty_ns, CLONE_NEWNET);
	SET(p, orphan_pts_master, true);
	SET(p, notify, true);
}

static void set_checkpoint(Criu__Options *p, const struct criu_options *o,
	const struct criu_facts *f, struct arena *arena)
{
	SET(p, pid, f->pid);
	SET(p, leave_running, o->leave_running);
	p->freeze_cgroup = text(arena, f->freezer);
	if (!str_empty(o->parent_path)) {
		p->parent = text(arena, o->parent_path);
		SET(p, track_mem, true);
	}
	if (str_empty(o->page_server))
		return;
	static const Criu__PageServer none = CRIU__PAGE_SERVER__INIT;
	Criu__PageServer *server = arena_alloc(arena, 1, sizeof(*server));
	*server = none;
	int port = 0;
	if (criu_page_server(o->page_server, arena, &server->address, &port) < 0)
		return;
	SET(server, port, port);
	p->page_server = server;
}

static void set_restore(Criu__Options *p, const struct criu_options *o, const struct criu_facts *f,
	struct arena *arena)
{
	SET(p, sibling, true);
	/* "strict" is "full" for cgroups that are not there yet; the container's own was not until now */
	if (p->cgroup_mode == CRIU__CGROUP_MODE__STRICT)
		p->cgroup_mode = CRIU__CGROUP_MODE__FULL;
	SET(p, evasive_devices, true);
	p->lsm_profile = text(arena, o->lsm_profile);
	p->lsm_mount_context = text(arena, o->lsm_mount_context);
	p->n_inherit = f->inherit_count;
	p->inherit = pointers(arena, f->inherit, f->inherit_count, sizeof(*f->inherit));
	p->n_join_ns = f->joined_count;
	p->join_ns = pointers(arena, f->joined, f->joined_count, sizeof(*f->joined));
	p->n_cgroup_roots = f->cgroup_root_count;
	p->cgroup_roots =
		pointers(arena, f->cgroup_roots, f->cgroup_root_count, sizeof(*f->cgroup_roots));
}

static void set_mounts(Criu__Options *p, const struct criu_facts *f, struct arena *arena)
{
	static const Criu__Mount none = CRIU__MOUNT__INIT;
	Criu__Mount *mounts = arena_alloc(arena, f->mount_count + 1, sizeof(*mounts));
	for (size_t i = 0; i < f->mount_count; i++) {
		mounts[i] = none;
		mounts[i].key = arena_strdup(arena, f->mounts[i].key);
		mounts[i].value = arena_strdup(arena, f->mounts[i].value);
	}
	p->n_mounts = f->mount_count;
	p->mounts = pointers(arena, mounts, f->mount_count, sizeof(*mounts));
}

static void set_facts(Criu__Options *p, const struct criu_facts *f, struct arena *arena)
{
	p->images = CRIU_FD_IMAGES;
	if (f->work)
		SET(p, work, CRIU_FD_WORK);
	SET(p, log_level, LOG_LEVEL);
	p->log_file = text(arena, f->log_file);
	p->root = text(arena, f->root);
	p->config_file = text(arena, f->config_file);
	p->n_external = f->external_count;
	p->external = (char **)f->external;
}

Criu__Request *criu_request(Criu__RequestType type, const struct criu_options *options,
	const struct criu_facts *facts, struct arena *arena)
{
	static const Criu__Request no_request = CRIU__REQUEST__INIT;
	static const Criu__Options no_options = CRIU__OPTIONS__INIT;
	Criu__Request *request = arena_alloc(arena, 1, sizeof(*request));
	Criu__Options *p = arena_alloc(arena, 1, sizeof(*p));
	*request = no_request;
	*p = no_options;
	request->type = type;
	request->options = p;
	set_facts(p, facts, arena);
	set_options(p, options);
	if (type == CRIU__REQUEST_TYPE__RESTORE)
		set_restore(p, options, facts, arena);
	else
		set_checkpoint(p, options, facts, arena);
	/* a pre-dump looks at memory only */
	if (type != CRIU__REQUEST_TYPE__PRE_DUMP)
		set_mounts(p, facts, arena);
	return request;
}
