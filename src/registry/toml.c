#include "toml.h"

#include "base/str.h"

#define BARE "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

enum { DEPTH_MAX = 16 };

/* The text ends with a NUL that is not part of it; another one is refused first. */
struct reader {
	const char *start, *p;
	const char *what;
	int depth;
	struct err **err;
};

static int complain(struct reader *r, const char *problem)
{
	int line = 1;
	for (const char *p = r->start; p < r->p; p++)
		line += *p == '\n';
	return err_set(r->err, ERR_INVALID, "%s: line %d: %s", r->what, line, problem);
}

static void blanks(struct reader *r)
{
	r->p += strspn(r->p, " \t");
}

static void comment(struct reader *r)
{
	if (*r->p == '#')
		r->p += strcspn(r->p, "\n");
}

/* White space, comments and ends of lines. */
static void space(struct reader *r)
{
	for (;;) {
		r->p += strspn(r->p, " \t\r\n");
		if (*r->p != '#')
			return;
		comment(r);
	}
}

static int end_of_line(struct reader *r)
{
	blanks(r);
	comment(r);
	if (*r->p == '\r' && r->p[1] == '\n')
		r->p++;
	if (*r->p && *r->p != '\n')
		return complain(r, "something follows the value");
	r->p += *r->p == '\n';
	return 0;
}

/* ---- strings ---- */

static void add_utf8(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_addc(b, (char)(0xe0 | c >> 12));
		} else {
			buf_addc(b, (char)(0xf0 | c >> 18));
			buf_addc(b, (char)(0x80 | (c >> 12 & 63)));
		}
		buf_addc(b, (char)(0x80 | (c >> 6 & 63)));
	}
	buf_addc(b, (char)(0x80 | (c & 63)));
}

static int read_code(struct reader *r, int digits, struct buf *out)
{
	uint32_t c = 0;
	for (int i = 0; i < digits; i++, r->p++) {
		static const char hex[] = "0123456789abcdef";
		char lower = *r->p >= 'A' && *r->p <= 'F' ? (char)(*r->p + 32) : *r->p;
		const char *at = lower ? strchr(hex, lower) : NULL;
		if (!at)
			return complain(r, "a \\u escape needs hexadecimal digits");
		c = c << 4 | (uint32_t)(at - hex);
	}
	if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return complain(r, "no such character");
	add_utf8(out, c);
	return 0;
}

static int read_escape(struct reader *r, struct buf *out)
{
	static const char from[] = "btnfr\"\\";
	static const char to[] = "\b\t\n\f\r\"\\";
	char c = *r->p++;
	const char *at = c ? strchr(from, c) : NULL;
	if (at)
		buf_addc(out, to[at - from]);
	else if (c == 'u' || c == 'U')
		return read_code(r, c == 'u' ? 4 : 8, out);
	else
		return complain(r, "unknown escape in a string");
	return 0;
}

static int read_string(struct reader *r, struct buf *out)
{
	char quote = *r->p;
	if (r->p[1] == quote && r->p[2] == quote)
		return complain(r, "strings of several lines are not supported");
	for (r->p++; *r->p != quote;) {
		if (*r->p == '\\' && quote == '"') {
			r->p++;
			if (read_escape(r, out) < 0)
				return -1;
			continue;
		}
		if ((unsigned char)*r->p < ' ' && *r->p != '\t')
			return complain(r, "a string is not closed");
		buf_addc(out, *r->p++);
	}
	r->p++;
	return 0;
}

/* ---- values ---- */

static json_t *read_value(struct reader *r);
static int read_pair(struct reader *r, json_t *table);

static json_t *read_array(struct reader *r)
{
	auto_json *array = json_array();
	r->p++;
	for (;;) {
		space(r);
		if (*r->p == ']')
			break;
		json_t *v = read_value(r);
		if (!v)
			return NULL;
		json_array_append_new(array, v);
		space(r);
		if (*r->p == ',')
			r->p++;
		else if (*r->p != ']') {
			complain(r, "an array is not closed");
			return NULL;
		}
	}
	r->p++;
	return json_incref(array);
}

static json_t *read_inline(struct reader *r)
{
	auto_json *table = json_object();
	r->p++;
	blanks(r);
	while (*r->p != '}') {
		if (read_pair(r, table) < 0)
			return NULL;
		blanks(r);
		if (*r->p == ',') {
			r->p++;
			blanks(r);
		} else if (*r->p != '}') {
			complain(r, "an inline table is not closed");
			return NULL;
		}
	}
	r->p++;
	return json_incref(table);
}

