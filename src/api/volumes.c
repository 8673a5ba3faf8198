/* Volumes. */
#include "engine/volume.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "model/requests.h"
#include "request.h"
#include "volume_json.h"

static void write_map(struct jsonw *w, const char *key, const struct volume_label *v, size_t n)
{
	if (n == 0) {
		jw_null(w, key);
		return;
	}
	jw_object(w, key);
	for (size_t i = 0; i < n; i++)
		jw_str(w, v[i].key, v[i].value);
	jw_end_object(w);
}

void volume_write(struct jsonw *w, const struct volume_info *v)
{
	jw_object(w, NULL);
	jw_time(w, "CreatedAt", v->created_at - v->created_at % TIME_NS_PER_SEC);
	jw_str(w, "Driver", "local");
	write_map(w, "Labels", v->labels, v->label_count);
	jw_str(w, "Mountpoint", v->mountpoint);
	jw_str(w, "Name", v->name);
	write_map(w, "Options", v->options, v->option_count);
	jw_str(w, "Scope", "local");
	if (v->size >= 0) {
		jw_object(w, "UsageData");
		jw_i64(w, "RefCount", v->uses);
		jw_i64(w, "Size", v->size);
		jw_end_object(w);
	}
	jw_end_object(w);
}

static int answer(struct request *req, int status, struct volume_info *v)
{
	struct jsonw w = res_json(req, status);
	volume_write(&w, v);
	buf_addc(w.out, '\n');
	volume_info_free(v);
	return 0;
}

int api_volume_list(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	struct volume_info *v;
	size_t n;
	if (req_filters(req, &filters, err) < 0 ||
		engine_volume_list(req_engine(req), &filters, &v, &n, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_array(&w, "Volumes");
	for (size_t i = 0; i < n; i++)
		volume_write(&w, &v[i]);
	jw_end_array(&w);
	jw_null(&w, "Warnings");
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	volume_info_list_free(v, n);
	return 0;
}

/* Pairs of the same layout under another name. */
static struct volume_label *labels_of(const struct str_map *m)
{
	struct volume_label *v = xcalloc(m->n + 1, sizeof(*v));
	for (size_t i = 0; i < m->n; i++)
		v[i] = (struct volume_label){m->v[i].key, m->v[i].value};
	return v;
}

static int create(struct request *req, const struct volume_create_request *c, struct err **err)
{
	auto_free struct volume_label *labels = labels_of(&c->labels);
	auto_free struct volume_label *options = labels_of(&c->driver_opts);
	struct volume_spec spec = {
		.name = c->name,
		.driver = c->driver,
		.labels = labels,
		.label_count = c->labels.n,
		.options = options,
		.option_count = c->driver_opts.n,
	};
	struct volume_info *v;
	if (engine_volume_create(req_engine(req), &spec, &v, err) < 0)
		return -1;
	return answer(req, 201, v);
}

int api_volume_create(struct request *req, struct err **err)
{
	auto_json *body = NULL;
	if (req_json(req, true, &body, err) < 0)
		return -1;
	struct volume_create_request c = {0};
	int rc = body ? model_decode(&model_volume_create, body, &c, "", err) : 0;
	if (rc < 0)
		err_wrap(err, "invalid JSON");
	if (rc == 0)
		rc = model_check_built(&model_volume_create, &c, "", err);
	if (rc == 0)
		rc = create(req, &c, err);
	model_clear(&model_volume_create, &c);
	return rc;
}

int api_volume_inspect(struct request *req, struct err **err)
{
	struct volume_info *v;
	if (engine_volume_inspect(req_engine(req), req_var(req, "name"), &v, err) < 0)
		return -1;
	return answer(req, 200, v);
}

int api_volume_remove(struct request *req, struct err **err)
{
	if (engine_volume_remove(
		    req_engine(req), req_var(req, "name"), req_bool(req, "force", false), err) < 0)
		return -1;
	res_status(req, 204);
	return 0;
}
