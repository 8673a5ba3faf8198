/* Requests: their parts, read as dockerd reads them, and their life. */
#include "request.h"

#include <strings.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "params.h"
#include "server.h"

struct request *request_new(struct server *server, const struct transport *t, void *exchange)
{
	struct request *req = xcalloc(1, sizeof(*req));
	req->server = server;
	req->transport = t;
	req->exchange = exchange;
	req->body_fd = req->fd = -1;
	req->api = API_MAX;
	atomic_init(&req->gone, false);
	atomic_init(&req->gone_arg, NULL);
	atomic_init(&req->parts, 0);
	return req;
}

void request_free(struct request *req)
{
	if (!req)
		return;
	free(req->method);
	free(req->target);
	free(req->path);
	params_free(&req->query);
	params_free(&req->headers);
	params_free(&req->vars);
	params_free(&req->res_headers);
	buf_free(&req->body);
	buf_free(&req->res);
	fd_close(req->body_fd);
	void *watched = atomic_load(&req->gone_arg);
	if (watched)
		req->gone_free(watched);
	free(req);
}

/* ---- the target ---- */

/* "//" is one slash, as dockerd's router cleans paths ("/containers//name/json"). */
static void squeeze(char *path)
{
	char *to = path;
	for (const char *from = path; *from; from++)
		if (*from != '/' || from[1] != '/')
			*to++ = *from;
	*to = '\0';
}

/* The version in front of @path ("/v1.44/..."), owned, and *rest behind it; NULL if there is none. */
static char *version_of(const char *path, const char **rest)
{
	*rest = path;
	if (path[0] != '/' || path[1] != 'v')
		return NULL;
	size_t n = strspn(path + 2, "0123456789.");
	if (n == 0 || path[2 + n] != '/')
		return NULL;
	*rest = path + 2 + n;
	return xstrndup(path + 2, n);
}

int request_parse_target(struct request *req, struct err **err)
{
	const char *target = req->target ? req->target : "";
	const char *origin = str_after(target, "http://");
	if (origin) /* absolute form, as to a proxy */
		target = origin + strcspn(origin, "/?");
	size_t n = strcspn(target, "?#");
	auto_free char *path = percent_decode(target, n, false, err);
	if (!path)
		return -1;
	squeeze(path);
	const char *rest;
	auto_free char *version = version_of(path, &rest);
	req->path = xstrdup(rest);
	req->route = route_find(req->method, rest, &req->vars);
	if (!req->route)
		return err_set(err, ERR_NOT_FOUND, "page not found");
	if (version && api_version_check(version, &req->api, err) < 0)
		return -1;
	if (target[n] != '?')
		return 0;
	auto_free char *query = xstrndup(target + n + 1, strcspn(target + n + 1, "#"));
	return params_parse(&req->query, query, err);
}

/* ---- parts ---- */

const char *req_header(const struct request *req, const char *name)
{
	for (size_t i = 0; i < req->headers.n; i++)
		if (strcasecmp(req->headers.v[i].key, name) == 0)
			return req->headers.v[i].value;
	return NULL;
}

bool req_header_has(const struct request *req, const char *name, const char *token)
{
	const char *p = req_header(req, name);
	size_t want = strlen(token);
	while (p && *p) {
		p += strspn(p, " \t,");
		size_t n = strcspn(p, " \t,");
		if (n == want && strncasecmp(p, token, n) == 0)
			return true;
		p += n;
	}
	return false;
}

const char *req_query(const struct request *req, const char *name)
{
	return params_get(&req->query, name);
}

const char *req_var(const struct request *req, const char *name)
{
	return params_get(&req->vars, name);
}

bool req_bool(const struct request *req, const char *name, bool fallback)
{
	static const char *const no[] = {"", "0", "no", "false", "none"};
	const char *value = req_query(req, name);
	if (!value)
		return fallback;
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (strcasecmp(value, no[i]) == 0)
			return false;
	return true;
}

