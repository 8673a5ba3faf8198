/*
 * One description of a record for both directions: a function that walks a struct's fields with
 * these writes it when @out is set and reads it when @in is. So what is written and what is read
 * cannot differ. Faults latch in the wire (base/wire.h); fields then read as zero.
 */
#ifndef KIST_RUNTIME_CODEC_H
#define KIST_RUNTIME_CODEC_H

#include "arena.h"
#include "base/wire.h"

struct codec {
	struct buf *out; /* writing */
	struct wire *in; /* reading */
	struct arena *arena; /* where what was read is put */
};

void codec_bool(struct codec *c, bool *v);
void codec_u8(struct codec *c, uint8_t *v);
void codec_u16(struct codec *c, uint16_t *v);
void codec_u32(struct codec *c, uint32_t *v);
void codec_i32(struct codec *c, int32_t *v);
void codec_u64(struct codec *c, uint64_t *v);
void codec_i64(struct codec *c, int64_t *v);
/** Borrowed from the input when read. */
void codec_str(struct codec *c, const char **v);
void codec_strv(struct codec *c, const char ***v);
void codec_blob(struct codec *c, const void **p, size_t *n);
/** A list's count and, when reading, its zeroed memory. @min: bytes that each element takes at
 * least. */
void codec_list(struct codec *c, void **v, size_t *count, size_t size, size_t min);
/** Latches a fault if @ok is false while reading. */
void codec_check(struct codec *c, bool ok);

#endif
