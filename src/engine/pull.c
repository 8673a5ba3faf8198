/*
 * Pulls: what a name stands for at its registry becomes an image here.
 *
 * The registry's program fetches documents and blobs, the store's unpacks them; this thread only tells
 * one what the other has, and the client what both do. The order: the manifest (HEAD alone if the
 * image may be here already), its index and configuration, then all layers at once, then one commit.
 */
#include "engine/transfer.h"

#include "base/timefmt.h"
#include "core.h"
#include "operation.h"
#include "oci/image.h"
#include "oci/platform.h"
#include "store/content.h"
#include "store/pull.h"
#include "transfer.h"

struct pull {
	struct operation *op;
	struct engine *engine;
	struct reference ref; /* neither tag nor digest: all tags */
	char *platform;
	bool has_platform;
	struct oci_platform want;
	bool no_mirrors; /* they were not to be believed */
	/* copies of the credentials; registry_auth points to them */
	char *auth_text[AUTH_TEXTS];
	struct registry_auth auth;
};

/* What a name stands for: an index perhaps, a manifest, its configuration. */
struct documents {
	struct registry_manifest index, manifest;
	struct buf config;
};

static void documents_free(struct documents *d)
{
	registry_manifest_free(&d->index);
	registry_manifest_free(&d->manifest);
	buf_free(&d->config);
}
#define auto_documents __attribute__((cleanup(documents_free))) struct documents

/* ---- is it here? ---- */

static struct engine *engine_of(const struct pull *p)
{
	return operation_engine(p->op);
}

static bool has_blob(const struct store_blob_list *list, enum store_role role, const char *digest)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->v[i].role == role && str_eq(list->v[i].digest.str, digest))
			return true;
	return false;
}

/* The image of the index @digest that this platform is to have: do we have that one? */
static bool is_choice(
	struct pull *p, const struct digest *digest, const struct store_blob_list *list)
{
	auto_buf text = BUF_INIT;
	auto_oci_index *index = NULL;
	if (store_blob_read(engine_of(p)->store, digest, &text, NULL) < 0 ||
		oci_index_parse(&index, text.data, text.len, NULL) < 0)
		return false;
	const struct oci_descriptor *chosen =
		oci_index_choose(index, p->has_platform ? &p->want : NULL, NULL);
	return chosen && has_blob(list, STORE_ROLE_MANIFEST, chosen->digest.str);
}

/* True if the image that is called @ref here is what @digest stands for at the registry. */
static bool is_here(struct pull *p, const struct reference *ref, const struct digest *digest)
{
	struct store_blob_list list = {0};
	auto_free char *local = reference_familiar_string(ref);
	auto_free char *repo = reference_familiar_name(ref);
	auto_free char *name = xasprintf("%s@%s", repo, digest->str);
	auto_store_image *image = store_image_find(engine_of(p)->store, local, NULL);
	bool here = false;
	if (image && strv_index(image->repo_digests, name) >= 0 &&
		store_image_blobs(engine_of(p)->store, &image->id, &list, NULL) == 0)
		here = has_blob(&list, STORE_ROLE_MANIFEST, digest->str) ||
		       is_choice(p, digest, &list);
	store_blob_list_free(&list);
	return here;
}

/* ---- documents ---- */

/* As oci_index_choose(); what it passes over is named. */
static const struct oci_descriptor *choose(
	const struct pull *p, const struct oci_index *index, struct err **err)
{
	auto_err *why = NULL;
	const struct oci_descriptor *d =
		oci_index_choose(index, p->has_platform ? &p->want : NULL, &why);
	bool nested = false;
	for (size_t i = 0; i < index->manifest_count; i++)
		nested |= oci_type_is_index(index->manifests[i].media_type);
	if (!d && nested)
		err_set(err, ERR_NOT_IMPLEMENTED, "%s: an index within an index is not implemented",
			err_msg(why));
	else if (!d)
		err_move(err, &why);
	return d;
}

static int get_index(
	struct pull *p, struct registry_session *s, struct documents *d, struct err **err)
{
	auto_oci_index *index = NULL;
	d->index = d->manifest;
	d->manifest = (struct registry_manifest){0};
	if (oci_index_parse(&index, d->index.bytes.data, d->index.bytes.len, err) < 0)
		return -1;
	const struct oci_descriptor *chosen = choose(p, index, err);
	if (!chosen)
		return -1;
	return registry_manifest_get(s, chosen->digest.str, REGISTRY_MANIFEST, &d->manifest, err);
}

