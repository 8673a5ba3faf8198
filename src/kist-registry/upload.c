/*
 * A blob on its way to a registry (registry_upload() has the contract; distribution-spec 1.1 "Pushing blobs").
 *
 * Theory of operation. Each state is one exchange:
 *
 *	ASK	HEAD: the repository may have it; a registry that refuses to say is taken to have not
 *	MOUNT	POST ?mount=&from=, one after the other: another repository may have it
 *	BEGIN	POST: a place to upload to (Location, a new one with each answer)
 *	WHOLE	PUT of a file, all of it
 *	PART	PATCH: a part of a file, or what was collected from a pipe
 *	CLOSE	PUT ?digest= without a body, after the last part
 *	WHERE	GET: after a failure, how much did the registry keep?
 *
 * A failure in WHOLE or PART leads to WHERE after a pause, and from there on with PART; if the registry knows nothing of
 * the upload any more, a file begins anew. What was read from a pipe is kept until a part is acknowledged.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "control.h"
#include "op.h"
#include "registry/registry.h"
#include "timer.h"

enum state { ASK, MOUNT, BEGIN, WHOLE, PART, CLOSE, WHERE };
enum {
	PIPE_PART = 4 << 20,
	PART_MAX = 64 << 20,
	MOUNTS_MAX = 8,
	TELL_NS = 100 * 1000000,
};

struct upload {
	struct op op;
	enum state state;
	char digest[DIGEST_STR_LEN + 1]; /* "": not known yet */
	int64_t size; /* -1: not known yet */
	int64_t chunk; /* 0: all at once */
	char **mount_from;
	size_t mounts; /* tried */
	int fd;
	bool pipe, at_end;
	EVP_MD_CTX *hash; /* of a pipe */
	char *part; /* of a pipe: what is not acknowledged */
	size_t part_len, part_room;
	char *location; /* where the next part goes */
	struct endpoint *endpoint;
	int64_t acked; /* bytes that the registry has */
	int64_t sending; /* bytes of the present part */
	int64_t told_at;
	uint32_t failures; /* in a row, without getting further than @best */
	int64_t best; /* how far it has come; a registry may lose some of it again, and again */
};

static void go(struct upload *u, enum state state);

static void upload_free(struct op *op)
{
	struct upload *u = (struct upload *)op;
	EVP_MD_CTX_free(u->hash);
	strv_free(u->mount_from);
	free(u->part);
	free(u->location);
	fd_close(u->fd);
	free(u);
}

static void fail(struct upload *u, enum err_kind kind, const char *what)
{
	auto_err *err = NULL;
	err_set(&err, kind, "%s: blob %s: %s", u->op.c->set.familiar,
		*u->digest ? u->digest : "(from a pipe)", what);
	op_fail(&u->op, err);
}

static void done(struct upload *u, enum registry_outcome outcome, const char *from)
{
	struct record r = {
		.kind = RECORD_DONE,
		.id = u->op.id,
		.progress = {.bytes = outcome == REGISTRY_TRANSFERRED ? u->acked : 0,
			.total = u->size,
			.outcome = (uint8_t)outcome,
			.digest = u->digest,
			.mounted_from = from},
	};
	control_send(u->op.c, &r);
	op_end(&u->op);
}

static void tell(struct upload *u, int64_t bytes)
{
	struct record r = {.kind = RECORD_PROGRESS,
		.id = u->op.id,
		.progress = {.bytes = bytes, .total = u->size}};
	int64_t now = time_mono();
	if (control_full(u->op.c) || now - u->told_at < TELL_NS)
		return;
	u->told_at = now;
	control_send(u->op.c, &r);
}

static void on_sent(void *arg, int64_t total)
{
	struct upload *u = arg;
	tell(u, u->acked + total);
}

/* ---- a pipe ---- */

static void hash_part(struct upload *u, size_t from)
{
	EVP_DigestUpdate(u->hash, u->part + from, u->part_len - from);
}

/* The digest is known now; what the caller said has to be true. */
static int end_of_pipe(struct upload *u)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	struct digest d;
	u->at_end = true;
	EVP_DigestFinal_ex(u->hash, raw, NULL);
	digest_from_raw(raw, &d);
	int64_t total = u->acked + (int64_t)u->part_len;
	if ((u->size >= 0 && total != u->size) || (*u->digest && !str_eq(u->digest, d.str))) {
		fail(u, ERR_INVALID, "what came through the pipe is something else");
		return -1;
	}
	u->size = total;
	memcpy(u->digest, d.str, sizeof(d.str));
	return 0;
}

