#include "challenge.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define TOKEN "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *skip(const char *p, const char *set)
{
	return p + strspn(p, set);
}

/* "text" with backslashes, or a token; NULL if neither is there. Moves *p behind it. */
static char *read_value(const char **p)
{
	if (**p != '"') {
		size_t n = strspn(*p, TOKEN ":/");
		char *value = n ? xstrndup(*p, n) : NULL;
		*p += n;
		return value;
	}
	auto_buf out = BUF_INIT;
	for (const char *s = *p + 1; *s; s++) {
		if (*s == '"') {
			*p = s + 1;
			return buf_steal(&out);
		}
		if (*s == '\\' && s[1])
			s++;
		buf_addc(&out, *s);
	}
	return NULL;
}

static void keep(struct challenge *c, const char *name, const char *value)
{
	const struct {
		const char *name;
		char **slot;
	} known[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope},
		{"error", &c->error}};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_ieq(name, known[i].name))
			str_replace(known[i].slot, value);
}

/* name=value pairs up to the next scheme or the end; -1 if malformed. */
static int read_params(const char **p, struct challenge *c)
{
	for (;;) {
		const char *start = skip(*p, " \t,");
		size_t n = strspn(start, TOKEN);
		const char *equals = skip(start + n, " \t");
		if (!n || *equals != '=') {
			*p = start;
			return 0;
		}
		/* "Negotiate dG9rZW4=": not a parameter, and nothing that we know */
		const char *at = skip(equals + 1, " \t");
		if (!*at || *at == ',' || *at == '=') {
			*p = skip(at, "=");
			continue;
		}
		auto_free char *name = xstrndup(start, n);
		auto_free char *value = read_value(&at);
		if (!value)
			return -1;
		keep(c, name, value);
		*p = at;
	}
}

static int read_header(const char *p, enum challenge_scheme scheme, struct challenge *out)
{
	static const char *const names[] = {
		[CHALLENGE_BASIC] = "basic", [CHALLENGE_BEARER] = "bearer"};
	for (;;) {
		p = skip(p, " \t,");
		size_t n = strspn(p, TOKEN);
		if (!n)
			return -1;
		auto_free char *name = xstrndup(p, n);
		*out = (struct challenge){
			scheme, xstrdup(""), xstrdup(""), xstrdup(""), xstrdup("")};
		p += n;
		int r = read_params(&p, out);
		if (r == 0 && str_ieq(name, names[scheme]))
			return 0;
		challenge_free(out);
		if (r < 0)
			return -1;
		/* token68 credentials of another scheme */
		if (*p && !strchr(TOKEN, *p))
			return -1;
	}
}

int challenge_find(char *const *headers, enum challenge_scheme scheme, struct challenge *out)
{
	for (char *const *h = headers; h && *h; h++)
		if (read_header(*h, scheme, out) == 0)
			return 0;
	*out = (struct challenge){0};
	return -1;
}

void challenge_free(struct challenge *c)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): read_header() has filled it again */
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct challenge){0};
}
