/* How values behave in templates: truth, printing, types. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "template_ast.h"

bool value_true(const json_t *v)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		return json_object_size(v) > 0;
	case JSON_ARRAY:
		return json_array_size(v) > 0;
	case JSON_STRING:
		return json_string_length(v) > 0;
	case JSON_INTEGER:
		return json_integer_value(v) != 0;
	case JSON_REAL:
		return json_real_value(v) != 0;
	case JSON_TRUE:
		return true;
	default:
		return false;
	}
}

const char *value_type(const json_t *v)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		return "map[string]interface {}";
	case JSON_ARRAY:
		return "[]interface {}";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
		return "int";
	case JSON_REAL:
		return "float64";
	case JSON_TRUE:
	case JSON_FALSE:
		return "bool";
	default:
		return "nil";
	}
}

bool value_is_struct(const json_t *v)
{
	const char *key;
	json_t *value;
	if (!json_is_object(v) || !json_object_size(v))
		return false;
	json_object_foreach((json_t *)v, key, value)
	{
		if (*key < 'A' || *key > 'Z' || strpbrk(key, "/:. -"))
			return false;
	}
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **value_keys(const json_t *object, size_t *count)
{
	const char **keys = xcalloc(json_object_size(object) + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	*count = 0;
	json_object_foreach((json_t *)object, key, value)
	{
		if (*key != '#')
			keys[(*count)++] = key;
	}
	qsort(keys, *count, sizeof(*keys), by_text);
	return keys;
}

/* The shortest text that reads back as the same number; exponents from 21 on, as %v does. */
static void print_real(double d, struct buf *out)
{
	char text[40];
	if (d == floor(d) && fabs(d) < 1e21) {
		buf_addf(out, "%.0f", d);
		return;
	}
	for (int digits = 1; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	buf_adds(out, text);
}

static void print_object(const json_t *v, struct buf *out)
{
	size_t count;
	const char *key;
	json_t *value;
	bool first = true;
	if (value_is_struct(v)) {
		buf_addc(out, '{');
		json_object_foreach((json_t *)v, key, value)
		{
			if (!first)
				buf_addc(out, ' ');
			first = false;
			value_print(value, false, out);
		}
		buf_addc(out, '}');
		return;
	}
	auto_free const char **keys = value_keys(v, &count);
	buf_adds(out, "map[");
	for (size_t i = 0; i < count; i++) {
		buf_addf(out, "%s%s:", i ? " " : "", keys[i]);
		value_print(json_object_get(v, keys[i]), false, out);
	}
	buf_addc(out, ']');
}

void value_print(const json_t *v, bool top, struct buf *out)
{
	switch (v ? json_typeof(v) : JSON_NULL) {
	case JSON_OBJECT:
		print_object(v, out);
		break;
	case JSON_ARRAY:
		buf_addc(out, '[');
		for (size_t i = 0; i < json_array_size(v); i++) {
			if (i)
				buf_addc(out, ' ');
			value_print(json_array_get(v, i), false, out);
		}
		buf_addc(out, ']');
		break;
	case JSON_STRING:
		buf_add(out, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		print_real(json_real_value(v), out);
		break;
	case JSON_TRUE:
		buf_adds(out, "true");
		break;
	case JSON_FALSE:
		buf_adds(out, "false");
		break;
	default:
		buf_adds(out, v || !top ? "<nil>" : "<no value>");
	}
}

void value_json_row(const json_t *row, struct buf *out)
{
	size_t count;
	auto_free const char **keys = value_keys(row, &count);
	buf_addc(out, '{');
	for (size_t i = 0; i < count; i++) {
		json_t *v = json_object_get(row, keys[i]);
		if (i)
			buf_addc(out, ',');
		buf_add_json_string(out, keys[i], strlen(keys[i]));
		buf_addc(out, ':');
		if (json_is_string(v))
			buf_add_json_string(out, json_string_value(v), json_string_length(v));
		else
			json_write(v, out);
	}
	buf_addc(out, '}');
}
