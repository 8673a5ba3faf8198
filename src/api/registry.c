/* Questions to registries: login, search, what a name stands for, which tags there are. */
#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "transfer.h"

#define AUTH_MAX (64u << 10)

/* ---- credentials ---- */

void api_auth_free(struct api_auth *a)
{
	json_decref(a->json);
	*a = (struct api_auth){0};
}

int api_auth_json(json_t *json, struct api_auth *out, struct err **err)
{
	static const char what[] = "X-Registry-Auth";
	*out = (struct api_auth){.json = json};
	struct registry_auth *a = &out->auth;
	if (json_get_str(json, "username", &a->username, what, err) < 0 ||
		json_get_str(json, "password", &a->password, what, err) < 0 ||
		json_get_str(json, "identitytoken", &a->identity_token, what, err) < 0 ||
		json_get_str(json, "registrytoken", &a->registry_token, what, err) < 0 ||
		json_get_str(json, "serveraddress", &a->server_address, what, err) < 0) {
		api_auth_free(out);
		return -1;
	}
	return 0;
}

int api_auth_text(const char *text, struct api_auth *out, struct err **err)
{
	auto_buf plain = BUF_INIT;
	*out = (struct api_auth){0};
	if (str_empty(text))
		return 0;
	if (strlen(text) > AUTH_MAX || base64_decode(text, strlen(text), &plain) < 0)
		return err_set(
			err, ERR_INVALID, "invalid X-Registry-Auth header: it is not base64");
	if (str_eq(buf_str(&plain), "null") || !plain.len)
		return 0;
	/* the parser's own complaint would quote from it */
	json_t *json = json_parse(plain.data, plain.len, "X-Registry-Auth", NULL);
	explicit_bzero(plain.data, plain.len);
	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(
			err, ERR_INVALID, "invalid X-Registry-Auth header: expected a JSON object");
	}
	return api_auth_json(json, out, err);
}

int api_auth_header(const struct request *req, struct api_auth *out, struct err **err)
{
	return api_auth_text(req_header(req, "X-Registry-Auth"), out, err);
}

struct engine_question *api_question(struct request *req, struct err **err)
{
	struct engine_question *q = engine_question_begin(req_engine(req), err);
	if (q)
		request_on_gone(req, engine_question_cancel, engine_question_unref, q);
	return q;
}

int api_auth(struct request *req, struct err **err)
{
	auto_api_auth a = {0};
	auto_free char *status = NULL, *token = NULL;
	json_t *body = NULL;
	if (req_json(req, false, &body, err) < 0 || api_auth_json(body, &a, err) < 0)
		return -1;
	auto_question *q = api_question(req, err);
	if (!q ||
		engine_registry_login(q, a.auth.server_address, &a.auth, &status, &token, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_str(&w, "IdentityToken", token);
	jw_str(&w, "Status", status);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

/* ---- search ---- */

int api_image_search(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	auto_api_auth a = {0};
	struct registry_search found = {0};
	int64_t limit = 25;
	const char *term = req_query(req, "term");
	if (req_i64(req, "limit", &limit, err) < 0 || req_filters(req, &filters, err) < 0 ||
		api_auth_header(req, &a, err) < 0)
		return -1;
	auto_question *q = api_question(req, err);
	if (!q || engine_registry_search(
			  q, term ? term : "", limit, &filters, &a.auth, &found, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_array(&w, NULL);
	for (size_t i = 0; i < found.count; i++) {
		const struct registry_search_result *r = &found.v[i];
		jw_object(&w, NULL);
		jw_i64(&w, "star_count", r->stars);
		jw_bool(&w, "is_official", r->official);
		jw_str(&w, "name", r->name);
		jw_bool(&w, "is_automated", r->automated);
		jw_str(&w, "description", r->description);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	buf_addc(w.out, '\n');
	engine_registry_search_free(&found);
	return 0;
}

/* ---- distribution ---- */

static void write_platform(struct jsonw *w, const struct image_platform *p)
{
	jw_object(w, NULL);
	jw_str(w, "architecture", p->architecture);
	jw_str(w, "os", p->os);
	if (*p->variant)
		jw_str(w, "variant", p->variant);
	jw_end_object(w);
}

int api_distribution(struct request *req, struct err **err)
{
	auto_api_auth a = {0};
	struct image_distribution d = {0};
	if (api_auth_header(req, &a, err) < 0)
		return -1;
	auto_question *q = api_question(req, err);
	if (!q || engine_distribution(q, req_var(req, "name"), &a.auth, &d, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_object(&w, "Descriptor");
	jw_str(&w, "mediaType", d.media_type);
	jw_str(&w, "digest", d.digest.str);
	jw_i64(&w, "size", d.size);
	jw_end_object(&w);
	jw_array(&w, "Platforms");
	for (size_t i = 0; i < d.platform_count; i++)
		write_platform(&w, &d.platforms[i]);
	jw_end_array(&w);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	image_distribution_free(&d);
	return 0;
}

typedef int list_fn(struct engine_question *q, const char *name, const struct registry_auth *auth,
	char ***out, struct err **err);

static int answer_list(struct request *req, list_fn *list, const char *key, struct err **err)
{
	static char *const none[] = {NULL};
	auto_api_auth a = {0};
	auto_strv v = NULL;
	if (api_auth_header(req, &a, err) < 0)
		return -1;
	auto_question *q = api_question(req, err);
	if (!q || list(q, req_var(req, "name"), &a.auth, &v, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_strv(&w, key, v ? v : none);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

int api_registry_tags(struct request *req, struct err **err)
{
	return answer_list(req, engine_registry_tags, "tags", err);
}

int api_registry_catalog(struct request *req, struct err **err)
{
	return answer_list(req, engine_registry_catalog, "catalog", err);
}

int api_registry_referrers(struct request *req, struct err **err)
{
	auto_api_auth a = {0};
	auto_buf index = BUF_INIT;
	if (api_auth_header(req, &a, err) < 0)
		return -1;
	auto_question *q = api_question(req, err);
	if (!q || engine_registry_referrers(q, req_var(req, "name"), req_query(req, "artifactType"),
			  &a.auth, &index, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	buf_add(w.out, index.data, index.len);
	buf_addc(w.out, '\n');
	return 0;
}
