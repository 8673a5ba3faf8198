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
#include "documents.h"
#include "engine/image.h"
#include "operation.h"
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

/* ---- is it here? ---- */

static struct engine *engine_of(const struct pull *p)
{
	return operation_engine(p->op);
}

static const struct oci_platform *wanted(const struct pull *p)
{
	return p->has_platform ? &p->want : NULL;
}

/* True if the image that is called @ref here came as what @digest stands for at the registry. */
static bool is_here(struct pull *p, const struct reference *ref, const struct digest *digest)
{
	struct store_blob_list list = {0};
	auto_free char *local = reference_familiar_string(ref);
	auto_free char *repo = reference_familiar_name(ref);
	auto_free char *name = xasprintf("%s@%s", repo, digest->str);
	auto_store_image *image = store_image_find(engine_of(p)->store, local, NULL);
	bool here = false;
	if (image && str_eq(image->document.str, digest->str) &&
		strv_index(image->repo_digests, name) >= 0 &&
		store_image_blobs(engine_of(p)->store, &image->id, &list, NULL) == 0)
		here = documents_lead_to(engine_of(p)->store, digest, wanted(p), image, &list);
	store_blob_list_free(&list);
	return here;
}

/* ---- one reference ---- */

static struct store_document document_of(const struct registry_manifest *m)
{
	return (struct store_document){m->bytes.data, m->bytes.len, m->media_type};
}

static struct store_pull *begin(
	struct pull *p, const struct reference *ref, const struct documents *d, struct err **err)
{
	struct store_pull_spec spec = {
		.manifest = document_of(&d->manifest),
		.config = {d->config.data, d->config.len, NULL},
		.expect = ref->has_digest ? &ref->digest : NULL,
	};
	for (size_t i = 0; i < d->index_count; i++)
		spec.indexes[i] = document_of(&d->indexes[i]);
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
	if (documents_get(&d, s, engine_of(p)->store, wanted(p), err) < 0)
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

/* A name that stands for one image and no index brings that, whatever was asked for; dockerd says so in the end. */
static void warn_of_platform(struct pull *p, const char *name)
{
	auto_err *why = NULL;
	if (!p->has_platform || (!p->ref.tag && !p->ref.has_digest))
		return;
	auto_store_image *image = engine_image_for(engine_of(p), name, &p->want, &why);
	if (!image && why->kind == ERR_NOT_FOUND)
		operation_line(p->op, NULL, "WARNING: %s", err_msg(why));
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
	warn_of_platform(p, name);
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
	if (str_eq(p->ref.domain, "docker.io") && str_eq(p->ref.path, "library/scratch")) {
		pull_free(p);
		err_set(err, ERR_FORBIDDEN, "'scratch' is a reserved name");
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
