/*
 * POST /images/create?fromImage= and /images/{name}/push. The operation has a thread of its own in the engine,
 * so no worker waits for it: the request is deferred, what the operation says goes out as it comes, and a client
 * that leaves takes its interest along.
 */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "image_platform.h"
#include "transfer.h"

#define PROGRESS_WIDTH 50

struct answer {
	struct request *req;
	struct push *push;
};

/* ---- what is said ---- */

/* units.HumanSize: four digits, base 1000. */
static const char *human(double size, char *text, size_t len)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	size_t i = 0;
	for (; size >= 1000 && i + 1 < ARRAY_LEN(units); i++)
		size /= 1000;
	snprintf(text, len, "%.4g%s", size, units[i]);
	return text;
}

void api_progress_bar(struct jsonw *w, int64_t current, int64_t total)
{
	auto_buf bar = BUF_INIT;
	char a[32], b[32];
	if (total <= 0) {
		buf_addf(&bar, "%8s", human((double)current, a, sizeof(a)));
		jw_str(w, "progress", bar.data);
		return;
	}
	int64_t percent = (int64_t)((double)current / (double)total * 100) / 2;
	int filled = percent > PROGRESS_WIDTH ? PROGRESS_WIDTH : (int)percent;
	buf_addc(&bar, '[');
	for (int i = 0; i < filled; i++)
		buf_addc(&bar, '=');
	buf_addf(&bar, ">%*s] %8s", PROGRESS_WIDTH - filled, "",
		human((double)current, a, sizeof(a)));
	if (current <= total)
		buf_addf(&bar, "/%s", human((double)total, b, sizeof(b)));
	jw_str(w, "progress", bar.data);
}

static void write_detail(struct jsonw *w, const struct image_message *m)
{
	jw_object(w, "progressDetail");
	if (m->total > 0) {
		jw_i64(w, "current", m->current);
		jw_i64(w, "total", m->total);
	}
	jw_end_object(w);
	if (m->kind == IMAGE_LAYER && m->total > 0)
		api_progress_bar(w, m->current, m->total);
}

static void write_message(struct jsonw *w, const struct image_message *m)
{
	jw_object(w, NULL);
	if (m->kind != IMAGE_PUSHED)
		jw_str(w, "status", m->status);
	if (m->kind != IMAGE_SAYS)
		write_detail(w, m);
	if (m->id)
		jw_str(w, "id", m->id);
	if (m->kind == IMAGE_PUSHED) {
		jw_object(w, "aux");
		jw_str(w, "Tag", m->tag);
		jw_str(w, "Digest", m->digest);
		jw_i64(w, "Size", m->size);
		jw_end_object(w);
	}
	jw_end_object(w);
}

static void on_message(void *arg, const struct image_message *m)
{
	struct answer *a = arg;
	auto_buf doc = BUF_INIT;
	struct jsonw w = jsonw_to(&doc);
	write_message(&w, m);
	buf_adds(&doc, "\r\n");
	/* a registry decides how often something is tried again */
	bool again = m->kind == IMAGE_LAYER && str_starts(m->status, "Retrying");
	push_write(a->push, doc.data, doc.len, again || (m->kind == IMAGE_LAYER && m->total > 0));
}

/* 401 would make the docker command ask for a password, and wait; dockerd never answers it here, but 500. */
static void error_answer(struct request *req, const struct err *err)
{
	struct err plain = *err;
	if (plain.kind == ERR_UNAUTHORIZED)
		plain.kind = ERR_SYSTEM;
	res_error(req, &plain);
}

static void on_done(void *arg, const struct err *err)
{
	struct answer *a = arg;
	struct request *req = a->req;
	bool started = push_started(a->push);
	if (started && err)
		push_error(a->push, err);
	push_end(a->push);
	free(a);
	if (!started && err)
		error_answer(req, err);
	else if (!started)
		res_json(req, 200);
	request_resume(req);
}

/* ---- beginning ---- */

static struct image_listener hear(struct request *req)
{
	struct answer *a = xcalloc(1, sizeof(*a));
	*a = (struct answer){req, push_new(req, "application/json")};
	request_defer(req);
	return (struct image_listener){on_message, on_done, a};
}

static void leave(void *watch)
{
	image_watch_leave(watch);
}

static void unref(void *watch)
{
	image_watch_unref(watch);
}

/* @w NULL: it did not begin, and nobody will be told. */
static int listening(struct request *req, const struct image_listener *l, struct image_watch *w)
{
	if (!w) {
		struct answer *a = l->arg;
		push_end(a->push);
		free(a);
		request_resume(req);
		return -1;
	}
	request_on_gone(req, leave, unref, w);
	return 0;
}

int api_image_pull(struct request *req, struct err **err)
{
	auto_api_auth a = {0};
	/* as dockerd: who sends nonsense here is nobody */
	api_auth_header(req, &a, NULL);
	struct image_pull spec = {
		.name = req_query(req, "fromImage"),
		.tag = req_query(req, "tag"),
		.platform = req_query(req, "platform"),
		.auth = a.auth,
	};
	struct image_listener l = hear(req);
	return listening(req, &l, engine_image_pull(req_engine(req), &spec, &l, err));
}

int api_image_push(struct request *req, struct err **err)
{
	auto_api_auth a = {0};
	struct oci_platform platform;
	int asked = platform_param(req_query(req, "platform"), &platform, err);
	if (asked < 0 || api_auth_header(req, &a, err) < 0)
		return -1;
	struct image_push spec = {
		.name = req_var(req, "name"),
		.tag = req_query(req, "tag"),
		.platform = asked ? &platform : NULL,
		.auth = a.auth,
	};
	struct image_listener l = hear(req);
	return listening(req, &l, engine_image_push(req_engine(req), &spec, &l, err));
}
