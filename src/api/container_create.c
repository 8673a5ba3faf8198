/* POST /containers/create */
#include "base/mem.h"
#include "base/str.h"
#include "engine/container.h"
#include "image_platform.h"
#include "model/container.h"
#include "request.h"

/* Has the body any member of the configuration itself? */
static bool has_config(const json_t *body)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)body, key,
		value) if (!str_ieq(key, "HostConfig") &&
			   !str_ieq(key, "NetworkingConfig")) return true;
	return false;
}

/* What dockerd does to requests of older versions before it looks at them. */
static void adapt(struct create_request *c, unsigned api)
{
	struct host_config *h = &c->host;
	if (api < 142)
		h->console_size[0] = h->console_size[1] = 0;
	if (api < 142)
		h->res.kernel_memory = h->res.kernel_memory_tcp = 0;
	if (api < 141 && str_empty(h->cgroupns_mode))
		str_replace(&h->cgroupns_mode, "host");
	if (api < 140 && str_empty(h->ipc_mode))
		str_replace(&h->ipc_mode, "shareable");
	for (size_t i = 0; api < 140 && i < h->mounts.n; i++)
		if (h->mounts.v[i].bind)
			h->mounts.v[i].bind->non_recursive = false;
	/* 0 and -1 both say "no limit", which inspect shows as null. */
	if (h->res.pids_limit.set && h->res.pids_limit.v <= 0)
		h->res.pids_limit = (struct opt_i64){0};
	if (str_empty(h->network_mode))
		str_replace(&h->network_mode, "default");
}

/* An image for another machine counts as missing, as in dockerd: clients pull the right one. */
static int wanted_platform(const struct request *req, struct oci_platform *out, struct err **err)
{
	const char *platform = req_query(req, "platform");
	int asked = platform_param(platform, out, err);
	if (asked > 0 && !str_eq(out->os, "linux"))
		return err_set(err, ERR_INVALID, "invalid platform \"%s\": only linux is supported",
			platform);
	return asked;
}

static int create(struct request *req, const struct create_request *c, struct err **err)
{
	char id[65];
	auto_strv warnings = NULL;
	struct oci_platform want = {0};
	int asked = wanted_platform(req, &want, err);
	if (asked < 0)
		return -1;
	const char *name = req_query(req, "name");
	if (engine_container_create(req_engine(req), str_empty(name) ? NULL : name, &c->config,
		    &c->host, &c->net, asked ? &want : NULL, id, &warnings, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 201);
	jw_object(&w, NULL);
	jw_str(&w, "Id", id);
	jw_array(&w, "Warnings");
	for (char **s = warnings; s && *s; s++)
		jw_str(&w, NULL, *s);
	jw_end_array(&w);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

int api_container_create(struct request *req, struct err **err)
{
	auto_json *body = NULL;
	if (req_json(req, false, &body, err) < 0)
		return -1;
	if (!has_config(body))
		return err_set(
			err, ERR_INVALID, "config cannot be empty in order to create a container");
	struct create_request c = {0};
	int rc = model_decode(&model_create_request, body, &c, "", err);
	if (rc < 0)
		err_wrap(err, "invalid JSON");
	if (rc == 0) {
		adapt(&c, req->api);
		rc = model_check_built(&model_create_request, &c, "", err);
	}
	if (rc == 0)
		rc = create(req, &c, err);
	create_request_clear(&c);
	return rc;
}
