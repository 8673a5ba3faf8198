#include "registry/protocol.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/wire.h"

/* ---- encoding ---- */

static void put_setup(struct buf *b, const struct record_setup *s)
{
	wire_put_str(b, s->repository);
	wire_put_str(b, s->familiar);
	wire_put_str(b, s->scope);
	wire_put_str(b, s->user_agent);
	wire_put_str(b, s->http_proxy);
	wire_put_str(b, s->https_proxy);
	wire_put_str(b, s->no_proxy);
	wire_put_str(b, s->username);
	wire_put_str(b, s->password);
	wire_put_str(b, s->identity_token);
	wire_put_str(b, s->registry_token);
	wire_put_u32(b, s->connect_ms);
	wire_put_u32(b, s->answer_ms);
	wire_put_u32(b, s->stall_ms);
	wire_put_u32(b, s->pause_ms);
	wire_put_u32(b, s->attempts);
	wire_put_bool(b, s->own_words);
}

static void put_endpoint(struct buf *b, const struct record_endpoint *e)
{
	wire_put_str(b, e->url);
	wire_put_u32(b, e->flags);
	wire_put_u32(b, e->connect_ms);
	wire_put_strv(b, e->headers);
}

static void put_pem(struct buf *b, const struct record_pem *p)
{
	wire_put_u8(b, (uint8_t)p->kind);
	wire_put_bool(b, p->first);
	wire_put_blob(b, p->bytes, p->size);
}

static void put_request(struct buf *b, const struct record_request *r)
{
	wire_put_u8(b, (uint8_t)r->what);
	wire_put_u32(b, r->accept);
	wire_put_u64(b, r->size);
	wire_put_str(b, r->name);
	wire_put_str(b, r->type);
	wire_put_str(b, r->etag);
}

static void put_download(struct buf *b, const struct record_download *d)
{
	wire_put_str(b, d->digest.str);
	wire_put_i64(b, d->size);
	wire_put_i64(b, d->offset);
	wire_put_strv(b, d->urls);
}

static void put_upload(struct buf *b, const struct record_upload *u)
{
	wire_put_str(b, u->digest);
	wire_put_i64(b, u->size);
	wire_put_i64(b, u->chunk);
	wire_put_strv(b, u->mount_from);
}

static void put_reply(struct buf *b, const struct record_reply *r)
{
	wire_put_str(b, r->type);
	wire_put_str(b, r->digest);
	wire_put_i64(b, r->size);
	wire_put_bool(b, r->found);
	wire_put_bool(b, r->listed);
	wire_put_str(b, r->etag);
	wire_put_str(b, r->text);
}

static void put_error(struct buf *b, const struct record_error *e)
{
	wire_put_u8(b, e->kind);
	wire_put_str(b, e->text);
}

static void put_progress(struct buf *b, const struct record *r)
{
	const struct record_progress *p = &r->progress;
	wire_put_i64(b, p->bytes);
	wire_put_i64(b, p->total);
	if (r->kind == RECORD_RETRYING) {
		wire_put_u32(b, p->wait_ms);
		wire_put_u32(b, p->attempt);
		put_error(b, &r->error);
	} else if (r->kind == RECORD_DONE) {
		wire_put_u8(b, p->outcome);
		wire_put_str(b, p->digest);
		wire_put_str(b, p->mounted_from);
	}
}

void record_encode(const struct record *r, struct buf *b)
{
	wire_put_u8(b, (uint8_t)r->kind);
	wire_put_u32(b, r->id);
	switch (r->kind) {
	case RECORD_SETUP:
		put_setup(b, &r->setup);
		break;
	case RECORD_ENDPOINT:
		put_endpoint(b, &r->endpoint);
		break;
	case RECORD_PEM:
		put_pem(b, &r->pem);
		break;
	case RECORD_REQUEST:
		put_request(b, &r->request);
		break;
	case RECORD_DOWNLOAD:
		put_download(b, &r->download);
		break;
	case RECORD_UPLOAD:
		put_upload(b, &r->upload);
		break;
	case RECORD_DATA:
		wire_put_blob(b, r->data, r->data_size);
		break;
	case RECORD_REPLY:
		put_reply(b, &r->reply);
		break;
	case RECORD_ERROR:
		put_error(b, &r->error);
		break;
	case RECORD_PROGRESS:
	case RECORD_RETRYING:
	case RECORD_DONE:
		put_progress(b, r);
		break;
	case RECORD_START:
	case RECORD_STOP:
	case RECORD_KIND_COUNT:
		break;
	}
}

/* ---- decoding ---- */

/* A string that has to be there. */
static const char *get_str(struct wire *w)
{
	const char *s = wire_str(w);
	if (s)
		return s;
	w->bad = true;
	return "";
}

/* "" or a digest. */
static const char *get_digest(struct wire *w)
{
	const char *s = get_str(w);
	if (*s && !digest_valid(s))
		w->bad = true;
	return s;
}

static uint8_t get_enum(struct wire *w, uint8_t count)
{
	uint8_t v = wire_u8(w);
	if (v < count)
		return v;
	w->bad = true;
	return 0;
}