int req_i64(const struct request *req, const char *name, int64_t *out, struct err **err)
{
	const char *value = req_query(req, name);
	if (str_empty(value) || str_to_i64(value, out) == 0)
		return 0;
	return err_set(
		err, ERR_INVALID, "invalid value for %s: \"%s\" is not a number", name, value);
}

char **req_query_all(const struct request *req, const char *name)
{
	char **all = NULL;
	for (size_t i = 0; i < req->query.n; i++)
		if (strcmp(req->query.v[i].key, name) == 0)
			strv_add(&all, req->query.v[i].value);
	return all;
}

/* Is the media type of @type "application/json", whatever parameters follow? */
static bool is_json(const char *type)
{
	static const char json[] = "application/json";
	size_t n = strcspn(type, "; \t");
	return n == sizeof(json) - 1 && strncasecmp(type, json, n) == 0;
}

int req_json(const struct request *req, bool optional, json_t **out, struct err **err)
{
	const char *type = req_header(req, "Content-Type");
	*out = NULL;
	if (req->body.len == 0 && optional)
		return 0;
	if (req->body.len > 0 && !is_json(type ? type : ""))
		return err_set(err, ERR_INVALID,
			"unsupported media type: Content-Type specified (%s) must be "
			"'application/json'",
			type ? type : "");
	if (req->body.len == 0)
		return err_set(
			err, ERR_INVALID, "invalid JSON: got EOF while reading request body");
	json_t *doc = json_parse(req->body.data, req->body.len, "request body", err);
	if (!doc)
		return -1;
	if (!json_is_object(doc)) {
		json_decref(doc);
		return err_set(err, ERR_INVALID, "invalid JSON: request body must be an object");
	}
	*out = doc;
	return 0;
}

int req_console_size(const struct request *req, uint32_t *h, uint32_t *w, struct err **err)
{
	const char *height = req_query(req, "h");
	const char *width = req_query(req, "w");
	if (str_to_u32(height ? height : "", h) < 0)
		return err_set(err, ERR_INVALID, "invalid resize height \"%s\": not a number",
			height ? height : "");
	if (str_to_u32(width ? width : "", w) < 0)
		return err_set(err, ERR_INVALID, "invalid resize width \"%s\": not a number",
			width ? width : "");
	return 0;
}

struct engine *req_engine(const struct request *req)
{
	return server_engine(req->server);
}

/* ---- life ---- */

static void finish(void *arg)
{
	struct request *req = arg;
	req->transport->finished(req);
}

static void part_done(struct request *req)
{
	if (atomic_fetch_sub(&req->parts, 1) != 1)
		return;
	struct loop *loop = server_loop(req->server);
	/* A handler that ran on the loop itself answers at once: no detour, no second turn. */
	if ((req->route->flags & ROUTE_INLINE) && loop_is_mine(loop))
		finish(req);
	else
		loop_post(loop, finish, req);
}

void request_run(struct request *req)
{
	auto_err *e = NULL;
	atomic_store(&req->parts, 1);
	if (req->route->run(req, &e) < 0)
		res_error(req, e);
	part_done(req);
}

/* Either of the two sees what the other has set, or both do. */
void request_on_gone(
	struct request *req, void (*fn)(void *arg), void (*free_arg)(void *arg), void *arg)
{
	req->gone_fn = fn;
	req->gone_free = free_arg;
	atomic_store(&req->gone_arg, arg);
	if (atomic_load(&req->gone))
		fn(arg);
}

bool request_watches(const struct request *req)
{
	return atomic_load(&req->gone_arg) != NULL;
}

void request_gone(struct request *req)
{
	atomic_store(&req->gone, true);
	void *arg = atomic_load(&req->gone_arg);
	if (arg)
		req->gone_fn(arg);
}

void request_defer(struct request *req)
{
	atomic_fetch_add(&req->parts, 1);
}

void request_resume(struct request *req)
{
	part_done(req);
}
