#include "routes.h"

#include <string.h>

#include "api/server.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "params.h"
#include "request.h"

#define NOT_BUILT(method, path, since)                                                             \
	{                                                                                          \
		method, path, not_built, since, 0, "not built yet: 501"                            \
	}
/* With a body of any length, which must not be measured before it is refused. */
#define NOT_BUILT_UPLOAD(method, path, since)                                                      \
	{                                                                                          \
		method, path, not_built, since, ROUTE_STREAM_BODY, "not built yet: 501"            \
	}
#define SWARM(method, path)                                                                        \
	{                                                                                          \
		method, path, not_swarm, 124, 0, "kist is no swarm manager: 503"                   \
	}

/* Engine API 1.51, in the order of its documentation. The first that matches wins. */
static const struct route routes[] = {
	{"GET", "/containers/json", api_container_list, 124, 0, NULL},
	{"POST", "/containers/create", api_container_create, 124, 0, NULL},
	{"GET", "/containers/{id}/json", api_container_inspect, 124, 0, NULL},
	{"GET", "/containers/{id}/top", api_container_top, 124, 0, NULL},
	{"GET", "/containers/{id}/logs", api_container_logs, 124, 0, NULL},
	{"GET", "/containers/{id}/changes", api_container_changes, 124, 0, NULL},
	{"GET", "/containers/{id}/export", api_container_export, 124, 0, NULL},
	NOT_BUILT("GET", "/containers/{id}/stats", 124),
	{"POST", "/containers/{id}/resize", api_container_resize, 124, 0, NULL},
	{"POST", "/containers/{id}/start", api_container_start, 124, 0, NULL},
	{"POST", "/containers/{id}/stop", api_container_stop, 124, 0, NULL},
	{"POST", "/containers/{id}/restart", api_container_restart, 124, 0, NULL},
	{"POST", "/containers/{id}/kill", api_container_kill, 124, 0, NULL},
	NOT_BUILT("POST", "/containers/{id}/update", 124),
	{"POST", "/containers/{id}/rename", api_container_rename, 124, 0, NULL},
	{"POST", "/containers/{id}/pause", api_container_pause, 124, 0, NULL},
	{"POST", "/containers/{id}/unpause", api_container_unpause, 124, 0, NULL},
	{"POST", "/containers/{id}/attach", api_container_attach, 124, ROUTE_HIJACK | ROUTE_LONG,
		NULL},
	NOT_BUILT("GET", "/containers/{id}/attach/ws", 124),
	{"POST", "/containers/{id}/wait", api_container_wait, 124, 0, NULL},
	{"DELETE", "/containers/{id}", api_container_remove, 124, 0, NULL},
	NOT_BUILT("GET", "/containers/{id}/archive", 124),
	NOT_BUILT("HEAD", "/containers/{id}/archive", 124),
	NOT_BUILT_UPLOAD("PUT", "/containers/{id}/archive", 124),
	{"POST", "/containers/prune", api_container_prune, 125, ROUTE_LONG, NULL},
	NOT_BUILT("GET", "/containers/{id}/checkpoints", 125),
	NOT_BUILT("POST", "/containers/{id}/checkpoints", 125),
	NOT_BUILT("DELETE", "/containers/{id}/checkpoints/{checkpoint}", 125),

	{"POST", "/containers/{id}/exec", api_exec_create, 124, 0, NULL},
	{"POST", "/exec/{id}/start", api_exec_start, 124, ROUTE_HIJACK, NULL},
	{"POST", "/exec/{id}/resize", api_exec_resize, 124, 0, NULL},
	{"GET", "/exec/{id}/json", api_exec_inspect, 124, 0, NULL},

	{"GET", "/images/json", api_image_list, 124, 0, NULL},
	NOT_BUILT_UPLOAD("POST", "/build", 124),
	{"POST", "/build/prune", api_build_prune, 131, 0, "there is no build cache yet"},
	NOT_BUILT("POST", "/build/cancel", 139),
	{"POST", "/images/create", api_image_create, 124, ROUTE_STREAM_BODY | ROUTE_LONG,
		"`fromImage=`, `fromSrc=` a URL or `-`"},
	{"POST", "/images/load", api_image_load, 124, ROUTE_STREAM_BODY | ROUTE_LONG, NULL},
	{"GET", "/images/search", api_image_search, 124, ROUTE_LONG, NULL},
	{"GET", "/images/get", api_image_save_all, 124, 0, NULL},
	{"POST", "/images/prune", api_image_prune, 125, ROUTE_LONG, NULL},
	{"GET", "/images/{name*}/json", api_image_inspect, 124, 0, NULL},
	{"GET", "/images/{name*}/history", api_image_history, 124, 0, NULL},
	{"GET", "/images/{name*}/get", api_image_save, 124, 0, NULL},
	{"POST", "/images/{name*}/push", api_image_push, 124, 0, NULL},
	{"POST", "/images/{name*}/tag", api_image_tag, 124, 0, NULL},
	{"DELETE", "/images/{name*}", api_image_remove, 124, 0, NULL},
	{"POST", "/commit", api_commit, 124, ROUTE_LONG, NULL},

	{"GET", "/volumes", api_volume_list, 124, 0, NULL},
	{"POST", "/volumes/create", api_volume_create, 124, 0, NULL},
	{"GET", "/volumes/{name}", api_volume_inspect, 124, 0, NULL},
	NOT_BUILT("PUT", "/volumes/{name}", 142),
	{"DELETE", "/volumes/{name}", api_volume_remove, 124, 0, NULL},
	{"POST", "/volumes/prune", api_volume_prune, 125, ROUTE_LONG, NULL},

	{"GET", "/networks", api_network_list, 124, 0, NULL},
	{"GET", "/networks/", api_network_list, 124, 0, NULL},
	NOT_BUILT("POST", "/networks/create", 124),
	{"POST", "/networks/prune", api_network_prune, 125, 0, "there are none to remove yet"},
	{"GET", "/networks/{id}", api_network_inspect, 124, 0, NULL},
	NOT_BUILT("DELETE", "/networks/{id}", 124),
	NOT_BUILT("POST", "/networks/{id}/connect", 124),
	NOT_BUILT("POST", "/networks/{id}/disconnect", 124),

	{"GET", "/_ping", api_system_ping, 124, ROUTE_INLINE, NULL},
	{"HEAD", "/_ping", api_system_ping, 124, ROUTE_INLINE, NULL},
	{"GET", "/version", api_system_version, 124, 0, NULL},
	{"GET", "/info", api_system_info, 124, 0, NULL},
	{"GET", "/events", api_system_events, 124, 0, NULL},
	{"GET", "/system/df", api_system_df, 125, ROUTE_LONG, NULL},
	{"POST", "/auth", api_auth, 124, ROUTE_LONG, NULL},
	{"GET", "/distribution/{name*}/json", api_distribution, 130, ROUTE_LONG, NULL},
	NOT_BUILT("POST", "/session", 139),
	NOT_BUILT("POST", "/grpc", 139),

	NOT_BUILT("GET", "/plugins", 125),
	NOT_BUILT("GET", "/plugins/privileges", 125),
	NOT_BUILT("POST", "/plugins/pull", 125),
	NOT_BUILT_UPLOAD("POST", "/plugins/create", 125),
	{"GET", "/plugins/{name*}/json", api_plugin_inspect, 125, 0, NULL},
	NOT_BUILT("POST", "/plugins/{name*}/enable", 125),
	NOT_BUILT("POST", "/plugins/{name*}/disable", 125),
	NOT_BUILT("POST", "/plugins/{name*}/upgrade", 126),
	NOT_BUILT("POST", "/plugins/{name*}/push", 125),
	NOT_BUILT("POST", "/plugins/{name*}/set", 125),
	NOT_BUILT("DELETE", "/plugins/{name*}", 125),

	{"GET", "/kist/images/{name*}/files", api_kist_image_files, 124, 0,
		"kist's own: which layer brought, changed, removed each file"},
	{"GET", "/kist/images/{name*}/diff", api_kist_image_diff, 124, 0,
		"kist's own: how two images differ"},
	{"POST", "/kist/check", api_kist_check, 124, 0,
		"kist's own: verifies blobs, layers and images; `repair=1` mends what it can, as "
		"who "
		"the body says (`{\"RegistryAuth\": {SERVER: {...}}}`)"},
	{"GET", "/kist/disk", api_kist_disk, 124, ROUTE_LONG,
		"kist's own: the data root by what is in it"},
	{"GET", "/kist/registry/{name*}/tags", api_registry_tags, 124, ROUTE_LONG,
		"kist's own: `{\"tags\": [...]}` of a repository at its registry"},
	{"GET", "/kist/registry/{name*}/catalog", api_registry_catalog, 124, ROUTE_LONG,
		"kist's own: `{\"catalog\": [...]}`, the repositories of a registry, "
		"`HOST[:PORT]`"},
	{"GET", "/kist/registry/{name*}/referrers", api_registry_referrers, 124, ROUTE_LONG,
		"kist's own: an OCI image index of what refers to `NAME[:TAG|@DIGEST]`; "
		"`artifactType=`: of one type"},

	SWARM("GET", "/swarm"),
	SWARM("POST", "/swarm/init"),
	SWARM("POST", "/swarm/join"),
	SWARM("POST", "/swarm/leave"),
	SWARM("POST", "/swarm/update"),
	SWARM("GET", "/swarm/unlockkey"),
	SWARM("POST", "/swarm/unlock"),
	SWARM("GET", "/nodes"),
	SWARM("GET", "/nodes/{id}"),
	SWARM("DELETE", "/nodes/{id}"),
	SWARM("POST", "/nodes/{id}/update"),
	SWARM("GET", "/services"),
	SWARM("POST", "/services/create"),
	SWARM("GET", "/services/{id}"),
	SWARM("DELETE", "/services/{id}"),
	SWARM("POST", "/services/{id}/update"),
	SWARM("GET", "/services/{id}/logs"),
	SWARM("GET", "/tasks"),
	SWARM("GET", "/tasks/{id}"),
	SWARM("GET", "/tasks/{id}/logs"),
	SWARM("GET", "/secrets"),
	SWARM("POST", "/secrets/create"),
	SWARM("GET", "/secrets/{id}"),
	SWARM("DELETE", "/secrets/{id}"),
	SWARM("POST", "/secrets/{id}/update"),
	SWARM("GET", "/configs"),
	SWARM("POST", "/configs/create"),
	SWARM("GET", "/configs/{id}"),
	SWARM("DELETE", "/configs/{id}"),
	SWARM("POST", "/configs/{id}/update"),
	{0},
};

