/*
 * The flag parser. Rules of pflag, which docker uses: -abc combines bool flags, -n5 and -n 5 and -n=5
 * give a value, --name=value and --name value, "--" ends flags, bools take =true or =false only.
 */
#include "command.h"

#include <errno.h>
#include <stdio.h>

#include "base/timefmt.h"

#include <stdlib.h>

static const char *const type_names[] = {
	[FLAG_BOOL] = NULL,
	[FLAG_STRING] = "string",
	[FLAG_INT] = "int",
	[FLAG_UINT16] = "uint16",
	[FLAG_UINT] = "uint",
	[FLAG_LIST] = "list",
	[FLAG_BYTES] = "bytes",
	[FLAG_DECIMAL] = "decimal",
	[FLAG_DURATION] = "duration",
};

const char *flag_value_name(const struct flag_spec *f)
{
	return f->value_name ? f->value_name : type_names[f->type];
}

static size_t flag_count(const struct flag_spec *flags)
{
	size_t n = 0;
	while (flags && flags[n].name)
		n++;
	return n;
}

static int check_number(const struct flag_spec *f, const char *v, struct err **err)
{
	const char *function = f->type == FLAG_INT ? "ParseInt" : "ParseUint";
	char *end;
	errno = 0;
	bool sign = *v == '-' || *v == '+';
	bool digits = v[sign] >= '0' && v[sign] <= '9';
	long long n = digits ? strtoll(v, &end, 0) : 0;
	if (!digits || *end || (f->type != FLAG_INT && sign))
		return err_set(err, ERR_INVALID, "strconv.%s: parsing \"%s\": invalid syntax",
			function, v);
	if (errno || (f->type == FLAG_UINT16 && n > UINT16_MAX))
		return err_set(err, ERR_INVALID, "strconv.%s: parsing \"%s\": value out of range",
			function, v);
	return 0;
}

static int check_decimal(const char *v, struct err **err)
{
	const char *point = strchr(v, '.');
	char *end;
	double n = strtod(v, &end);
	if (end == v || *end || strpbrk(v, "xXnN"))
		return err_set(err, ERR_INVALID, "failed to parse %s as a rational number", v);
	if ((point && strlen(point + 1) > 9) || n > 9e9 || n < -9e9)
		return err_set(err, ERR_INVALID, "value is too precise");
	return 0;
}

static int check_value(const struct flag_spec *f, const char *v, struct err **err)
{
	bool b;
	int64_t n;
	switch (f->type) {
	case FLAG_BOOL:
		if (str_to_bool(v, &b) < 0)
			return err_set(err, ERR_INVALID,
				"strconv.ParseBool: parsing \"%s\": invalid syntax", v);
		break;
	case FLAG_INT:
	case FLAG_UINT16:
	case FLAG_UINT:
		if (check_number(f, v, err) < 0)
			return -1;
		break;
	case FLAG_BYTES:
		if (!(str_eq(v, "-1") && str_eq(f->name, "memory-swap")) && str_to_size(v, &n) < 0)
			return err_set(err, ERR_INVALID, "invalid size: '%s'", v);
		break;
	case FLAG_DECIMAL:
		if (check_decimal(v, err) < 0)
			return -1;
		break;
	case FLAG_DURATION:
		if (time_parse_duration(v, &n) < 0)
			return err_set(err, ERR_INVALID, "time: invalid duration \"%s\"", v);
		break;
	case FLAG_STRING:
	case FLAG_LIST:
		break;
	}
	return f->check ? f->check(v, err) : 0;
}

static int set_value(struct args *a, const struct flag_spec *f, const char *v, struct err **err)
{
	auto_err *cause = NULL;
	if (check_value(f, v, &cause) < 0) {
		char letter[8] = "";
		if (f->letter)
			snprintf(letter, sizeof(letter), "-%c, ", f->letter);
		return err_set(err, ERR_INVALID, "invalid argument \"%s\" for \"%s--%s\" flag: %s",
			v, letter, f->name, err_msg(cause));
	}
	strv_add(&a->values[f - a->flags], v);
	return 0;
}

/* The flag whose name is closest to @name, if it is close at all. */
static const struct flag_spec *nearest(const struct flag_spec *flags, const char *name)
{
	const struct flag_spec *best = NULL;
	size_t least = strlen(name) / 3 + 2;
	if (strlen(name) < 2 || strlen(name) > 64)
		return NULL;
	for (; flags && flags->name; flags++) {
		size_t d = str_distance(flags->name, name);
		if (!flags->hidden && d < least) {
			least = d;
			best = flags;
		}
	}
	return best;
}

static const struct flag_spec *find_long(const struct flag_spec *flags, const char *name, size_t n)
{
	for (; flags && flags->name; flags++)
		if (strlen(flags->name) == n && memcmp(flags->name, name, n) == 0)
			return flags;
	return NULL;
}

static const struct flag_spec *find_letter(const struct flag_spec *flags, char c)
{
	for (; flags && flags->name; flags++)
		if (flags->letter == c)
			return flags;
	return NULL;
}