/* A configuration that is here already is not asked for again. */
static int get_config(
	struct pull *p, struct registry_session *s, struct documents *d, struct err **err)
{
	auto_oci_manifest *m = NULL;
	if (oci_manifest_parse(&m, d->manifest.bytes.data, d->manifest.bytes.len, err) < 0)
		return -1;
	if (store_blob_read(engine_of(p)->store, &m->config.digest, &d->config, NULL) == 0)
		return 0;
	d->config.len = 0;
	return registry_document(s, &m->config.digest, m->config.size, &d->config, err);
}

/* An index says so in its media type; a server that tells none is believed by the document's fields. */
static bool is_index(const struct registry_manifest *m)
{
	auto_oci_index *index = NULL;
	if (oci_type_is_index(m->media_type) || oci_type_is_manifest(m->media_type))
		return oci_type_is_index(m->media_type);
	return oci_index_parse(&index, m->bytes.data, m->bytes.len, NULL) == 0;
}

static int get_documents(
	struct pull *p, struct registry_session *s, struct documents *d, struct err **err)
{
	if (is_index(&d->manifest) && get_index(p, s, d, err) < 0)
		return -1;
	return get_config(p, s, d, err);
}

/* ---- one reference ---- */

static struct store_document document_of(const struct registry_manifest *m)
{
	return (struct store_document){m->bytes.data, m->bytes.len, m->media_type};
}

static struct store_pull *begin(
	struct pull *p, const struct reference *ref, const struct documents *d, struct err **err)
{
	const struct store_pull_spec spec = {
		.index = document_of(&d->index),
		.manifest = document_of(&d->manifest),
		.config = {d->config.data, d->config.len, NULL},
		.expect = ref->has_digest ? &ref->digest : NULL,
	};
	return store_pull_begin(engine_of(p)->store, &spec, err);
}

static int commit(struct pull *p, struct store_pull *pull, const struct reference *ref,
	bool *updated, struct err **err)
{
	struct store_pull_result result;
	if (store_pull_commit(pull, ref, &result, err) < 0)
		return -1;
	*updated = *updated || result.updated;
	operation_line(p->op, NULL, "Digest: %s", store_pull_digest(pull)->str);
	return 0;
}

static void say_pulling(struct pull *p, const struct reference *ref)
{
	auto_free char *whole = ref->has_digest ? reference_string(ref) : NULL;
	operation_line(p->op, whole ? whole : ref->tag, "Pulling from %s", ref->path);
}

static struct registry_session_spec session_spec(const struct pull *p)
{
	return (struct registry_session_spec){.name = &p->ref,
		.action = REGISTRY_PULL,
		.auth = &p->auth,
		.no_mirrors = p->no_mirrors};
}

static int need_session(struct pull *p, struct err **err)
{
	const struct registry_session_spec spec = session_spec(p);
	return operation_open_session(p->op) || operation_session(p->op, &spec, err) ? 0 : -1;
}

static int pull_from(struct pull *p, const struct reference *ref, bool *updated, struct err **err)
{
	struct registry_session *s = operation_open_session(p->op);
	const char *what = ref->has_digest ? ref->digest.str : ref->tag;
	const struct registry_session_spec again = session_spec(p);
	auto_documents d = {0};
	if (registry_manifest_get(s, what, REGISTRY_ANY_MANIFEST, &d.manifest, err) < 0)
		return -1;
	say_pulling(p, ref);
	if (get_documents(p, s, &d, err) < 0)
		return -1;
	auto_store_pull *pull = begin(p, ref, &d, err);
	if (!pull)
		return -1;
	int rc = fetch_layers(p->op, &again, pull, engine_of(p)->max_downloads, err);
	/* nobody writes to blobs any more when they get their names, or are given up */
	operation_session_close(p->op);
	return rc < 0 ? -1 : commit(p, pull, ref, updated, err);
}

/* The program passes mirrors by that fail. That one made something up is known only when all of it was hashed, or
 * read: then the registry itself is asked, once. */
static int pull_new(struct pull *p, const struct reference *ref, bool *updated, struct err **err)
{
	auto_err *why = NULL;
	bool mirrored = registry_session_mirrored(operation_open_session(p->op));
	if (pull_from(p, ref, updated, &why) == 0)
		return 0;
	if (!mirrored || (why->kind != ERR_INVALID && why->kind != ERR_TOO_LARGE) ||
		operation_cancelled(p->op))
		return err_move(err, &why);
	log_warn("pull of %s by way of its mirrors: %s; asking the registry itself", ref->path,
		err_msg(why));
	operation_session_close(p->op);
	p->no_mirrors = true;
	return need_session(p, err) < 0 ? -1 : pull_from(p, ref, updated, err);
}