const struct route *route_table(void)
{
	return routes;
}

int not_built(struct request *req, struct err **err)
{
	return err_set(err, ERR_NOT_IMPLEMENTED, "%s %s is not implemented", req->route->method,
		req->route->path);
}

int not_swarm(struct request *req, struct err **err)
{
	return err_set(err, ERR_UNAVAILABLE,
		"This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm "
		"join\" "
		"to connect this node to swarm and try again.");
}

/* ---- matching ---- */

/* How much of @path a {name} takes: one segment, or all but the @rest that must follow. 0: no
 * match. */
static size_t variable_length(const char *path, bool many, const char *rest)
{
	if (!many)
		return strcspn(path, "/");
	size_t path_len = strlen(path);
	size_t rest_len = strlen(rest);
	return path_len > rest_len ? path_len - rest_len : 0;
}

static bool match(const char *pattern, const char *path, struct params *vars)
{
	while (*pattern && *pattern != '{') {
		if (*pattern++ != *path++)
			return false;
	}
	if (!*pattern)
		return !*path;
	const char *name = pattern + 1;
	size_t name_len = strcspn(name, "*}");
	bool many = name[name_len] == '*';
	const char *rest = strchr(name, '}') + 1;
	size_t n = variable_length(path, many, rest);
	if (n == 0)
		return false;
	size_t before = vars->n;
	params_add(vars, xstrndup(name, name_len), xstrndup(path, n));
	if (match(rest, path + n, vars))
		return true;
	while (vars->n > before) {
		vars->n--;
		free(vars->v[vars->n].key);
		free(vars->v[vars->n].value);
	}
	return false;
}

