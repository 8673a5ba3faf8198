#include "base/json.h"

#include <string.h>

#include "base/str.h"

#define JSON_MAX_DEPTH 64

struct json_extent json_extent(const char *p, size_t n)
{
	struct json_extent found = {0};
	size_t depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < n; i++) {
		char c = p[i];
		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '{' || c == '[') {
			found.values++;
			if (++depth > found.depth)
				found.depth = depth;
		} else if (c == ',') {
			found.values++;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return found;
}

json_t *json_parse(const void *p, size_t n, const char *what, struct err **err)
{
	/* jansson bounds nesting at 2,048; recursion over what came from outside should stay far below */
	if (json_extent(p, n).depth > JSON_MAX_DEPTH) {
		err_set(err, ERR_INVALID, "%s: nested deeper than %d levels", what, JSON_MAX_DEPTH);
		return NULL;
	}
	json_error_t e;
	json_t *j = json_loadb(p, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	if (j)
		return j;
	/* "... near 'SOMETHING'" quotes the text, which may be a password or a token: errors get into logs */
	char *quote = strstr(e.text, " near '");
	if (quote)
		*quote = '\0';
	err_set(err, ERR_INVALID, "%s: invalid JSON at line %d, column %d: %s", what, e.line,
		e.column, e.text);
	return NULL;
}

json_t *json_parse_bounded(const void *p, size_t n, size_t max, const char *what, struct err **err)
{
	if (json_extent(p, n).values <= max)
		return json_parse(p, n, what, err);
	err_set(err, ERR_TOO_LARGE, "%s has more than %zu values", what, max);
	return NULL;
}

static int write_chunk(const char *p, size_t n, void *data)
{
	buf_add(data, p, n);
	return 0;
}

void json_write(const json_t *j, struct buf *out)
{
	json_dump_callback(j, write_chunk, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

static const json_t *field(const json_t *obj, const char *key)
{
	const json_t *v = json_object_get(obj, key);
	return v && !json_is_null(v) ? v : NULL;
}

static int expected(struct err **err, const char *what, const char *key, const char *type)
{
	return err_set(err, ERR_INVALID, "%s.%s: expected %s", what, key, type);
}

int json_get_str(
	const json_t *obj, const char *key, const char **out, const char *what, struct err **err)
{
	const json_t *v = field(obj, key);
	if (!v)
		return 0;
	if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
		return expected(err, what, key, "a string");
	*out = json_string_value(v);
	return 0;
}

int json_get_i64(
	const json_t *obj, const char *key, int64_t *out, const char *what, struct err **err)
{
	const json_t *v = field(obj, key);
	if (!v)
		return 0;
	if (!json_is_integer(v))
		return expected(err, what, key, "an integer");
	*out = json_integer_value(v);
	return 0;
}

int json_get_bool(const json_t *obj, const char *key, bool *out, const char *what, struct err **err)
{
	const json_t *v = field(obj, key);
	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return expected(err, what, key, "a boolean");
	*out = json_is_true(v);
	return 0;
}

int json_get_strv(
	const json_t *obj, const char *key, char ***out, const char *what, struct err **err)
{
	const json_t *v = field(obj, key);
	if (!v)
		return 0;
	if (!json_is_array(v))
		return expected(err, what, key, "an array of strings");
	auto_strv list = xcalloc(2, sizeof(char *));
	size_t i;
	json_t *item;
	json_array_foreach(v, i, item)
	{
		if (!json_is_string(item) ||
			strlen(json_string_value(item)) != json_string_length(item))
			return expected(err, what, key, "an array of strings");
		strv_add(&list, json_string_value(item));
	}
	*out = steal_ptr(list);
	return 0;
}

void json_put(json_t *obj, const char *key, json_t *value)
{
	json_object_set_new_nocheck(obj, key, value ? value : json_null());
}

/* Strings that are not UTF-8 (file names, environment) go out with U+FFFD, as Go would write them. */
static json_t *json_text(const char *s)
{
	if (!s)
		s = "";
	json_t *v = json_string(s);
	if (v)
		return v;
	auto_buf quoted = BUF_INIT;
	buf_add_json_string(&quoted, s, strlen(s));
	return json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY, NULL);
}

void json_put_str(json_t *obj, const char *key, const char *value)
{
	json_put(obj, key, json_text(value));
}

json_t *json_strv(char *const *v)
{
	json_t *array = json_array();
	for (size_t i = 0; v && v[i]; i++)
		json_array_append_new(array, json_text(v[i]));
	return array;
}
