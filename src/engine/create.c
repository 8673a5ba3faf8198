/*
 * Create: a request becomes a container, or nothing.
 *
 * Everything that can be refused is refused before anything is made. What is made (volumes, the upper
 * folder, the row) goes into one transaction; the folders of one that was rolled back are removed here or,
 * after a kill -9, by the next start.
 */
#include "create.h"

#include <unistd.h>

#include "base/digest.h"
#include "engine/image.h"
#include "mounts.h"

#define EXPOSED_MAX                                                                                \
	65536 /* ports, with those of the image: each costs memory while the container runs */

struct creation {
	struct engine *engine;
	char id[65];
	char *name; /* taken in the roster */
	struct doc_ref *doc;
	struct volume_needs needs;
	char **new_volumes;
	struct container *container;
};

static void creation_clear(struct creation *c)
{
	if (c->name && !c->container)
		roster_name_drop(&c->engine->roster, c->name);
	free(c->name);
	doc_unref(c->doc);
	free(c->needs.v);
	strv_free(c->new_volumes);
	container_unrefp(&c->container);
}

static int take_name(struct creation *c, const char *name, struct err **err)
{
	struct roster *t = &c->engine->roster;

	if (!str_empty(name)) {
		if (name[0] == '/')
			name++;
		if (!name_valid(name))
			return err_set(err, ERR_INVALID,
				"Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
				"allowed",
				name);
		if (roster_name_take(t, name, c->id, err))
			return -1;
		c->name = xstrdup(name);
		return 0;
	}
	for (unsigned attempt = 0; attempt < 20; attempt++) {
		auto_free char *random = name_random(attempt);
		if (roster_name_take(t, random, c->id, NULL) == 0) {
			c->name = steal_ptr(random);
			return 0;
		}
	}
	return err_set(err, ERR_CONFLICT, "could not make up a container name that is free");
}

/* "container:web" becomes "container:<id>", so that a rename changes nothing. */
static int fix_mode(struct engine *e, char **mode, struct err **err)
{
	const char *ref = *mode ? str_after(*mode, "container:") : NULL;
	if (!ref)
		return 0;
	auto_err *why = NULL;
	auto_container *other = roster_find(&e->roster, ref, &why);
	/* A missing one is for start to find, as Docker does: clients take a 404 from create for a
	 * missing image and pull. */
	if (!other)
		return why->kind == ERR_NOT_FOUND ? 0 : err_move(err, &why);
	free(*mode);
	*mode = xasprintf("container:%s", container_id(other));
	return 0;
}

static int check_endpoint(const struct endpoint_entry *ep, struct err **err)
{
	const struct endpoint_settings *s = &ep->settings;
	if (s->ipam && (!str_empty(s->ipam->ipv4) || !str_empty(s->ipam->ipv6)))
		return err_set(err, ERR_INVALID,
			"user specified IP address is supported on user defined networks only");
	if (strv_len(s->aliases))
		return err_set(err, ERR_INVALID,
			"network-scoped alias is supported only for containers in user defined "
			"networks");
	if (strv_len(s->links))
		return err_set(err, ERR_NOT_IMPLEMENTED, "links are not implemented");
	return 0;
}

static int fix_network(struct container_doc *doc, struct err **err)
{
	const char *mode = doc->host.network_mode;

	/* Whether the networks exist is found out by network_prepare(), at start (see fix_mode). */
	for (size_t i = 0; i < doc->net.endpoints.n; i++) {
		const struct endpoint_entry *ep = &doc->net.endpoints.v[i];
		if (net_mode(mode) == NET_MODE_BRIDGE && check_endpoint(ep, err))
			return -1;
	}
	return 0;
}

