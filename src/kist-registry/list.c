/* Answers in pages: tags, repositories, referrers (distribution-spec 1.1 "Listing Tags", "Listing Referrers"). */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "control.h"
#include "oci/image.h"
#include "op.h"
#include "registry/registry.h"
#include "timer.h"

enum {
	PAGE_MAX = 16 << 20,
	PAGES_MAX = 10000,
	NAME_MAX_BYTES = 512,
	REFERRERS_MAX = 100000,
	BREATH_MS = 10, /* for a library that reads slowly */
};

struct list {
	struct op op;
	enum request_what what;
	char *name, *type; /* referrers */
	bool by_tag; /* the registry has no referrers API */
	struct buf page;
	char *next; /* URL of the page to come */
	struct endpoint *endpoint;
	size_t pages, total;
	json_t *found;
};

static void list_free(struct op *op)
{
	struct list *l = (struct list *)op;
	free(l->name);
	free(l->type);
	free(l->next);
	buf_free(&l->page);
	json_decref(l->found);
	free(l);
}

static void fail(struct list *l, enum err_kind kind, const char *what)
{
	auto_err *err = NULL;
	err_set(&err, kind, "%s: %s", l->op.c->set.familiar, what);
	op_fail(&l->op, err);
}

static void reply(struct list *l)
{
	if (l->found) {
		auto_buf out = BUF_INIT;
		auto_json *index = json_object();
		json_put(index, "schemaVersion", json_integer(2));
		json_put_str(index, "mediaType", OCI_TYPE_INDEX);
		json_put(index, "manifests", json_incref(l->found));
		json_write(index, &out);
		control_data(l->op.c, l->op.id, out.data, out.len);
	}
	struct record r = {.kind = RECORD_REPLY,
		.id = l->op.id,
		.reply = {.type = "",
			.digest = "",
			.size = -1,
			.found = true,
			.etag = "",
			.text = ""}};
	control_send(l->op.c, &r);
	op_end(&l->op);
}

/* ---- a page ---- */

/* A name a line. A registry that puts anything else into a name has none to offer. */
static int add_names(struct list *l, const json_t *doc)
{
	auto_buf out = BUF_INIT;
	size_t i;
	const json_t *v;
	const char *key = l->what == REQUEST_TAGS ? "tags" : "repositories";
	const json_t *names = json_object_get(doc, key);
	if (names && !json_is_array(names) && !json_is_null(names))
		return -1;
	json_array_foreach(names, i, v)
	{
		const char *name = json_string_value(v);
		if (!name || !*name || strlen(name) > NAME_MAX_BYTES)
			return -1;
		for (const char *p = name; *p; p++)
			if (*p <= ' ' || *p > '~')
				return -1;
		buf_addf(&out, "%s\n", name);
	}
	l->total += out.len;
	control_data(l->op.c, l->op.id, out.data, out.len);
	return 0;
}

static int add_referrers(struct list *l, const json_t *doc)
{
	size_t i;
	json_t *v;
	const json_t *manifests = json_object_get(doc, "manifests");
	if (!json_is_array(manifests))
		return -1;
	json_array_foreach(manifests, i, v)
	{
		const char *type = json_string_value(json_object_get(v, "artifactType"));
		if (!json_is_object(v) || json_array_size(l->found) >= REFERRERS_MAX)
			return -1;
		if (!*l->type || str_eq(type, l->type))
			json_array_append(l->found, v);
	}
	l->total += l->page.len;
	return 0;
}

static int add_page(struct list *l)
{
	auto_json *doc = json_parse(l->page.data, l->page.len, "answer", NULL);
	if (!json_is_object(doc))
		return -1;
	return l->what == REQUEST_REFERRERS ? add_referrers(l, doc) : add_names(l, doc);
}

static void ask(struct list *l);

static void go_on(void *arg)
{
	struct list *l = arg;
	if (control_full(l->op.c))
		timer_set(l->op.c, BREATH_MS, go_on, l);
	else
		ask(l);
}

/* The next page is the same registry's, or there is none. */
static int find_next(struct list *l, struct exchange *x)
{
	auto_free char *link = next_link(x->http);
	free(l->next);
	l->next = NULL;
	if (!link || l->by_tag)
		return 0;
	l->next = http_resolve(x->http->url, link);
	l->endpoint = x->endpoint;
	auto_free char *origin = l->next ? http_origin(l->next) : NULL;
	return origin && x->endpoint && str_eq(origin, x->endpoint->origin) ? 0 : -1;
}

static void on_done(void *arg, struct exchange *x)
{
	struct list *l = arg;
	l->op.x = NULL;
	if (x->err) {
		op_fail(&l->op, x->err);
		return;
	}
	if (x->http->status == 404 && l->by_tag) {
		reply(l);
		return;
	}
	if (x->http->status == 404) {
		l->by_tag = true;
		ask(l);
		return;
	}
	if (add_page(l) < 0)
		fail(l, ERR_INVALID, "the registry's list cannot be read");
	else if (find_next(l, x) < 0)
		fail(l, ERR_INVALID, "the registry's list goes on at another host");
	else if (!l->next)
		reply(l);
	else if (str_eq(l->next, x->http->url) || ++l->pages >= PAGES_MAX ||
		 l->total > REGISTRY_LIST_MAX)
		fail(l, ERR_TOO_LARGE, "the registry's list has no end");
	else
		go_on(l);
}

static int on_begin(void *arg, struct http *h, struct err **err)
{
	struct list *l = arg;
	l->page.len = 0;
	return refuse_html(h, err);
}

static int on_data(void *arg, struct http *h, const char *p, size_t n, struct err **err)
{
	struct list *l = arg;
	return collect(&l->page, PAGE_MAX, h, p, n, err);
}

static char *path_of(const struct list *l)
{
	const char *repository = l->op.c->set.repository;
	if (l->what == REQUEST_TAGS)
		return xasprintf("/%s/tags/list", repository);
	if (l->what == REQUEST_CATALOG)
		return xstrdup("/_catalog");
	/* the tag schema: "sha256-<hex>" */
	if (l->by_tag) {
		auto_free char *tag = xstrdup(l->name);
		tag[strcspn(tag, ":")] = '-';
		return xasprintf("/%s/manifests/%s", repository, tag);
	}
	char *type = curl_easy_escape(NULL, l->type, 0);
	char *path = xasprintf("/%s/referrers/%s%s%s", repository, l->name,
		*l->type ? "?artifactType=" : "", type ? type : "");
	curl_free(type);
	return path;
}

static void ask(struct list *l)
{
	auto_free char *path = l->next ? NULL : path_of(l);
	char *headers[] = {(char *)(uintptr_t)accept_header(REGISTRY_INDEX), NULL};
	struct exchange_spec spec = {
		.method = "GET",
		.path = path,
		.url = l->next,
		.endpoint = l->endpoint,
		.capability = ENDPOINT_PULL,
		.headers = l->what == REQUEST_REFERRERS ? headers : NULL,
		.document = true,
		.also = {l->what == REQUEST_REFERRERS ? 404 : 0},
		.begin = on_begin,
		.data = on_data,
		.done = on_done,
		.arg = l,
	};
	l->op.x = exchange_start(l->op.c, &spec);
}

void list_start(struct client *c, const struct record *r)
{
	struct list *l = xcalloc(1, sizeof(*l));
	op_add(&l->op, c, r->id);
	l->op.free = list_free;
	l->what = r->request.what;
	l->name = xstrdup(r->request.name);
	l->type = xstrdup(r->request.type);
	if (l->what == REQUEST_REFERRERS)
		l->found = json_array();
	ask(l);
}
