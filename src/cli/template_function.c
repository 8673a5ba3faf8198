/* The functions that templates call: Go's own and those docker adds. One table. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/json.h"
#include "base/str.h"
#include "template_ast.h"

typedef int function(json_t **args, size_t nargs, json_t **out, struct err **err);

static json_t *text(const char *s, size_t n)
{
	json_t *j = json_stringn(s, n);
	return j ? j : json_stringn_nocheck(s, n);
}

static int want_string(json_t *v, const char **out, struct err **err)
{
	*out = json_string_value(v);
	if (*out)
		return 0;
	return err_set(err, ERR_INVALID, "wrong type for value; expected string; got %s",
		v ? value_type(v) : "nil");
}

static int want_int(json_t *v, json_int_t *out, struct err **err)
{
	if (!json_is_integer(v))
		return err_set(err, ERR_INVALID, "wrong type for value; expected int; got %s",
			v ? value_type(v) : "nil");
	*out = json_integer_value(v);
	return 0;
}

static int f_json(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	auto_buf b = BUF_INIT;
	if (!args[0])
		buf_adds(&b, "null");
	else if (json_object_get(args[0], "#row"))
		value_json_row(args[0], &b);
	else
		json_write(args[0], &b);
	*out = text(buf_str(&b), b.len);
	return 0;
}

static int change_case(
	json_t *v, int (*change)(int), bool first_only, json_t **out, struct err **err)
{
	const char *s;
	if (want_string(v, &s, err) < 0)
		return -1;
	auto_free char *copy = xstrdup(s);
	bool start = true;
	for (char *p = copy; *p; p++) {
		if ((!first_only || start) && !(*p & 0x80))
			*p = (char)change((unsigned char)*p);
		start = !isalnum((unsigned char)*p) && *p != '_' && *p != '\'';
	}
	*out = text(copy, strlen(copy));
	return 0;
}

static int f_lower(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	return change_case(args[0], tolower, false, out, err);
}

static int f_upper(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	return change_case(args[0], toupper, false, out, err);
}

static int f_title(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	return change_case(args[0], toupper, true, out, err);
}

static int f_join(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	auto_buf b = BUF_INIT;
	const char *sep, *s;
	if (want_string(args[1], &sep, err) < 0)
		return -1;
	if (args[0] && !json_is_array(args[0]) && !json_is_null(args[0]))
		return err_set(err, ERR_INVALID, "wrong type for value; expected []string; got %s",
			value_type(args[0]));
	for (size_t i = 0; i < json_array_size(args[0]); i++) {
		if (want_string(json_array_get(args[0], i), &s, err) < 0)
			return -1;
		buf_addf(&b, "%s%s", i ? sep : "", s);
	}
	*out = text(buf_str(&b), b.len);
	return 0;
}

static int f_split(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	const char *s, *sep;
	if (want_string(args[0], &s, err) < 0 || want_string(args[1], &sep, err) < 0)
		return -1;
	json_t *list = json_array();
	for (size_t n = strlen(sep);;) {
		const char *end = n ? strstr(s, sep) : (*s && s[1] ? s + 1 : NULL);
		if (!end)
			break;
		json_array_append_new(list, text(s, (size_t)(end - s)));
		s = end + n;
	}
	json_array_append_new(list, text(s, strlen(s)));
	*out = list;
	return 0;
}

static int f_pad(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	const char *s;
	json_int_t before = 0, after = 0;
	if (want_string(args[0], &s, err) < 0 || want_int(args[1], &before, err) < 0 ||
		want_int(args[2], &after, err) < 0)
		return -1;
	if (before < 0 || before > 4096 || after < 0 || after > 4096)
		return err_set(err, ERR_INVALID, "strings: negative Repeat count");
	auto_free char *padded =
		xasprintf("%*s%s%*s", *s ? (int)before : 0, "", s, *s ? (int)after : 0, "");
	*out = text(padded, strlen(padded));
	return 0;
}

static int f_truncate(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	const char *s;
	json_int_t max = 0;
	if (want_string(args[0], &s, err) < 0 || want_int(args[1], &max, err) < 0)
		return -1;
	size_t n = strlen(s);
	if (max >= 0 && (size_t)max < n)
		n = (size_t)max;
	*out = text(s, n);
	return 0;
}

static int f_len(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	json_t *v = args[0];
	if (json_is_string(v))
		*out = json_integer((json_int_t)json_string_length(v));
	else if (json_is_array(v))
		*out = json_integer((json_int_t)json_array_size(v));
	else if (json_is_object(v))
		*out = json_integer((json_int_t)json_object_size(v));
	else if (!v || json_is_null(v))
		return err_set(err, ERR_INVALID, "len of nil pointer");
	else
		return err_set(err, ERR_INVALID, "len of type %s", value_type(v));
	return 0;
}

/* One step of index: into a list, an object or a string. */
static int index_step(json_t *v, json_t *by, json_t **out, struct err **err)
{
	size_t n = json_is_string(v) ? json_string_length(v) : json_array_size(v);
	*out = NULL;
	if (!v || json_is_null(v))
		return err_set(err, ERR_INVALID, "index of untyped nil");
	if (json_is_object(v)) {
		const char *key = json_string_value(by);
		if (!key)
			return err_set(err, ERR_INVALID, "value has type %s; should be string",
				value_type(by));
		*out = *key == '#' ? NULL : json_incref(json_object_get(v, key));
		return 0;
	}
	if (!json_is_array(v) && !json_is_string(v))
		return err_set(err, ERR_INVALID, "can't index item of type %s", value_type(v));
	if (!json_is_integer(by))
		return err_set(
			err, ERR_INVALID, "cannot index slice/array with type %s", value_type(by));
	json_int_t i = json_integer_value(by);
	if (i < 0 || (size_t)i >= n)
		return err_set(err, ERR_INVALID,
			json_is_string(v) ? "reflect: string index out of range"
					  : "reflect: slice index out of range");
	*out = json_is_array(v) ? json_incref(json_array_get(v, (size_t)i))
				: json_integer((unsigned char)json_string_value(v)[i]);
	return 0;
}

