/* Requests that one exchange answers: manifests, small blobs, HEADs, login, search. */
#include "base/mem.h"
#include "base/str.h"
#include "control.h"
#include "oci/image.h"
#include "op.h"
#include "registry/registry.h"

enum { SEARCH_MAX = 1 << 20, PING_MAX = 1 << 16, ETAG_MAX = 256 };

struct document {
	struct op op;
	enum request_what what;
	char *name, *type, *etag;
	uint64_t size; /* limit, or of what is to be put */
	uint32_t accept;
	struct buf bytes;
};

/* One header, types separated by commas. */
const char *accept_header(uint32_t accept)
{
#define MANIFESTS OCI_TYPE_MANIFEST ", " DOCKER_TYPE_MANIFEST
#define INDEXES OCI_TYPE_INDEX ", " DOCKER_TYPE_LIST
	switch (accept) {
	case REGISTRY_MANIFEST:
		return "Accept: " MANIFESTS;
	case REGISTRY_INDEX:
		return "Accept: " INDEXES;
	default:
		return "Accept: " MANIFESTS ", " INDEXES;
	}
}

static void document_free(struct op *op)
{
	struct document *d = (struct document *)op;
	free(d->name);
	free(d->type);
	free(d->etag);
	buf_free(&d->bytes);
	free(d);
}

/* ---- the answer ---- */

static size_t limit(const struct document *d)
{
	switch (d->what) {
	case REQUEST_DOCUMENT:
		return d->size;
	case REQUEST_SEARCH:
		return SEARCH_MAX;
	case REQUEST_PING:
	case REQUEST_MANIFEST_PUT:
		return PING_MAX;
	default:
		return REGISTRY_DOCUMENT_MAX;
	}
}

static int on_begin(void *arg, struct http *h, struct err **err)
{
	struct document *d = arg;
	if (d->what != REQUEST_MANIFEST_PUT)
		d->bytes.len = 0; /* of an attempt that broke off */
	if (str_eq(h->spec.method, "HEAD"))
		return 0;
	if (d->what != REQUEST_DOCUMENT && refuse_html(h, err) < 0)
		return -1;
	if (h->headers.content_length > (int64_t)limit(d)) {
		auto_free char *url = http_shown(h->url);
		return err_set(err, ERR_TOO_LARGE, "%s: the answer has %lld bytes, more than %zu",
			url, (long long)h->headers.content_length, limit(d));
	}
	return 0;
}

static int on_data(void *arg, struct http *h, const char *p, size_t n, struct err **err)
{
	struct document *d = arg;
	/* nobody wants to know what was said about a manifest that was taken */
	if (d->what == REQUEST_MANIFEST_PUT || d->what == REQUEST_PING)
		return 0;
	return collect(&d->bytes, limit(d), h, p, n, err);
}

/* A login that the registry itself refused, in dockerd's words. */
static void name_login(const struct document *d, struct exchange *x)
{
	const struct http *h = x->http;
	if (d->what != REQUEST_PING || !h || h->failure != HTTP_FINE || h->status < 400)
		return;
	auto_free char *url = http_shown(h->url);
	err_set(&x->err, x->err->kind, "login attempt to %s failed with status: %.64s", url,
		h->reason);
}

/* A weak one ("W/...") matches nothing, REGISTRY_NOTHING is none, and another server's means nothing to the registry. */
static const char *etag(const struct exchange *x)
{
	const char *has = x->http->headers.etag;
	if (!has || x->redirects || str_starts(has, "W/") || str_eq(has, REGISTRY_NOTHING))
		return "";
	return strlen(has) <= ETAG_MAX ? has : "";
}

/* Who pushes puts something where nothing is: that, only the registry itself can tell. */
static void doubt_absence(const struct document *d, struct exchange *x)
{
	if (d->what == REQUEST_MANIFEST_GET && exchange_pushes(x) && x->redirects &&
		x->err->kind == ERR_NOT_FOUND)
		x->err->kind = ERR_UNAVAILABLE;
}

static void on_done(void *arg, struct exchange *x)
{
	struct document *d = arg;
	d->op.x = NULL;
	if (x->err) {
		name_login(d, x);
		doubt_absence(d, x);
		op_fail(&d->op, x->err);
		return;
	}
	const struct http_headers *h = &x->http->headers;
	struct client *c = d->op.c;
	if (d->what != REQUEST_MANIFEST_PUT)
		control_data(c, d->op.id, d->bytes.data, d->bytes.len);
	auto_free char *type = xstrndup(h->content_type ? h->content_type : "", 256);
	auto_free char *digest = xstrndup(h->digest ? h->digest : "", 256);
	type[strcspn(type, "; ")] = '\0';
	struct record r = {
		.kind = RECORD_REPLY,
		.id = d->op.id,
		.reply =
			{
				.type = type,
				.digest = digest,
				.size = h->content_length,
				.found = x->http->status < 400,
				.listed = !str_empty(h->subject),
				.etag = etag(x),
				.text = c->login_token ? c->login_token : "",
			},
	};
	control_send(c, &r);
	op_end(&d->op);
}

