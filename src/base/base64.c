#include "base/base64.h"

#include <stdint.h>
#include <string.h>

static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *p, size_t n, bool url, struct buf *out)
{
	const uint8_t *in = p;
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t word = (uint32_t)in[i] << 16 | (have > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
				(have > 2 ? in[i + 2] : 0);
		for (size_t k = 0; k < 4; k++) {
			char c = k <= have ? common[word >> (18 - 6 * k) & 63] : '=';
			if (url && (c == '+' || c == '/'))
				c = c == '+' ? '-' : '_';
			buf_addc(out, c);
		}
	}
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

int base64_decode(const char *text, size_t n, struct buf *out)
{
	size_t before = out->len, bits = 0;
	uint32_t word = 0;
	if (n % 4 == 0)
		for (int i = 0; i < 2 && n && text[n - 1] == '='; i++)
			n--;
	for (size_t i = 0; i < n; i++) {
		int v = value_of(text[i]);
		if (v < 0)
			goto bad;
		word = word << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			buf_addc(out, (char)(word >> bits & 0xff));
		}
	}
	if (bits < 6) /* a single character of a group says nothing whole */
		return 0;
bad:
	out->len = before;
	if (out->data)
		out->data[before] = 0;
	return -1;
}
