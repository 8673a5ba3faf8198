#include "escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "width.h"

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
		size_t n = utf8_decode((const char *)s, &c);
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

char *escape_controls(const char *text)
{
	struct buf out = BUF_INIT;
	for (const unsigned char *s = (const unsigned char *)text; *s; s++) {
		bool c1 = s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0;
		bool control = (*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f || c1;
		buf_addc(&out, control ? '?' : (char)*s);
		s += c1;
	}
	return buf_steal(&out);
}