static void fix_hostname(struct engine *e, struct container_doc *doc)
{
	char host[256] = "";
	const char *joined;

	if (!str_empty(doc->config.hostname))
		return;
	if (str_eq(doc->host.uts_mode, "host") || str_eq(doc->host.network_mode, "host")) {
		gethostname(host, sizeof(host) - 1);
		str_replace(&doc->config.hostname, host);
	} else if ((joined = str_after(doc->host.network_mode, "container:"))) {
		auto_container *other = roster_find(&e->roster, joined, NULL);
		if (other)
			str_replace(&doc->config.hostname, other->doc->doc.config.hostname);
	} else {
		free(doc->config.hostname);
		doc->config.hostname = xstrndup(doc->id, 12);
	}
}

static int check_exposed(const struct container_config *c, struct err **err)
{
	uint32_t total = 0;
	for (size_t i = 0; c->exposed_ports && c->exposed_ports[i]; i++) {
		uint16_t first, last;
		uint8_t proto;
		if (net_expose_parse(c->exposed_ports[i], &first, &last, &proto, NULL))
			continue; /* an image's; the user's have been checked */
		total += (uint32_t)(last - first) + 1;
		if (total > EXPOSED_MAX)
			return err_set(
				err, ERR_INVALID, "more than %d ports are exposed", EXPOSED_MAX);
	}
	return 0;
}

/* The document: request, image and defaults in one. */
static int make_doc(
	struct creation *c, const struct store_image *image, char ***warnings, struct err **err)
{
	struct engine *e = c->engine;
	struct container_doc *doc = &c->doc->doc;

	memcpy(doc->id, c->id, sizeof(doc->id));
	doc->created = time_now();
	doc->image_id = xstrdup(image->id.str);
	doc->platform = xstrdup("linux");
	config_merge(&doc->config, &image->config->config);
	if (image->config->config.healthcheck && !doc->config.healthcheck)
		strv_add(warnings,
			"The image's health check is not run: health checks are not implemented.");
	if (check_exposed(&doc->config, err) || config_command(doc, err))
		return -1;
	if (fix_mode(e, &doc->host.network_mode, err) || fix_mode(e, &doc->host.pid_mode, err) ||
		fix_mode(e, &doc->host.ipc_mode, err) || fix_network(doc, err))
		return -1;
	fix_hostname(e, doc);
	return mounts_resolve(e, doc, &c->needs, err);
}

/* All rows and folders, in one transaction. */
static int insert_all(struct creation *c, const struct digest *image, struct err **err)
{
	struct engine *e = c->engine;

	for (size_t i = 0; i < c->needs.n; i++) {
		const struct volume_need *need = &c->needs.v[i];
		const char *name = c->doc->doc.mounts.v[need->point].name;
		int made = volume_ensure(e, name, need->anonymous, &need->labels, err);
		if (made < 0)
			return -1;
		if (made)
			strv_add(&c->new_volumes, name);
	}
	if (store_snapshot_create(e->store, c->id, image, err))
		return -1;
	return rows_insert(e->db, c->container, err);
}

static int commit_all(struct creation *c, const struct digest *image, struct err **err)
{
	struct engine *e = c->engine;

	/* volumes outlive the container, so their rows must be safe */
	if (c->needs.n ? db_begin(e->db, err) : rows_begin(c->container, err))
		return -1;
	if (insert_all(c, image, err)) {
		db_rollback(e->db);
		return -1;
	}
	return db_commit(e->db, err);
}

static int make_all(struct creation *c, const struct digest *image, struct err **err)
{
	struct engine *e = c->engine;
	int r;

	c->container = container_new(e, steal_ptr(c->doc), c->name);
	c->doc = c->container->doc;
	atomic_fetch_add(&c->doc->refs, 1);
	/* from the volumes' rows to the container's place in the roster nobody may remove them */
	bool mounts = c->doc->doc.mounts.n > 0;
	if (mounts)
		pthread_mutex_lock(&e->volume_lock);
	r = commit_all(c, image, err);
	if (!r)
		roster_add(&e->roster, c->container);
	if (mounts)
		pthread_mutex_unlock(&e->volume_lock);
	if (r) {
		store_snapshot_remove(e->store, c->id, NULL);
		container_unrefp(&c->container);
	}
	return r;
}

