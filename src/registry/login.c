/* Programs for one question: login and search. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "session.h"

#define HUB "docker.io"
#define INDEX_HOST "index.docker.io"

enum { ANSWER_MAX = 1 << 20 };

/* ---- login ---- */

void registry_login_free(struct registry_login *login)
{
	free(login->status);
	free(login->identity_token);
	*login = (struct registry_login){0};
}

/* What docker calls a registry's hostname: no scheme, no path. New string. */
static char *domain_of(const char *server)
{
	const char *host = str_after(server, "https://");
	if (!host)
		host = str_after(server, "http://");
	if (!host)
		host = server;
	char *name = xstrndup(host, strcspn(host, "/"));
	/* "https://" alone is nobody's name, least of all Docker Hub's */
	if (*name ? !str_eq(name, INDEX_HOST) : *server != 0)
		return name;
	free(name);
	return xstrdup(HUB);
}

static int check_domain(const char *domain, struct err **err)
{
	static const char chars[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
	if (str_all_of(domain, chars, 1, 300) && *domain != '.' && *domain != '-')
		return 0;
	return err_set(err, ERR_INVALID, "\"%s\" is not the name of a registry", domain);
}

int registry_login(struct registry *r, const char *server, const struct registry_auth *auth,
	const struct registry_patience *patience, struct registry_login *out, struct err **err)
{
	auto_free char *domain = domain_of(server ? server : "");
	auto_places places = {0};
	auto_answer a = {0};
	struct config *c = config_get(r);
	auto_registry_session *s = NULL;
	struct session_start start = {
		.config = c,
		.places = &places,
		.domain = domain,
		.repository = "",
		.familiar = domain,
		.scope = "",
		.auth = auth,
		.patience = patience,
	};
	*out = (struct registry_login){0};
	if (check_domain(domain, err) == 0 && places_find(c, domain, &places, err) == 0) {
		places_only_home(&places);
		s = session_start(&start, err);
	}
	config_put(r, c);
	struct record_request q = {REQUEST_PING, 0, 0, "", "", NULL};
	if (!s || session_ask(s, &q, NULL, 0, NULL, &a, err) < 0)
		return -1;
	out->status = xstrdup("Login Succeeded");
	out->identity_token = steal_ptr(a.text);
	return 0;
}

/* ---- search ---- */

void registry_search_free(struct registry_search *search)
{
	for (size_t i = 0; i < search->count; i++) {
		free(search->v[i].name);
		free(search->v[i].description);
	}
	free(search->v);
	*search = (struct registry_search){0};
}

/* docker's rule: what stands before the first "/" is a registry if it looks like a host. */
static const char *split_term(const char *term, char **domain)
{
	const char *slash = strchr(term, '/');
	auto_free char *first = xstrndup(term, slash ? (size_t)(slash - term) : 0);
	if (!slash || (!strpbrk(first, ".:") && !str_eq(first, "localhost"))) {
		*domain = xstrdup(HUB);
		return term;
	}
	*domain = domain_of(first);
	return slash + 1;
}

/* The first version of the API lies beside the second. */
static void use_v1(struct places *p)
{
	places_only_home(p);
	for (size_t i = 0; i < p->count; i++) {
		char *v2 = p->v[i].url + strlen(p->v[i].url) - 3;
		if (str_eq(v2, "/v2"))
			v2[2] = '1';
	}
}

static int find_index(
	const struct config *c, const char *domain, struct places *out, struct err **err)
{
	if (!str_eq(domain, HUB)) {
		if (places_find(c, domain, out, err) < 0)
			return -1;
		use_v1(out);
		return 0;
	}
	struct place *p =
		places_add(out, xstrdup("https://" INDEX_HOST "/v1"), ENDPOINT_CREDENTIALS);
	return certs_load(c, INDEX_HOST, p, err);
}

static int read_results(const struct buf *text, struct registry_search *out, struct err **err)
{
	size_t i;
	const json_t *v;
	auto_json *doc = json_parse(text->data, text->len, "the registry's answer", err);
	if (!doc)
		return -1;
	const json_t *results = json_object_get(doc, "results");
	out->v = xcalloc(json_array_size(results) + 1, sizeof(*out->v));
	json_array_foreach(results, i, v)
	{
		const char *name = json_string_value(json_object_get(v, "name"));
		const char *about = json_string_value(json_object_get(v, "description"));
		if (!name)
			continue;
		out->v[out->count++] = (struct registry_search_result){
			.name = xstrdup(name),
			.description = xstrdup(about ? about : ""),
			.stars = json_integer_value(json_object_get(v, "star_count")),
			.official = json_is_true(json_object_get(v, "is_official")),
			.automated = json_is_true(json_object_get(v, "is_automated")),
		};
	}
	return 0;
}

int registry_search(struct registry *r, const char *term, int limit,
	const struct registry_auth *auth, const struct registry_patience *patience,
	struct registry_search *out, struct err **err)
{
	*out = (struct registry_search){0};
	if (limit < 1 || limit > 100)
		return err_set(
			err, ERR_INVALID, "Limit %d is outside the range of [1, 100]", limit);
	if (strlen(term) > 512)
		return err_set(err, ERR_INVALID, "the term to search for is too long");
	auto_free char *domain = NULL;
	const char *rest = split_term(term, &domain);
	auto_places places = {0};
	auto_answer a = {0};
	auto_buf text = BUF_INIT;
	auto_registry_session *s = NULL;
	struct config *c = config_get(r);
	struct session_start start = {
		.config = c,
		.places = &places,
		.domain = domain,
		.repository = "",
		.familiar = domain,
		.scope = "",
		.auth = auth,
		.patience = patience,
	};
	if (check_domain(domain, err) == 0 && find_index(c, domain, &places, err) == 0)
		s = session_start(&start, err);
	config_put(r, c);
	struct record_request q = {REQUEST_SEARCH, 0, (uint64_t)limit, rest, "", NULL};
	if (!s || session_ask(s, &q, NULL, ANSWER_MAX, &text, &a, err) < 0)
		return -1;
	return read_results(&text, out, err);
}