static int f_index(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	json_t *v = json_incref(args[0]);
	bool strings = false;
	for (size_t i = 1; i < nargs; i++) {
		json_t *next;
		/* a missing key of a map of strings is "", not "no value" */
		strings = json_is_object(v) &&
			  (!json_object_size(v) ||
				  json_is_string(json_object_iter_value(json_object_iter(v))));
		int rc = index_step(v, args[i], &next, err);
		json_decref(v);
		if (rc < 0)
			return -1;
		v = next;
	}
	*out = !v && strings ? json_string("") : v;
	return 0;
}

static int f_slice(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	json_int_t from = 0, to;
	bool is_text = json_is_string(args[0]);
	if (!is_text && !json_is_array(args[0]))
		return err_set(
			err, ERR_INVALID, "can't slice item of type %s", value_type(args[0]));
	size_t n = is_text ? json_string_length(args[0]) : json_array_size(args[0]);
	to = (json_int_t)n;
	if (nargs > 1 && want_int(args[1], &from, err) < 0)
		return -1;
	if (nargs > 2 && want_int(args[2], &to, err) < 0)
		return -1;
	if (from < 0 || to < from || (size_t)to > n)
		return err_set(err, ERR_INVALID, "index out of range: %" JSON_INTEGER_FORMAT,
			from < 0 || (size_t)from > n ? from : to);
	if (is_text) {
		*out = text(json_string_value(args[0]) + from, (size_t)(to - from));
		return 0;
	}
	*out = json_array();
	for (json_int_t i = from; i < to; i++)
		json_array_append(*out, json_array_get(args[0], (size_t)i));
	return 0;
}

/* -1 less, 0 equal, 1 greater; 2 for values that cannot be compared. */
static int compare(const json_t *a, const json_t *b)
{
	if (json_is_string(a) && json_is_string(b)) {
		int c = strcmp(json_string_value(a), json_string_value(b));
		return (c > 0) - (c < 0);
	}
	if (json_is_integer(a) && json_is_integer(b)) {
		json_int_t x = json_integer_value(a), y = json_integer_value(b);
		return (x > y) - (x < y);
	}
	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);
		return (x > y) - (x < y);
	}
	if (json_is_boolean(a) && json_is_boolean(b))
		return json_is_true(a) - json_is_true(b);
	return 2;
}

static bool is_nil(const json_t *v)
{
	return !v || json_is_null(v);
}

static int equal(const json_t *a, const json_t *b, bool *out, struct err **err)
{
	if (is_nil(a) || is_nil(b)) {
		*out = is_nil(a) && is_nil(b);
		return 0;
	}
	int c = compare(a, b);
	if (c == 2)
		return err_set(err, ERR_INVALID, "incompatible types for comparison");
	*out = c == 0;
	return 0;
}