static void announce(struct creation *c)
{
	const struct ring_attr local = {"driver", "local"};
	for (size_t i = 0; c->new_volumes && c->new_volumes[i]; i++)
		event_other(c->engine, "volume", "create", c->new_volumes[i], &local, 1);
	event_container(c->container, "create", NULL, 0);
}

/* A container whose root file system or volumes could not be filled was never there. */
static void undo(struct creation *c)
{
	auto_err *err = NULL;
	if (!container_begin(c->container, &err)) {
		if (container_remove(c->container, false, &err))
			log_error("container %s: %s", c->id, err_msg(err));
		container_end(c->container);
	}
	for (size_t i = 0; c->new_volumes && c->new_volumes[i]; i++)
		volume_drop(c->engine, c->new_volumes[i], NULL);
}

static int check_storage(struct creation *c, const struct str_map *options, struct err **err)
{
	for (size_t i = 0; i < options->n; i++)
		if (store_snapshot_option(
			    c->engine->store, options->v[i].key, options->v[i].value, err))
			return -1;
	return 0;
}

/* As the image writes it: "linux/arm64/v8" stays that. */
static void warn_of_platform(const struct oci_image *image, char ***warnings)
{
	struct oci_platform have, host;
	oci_platform_make(&have, image->os, image->architecture, image->variant);
	if (oci_platform_score(NULL, &have) >= 0)
		return;
	oci_platform_host(&host);
	auto_free char *here = oci_platform_format(&host);
	bool variant = !str_empty(image->variant);
	auto_free char *text = xasprintf(
		"The requested image's platform (%.*s/%.*s%s%.*s) does not match the detected host "
		"platform (%s) and no specific platform was requested",
		OCI_PLATFORM_PART_MAX, image->os ? image->os : "", OCI_PLATFORM_PART_MAX,
		image->architecture ? image->architecture : "", variant ? "/" : "",
		OCI_PLATFORM_PART_MAX, variant ? image->variant : "", here);
	strv_add(warnings, text);
}

static int create(struct creation *c, const char *name, const struct oci_platform *want,
	char ***warnings, struct err **err)
{
	struct container_doc *doc = &c->doc->doc;
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);

	if (config_check(c->engine, &doc->config, &doc->host, err) ||
		check_storage(c, &doc->host.storage_opt, err) ||
		resources_check(&doc->host.res, cpus, warnings, err))
		return -1;
	if (str_eq(doc->host.network_mode, "host") &&
		(doc->host.port_bindings.n || doc->host.publish_all_ports))
		strv_add(warnings, "Published ports are discarded when using host network mode");
	host_defaults(c->engine, &doc->host);
	if (str_empty(doc->config.image))
		return err_set(err, ERR_INVALID, "no image specified");
	auto_store_image *image = engine_image_for(c->engine, doc->config.image, want, err);
	if (!image || take_name(c, name, err) || make_doc(c, image, warnings, err) ||
		make_all(c, &image->id, err))
		return -1;
	if (!want)
		warn_of_platform(image->config, warnings);
	if (store_snapshot_fill(c->engine->store, c->id, err) ||
		mounts_copy_up(c->container, err)) {
		undo(c);
		return -1;
	}
	announce(c);
	return 0;
}

int engine_container_create(struct engine *e, const char *name,
	const struct container_config *config, const struct host_config *host,
	const struct networking_config *net, const struct oci_platform *want, char id[65],
	char ***warnings, struct err **err)
{
	struct creation c = {.engine = e, .doc = doc_new()};
	auto_strv notes = NULL;

	random_hex(c.id, 32);
	model_copy(&model_container_config, &c.doc->doc.config, config);
	if (host)
		model_copy(&model_host_config, &c.doc->doc.host, host);
	if (net)
		model_copy(&model_networking_config, &c.doc->doc.net, net);
	int r = create(&c, name, want, &notes, err);
	if (!r) {
		memcpy(id, c.id, sizeof(c.id));
		if (warnings)
			*warnings = steal_ptr(notes);
	}
	creation_clear(&c);
	return r;
}