const struct route *route_find(const char *method, const char *path, struct params *vars)
{
	for (const struct route *r = routes; r->method; r++)
		if (strcmp(r->method, method) == 0 && match(r->path, path, vars))
			return r;
	return NULL;
}

/* ---- versions ---- */

int api_version_parse(const char *text, unsigned *out)
{
	size_t major_len = strspn(text, "0123456789");
	const char *dot = text + major_len;
	if (major_len == 0 || major_len > 3 || *dot != '.')
		return -1;
	size_t minor_len = strspn(dot + 1, "0123456789");
	if (minor_len == 0 || minor_len > 3)
		return -1;
	unsigned major = (unsigned)strtoul(text, NULL, 10);
	unsigned minor = (unsigned)strtoul(dot + 1, NULL, 10);
	*out = major * 100 + (minor > 99 ? 99 : minor);
	return 0;
}

int api_version_check(const char *text, unsigned *out, struct err **err)
{
	unsigned v;
	if (api_version_parse(text, &v) < 0)
		return err_set(err, ERR_INVALID, "invalid API version \"%s\"", text);
	if (v > API_MAX)
		return err_set(err, ERR_INVALID,
			"client version %s is too new. Maximum supported API version "
			"is " API_MAX_TEXT,
			text);
	if (v < API_MIN)
		return err_set(err, ERR_INVALID,
			"client version %s is too old. Minimum supported API version "
			"is " API_MIN_TEXT ", please upgrade your client to a newer version",
			text);
	*out = v;
	return 0;
}

/* ---- documentation ---- */

char *server_routes_text(void)
{
	struct buf out = BUF_INIT;
	buf_adds(&out, "| method | path | since | |\n| --- | --- | --- | --- |\n");
	for (const struct route *r = routes; r->method; r++)
		buf_addf(&out, "| %s | `%s` | %u.%u | %s |\n", r->method, r->path, r->since / 100,
			r->since % 100, r->note ? r->note : "");
	return buf_steal(&out);
}
