#include "codec.h"

#include <stdlib.h>

#define CODEC_NUMBER(name, type, put, get)                                                         \
	void codec_##name(struct codec *c, type *v)                                                \
	{                                                                                          \
		if (c->out)                                                                        \
			put(c->out, *v);                                                           \
		else                                                                               \
			*v = (type)get(c->in);                                                     \
	}

CODEC_NUMBER(bool, bool, wire_put_bool, wire_bool)
CODEC_NUMBER(u8, uint8_t, wire_put_u8, wire_u8)
CODEC_NUMBER(u16, uint16_t, wire_put_u32, wire_u32)
CODEC_NUMBER(u32, uint32_t, wire_put_u32, wire_u32)
CODEC_NUMBER(i32, int32_t, wire_put_u32, wire_u32)
CODEC_NUMBER(u64, uint64_t, wire_put_u64, wire_u64)
CODEC_NUMBER(i64, int64_t, wire_put_i64, wire_i64)

void codec_str(struct codec *c, const char **v)
{
	if (c->out)
		wire_put_str(c->out, *v);
	else
		*v = wire_str(c->in);
}

void codec_strv(struct codec *c, const char ***v)
{
	if (c->out) {
		wire_put_strv(c->out, (char *const *)*v);
		return;
	}
	char **list = wire_strv(c->in);
	*v = list ? arena_own(c->arena, list) : arena_alloc(c->arena, 1, sizeof(**v));
}

void codec_blob(struct codec *c, const void **p, size_t *n)
{
	if (c->out)
		wire_put_blob(c->out, *p, *n);
	else
		*p = wire_blob(c->in, n);
}

void codec_list(struct codec *c, void **v, size_t *count, size_t size, size_t min)
{
	if (c->out) {
		wire_put_u32(c->out, (uint32_t)*count);
		return;
	}
	*count = wire_count(c->in, min);
	*v = *count ? arena_alloc(c->arena, *count, size) : NULL;
}

void codec_check(struct codec *c, bool ok)
{
	if (c->in && !ok)
		c->in->bad = true;
}
