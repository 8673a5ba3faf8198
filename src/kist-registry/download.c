/* A blob on its way into a descriptor (registry_download() has the contract). */
#include <stdio.h>
#include <string.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "control.h"
#include "failure.h"
#include "op.h"
#include "registry/registry.h"

enum { TELL_BYTES = 256 * 1024, TELL_NS = 100 * 1000000, URL_COMPLAINT_MAX = 1024 };

struct download {
	struct op op;
	struct digest digest; /* "": what is at a URL, whatever it is */
	int64_t size; /* -1: unknown */
	int64_t total; /* likewise; of what has no digest: as the answer says */
	int64_t pos; /* bytes in the file, and in @held behind them */
	int64_t skip; /* bytes to come that are in the file */
	int64_t told, told_at;
	char **urls;
	size_t next_url;
	int fd;
	uint32_t short_ends;
	size_t held_len;
	char held
		[TELL_BYTES]; /* curl gives 16 KiB at a time; what came at once is written at once */
};

static void download_free(struct op *op)
{
	struct download *d = (struct download *)op;
	strv_free(d->urls);
	fd_close(d->fd);
	free(d);
}

/* What is held goes into the file. */
static int settle(struct op *op, struct err **err)
{
	struct download *d = (struct download *)op;
	size_t n = d->held_len;
	d->held_len = 0;
	if (n && fd_write_all(d->fd, d->held, n) < 0)
		return err_sys(err, errno, "write %s",
			*d->digest.str ? d->digest.str : "what is downloaded");
	return 0;
}

static int hold(struct download *d, const char *p, size_t n, struct err **err)
{
	while (n) {
		size_t room = sizeof(d->held) - d->held_len;
		size_t part = n < room ? n : room;
		memcpy(d->held + d->held_len, p, part);
		d->held_len += part;
		p += part;
		n -= part;
		if (d->held_len == sizeof(d->held) && settle(&d->op, err) < 0)
			return -1;
	}
	return 0;
}

/* After settle(): whoever hears of bytes finds them in the file. */
static void tell(struct download *d, enum record_kind kind)
{
	struct record r = {
		.kind = kind,
		.id = d->op.id,
		.progress = {.bytes = d->pos,
			.total = d->total,
			.outcome = REGISTRY_TRANSFERRED,
			.digest = d->digest.str,
			.mounted_from = ""},
	};
	control_send(d->op.c, &r);
	d->told = d->pos;
	d->told_at = time_mono();
}

static int bad(const struct download *d, const struct http *h, struct err **err, const char *what)
{
	auto_free char *url = http_shown(h->url);
	if (!*d->digest.str)
		return err_set(err, ERR_SYSTEM, "%s: %s", url, what);
	return err_set(err, ERR_INVALID, "%s: %s: blob %s: %s", d->op.c->set.familiar, url,
		d->digest.str, what);
}

static int bad_size(const struct download *d, const struct http *h, int64_t size, struct err **err)
{
	char what[96];
	snprintf(what, sizeof(what), "the registry sends %lld bytes, the manifest says %lld",
		(long long)size, (long long)d->size);
	return bad(d, h, err, what);
}

/* "bytes FIRST-LAST/TOTAL"; TOTAL may be "*". */
static int read_range(const char *text, int64_t *first, int64_t *total)
{
	auto_free char *copy = xstrdup(text ? text : "");
	const char *range = str_after(copy, "bytes ");
	char *slash = strchr(copy, '/');
	char *dash = strchr(copy, '-');
	if (!range || !slash || !dash || dash > slash)
		return -1;
	*slash = *dash = '\0';
	*total = -1;
	if (str_to_i64(range, first) < 0 || *first < 0)
		return -1;
	return str_eq(slash + 1, "*") ? 0 : str_to_i64(slash + 1, total);
}

static int on_begin(void *arg, struct http *h, struct err **err)
{
	struct download *d = arg;
	int64_t first = 0;
	int64_t total = h->headers.content_length;
	if (h->status == 206) {
		if (read_range(h->headers.content_range, &first, &total) < 0)
			return bad(d, h, err, "206 without a Content-Range that can be read");
		if (first > d->pos)
			return bad(d, h, err, "Content-Range begins beyond what was asked for");
	} else if (h->status != 200) {
		return bad(d, h, err, "neither 200 nor 206");
	}
	/* a registry that ignores Range begins at the beginning */
	d->skip = d->pos - first;
	if (d->size >= 0 && total >= 0 && total != d->size)
		return bad_size(d, h, total, err);
	if (d->size < 0 && total >= 0 && total < d->pos)
		return bad(d, h, err, "there is less of it than was downloaded before");
	if (!*d->digest.str) {
		/* that there is an answer is news already */
		d->total = total < 0 ? -1 : total;
		tell(d, RECORD_PROGRESS);
	}
	return 0;
}

static int on_data(void *arg, struct http *h, const char *p, size_t n, struct err **err)
{
	struct download *d = arg;
	if (d->skip) {
		size_t known = (int64_t)n < d->skip ? n : (size_t)d->skip;
		d->skip -= (int64_t)known;
		p += known;
		n -= known;
	}
	if (d->size >= 0 && (int64_t)n > d->size - d->pos)
		return bad(d, h, err, "the registry sends more bytes than the manifest says");
	if (hold(d, p, n, err) < 0)
		return -1;
	d->pos += (int64_t)n;
	if (d->op.x)
		d->op.x->gained += (int64_t)n;
	if (!control_full(d->op.c) &&
		(d->pos - d->told >= TELL_BYTES || time_mono() - d->told_at >= TELL_NS)) {
		if (settle(&d->op, err) < 0)
			return -1;
		tell(d, RECORD_PROGRESS);
	}
	return 0;
}