static void say_here(struct pull *p, const struct reference *ref, const struct digest *digest)
{
	say_pulling(p, ref);
	operation_line(p->op, NULL, "Digest: %s", digest->str);
}

/* One HEAD says whether the image that has the name here is still the one. */
static int pull_one(struct pull *p, const struct reference *ref, bool *updated, struct err **err)
{
	auto_free char *local = reference_familiar_string(ref);
	auto_registry_manifest head = {0};
	if (need_session(p, err) < 0)
		return -1;
	auto_store_image *image =
		ref->has_digest ? NULL : store_image_find(engine_of(p)->store, local, NULL);
	if (!image || !image->repo_digests)
		return pull_new(p, ref, updated, err);
	if (registry_manifest_head(
		    operation_open_session(p->op), ref->tag, REGISTRY_ANY_MANIFEST, &head, err) < 0)
		return -1;
	if (!is_here(p, ref, &head.digest))
		return pull_new(p, ref, updated, err);
	say_here(p, ref, &head.digest);
	return 0;
}

static int pull_all_tags(struct pull *p, bool *updated, struct err **err)
{
	auto_strv tags = NULL;
	if (need_session(p, err) < 0 ||
		registry_tags(operation_open_session(p->op), &tags, err) < 0)
		return -1;
	for (size_t i = 0; tags && tags[i]; i++) {
		auto_reference one = {0};
		reference_copy_name(&one, &p->ref);
		one.tag = xstrdup(tags[i]);
		if (pull_one(p, &one, updated, err) < 0)
			return -1;
	}
	return 0;
}

/* What a digest stands for never changes: if it came by this name before, nobody has to be asked. */
static int pull_any(struct pull *p, bool *updated, struct err **err)
{
	if (p->ref.has_digest && is_here(p, &p->ref, &p->ref.digest)) {
		say_here(p, &p->ref, &p->ref.digest);
		return 0;
	}
	if (!p->ref.tag && !p->ref.has_digest)
		return pull_all_tags(p, updated, err);
	return pull_one(p, &p->ref, updated, err);
}

static int run(struct operation *op, void *arg, struct err **err)
{
	struct pull *p = arg;
	bool updated = false;
	auto_free char *name = reference_familiar_string(&p->ref);
	auto_free char *repo = reference_familiar_name(&p->ref);
	p->op = op;
	if (pull_any(p, &updated, err) < 0)
		return -1;
	operation_line(op, NULL, "Status: %s for %s",
		updated ? "Downloaded newer image" : "Image is up to date", name);
	image_event(engine_of(p), "pull", name, repo);
	return 0;
}

/* ---- beginning ---- */

static void pull_free(void *arg)
{
	struct pull *p = arg;
	reference_free(&p->ref);
	free(p->platform);
	auth_forget(p->auth_text);
	free(p);
}

/* Name and platform, what came with them for the registry: two with the same key are one. */
static char *key_of(const struct pull *p)
{
	struct buf key = BUF_INIT;
	auto_free char *name = reference_string(&p->ref);
	buf_addf(&key, "pull %s %s", name, p->platform ? p->platform : "");
	for (size_t i = 0; i < AUTH_TEXTS; i++)
		buf_addf(&key, "\n%zu:%s", strlen(p->auth_text[i]), p->auth_text[i]);
	return buf_steal(&key);
}

struct image_watch *engine_image_pull(struct engine *e, const struct image_pull *spec,
	const struct image_listener *l, struct err **err)
{
	struct pull *p = xcalloc(1, sizeof(*p));
	auth_copy(&p->auth, p->auth_text, &spec->auth);
	p->has_platform = !str_empty(spec->platform);
	p->platform = xstrdup_null(spec->platform);
	if (reference_with(&p->ref, spec->name, spec->tag, err) < 0 ||
		(p->has_platform && oci_platform_parse(spec->platform, &p->want, err) < 0)) {
		pull_free(p);
		return NULL;
	}
	/* a digest says more than a tag beside it */
	if (p->ref.has_digest)
		str_replace(&p->ref.tag, NULL);
	bool single = p->ref.tag || p->ref.has_digest;
	auto_free char *key = single ? key_of(p) : NULL;
	const struct operation_spec op = {.key = key, .run = run, .free_arg = pull_free, .arg = p};
	struct image_watch *w = operation_start(e, e->operations, &op, l, err);
	if (key)
		explicit_bzero(key, strlen(key));
	return w;
}
