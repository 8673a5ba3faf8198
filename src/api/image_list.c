/* Lists of images, for GET /images/json and GET /system/df. */
#include "image_list.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "image_manifests.h"
#include "request.h"

static void write_names(struct jsonw *w, const struct store_image_summary *i, unsigned api)
{
	static char *const none[] = {NULL};
	bool dangling = !i->repo_tags && !i->repo_digests;
	if (dangling && api < 143)
		jw_raw(w, "RepoDigests", "[\"<none>@<none>\"]");
	else
		jw_strv(w, "RepoDigests", i->repo_digests ? i->repo_digests : none);
	if (dangling && api < 143)
		jw_raw(w, "RepoTags", "[\"<none>:<none>\"]");
	else
		jw_strv(w, "RepoTags", i->repo_tags ? i->repo_tags : none);
}

void image_summary_begin(struct jsonw *w, const struct store_image_summary *i, unsigned api)
{
	jw_object(w, NULL);
	jw_i64(w, "Containers", i->containers);
	jw_i64(w, "Created", i->created / TIME_NS_PER_SEC);
	jw_str(w, "Id", i->id.str);
	jw_raw(w, "Labels", i->labels);
	jw_str(w, "ParentId", i->parent);
	write_names(w, i, api);
	jw_i64(w, "SharedSize", i->shared_size);
	jw_i64(w, "Size", i->size);
	if (api < 144)
		jw_i64(w, "VirtualSize", i->size);
}

void image_summary_write(struct jsonw *w, const struct store_image_summary *i, unsigned api)
{
	image_summary_begin(w, i, api);
	jw_end_object(w);
}

/* An image that has gone since the list was read is shown without. */
static int write_one(struct jsonw *w, struct request *req, const struct store_image_summary *i,
	bool manifests, struct err **err)
{
	auto_err *why = NULL;
	image_summary_begin(w, i, req->api);
	if (manifests && image_manifests_write(w, req_engine(req), &i->id, req->api, &why) < 0 &&
		why->kind != ERR_NOT_FOUND)
		return err_move(err, &why);
	jw_end_object(w);
	return 0;
}

int api_image_list(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	struct store_image_list list = {0};
	if (req_filters(req, &filters, err) < 0)
		return -1;
	bool manifests = req->api >= 147 && req_bool(req, "manifests", false);
	/* The one filter that was a parameter of its own until 1.40. */
	const char *name = req->api < 141 ? req_query(req, "filter") : NULL;
	if (!str_empty(name))
		filters_add(&filters, "reference", name);
	const struct image_list_options options = {.filters = &filters,
		.all = req_bool(req, "all", false),
		.sizes = req->api >= 142 && req_bool(req, "shared-size", false),
		.containers = req->api >= 151 || manifests};
	if (engine_image_list(req_engine(req), &options, &list, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_array(&w, NULL);
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < list.count; i++)
		rc = write_one(&w, req, &list.v[i], manifests, err);
	jw_end_array(&w);
	buf_addc(w.out, '\n');
	store_image_list_free(&list);
	return rc;
}
