#include "cgroup_layout.h"

#include <assert.h>
#include <fcntl.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define MOUNTINFO_MAX (64u << 20) /* a host with 100,000 mounts has about 20 MB */
#define SELF_MAX (1u << 20)

static const struct {
	const char *v1, *v2;
} controller_names[] = {
	[CTL_CPU] = {"cpu", "cpu"},
	[CTL_CPUACCT] = {"cpuacct", NULL},
	[CTL_CPUSET] = {"cpuset", "cpuset"},
	[CTL_MEMORY] = {"memory", "memory"},
	[CTL_DEVICES] = {"devices", NULL},
	[CTL_FREEZER] = {"freezer", NULL},
	[CTL_BLKIO] = {"blkio", "io"},
	[CTL_PIDS] = {"pids", "pids"},
	[CTL_HUGETLB] = {"hugetlb", "hugetlb"},
	[CTL_NET_CLS] = {"net_cls", NULL},
	[CTL_NET_PRIO] = {"net_prio", NULL},
	[CTL_PERF_EVENT] = {"perf_event", NULL},
	[CTL_RDMA] = {"rdma", "rdma"},
	[CTL_MISC] = {"misc", "misc"},
};
static_assert(ARRAY_LEN(controller_names) == CTL_COUNT, "one name per controller");

const char *cgroup_controller_name(enum cgroup_controller c, bool v2)
{
	if (v2 && controller_names[c].v2)
		return controller_names[c].v2;
	return controller_names[c].v1;
}

uint32_t cgroup_controller_bit(const char *name, size_t n, bool v2)
{
	for (int c = 0; c < CTL_COUNT; c++) {
		const char *known = v2 ? controller_names[c].v2 : controller_names[c].v1;
		if (known && strlen(known) == n && memcmp(known, name, n) == 0)
			return CTL_BIT(c);
	}
	return 0;
}

uint32_t cgroup_controller_list(const char *text, bool v2)
{
	uint32_t bits = 0;
	while (*text) {
		size_t n = strcspn(text, " ,\n");
		bits |= cgroup_controller_bit(text, n, v2);
		text += n + (text[n] != 0);
	}
	return bits;
}

/* A field of mountinfo: octal escapes (\040 blank, \011 tab, \012 newline, \134 backslash) undone. */
static char *unescape(const char *s, size_t n)
{
	char *out = xmalloc(n + 1);
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\' && n - i > 3 && s[i + 1] >= '0' && s[i + 1] <= '3' &&
			s[i + 2] >= '0' && s[i + 2] <= '7' && s[i + 3] >= '0' && s[i + 3] <= '7') {
			out[len++] = (char)((s[i + 1] - '0') << 6 | (s[i + 2] - '0') << 3 |
					    (s[i + 3] - '0'));
			i += 3;
		} else {
			out[len++] = s[i];
		}
	}
	out[len] = 0;
	return out;
}

struct field {
	const char *s;
	size_t n;
};

static bool field_is(struct field f, const char *text)
{
	return strlen(text) == f.n && memcmp(f.s, text, f.n) == 0;
}

/* Next blank-separated field of a line that ends at @end. */
static bool next_field(const char **at, const char *end, struct field *out)
{
	while (*at < end && **at == ' ')
		(*at)++;
	if (*at == end)
		return false;
	out->s = *at;
	while (*at < end && **at != ' ')
		(*at)++;
	out->n = (size_t)(*at - out->s);
	return true;
}

/* What a v1 mount's super block options say: "rw,xattr,cpu,cpuacct" or "rw,name=systemd". The name is
 * NULL if there is neither a controller nor a name. */
static char *v1_identity(struct field options, uint32_t *controllers)
{
	auto_buf name = BUF_INIT;
	const char *end = options.s + options.n;
	for (const char *at = options.s; at < end;) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t n = comma ? (size_t)(comma - at) : (size_t)(end - at);
		uint32_t bit = cgroup_controller_bit(at, n, false);
		bool named = n > 5 && memcmp(at, "name=", 5) == 0;
		if (bit || named) {
			if (name.len)
				buf_addc(&name, ',');
			buf_add(&name, at + (named ? 5 : 0), n - (named ? 5 : 0));
			*controllers |= bit;
		}
		at += n + 1;
	}
	return name.len ? buf_steal(&name) : NULL;
}

static struct cgroup_mount *find_hierarchy(struct cgroup_layout *layout, bool v2, const char *name)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->v[i].v2 == v2 && str_eq(layout->v[i].name, name))
			return &layout->v[i];
	}
	return NULL;
}

static void mount_clear(struct cgroup_mount *m)
{
	free(m->name);
	free(m->path);
	free(m->root);
	free(m->own);
}

/* A hierarchy may be mounted several times (binds into chroots and containers): one that shows all of
 * it wins over one that shows a subtree, else the first. */
static void layout_add(struct cgroup_layout *layout, struct cgroup_mount *m)
{
	struct cgroup_mount *known = find_hierarchy(layout, m->v2, m->name);
	if (!known) {
		layout->v = xreallocarray(layout->v, layout->count + 1, sizeof(*layout->v));
		layout->v[layout->count++] = *m;
	} else if (!str_eq(known->root, "/") && str_eq(m->root, "/")) {
		mount_clear(known);
		*known = *m;
	} else {
		mount_clear(m);
	}
}

/* "31 23 0:28 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu": any number of
 * optional fields before the lone hyphen. */
