#include "params.h"

#include "base/mem.h"
#include "base/str.h"

enum { PARAMS_MAX = 1000 };

void params_add(struct params *p, char *key, char *value)
{
	p->v = xreallocarray(p->v, p->n + 1, sizeof(*p->v));
	p->v[p->n++] = (struct param){key, value};
}

void params_free(struct params *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free(p->v[i].key);
		free(p->v[i].value);
	}
	free(p->v);
	*p = (struct params){0};
}

const char *params_get(const struct params *p, const char *key)
{
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i].key, key) == 0)
			return p->v[i].value;
	return NULL;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *percent_decode(const char *s, size_t n, bool plus, struct err **err)
{
	auto_free char *out = xmalloc(n + 1);
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		if (c == '%') {
			int high = i + 2 < n ? hex(s[i + 1]) : -1;
			int low = i + 2 < n ? hex(s[i + 2]) : -1;
			if (high < 0 || low < 0 || (high | low) == 0) {
				err_set(err, ERR_INVALID, "invalid URL escape \"%.*s\"",
					(int)(n - i < 3 ? n - i : 3), s + i);
				return NULL;
			}
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		out[len++] = c;
	}
	out[len] = '\0';
	return steal_ptr(out);
}

static int add_pair(struct params *p, const char *s, size_t n, struct err **err)
{
	const char *eq = memchr(s, '=', n);
	size_t key_len = eq ? (size_t)(eq - s) : n;
	auto_free char *key = percent_decode(s, key_len, true, err);
	if (!key)
		return -1;
	char *value = eq ? percent_decode(eq + 1, n - key_len - 1, true, err) : xstrdup("");
	if (!value)
		return -1;
	params_add(p, steal_ptr(key), value);
	return 0;
}

int params_parse(struct params *p, const char *text, struct err **err)
{
	while (*text) {
		size_t n = strcspn(text, "&");
		if (p->n == PARAMS_MAX)
			return err_set(err, ERR_INVALID, "too many query parameters");
		if (n > 0 && add_pair(p, text, n, err) < 0)
			return -1;
		text += n + (text[n] == '&');
	}
	return 0;
}
