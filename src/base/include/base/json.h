/*
 * Access to JSON through jansson (auto_json is its cleanup, named as ours are) with errors that name the path. Documents from outside are parsed
 * with a size bound by the caller and JSON_REJECT_DUPLICATES off (Go takes the last one).
 */
#ifndef KIST_BASE_JSON_H
#define KIST_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define auto_json __attribute__((cleanup(json_decrefp))) json_t

/** How much a text would become, found without parsing it: the deepest nesting of objects and arrays, and
 * (nearly) how many values. What is no JSON has an extent, too. */
struct json_extent {
	size_t depth, values;
};
struct json_extent json_extent(const char *p, size_t n);

/** Parses exactly one document. ERR_INVALID names @what, line and column, and quotes nothing. Nesting is bounded (64). */
json_t *json_parse(const void *p, size_t n, const char *what, struct err **err);
/** The same for a stranger's document: ERR_TOO_LARGE if it has more than @max values. Four MiB of "[],[],[]" would
 * become hundreds in memory. */
json_t *json_parse_bounded(const void *p, size_t n, size_t max, const char *what, struct err **err);
/** Compact text appended to @out. Keys keep insertion order. */
void json_write(const json_t *j, struct buf *out);

/* Field access on objects: an absent key or null gives the default and success; a value of another
 * type is ERR_INVALID "<what>.<key>: expected string". */
int json_get_str(
	const json_t *obj, const char *key, const char **out, const char *what, struct err **err);
int json_get_i64(
	const json_t *obj, const char *key, int64_t *out, const char *what, struct err **err);
int json_get_bool(
	const json_t *obj, const char *key, bool *out, const char *what, struct err **err);
/** Array of strings to an owned vector (NULL for absent or null). */
int json_get_strv(
	const json_t *obj, const char *key, char ***out, const char *what, struct err **err);

/** Steal-setters that never fail (allocation aside). */
void json_put(json_t *obj, const char *key, json_t *value);
void json_put_str(json_t *obj, const char *key, const char *value); /* NULL becomes "" */
json_t *json_strv(char *const *v); /* array of strings */

#endif
