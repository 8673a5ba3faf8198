/*
 * One codec for Docker's documents: a C struct is described by a table of {JSON name, type,
 * offset}, and reading, writing, copying, freeing and checking all walk that table. The daemon uses
 * the same tables for the wire and for what it stores, so that nothing is lost between the two.
 *
 * Reading follows Go's encoding/json, because that is what clients are written against: names match
 * exactly or else ignoring ASCII case, unknown names are skipped, null leaves the zero value, a
 * value of another type is an error that names the field. Writing keeps the table's order, sorts
 * maps by key, and tells null from [] and {}.
 *
 * Memory: every pointer in a described struct is owned by it (xmalloc). A struct is zeroed before
 * its first use ({0}) and given back with model_clear().
 */
#ifndef KIST_MODEL_CODEC_H
#define KIST_MODEL_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/** Go's *bool. */
enum tristate { TRI_NULL, TRI_FALSE, TRI_TRUE };

/** Go's *int64. */
struct opt_i64 {
	bool set;
	int64_t v;
};

/** Go's map[string]string; v == NULL is null, v != NULL with n == 0 is {}. Order is the client's. */
struct str_pair {
	char *key, *value;
};
struct str_map {
	struct str_pair *v;
	size_t n;
};
/** Value of @key or NULL. */
const char *str_map_get(const struct str_map *m, const char *key);
/** Sets or replaces; copies both. */
void str_map_set(struct str_map *m, const char *key, const char *value);
void str_map_free(struct str_map *m);

/** Go's []T; v == NULL is null, v != NULL with n == 0 is []. Same layout for every T. */
#define MODEL_LIST(type)                                                                           \
	struct {                                                                                   \
		type *v;                                                                           \
		size_t n;                                                                          \
	}
/** Appends a zeroed element and returns it: `struct ulimit *u = model_list_add(&hc->ulimits);` */
#define model_list_add(list) ((__typeof__((list)->v))model_list_grow((list), sizeof(*(list)->v)))
void *model_list_grow(void *list, size_t size);

struct model_type; /* a described struct; the tables are in the documents' own headers */

/** Reads the object @j into @out, which is zeroed or holds defaults. @what is the path for messages
 * ("HostConfig", or "" for a whole document). On failure @out is still to be cleared. ERR_INVALID. */
int model_decode(
	const struct model_type *t, const json_t *j, void *out, const char *what, struct err **err);
/** The same from text (at most @n bytes, one document). */
int model_parse(const struct model_type *t, const char *text, size_t n, void *out, const char *what,
	struct err **err);
/** Writes the object as Docker's API version @api (144 for 1.44) does; 0 is everything: what is
 * stored. */
void model_write(const struct model_type *t, const void *obj, unsigned api, struct buf *out);
/** Only the members ("a":1,"b":2), without braces: for documents that embed another's fields. */
void model_write_members(
	const struct model_type *t, const void *obj, unsigned api, struct buf *out);
void model_clear(const struct model_type *t, void *obj);
/** Deep copy; what was in @dst is cleared first. */
void model_copy(const struct model_type *t, void *dst, const void *src);
/** ERR_NOT_IMPLEMENTED, naming the field, if one that Docker knows and kist does not have yet holds
 * anything but its zero value (or one equal to it). For requests; not for what was stored. */
int model_check_built(
	const struct model_type *t, const void *obj, const char *what, struct err **err);

#endif
