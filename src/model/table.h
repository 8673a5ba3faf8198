/* The tables that describe documents, and what is known of each kind of field. Private to the
 * model. */
#ifndef KIST_MODEL_TABLE_H
#define KIST_MODEL_TABLE_H

#include "model/codec.h"

enum model_kind {
	M_BOOL, /* bool */
	M_TRI, /* enum tristate */
	M_I64, /* int64_t */
	M_U64, /* uint64_t, at most .max if that is set */
	M_OPT, /* struct opt_i64 */
	M_STR, /* char * */
	M_STRV, /* char ** */
	M_SLICE, /* char **; one string is read as a vector of one */
	M_SET, /* char **, in JSON an object with empty objects as values */
	M_MAP, /* struct str_map */
	M_PAIR, /* uint64_t[2], in JSON an array */
	M_RAW, /* json_t * kept as it came; .raw says of which type */
	M_OBJECT, /* a struct in place */
	M_EMBED, /* a struct in place whose members appear among the outer one's */
	M_POINTER, /* an allocated struct or NULL */
	M_LIST, /* MODEL_LIST */
	M_KEYED, /* MODEL_LIST of structs that begin with char *key; fields[0] of .sub is the value */
};

enum {
	OMIT_EMPTY = 1, /* Go's omitempty */
	NOT_BUILT = 2, /* kist does not have it yet */
};

struct model_field {
	const char *name;
	size_t offset;
	const struct model_type *sub;
	const char *same; /* NOT_BUILT: words that mean the same as nothing, separated by spaces */
	uint64_t max;
	enum model_kind kind;
	unsigned flags;
	json_type raw;
	unsigned since; /* API version that brought it, 148 for 1.48 */
};

struct model_type {
	const char *name;
	size_t size;
	const struct model_field
		*fields; /* the last has kind M_RAW and name NULL and offset SIZE_MAX */
};

#define MODEL_END                                                                                  \
	{                                                                                          \
		.offset = SIZE_MAX                                                                 \
	}

/** How every MODEL_LIST lies in memory. */
struct model_list {
	void *v;
	size_t n;
};

static inline bool model_field_end(const struct model_field *f)
{
	return f->offset == SIZE_MAX;
}
static inline void *model_at(const struct model_field *f, const void *obj)
{
	return (char *)(uintptr_t)obj + f->offset;
}

void model_field_clear(const struct model_field *f, void *obj);
/** Is it Go's zero value (with @loose, or one of .same)? Empty vectors, maps and lists count as
 * zero. */
bool model_field_zero(const struct model_field *f, const void *obj);

#endif
