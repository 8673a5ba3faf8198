/* POST /kist/check: whether everything in the store is what it is said to be; kist's own. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/mend.h"
#include "request.h"
#include "store/check.h"
#include "transfer.h"

static void write_files(struct jsonw *w, const struct store_finding *f)
{
	if (!f->file_count)
		return;
	jw_array(w, "Files");
	for (size_t i = 0; i < f->file_count; i++) {
		jw_object(w, NULL);
		jw_str(w, "Path", f->files[i].path);
		jw_str(w, "Problem", f->files[i].problem);
		jw_end_object(w);
	}
	jw_end_array(w);
	jw_u64(w, "MoreFiles", f->files_more);
}

static void write_finding(struct jsonw *w, const struct store_finding *f)
{
	static const char *const kinds[] = {
		[STORE_FINDING_BLOB] = "blob",
		[STORE_FINDING_LAYER] = "layer",
		[STORE_FINDING_IMAGE] = "image",
		[STORE_FINDING_CONTAINER] = "container",
		[STORE_FINDING_STRAY] = "stray",
	};
	static char *const none[] = {NULL};
	jw_object(w, NULL);
	jw_str(w, "Kind", kinds[f->kind]);
	if (f->name)
		jw_str(w, "Name", f->name);
	else
		jw_str(w, "Digest", f->digest.str);
	jw_bool(w, "Damaged", f->damaged);
	jw_bool(w, "Repaired", f->repaired);
	jw_str(w, "Problem", f->problem);
	jw_str(w, "Remedy", f->remedy);
	jw_strv(w, "Images", f->images ? f->images : none);
	write_files(w, f);
	jw_end_object(w);
}

static void write_check(struct request *req, const struct store_check *check)
{
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_u64(&w, "Blobs", check->blobs);
	jw_u64(&w, "Layers", check->layers);
	jw_u64(&w, "Images", check->images);
	jw_array(&w, "Findings");
	for (size_t i = 0; i < check->count; i++)
		write_finding(&w, &check->v[i]);
	jw_end_array(&w);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
}

/* ---- as an operation of the engine: it may take long, and ends when the client leaves ---- */

static void on_message(void *arg, const struct image_message *m)
{
	if (m->kind == IMAGE_CHECKED)
		write_check(arg, m->check);
}

static void on_done(void *arg, const struct err *err)
{
	struct request *req = arg;
	if (err)
		res_error(req, err);
	request_resume(req);
}

static void leave(void *watch)
{
	image_watch_leave(watch);
}

static void unref(void *watch)
{
	image_watch_unref(watch);
}

/* {"RegistryAuth": {"HOST:PORT": {"username": ...}}} */
struct auths {
	struct engine_check_auth *v;
	struct api_auth *owned;
	size_t n;
};

static void auths_free(struct auths *a)
{
	for (size_t i = 0; i < a->n; i++)
		api_auth_free(&a->owned[i]);
	free(a->v);
	free(a->owned);
}
#define auto_auths __attribute__((cleanup(auths_free))) struct auths

static int read_auths(json_t *body, struct auths *out, struct err **err)
{
	json_t *all = json_object_get(body, "RegistryAuth"), *one;
	const char *server;
	if (all && !json_is_object(all) && !json_is_null(all))
		return err_set(err, ERR_INVALID, "RegistryAuth: expected an object");
	out->v = xcalloc(json_object_size(all) + 1, sizeof(*out->v));
	out->owned = xcalloc(json_object_size(all) + 1, sizeof(*out->owned));
	json_object_foreach(all, server, one)
	{
		if (!json_is_object(one))
			return err_set(
				err, ERR_INVALID, "RegistryAuth: %s: expected an object", server);
		if (api_auth_json(json_incref(one), &out->owned[out->n], err) < 0)
			return -1;
		out->v[out->n] = (struct engine_check_auth){server, out->owned[out->n].auth};
		out->n++;
	}
	return 0;
}

int api_kist_check(struct request *req, struct err **err)
{
	auto_json *body = NULL;
	auto_auths auths = {0};
	if (req_json(req, true, &body, err) < 0 || read_auths(body, &auths, err) < 0)
		return -1;
	const struct engine_check spec = {
		.repair = req_bool(req, "repair", false), .auths = auths.v, .auth_count = auths.n};
	const struct image_listener l = {on_message, on_done, req};
	request_defer(req);
	struct image_watch *w = engine_check(req_engine(req), &spec, &l, err);
	if (!w) {
		request_resume(req);
		return -1;
	}
	request_on_gone(req, leave, unref, w);
	return 0;
}
