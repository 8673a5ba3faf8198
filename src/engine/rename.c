/* Rename, and resize. */
#include "core.h"

static int rename_to(struct container *c, const char *name, struct err **err)
{
	struct engine *e = c->engine;
	auto_free char *old = xstrdup(c->name);
	const struct ring_attr attr = {"oldName", old};

	if (str_eq(old, name))
		return err_set(err, ERR_INVALID,
			"Renaming a container with the same name as its current name");
	if (roster_name_take(&e->roster, name, container_id(c), err))
		return err_wrap(err, "Error when allocating new name");
	if (rows_rename(e->db, container_id(c), name, err)) {
		roster_name_drop(&e->roster, name);
		return -1;
	}
	roster_renamed(&e->roster, c, name);
	event_container(c, "rename", &attr, 1);
	return 0;
}

int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err **err)
{
	if (str_empty(ref) || str_empty(name))
		return err_set(err, ERR_INVALID, "Neither old nor new names may be empty");
	if (name[0] == '/')
		name++;
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c)
		return -1;
	if (!name_valid(name))
		return err_set(err, ERR_INVALID,
			"Error when allocating new name: Invalid container name (%s), only "
			"[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
			name);
	if (container_begin(c, err))
		return -1;
	int r = rename_to(c, name, err);
	container_end(c);
	return r;
}

int engine_container_resize(
	struct engine *e, const char *ref, uint32_t h, uint32_t w, struct err **err)
{
	auto_free char *height = xasprintf("%u", h), *width = xasprintf("%u", w);
	const struct ring_attr attrs[] = {{"height", height}, {"width", width}};
	auto_container *c = roster_find(&e->roster, ref, err);

	if (!c)
		return -1;
	struct monitor_client *m = container_monitor(c);
	if (!m || !container_is_running(c)) {
		monitor_client_unref(m);
		return not_running(c, err);
	}
	int r = monitor_resize(m, NULL, h, w, err);
	monitor_client_unref(m);
	if (!r)
		event_container(c, "resize", attrs, ARRAY_LEN(attrs));
	return r;
}
