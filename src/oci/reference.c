#include "oci/reference.h"

#include <fnmatch.h>

#include "base/mem.h"
#include "base/str.h"

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DEFAULT_DOMAIN "docker.io"
#define LEGACY_DOMAIN "index.docker.io"
#define OFFICIAL "library/"

void reference_free(struct reference *ref)
{
	free(ref->domain);
	free(ref->path);
	free(ref->tag);
	*ref = (struct reference){0};
}

static bool in_set(char c, const char *set)
{
	return c && strchr(set, c);
}

bool reference_tag_valid(const char *tag)
{
	return tag && *tag && *tag != '.' && *tag != '-' &&
	       str_all_of(tag, DIGITS LOWER UPPER "_.-", 1, REFERENCE_TAG_MAX);
}

/* Length of the separator at @s: one '.', one or two '_', any number of '-'; 0 if none. */
static size_t separator(const char *s)
{
	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

/* path-component := alpha-numeric [separator alpha-numeric]* ; components joined by '/' */
static bool path_valid(const char *s)
{
	for (;;) {
		size_t n = strspn(s, LOWER DIGITS);
		if (n == 0)
			return false;
		s += n;
		if (!*s)
			return true;
		s += *s == '/' ? 1 : separator(s);
		if (!in_set(*s, LOWER DIGITS))
			return false;
	}
}

static bool domain_label_valid(const char *s, size_t n)
{
	if (n == 0 || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!in_set(s[i], LOWER UPPER DIGITS "-"))
			return false;
	return true;
}

static bool host_valid(const char *s, size_t n)
{
	if (n > 2 && s[0] == '[' && s[n - 1] == ']') { /* an IPv6 address */
		for (size_t i = 1; i < n - 1; i++)
			if (!in_set(s[i], DIGITS "abcdefABCDEF:"))
				return false;
		return true;
	}
	size_t start = 0;
	for (size_t i = 0; i <= n; i++) {
		if (i < n && s[i] != '.')
			continue;
		if (!domain_label_valid(s + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

/* domain := host [':' port] */
static bool domain_valid(const char *s)
{
	const char *end = s + strlen(s);
	const char *colon = strrchr(s, ':');
	if (colon && !strchr(colon, ']')) {
		if (!str_all_of(colon + 1, DIGITS, 1, REFERENCE_NAME_MAX))
			return false;
		end = colon;
	}
	return host_valid(s, (size_t)(end - s));
}

static bool has_upper(const char *s)
{
	return s[strcspn(s, UPPER)] != '\0';
}

static bool is_hex64(const char *s)
{
	return str_all_of(s, DIGITS "abcdef", DIGEST_HEX_LEN, DIGEST_HEX_LEN);
}

/* splitDockerDomain: what stands before the first '/' is a domain if it looks like one. */
static void split_domain(const char *name, struct reference *ref)
{
	const char *slash = strchr(name, '/');
	auto_free char *first = slash ? xstrndup(name, (size_t)(slash - name)) : NULL;
	if (first && (strpbrk(first, ".:") || str_eq(first, "localhost") || has_upper(first))) {
		ref->domain = steal_ptr(first);
		ref->path = xstrdup(slash + 1);
	} else {
		ref->domain = xstrdup(DEFAULT_DOMAIN);
		ref->path = xstrdup(name);
	}
	if (str_eq(ref->domain, LEGACY_DOMAIN))
		str_replace(&ref->domain, DEFAULT_DOMAIN);
	if (str_eq(ref->domain, DEFAULT_DOMAIN) && !strchr(ref->path, '/')) {
		char *full = xasprintf(OFFICIAL "%s", ref->path);
		free(ref->path);
		ref->path = full;
	}
}

static int bad_format(struct err **err)
{
	return err_set(err, ERR_INVALID, "invalid reference format");
}

static int check_name(const struct reference *ref, struct err **err)
{
	if (has_upper(ref->path))
		return err_set(err, ERR_INVALID,
			"invalid reference format: repository name (%s) must be lowercase",
			ref->path);
	if (!domain_valid(ref->domain) || !path_valid(ref->path))
		return bad_format(err);
	/* the path alone, as distribution/reference counts since 3.0 */
	if (strlen(ref->path) > REFERENCE_NAME_MAX)
		return err_set(err, ERR_INVALID,
			"repository name must not be more than %d characters", REFERENCE_NAME_MAX);
	return 0;
}

/* Cuts "@digest" and ":tag" off @rest. */
static int take_suffixes(char *rest, struct reference *ref, struct err **err)
{
	char *at = strchr(rest, '@');
	if (at) {
		*at = '\0';
		auto_err *bad = NULL;
		if (digest_parse(at + 1, &ref->digest, &bad) < 0)
			return bad->kind == ERR_NOT_IMPLEMENTED ? err_move(err, &bad)
								: bad_format(err);
		ref->has_digest = true;
	}
	char *colon = strrchr(rest, ':');
	if (colon && !strchr(colon, '/')) {
		*colon = '\0';
		if (!reference_tag_valid(colon + 1))
			return bad_format(err);
		ref->tag = xstrdup(colon + 1);
	}
	return 0;
}

int reference_parse(const char *text, struct reference *out, struct err **err)
{
	/* name, tag, digest and their marks: nothing longer is one, and nothing longer is copied */
	if (str_empty(text) || strlen(text) > 4096)
		return bad_format(err);
	if (is_hex64(text))
		return err_set(err, ERR_INVALID,
			"invalid repository name (%s), cannot specify 64-byte hexadecimal strings",
			text);
	auto_reference ref = {0};
	auto_free char *rest = xstrdup(text);
	if (take_suffixes(rest, &ref, err) < 0)
		return -1;
	if (!*rest)
		return bad_format(err);
	split_domain(rest, &ref);
	if (check_name(&ref, err) < 0)
		return -1;
	*out = ref;
	ref = (struct reference){0};
	return 0;
}

void reference_default_tag(struct reference *ref)
{
	if (!ref->tag && !ref->has_digest)
		ref->tag = xstrdup("latest");
}

void reference_copy_name(struct reference *to, const struct reference *from)
{
	*to = (struct reference){.domain = xstrdup(from->domain), .path = xstrdup(from->path)};
}

char *reference_name(const struct reference *ref)
{
	return xasprintf("%s/%s", ref->domain, ref->path);
}

char *reference_familiar_name(const struct reference *ref)
{
	if (!str_eq(ref->domain, DEFAULT_DOMAIN))
		return reference_name(ref);
	const char *official = str_after(ref->path, OFFICIAL);
	return xstrdup(official && !strchr(official, '/') ? official : ref->path);
}

static char *with_suffixes(char *name, const struct reference *ref)
{
	auto_free char *base = name;
	return xasprintf("%s%s%s%s%s", base, ref->tag ? ":" : "", ref->tag ? ref->tag : "",
		ref->has_digest ? "@" : "", ref->has_digest ? ref->digest.str : "");
}

char *reference_string(const struct reference *ref)
{
	return with_suffixes(reference_name(ref), ref);
}

char *reference_familiar_string(const struct reference *ref)
{
	return with_suffixes(reference_familiar_name(ref), ref);
}

int reference_parse_any(
	const char *text, struct reference *out, enum reference_kind *kind, struct err **err)
{
	auto_free char *full = is_hex64(text) ? xasprintf("sha256:%s", text) : NULL;
	const char *digest = full ? full : text;
	if (digest_valid(digest)) {
		*out = (struct reference){.has_digest = true};
		*kind = REFERENCE_ID;
		return digest_parse(digest, &out->digest, err);
	}
	*kind = REFERENCE_NAMED;
	return reference_parse(text, out, err);
}

/* path.Match knows no other pattern errors than these two. */
static bool pattern_valid(const char *p)
{
	for (; *p; p++) {
		if (*p == '\\' && !*++p)
			return false;
		if (*p != '[')
			continue;
		p++;
		if (*p == '^')
			p++;
		if (*p == ']' || !*p)
			return false;
		for (; *p != ']'; p++) {
			if (*p == '\\')
				p++;
			if (!*p)
				return false;
		}
	}
	return true;
}

int reference_match(const char *pattern, const struct reference *ref, struct err **err)
{
	if (strlen(pattern) > 4096 || !pattern_valid(pattern))
		return err_set(err, ERR_INVALID, "syntax error in pattern");
	auto_free char *name = reference_familiar_name(ref);
	auto_free char *full = reference_familiar_string(ref);
	return fnmatch(pattern, full, FNM_PATHNAME) == 0 ||
	       fnmatch(pattern, name, FNM_PATHNAME) == 0;
}
