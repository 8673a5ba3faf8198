/* Pushes: an image's blobs, then its manifest, under each tag. */
#include "core.h"
#include "operation.h"
#include "push_plan.h"
#include "referrers.h"
#include "transfer.h"

struct push {
	struct operation *op;
	struct reference ref; /* no tag: all */
	bool has_platform;
	struct oci_platform platform;
	char *auth_text[AUTH_TEXTS];
	struct registry_auth auth;
};

static struct engine *engine_of(const struct push *p)
{
	return operation_engine(p->op);
}

/* ---- which tags ---- */

/* Those that the repository has here, sorted; NULL if none. */
static int local_tags(struct push *p, char ***out, struct err **err)
{
	auto_free char *name = reference_familiar_name(&p->ref);
	char *patterns[] = {name, NULL};
	const struct store_image_filter filter = {.reference = patterns};
	struct store_image_list list = {0};
	*out = NULL;
	if (store_image_list(engine_of(p)->store, &filter, &list, err) < 0)
		return -1;
	size_t n = strlen(name);
	for (size_t i = 0; i < list.count; i++)
		for (char **t = list.v[i].repo_tags; t && *t; t++)
			if (strncmp(*t, name, n) == 0 && (*t)[n] == ':')
				strv_add(out, *t + n + 1);
	store_image_list_free(&list);
	return 0;
}

static int choose_tags(struct push *p, char ***out, struct err **err)
{
	auto_free char *name = reference_familiar_name(&p->ref);
	if (local_tags(p, out, err) < 0)
		return -1;
	if (!*out)
		return err_set(err, ERR_NOT_FOUND,
			"An image does not exist locally with the tag: %s", name);
	if (!p->ref.tag)
		return 0;
	bool has = strv_index(*out, p->ref.tag) >= 0;
	strv_free(*out);
	*out = NULL;
	if (!has)
		return err_set(err, ERR_NOT_FOUND, "tag does not exist: %s:%s", name, p->ref.tag);
	strv_add(out, p->ref.tag);
	return 0;
}

/* ---- one tag ---- */

/* What has a subject is listed with all that refers to it: by the registry, or else by us. */
static int put_document(
	struct push *p, const struct push_document *d, const char *ref, struct err **err)
{
	struct registry_session *s = operation_open_session(p->op);
	auto_oci_referrer *r = NULL;
	bool listed = false;
	const struct registry_put put = {
		.ref = ref, .media_type = d->media_type, .p = d->bytes.data, .n = d->bytes.len};
	if (oci_referrer_parse(&r, d->media_type, d->bytes.data, d->bytes.len, err) < 0)
		return err_wrap(err, "%s", d->digest.str);
	if (registry_manifest_put(s, &put, &listed, err) < 0)
		return -1;
	if (!r || listed)
		return 0;
	auto_free char *repository = reference_name(&p->ref);
	if (referrers_add(p->op, repository, r, err) == 0)
		return 0;
	auto_free char *name = reference_familiar_name(&p->ref);
	return err_wrap(err,
		"%s%c%s was pushed, but is not listed among what refers to %s: this registry keeps "
		"no such list, and the tag %s could not be updated",
		name, strchr(ref, ':') ? '@' : ':', ref, r->subject, r->tag);
}

static int put_documents(
	struct push *p, const struct push_plan *plan, const char *tag, struct err **err)
{
	for (size_t i = 0; i < plan->document_count; i++) {
		const struct push_document *d = &plan->documents[i];
		bool last = i + 1 == plan->document_count;
		if (put_document(p, d, last ? tag : d->digest.str, err) < 0)
			return -1;
	}
	return 0;
}

/* What was made for this push is the image's from now on: the next push sends the same. */
static void remember(struct push *p, const struct push_plan *plan, struct store_lease *lease)
{
	struct store *store = engine_of(p)->store;
	const struct push_document *d = &plan->documents[0];
	auto_err *err = NULL;
	int rc =
		store_blob_add(lease, &d->digest, d->media_type, d->bytes.data, d->bytes.len, &err);
	for (size_t i = 0; rc == 0 && i < plan->item_count; i++)
		if (plan->items[i].media_type)
			rc = store_image_blob_add(store, &plan->image, STORE_ROLE_LAYER,
				&plan->items[i].blob, plan->items[i].media_type, NULL, &err);
	if (rc == 0)
		rc = store_image_blob_add(store, &plan->image, STORE_ROLE_MANIFEST, &d->digest,
			d->media_type, NULL, &err);
	if (rc < 0)
		log_warn("push: %s", err_msg(err));
}