static int f_eq(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	bool same = false;
	for (size_t i = 1; i < nargs && !same; i++)
		if (equal(args[0], args[i], &same, err) < 0)
			return -1;
	*out = json_boolean(same);
	return 0;
}

static int f_ne(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	bool same = false;
	if (equal(args[0], args[1], &same, err) < 0)
		return -1;
	*out = json_boolean(!same);
	return 0;
}

static int ordered(json_t **args, int *c, struct err **err)
{
	*c = compare(args[0], args[1]);
	if (*c == 2 || json_is_boolean(args[0]))
		return err_set(err, ERR_INVALID, "invalid type for comparison");
	return 0;
}

#define ORDER(name, test)                                                                          \
	static int name(json_t **args, size_t nargs, json_t **out, struct err **err)               \
	{                                                                                          \
		int c;                                                                             \
		if (ordered(args, &c, err) < 0)                                                    \
			return -1;                                                                 \
		*out = json_boolean(test);                                                         \
		return 0;                                                                          \
	}
ORDER(f_lt, c < 0)
ORDER(f_le, c <= 0)
ORDER(f_gt, c > 0)
ORDER(f_ge, c >= 0)

static int f_not(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	*out = json_boolean(!value_true(args[0]));
	return 0;
}

/* fmt.Sprint puts a space between two operands when neither is a string, Sprintln always. */
static int f_print(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	auto_buf b = BUF_INIT;
	for (size_t i = 0; i < nargs; i++) {
		if (i && !json_is_string(args[i]) && !json_is_string(args[i - 1]))
			buf_addc(&b, ' ');
		value_print(args[i], false, &b);
	}
	*out = text(buf_str(&b), b.len);
	return 0;
}

static int f_println(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	auto_buf b = BUF_INIT;
	for (size_t i = 0; i < nargs; i++) {
		if (i)
			buf_addc(&b, ' ');
		value_print(args[i], false, &b);
	}
	buf_addc(&b, '\n');
	*out = text(buf_str(&b), b.len);
	return 0;
}

static int f_printf(json_t **args, size_t nargs, json_t **out, struct err **err)
{
	auto_buf b = BUF_INIT;
	const char *format;
	if (want_string(args[0], &format, err) < 0)
		return -1;
	function_printf(args, nargs, &b);
	*out = text(buf_str(&b), b.len);
	return 0;
}

static const struct {
	const char *name;
	size_t min, max;
	function *call; /* NULL: the evaluator's own, because it stops early */
} functions[] = {
	{"and", 1, SIZE_MAX, NULL},
	{"eq", 2, SIZE_MAX, f_eq},
	{"ge", 2, 2, f_ge},
	{"gt", 2, 2, f_gt},
	{"index", 1, SIZE_MAX, f_index},
	{"join", 2, 2, f_join},
	{"json", 1, 1, f_json},
	{"le", 2, 2, f_le},
	{"len", 1, 1, f_len},
	{"lower", 1, 1, f_lower},
	{"lt", 2, 2, f_lt},
	{"ne", 2, 2, f_ne},
	{"not", 1, 1, f_not},
	{"or", 1, SIZE_MAX, NULL},
	{"pad", 3, 3, f_pad},
	{"print", 0, SIZE_MAX, f_print},
	{"printf", 1, SIZE_MAX, f_printf},
	{"println", 0, SIZE_MAX, f_println},
	{"slice", 1, 3, f_slice},
	{"split", 2, 2, f_split},
	{"title", 1, 1, f_title},
	{"truncate", 2, 2, f_truncate},
	{"upper", 1, 1, f_upper},
};

bool function_exists(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (str_eq(functions[i].name, name))
			return true;
	return false;
}

int function_call(const char *name, json_t **args, size_t nargs, json_t **out, struct err **err)
{
	size_t i = 0;
	while (!str_eq(functions[i].name, name))
		i++;
	*out = NULL;
	if (nargs < functions[i].min || nargs > functions[i].max)
		return err_set(err, ERR_INVALID, "wrong number of args for %s: want %s%zu got %zu",
			name, functions[i].min == functions[i].max ? "" : "at least ",
			functions[i].min, nargs);
	return functions[i].call(args, nargs, out, err);
}
