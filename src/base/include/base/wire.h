/*
 * Flat encoding of records between kist's own programs (daemon, monitor, transfer) on one machine.
 *
 * Host byte order; u8/u32/u64 packed without alignment; a string or blob is a u32 length and its
 * bytes, a string additionally a NUL (counted) so that a decoder can borrow it in place; NULL is the
 * length 0xffffffff. The decoder never reads beyond its input, latches the first fault, and then
 * answers zeroes: decode everything, check wire_done() once.
 */
#ifndef KIST_BASE_WIRE_H
#define KIST_BASE_WIRE_H

#include "base/buf.h"
#include "base/err.h"

void wire_put_u8(struct buf *b, uint8_t v);
void wire_put_u32(struct buf *b, uint32_t v);
void wire_put_u64(struct buf *b, uint64_t v);
static inline void wire_put_i64(struct buf *b, int64_t v)
{
	wire_put_u64(b, (uint64_t)v);
}
static inline void wire_put_bool(struct buf *b, bool v)
{
	wire_put_u8(b, v);
}
/** @s may be NULL. */
void wire_put_str(struct buf *b, const char *s);
void wire_put_blob(struct buf *b, const void *p, size_t n);
/** Vector of strings; NULL is written as an empty one. */
void wire_put_strv(struct buf *b, char *const *v);

struct wire {
	const char *p;
	const char *end;
	bool bad;
};

static inline struct wire wire_from(const void *p, size_t n)
{
	return (struct wire){.p = p, .end = (const char *)p + n};
}
uint8_t wire_u8(struct wire *w);
uint32_t wire_u32(struct wire *w);
uint64_t wire_u64(struct wire *w);
static inline int64_t wire_i64(struct wire *w)
{
	return (int64_t)wire_u64(w);
}
static inline bool wire_bool(struct wire *w)
{
	return wire_u8(w) != 0;
}
/** Borrowed from the input; NULL if NULL was written or the input is bad. Embedded NULs are bad. */
const char *wire_str(struct wire *w);
const void *wire_blob(struct wire *w, size_t *n);
/** A count of elements that each take at least @min bytes: bad if the rest cannot hold them. */
uint32_t wire_count(struct wire *w, size_t min);
/** Vector in newly allocated memory whose strings are borrowed from the input; free() it. Never NULL
 * unless bad. */
char **wire_strv(struct wire *w);
/** 0 if everything was sound and consumed; else -1 with ERR_INVALID "@what is malformed". */
int wire_done(const struct wire *w, const char *what, struct err **err);

#endif