static void on_readable(struct op *op)
{
	struct upload *u = (struct upload *)op;
	size_t room = u->part_room - u->part_len;
	ssize_t n = fd_read(u->fd, u->part + u->part_len, room);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return;
	if (n < 0) {
		fail(u, ERR_SYSTEM, "the pipe cannot be read");
		return;
	}
	u->part_len += (size_t)n;
	hash_part(u, u->part_len - (size_t)n);
	if (n > 0 && u->part_len < u->part_room)
		return;
	op->poll_fd = -1;
	if (n == 0 && end_of_pipe(u) < 0)
		return;
	go(u, u->part_len ? PART : CLOSE);
}

/* The part before is acknowledged: collects the next one. */
static void fill(struct upload *u)
{
	if (u->at_end) {
		go(u, CLOSE);
		return;
	}
	if (u->part_room < (size_t)u->chunk) {
		u->part_room = (size_t)u->chunk;
		u->part = xrealloc(u->part, u->part_room);
	}
	u->part_len = 0;
	u->op.poll_fd = u->fd;
}

/* ---- parts ---- */

static void next_part(struct upload *u)
{
	if (u->pipe)
		fill(u);
	else if (u->acked >= u->size)
		go(u, CLOSE);
	else
		go(u, !u->chunk && !u->acked ? WHOLE : PART);
}

static int keep_location(struct upload *u, struct exchange *x)
{
	const struct http_headers *h = &x->http->headers;
	int64_t least = 0;
	char *to = h->location ? http_resolve(x->http->url, h->location) : NULL;
	auto_free char *origin = to ? http_origin(to) : NULL;
	if (!origin) {
		free(to);
		fail(u, ERR_INVALID, "the registry does not say where to upload it to");
		return -1;
	}
	if (str_starts(x->http->url, "https:") && !str_starts(origin, "https:")) {
		free(to);
		fail(u, ERR_INVALID,
			"the registry wants it uploaded over http instead of https: refused");
		return -1;
	}
	free(u->location);
	u->location = to;
	u->endpoint = x->endpoint;
	if (!h->chunk_min || str_to_i64(h->chunk_min, &least) < 0)
		return 0;
	if (least > PART_MAX) {
		fail(u, ERR_TOO_LARGE, "the registry wants it in parts of more than 64 MiB");
		return -1;
	}
	if (u->chunk && u->chunk < least)
		u->chunk = least;
	return 0;
}

/* "0-N", N being the last byte that is there; registries say "0-0" of nothing, too. -1: not known. */
static int64_t kept(const struct http *h)
{
	const char *text = h->headers.range;
	int64_t last;
	if (!text)
		return -1;
	if (str_after(text, "bytes="))
		text = str_after(text, "bytes=");
	const char *dash = strchr(text, '-');
	if (!dash || str_to_i64(dash + 1, &last) < 0 || last < 0 || last == INT64_MAX)
		return -1;
	return last ? last + 1 : 0;
}

/* Only what it never had before is progress: else a registry could say one thing and then another for ever. */
static void got_further(struct upload *u)
{
	if (u->acked <= u->best)
		return;
	u->best = u->acked;
	u->failures = 0;
}

static void part_taken(struct upload *u, struct exchange *x)
{
	int64_t now = u->acked + u->sending;
	int64_t has = kept(x->http);
	if (keep_location(u, x) < 0)
		return;
	/* one byte is "0-0" as well */
	if (has >= 0 && has != now && !(has == 0 && now == 1)) {
		fail(u, ERR_INVALID, "the registry did not take all of a part");
		return;
	}
	u->acked = now;
	got_further(u);
	next_part(u);
}

/* What the registry has lies in what we can still send. */
static void resume(struct upload *u, struct exchange *x)
{
	int64_t has = kept(x->http);
	bool in_part = u->pipe && has >= u->acked && has <= u->acked + (int64_t)u->part_len;
	if (keep_location(u, x) < 0)
		return;
	if (has == 0 && !u->pipe) {
		u->acked = 0;
		go(u, BEGIN); /* "0-0" may be one byte: what was begun is left to the registry */
	} else if (!u->pipe && has > 0 && has <= u->size) {
		u->acked = has;
		got_further(u);
		go(u, has == u->size ? CLOSE : PART);
	} else if (in_part) {
		size_t known = (size_t)(has - u->acked);
		memmove(u->part, u->part + known, u->part_len - known);
		u->part_len -= known;
		u->acked = has;
		if (u->part_len)
			go(u, PART);
		else
			next_part(u);
	} else {
		fail(u, ERR_INVALID, "the registry lost a part of it that it had taken");
	}
}

