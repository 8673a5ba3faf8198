/* Looking: inspect, and the list with all the filters that `docker ps` sends. */
#include "core.h"

static void count_sizes(struct container *c, struct container_snapshot *s)
{
	s->size_rw = store_snapshot_size_rw(c->engine->store, container_id(c), NULL);
	int64_t lower = store_snapshot_size_lower(c->engine->store, container_id(c), NULL);
	if (s->size_rw >= 0 && lower >= 0)
		s->size_root = s->size_rw + lower;
}

static void describe_storage(struct container *c, struct container_snapshot *s)
{
	struct store_snapshot d = {0};
	if (store_snapshot_describe(c->engine->store, container_id(c), false, &d, NULL))
		return;
	s->storage_driver = d.driver;
	s->layers = steal_ptr(d.lower);
	s->upper = steal_ptr(d.upper);
	s->work = steal_ptr(d.work);
	if (d.kind == STORE_ROOT_OVERLAY)
		s->merged = container_path(c, "merged");
	store_snapshot_free(&d);
}

int engine_container_inspect(struct engine *e, const char *ref, bool size,
	struct container_snapshot **out, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c)
		return -1;
	struct container_snapshot *s = container_snapshot(c);
	describe_storage(c, s);
	if (size)
		count_sizes(c, s);
	*out = s;
	return 0;
}

int engine_container_resolve(struct engine *e, const char *ref, char id[65], struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c)
		return -1;
	memcpy(id, container_id(c), 65);
	return 0;
}

/* ---- filters ---- */

struct listing {
	struct engine *engine;
	const struct filters *f;
	int64_t before, since; /* created before, after; 0: not asked */
	char **ancestors; /* image ids; NULL: not asked */
	bool has_ancestor;
	bool running_only;
};

static int reference_time(struct listing *l, const char *key, int64_t *out, struct err **err)
{
	char **values = filters_get(l->f, key);
	for (size_t i = 0; values && values[i]; i++) {
		auto_container *c = roster_find(&l->engine->roster, values[i], err);
		if (!c)
			return -1;
		*out = c->doc->doc.created;
	}
	return 0;
}

/* ancestor=IMAGE: containers of that image. Of images made from it too, once there are builds. */
static void find_ancestors(struct listing *l)
{
	char **values = filters_get(l->f, "ancestor");
	l->has_ancestor = values != NULL;
	for (size_t i = 0; values && values[i]; i++) {
		auto_store_image *image = store_image_find(l->engine->store, values[i], NULL);
		if (image)
			strv_add(&l->ancestors, image->id.str);
	}
}

static int check_values(const struct listing *l, bool all, struct err **err)
{
	char **status = filters_get(l->f, "status"), **health = filters_get(l->f, "health");
	static const char *const healths[] = {"starting", "healthy", "unhealthy", "none"};
	int64_t n;

	for (size_t i = 0; status && status[i]; i++)
		if (container_status_parse(status[i]) < 0)
			return err_set(err, ERR_INVALID, "invalid filter 'status=%s'", status[i]);
	for (size_t i = 0; health && health[i]; i++) {
		size_t k = 0;
		while (k < ARRAY_LEN(healths) && !str_eq(healths[k], health[i]))
			k++;
		if (k == ARRAY_LEN(healths))
			return err_set(err, ERR_INVALID, "invalid filter 'health=%s'", health[i]);
	}
	char **exited = filters_get(l->f, "exited");
	for (size_t i = 0; exited && exited[i]; i++)
		if (str_to_i64(exited[i], &n))
			return err_set(err, ERR_INVALID, "invalid filter 'exited=%s'", exited[i]);
	return 0;
}

static int prepare(struct listing *l, const struct container_list_options *o, struct err **err)
{
	static const char *const known[] = {"ancestor", "annotation", "before", "exited", "expose",
		"health", "id", "is-task", "isolation", "label", "name", "network", "publish",
		"since", "status", "volume", NULL};
	bool task;

	if (filters_check(l->f, known, err) || check_values(l, o->all, err) ||
		filters_bool(l->f, "is-task", false, &task, err) ||
		reference_time(l, "before", &l->before, err) ||
		reference_time(l, "since", &l->since, err))
		return -1;
	find_ancestors(l);
	/* docker: these two look at those that do not run, too */
	l->running_only = !o->all && o->limit <= 0 && !filters_get(l->f, "status") &&
			  !filters_get(l->f, "exited");
	return 0;
}

static bool label_matches(const struct filters *f, const struct str_map *labels)
{
	char **wanted = filters_get(f, "label");
	for (size_t i = 0; wanted && wanted[i]; i++) {
		const char *eq = strchr(wanted[i], '=');
		auto_free char *key =
			eq ? xstrndup(wanted[i], (size_t)(eq - wanted[i])) : xstrdup(wanted[i]);
		const char *value = str_map_get(labels, key);
		if (!value || (eq && !str_eq(value, eq + 1)))
			return false;
	}
	return true;
}

