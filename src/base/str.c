#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && strcmp(s + n - m, suffix) == 0;
}

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

bool str_ieq(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (lower((unsigned char)*a) != lower((unsigned char)*b))
			return false;
	return *a == *b;
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

char *str_trim(char *s)
{
	while (is_space(*s))
		s++;
	size_t n = strlen(s);
	while (n && is_space(s[n - 1]))
		s[--n] = 0;
	return s;
}

bool str_all_of(const char *s, const char *set, size_t min, size_t max)
{
	size_t n = strlen(s);
	return n >= min && n <= max && strspn(s, set) == n;
}

int str_to_u64(const char *s, uint64_t *out)
{
	uint64_t v = 0;
	if (!s || !*s)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		if (__builtin_mul_overflow(v, 10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -1;
	}
	*out = v;
	return 0;
}

size_t str_numbers(const char *text, uint64_t *out, size_t room)
{
	size_t n = 0;
	for (;;) {
		uint64_t v = 0;
		text += strspn(text, " \t:");
		if (n == room || *text < '0' || *text > '9')
			return n;
		for (; *text >= '0' && *text <= '9'; text++)
			if (__builtin_mul_overflow(v, 10, &v) ||
				__builtin_add_overflow(v, *text - '0', &v))
				return n;
		out[n++] = v;
	}
}

int str_to_i64(const char *s, int64_t *out)
{
	uint64_t v;
	bool negative = s && *s == '-';
	if (!s || str_to_u64(s + negative, &v) < 0)
		return -1;
	if (v > (uint64_t)INT64_MAX + negative)
		return -1;
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int str_to_u32(const char *s, uint32_t *out)
{
	uint64_t v;
	if (str_to_u64(s, &v) < 0 || v > UINT32_MAX)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

int str_to_int(const char *s, int *out)
{
	int64_t v;
	if (str_to_i64(s, &v) < 0 || v > INT32_MAX || v < INT32_MIN)
		return -1;
	*out = (int)v;
	return 0;
}

int str_to_bool(const char *s, bool *out)
{
	static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
	static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (str_eq(s, yes[i])) {
			*out = true;
			return 0;
		}
		if (str_eq(s, no[i])) {
			*out = false;
			return 0;
		}
	}
	return -1;
}

int str_to_size(const char *s, int64_t *out)
{
	static const char units[] = "bkmgtp";
	double v = 0, scale = 1;
	bool digits = false;
	for (; *s >= '0' && *s <= '9'; s++, digits = true)
		v = v * 10 + (*s - '0');
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, digits = true)
			v += (*s - '0') * (scale /= 10);
	if (!digits)
		return -1;
	while (*s == ' ')
		s++;
	if (*s) {
		const char *unit = strchr(units, lower((unsigned char)*s));
		if (!unit)
			return -1;
		for (long i = 0; i < unit - units; i++)
			v *= 1024;
		bool plain = *unit == 'b';
		s++;
		if (!plain && lower((unsigned char)*s) == 'i')
			s++;
		if (!plain && lower((unsigned char)*s) == 'b')
			s++;
	}
	if (*s || v >= 9223372036854775807.0)
		return -1;
	*out = (int64_t)v;
	return 0;
}

static char *scaled(
	double size, double base, const char *const *units, int digits, char *buf, size_t len)
{
	size_t i = 0;
	while (size >= base && units[i + 1]) {
		size /= base;
		i++;
	}
	snprintf(buf, len, "%.*g%s", digits, size, units[i]);
	return buf;
}

char *str_human_size(double size, char *buf, size_t len)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB", NULL};
	return scaled(size, 1000, units, 3, buf, len);
}

char *str_bytes_size(double size, char *buf, size_t len)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};
	return scaled(size, 1024, units, 4, buf, len);
}

size_t str_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	auto_free size_t *row = xcalloc(m + 1, sizeof(*row));
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[m];
}

size_t strv_len(char *const *v)
{
	size_t n = 0;
	while (v && v[n])
		n++;
	return n;
}

void strv_take(char ***v, char *s)
{
	size_t n = strv_len(*v);
	/* capacity is the next power of two, so growth is amortised without a header */
	if ((n & (n + 1)) == 0)
		*v = xreallocarray(*v, 2 * (n + 1), sizeof(char *));
	(*v)[n] = s;
	(*v)[n + 1] = NULL;
}

void strv_add(char ***v, const char *s)
{
	strv_take(v, xstrdup(s));
}

char **strv_copy(char *const *v)
{
	char **copy = NULL;
	for (size_t i = 0; v && v[i]; i++)
		strv_add(&copy, v[i]);
	return copy;
}

int strv_index(char *const *v, const char *s)
{
	for (int i = 0; v && v[i]; i++)
		if (strcmp(v[i], s) == 0)
			return i;
	return -1;
}

char **strv_split(const char *s, char sep)
{
	char **v = NULL;
	for (;;) {
		const char *end = strchr(s, sep);
		if (!end) {
			strv_add(&v, s);
			return v;
		}
		strv_take(&v, xstrndup(s, (size_t)(end - s)));
		s = end + 1;
	}
}

char *strv_join(char *const *v, const char *sep)
{
	struct buf b = BUF_INIT;
	for (size_t i = 0; v && v[i]; i++) {
		if (i)
			buf_adds(&b, sep);
		buf_adds(&b, v[i]);
	}
	return buf_steal(&b);
}

const char *strv_env(char *const *env, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; env && env[i]; i++)
		if (strncmp(env[i], name, n) == 0 && env[i][n] == '=')
			return env[i] + n + 1;
	return NULL;
}

void strv_free(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}