/* ---- failures ---- */

static void on_pause_over(void *arg)
{
	go(arg, WHERE);
}

static void try_again(struct upload *u, const struct err *err, bool lost)
{
	const struct settings *set = &u->op.c->set;
	if (!lost || ++u->failures >= set->attempts) {
		op_fail(&u->op, err);
		return;
	}
	uint32_t ms = set->pause_ms << (u->failures < 6 ? u->failures - 1 : 5);
	struct record r = {
		.kind = RECORD_RETRYING,
		.id = u->op.id,
		.progress = {.bytes = u->acked,
			.total = u->size,
			.wait_ms = ms,
			.attempt = u->failures + 1},
		.error = {.kind = (uint8_t)err->kind, .text = err->msg},
	};
	control_send(u->op.c, &r);
	timer_set(u->op.c, ms, on_pause_over, u);
}

/* No mount is worth a failed push. */
static void no_mount(struct upload *u)
{
	go(u, u->mount_from[u->mounts] && u->mounts < MOUNTS_MAX ? MOUNT : BEGIN);
}

static void failed(struct upload *u, struct exchange *x)
{
	switch (u->state) {
	case MOUNT:
		no_mount(u);
		return;
	case WHERE:
		/* it has forgotten; a file can be sent anew */
		if (x->err->kind == ERR_NOT_FOUND && !u->pipe) {
			u->acked = 0;
			go(u, BEGIN);
			return;
		}
		break;
	case WHOLE:
	case PART:
	case CLOSE:
		try_again(u, x->err, x->lost);
		return;
	default:
		break;
	}
	op_fail(&u->op, x->err);
}

/* ---- answers ---- */

static void begun(struct upload *u, struct exchange *x)
{
	if (keep_location(u, x) < 0)
		return;
	u->acked = 0;
	next_part(u);
}

static void closed(struct upload *u, struct exchange *x)
{
	const char *said = x->http->headers.digest;
	if (x->http->status != 201 && x->http->status != 204 && x->http->status != 200)
		fail(u, ERR_INVALID, "the registry has not taken it");
	else if (said && *said && !str_eq(said, u->digest))
		fail(u, ERR_INVALID, "the registry has another digest for it");
	else {
		if (u->state == WHOLE)
			u->acked = u->size;
		done(u, REGISTRY_TRANSFERRED, "");
	}
}

static void on_done(void *arg, struct exchange *x)
{
	struct upload *u = arg;
	u->op.x = NULL;
	if (x->err) {
		failed(u, x);
		return;
	}
	int status = (int)x->http->status;
	switch (u->state) {
	case ASK:
		if (status < 400)
			done(u, REGISTRY_EXISTED, "");
		else if (u->mount_from[0])
			go(u, MOUNT);
		else
			go(u, BEGIN);
		break;
	case MOUNT:
		if (status == 201)
			done(u, REGISTRY_MOUNTED, u->mount_from[u->mounts - 1]);
		else if (u->mount_from[u->mounts] && u->mounts < MOUNTS_MAX)
			go(u, MOUNT);
		else
			begun(u, x); /* it could not, and offers an upload instead */
		break;
	case BEGIN:
		begun(u, x);
		break;
	case PART:
		if (status == 416 && ++u->failures >= u->op.c->set.attempts)
			fail(u, ERR_INVALID,
				"the registry says again and again that it misses a part");
		else if (status == 416)
			go(u, WHERE);
		else
			part_taken(u, x);
		break;
	case WHERE:
		resume(u, x);
		break;
	case WHOLE:
	case CLOSE:
		closed(u, x);
		break;
	}
}

/* ---- questions ---- */