static bool volume_matches(const struct filters *f, const struct container_doc *doc)
{
	char **wanted = filters_get(f, "volume");
	if (!wanted)
		return true;
	for (size_t i = 0; wanted[i]; i++)
		for (size_t k = 0; k < doc->mounts.n; k++)
			if (str_eq(doc->mounts.v[k].name, wanted[i]) ||
				str_eq(doc->mounts.v[k].source, wanted[i]) ||
				str_eq(doc->mounts.v[k].destination, wanted[i]))
				return true;
	return false;
}

static bool network_matches(struct engine *e, const struct filters *f, const char *mode)
{
	char **wanted = filters_get(f, "network");
	enum net_mode m = net_mode(mode);
	const char *name = m == NET_MODE_HOST ? "host" : m == NET_MODE_NONE ? "none" : "bridge";
	const char *id = m == NET_MODE_HOST   ? e->host_id
			 : m == NET_MODE_NONE ? e->none_id
					      : e->bridge_id;
	if (!wanted)
		return true;
	if (m == NET_MODE_CONTAINER)
		return false;
	for (size_t i = 0; wanted[i]; i++)
		if (str_eq(wanted[i], name) || (wanted[i][0] && str_starts(id, wanted[i])))
			return true;
	return false;
}

/* "80", "80/tcp", "80-90/udp" against one port. */
static bool port_in(const char *wanted, uint16_t port, const char *proto)
{
	uint16_t first, last;
	uint8_t p;
	if (net_expose_parse(wanted, &first, &last, &p, NULL))
		return false;
	return port >= first && port <= last && str_eq(net_proto_name(p), proto);
}

static bool ports_match(const struct filters *f, const char *key,
	const struct container_snapshot *s, bool published)
{
	char **wanted = filters_get(f, key);
	if (!wanted)
		return true;
	for (size_t i = 0; wanted[i]; i++)
		for (size_t k = 0; k < s->net->ports.n; k++) {
			const struct container_port *p = &s->net->ports.v[k];
			if (published ? p->host_ip && port_in(wanted[i], p->host_port, p->proto)
				      : port_in(wanted[i], p->port, p->proto))
				return true;
		}
	return false;
}

static bool exited_matches(const struct filters *f, const struct container_state *s)
{
	char **wanted = filters_get(f, "exited");
	int64_t code;
	if (!wanted)
		return true;
	if (s->status != CONTAINER_EXITED)
		return false;
	for (size_t i = 0; wanted[i]; i++)
		if (!str_to_i64(wanted[i], &code) && code == s->exit_code)
			return true;
	return false;
}

/* Patterns match with and without the slash that Docker's names begin with. */
static bool name_matches(const struct filters *f, const char *name)
{
	auto_free char *slashed = xasprintf("/%s", name);
	return filters_fuzzy(f, "name", name) || filters_fuzzy(f, "name", slashed);
}

static bool matches(const struct listing *l, const struct container_snapshot *s)
{
	const struct filters *f = l->f;
	const struct container_doc *doc = s->doc;

	if (l->running_only && s->state.status != CONTAINER_RUNNING &&
		s->state.status != CONTAINER_PAUSED && s->state.status != CONTAINER_RESTARTING)
		return false;
	if ((l->before && doc->created >= l->before) || (l->since && doc->created <= l->since))
		return false;
	if (l->has_ancestor && strv_index(l->ancestors, doc->image_id) < 0)
		return false;
	return filters_prefix(f, "id", doc->id) && name_matches(f, s->name) &&
	       filters_exact(f, "status", container_status_name(s->state.status)) &&
	       filters_exact(f, "health", "none") && filters_exact(f, "isolation", "") &&
	       exited_matches(f, &s->state) && label_matches(f, &doc->config.labels) &&
	       volume_matches(f, doc) && network_matches(l->engine, f, doc->host.network_mode) &&
	       ports_match(f, "publish", s, true) && ports_match(f, "expose", s, false);
}

int engine_container_list(struct engine *e, const struct container_list_options *options,
	struct container_snapshot ***out, size_t *count, struct err **err)
{
	struct listing l = {.engine = e, .f = options->filters};
	size_t n, kept = 0;

	if (prepare(&l, options, err)) {
		strv_free(l.ancestors);
		return -1;
	}
	struct container **all = roster_all(&e->roster, &n);
	struct container_snapshot **v = xcalloc(n + 1, sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		bool enough = options->limit > 0 && kept >= (size_t)options->limit;
		struct container_snapshot *s = enough ? NULL : container_snapshot(all[i]);
		if (s && matches(&l, s)) {
			if (options->size)
				count_sizes(all[i], s);
			v[kept++] = s;
		} else {
			container_snapshot_free(s);
		}
		container_unref(all[i]);
	}
	free(all);
	strv_free(l.ancestors);
	*out = v;
	*count = kept;
	return 0;
}
