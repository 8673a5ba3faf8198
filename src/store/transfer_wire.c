/* The records of kist-transfer: which fields each kind has, in which order, is said once, for both ways. */
#include "store/transfer.h"

#include <stddef.h>
#include <string.h>

#include "base/wire.h"

enum field_type {
	FIELD_END, /* 0: what a record does not name */
	FIELD_MODE,
	FIELD_U32,
	FIELD_U64,
	FIELD_BOOL,
	FIELD_DIGEST,
	FIELD_NAME, /* at most TRANSFER_NAME_MAX bytes */
	FIELD_TEXT, /* has to be there */
	FIELD_TEXT_OR_NULL,
	FIELD_ERR_KIND,
	FIELD_ERRNO,
};

struct field {
	enum field_type type;
	size_t at;
};

#define FIELDS_MAX 14 /* with the end */
#define F(type, member)                                                                            \
	{                                                                                          \
		FIELD_##type, offsetof(struct transfer_message, member)                            \
	}
#define ERROR_FIELDS F(ERR_KIND, err_kind), F(ERRNO, sys), F(TEXT, text)

static const struct field records[TRANSFER_KIND_COUNT][FIELDS_MAX] = {
	[TRANSFER_REQUEST] = {F(MODE, mode), F(U64, max_bytes), F(U64, max_entries),
		F(U32, max_ratio), F(BOOL, known)},
	[TRANSFER_TREE] = {F(U32, index)},
	[TRANSFER_ANSWER] = {F(BOOL, known)},
	[TRANSFER_BLOB] = {F(U32, index), F(DIGEST, blob), F(DIGEST, diff_id), F(U64, blob_size),
		F(BOOL, known)},
	[TRANSFER_GROWN] = {F(U32, index), F(U64, size)},
	[TRANSFER_ABANDON] = {F(U32, index)},
	[TRANSFER_WRITE] = {F(DIGEST, diff_id), F(U64, size), F(U32, index)},
	[TRANSFER_WRITTEN] = {F(DIGEST, blob), F(U64, size)},
	[TRANSFER_DAMAGE] = {F(NAME, name), F(NAME, text)},
	[TRANSFER_VERIFIED] = {F(U64, size), F(BOOL, opaque), F(U64, damages)},
	[TRANSFER_DOC] = {F(U32, index), F(NAME, name), F(DIGEST, blob), F(U64, size)},
	[TRANSFER_LAYER] = {F(U32, index), F(NAME, name), F(DIGEST, blob), F(DIGEST, diff_id),
		F(U64, size), F(U64, blob_size), F(BOOL, staged), F(BOOL, opaque), F(U64, tar_size),
		F(U64, recipe_size), F(TEXT_OR_NULL, text), F(TEXT_OR_NULL, compression),
		F(BOOL, kept)},
	[TRANSFER_LINK] = {F(NAME, name), F(NAME, text)},
	[TRANSFER_QUERY] = {F(DIGEST, diff_id)},
	[TRANSFER_PROGRESS] = {F(NAME, name), F(U64, size), F(U64, blob_size)},
	[TRANSFER_BAD] = {F(U32, index), F(BOOL, damaged), F(BOOL, verified), ERROR_FIELDS},
	[TRANSFER_ERROR] = {ERROR_FIELDS},
};

static void put(struct buf *b, enum field_type type, const void *at)
{
	switch (type) {
	case FIELD_MODE:
		wire_put_u8(b, (uint8_t) * (const enum transfer_mode *)at);
		return;
	case FIELD_U32:
		wire_put_u32(b, *(const uint32_t *)at);
		return;
	case FIELD_U64:
		wire_put_u64(b, *(const uint64_t *)at);
		return;
	case FIELD_BOOL:
		wire_put_bool(b, *(const bool *)at);
		return;
	case FIELD_DIGEST:
		wire_put_str(b, ((const struct digest *)at)->str);
		return;
	case FIELD_NAME:
	case FIELD_TEXT:
	case FIELD_TEXT_OR_NULL:
		wire_put_str(b, *(const char *const *)at);
		return;
	case FIELD_ERR_KIND:
		wire_put_u8(b, *(const uint8_t *)at);
		return;
	case FIELD_ERRNO:
		wire_put_u32(b, (uint32_t) * (const int32_t *)at);
		return;
	case FIELD_END:
		return;
	}
}

void transfer_encode(const struct transfer_message *m, struct buf *b)
{
	wire_put_u8(b, (uint8_t)m->kind);
	for (const struct field *f = records[m->kind]; f->type != FIELD_END; f++)
		put(b, f->type, (const char *)m + f->at);
}

/* False if it may not be what it is. */
static bool get(struct wire *w, enum field_type type, void *at)
{
	const char *s;
	switch (type) {
	case FIELD_MODE:
		*(enum transfer_mode *)at = wire_u8(w);
		return true;
	case FIELD_U32:
		*(uint32_t *)at = wire_u32(w);
		return true;
	case FIELD_U64:
		*(uint64_t *)at = wire_u64(w);
		return true;
	case FIELD_BOOL:
		*(bool *)at = wire_bool(w);
		return true;
	case FIELD_DIGEST:
		s = wire_str(w);
		return s && digest_parse(s, at, NULL) == 0;
	case FIELD_NAME:
	case FIELD_TEXT:
	case FIELD_TEXT_OR_NULL:
		s = *(const char **)at = wire_str(w);
		return s ? type != FIELD_NAME || strlen(s) <= TRANSFER_NAME_MAX
			 : type == FIELD_TEXT_OR_NULL;
	case FIELD_ERR_KIND:
		*(uint8_t *)at = wire_u8(w);
		return *(uint8_t *)at < ERR_KIND_COUNT;
	case FIELD_ERRNO:
		*(int32_t *)at = (int32_t)wire_u32(w);
		return true;
	case FIELD_END:
		break;
	}
	return false;
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
	for (const struct field *f = records[m->kind]; !w.bad && f->type != FIELD_END; f++)
		if (!get(&w, f->type, (char *)m + f->at))
			w.bad = true;
	return wire_done(&w, "message of kist-transfer", err);
}
