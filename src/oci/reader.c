#include "reader.h"

#include <limits.h>

#include "base/mem.h"
#include "base/str.h"

/* How a number beyond int64 travels through jansson: as a string that begins so. */
#define BIG_MARK "\x01u64:"
#define BIG_MARK_JSON "\"\\u0001u64:"

static void write_path(const struct at *at, struct buf *out)
{
	if (!at->up)
		return;
	write_path(at->up, out);
	if (at->key)
		buf_addf(out, "%s%s", out->len ? "." : "", at->key);
	else
		buf_addf(out, "[%zu]", at->index);
}

int at_bad(const struct at *at, const char *key, const char *fmt, ...)
{
	auto_buf path = BUF_INIT;
	write_path(at, &path);
	if (key)
		buf_addf(&path, "%s%s", path.len ? "." : "", key);
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	return err_set(at->err, ERR_INVALID, "%s: %s", path.len ? path.data : "document", text);
}

int read_string(const struct at *at, const char *key, const json_t *j, char **out)
{
	if (!json_is_string(j) || str_starts(json_string_value(j), BIG_MARK))
		return at_bad(at, key, "expected a string");
	if (strlen(json_string_value(j)) != json_string_length(j))
		return at_bad(at, key, "must not contain NUL");
	str_replace(out, json_string_value(j));
	return 0;
}

static const struct {
	int64_t min;
	uint64_t max;
} ranges[] = {
	[FIELD_U16] = {0, UINT16_MAX},
	[FIELD_I32] = {INT32_MIN, INT32_MAX},
	[FIELD_U32] = {0, UINT32_MAX},
	[FIELD_I64] = {INT64_MIN, INT64_MAX},
	[FIELD_U64] = {0, UINT64_MAX},
};

static void store(enum field_kind kind, uint64_t bits, void *out)
{
	switch (kind) {
	case FIELD_U16:
		*(uint16_t *)out = (uint16_t)bits;
		break;
	case FIELD_I32:
	case FIELD_U32:
		*(uint32_t *)out = (uint32_t)bits;
		break;
	default:
		*(uint64_t *)out = bits;
	}
}

int read_integer(
	const struct at *at, const char *key, const json_t *j, enum field_kind kind, void *out)
{
	uint64_t bits;
	bool negative = false;
	const char *big = json_is_string(j) ? str_after(json_string_value(j), BIG_MARK) : NULL;
	if (json_is_integer(j)) {
		json_int_t value = json_integer_value(j);
		negative = value < 0;
		bits = (uint64_t)value;
	} else if (!big || str_to_u64(big, &bits) < 0) {
		return at_bad(at, key, "expected an integer");
	}
	if (negative ? (int64_t)bits < ranges[kind].min : bits > ranges[kind].max)
		return at_bad(at, key, "%s is out of range (%ld to %lu)", big ? big : "the number",
			(long)ranges[kind].min, (unsigned long)ranges[kind].max);
	store(kind, bits, out);
	return 0;
}

static int read_strv(const struct at *at, const char *key, const json_t *j, char ***out)
{
	if (!json_is_array(j))
		return at_bad(at, key, "expected a list of strings");
	struct at list = {.up = at, .key = key, .j = j, .err = at->err};
	/* at once, for ten thousand lines of environment; as large as strv_add() takes for granted */
	size_t n = json_array_size(j), room = 2;
	while (room < n + 1)
		room *= 2;
	char **v = xcalloc(room, sizeof(*v));
	strv_free(*out);
	*out = v;
	for (size_t i = 0; i < n; i++) {
		struct at element = {.up = &list, .index = i, .err = at->err};
		if (read_string(&element, NULL, json_array_get(j, i), &v[i]) < 0)
			return -1;
	}
	return 0;
}

static int read_field(const struct at *at, const struct field *f, const json_t *j, void *value)
{
	switch (f->kind) {
	case FIELD_STR:
		return read_string(at, f->key, j, value);
	case FIELD_STRV:
		return read_strv(at, f->key, j, value);
	case FIELD_BOOL:
		if (!json_is_boolean(j))
			return at_bad(at, f->key, "expected true or false");
		*(bool *)value = json_is_true(j);
		return 0;
	default:
		return read_integer(at, f->key, j, f->kind, value);
	}
}

