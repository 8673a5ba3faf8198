/* Where in each hierarchy: from what people write to folders, and from a container's folder to those below. */
#include <fcntl.h>
#include <linux/openat2.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"
#include "plan_private.h"
#include "sys/rootpath.h"

#define RESOLVED                                                                                   \
	'@' /* begins what cgroup_resolve() made of a path that differs between hierarchies */

/* "/a//b/./c/" to "a/b/c"; ".." is refused: a cgroup path comes from a document of somebody's. */
static char *clean_path(const char *path, struct err **err)
{
	auto_strv parts = strv_split(path, '/');
	auto_buf out = BUF_INIT;
	for (size_t i = 0; parts[i]; i++) {
		if (!*parts[i] || str_eq(parts[i], "."))
			continue;
		if (str_eq(parts[i], "..")) {
			err_set(err, ERR_INVALID, "cgroup path %s: \"..\" is not allowed", path);
			return NULL;
		}
		buf_addf(&out, "%s%s", out.len ? "/" : "", parts[i]);
	}
	if (!out.len) {
		err_set(err, ERR_INVALID, "cgroup path \"%s\" names the root of the hierarchy",
			path);
		return NULL;
	}
	return buf_steal(&out);
}

/* The line of a resolved path that is this hierarchy's. */
static char *resolved_path(const struct cgroup_mount *m, const char *path, struct err **err)
{
	auto_strv lines = strv_split(path + 1, '\n');
	for (size_t i = 0; lines[i]; i++) {
		char *colon = strchr(lines[i], ':');
		if (!colon)
			continue;
		*colon = 0;
		if (str_eq(lines[i], m->name))
			return clean_path(colon + 1, err);
	}
	err_set(err, ERR_NOT_FOUND, "the container has no cgroup in hierarchy %s", m->name);
	return NULL;
}

/* An absolute path starts at the mount point; a relative one at our own cgroup, on v2 beside it, because
 * a v2 group with processes cannot have children with limits. */
char *cgroup_path_in(const struct cgroup_mount *m, const char *path, struct err **err)
{
	if (*path == RESOLVED)
		return resolved_path(m, path, err);
	if (*path == '/')
		return clean_path(path, err);
	const char *own = m->own;
	int n = (int)strlen(own);
	if (m->v2) {
		while (n > 0 && own[n - 1] != '/')
			n--;
	}
	auto_free char *full = xasprintf("%.*s/%s", n, own, path);
	return clean_path(full, err);
}

/* As runc cleans it: ".." leads no further up than to where @path begins. */
static char *without_dotdot(const char *path)
{
	if (*path == RESOLVED || !strstr(path, ".."))
		return xstrdup(path);
	struct arena *arena = arena_new();
	const char *clean = plan_clean_path(arena, path);
	char *out = xstrdup(path[0] == '/' || !clean[1] ? clean : clean + 1);
	arena_free(arena);
	return out;
}

char *cgroup_resolve(const char *given, struct err **err)
{
	auto_cgroup_layout layout = {0};
	auto_buf out = BUF_INIT;
	auto_free char *path = without_dotdot(given);
	if (*path == '/' || *path == RESOLVED)
		return steal_ptr(path);
	if (cgroup_layout_load(&layout, err) < 0)
		return NULL;
	auto_free char *first = NULL;
	bool same = true;
	for (size_t i = 0; i < layout.count; i++) {
		auto_free char *rel = cgroup_path_in(&layout.v[i], path, err);
		if (!rel)
			return NULL;
		buf_addf(&out, "%c%s:%s", i ? '\n' : RESOLVED, layout.v[i].name, rel);
		same = same && (!first || str_eq(first, rel));
		if (!first)
			first = steal_ptr(rel);
	}
	return same ? xasprintf("/%s", first) : buf_steal(&out);
}

/* Which of the "[CONTROLLER[,CONTROLLER...]:]PATH" is this hierarchy's; NULL if none. */
static const char *below_in(const struct cgroup_mount *m, char *const *specs)
{
	for (size_t i = 0; specs[i]; i++) {
		const char *colon = strchr(specs[i], ':');
		if (!colon)
			return specs[i];
		auto_free char *list = xstrndup(specs[i], (size_t)(colon - specs[i]));
		auto_strv names = strv_split(list, ',');
		for (size_t n = 0; names[n]; n++) {
			const char *named = str_after(names[n], "name=");
			uint32_t bit = cgroup_controller_bit(names[n], strlen(names[n]), m->v2);
			if ((named && !m->v2 && str_eq(named, m->name)) || (bit & m->controllers))
				return colon + 1;
		}
	}
	return NULL;
}

/* Every controller that is named exists, and only once. */
static int check_specs(const struct cgroup *cg, char *const *specs, struct err **err)
{
	auto_strv seen = NULL;
	for (size_t i = 0; specs[i]; i++) {
		const char *colon = strchr(specs[i], ':');
		if (!colon && specs[1])
			return err_set(err, ERR_INVALID,
				"invalid --cgroup argument: %s (missing <controller>: prefix)",
				specs[i]);
		if (!colon)
			return 0;
		if (cg->layout.mode == CGROUP_V2)
			return err_set(err, ERR_INVALID,
				"invalid --cgroup argument: %s (cgroup v2 has one path for all "
				"controllers)",
				specs[i]);
		auto_free char *list = xstrndup(specs[i], (size_t)(colon - specs[i]));
		auto_strv names = strv_split(list, ',');
		for (size_t n = 0; names[n]; n++) {
			char *one[] = {xasprintf("%s:x", names[n]), NULL};
			bool known = false;
			for (size_t d = 0; d < cg->count; d++)
				known |= below_in(cg->dirs[d].mount, one) != NULL;
			free(one[0]);
			if (!*names[n])
				return err_set(err, ERR_INVALID,
					"invalid --cgroup argument: %s (empty <controller> prefix)",
					specs[i]);
			if (strv_index(seen, names[n]) >= 0)
				return err_set(err, ERR_INVALID,
					"invalid --cgroup argument(s): controller %s specified "
					"multiple times",
					names[n]);
			if (!known)
				return err_set(err, ERR_INVALID, "--cgroup: unknown controller %s",
					names[n]);
			strv_add(&seen, names[n]);
		}
	}
	return 0;
}

int cgroup_descend(struct cgroup *cg, char *const *specs, struct err **err)
{
	if (check_specs(cg, specs, err) < 0)
		return -1;
	for (size_t i = 0; i < cg->count; i++) {
		struct cgroup_dir *d = &cg->dirs[i];
		const char *path = below_in(d->mount, specs);
		if (d->fd < 0 || !path)
			continue;
		while (*path == '/')
			path++;
		if (!*path)
			continue;
		int fd = path_openat2(d->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
		if (fd < 0 && errno == EXDEV)
			return err_set(err, ERR_INVALID,
				"bad sub cgroup path: %s leads out of the container's", path);
		if (fd < 0)
			return err_sys(
				err, errno, "open cgroup %s/%s/%s", d->mount->path, d->rel, path);
		fd_close(d->fd);
		d->fd = fd;
		char *rel = xasprintf("%s/%s", d->rel, path);
		free(d->rel);
		d->rel = rel;
	}
	cg->chosen = true;
	return 0;
}

bool cgroup_chosen(const struct cgroup *cg)
{
	return cg->chosen;
}
