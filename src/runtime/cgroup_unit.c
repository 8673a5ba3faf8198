/*
 * The cgroup of a container that is a unit of systemd's. systemd makes the folder and moves the first process into it
 * (an unprivileged user could not do that); everything else is as with any cgroup, in the folder that was made.
 *
 *	cgroup_unit_plan()   where it will be; nothing exists. Then init is cloned, and waits.
 *	cgroup_unit_start()  the unit with init in it, other hierarchies, limits. Then init goes on.
 */
#include <signal.h>

#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

struct cgroup_unit {
	struct systemd_unit unit;
	struct systemd *systemd; /* connection, where one is needed soon again */
	bool started;
};

static struct cgroup_unit *unit_new(const struct systemd_unit *unit)
{
	struct cgroup_unit *u = xcalloc(1, sizeof(*u));
	systemd_unit_copy(&u->unit, unit);
	return u;
}

void cgroup_unit_free(struct cgroup_unit *u)
{
	if (!u)
		return;
	systemd_close(u->systemd);
	systemd_unit_clear(&u->unit);
	free(u);
}

static int connect_unit(struct cgroup_unit *u, struct err **err)
{
	return u->systemd ? 0 : systemd_connect(&u->systemd, &u->unit, err);
}

int cgroup_unit_plan(struct cgroup **out, const struct systemd_unit *unit, struct err **err)
{
	if (systemd_check_booted(err) < 0)
		return -1;
	struct cgroup_unit *u = unit_new(unit);
	auto_free char *path =
		connect_unit(u, err) < 0 ? NULL : systemd_path(u->systemd, &u->unit, err);
	struct cgroup *cg = path ? cgroup_new(path, err) : NULL;
	if (!cg) {
		cgroup_unit_free(u);
		return -1;
	}
	cg->unit = u;
	*out = cg;
	return 0;
}

void cgroup_unit_adopt(struct cgroup *cg, const struct systemd_unit *unit)
{
	cgroup_unit_free(cg->unit);
	cg->unit = unit_new(unit);
	cg->unit->started = true;
}

bool cgroup_is_unit(const struct cgroup *cg)
{
	return cg->unit;
}

static int start(
	struct cgroup *cg, const struct cgroup_unit_spec *spec, pid_t pid, struct err **err)
{
	struct cgroup_unit *u = cg->unit;
	auto_systemd_props props = {0};
	if (systemd_props_base(
		    &props, &u->unit, spec->id, spec->annotations, spec->annotation_count, err) < 0)
		return -1;
	if (spec->resources && systemd_props_limits(&props, spec->resources,
				       cg->layout.mode == CGROUP_V2, err) < 0)
		return -1;
	if (spec->resources && cg->layout.mode == CGROUP_V2)
		systemd_props_at_start(&props, &u->unit, spec->resources);
	/* a slice takes no process from its maker: we put it there ourselves */
	pid_t first = systemd_unit_is_slice(&u->unit) ? 0 : pid;
	if (systemd_start(u->systemd, &u->unit, &props, first, err) < 0)
		return -1;
	u->started = true;
	return 0;
}

int cgroup_unit_start(
	struct cgroup *cg, const struct cgroup_unit_spec *spec, pid_t pid, struct err **err)
{
	if (start(cg, spec, pid, err) < 0)
		return -1;
	if (spec->made && spec->made(spec->arg, cg->path, err) < 0)
		return -1;
	if (systemd_keep(cg->unit->systemd, &cg->unit->unit, err) < 0)
		return -1;
	for (size_t i = 0; i < cg->count; i++) {
		if (cgroup_make_folder(cg, &cg->dirs[i], err) < 0)
			return -1;
	}
	if (spec->resources && cgroup_write_limits(cg, spec->resources, err) < 0)
		return -1;
	if (cgroup_attach(cg, pid, err) < 0)
		return -1;
	systemd_close(cg->unit->systemd);
	cg->unit->systemd = NULL;
	return 0;
}

int cgroup_unit_attach(struct cgroup *cg, pid_t pid, struct err **err)
{
	if (connect_unit(cg->unit, err) < 0)
		return -1;
	return systemd_attach(cg->unit->systemd, &cg->unit->unit, pid, err);
}

int cgroup_unit_set(struct cgroup *cg, const struct oci_resources *res, struct err **err)
{
	auto_systemd_props props = {0};
	if (systemd_props_limits(&props, res, cg->layout.mode == CGROUP_V2, err) < 0)
		return -1;
	if (!props.count)
		return 0;
	if (connect_unit(cg->unit, err) < 0)
		return -1;
	return systemd_set(cg->unit->systemd, &cg->unit->unit, &props, err);
}

/* Who cannot be asked any more (a user's manager goes with the last session) has no units either. */
int cgroup_unit_stop(const struct systemd_unit *unit, struct err **err)
{
	auto_err *why = NULL;
	struct systemd *s = NULL;
	int r = systemd_connect(&s, unit, &why);
	if (r == 0)
		r = systemd_stop(s, unit, &why);
	systemd_close(s);
	if (r == 0 || (why->kind == ERR_UNAVAILABLE && !str_empty(unit->helper)))
		return 0;
	return err_move(err, &why);
}

bool cgroup_unit_started(const struct cgroup *cg)
{
	return cg->unit->started;
}

int cgroup_unit_remove(struct cgroup *cg, struct err **err)
{
	return cg->unit->started ? cgroup_unit_stop(&cg->unit->unit, err) : 0;
}
