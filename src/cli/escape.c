#include "escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* One character of well-formed UTF-8 (RFC 3629): its length, 0 if it is none. */
static size_t decode(const unsigned char *s, uint32_t *out)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n = *s < 0x80		     ? 1
		   : *s >= 0xc2 && *s < 0xe0 ? 2
		   : *s >= 0xe0 && *s < 0xf0 ? 3
		   : *s >= 0xf0 && *s < 0xf5 ? 4
					     : 0;
	uint32_t c = n <= 1 ? *s : *s & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (n == 0 || c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*out = c;
	return n;
}

/* Characters that are not seen, or that turn around what is. */
static bool is_hidden(uint32_t c)
{
	return c == 0xad || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

char *escape_name(const char *text)
{
	struct buf out = BUF_INIT;
	const unsigned char *s = (const unsigned char *)text;
	while (*s) {
		uint32_t c = 0;
		size_t n = decode(s, &c);
		if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
			n = n ? n : 1;
			if (c == '\n' || c == '\t')
				buf_adds(&out, c == '\n' ? "\\n" : "\\t");
			else
				for (size_t i = 0; i < n; i++)
					buf_addf(&out, "\\x%02x", s[i]);
		} else if (c == '\\') {
			buf_adds(&out, "\\\\");
		} else if (is_hidden(c)) {
			buf_addf(&out, "\\u{%x}", c);
		} else {
			buf_add(&out, s, n);
		}
		s += n;
	}
	return buf_steal(&out);
}

size_t text_columns(const char *s)
{
	size_t n = 0;
	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

size_t text_fitting(const char *s, size_t columns)
{
	size_t n = 0;
	for (; s[n]; n++) {
		if (((unsigned char)s[n] & 0xc0) == 0x80)
			continue;
		if (columns-- == 0)
			break;
	}
	return n;
}
