/* What an operation with a registry begins with, and questions to registries that need no thread. */
#include "core.h"
#include "engine/transfer.h"
#include "oci/image.h"
#include "transfer.h"

struct registry *engine_registry(struct engine *e, struct err **err)
{
	if (!e->registry)
		err_set(err, ERR_UNAVAILABLE,
			"this daemon runs without kist-registry: no registry can be reached");
	return e->registry;
}

void auth_copy(struct registry_auth *to, char *texts[AUTH_TEXTS], const struct registry_auth *from)
{
	const char *const fields[] = {from->username, from->password, from->identity_token,
		from->registry_token, from->server_address};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		texts[i] = xstrdup(fields[i] ? fields[i] : "");
	*to = (struct registry_auth){texts[0], texts[1], texts[2], texts[3], texts[4]};
}

void auth_forget(char *texts[AUTH_TEXTS])
{
	for (size_t i = 0; i < AUTH_TEXTS; i++) {
		if (texts[i])
			explicit_bzero(texts[i], strlen(texts[i]));
		free(texts[i]);
		texts[i] = NULL;
	}
}

/* As dockerd: a tag or digest beside the name replaces the name's own. */
int reference_with(struct reference *ref, const char *name, const char *tag, struct err **err)
{
	struct digest digest;
	auto_free char *text = xstrdup(name ? name : "");
	if (str_ends(text, ":"))
		text[strlen(text) - 1] = 0;
	if (reference_parse(text, ref, err) < 0)
		return -1;
	if (str_empty(tag))
		return 0;
	auto_err *bad = NULL;
	if (digest_parse(tag, &digest, &bad) == 0) {
		str_replace(&ref->tag, NULL);
		ref->has_digest = true;
		ref->digest = digest;
		return 0;
	}
	if (bad->kind == ERR_NOT_IMPLEMENTED)
		return err_move(err, &bad);
	if (!reference_tag_valid(tag))
		return err_set(err, ERR_INVALID, "invalid tag format");
	str_replace(&ref->tag, tag);
	return 0;
}

static struct registry_session *open_for(
	struct engine_question *q, const struct registry_session_spec *spec, struct err **err)
{
	const struct registry_patience patience = {question_cancel_fd(q)};
	struct registry *r = engine_registry(question_engine(q), err);
	struct registry_session_spec patient = *spec;
	patient.patience = &patience;
	return r ? registry_session_open(r, &patient, err) : NULL;
}

static struct registry_session *session_for(struct engine_question *q, const struct reference *ref,
	enum registry_action action, const struct registry_auth *auth, struct err **err)
{
	struct registry_session_spec spec = {.name = ref, .action = action, .auth = auth};
	return open_for(q, &spec, err);
}

int engine_registry_tags(struct engine_question *q, const char *name,
	const struct registry_auth *auth, char ***out, struct err **err)
{
	auto_reference ref = {0};
	if (reference_with(&ref, name, NULL, err) < 0)
		return -1;
	auto_registry_session *s = session_for(q, &ref, REGISTRY_PULL, auth, err);
	return s ? registry_tags(s, out, err) : -1;
}

int engine_registry_catalog(struct engine_question *q, const char *host,
	const struct registry_auth *auth, char ***out, struct err **err)
{
	auto_reference ref = {0};
	/* a host is read by the rules of names, and a name has a path */
	auto_free char *name = xasprintf("%s/x", host ? host : "");
	if (reference_parse(name, &ref, err) < 0)
		return -1;
	if (!str_eq(ref.path, "x"))
		return err_set(err, ERR_INVALID, "%s is no registry: expected HOST[:PORT]", host);
	auto_registry_session *s = session_for(q, &ref, REGISTRY_CATALOG, auth, err);
	return s ? registry_catalog(s, out, err) : -1;
}

int engine_registry_referrers(struct engine_question *q, const char *name,
	const char *artifact_type, const struct registry_auth *auth, struct buf *out,
	struct err **err)
{
	auto_reference ref = {0};
	auto_registry_manifest head = {0};
	if (reference_with(&ref, name, NULL, err) < 0)
		return -1;
	reference_default_tag(&ref);
	auto_registry_session *s = session_for(q, &ref, REGISTRY_PULL, auth, err);
	if (!s)
		return -1;
	if (ref.has_digest)
		return registry_referrers(s, &ref.digest, artifact_type, out, err);
	if (registry_manifest_head(s, ref.tag, REGISTRY_ANY_MANIFEST, &head, err) < 0)
		return -1;
	return registry_referrers(s, &head.digest, artifact_type, out, err);
}

void engine_registry_info(struct engine *e, struct registry_info *out)
{
	*out = (struct registry_info){0};
	if (e->registry)
		registry_info(e->registry, out);
}

void engine_registry_info_free(struct registry_info *info)
{
	registry_info_free(info);
}

int engine_registry_login(struct engine_question *q, const char *server,
	const struct registry_auth *auth, char **status, char **identity_token, struct err **err)
{
	struct registry_login login = {0};
	const struct registry_patience patience = {question_cancel_fd(q)};
	struct registry *r = engine_registry(question_engine(q), err);
	if (!r || registry_login(r, server ? server : "", auth, &patience, &login, err) < 0)
		return -1;
	*status = steal_ptr(login.status);
	*identity_token = steal_ptr(login.identity_token);
	registry_login_free(&login);
	return 0;
}

/* ---- search ---- */

struct search_filter {
	bool has_official, official, has_automated, automated;
	int64_t stars;
};

