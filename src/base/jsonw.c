#include "base/jsonw.h"

#include <string.h>

#include "base/timefmt.h"

static void value(struct jsonw *w, const char *key)
{
	if (w->comma)
		buf_addc(w->out, ',');
	w->comma = true;
	if (key) {
		buf_add_json_string(w->out, key, strlen(key));
		buf_addc(w->out, ':');
	}
}

static void number(struct jsonw *w, uint64_t v)
{
	char digits[20];
	size_t n = sizeof(digits);
	do
		digits[--n] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(w->out, digits + n, sizeof(digits) - n);
}

void jw_key(struct jsonw *w, const char *key)
{
	value(w, key);
}

static void begin(struct jsonw *w, const char *key, char bracket)
{
	value(w, key);
	buf_addc(w->out, bracket);
	w->comma = false;
}

static void end(struct jsonw *w, char bracket)
{
	buf_addc(w->out, bracket);
	w->comma = true;
}

void jw_object(struct jsonw *w, const char *key)
{
	begin(w, key, '{');
}

void jw_end_object(struct jsonw *w)
{
	end(w, '}');
}

void jw_array(struct jsonw *w, const char *key)
{
	begin(w, key, '[');
}

void jw_end_array(struct jsonw *w)
{
	end(w, ']');
}

void jw_str(struct jsonw *w, const char *key, const char *s)
{
	value(w, key);
	buf_add_json_string(w->out, s ? s : "", s ? strlen(s) : 0);
}

void jw_bytes(struct jsonw *w, const char *key, const char *hex_key, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t start = w->out->len;
	auto_buf hex = BUF_INIT;
	jw_str(w, key, text);
	/* U+FFFD stands where a byte was no UTF-8 */
	buf_addc(w->out, 0);
	w->out->len--;
	if (!strstr(w->out->data + start, "\\ufffd") &&
		!strstr(w->out->data + start, "\xef\xbf\xbd"))
		return;
	for (; *text; text++) {
		buf_addc(&hex, digits[(unsigned char)*text >> 4]);
		buf_addc(&hex, digits[*text & 15]);
	}
	jw_str(w, hex_key, buf_str(&hex));
}

void jw_i64(struct jsonw *w, const char *key, int64_t v)
{
	value(w, key);
	if (v < 0)
		buf_addc(w->out, '-');
	number(w, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void jw_u64(struct jsonw *w, const char *key, uint64_t v)
{
	value(w, key);
	number(w, v);
}

void jw_bool(struct jsonw *w, const char *key, bool v)
{
	value(w, key);
	buf_adds(w->out, v ? "true" : "false");
}

void jw_null(struct jsonw *w, const char *key)
{
	value(w, key);
	buf_adds(w->out, "null");
}

void jw_raw(struct jsonw *w, const char *key, const char *json)
{
	value(w, key);
	buf_adds(w->out, json ? json : "null");
}

void jw_strv(struct jsonw *w, const char *key, char *const *v)
{
	if (!v) {
		jw_null(w, key);
		return;
	}
	jw_array(w, key);
	for (; *v; v++)
		jw_str(w, NULL, *v);
	jw_end_array(w);
}

void jw_time(struct jsonw *w, const char *key, int64_t ns)
{
	char text[TIME_STR_LEN];
	jw_str(w, key, time_rfc3339(ns, text));
}