static json_t *read_word(struct reader *r)
{
	size_t n = strspn(r->p, BARE "+.:");
	auto_free char *word = xstrndup(r->p, n);
	int64_t number;
	r->p += n;
	if (str_eq(word, "true") || str_eq(word, "false"))
		return json_boolean(str_eq(word, "true"));
	if (str_to_i64(word, &number) == 0)
		return json_integer(number);
	complain(r, n ? "neither a string, a number, true nor false" : "a value is missing");
	return NULL;
}

static json_t *read_value(struct reader *r)
{
	auto_buf text = BUF_INIT;
	json_t *v = NULL;
	if (++r->depth > DEPTH_MAX)
		complain(r, "nested too deeply");
	else if (*r->p == '[')
		v = read_array(r);
	else if (*r->p == '{')
		v = read_inline(r);
	else if (*r->p != '"' && *r->p != '\'')
		v = read_word(r);
	else if (read_string(r, &text) == 0) {
		v = json_stringn(buf_str(&text), text.len);
		if (!v)
			complain(r, "a string is not UTF-8");
	}
	r->depth--;
	return v;
}

/* ---- keys ---- */

static int read_key(struct reader *r, struct buf *out)
{
	out->len = 0;
	if (*r->p == '"' || *r->p == '\'') {
		if (read_string(r, out) < 0)
			return -1;
	} else {
		size_t n = strspn(r->p, BARE);
		if (!n)
			return complain(r, "a key is missing");
		buf_add(out, r->p, n);
		r->p += n;
	}
	blanks(r);
	return 0;
}

/* The table @key of @table, made if it is not there. */
static json_t *enter(struct reader *r, json_t *table, const char *key)
{
	json_t *next = json_object_get(table, key);
	if (!next) {
		next = json_object();
		if (json_object_set_new(table, key, next) < 0) {
			complain(r, "a key is not UTF-8");
			return NULL;
		}
	}
	if (json_is_object(next))
		return next;
	complain(r, "a key is used as a table and as a value");
	return NULL;
}

/* a."b.c".d: enters all but the last, which is left in @key. */
static json_t *read_path(struct reader *r, json_t *table, struct buf *key)
{
	int depth = 0;
	if (read_key(r, key) < 0)
		return NULL;
	while (*r->p == '.') {
		if (++depth > DEPTH_MAX) {
			complain(r, "nested too deeply");
			return NULL;
		}
		table = enter(r, table, buf_str(key));
		r->p++;
		blanks(r);
		if (!table || read_key(r, key) < 0)
			return NULL;
	}
	return table;
}

static int read_pair(struct reader *r, json_t *table)
{
	auto_buf key = BUF_INIT;
	table = read_path(r, table, &key);
	if (!table)
		return -1;
	if (*r->p != '=')
		return complain(r, "\"=\" is missing");
	r->p++;
	blanks(r);
	if (json_object_get(table, buf_str(&key)))
		return complain(r, "a key is there twice");
	json_t *v = read_value(r);
	if (!v)
		return -1;
	if (json_object_set_new(table, buf_str(&key), v) < 0)
		return complain(r, "a key is not UTF-8");
	return 0;
}

static json_t *read_header(struct reader *r, json_t *root)
{
	auto_buf key = BUF_INIT;
	r->p++;
	if (*r->p == '[') {
		complain(r, "arrays of tables are not supported");
		return NULL;
	}
	blanks(r);
	json_t *table = read_path(r, root, &key);
	if (!table)
		return NULL;
	table = enter(r, table, buf_str(&key));
	if (!table)
		return NULL;
	if (*r->p != ']') {
		complain(r, "\"]\" is missing");
		return NULL;
	}
	r->p++;
	return table;
}

json_t *toml_parse(const char *text, size_t n, const char *what, struct err **err)
{
	auto_json *root = json_object();
	json_t *table = root;
	auto_free char *copy = xstrndup(text, n);
	struct reader r = {.start = copy, .p = copy, .what = what, .err = err};
	if (strlen(copy) != n) {
		err_set(err, ERR_INVALID, "%s: holds a NUL byte", what);
		return NULL;
	}
	for (;;) {
		space(&r);
		if (!*r.p)
			return json_incref(root);
		if (*r.p == '[') {
			table = read_header(&r, root);
			if (!table || end_of_line(&r) < 0)
				return NULL;
		} else if (read_pair(&r, table) < 0 || end_of_line(&r) < 0) {
			return NULL;
		}
	}
}
