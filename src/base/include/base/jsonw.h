/*
 * Writing JSON straight into a buffer, as Go's encoding/json would: no tree in between, commas
 * looked after. @key is NULL inside arrays and for the outermost value. Nothing here fails.
 *
 *     struct jsonw w = jsonw_to(&out);
 *     jw_object(&w, NULL);
 *     jw_str(&w, "Id", id);
 *     jw_end_object(&w);
 */
#ifndef KIST_BASE_JSONW_H
#define KIST_BASE_JSONW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct jsonw {
	struct buf *out;
	bool comma; /* a value came before at this level */
};

static inline struct jsonw jsonw_to(struct buf *out)
{
	return (struct jsonw){.out = out};
}
/** Comma and key alone: the caller appends the value to the buffer itself. */
void jw_key(struct jsonw *w, const char *key);
void jw_object(struct jsonw *w, const char *key);
void jw_end_object(struct jsonw *w);
void jw_array(struct jsonw *w, const char *key);
void jw_end_array(struct jsonw *w);
/** NULL is "". */
void jw_str(struct jsonw *w, const char *key, const char *value);
/** The same for bytes that need not be UTF-8: where they are not, as hexadecimal digits under @hex_key, too. */
void jw_bytes(struct jsonw *w, const char *key, const char *hex_key, const char *value);
void jw_i64(struct jsonw *w, const char *key, int64_t value);
void jw_u64(struct jsonw *w, const char *key, uint64_t value);
void jw_bool(struct jsonw *w, const char *key, bool value);
void jw_null(struct jsonw *w, const char *key);
/** Text that is JSON already; NULL is null. */
void jw_raw(struct jsonw *w, const char *key, const char *json);
/** NULL is null. */
void jw_strv(struct jsonw *w, const char *key, char *const *v);
/** RFC 3339; 0 is Go's zero time. */
void jw_time(struct jsonw *w, const char *key, int64_t ns);

#endif