/* Which image the registry has under that digest, and that the tag stands for it. */
static void note_digest(struct push *p, const struct push_plan *plan, const char *tag)
{
	struct store *store = engine_of(p)->store;
	const struct push_document *d = &plan->documents[plan->document_count - 1];
	auto_free char *repo = reference_name(&p->ref);
	auto_free char *name = xasprintf("%s:%s", repo, tag);
	auto_err *err = NULL;
	if (store_image_digest_add(store, &plan->image, repo, &d->digest, &err) < 0 ||
		store_image_document_add(store, &plan->image, name, &d->digest, &err) < 0)
		log_warn("push: %s", err_msg(err));
}

static void say_pushed(struct push *p, const char *tag, const struct push_document *d)
{
	operation_line(p->op, NULL, "%s: digest: %s size: %zu", tag, d->digest.str, d->bytes.len);
	operation_say(p->op, &(struct image_message){.kind = IMAGE_PUSHED,
				     .tag = tag,
				     .digest = d->digest.str,
				     .size = (int64_t)d->bytes.len});
}

static int push_planned(struct push *p, struct push_plan *plan, struct store_lease *lease,
	const char *tag, struct err **err)
{
	struct engine *e = engine_of(p);
	bool fresh = plan->document_count == 0;
	push_plan_mounts(plan, e->store, &p->ref);
	if (send_blobs(p->op, plan->items, plan->item_count, e->max_uploads, err) < 0)
		return -1;
	if (fresh)
		push_plan_manifest(plan);
	if (put_documents(p, plan, tag, err) < 0)
		return -1;
	if (fresh)
		remember(p, plan, lease);
	note_digest(p, plan, tag);
	say_pushed(p, tag, &plan->documents[plan->document_count - 1]);
	return 0;
}

static int check_platform(
	const struct push *p, const struct store_image *image, const char *name, struct err **err)
{
	struct oci_platform have;
	const struct oci_image *c = image->config;
	oci_platform_make(&have, c->os, c->architecture, c->variant);
	if (!p->has_platform || oci_platform_score(&p->platform, &have) >= 0)
		return 0;
	auto_free char *want = oci_platform_format(&p->platform);
	return err_set(err, ERR_NOT_FOUND,
		"image with reference %s was found but does not provide the specified platform "
		"(%s)",
		name, want);
}

static int push_tag(struct push *p, const char *tag, struct err **err)
{
	struct store *store = engine_of(p)->store;
	auto_free char *repo = reference_familiar_name(&p->ref);
	auto_free char *name = xasprintf("%s:%s", repo, tag);
	auto_store_image *image = store_image_find(store, name, err);
	if (!image || check_platform(p, image, name, err) < 0)
		return -1;
	auto_store_lease *lease = store_lease_new(store);
	auto_push_plan plan = {0};
	if (push_plan_make(&plan, lease, store, image, p->has_platform, err) < 0)
		return -1;
	return push_planned(p, &plan, lease, tag, err);
}

/* ---- the whole ---- */

static int run(struct operation *op, void *arg, struct err **err)
{
	struct push *p = arg;
	const struct registry_session_spec session = {
		.name = &p->ref, .action = REGISTRY_PUSH, .auth = &p->auth};
	auto_free char *name = reference_name(&p->ref);
	auto_free char *familiar = reference_familiar_string(&p->ref);
	auto_free char *repo = reference_familiar_name(&p->ref);
	auto_strv tags = NULL;
	p->op = op;
	operation_line(op, NULL, "The push refers to repository [%s]", name);
	if (choose_tags(p, &tags, err) < 0 || !operation_session(op, &session, err))
		return -1;
	for (size_t i = 0; tags[i]; i++)
		if (push_tag(p, tags[i], err) < 0)
			return -1;
	image_event(engine_of(p), "push", familiar, repo);
	return 0;
}

static void push_free(void *arg)
{
	struct push *p = arg;
	reference_free(&p->ref);
	auth_forget(p->auth_text);
	free(p);
}

struct image_watch *engine_image_push(struct engine *e, const struct image_push *spec,
	const struct image_listener *l, struct err **err)
{
	struct push *p = xcalloc(1, sizeof(*p));
	auth_copy(&p->auth, p->auth_text, &spec->auth);
	p->has_platform = spec->platform != NULL;
	if (spec->platform)
		p->platform = *spec->platform;
	int rc = reference_with(&p->ref, spec->name, spec->tag, err);
	if (rc == 0 && p->ref.has_digest)
		rc = err_set(err, ERR_INVALID, "cannot push a digest reference");
	if (rc < 0) {
		push_free(p);
		return NULL;
	}
	const struct operation_spec op = {.run = run, .free_arg = push_free, .arg = p};
	return operation_start(e, e->operations, &op, l, err);
}