static void parse_mount_line(struct cgroup_layout *layout, const char *at, const char *end)
{
	struct field id, parent, device, root, point, options, optional, fstype, source, super;
	if (!next_field(&at, end, &id) || !next_field(&at, end, &parent) ||
		!next_field(&at, end, &device) || !next_field(&at, end, &root) ||
		!next_field(&at, end, &point) || !next_field(&at, end, &options))
		return;
	do {
		if (!next_field(&at, end, &optional))
			return;
	} while (!field_is(optional, "-"));
	if (!next_field(&at, end, &fstype) || !next_field(&at, end, &source))
		return;
	if (!next_field(&at, end, &super)) { /* an empty source shows as a doubled blank */
		super = source;
	}
	struct cgroup_mount m = {.v2 = field_is(fstype, "cgroup2")};
	if (!m.v2 && !field_is(fstype, "cgroup"))
		return;
	m.name = m.v2 ? xstrdup("unified") : v1_identity(super, &m.controllers);
	if (!m.name)
		return;
	m.path = unescape(point.s, point.n);
	m.root = unescape(root.s, root.n);
	layout_add(layout, &m);
}

/* Our own cgroup as a path below the mount point. Both are seen from the same cgroup namespace; a mount
 * of a subtree shows only what lies below its root. */
static char *own_below_root(const char *own, const char *root)
{
	if (str_eq(root, "/"))
		return xstrdup(own);
	const char *rest = str_after(own, root);
	if (rest && *rest == '/')
		return xstrdup(rest);
	return xstrdup("/");
}

/* "4:memory:/a/b", "9:name=systemd:/", "0::/a". The path is not escaped and may hold colons. */
static void parse_self_line(struct cgroup_layout *layout, const char *at, const char *end)
{
	const char *list = memchr(at, ':', (size_t)(end - at));
	if (!list)
		return;
	list++;
	const char *path = memchr(list, ':', (size_t)(end - list));
	if (!path)
		return;
	path++;
	auto_free char *names = xstrndup(list, (size_t)(path - 1 - list));
	auto_free char *own = xstrndup(path, (size_t)(end - path));
	bool v2 = !*names;
	uint32_t bits = v2 ? 0 : cgroup_controller_list(names, false);
	const char *named = str_after(names, "name=");
	for (size_t i = 0; i < layout->count; i++) {
		struct cgroup_mount *m = &layout->v[i];
		bool same = v2 ? m->v2
			       : !m->v2 && ((bits && m->controllers == bits) ||
						   (named && str_eq(m->name, named)));
		if (same) {
			free(m->own);
			m->own = own_below_root(own, m->root);
		}
	}
}

static void each_line(struct cgroup_layout *layout, const char *text,
	void (*parse)(struct cgroup_layout *, const char *, const char *))
{
	while (*text) {
		const char *end = text + strcspn(text, "\n");
		parse(layout, text, end);
		text = end + (*end != 0);
	}
}

void cgroup_layout_settle(struct cgroup_layout *layout)
{
	bool v1 = false, v2 = false;
	for (size_t i = 0; i < layout->count; i++) {
		struct cgroup_mount *m = &layout->v[i];
		if (!m->own)
			m->own = xstrdup("/");
		v1 |= !m->v2;
		v2 |= m->v2;
	}
	layout->mode = !v2 ? CGROUP_V1 : v1 ? CGROUP_HYBRID : CGROUP_V2;
}

int cgroup_layout_read_v2(struct cgroup_layout *layout, struct err **err)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (!layout->v[i].v2)
			continue;
		auto_buf list = BUF_INIT;
		auto_free char *file = xasprintf("%s/cgroup.controllers", layout->v[i].path);
		if (file_read(AT_FDCWD, file, 4096, &list, err) < 0) {
			cgroup_layout_clear(layout);
			return -1;
		}
		layout->v[i].controllers = cgroup_controller_list(buf_str(&list), true);
	}
	return 0;
}

int cgroup_layout_parse(
	struct cgroup_layout *out, const char *mountinfo, const char *self, struct err **err)
{
	auto_cgroup_layout layout = {0};
	each_line(&layout, mountinfo, parse_mount_line);
	if (!layout.count)
		return err_set(err, ERR_UNAVAILABLE,
			"no cgroup file system is mounted (\"ip netns exec\" hides them, "
			"nsenter does not)");
	each_line(&layout, self, parse_self_line);
	cgroup_layout_settle(&layout);
	*out = layout;
	layout = (struct cgroup_layout){0};
	return 0;
}

int cgroup_layout_load(struct cgroup_layout *out, struct err **err)
{
	auto_buf mountinfo = BUF_INIT;
	auto_buf self = BUF_INIT;
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo, err) < 0 ||
		file_read(AT_FDCWD, "/proc/self/cgroup", SELF_MAX, &self, err) < 0)
		return -1;
	if (cgroup_layout_parse(out, buf_str(&mountinfo), buf_str(&self), err) < 0)
		return -1;
	return cgroup_layout_read_v2(out, err);
}

void cgroup_layout_clear(struct cgroup_layout *layout)
{
	for (size_t i = 0; i < layout->count; i++)
		mount_clear(&layout->v[i]);
	free(layout->v);
	*layout = (struct cgroup_layout){0};
}

const struct cgroup_mount *cgroup_layout_find(
	const struct cgroup_layout *layout, enum cgroup_controller c)
{
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->v[i].controllers & CTL_BIT(c))
			return &layout->v[i];
	}
	/* v2 has these without a controller: a BPF program, cgroup.freeze, cpu.stat, perf's own cgroups */
	uint32_t implied = CTL_BIT(CTL_DEVICES) | CTL_BIT(CTL_FREEZER) | CTL_BIT(CTL_CPUACCT) |
			   CTL_BIT(CTL_PERF_EVENT);
	for (size_t i = 0; i < layout->count; i++) {
		if (layout->v[i].v2 && (implied & CTL_BIT(c)))
			return &layout->v[i];
	}
	return NULL;
}
