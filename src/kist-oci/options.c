#include "options.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"

/* Whether @name is one of the names in "env, e". */
static bool named(const struct option *o, const char *name, size_t n)
{
	const char *comma = strchr(o->name, ',');
	size_t len = comma ? (size_t)(comma - o->name) : strlen(o->name);
	if (len == n && memcmp(o->name, name, n) == 0)
		return true;
	return comma && strlen(comma + 2) == n && memcmp(comma + 2, name, n) == 0;
}

static const struct option *find(
	const struct option *options, size_t count, const char *name, size_t n)
{
	for (size_t i = 0; i < count; i++) {
		if (named(&options[i], name, n))
			return &options[i];
	}
	return NULL;
}

static int store(const struct option *o, const char *value, void *out, struct err **err)
{
	void *slot = (char *)out + o->offset;
	switch (o->kind) {
	case OPTION_BOOL:
		if (!value)
			*(bool *)slot = true;
		else if (str_to_bool(value, slot) < 0)
			return err_set(err, ERR_INVALID, "invalid boolean value \"%s\" for --%s",
				value, o->name);
		break;
	case OPTION_STR:
		*(const char **)slot = value;
		break;
	case OPTION_INT:
		if (str_to_int(value, slot) < 0)
			return err_set(err, ERR_INVALID, "invalid value \"%s\" for flag --%s",
				value, o->name);
		break;
	case OPTION_LIST:
		strv_add(slot, value);
		break;
	case OPTION_NONE:
		break;
	}
	return 0;
}

int options_parse(const struct option *options, size_t count, int argc, char **argv, void *out,
	struct err **err)
{
	int i = 1;
	for (; i < argc; i++) {
		const char *arg = argv[i];
		if (arg[0] != '-' || !arg[1])
			break;
		if (str_eq(arg, "--"))
			return i + 1;
		const char *name = arg + (arg[1] == '-' ? 2 : 1);
		size_t n = strcspn(name, "=");
		const struct option *o = find(options, count, name, n);
		if (!o)
			return err_set(err, ERR_INVALID, "flag provided but not defined: -%.*s",
				(int)n, name);
		const char *value = name[n] ? name + n + 1 : NULL;
		if (!value && o->kind != OPTION_BOOL) {
			if (i + 1 == argc)
				return err_set(err, ERR_INVALID, "flag needs an argument: -%.*s",
					(int)n, name);
			value = argv[++i];
		}
		if (store(o, value, out, err) < 0)
			return -1;
	}
	return i;
}

void options_print(const struct option *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *comma = strchr(options[i].name, ',');
		int n = comma ? (int)(comma - options[i].name) : (int)strlen(options[i].name);
		auto_free char *left = xasprintf("--%.*s%s%s%s", n, options[i].name,
			options[i].kind == OPTION_BOOL ? "" : " value", comma ? ", -" : "",
			comma ? comma + 2 : "");
		printf("   %-32s  %s\n", left, options[i].help);
	}
}
