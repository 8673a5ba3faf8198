/* Images: list, inspect, history, tag, remove. What moves bytes is in image_load.c. */
#include "engine/image.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "model/image.h"
#include "request.h"

/* ---- list ---- */

static void write_names(struct jsonw *w, const struct store_image *i, unsigned api)
{
	static char *const none[] = {NULL};
	bool dangling = strv_len(i->repo_tags) == 0 && strv_len(i->repo_digests) == 0;
	jw_key(w, "RepoDigests");
	struct jsonw list = jsonw_to(w->out);
	if (dangling && api < 143)
		jw_raw(&list, NULL, "[\"<none>@<none>\"]");
	else
		jw_strv(&list, NULL, i->repo_digests ? i->repo_digests : none);
	if (dangling && api < 143)
		jw_raw(w, "RepoTags", "[\"<none>:<none>\"]");
	else
		jw_strv(w, "RepoTags", i->repo_tags ? i->repo_tags : none);
}

static void write_labels(struct jsonw *w, const struct oci_pairs *labels)
{
	if (labels->count == 0) {
		jw_null(w, "Labels");
		return;
	}
	jw_object(w, "Labels");
	for (size_t i = 0; i < labels->count; i++)
		jw_str(w, labels->v[i].key, labels->v[i].value);
	jw_end_object(w);
}

static void write_summary(
	struct jsonw *w, struct engine *e, const struct store_image *i, unsigned api)
{
	jw_object(w, NULL);
	jw_i64(w, "Containers", api >= 151 ? (int64_t)engine_image_uses(e, &i->id) : -1);
	jw_i64(w, "Created", i->config->created / TIME_NS_PER_SEC);
	jw_str(w, "Id", i->id.str);
	write_labels(w, &i->config->config.labels);
	jw_str(w, "ParentId", i->parent);
	write_names(w, i, api);
	jw_i64(w, "SharedSize", -1);
	jw_i64(w, "Size", i->size);
	if (api < 144)
		jw_i64(w, "VirtualSize", i->size);
	jw_end_object(w);
}