static char *with_digest(const struct upload *u)
{
	CURLU *url = curl_url();
	char *text = NULL;
	char *out = NULL;
	auto_free char *pair = xasprintf("digest=%s", u->digest);
	if (curl_url_set(url, CURLUPART_URL, u->location, 0) == CURLUE_OK &&
		curl_url_set(url, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) ==
			CURLUE_OK &&
		curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
		out = xstrdup(text);
	curl_free(text);
	curl_url_cleanup(url);
	return out ? out : xstrdup(u->location);
}

static void set_body(struct upload *u, struct exchange_spec *spec, char ***headers)
{
	int64_t left = u->size - u->acked;
	u->sending = u->pipe ? (int64_t)u->part_len : u->chunk && u->chunk < left ? u->chunk : left;
	if (u->state == CLOSE)
		u->sending = 0;
	spec->body = (struct http_body){
		.p = u->state == CLOSE ? ""
		     : u->pipe	       ? u->part
				       : NULL,
		.fd = u->fd,
		.offset = u->pipe ? 0 : u->acked,
		.size = u->sending,
	};
	strv_add(headers, "Content-Type: application/octet-stream");
	if (u->state == PART)
		strv_take(headers, xasprintf("Content-Range: %lld-%lld", (long long)u->acked,
					   (long long)(u->acked + u->sending - 1)));
}

static char *path_of(struct upload *u, char **scope)
{
	const char *repository = u->op.c->set.repository;
	if (u->state == ASK)
		return xasprintf("/%s/blobs/%s", repository, u->digest);
	if (u->state == BEGIN)
		return xasprintf("/%s/blobs/uploads/", repository);
	const char *from = u->mount_from[u->mounts++];
	*scope = xasprintf("%s repository:%s:pull", u->op.c->set.scope, from);
	return xasprintf("/%s/blobs/uploads/?mount=%s&from=%s", repository, u->digest, from);
}

static void go(struct upload *u, enum state state)
{
	static const char *const methods[] = {[ASK] = "HEAD",
		[MOUNT] = "POST",
		[BEGIN] = "POST",
		[WHOLE] = "PUT",
		[PART] = "PATCH",
		[CLOSE] = "PUT",
		[WHERE] = "GET"};
	auto_free char *url = NULL;
	auto_free char *path = NULL;
	auto_free char *scope = NULL;
	auto_strv headers = NULL;
	u->state = state;
	struct exchange_spec spec = {
		.method = methods[state],
		.capability = ENDPOINT_PUSH,
		.document = state != WHOLE && state != PART && state != CLOSE,
		.once = state == WHOLE || state == PART || state == CLOSE,
		.body = {.p = "", .fd = -1},
		.optional = state == ASK,
		.also = {state == PART ? 416 : 0},
		.sent = on_sent,
		.done = on_done,
		.arg = u,
	};
	if (state == ASK || state == MOUNT || state == BEGIN)
		path = path_of(u, &scope);
	else
		url = state == WHOLE || state == CLOSE ? with_digest(u) : xstrdup(u->location);
	if (state == WHOLE || state == PART || state == CLOSE)
		set_body(u, &spec, &headers);
	spec.path = path;
	spec.url = url;
	spec.endpoint = url ? u->endpoint : NULL;
	spec.scope = scope;
	spec.headers = headers;
	u->op.x = exchange_start(u->op.c, &spec);
}

/* ---- start ---- */

static int look_at(struct upload *u)
{
	struct stat st;
	if (fstat(u->fd, &st) < 0) {
		fail(u, ERR_SYSTEM, "its descriptor cannot be used");
		return -1;
	}
	/* what is hashed on the way is read once, from a file as from a pipe */
	if (!S_ISREG(st.st_mode) || !*u->digest) {
		u->pipe = true;
		u->hash = EVP_MD_CTX_new();
		EVP_DigestInit_ex(u->hash, EVP_sha256(), NULL);
		return 0;
	}
	if (u->size >= 0 && st.st_size != u->size) {
		fail(u, ERR_INVALID, "the file has another size");
		return -1;
	}
	u->size = st.st_size;
	return 0;
}

void upload_start(struct client *c, const struct record *r, int fd)
{
	struct upload *u = xcalloc(1, sizeof(*u));
	op_add(&u->op, c, r->id);
	u->op.free = upload_free;
	u->op.readable = on_readable;
	u->fd = fd;
	snprintf(u->digest, sizeof(u->digest), "%s", r->upload.digest);
	u->size = r->upload.size;
	u->chunk = r->upload.chunk;
	u->mount_from = strv_copy(r->upload.mount_from);
	if (!u->mount_from)
		u->mount_from = xcalloc(1, sizeof(char *));
	if (u->chunk > PART_MAX) {
		fail(u, ERR_INVALID, "parts of more than 64 MiB");
		return;
	}
	if (look_at(u) < 0)
		return;
	if (u->pipe && !u->chunk)
		u->chunk = PIPE_PART;
	go(u, *u->digest ? ASK : BEGIN);
}
