/* Reading documents. Recursion is as deep as the tables are; raw values are bounded by
 * json_parse(). */
#include "table.h"

#include "base/mem.h"
#include "base/str.h"

/* Where in the document we are, for messages: a chain on the stack, so that good input costs
 * nothing. */
struct path {
	const struct path *up;
	const char *name;
};

static void path_text(const struct path *p, struct buf *out)
{
	if (p->up)
		path_text(p->up, out);
	if (str_empty(p->name))
		return;
	if (out->len)
		buf_addc(out, '.');
	buf_adds(out, p->name);
}

static const char *type_name(const json_t *j)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "object",
		[JSON_ARRAY] = "array",
		[JSON_STRING] = "string",
		[JSON_INTEGER] = "number",
		[JSON_REAL] = "number",
		[JSON_TRUE] = "bool",
		[JSON_FALSE] = "bool",
		[JSON_NULL] = "null",
	};
	return names[json_typeof(j)];
}

static int mismatch(const struct path *p, const json_t *j, const char *type, struct err **err)
{
	auto_buf where = BUF_INIT;
	path_text(p, &where);
	auto_buf value = BUF_INIT;
	if (json_is_number(j)) {
		buf_addc(&value, ' ');
		json_write(j, &value);
	}
	return err_set(err, ERR_INVALID, "cannot unmarshal %s%s into field %s of type %s",
		type_name(j), buf_str(&value), buf_str(&where), type);
}

/* A string without NUL inside: everything behind it would be lost without a word. */
static const char *text_of(const json_t *j)
{
	const char *s = json_string_value(j);
	return s && strlen(s) == json_string_length(j) ? s : NULL;
}

static int read_strv(char ***out, const json_t *j, bool one, const struct path *p, struct err **err)
{
	auto_strv list = xcalloc(1, sizeof(char *));
	if (one && json_is_string(j) && text_of(j))
		strv_add(&list, text_of(j));
	else if (!json_is_array(j))
		return mismatch(p, j, "[]string", err);
	size_t i;
	const json_t *item;
	json_array_foreach(j, i, item)
	{
		const char *s = json_is_null(item) ? "" : text_of(item);
		if (!s)
			return mismatch(p, item, "string", err);
		strv_add(&list, s);
	}
	*out = steal_ptr(list);
	return 0;
}

static int read_set(char ***out, const json_t *j, const struct path *p, struct err **err)
{
	if (!json_is_object(j))
		return mismatch(p, j, "map[string]struct {}", err);
	auto_strv list = xcalloc(1, sizeof(char *));
	const char *key;
	json_t *item;
	json_object_foreach((json_t *)(uintptr_t)j, key, item)
	{
		if (!json_is_object(item) && !json_is_null(item))
			return mismatch(p, item, "struct {}", err);
		strv_add(&list, key);
	}
	*out = steal_ptr(list);
	return 0;
}

static int read_map(struct str_map *out, const json_t *j, const struct path *p, struct err **err)
{
	if (!json_is_object(j))
		return mismatch(p, j, "map[string]string", err);
	size_t count = json_object_size(j);
	out->v = xmalloc((count ? count : 1) * sizeof(*out->v));
	const char *key;
	json_t *item;
	json_object_foreach((json_t *)(uintptr_t)j, key, item)
	{
		const char *s = json_is_null(item) ? "" : text_of(item);
		if (!s)
			return mismatch(&(struct path){p, key}, item, "string", err);
		out->v[out->n++] = (struct str_pair){xstrdup(key), xstrdup(s)};
	}
	return 0;
}

static int read_u64(
	uint64_t *out, const json_t *j, uint64_t max, const struct path *p, struct err **err)
{
	const char *type = max == UINT16_MAX ? "uint16" : max == UINT32_MAX ? "uint32" : "uint64";
	if (!json_is_integer(j) || json_integer_value(j) < 0 ||
		(max && (uint64_t)json_integer_value(j) > max))
		return mismatch(p, j, type, err);
	*out = (uint64_t)json_integer_value(j);
	return 0;
}

static int read_pair(uint64_t *out, const json_t *j, const struct path *p, struct err **err)
{
	if (!json_is_array(j))
		return mismatch(p, j, "[2]uint", err);
	for (size_t i = 0; i < 2 && i < json_array_size(j); i++)
		if (read_u64(&out[i], json_array_get(j, i), 0, p, err) < 0)
			return -1;
	return 0;
}

static int read_object(const struct model_type *t, const json_t *j, void *out, const struct path *p,
	struct err **err);
static int read_field(const struct model_field *f, const json_t *j, void *obj, const struct path *p,
	struct err **err);

static int read_list(const struct model_field *f, const json_t *j, struct model_list *l,
	const struct path *p, struct err **err)
{
	if (!json_is_array(j))
		return mismatch(p, j, "array", err);
	/* Allocated whole at once; the document, which is bounded, has at least two bytes for each.
	 * */
	l->v = xcalloc(json_array_size(j) ? json_array_size(j) : 1, f->sub->size);
	size_t i;
	const json_t *item;
	json_array_foreach(j, i, item)
	{
		void *to = (char *)l->v + l->n++ * f->sub->size;
		if (!json_is_null(item) && read_object(f->sub, item, to, p, err) < 0)
			return -1;
	}
	return 0;
}

