#include "base/wire.h"

#include <string.h>

#include "base/mem.h"

#define WIRE_NULL 0xffffffffu

void wire_put_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, sizeof(v));
}

void wire_put_u32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, sizeof(v));
}

void wire_put_u64(struct buf *b, uint64_t v)
{
	buf_add(b, &v, sizeof(v));
}

void wire_put_str(struct buf *b, const char *s)
{
	if (s)
		wire_put_blob(b, s, strlen(s) + 1);
	else
		wire_put_u32(b, WIRE_NULL);
}

void wire_put_blob(struct buf *b, const void *p, size_t n)
{
	wire_put_u32(b, (uint32_t)n);
	buf_add(b, p, n);
}

void wire_put_strv(struct buf *b, char *const *v)
{
	size_t n = 0;
	while (v && v[n])
		n++;
	wire_put_u32(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		wire_put_str(b, v[i]);
}

static const char *take(struct wire *w, size_t n)
{
	if (w->bad || (size_t)(w->end - w->p) < n) {
		w->bad = true;
		return NULL;
	}
	const char *p = w->p;
	w->p += n;
	return p;
}

uint8_t wire_u8(struct wire *w)
{
	const char *p = take(w, 1);
	return p ? (uint8_t)*p : 0;
}

uint32_t wire_u32(struct wire *w)
{
	uint32_t v = 0;
	const char *p = take(w, sizeof(v));
	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

uint64_t wire_u64(struct wire *w)
{
	uint64_t v = 0;
	const char *p = take(w, sizeof(v));
	if (p)
		memcpy(&v, p, sizeof(v));
	return v;
}

const void *wire_blob(struct wire *w, size_t *n)
{
	uint32_t len = wire_u32(w);
	const char *p = take(w, len);
	*n = p ? len : 0;
	return p;
}

const char *wire_str(struct wire *w)
{
	uint32_t len = wire_u32(w);
	if (len == WIRE_NULL)
		return NULL;
	const char *p = take(w, len);
	if (!p)
		return NULL;
	if (!len || memchr(p, 0, len) != p + len - 1) {
		w->bad = true;
		return NULL;
	}
	return p;
}

uint32_t wire_count(struct wire *w, size_t min)
{
	uint32_t n = wire_u32(w);
	if (w->bad || n > (size_t)(w->end - w->p) / (min ? min : 1)) {
		w->bad = true;
		return 0;
	}
	return n;
}

char **wire_strv(struct wire *w)
{
	uint32_t n = wire_count(w, 5);
	if (w->bad)
		return NULL;
	char **v = xcalloc((size_t)n + 1, sizeof(*v));
	for (uint32_t i = 0; i < n; i++) {
		v[i] = (char *)wire_str(w);
		if (!v[i])
			w->bad = true;
	}
	if (w->bad) {
		free(v);
		return NULL;
	}
	return v;
}

int wire_done(const struct wire *w, const char *what, struct err **err)
{
	if (w->bad || w->p != w->end)
		return err_set(err, ERR_INVALID, "%s is malformed", what);
	return 0;
}
