#include "options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

static bool is(const char *text, size_t n, const char *name, size_t len)
{
	return n == len && memcmp(text, name, n) == 0;
}

/* Whether @name is one of the names in "env, e". */
static bool named(const struct option *o, const char *name, size_t n)
{
	const char *comma = strchr(o->name, ',');
	size_t len = comma ? (size_t)(comma - o->name) : strlen(o->name);
	return is(name, n, o->name, len) || (comma && is(name, n, comma + 2, strlen(comma + 2)));
}

static const struct option *find(const struct option_set *set, const char *name, size_t n)
{
	for (size_t i = 0; i < set->count; i++) {
		if (named(&set->options[i], name, n))
			return &set->options[i];
	}
	return NULL;
}

/* What an argument says as an option. */
struct word {
	const char *name, *value; /* value NULL: none after "=" */
	size_t n;
	const struct option *option;
	bool help;
};

/* False: an argument. */
static bool read_word(struct word *w, const struct option_set *set, const char *arg)
{
	*w = (struct word){0};
	if (arg[0] != '-' || !arg[1])
		return false;
	w->name = arg + (arg[1] == '-' ? 2 : 1);
	w->n = strcspn(w->name, "=");
	w->value = w->name[w->n] ? w->name + w->n + 1 : NULL;
	w->option = find(set, w->name, w->n);
	w->help = !w->option && (is(w->name, w->n, "help", 4) || is(w->name, w->n, "h", 1));
	return true;
}

static int bad_value(const struct word *w, const char *value, const char *why, struct err **err)
{
	return err_set(err, ERR_INVALID, "invalid value \"%s\" for flag -%.*s: %s", value,
		(int)w->n, w->name, why);
}

static int parse_int(const struct word *w, const char *value, long long min, long long max,
	long long *out, struct err **err)
{
	char *end;
	errno = 0;
	*out = strtoll(value, &end, 0);
	if (!*value || *end || strchr(" \t\n\v\f\r", *value))
		return bad_value(w, value, "parse error", err);
	if (errno || *out < min || *out > max)
		return bad_value(w, value, "value out of range", err);
	return 0;
}

static int parse_bool(const struct word *w, const char *value, bool *out, struct err **err)
{
	*out = true;
	if (!value || str_to_bool(value, out) == 0)
		return 0;
	return err_set(err, ERR_INVALID, "invalid boolean value \"%s\" for -%.*s: parse error",
		value, (int)w->n, w->name);
}

static int parse_number(
	const struct word *w, const char *value, struct option_number *out, struct err **err)
{
	long long number = 0;
	if (w->option->kind == OPTION_DURATION) {
		if (time_parse_duration(value, &out->v) < 0)
			return bad_value(w, value, "parse error", err);
	} else {
		if (parse_int(w, value, INT64_MIN, INT64_MAX, &number, err) < 0)
			return -1;
		out->v = number;
	}
	out->set = true;
	return 0;
}

static bool is_switch(const struct option *o)
{
	return o->kind == OPTION_BOOL || o->kind == OPTION_CHOICE;
}

static int store(const struct word *w, const char *value, void *out, struct err **err)
{
	void *slot = (char *)out + w->option->offset;
	long long number = 0;
	bool yes;
	switch (w->option->kind) {
	case OPTION_BOOL:
		return parse_bool(w, value, slot, err);
	case OPTION_CHOICE:
		if (parse_bool(w, value, &yes, err) < 0)
			return -1;
		*(int *)slot = yes ? 1 : -1;
		break;
	case OPTION_STR:
		*(const char **)slot = value;
		break;
	case OPTION_INT:
		if (parse_int(w, value, INT32_MIN, INT32_MAX, &number, err) < 0)
			return -1;
		*(int *)slot = (int)number;
		break;
	case OPTION_NUMBER:
	case OPTION_DURATION:
		return parse_number(w, value, slot, err);
	case OPTION_INTS:
		if (parse_int(w, value, INT64_MIN, INT64_MAX, &number, err) < 0)
			return -1;
		strv_take(slot, xasprintf("%lld", number));
		break;
	case OPTION_LIST:
		strv_add(slot, value);
		break;
	case OPTION_NONE:
		break;
	}
	return 0;
}

/* One option at argv[i], and its value: the number of words taken, -1. */
static int take(const struct word *w, int left, char **argv, void *out, struct err **err)
{
	if (!w->n || w->name[0] == '-')
		return err_set(err, ERR_INVALID, "bad flag syntax: %s", argv[0]);
	if (!w->option)
		return err_set(err, ERR_INVALID, "flag provided but not defined: -%.*s", (int)w->n,
			w->name);
	if (w->value || is_switch(w->option))
		return store(w, w->value, out, err) < 0 ? -1 : 1;
	if (left == 1)
		return err_set(
			err, ERR_INVALID, "flag needs an argument: -%.*s", (int)w->n, w->name);
	return store(w, argv[1], out, err) < 0 ? -1 : 2;
}

/* Arguments that were met between options. */
struct others {
	char **v;
	int count;
};

static int walk(const struct option_set *set, int argc, char **argv, void *out, bool *help,
	struct others *others, struct err **err)
{
	int i = 1;
	while (i < argc) {
		struct word w;
		bool option = read_word(&w, set, argv[i]);
		if (option && str_eq(argv[i], "--"))
			return i + 1;
		if (option && w.help) {
			*help = true;
			return argc;
		}
		if (!option && set->stop_at_first)
			return i;
		if (!option || (others->count && !w.option)) {
			others->v[others->count++] = argv[i++];
			continue;
		}
		int n = take(&w, argc - i, argv + i, out, err);
		if (n < 0)
			return -1;
		i += n;
	}
	return argc;
}

int options_parse(const struct option_set *set, int argc, char **argv, void *out, bool *help,
	struct err **err)
{
	auto_free char **room = xcalloc((size_t)argc + 1, sizeof(*room));
	struct others others = {.v = room};
	*help = false;
	int end = walk(set, argc, argv, out, help, &others, err);
	if (end < 0)
		return -1;
	/* all before @end is done with but these */
	for (int i = 0; i < others.count; i++)
		argv[end - others.count + i] = others.v[i];
	return end - others.count;
}

void options_free(const struct option_set *set, void *out)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct option *o = &set->options[i];
		if (o->kind == OPTION_LIST || o->kind == OPTION_INTS)
			strv_freep((char ***)((char *)out + o->offset));
	}
}

void options_print(const struct option_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct option *o = &set->options[i];
		const char *comma = strchr(o->name, ',');
		int n = comma ? (int)(comma - o->name) : (int)strlen(o->name);
		auto_free char *left = xasprintf("--%.*s%s%s%s", n, o->name,
			is_switch(o) ? "" : " value", comma ? ", -" : "", comma ? comma + 2 : "");
		printf("   %-32s  %s\n", left, o->help);
	}
}