static int read_filters(const struct filters *f, struct search_filter *out, struct err **err)
{
	static const char *const known[] = {"is-automated", "is-official", "stars", NULL};
	char **stars = filters_get(f, "stars");
	out->has_official = filters_get(f, "is-official") != NULL;
	out->has_automated = filters_get(f, "is-automated") != NULL;
	if (filters_check(f, known, err) < 0 ||
		filters_bool(f, "is-official", false, &out->official, err) < 0 ||
		filters_bool(f, "is-automated", false, &out->automated, err) < 0)
		return -1;
	for (size_t i = 0; stars && stars[i]; i++) {
		int64_t n;
		if (str_to_i64(stars[i], &n) < 0)
			return err_set(err, ERR_INVALID, "invalid filter 'stars=%s'", stars[i]);
		if (n > out->stars)
			out->stars = n;
	}
	return 0;
}

static bool fits(const struct search_filter *f, const struct registry_search_result *r)
{
	return (!f->has_official || f->official == r->official) &&
	       (!f->has_automated || f->automated == r->automated) && r->stars >= f->stars;
}

int engine_registry_search(struct engine_question *q, const char *term, int64_t limit,
	const struct filters *filters, const struct registry_auth *auth,
	struct registry_search *out, struct err **err)
{
	struct search_filter f = {0};
	const struct registry_patience patience = {question_cancel_fd(q)};
	struct registry *r = engine_registry(question_engine(q), err);
	size_t kept = 0;
	if (!r || read_filters(filters, &f, err) < 0)
		return -1;
	if (limit < 1 || limit > 100)
		return err_set(err, ERR_INVALID, "Limit %lld is outside the range of [1, 100]",
			(long long)limit);
	if (registry_search(r, term, (int)limit, auth, &patience, out, err) < 0)
		return -1;
	for (size_t i = 0; i < out->count; i++) {
		if (!fits(&f, &out->v[i])) {
			free(out->v[i].name);
			free(out->v[i].description);
			continue;
		}
		out->v[kept++] = out->v[i];
	}
	out->count = kept;
	return 0;
}

void engine_registry_search_free(struct registry_search *search)
{
	registry_search_free(search);
}

/* ---- distribution ---- */

void image_distribution_free(struct image_distribution *d)
{
	for (size_t i = 0; i < d->platform_count; i++) {
		free(d->platforms[i].os);
		free(d->platforms[i].architecture);
		free(d->platforms[i].variant);
	}
	free(d->platforms);
	free(d->media_type);
	*d = (struct image_distribution){0};
}

static void add_platform(
	struct image_distribution *d, const char *os, const char *architecture, const char *variant)
{
	d->platforms = xreallocarray(d->platforms, d->platform_count + 1, sizeof(*d->platforms));
	d->platforms[d->platform_count++] = (struct image_platform){xstrdup(os ? os : ""),
		xstrdup(architecture ? architecture : ""), xstrdup(variant ? variant : "")};
}

static int index_platforms(
	struct image_distribution *d, const struct registry_manifest *m, struct err **err)
{
	auto_oci_index *index = NULL;
	if (oci_index_parse(&index, m->bytes.data, m->bytes.len, err) < 0)
		return -1;
	for (size_t i = 0; i < index->manifest_count; i++) {
		const struct oci_descriptor *one = &index->manifests[i];
		if (one->has_platform)
			add_platform(d, one->os, one->architecture, one->variant);
	}
	return 0;
}

/* A manifest's platform is its configuration's; what is no image has none. */
static int config_platform(struct image_distribution *d, struct registry_session *s,
	const struct registry_manifest *m, struct err **err)
{
	auto_oci_manifest *manifest = NULL;
	auto_oci_image *config = NULL;
	auto_buf text = BUF_INIT;
	if (oci_manifest_parse(&manifest, m->bytes.data, m->bytes.len, err) < 0)
		return -1;
	const char *type = manifest->config.media_type;
	if (!str_eq(type, OCI_TYPE_CONFIG) && !str_eq(type, DOCKER_TYPE_CONFIG))
		return 0;
	if (registry_document(s, &manifest->config.digest, manifest->config.size, &text, err) < 0 ||
		oci_image_parse(&config, text.data, text.len, err) < 0)
		return -1;
	add_platform(d, config->os, config->architecture, config->variant);
	return 0;
}

int engine_distribution(struct engine_question *q, const char *name,
	const struct registry_auth *auth, struct image_distribution *out, struct err **err)
{
	auto_reference ref = {0};
	auto_registry_manifest m = {0};
	enum reference_kind kind;
	if (reference_parse_any(name ? name : "", &ref, &kind, err) < 0)
		return -1;
	if (kind == REFERENCE_ID)
		return err_set(err, ERR_INVALID, "no manifest found for full image ID");
	reference_default_tag(&ref);
	/* as dockerd, which translates for pulls only */
	struct registry_session_spec spec = {
		.name = &ref, .action = REGISTRY_PULL, .own_words = true, .auth = auth};
	auto_registry_session *s = open_for(q, &spec, err);
	const char *what = ref.has_digest ? ref.digest.str : ref.tag;
	if (!s || registry_manifest_get(s, what, REGISTRY_ANY_MANIFEST, &m, err) < 0)
		return -1;
	*out = (struct image_distribution){.media_type = xstrdup(m.media_type),
		.digest = m.digest,
		.size = (int64_t)m.bytes.len};
	int rc = oci_type_is_index(m.media_type) ? index_platforms(out, &m, err)
						 : config_platform(out, s, &m, err);
	if (rc < 0)
		image_distribution_free(out);
	return rc;
}