/* Each parse_ function returns how many elements of @argv it used, or -1. */
static int parse_long(struct args *a, char *const *argv, struct err **err)
{
	const char *name = argv[0] + 2;
	size_t n = strcspn(name, "=");
	const char *value = name[n] ? name + n + 1 : NULL;
	const struct flag_spec *f = find_long(a->flags, name, n);
	if (n == 4 && memcmp(name, "help", 4) == 0) {
		bool yes = true;
		if (value && str_to_bool(value, &yes) < 0)
			return err_set(err, ERR_INVALID,
				"invalid argument \"%s\" for \"--help\" flag: "
				"strconv.ParseBool: parsing \"%s\": invalid syntax",
				value, value);
		a->help = yes;
		return 1;
	}
	if (n == 0 || *name == '-')
		return err_set(err, ERR_INVALID, "bad flag syntax: %s", argv[0]);
	if (!f) {
		auto_free char *given = xstrndup(name, n);
		const struct flag_spec *near = nearest(a->flags, given);
		if (near)
			return err_set(err, ERR_INVALID, "unknown flag: --%s\n\nDid you mean --%s?",
				given, near->name);
		return err_set(err, ERR_INVALID, "unknown flag: --%s", given);
	}
	if (!value && f->type == FLAG_BOOL)
		return set_value(a, f, "true", err) < 0 ? -1 : 1;
	if (!value && !argv[1])
		return err_set(err, ERR_INVALID, "flag needs an argument: --%s", f->name);
	if (set_value(a, f, value ? value : argv[1], err) < 0)
		return -1;
	return value ? 1 : 2;
}

static int parse_short(struct args *a, char *const *argv, struct err **err)
{
	const char *all = argv[0] + 1;
	for (const char *p = all; *p; p++) {
		const struct flag_spec *f = find_letter(a->flags, *p);
		if (!f && *p == 'h') {
			a->help = true;
			continue;
		}
		if (!f)
			return err_set(
				err, ERR_INVALID, "unknown shorthand flag: '%c' in -%s", *p, p);
		if (p[1] == '=') /* -n=5, also for bools */
			return set_value(a, f, p + 2, err) < 0 ? -1 : 1;
		if (f->type == FLAG_BOOL) {
			if (set_value(a, f, "true", err) < 0)
				return -1;
			continue;
		}
		if (p[1])
			return set_value(a, f, p + 1, err) < 0 ? -1 : 1;
		if (!argv[1])
			return err_set(
				err, ERR_INVALID, "flag needs an argument: '%c' in -%s", *p, p);
		return set_value(a, f, argv[1], err) < 0 ? -1 : 2;
	}
	return 1;
}

int args_parse(struct args *a, const struct flag_spec *flags, char *const *argv, bool stop_at_arg,
	int *used, struct err **err)
{
	a->flags = flags;
	a->nflags = flag_count(flags);
	a->values = xcalloc(a->nflags + 1, sizeof(*a->values));
	int i = 0;
	bool only_args = false;
	while (argv[i]) {
		const char *s = argv[i];
		if (only_args || s[0] != '-' || !s[1]) {
			if (used)
				break;
			strv_add(&a->rest, s);
			only_args = only_args || stop_at_arg;
			i++;
			continue;
		}
		if (str_eq(s, "--")) {
			only_args = true;
			i++;
			continue;
		}
		int n = s[1] == '-' ? parse_long(a, argv + i, err) : parse_short(a, argv + i, err);
		if (n < 0)
			return -1;
		i += n;
	}
	if (used)
		*used = i;
	a->nrest = (int)strv_len(a->rest);
	return 0;
}

void args_free(struct args *a)
{
	for (size_t i = 0; a->values && i < a->nflags; i++)
		strv_free(a->values[i]);
	free(a->values);
	free(a->path);
	strv_free(a->rest);
	*a = (struct args){0};
}

static size_t flag_index(const struct args *a, const char *name)
{
	const struct flag_spec *f = find_long(a->flags, name, strlen(name));
	if (!f) {
		fprintf(stderr, "kist: bug: command has no flag --%s\n", name);
		abort();
	}
	return (size_t)(f - a->flags);
}

bool flag_given(const struct args *a, const char *name)
{
	return a->values[flag_index(a, name)] != NULL;
}

char *const *flag_list(const struct args *a, const char *name)
{
	return a->values[flag_index(a, name)];
}

const char *flag_str(const struct args *a, const char *name)
{
	char *const *v = flag_list(a, name);
	return v ? v[strv_len(v) - 1] : NULL;
}

bool flag_bool(const struct args *a, const char *name)
{
	const char *v = flag_str(a, name);
	bool b = false;
	if (!v)
		v = a->flags[flag_index(a, name)].initial;
	return v && str_to_bool(v, &b) == 0 && b;
}

int64_t flag_int(const struct args *a, const char *name, int64_t fallback)
{
	const char *v = flag_str(a, name);
	int64_t n;
	if (!v)
		return fallback;
	if (a->flags[flag_index(a, name)].type == FLAG_DURATION)
		return time_parse_duration(v, &n) == 0 ? n : fallback;
	if (a->flags[flag_index(a, name)].type == FLAG_BYTES)
		return str_eq(v, "-1") ? -1 : str_to_size(v, &n) == 0 ? n : fallback;
	return strtoll(v, NULL, 0);
}
