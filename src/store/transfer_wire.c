#include "store/transfer.h"

#include <string.h>

#include "base/wire.h"

static void put_digest(struct buf *b, const struct digest *d)
{
	wire_put_str(b, d->str);
}

static void put_error(struct buf *b, const struct transfer_message *m)
{
	wire_put_u8(b, m->err_kind);
	wire_put_u32(b, (uint32_t)m->sys);
	wire_put_str(b, m->text);
}

void transfer_encode(const struct transfer_message *m, struct buf *b)
{
	wire_put_u8(b, (uint8_t)m->kind);
	switch (m->kind) {
	case TRANSFER_REQUEST:
		wire_put_u8(b, (uint8_t)m->mode);
		wire_put_u64(b, m->max_bytes);
		wire_put_u64(b, m->max_entries);
		wire_put_u32(b, m->max_ratio);
		wire_put_bool(b, m->known);
		break;
	case TRANSFER_TREE:
		wire_put_u32(b, m->index);
		break;
	case TRANSFER_ANSWER:
		wire_put_bool(b, m->known);
		break;
	case TRANSFER_BLOB:
		wire_put_u32(b, m->index);
		put_digest(b, &m->blob);
		put_digest(b, &m->diff_id);
		wire_put_u64(b, m->blob_size);
		wire_put_bool(b, m->known);
		break;
	case TRANSFER_GROWN:
		wire_put_u32(b, m->index);
		wire_put_u64(b, m->size);
		break;
	case TRANSFER_ABANDON:
		wire_put_u32(b, m->index);
		break;
	case TRANSFER_WRITE:
		put_digest(b, &m->diff_id);
		wire_put_u64(b, m->size);
		wire_put_u32(b, m->index);
		break;
	case TRANSFER_WRITTEN:
		put_digest(b, &m->blob);
		wire_put_u64(b, m->size);
		break;
	case TRANSFER_DAMAGE:
		wire_put_str(b, m->name);
		wire_put_str(b, m->text);
		break;
	case TRANSFER_VERIFIED:
		wire_put_u64(b, m->size);
		wire_put_bool(b, m->opaque);
		wire_put_u64(b, m->damages);
		break;
	case TRANSFER_DOC:
		wire_put_u32(b, m->index);
		wire_put_str(b, m->name);
		put_digest(b, &m->blob);
		wire_put_u64(b, m->size);
		break;
	case TRANSFER_LAYER:
		wire_put_u32(b, m->index);
		wire_put_str(b, m->name);
		put_digest(b, &m->blob);
		put_digest(b, &m->diff_id);
		wire_put_u64(b, m->size);
		wire_put_u64(b, m->blob_size);
		wire_put_bool(b, m->staged);
		wire_put_bool(b, m->opaque);
		wire_put_u64(b, m->tar_size);
		wire_put_u64(b, m->recipe_size);
		wire_put_str(b, m->text);
		wire_put_str(b, m->compression);
		wire_put_bool(b, m->kept);
		break;
	case TRANSFER_LINK:
		wire_put_str(b, m->name);
		wire_put_str(b, m->text);
		break;
	case TRANSFER_QUERY:
		put_digest(b, &m->diff_id);
		break;
	case TRANSFER_PROGRESS:
		wire_put_str(b, m->name);
		wire_put_u64(b, m->size);
		wire_put_u64(b, m->blob_size);
		break;
	case TRANSFER_BAD:
		wire_put_u32(b, m->index);
		wire_put_bool(b, m->damaged);
		put_error(b, m);
		break;
	case TRANSFER_ERROR:
		put_error(b, m);
		break;
	case TRANSFER_DONE:
	case TRANSFER_KIND_COUNT:
		break;
	}
}

/* A digest that is not one makes the whole record bad. */
static void get_digest(struct wire *w, struct digest *out)
{
	const char *s = wire_str(w);
	if (!s || digest_parse(s, out, NULL) < 0)
		w->bad = true;
}

static const char *get_name(struct wire *w)
{
	const char *s = wire_str(w);
	if (!s || strlen(s) > TRANSFER_NAME_MAX)
		w->bad = true;
	return s;
}

