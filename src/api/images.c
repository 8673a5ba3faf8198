/* Images: inspect, history, tag, remove, prune. Lists are in image_list.c, what moves bytes in image_load.c. */
#include "engine/image.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "image_manifests.h"
#include "image_platform.h"
#include "model/image.h"
#include "request.h"

/* ---- inspect ---- */

/* The configuration as its author wrote it, in the shape that the client's version expects. */
static void write_config(
	struct jsonw *w, const struct request *req, const struct container_config *config)
{
	jw_key(w, "Config");
	model_write(req->api >= 150 ? &model_image_run_config : &model_container_config, config,
		req->api, w->out);
}

/* In the zone that its author's clock had, as dockerd shows it; without zeros at the end, as Go writes it. */
static void write_created(struct jsonw *w, const char *text, int64_t utc)
{
	const size_t zone = strlen("+01:00"), nanoseconds = strlen(".123456789");
	size_t n = text ? strlen(text) : 0;
	int64_t same;
	if (n <= zone || !strchr("+-", text[n - zone]) || str_eq(text + n - zone + 1, "00:00") ||
		time_parse_rfc3339(text, &same) < 0 || same != utc) {
		jw_time(w, "Created", utc);
		return;
	}
	size_t head = n - zone;
	const char *dot = memchr(text, '.', head);
	if (dot) {
		size_t whole = (size_t)(dot - text);
		head = head > whole + nanoseconds ? whole + nanoseconds : head;
		while (text[head - 1] == '0')
			head--;
		head -= head == whole + 1;
	}
	auto_free char *shown = xasprintf("%.*s%s", (int)head, text, text + n - zone);
	jw_str(w, "Created", shown);
}

/* Old clients are told what the image was committed from; one that does not say so legibly is none. */
static void write_origin(struct jsonw *w, struct request *req, const struct buf *text)
{
	struct image_origin o = {0};
	if (model_parse(&model_image_origin, text->data, text->len, &o, "image", NULL) < 0)
		image_origin_clear(&o);
	jw_str(w, "Container", o.container);
	jw_key(w, "ContainerConfig");
	model_write(&model_container_config, &o.config, req->api, w->out);
	image_origin_clear(&o);
}

static void write_times(struct jsonw *w, const struct store_image *i)
{
	jw_object(w, "Metadata");
	jw_time(w, "LastTagTime", i->last_tagged);
	jw_end_object(w);
}

/* Where the unpacked layers lie: the topmost one alone, those below it as an overlay mount names them. */
static void write_folders(struct jsonw *w, struct engine *e, const struct oci_image *c)
{
	const char *driver = engine_storage_driver(e);
	size_t n = c->diff_id_count;
	jw_object(w, "GraphDriver");
	if (n == 0 || !str_eq(driver, "overlay2")) {
		jw_null(w, "Data");
	} else {
		auto_buf lower = BUF_INIT;
		const char *root = engine_data_root(e);
		for (size_t i = n - 1; i-- > 0;)
			buf_addf(&lower, "%s%s/layers/%s", lower.len ? ":" : "", root,
				digest_hex(&c->diff_ids[i]));
		auto_free char *upper =
			xasprintf("%s/layers/%s", root, digest_hex(&c->diff_ids[n - 1]));
		jw_object(w, "Data");
		if (n > 1)
			jw_str(w, "LowerDir", buf_str(&lower));
		jw_str(w, "UpperDir", upper);
		jw_end_object(w);
	}
	jw_str(w, "Name", driver);
	jw_end_object(w);
}