static char *on_prepare(void *arg, struct exchange *x)
{
	const struct download *d = arg;
	return d->pos ? xasprintf("Range: bytes=%lld-", (long long)d->pos) : NULL;
}

static void on_retry(void *arg, const struct err *why, uint32_t wait_ms, uint32_t attempt)
{
	struct download *d = arg;
	struct record r = {
		.kind = RECORD_RETRYING,
		.id = d->op.id,
		.progress = {.bytes = d->pos,
			.total = d->size,
			.wait_ms = wait_ms,
			.attempt = attempt},
		.error = {.kind = (uint8_t)why->kind, .text = why->msg},
	};
	control_send(d->op.c, &r);
}

static void ask(struct download *d, const char *url);

/* The end of an answer that was as long as it said, or did not say. */
static void ended(struct download *d, struct exchange *x)
{
	auto_err *err = NULL;
	bool nothing_left = x->http->status == 416;
	if (d->size < 0 || d->pos == d->size) {
		if (nothing_left && d->size < 0 && !d->pos)
			bad(d, x->http, &err, "416 Range Not Satisfiable");
		else {
			tell(d, RECORD_DONE);
			op_end(&d->op);
			return;
		}
	} else if (nothing_left) {
		bad(d, x->http, &err, "the registry has less of it than the manifest says");
	} else if (x->gained && ++d->short_ends < d->op.c->set.attempts) {
		/* without a length, a lost connection looks like an end */
		ask(d, NULL);
		return;
	} else {
		bad_size(d, x->http, d->pos, &err);
	}
	op_fail(&d->op, err);
}

/* What Go's http.Get and dockerd's remotecontext make of it: an answer's status and body, or why there is none. */
static void url_failed(struct download *d, struct exchange *x)
{
	static const struct {
		long status;
		enum err_kind kind;
	} kinds[] = {{400, ERR_INVALID}, {401, ERR_UNAUTHORIZED}, {403, ERR_FORBIDDEN},
		{404, ERR_NOT_FOUND}};
	struct http *h = x->http;
	auto_err *err = NULL;
	if (!h || h->failure != HTTP_FINE || h->status < 400) {
		/* nothing was asked: it is no URL */
		err_set(&err, h ? ERR_SYSTEM : x->err->kind, "%s", err_msg(x->err));
		op_fail(&d->op, err);
		return;
	}
	enum err_kind kind = ERR_SYSTEM;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].status == h->status)
			kind = kinds[i].kind;
	auto_free char *body =
		failure_tame(h->error_body.len ? buf_str(&h->error_body) : "", URL_COMPLAINT_MAX);
	auto_free char *reason = failure_tame(h->reason ? h->reason : "", 128);
	auto_free char *url = http_shown(x->spec.url);
	err_set(&err, kind, "failed to GET %s with status %s: %s", url, reason, str_trim(body));
	op_fail(&d->op, err);
}

static void on_done(void *arg, struct exchange *x)
{
	struct download *d = arg;
	auto_err *why = NULL;
	d->op.x = NULL;
	/* also if it failed: the next attempt goes on from what is in the file */
	if (settle(&d->op, &why) < 0) {
		op_fail(&d->op, why);
		return;
	}
	if (!x->err) {
		ended(d, x);
		return;
	}
	if (!*d->digest.str) {
		url_failed(d, x);
		return;
	}
	bool elsewhere = x->err->kind == ERR_NOT_FOUND || (!x->endpoint && d->next_url);
	if (elsewhere && d->urls && d->urls[d->next_url])
		ask(d, d->urls[d->next_url++]);
	else
		op_fail(&d->op, x->err);
}

/* Of the registry, or (a foreign layer) of @url, which is nobody's that we know. */
static void ask(struct download *d, const char *url)
{
	auto_free char *path =
		url ? NULL : xasprintf("/%s/blobs/%s", d->op.c->set.repository, d->digest.str);
	struct exchange_spec spec = {
		.method = "GET",
		.path = path,
		.url = url,
		.capability = ENDPOINT_PULL,
		.once = !*d->digest.str,
		.with_user = !*d->digest.str,
		.also = {d->pos ? 416 : 0},
		.prepare = on_prepare,
		.begin = on_begin,
		.data = on_data,
		.retry = on_retry,
		.done = on_done,
		.arg = d,
	};
	d->op.x = exchange_start(d->op.c, &spec);
}

void download_start(struct client *c, const struct record *r, int fd)
{
	struct download *d = xcalloc(1, sizeof(*d));
	op_add(&d->op, c, r->id);
	d->op.free = download_free;
	d->op.settle = settle;
	d->fd = fd;
	d->digest = r->download.digest;
	d->size = d->total = r->download.size;
	d->pos = d->told = r->download.offset;
	d->urls = strv_copy(r->download.urls);
	if (d->size >= 0 && d->pos >= d->size) {
		auto_err *err = NULL;
		if (d->pos == d->size) {
			tell(d, RECORD_DONE);
			op_end(&d->op);
			return;
		}
		err_set(&err, ERR_INVALID, "blob %s: the partial file is longer than the blob",
			d->digest.str);
		op_fail(&d->op, err);
		return;
	}
	ask(d, *d->digest.str ? NULL : d->urls[d->next_url++]);
}
