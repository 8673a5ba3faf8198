#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

char *buf_reserve(struct buf *b, size_t n)
{
	size_t need = b->len + n + 1;
	if (need > b->cap) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap < need)
			cap *= 2;
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
	}
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *at = buf_reserve(b, n);
	if (n)
		memcpy(at, p, n);
	b->len += n;
	b->data[b->len] = 0;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	char *at = buf_reserve(b, 1);
	at[0] = c;
	at[1] = 0;
	b->len++;
}

void buf_addv(struct buf *b, const char *fmt, va_list ap)
{
	auto_free char *s = xvasprintf(fmt, ap);
	buf_adds(b, s);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_addv(b, fmt, ap);
	va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
	} else {
		memmove(b->data, b->data + n, b->len - n);
		b->len -= n;
	}
	if (b->data)
		b->data[b->len] = 0;
}

const char *buf_str(struct buf *b)
{
	return b->data ? b->data : "";
}

char *buf_steal(struct buf *b)
{
	char *s = b->data ? b->data : xstrdup("");
	*b = (struct buf)BUF_INIT;
	return s;
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}

/* Length of the well-formed UTF-8 sequence at @s (Unicode 15, table 3-7), 0 if there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	unsigned char c = s[0];
	size_t len = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : 4;
	if (len == 1)
		return 1;
	if ((len == 4 && (c < 0xf0 || c > 0xf4)) || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f) ||
		(c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

static const char *json_escape(unsigned char c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	case '<':
		return "\\u003c";
	case '>':
		return "\\u003e";
	case '&':
		return "\\u0026";
	default:
		return NULL;
	}
}

/* ASCII that stands for itself. */
static const bool plain[256] = {
	[' ' ... '!'] = true,
	['#' ... '%'] = true,
	['\'' ... ';'] = true,
	['='] = true,
	['?' ... '['] = true,
	[']' ... 0x7f] = true,
};

/* Nearly all that is written are names and numbers. */
static bool add_plain(struct buf *b, const char *s, size_t n)
{
	char *at = buf_reserve(b, n + 2);
	for (size_t i = 0; i < n; i++)
		if (!plain[(unsigned char)s[i]])
			return false;
	at[0] = '"';
	if (n)
		memcpy(at + 1, s, n);
	at[n + 1] = '"';
	at[n + 2] = 0;
	b->len += n + 2;
	return true;
}

void buf_add_json_string(struct buf *b, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;
	if (add_plain(b, s, n))
		return;
	buf_addc(b, '"');
	size_t start = 0, i = 0;
	while (i < n) {
		unsigned char c = p[i];
		if (plain[c]) {
			i++;
			continue;
		}
		const char *escape = json_escape(c);
		size_t len = c < 0x20 ? 1 : utf8_len(p + i, n - i);
		bool line_sep = len == 3 && p[i] == 0xe2 && p[i + 1] == 0x80 &&
				(p[i + 2] == 0xa8 || p[i + 2] == 0xa9);
		if (!escape && c >= 0x20 && len && !line_sep) {
			i += len;
			continue;
		}
		buf_add(b, s + start, i - start);
		if (escape)
			buf_adds(b, escape);
		else if (c < 0x20)
			buf_addf(b, "\\u%04x", c);
		else if (line_sep)
			buf_adds(b, p[i + 2] == 0xa8 ? "\\u2028" : "\\u2029");
		else
			buf_adds(b, "\\ufffd");
		i += len ? len : 1;
		start = i;
	}
	buf_add(b, s + start, n - start);
	buf_addc(b, '"');
}