static void write_layers(struct jsonw *w, struct engine *e, const struct store_image *i)
{
	write_folders(w, e, i->config);
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

static int write_image(struct request *req, const struct store_image *i,
	const struct image_config *written, const struct buf *text, struct err **err)
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
	write_created(&w, written->created, c->created);
	if (req->api < 145)
		write_origin(&w, req, text);
	jw_str(&w, "DockerVersion", c->docker_version);
	jw_str(&w, "Author", c->author);
	write_config(&w, req, &written->config);
	write_kind(&w, c);
	jw_i64(&w, "Size", i->size);
	if (req->api < 144)
		jw_i64(&w, "VirtualSize", i->size);
	write_layers(&w, req_engine(req), i);
	write_times(&w, i);
	if (req->api >= 148 && req_bool(req, "manifests", false) &&
		image_manifests_write(&w, req_engine(req), &i->id, req->api, err) < 0)
		return -1;
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

static int read_and_write(struct request *req, const struct store_image *i, struct err **err)
{
	struct image_config written = {0};
	auto_buf text = BUF_INIT;
	if (store_image_config_json(engine_store(req_engine(req)), &i->id, &text, err) < 0)
		return -1;
	int rc = model_parse(&model_image_config, text.data, text.len, &written, "image", err);
	if (rc == 0)
		rc = write_image(req, i, &written, &text, err);
	image_config_clear(&written);
	return rc;
}

/* From version @since on the client may ask for the image of a platform. */
static struct store_image *find_for_platform(struct request *req, unsigned since, struct err **err)
{
	struct oci_platform want;
	const char *text = req->api >= since ? req_query(req, "platform") : NULL;
	int given = platform_param(text, &want, err);
	if (given < 0)
		return NULL;
	return engine_image_for(req_engine(req), req_var(req, "name"), given ? &want : NULL, err);
}

int api_image_inspect(struct request *req, struct err **err)
{
	if (req->api >= 148 && req_bool(req, "manifests", false) && req_query(req, "platform"))
		return err_set(err, ERR_INVALID,
			"conflicting options: manifests and platform options cannot both be set");
	auto_store_image *i = find_for_platform(req, 149, err);
	return i ? read_and_write(req, i, err) : -1;
}

int api_image_history(struct request *req, struct err **err)
{
	struct engine *e = req_engine(req);
	auto_store_image *i = find_for_platform(req, 148, err);
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
	store_history_free(v, n);
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

static void write_removed(struct jsonw *w, const char *key, const struct store_removed_list *list)
{
	jw_array(w, key);
	for (size_t i = 0; i < list->count; i++) {
		jw_object(w, NULL);
		jw_str(w, list->v[i].kind == STORE_UNTAGGED ? "Untagged" : "Deleted",
			list->v[i].what);
		jw_end_object(w);
	}
	jw_end_array(w);
}

/* platforms= of a removal: at most one, and it has to be the image's, as there is no other. */
static int check_platforms(struct request *req, struct err **err)
{
	auto_strv wanted = req->api >= 150 ? req_query_all(req, "platforms") : NULL;
	struct oci_platform want;
	if (!wanted)
		return 0;
	if (wanted[1])
		return err_set(err, ERR_INVALID, "multiple platforms are not supported");
	int given = platform_param(wanted[0], &want, err);
	if (given < 0)
		return -1;
	auto_store_image *i =
		engine_image_for(req_engine(req), req_var(req, "name"), given ? &want : NULL, err);
	return i ? 0 : -1;
}

int api_image_remove(struct request *req, struct err **err)
{
	struct store_removed_list list = {0};
	unsigned flags = (req_bool(req, "force", false) ? STORE_REMOVE_FORCE : 0u) |
			 (req_bool(req, "noprune", false) ? STORE_REMOVE_KEEP_PARENTS : 0u);
	if (check_platforms(req, err) < 0 ||
		engine_image_remove(req_engine(req), req_var(req, "name"), flags, &list, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	write_removed(&w, NULL, &list);
	buf_addc(w.out, '\n');
	store_removed_list_free(&list);
	return 0;
}

int api_image_prune(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	struct store_removed_list list;
	if (req_filters(req, &filters, err) < 0 ||
		engine_image_prune(req_engine(req), &filters, &list, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	if (list.count)
		write_removed(&w, "ImagesDeleted", &list);
	else
		jw_null(&w, "ImagesDeleted");
	jw_i64(&w, "SpaceReclaimed", list.reclaimed);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	store_removed_list_free(&list);
	return 0;
}