/* ---- the question ---- */

static char *path_of(const struct document *d)
{
	const char *repository = d->op.c->set.repository;
	switch (d->what) {
	case REQUEST_DOCUMENT:
	case REQUEST_BLOB_HEAD:
		return xasprintf("/%s/blobs/%s", repository, d->name);
	case REQUEST_PING:
		return xstrdup("/");
	case REQUEST_SEARCH: {
		char *term = curl_easy_escape(NULL, d->name, 0);
		char *path = xasprintf(
			"/search?q=%s&n=%llu", term ? term : "", (unsigned long long)d->size);
		curl_free(term);
		return path;
	}
	default:
		return xasprintf("/%s/manifests/%s", repository, d->name);
	}
}

static const char *method(const struct document *d)
{
	switch (d->what) {
	case REQUEST_MANIFEST_HEAD:
	case REQUEST_BLOB_HEAD:
		return "HEAD";
	case REQUEST_MANIFEST_PUT:
		return "PUT";
	default:
		return "GET";
	}
}

static uint32_t capability(const struct document *d)
{
	switch (d->what) {
	case REQUEST_MANIFEST_PUT:
		return ENDPOINT_PUSH;
	case REQUEST_MANIFEST_GET:
	case REQUEST_MANIFEST_HEAD:
		return strchr(d->name, ':') ? ENDPOINT_PULL : ENDPOINT_RESOLVE;
	case REQUEST_PING:
	case REQUEST_SEARCH:
		return 0;
	default:
		return ENDPOINT_PULL;
	}
}

static void ask(struct document *d)
{
	struct client *c = d->op.c;
	auto_free char *path = path_of(d);
	auto_free char *shown =
		xasprintf("%s%c%s", c->set.familiar, strchr(d->name, ':') ? '@' : ':', d->name);
	auto_strv headers = NULL;
	if (d->what == REQUEST_MANIFEST_PUT)
		strv_take(&headers, xasprintf("Content-Type: %s", d->type));
	if (str_eq(d->etag, REGISTRY_NOTHING))
		strv_add(&headers, "If-None-Match: *");
	else if (!str_empty(d->etag))
		strv_take(&headers, xasprintf("If-Match: %s", d->etag));
	if (d->what == REQUEST_MANIFEST_GET || d->what == REQUEST_MANIFEST_HEAD)
		strv_add(&headers, accept_header(d->accept));
	struct exchange_spec spec = {
		.method = method(d),
		.path = path,
		.capability = capability(d),
		.shown = shown,
		.headers = headers,
		.document = true,
		.get_too = d->what == REQUEST_MANIFEST_HEAD,
		.optional = d->what == REQUEST_BLOB_HEAD,
		.begin = on_begin,
		.data = on_data,
		.done = on_done,
		.arg = d,
	};
	if (d->what == REQUEST_MANIFEST_PUT)
		spec.body = (struct http_body){.p = d->bytes.data ? d->bytes.data : "",
			.fd = -1,
			.size = (int64_t)d->size};
	d->op.x = exchange_start(c, &spec);
}

static void on_more(struct op *op, const void *p, size_t n)
{
	struct document *d = (struct document *)op;
	if (d->bytes.len + n > d->size)
		_exit(1); /* the library breaks the protocol */
	buf_add(&d->bytes, p, n);
	if (d->bytes.len < d->size)
		return;
	op->more = NULL;
	ask(d);
}

void document_start(struct client *c, const struct record *r)
{
	struct document *d = xcalloc(1, sizeof(*d));
	op_add(&d->op, c, r->id);
	d->op.free = document_free;
	d->what = r->request.what;
	d->name = xstrdup(r->request.name);
	d->type = xstrdup(r->request.type);
	d->etag = xstrdup_null(r->request.etag);
	d->size = r->request.size;
	d->accept = r->request.accept;
	if (d->what == REQUEST_PING)
		c->login = true;
	if (d->what != REQUEST_MANIFEST_PUT || !d->size)
		ask(d);
	else if (d->size <= REGISTRY_DOCUMENT_MAX)
		d->op.more = on_more;
	else
		_exit(1);
}
