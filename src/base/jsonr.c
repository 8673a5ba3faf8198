#include "base/jsonr.h"

#include <string.h>

#define DEPTH_MAX 64

static bool stop(struct jsonr *r)
{
	r->bad = true;
	return false;
}

char jsonr_peek(struct jsonr *r)
{
	while (r->at < r->end &&
		(*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
	return r->bad || r->at == r->end ? 0 : *r->at;
}

static bool take(struct jsonr *r, char c)
{
	if (jsonr_peek(r) != c)
		return stop(r);
	r->at++;
	return true;
}

bool jsonr_enter(struct jsonr *r, char bracket)
{
	if (r->depth == DEPTH_MAX || !take(r, bracket))
		return stop(r);
	r->depth++;
	r->first = true;
	return true;
}

bool jsonr_more(struct jsonr *r, char bracket)
{
	char c = jsonr_peek(r);
	bool first = r->first;
	r->first = false;
	if (c == bracket && c) {
		r->at++;
		r->depth--;
		return false;
	}
	return first ? c != 0 : take(r, ',');
}

bool jsonr_key(struct jsonr *r, struct buf *key)
{
	if (!jsonr_more(r, '}'))
		return false;
	return jsonr_peek(r) == '"' && jsonr_str(r, key) && take(r, ':') ? true : stop(r);
}

/* ---- strings ---- */

static int hex4(const char *p)
{
	int v = 0;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int d = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

static void add_utf8(struct buf *out, unsigned c)
{
	if (c < 0x80) {
		buf_addc(out, (char)c);
		return;
	}
	if (c >= 0x10000) {
		buf_addc(out, (char)(0xf0 | c >> 18));
		buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
	} else if (c >= 0x800) {
		buf_addc(out, (char)(0xe0 | c >> 12));
	}
	buf_addc(out, (char)(c < 0x800 ? 0xc0 | c >> 6 : 0x80 | (c >> 6 & 0x3f)));
	buf_addc(out, (char)(0x80 | (c & 0x3f)));
}

/* Behind "\u": one character, of two escapes if it is a pair; half of one is U+FFFD, as with Go. */
static bool unicode(struct jsonr *r, struct buf *out)
{
	int c = r->end - r->at >= 4 ? hex4(r->at) : -1;
	if (c < 0)
		return stop(r);
	r->at += 4;
	if (c >= 0xd800 && c < 0xe000) {
		int low = r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u'
				  ? hex4(r->at + 2)
				  : -1;
		bool pair = c < 0xdc00 && low >= 0xdc00 && low < 0xe000;
		c = pair ? 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
		r->at += pair ? 6 : 0;
	}
	add_utf8(out, (unsigned)c);
	return true;
}

static bool escape(struct jsonr *r, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (r->at == r->end)
		return stop(r);
	char c = *r->at++;
	if (c == 'u')
		return unicode(r, out);
	const char *found = c ? strchr(from, c) : NULL;
	if (!found)
		return stop(r);
	buf_addc(out, to[found - from]);
	return true;
}

static bool null(struct jsonr *r)
{
	if (r->end - r->at < 4 || memcmp(r->at, "null", 4) != 0)
		return stop(r);
	r->at += 4;
	return true;
}

bool jsonr_str(struct jsonr *r, struct buf *out)
{
	out->len = 0;
	buf_add(out, "", 0);
	if (jsonr_peek(r) == 'n')
		return null(r);
	if (!take(r, '"'))
		return false;
	for (const char *from = r->at;; from = r->at) {
		while (r->at < r->end && *r->at != '"' && *r->at != '\\' &&
			(unsigned char)*r->at >= 0x20)
			r->at++;
		buf_add(out, from, (size_t)(r->at - from));
		if (r->at == r->end || (unsigned char)*r->at < 0x20)
			return stop(r);
		if (*r->at++ == '"')
			return true;
		if (!escape(r, out))
			return false;
	}
}

/* ---- other values ---- */

bool jsonr_i64(struct jsonr *r, int64_t *out)
{
	char c = jsonr_peek(r);
	if (!c || c == 'n')
		return c ? null(r) : stop(r);
	bool minus = c == '-', any = false;
	int64_t v = 0;
	for (r->at += minus; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		int digit = *r->at - '0';
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, minus ? -digit : digit, &v))
			return stop(r);
		any = true;
	}
	if (!any || (r->at < r->end && strchr(".eE", *r->at)))
		return stop(r);
	*out = v;
	return true;
}

static bool skip_string(struct jsonr *r)
{
	for (r->at++; r->at < r->end; r->at++) {
		if (*r->at == '"') {
			r->at++;
			return true;
		}
		if (*r->at == '\\' && ++r->at == r->end)
			break;
	}
	return stop(r);
}

static bool skip_members(struct jsonr *r, char open, char close)
{
	jsonr_enter(r, open);
	while (jsonr_more(r, close)) {
		if (open == '{' && (jsonr_peek(r) != '"' || !skip_string(r) || !take(r, ':')))
			return stop(r);
		if (!jsonr_skip(r))
			return false;
	}
	return !r->bad;
}

bool jsonr_skip(struct jsonr *r)
{
	char c = jsonr_peek(r);
	if (c == '"')
		return skip_string(r);
	if (c == '{' || c == '[')
		return skip_members(r, c, c == '{' ? '}' : ']');
	const char *from = r->at;
	while (r->at < r->end && (*r->at == '-' || *r->at == '+' || *r->at == '.' ||
					 (*r->at >= '0' && *r->at <= '9') ||
					 ((*r->at | 0x20) >= 'a' && (*r->at | 0x20) <= 'z')))
		r->at++;
	return c && r->at > from ? true : stop(r);
}

int jsonr_end(struct jsonr *r, const char *what, struct err **err)
{
	if (!r->bad && !r->depth && jsonr_peek(r) == 0 && r->at == r->end && r->at > r->start)
		return 0;
	return err_set(
		err, ERR_INVALID, "%s: invalid JSON at byte %zu", what, (size_t)(r->at - r->start));
}
