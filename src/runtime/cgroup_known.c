/*
 * A cgroup found again without reading what the whole machine has mounted: where each hierarchy is stands in a few lines
 * that whoever made the cgroup has kept,
 *
 *	KIND NAME ROOT MOUNTPOINT
 *
 * KIND is "c" for controllers of v1, "n" for a named hierarchy, "u" for v2; the rest as in struct cgroup_mount.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

static const char *kind_of(const struct cgroup_mount *m)
{
	return m->v2 ? "u" : m->controllers ? "c" : "n";
}

char *cgroup_places(const struct cgroup *cg)
{
	auto_buf out = BUF_INIT;
	for (size_t i = 0; i < cg->count; i++) {
		const struct cgroup_mount *m = cg->dirs[i].mount;
		if (strpbrk(m->path, " \n") || strpbrk(m->root, " \n") || strpbrk(m->name, " \n"))
			return NULL;
		buf_addf(&out, "%s %s %s %s\n", kind_of(m), m->name, m->root, m->path);
	}
	return buf_steal(&out);
}

static int read_place(struct cgroup_layout *layout, const char *line, struct err **err)
{
	auto_strv f = strv_split(line, ' ');
	if (strv_len(f) != 4 || !*f[0] || !strchr("cnu", *f[0]) || *f[2] != '/' || *f[3] != '/')
		return err_set(err, ERR_INVALID, "no place of a cgroup hierarchy: %s", line);
	layout->v = xreallocarray(layout->v, layout->count + 1, sizeof(*layout->v));
	layout->v[layout->count++] = (struct cgroup_mount){
		.v2 = *f[0] == 'u',
		.controllers = *f[0] == 'c' ? cgroup_controller_list(f[1], false) : 0,
		.name = xstrdup(f[1]),
		.root = xstrdup(f[2]),
		.path = xstrdup(f[3]),
	};
	return 0;
}

static bool is_type_of(const struct cgroup_mount *m, const struct statfs *fs)
{
	return fs->f_type == (m->v2 ? CGROUP2_SUPER_MAGIC : CGROUP_SUPER_MAGIC);
}

/* In another mount namespace something else may lie there. All are asked, also those that are not opened: a process that
 * joins the cgroup must not miss a hierarchy because it is elsewhere. */
static int check_mounted(const struct cgroup_layout *layout, struct err **err)
{
	for (size_t i = 0; i < layout->count; i++) {
		struct statfs fs;
		if (statfs(layout->v[i].path, &fs) < 0 || !is_type_of(&layout->v[i], &fs))
			return err_set(err, ERR_NOT_FOUND,
				"cgroup hierarchy %s is not at %s any more", layout->v[i].name,
				layout->v[i].path);
	}
	return 0;
}

static int read_places(struct cgroup_layout *out, const char *text, struct err **err)
{
	auto_cgroup_layout layout = {0};
	auto_strv lines = strv_split(text, '\n');
	for (size_t i = 0; lines[i]; i++) {
		if (*lines[i] && read_place(&layout, lines[i], err) < 0)
			return -1;
	}
	cgroup_layout_settle(&layout);
	if (check_mounted(&layout, err) < 0 || cgroup_layout_read_v2(&layout, err) < 0)
		return -1;
	*out = layout;
	layout = (struct cgroup_layout){0};
	return 0;
}

/* Do we need it to find, freeze, kill or clone processes? */
static bool is_core(const struct cgroup_mount *m)
{
	return m->v2 || (m->controllers & (CTL_BIT(CTL_PIDS) | CTL_BIT(CTL_FREEZER)));
}

static bool is_cgroup(const struct cgroup_dir *d)
{
	struct statfs fs;
	return fstatfs(d->fd, &fs) == 0 && is_type_of(d->mount, &fs);
}

int cgroup_open_known(struct cgroup **out, const char *path, const char *places, struct err **err)
{
	auto_cgroup_layout layout = {0};
	if (read_places(&layout, places, err) < 0)
		return -1;
	struct cgroup *cg = cgroup_new_in(&layout, path, err);
	if (!cg)
		return -1;
	size_t found = 0, missed = 0;
	for (size_t i = 0; i < cg->count; i++) {
		struct cgroup_dir *d = &cg->dirs[i];
		if (!is_core(d->mount))
			continue;
		if (cgroup_open_folder(d) && is_cgroup(d))
			found++;
		else
			missed++;
	}
	cg->in_part = true;
	if (found && !missed) {
		*out = cg;
		return 0;
	}
	cgroup_free(cg);
	return err_set(err, ERR_NOT_FOUND, "cgroup %s is not where it was", path);
}

void cgroup_open_rest(struct cgroup *cg)
{
	for (size_t i = 0; cg->in_part && i < cg->count; i++) {
		if (cg->dirs[i].fd < 0)
			cgroup_open_folder(&cg->dirs[i]);
	}
	cg->in_part = false;
}