static void get_setup(struct wire *w, struct record_setup *s)
{
	s->repository = get_str(w);
	s->familiar = get_str(w);
	s->scope = get_str(w);
	s->user_agent = get_str(w);
	s->http_proxy = get_str(w);
	s->https_proxy = get_str(w);
	s->no_proxy = get_str(w);
	s->username = wire_str(w);
	s->password = wire_str(w);
	s->identity_token = wire_str(w);
	s->registry_token = wire_str(w);
	s->connect_ms = wire_u32(w);
	s->answer_ms = wire_u32(w);
	s->stall_ms = wire_u32(w);
	s->pause_ms = wire_u32(w);
	s->attempts = wire_u32(w);
	s->own_words = wire_bool(w);
}

static void get_endpoint(struct wire *w, struct record *r)
{
	r->endpoint.url = get_str(w);
	r->endpoint.flags = wire_u32(w);
	r->endpoint.connect_ms = wire_u32(w);
	r->endpoint.headers = r->strv = wire_strv(w);
}

static void get_pem(struct wire *w, struct record_pem *p)
{
	p->kind = get_enum(w, PEM_KIND_COUNT);
	p->first = wire_bool(w);
	p->bytes = wire_blob(w, &p->size);
}

static void get_request(struct wire *w, struct record_request *r)
{
	r->what = get_enum(w, REQUEST_WHAT_COUNT);
	r->accept = wire_u32(w);
	r->size = wire_u64(w);
	r->name = get_str(w);
	r->type = get_str(w);
	r->etag = wire_str(w);
}

static void get_download(struct wire *w, struct record *r)
{
	const char *digest = get_digest(w);
	struct record_download *d = &r->download;
	if (*digest && !w->bad)
		memcpy(d->digest.str, digest, DIGEST_STR_LEN + 1);
	d->size = wire_i64(w);
	d->offset = wire_i64(w);
	d->urls = r->strv = wire_strv(w);
	if (d->size < -1 || d->offset < 0)
		w->bad = true;
	/* no digest: what is at a URL, whatever it is, from its beginning */
	if (!*digest && (d->size != -1 || d->offset || !d->urls || strv_len(d->urls) != 1))
		w->bad = true;
}

static void get_upload(struct wire *w, struct record *r)
{
	r->upload.digest = get_digest(w);
	r->upload.size = wire_i64(w);
	r->upload.chunk = wire_i64(w);
	r->upload.mount_from = r->strv = wire_strv(w);
	if (r->upload.size < -1 || r->upload.chunk < 0)
		w->bad = true;
}

static void get_reply(struct wire *w, struct record_reply *r)
{
	r->type = get_str(w);
	r->digest = get_str(w);
	r->size = wire_i64(w);
	r->found = wire_bool(w);
	r->listed = wire_bool(w);
	r->etag = get_str(w);
	r->text = get_str(w);
}

static void get_error(struct wire *w, struct record_error *e)
{
	e->kind = get_enum(w, ERR_KIND_COUNT);
	e->text = get_str(w);
}

static void get_progress(struct wire *w, struct record *r)
{
	struct record_progress *p = &r->progress;
	p->bytes = wire_i64(w);
	p->total = wire_i64(w);
	if (p->bytes < 0 || p->total < -1)
		w->bad = true;
	if (r->kind == RECORD_RETRYING) {
		p->wait_ms = wire_u32(w);
		p->attempt = wire_u32(w);
		get_error(w, &r->error);
	} else if (r->kind == RECORD_DONE) {
		p->outcome = get_enum(w, 3);
		p->digest = get_digest(w);
		p->mounted_from = get_str(w);
	}
}

static void get_fields(struct wire *w, struct record *r)
{
	switch (r->kind) {
	case RECORD_SETUP:
		get_setup(w, &r->setup);
		break;
	case RECORD_ENDPOINT:
		get_endpoint(w, r);
		break;
	case RECORD_PEM:
		get_pem(w, &r->pem);
		break;
	case RECORD_REQUEST:
		get_request(w, &r->request);
		break;
	case RECORD_DOWNLOAD:
		get_download(w, r);
		break;
	case RECORD_UPLOAD:
		get_upload(w, r);
		break;
	case RECORD_DATA:
		r->data = wire_blob(w, &r->data_size);
		break;
	case RECORD_REPLY:
		get_reply(w, &r->reply);
		break;
	case RECORD_ERROR:
		get_error(w, &r->error);
		break;
	case RECORD_PROGRESS:
	case RECORD_RETRYING:
	case RECORD_DONE:
		get_progress(w, r);
		break;
	case RECORD_START:
	case RECORD_STOP:
		break;
	case RECORD_KIND_COUNT:
		w->bad = true;
	}
}

int record_decode(const void *p, size_t n, struct record *r, struct err **err)
{
	*r = (struct record){0};
	struct wire w = wire_from(p, n);
	r->kind = get_enum(&w, RECORD_KIND_COUNT);
	r->id = wire_u32(&w);
	if (!w.bad)
		get_fields(&w, r);
	return wire_done(&w, "message of kist-registry", err);
}

void record_free(struct record *r)
{
	free(r->strv);
	r->strv = NULL;
}
