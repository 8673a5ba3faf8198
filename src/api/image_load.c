/*
 * POST /images/load and /images/create: archives come in while progress goes out. Nothing is sent
 * until there is something to say, so what fails at once still has a status of its own; after that
 * an error is the stream's last document, as in dockerd.
 */
#include "base/mem.h"
#include "base/str.h"
#include "engine/image.h"
#include "image_platform.h"
#include "request.h"
#include "status.h"
#include "transfer.h"

struct report {
	struct push *push;
	bool quiet;
	bool named; /* the URL has been told */
};

static int send_json(struct report *r, struct buf *doc, bool droppable)
{
	buf_adds(doc, "\r\n");
	return push_write(r->push, doc->data, doc->len, droppable);
}

static int on_progress(void *arg, const struct store_progress *p)
{
	struct report *r = arg;
	if (r->quiet && p->kind == STORE_PROGRESS_LAYER)
		return 0;
	auto_buf doc = BUF_INIT;
	struct jsonw w = jsonw_to(&doc);
	jw_object(&w, NULL);
	if (p->kind == STORE_PROGRESS_TEXT) {
		jw_str(&w, "stream", p->text);
	} else {
		jw_str(&w, "status", "Loading layer");
		jw_object(&w, "progressDetail");
		jw_i64(&w, "current", p->current);
		if (p->total > 0)
			jw_i64(&w, "total", p->total);
		jw_end_object(&w);
		jw_str(&w, "id", p->id);
	}
	jw_end_object(&w);
	return send_json(r, &doc, p->kind == STORE_PROGRESS_LAYER);
}

/* Ends the stream: with the error inside, if something has been sent before it. */
static int finish(struct request *req, struct report *r, int rc, struct err **e, struct err **err)
{
	bool started = push_started(r->push);
	if (rc < 0 && started)
		push_error(r->push, *e);
	push_end(r->push);
	if (started)
		return 0;
	if (rc < 0)
		return err_move(err, e);
	res_json(req, 200);
	return 0;
}

int api_image_load(struct request *req, struct err **err)
{
	auto_err *e = NULL;
	struct oci_platform want = {0};
	int asked = platform_param(req_query(req, "platform"), &want, err);
	if (asked < 0)
		return -1;
	struct report r = {
		.push = push_new(req, "application/json"), .quiet = req_bool(req, "quiet", true)};
	int rc = engine_image_load(
		req_engine(req), req->body_fd, asked ? &want : NULL, on_progress, &r, &e);
	return finish(req, &r, rc, &e, err);
}

static int name_url(struct report *r, const char *url)
{
	auto_buf doc = BUF_INIT;
	auto_free char *text = xasprintf("Downloading from %s", url);
	struct jsonw w = jsonw_to(&doc);
	r->named = true;
	jw_object(&w, NULL);
	jw_str(&w, "status", text);
	jw_end_object(&w);
	return send_json(r, &doc, false);
}

static int on_fetched(void *arg, const char *url, int64_t current, int64_t total)
{
	struct report *r = arg;
	if (!r->named && name_url(r, url) < 0)
		return -1;
	if (!current)
		return 0;
	auto_buf doc = BUF_INIT;
	struct jsonw w = jsonw_to(&doc);
	jw_object(&w, NULL);
	jw_str(&w, "status", "Importing");
	jw_object(&w, "progressDetail");
	jw_i64(&w, "current", current);
	if (total > 0)
		jw_i64(&w, "total", total);
	jw_end_object(&w);
	api_progress_bar(&w, current, total);
	jw_end_object(&w);
	return send_json(r, &doc, true);
}

/* @url: NULL for the request's body. */
static int import(struct request *req, const char *url, struct err **err)
{
	auto_question *q = url ? api_question(req, err) : NULL;
	if (url && !q)
		return -1;
	auto_err *e = NULL;
	auto_strv changes = req_query_all(req, "changes");
	const char *platform = req_query(req, "platform");
	struct report r = {.push = push_new(req, "application/json"), .quiet = true};
	struct image_import spec = {
		.fd = url ? -1 : req->body_fd,
		.url = url,
		.question = q,
		.fetched = on_fetched,
		.repo = req_query(req, "repo"),
		.tag = req_query(req, "tag"),
		.message = req_query(req, "message"),
		.changes = changes,
		.platform = str_empty(platform) ? NULL : platform,
	};
	struct digest id;
	int rc = engine_image_import(req_engine(req), &spec, on_progress, &r, &id, &e);
	if (rc == 0) {
		auto_buf doc = BUF_INIT;
		struct jsonw w = jsonw_to(&doc);
		jw_object(&w, NULL);
		jw_str(&w, "status", id.str);
		jw_end_object(&w);
		send_json(&r, &doc, false);
	}
	return finish(req, &r, rc, &e, err);
}

int api_image_create(struct request *req, struct err **err)
{
	const char *image = req_query(req, "fromImage");
	const char *source = req_query(req, "fromSrc");
	if (!str_empty(image))
		return api_image_pull(req, err);
	return import(req, str_eq(source, "-") ? NULL : source ? source : "", err);
}
