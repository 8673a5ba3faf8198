/*
 * Reading JSON where it lies, piece by piece: for long lists of which a few fields are wanted. No tree, no allocation but the
 * caller's buffers.
 *
 *     struct jsonr r = jsonr_from(text, n);
 *     jsonr_enter(&r, '[');
 *     while (jsonr_more(&r, ']')) {
 *             jsonr_enter(&r, '{');
 *             while (jsonr_key(&r, &key))
 *                     if (str_eq(buf_str(&key), "Id"))
 *                             jsonr_str(&r, &id);
 *                     else
 *                             jsonr_skip(&r);
 *     }
 *     if (jsonr_end(&r, "the answer", err) < 0) ...
 *
 * The text need not be trusted: the first thing that is wrong stops the reader, every function then returns false, and
 * jsonr_end() tells. Nesting is bounded (64). What is skipped is looked at as far as finding its end takes: numbers' and
 * literals' characters, escapes and UTF-8 in it are not judged. Each member and each key must be followed by reading or skipping one value.
 */
#ifndef KIST_BASE_JSONR_H
#define KIST_BASE_JSONR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct jsonr {
	const char *at, *end, *start;
	unsigned depth;
	bool first; /* just behind an opening bracket */
	bool bad;
};

static inline struct jsonr jsonr_from(const char *text, size_t n)
{
	return (struct jsonr){.at = text, .end = text + n, .start = text};
}
/** The character that the next value begins with; 0 at the end, or where reading has stopped. */
char jsonr_peek(struct jsonr *r);
/** Goes into the object or array that comes next; @bracket is the one that must open it. */
bool jsonr_enter(struct jsonr *r, char bracket);
/** True if there is another member; else leaves what @bracket closes. */
bool jsonr_more(struct jsonr *r, char bracket);
/** In an object: the key of the next member, in place of what @key held; false: none, and the object is left. */
bool jsonr_key(struct jsonr *r, struct buf *key);
/** A string, in place of what @out held; or null, which is empty. */
bool jsonr_str(struct jsonr *r, struct buf *out);
/** A whole number; or null, which leaves @out as it is. */
bool jsonr_i64(struct jsonr *r, int64_t *out);
/** Passes over one value. */
bool jsonr_skip(struct jsonr *r);
/** 0 if everything was read and nothing was wrong; else ERR_INVALID naming @what and the byte. */
int jsonr_end(struct jsonr *r, const char *what, struct err **err);

#endif