static void decode_layer(struct wire *w, struct transfer_message *m)
{
	m->index = wire_u32(w);
	m->name = get_name(w);
	get_digest(w, &m->blob);
	get_digest(w, &m->diff_id);
	m->size = wire_u64(w);
	m->blob_size = wire_u64(w);
	m->staged = wire_bool(w);
	m->opaque = wire_bool(w);
	m->tar_size = wire_u64(w);
	m->recipe_size = wire_u64(w);
	m->text = wire_str(w);
	m->compression = wire_str(w);
	m->kept = wire_bool(w);
}

static void decode_error(struct wire *w, struct transfer_message *m)
{
	m->err_kind = wire_u8(w);
	m->sys = (int32_t)wire_u32(w);
	m->text = wire_str(w);
	if (!m->text || m->err_kind >= ERR_KIND_COUNT)
		w->bad = true;
}

static void decode_blob(struct wire *w, struct transfer_message *m)
{
	m->index = wire_u32(w);
	get_digest(w, &m->blob);
	get_digest(w, &m->diff_id);
	m->blob_size = wire_u64(w);
	m->known = wire_bool(w);
}

static void decode_fields(struct wire *w, struct transfer_message *m)
{
	switch (m->kind) {
	case TRANSFER_REQUEST:
		m->mode = wire_u8(w);
		m->max_bytes = wire_u64(w);
		m->max_entries = wire_u64(w);
		m->max_ratio = wire_u32(w);
		m->known = wire_bool(w);
		break;
	case TRANSFER_TREE:
		m->index = wire_u32(w);
		break;
	case TRANSFER_ANSWER:
		m->known = wire_bool(w);
		break;
	case TRANSFER_BLOB:
		decode_blob(w, m);
		break;
	case TRANSFER_GROWN:
		m->index = wire_u32(w);
		m->size = wire_u64(w);
		break;
	case TRANSFER_ABANDON:
		m->index = wire_u32(w);
		break;
	case TRANSFER_WRITE:
		get_digest(w, &m->diff_id);
		m->size = wire_u64(w);
		m->index = wire_u32(w);
		break;
	case TRANSFER_WRITTEN:
		get_digest(w, &m->blob);
		m->size = wire_u64(w);
		break;
	case TRANSFER_DAMAGE:
		m->name = get_name(w);
		m->text = get_name(w);
		break;
	case TRANSFER_VERIFIED:
		m->size = wire_u64(w);
		m->opaque = wire_bool(w);
		m->damages = wire_u64(w);
		break;
	case TRANSFER_DOC:
		m->index = wire_u32(w);
		m->name = get_name(w);
		get_digest(w, &m->blob);
		m->size = wire_u64(w);
		break;
	case TRANSFER_LAYER:
		decode_layer(w, m);
		break;
	case TRANSFER_LINK:
		m->name = get_name(w);
		m->text = get_name(w);
		break;
	case TRANSFER_QUERY:
		get_digest(w, &m->diff_id);
		break;
	case TRANSFER_PROGRESS:
		m->name = get_name(w);
		m->size = wire_u64(w);
		m->blob_size = wire_u64(w);
		break;
	case TRANSFER_BAD:
		m->index = wire_u32(w);
		m->damaged = wire_bool(w);
		decode_error(w, m);
		break;
	case TRANSFER_ERROR:
		decode_error(w, m);
		break;
	case TRANSFER_DONE:
		break;
	case TRANSFER_KIND_COUNT:
		w->bad = true;
	}
}

int transfer_decode(const void *p, size_t n, struct transfer_message *m, struct err **err)
{
	*m = (struct transfer_message){0};
	struct wire w = wire_from(p, n);
	uint8_t kind = wire_u8(&w);
	if (kind >= TRANSFER_KIND_COUNT)
		w.bad = true;
	else
		m->kind = kind;
	if (!w.bad)
		decode_fields(&w, m);
	return wire_done(&w, "message of kist-transfer", err);
}