int api_image_list(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	struct store_image_list list = {0};
	if (req_filters(req, &filters, err) < 0)
		return -1;
	/* The one filter that was a parameter of its own until 1.40. */
	const char *name = req->api < 141 ? req_query(req, "filter") : NULL;
	if (!str_empty(name))
		filters_add(&filters, "reference", name);
	if (engine_image_list(req_engine(req), &filters, &list, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_array(&w, NULL);
	for (size_t i = 0; i < list.count; i++)
		write_summary(&w, req_engine(req), list.v[i], req->api);
	jw_end_array(&w);
	buf_addc(w.out, '\n');
	store_image_list_free(&list);
	return 0;
}

/* ---- inspect ---- */

/* The configuration as its author wrote it, in the shape that the client's version expects. */
static int write_config(
	struct jsonw *w, struct request *req, const struct store_image *i, struct err **err)
{
	auto_buf text = BUF_INIT;
	struct image_config c = {0};
	if (store_image_config_json(engine_store(req_engine(req)), &i->id, &text, err) < 0)
		return -1;
	int rc = model_parse(&model_image_config, text.data, text.len, &c, "image", err);
	if (rc == 0) {
		jw_key(w, "Config");
		model_write(req->api >= 150 ? &model_image_run_config : &model_container_config,
			&c.config, req->api, w->out);
	}
	image_config_clear(&c);
	return rc;
}

static void write_times(struct jsonw *w, const struct store_image *i)
{
	jw_object(w, "Metadata");
	jw_time(w, "LastTagTime", i->last_tagged);
	jw_end_object(w);
}

static void write_layers(struct jsonw *w, const struct store_image *i)
{
	jw_raw(w, "GraphDriver", "{\"Data\":null,\"Name\":\"overlay2\"}");
	jw_object(w, "RootFS");
	jw_str(w, "Type", "layers");
	if (i->config->diff_id_count) {
		jw_array(w, "Layers");
		for (size_t n = 0; n < i->config->diff_id_count; n++)
			jw_str(w, NULL, i->config->diff_ids[n].str);
		jw_end_array(w);
	}
	jw_end_object(w);
}

static void write_kind(struct jsonw *w, const struct oci_image *c)
{
	jw_str(w, "Architecture", c->architecture);
	if (!str_empty(c->variant))
		jw_str(w, "Variant", c->variant);
	jw_str(w, "Os", c->os);
	if (!str_empty(c->os_version))
		jw_str(w, "OsVersion", c->os_version);
}

static int write_image(struct request *req, const struct store_image *i, struct err **err)
{
	static char *const none[] = {NULL};
	const struct oci_image *c = i->config;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_str(&w, "Id", i->id.str);
	jw_strv(&w, "RepoTags", i->repo_tags ? i->repo_tags : none);
	jw_strv(&w, "RepoDigests", i->repo_digests ? i->repo_digests : none);
	jw_str(&w, "Parent", i->parent);
	jw_str(&w, "Comment", c->comment);
	jw_time(&w, "Created", c->created);
	if (req->api < 145) {
		static const struct container_config empty;
		jw_str(&w, "Container", "");
		jw_key(&w, "ContainerConfig");
		model_write(&model_container_config, &empty, req->api, w.out);
	}
	jw_str(&w, "DockerVersion", c->docker_version);
	jw_str(&w, "Author", c->author);
	if (write_config(&w, req, i, err) < 0)
		return -1;
	write_kind(&w, c);
	jw_i64(&w, "Size", i->size);
	if (req->api < 144)
		jw_i64(&w, "VirtualSize", i->size);
	write_layers(&w, i);
	write_times(&w, i);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

int api_image_inspect(struct request *req, struct err **err)
{
	auto_store_image *i = engine_image_inspect(req_engine(req), req_var(req, "name"), err);
	return i ? write_image(req, i, err) : -1;
}

int api_image_history(struct request *req, struct err **err)
{
	struct engine *e = req_engine(req);
	auto_store_image *i = engine_image_inspect(e, req_var(req, "name"), err);
	struct store_history *v;
	size_t n;
	if (!i || store_image_history(engine_store(e), i, &v, &n, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_array(&w, NULL);
	for (size_t k = 0; k < n; k++) {
		jw_object(&w, NULL);
		jw_str(&w, "Comment", v[k].comment);
		jw_i64(&w, "Created", v[k].created / TIME_NS_PER_SEC);
		jw_str(&w, "CreatedBy", v[k].created_by);
		jw_str(&w, "Id", *v[k].id.str ? v[k].id.str : "<missing>");
		jw_i64(&w, "Size", v[k].size);
		jw_strv(&w, "Tags", v[k].tags);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	buf_addc(w.out, '\n');
	free(v);
	return 0;
}

/* ---- tag and remove ---- */

int api_image_tag(struct request *req, struct err **err)
{
	const char *repo = req_query(req, "repo");
	const char *tag = req_query(req, "tag");
	if (engine_image_tag(req_engine(req), req_var(req, "name"), repo ? repo : "",
		    str_empty(tag) ? NULL : tag, err) < 0)
		return -1;
	res_status(req, 201);
	return 0;
}

int api_image_remove(struct request *req, struct err **err)
{
	struct store_removed_list list = {0};
	if (engine_image_remove(req_engine(req), req_var(req, "name"),
		    req_bool(req, "force", false), &list, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_array(&w, NULL);
	for (size_t i = 0; i < list.count; i++) {
		jw_object(&w, NULL);
		jw_str(&w, list.v[i].kind == STORE_UNTAGGED ? "Untagged" : "Deleted",
			list.v[i].what);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	buf_addc(w.out, '\n');
	store_removed_list_free(&list);
	return 0;
}