int read_fields(const struct at *at, const struct field *fields, size_t count, void *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct field *f = &fields[i];
		const json_t *j = json_object_get(at->j, f->key);
		if (!j || json_is_null(j))
			continue;
		if (read_field(at, f, j, (char *)out + f->value) < 0)
			return -1;
		if (f->flag != FIELD_ALWAYS)
			*(bool *)((char *)out + f->flag) = true;
	}
	return 0;
}

int at_object(const struct at *at, const char *key, struct at *in)
{
	const json_t *j = json_object_get(at->j, key);
	if (!j || json_is_null(j))
		return 0;
	if (!json_is_object(j))
		return at_bad(at, key, "expected an object");
	*in = (struct at){.up = at, .key = key, .j = j, .err = at->err};
	return 1;
}

int read_list(const struct at *at, const char *key, void *list, size_t *count, size_t size,
	int (*each)(const struct at *at, void *element))
{
	const json_t *j = json_object_get(at->j, key);
	if (!j || json_is_null(j))
		return 0;
	if (!json_is_array(j))
		return at_bad(at, key, "expected a list");
	size_t n = json_array_size(j);
	struct at in = {.up = at, .key = key, .j = j, .err = at->err};
	char *elements = xcalloc(n ? n : 1, size);
	*(void **)list = elements;
	*count = 0;
	for (size_t i = 0; i < n; i++) {
		struct at element = {
			.up = &in, .index = i, .j = json_array_get(j, i), .err = at->err};
		if (!json_is_object(element.j))
			return at_bad(&element, NULL, "expected an object");
		(*count)++;
		if (each(&element, elements + i * size) < 0)
			return -1;
	}
	return 0;
}

int read_pairs(const struct at *at, const char *key, struct oci_pairs *out)
{
	struct at in = {0};
	int r = at_object(at, key, &in);
	if (r <= 0)
		return r;
	const char *name;
	json_t *value;
	out->v = xcalloc(json_object_size(in.j) + 1, sizeof(*out->v));
	json_object_foreach((json_t *)in.j, name, value)
	{
		struct oci_pair *pair = &out->v[out->count++];
		pair->key = xstrdup(name);
		pair->value = NULL;
		if (read_string(&in, name, value, &pair->value) < 0)
			return -1;
	}
	return 0;
}

static bool is_big(const char *digits, size_t n)
{
	static const char limit[] = "9223372036854775807";
	size_t len = sizeof(limit) - 1;
	return n > len || (n == len && memcmp(digits, limit, len) > 0);
}

/* Copies the document with each such number as a marked string. Quoted text is passed over; a number
 * with a sign, a fraction or an exponent is left to the parser. */
static void mark_big_numbers(const char *p, size_t n, struct buf *out)
{
	bool quoted = false;
	size_t copied = 0;
	for (size_t i = 0; i < n; i++) {
		if (quoted && p[i] == '\\') {
			i++;
		} else if (p[i] == '"') {
			quoted = !quoted;
		} else if (!quoted && p[i] >= '0' && p[i] <= '9') {
			size_t start = i;
			while (i < n && p[i] >= '0' && p[i] <= '9')
				i++;
			bool plain = (start == 0 || !strchr("-+.eE", p[start - 1])) &&
				     (i == n || !strchr(".eE", p[i]));
			if (plain && i - start <= 20 && p[start] != '0' &&
				is_big(p + start, i - start)) {
				buf_add(out, p + copied, start - copied);
				buf_adds(out, BIG_MARK_JSON);
				buf_add(out, p + start, i - start);
				buf_addc(out, '"');
				copied = i;
			}
			i--;
		}
	}
	buf_add(out, p + copied, n - copied);
}

json_t *oci_json_parse(const void *p, size_t n, const char *what, struct err **err)
{
	auto_buf text = BUF_INIT;
	mark_big_numbers(p, n, &text);
	json_t *j = json_parse(buf_str(&text), text.len, what, err);
	if (j && !json_is_object(j)) {
		json_decref(j);
		err_set(err, ERR_INVALID, "%s: expected an object", what);
		return NULL;
	}
	return j;
}