static int read_keyed(const struct model_field *f, const json_t *j, struct model_list *l,
	const struct path *p, struct err **err)
{
	if (!json_is_object(j))
		return mismatch(p, j, "object", err);
	l->v = xcalloc(json_object_size(j) ? json_object_size(j) : 1, f->sub->size);
	const char *key;
	json_t *item;
	json_object_foreach((json_t *)(uintptr_t)j, key, item)
	{
		void *to = (char *)l->v + l->n++ * f->sub->size;
		*(char **)to = xstrdup(key);
		if (read_field(&f->sub->fields[0], item, to, &(struct path){p, key}, err) < 0)
			return -1;
	}
	return 0;
}

static int read_raw(const struct model_field *f, const json_t *j, json_t **out,
	const struct path *p, struct err **err)
{
	if (json_typeof(j) != f->raw)
		return mismatch(p, j, f->raw == JSON_OBJECT ? "object" : "array", err);
	*out = json_incref((json_t *)(uintptr_t)j);
	return 0;
}

static int read_scalar(const struct model_field *f, const json_t *j, void *at, const struct path *p,
	struct err **err)
{
	switch (f->kind) {
	case M_BOOL:
		if (!json_is_boolean(j))
			return mismatch(p, j, "bool", err);
		*(bool *)at = json_is_true(j);
		return 0;
	case M_TRI:
		if (!json_is_boolean(j))
			return mismatch(p, j, "bool", err);
		*(enum tristate *)at = json_is_true(j) ? TRI_TRUE : TRI_FALSE;
		return 0;
	case M_I64:
		if (!json_is_integer(j))
			return mismatch(p, j, "int64", err);
		*(int64_t *)at = json_integer_value(j);
		return 0;
	case M_OPT:
		if (!json_is_integer(j))
			return mismatch(p, j, "int64", err);
		*(struct opt_i64 *)at = (struct opt_i64){true, json_integer_value(j)};
		return 0;
	default: /* M_STR */
		if (!text_of(j))
			return mismatch(p, j, "string", err);
		*(char **)at = *text_of(j) ? xstrdup(text_of(j)) : NULL;
		return 0;
	}
}

static int read_field(const struct model_field *f, const json_t *j, void *obj, const struct path *p,
	struct err **err)
{
	if (json_is_null(j))
		return 0;
	if (f->kind != M_OBJECT)
		model_field_clear(f, obj);
	void *at = model_at(f, obj);
	switch (f->kind) {
	case M_BOOL:
	case M_TRI:
	case M_I64:
	case M_OPT:
	case M_STR:
		return read_scalar(f, j, at, p, err);
	case M_U64:
		return read_u64(at, j, f->max, p, err);
	case M_PAIR:
		return read_pair(at, j, p, err);
	case M_STRV:
	case M_SLICE:
		return read_strv(at, j, f->kind == M_SLICE, p, err);
	case M_SET:
		return read_set(at, j, p, err);
	case M_MAP:
		return read_map(at, j, p, err);
	case M_RAW:
		return read_raw(f, j, at, p, err);
	case M_POINTER:
		*(void **)at = xcalloc(1, f->sub->size);
		return read_object(f->sub, j, *(void **)at, p, err);
	case M_LIST:
		return read_list(f, j, at, p, err);
	case M_KEYED:
		return read_keyed(f, j, at, p, err);
	case M_OBJECT:
	case M_EMBED:
		return read_object(f->sub, j, at, p, err);
	}
	return 0;
}

typedef bool name_eq(const char *a, const char *b);

/* The field called @key, also inside embedded structs; *obj becomes the struct that holds it. */
static const struct model_field *find(
	const struct model_type *t, const char *key, name_eq *eq, void **obj)
{
	for (const struct model_field *f = t->fields; !model_field_end(f); f++) {
		if (f->kind == M_EMBED) {
			void *inner = model_at(f, *obj);
			const struct model_field *found = find(f->sub, key, eq, &inner);
			if (found) {
				*obj = inner;
				return found;
			}
		} else if (eq(f->name, key)) {
			return f;
		}
	}
	return NULL;
}

static int read_object(const struct model_type *t, const json_t *j, void *out, const struct path *p,
	struct err **err)
{
	if (!json_is_object(j))
		return mismatch(p, j, t->name, err);
	const char *key;
	json_t *item;
	json_object_foreach((json_t *)(uintptr_t)j, key, item)
	{
		void *holder = out;
		const struct model_field *f = find(t, key, str_eq, &holder);
		if (!f)
			f = find(t, key, str_ieq, &holder);
		if (f && read_field(f, item, holder, &(struct path){p, f->name}, err) < 0)
			return -1;
	}
	return 0;
}

int model_decode(
	const struct model_type *t, const json_t *j, void *out, const char *what, struct err **err)
{
	return read_object(t, j, out, &(struct path){NULL, what}, err);
}

int model_parse(const struct model_type *t, const char *text, size_t n, void *out, const char *what,
	struct err **err)
{
	auto_json *j = json_parse(text, n, str_empty(what) ? "document" : what, err);
	if (!j)
		return -1;
	return model_decode(t, j, out, what, err);
}
