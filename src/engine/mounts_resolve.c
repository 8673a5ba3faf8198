/* All the mounts of a container together: who wins where, and which volumes have to be made. */
#include "mounts.h"

#include "base/digest.h"

struct resolver {
	struct engine *engine;
	struct container_doc *doc;
	struct volume_needs *needs;
};

static ssize_t find_point(const struct container_doc *doc, const char *destination)
{
	for (size_t i = 0; i < doc->mounts.n; i++)
		if (str_eq(doc->mounts.v[i].destination, destination))
			return (ssize_t)i;
	return -1;
}

/* Adds @m (taken), replacing nothing: a second mount at one place is the user's mistake. */
static int add_point(struct resolver *r, struct mount_point *m, struct err **err)
{
	if (find_point(r->doc, m->destination) >= 0) {
		err_set(err, ERR_INVALID, "Duplicate mount point: %s", m->destination);
		mount_point_clear(m);
		return -1;
	}
	*model_list_add(&r->doc->mounts) = *m;
	return 0;
}

static void need_volume(struct resolver *r, const struct str_map *labels)
{
	size_t at = r->doc->mounts.n - 1;
	struct mount_point *m = &r->doc->mounts.v[at];
	struct volume_need *need;

	if (!m->name) {
		m->anonymous = true;
		m->name = xcalloc(1, 65);
		random_hex(m->name, 32);
	}
	m->source = volume_path(r->engine, m->name);
	r->needs->v = xreallocarray(r->needs->v, r->needs->n + 1, sizeof(*r->needs->v));
	need = &r->needs->v[r->needs->n++];
	*need = (struct volume_need){.point = at, .anonymous = m->anonymous};
	if (labels)
		need->labels = *labels;
}

static int take_volumes_from(struct resolver *r, const char *spec, struct err **err)
{
	const char *colon = strchr(spec, ':');
	auto_free char *ref = colon ? xstrndup(spec, (size_t)(colon - spec)) : xstrdup(spec);
	bool ro = colon && str_eq(colon + 1, "ro");

	if (colon && !ro && !str_eq(colon + 1, "rw") && !str_eq(colon + 1, "z") &&
		!str_eq(colon + 1, "Z"))
		return err_set(err, ERR_INVALID, "invalid volumes-from specification: '%s'", spec);
	auto_container *from = roster_find(&r->engine->roster, ref, err);
	if (!from) {
		/* clients take "not found" from a create for a missing image, and pull it */
		if (err && (*err)->kind == ERR_NOT_FOUND)
			(*err)->kind = ERR_INVALID;
		return -1;
	}
	for (size_t i = 0; i < from->doc->doc.mounts.n; i++) {
		const struct mount_point *src = &from->doc->doc.mounts.v[i];
		if (src->hidden || find_point(r->doc, src->destination) >= 0)
			continue;
		struct mount_point *m = model_list_add(&r->doc->mounts);
		*m = *src;
		m->type = xstrdup_null(src->type);
		m->name = xstrdup_null(src->name);
		m->source = xstrdup_null(src->source);
		m->destination = xstrdup(src->destination);
		m->driver = xstrdup_null(src->driver);
		m->mode = xstrdup_null(colon ? colon + 1 : src->mode);
		m->propagation = xstrdup_null(src->propagation);
		m->options = strv_copy(src->options);
		m->copy_up = false;
		if (ro && m->rw) {
			m->rw = false;
			strv_add(&m->options, "ro");
		}
	}
	return 0;
}

static int take_binds(struct resolver *r, struct err **err)
{
	char **binds = r->doc->host.binds;
	for (size_t i = 0; binds && binds[i]; i++) {
		struct mount_point m = {0};
		if (mount_parse_bind(binds[i], &m, err)) {
			mount_point_clear(&m);
			return -1;
		}
		bool volume = str_eq(m.type, "volume");
		if (add_point(r, &m, err))
			return -1;
		if (volume)
			need_volume(r, NULL);
	}
	return 0;
}

static int take_specs(struct resolver *r, struct err **err)
{
	const struct host_config *host = &r->doc->host;
	for (size_t i = 0; i < host->mounts.n; i++) {
		struct mount_point m = {0};
		const struct mount_spec *spec = &host->mounts.v[i];
		if (mount_parse_spec(spec, &m, err)) {
			mount_point_clear(&m);
			return -1;
		}
		if (add_point(r, &m, err))
			return -1;
		if (str_eq(spec->type, "volume"))
			need_volume(r, spec->volume ? &spec->volume->labels : NULL);
	}
	for (size_t i = 0; i < host->tmpfs.n; i++) {
		struct mount_point m = {0};
		if (mount_parse_tmpfs(host->tmpfs.v[i].key, host->tmpfs.v[i].value, &m, err)) {
			mount_point_clear(&m);
			return -1;
		}
		if (add_point(r, &m, err))
			return -1;
	}
	return 0;
}

/* VOLUME of the image and -v /path: where nothing else is mounted, an anonymous volume. */
static int take_anonymous(struct resolver *r, struct err **err)
{
	char **volumes = r->doc->config.volumes;
	for (size_t i = 0; volumes && volumes[i]; i++) {
		if (volumes[i][0] != '/')
			return err_set(err, ERR_INVALID,
				"invalid volume specification: '%s': invalid mount path: '%s' "
				"mount path must be absolute",
				volumes[i], volumes[i]);
		auto_free char *destination = mount_clean(volumes[i]);
		if (str_eq(destination, "/"))
			return err_set(err, ERR_INVALID,
				"invalid volume specification: '%s': invalid specification: "
				"destination can't be '/'",
				volumes[i]);
		if (find_point(r->doc, destination) >= 0)
			continue;
		struct mount_point *m = model_list_add(&r->doc->mounts);
		m->type = xstrdup("volume");
		m->destination = steal_ptr(destination);
		m->driver = xstrdup("local");
		m->rw = m->copy_up = true;
		strv_add(&m->options, "rbind");
		strv_add(&m->options, "rprivate");
		need_volume(r, NULL);
	}
	return 0;
}

int mounts_resolve(
	struct engine *e, struct container_doc *doc, struct volume_needs *needs, struct err **err)
{
	struct resolver r = {e, doc, needs};

	if (take_binds(&r, err) || take_specs(&r, err))
		return -1;
	for (size_t i = 0; doc->host.volumes_from && doc->host.volumes_from[i]; i++)
		if (take_volumes_from(&r, doc->host.volumes_from[i], err))
			return -1;
	return take_anonymous(&r, err);
}
