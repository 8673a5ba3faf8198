/* Filters of list requests, by Docker's rules. */
#include "core.h"

#include <regex.h>

void filters_add(struct filters *f, const char *key, const char *value)
{
	for (size_t i = 0; i < f->count; i++) {
		if (str_eq(f->v[i].key, key)) {
			if (strv_index(f->v[i].values, value) < 0)
				strv_add(&f->v[i].values, value);
			return;
		}
	}
	f->v = xreallocarray(f->v, f->count + 1, sizeof(*f->v));
	f->v[f->count] = (struct filter){.key = xstrdup(key)};
	strv_add(&f->v[f->count].values, value);
	f->count++;
}

void filters_free(struct filters *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->v[i].key);
		strv_free(f->v[i].values);
	}
	free(f->v);
	*f = (struct filters){0};
}

char **filters_get(const struct filters *f, const char *key)
{
	for (size_t i = 0; f && i < f->count; i++)
		if (str_eq(f->v[i].key, key))
			return f->v[i].values;
	return NULL;
}

int filters_check(const struct filters *f, const char *const *known, struct err **err)
{
	for (size_t i = 0; f && i < f->count; i++) {
		size_t k = 0;
		while (known[k] && !str_eq(known[k], f->v[i].key))
			k++;
		if (!known[k])
			return err_set(err, ERR_INVALID, "invalid filter '%s'", f->v[i].key);
	}
	return 0;
}

bool filters_exact(const struct filters *f, const char *key, const char *value)
{
	char **values = filters_get(f, key);
	return !values || strv_index(values, value) >= 0;
}

bool filters_prefix(const struct filters *f, const char *key, const char *value)
{
	char **values = filters_get(f, key);

	for (size_t i = 0; values && values[i]; i++)
		if (str_starts(value, values[i]))
			return true;
	return !values;
}

/* The C library unrolls counted repetitions, nested ones to gigabytes, and takes back references, which cost
 * exponential time; Docker's expressions do not have the latter. */
static bool pattern_bounded(const char *pattern)
{
	unsigned counted = 0;
	for (const char *p = pattern; *p; p++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '9')
			return false;
		if (p[0] == '\\' && p[1])
			p++;
		else if (*p == '{')
			counted++;
	}
	return counted <= 1 && strlen(pattern) <= 256;
}

/* Patterns come from whoever may talk to the daemon; they are bounded, and one that does not compile
 * matches by substring only. */
static bool pattern_matches(const char *pattern, const char *value)
{
	regex_t re;
	if (!pattern_bounded(pattern) || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	bool r = regexec(&re, value, 0, NULL, 0) == 0;
	regfree(&re);
	return r;
}

bool filters_fuzzy(const struct filters *f, const char *key, const char *value)
{
	char **values = filters_get(f, key);
	if (!values || !value)
		return !values;
	for (size_t i = 0; values[i]; i++)
		if (strstr(value, values[i]) || pattern_matches(values[i], value))
			return true;
	return false;
}

int filters_bool(
	const struct filters *f, const char *key, bool fallback, bool *out, struct err **err)
{
	char **values = filters_get(f, key);

	*out = fallback;
	if (!values)
		return 0;
	bool yes = strv_index(values, "1") >= 0 || strv_index(values, "true") >= 0;
	bool no = strv_index(values, "0") >= 0 || strv_index(values, "false") >= 0;
	if (yes == no)
		return err_set(err, ERR_INVALID, "invalid filter '%s=[%s]'", key, values[0]);
	*out = yes;
	return 0;
}
