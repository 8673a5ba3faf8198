/* Options as runc's users write them. */
#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "options.h"

struct filled {
	bool quiet, all;
	const char *format;
	int number;
	char **list, **numbers;
	struct option_number limit, interval;
};

static const struct option options[] = {
	{"quiet, q", OPTION_BOOL, offsetof(struct filled, quiet), ""},
	{"all", OPTION_BOOL, offsetof(struct filled, all), ""},
	{"format, f", OPTION_STR, offsetof(struct filled, format), ""},
	{"number", OPTION_INT, offsetof(struct filled, number), ""},
	{"env, e", OPTION_LIST, offsetof(struct filled, list), ""},
	{"gids, g", OPTION_INTS, offsetof(struct filled, numbers), ""},
	{"criu", OPTION_NONE, 0, ""},
	{"limit", OPTION_NUMBER, offsetof(struct filled, limit), ""},
	{"interval", OPTION_DURATION, offsetof(struct filled, interval), ""},
};
static const struct option_set anywhere = {options, ARRAY_LEN(options), false};
static const struct option_set leading = {options, ARRAY_LEN(options), true};

#define WORDS_MAX 16
struct parsed {
	struct filled v;
	char *argv[WORDS_MAX], *words[WORDS_MAX]; /* words own what argv points to */
	int argc, first;
	bool help;
	struct err *err;
};

static void parse(struct parsed *p, const struct option_set *set, const char *line)
{
	*p = (struct parsed){.argc = 1, .argv = {(char *)"verb"}};
	char *copy = xstrdup(line), *rest = copy;
	for (char *word; (word = strsep(&rest, " "));) {
		p->words[p->argc] = xstrdup(str_eq(word, "''") ? "" : word);
		p->argv[p->argc] = p->words[p->argc];
		p->argc++;
	}
	free(copy);
	p->first = options_parse(set, p->argc, p->argv, &p->v, &p->help, &p->err);
}

static void done(struct parsed *p)
{
	options_free(&anywhere, &p->v);
	assert_null(p->v.list);
	for (int i = 1; i < p->argc; i++)
		free(p->words[i]);
	err_freep(&p->err);
}

/* The arguments that are left, joined; or the message. */
static void expect(const struct option_set *set, const char *line, const char *left)
{
	struct parsed p;
	parse(&p, set, line);
	if (p.first < 0) {
		assert_string_equal(err_msg(p.err), left);
		assert_int_equal(p.err->kind, ERR_INVALID);
	} else {
		char *rest[WORDS_MAX] = {0};
		for (int i = p.first; i < p.argc; i++)
			rest[i - p.first] = p.argv[i];
		auto_free char *joined = strv_join(rest, " ");
		assert_null(p.err);
		assert_string_equal(joined, left);
	}
	done(&p);
}

static void forms_of_one_option(void **state)
{
	static const char *const forms[] = {"--format json x", "--format=json x", "-format json x",
		"-f json x", "-f=json x", "--f json x", "x -f json", "x --format=json",
		"-f table -f json x"};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct parsed p;
		parse(&p, &anywhere, forms[i]);
		assert_true(p.first > 0);
		assert_string_equal(p.v.format, "json");
		assert_string_equal(p.argv[p.first], "x");
		assert_int_equal(p.argc - p.first, 1);
		done(&p);
	}
}

static void switches(void **state)
{
	struct parsed p;
	parse(&p, &anywhere, "-q --all=false x");
	assert_true(p.v.quiet);
	assert_false(p.v.all);
	done(&p);
	parse(&p, &anywhere, "-q -q=0 --all=T x");
	assert_false(p.v.quiet);
	assert_true(p.v.all);
	done(&p);
	/* a switch takes no word of its own */
	expect(&anywhere, "-q false", "false");
	expect(&anywhere, "-q=maybe", "invalid boolean value \"maybe\" for -q: parse error");
}

static void lists_collect(void **state)
{
	struct parsed p;
	parse(&p, &anywhere, "-e A=1 --env B=2,3 id --env=C= -g 5 -g 0x10");
	assert_int_equal(strv_len(p.v.list), 3);
	assert_string_equal(p.v.list[1], "B=2,3");
	assert_string_equal(p.v.list[2], "C=");
	assert_int_equal(strv_len(p.v.numbers), 2);
	assert_string_equal(p.v.numbers[1], "16");
	done(&p);
}

static void numbers(void **state)
{
	static const struct {
		const char *line;
		int number;
	} good[] = {{"--number 12", 12}, {"--number=-3", -3}, {"--number -3", -3},
		{"--number 0x1f", 31}, {"--number 010", 8}, {"--number +7", 7}};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct parsed p;
		parse(&p, &anywhere, good[i].line);
		assert_int_equal(p.first, p.argc);
		assert_int_equal(p.v.number, good[i].number);
		done(&p);
	}
	expect(&anywhere, "--number x", "invalid value \"x\" for flag -number: parse error");
	expect(&anywhere, "--number=", "invalid value \"\" for flag -number: parse error");
	expect(&anywhere, "--number 1x", "invalid value \"1x\" for flag -number: parse error");
	expect(&anywhere, "--number 99999999999",
		"invalid value \"99999999999\" for flag -number: value out of range");
	expect(&anywhere, "-g 1 -g y", "invalid value \"y\" for flag -g: parse error");
}

static void numbers_that_may_be_missing(void **state)
{
	struct parsed p;
	parse(&p, &anywhere, "x");
	assert_false(p.v.limit.set || p.v.interval.set);
	done(&p);
	parse(&p, &anywhere, "--limit 0 --interval 1m30s");
	assert_true(p.v.limit.set && p.v.interval.set);
	assert_true(p.v.limit.v == 0 && p.v.interval.v == 90000000000);
	done(&p);
	parse(&p, &anywhere, "--limit -9223372036854775808");
	assert_true(p.v.limit.v == INT64_MIN);
	done(&p);
	expect(&anywhere, "--limit ''", "invalid value \"\" for flag -limit: parse error");
	expect(&anywhere, "--limit 9223372036854775808",
		"invalid value \"9223372036854775808\" for flag -limit: value out of range");
	expect(&anywhere, "--interval ''", "invalid value \"\" for flag -interval: parse error");
	expect(&anywhere, "--interval 5", "invalid value \"5\" for flag -interval: parse error");
}

static void arguments_and_options_mix(void **state)
{
	expect(&anywhere, "", "");
	expect(&anywhere, "a b", "a b");
	expect(&anywhere, "a -q b --format json c", "a b c");
	expect(&anywhere, "a -9", "a -9");
	expect(&anywhere, "a --unknown -q", "a --unknown");
	expect(&anywhere, "a - -q", "a -");
	expect(&anywhere, "a '' -q", "a ");
	expect(&anywhere, "-- -q", "-q");
	expect(&anywhere, "a -q -- -f b", "a -f b");
	expect(&anywhere, "--criu /x a", "a");
}

static void a_command_line_is_left_alone(void **state)
{
	expect(&leading, "-q id sh -c -q --format", "id sh -c -q --format");
	expect(&leading, "id -- x", "id -- x");
	expect(&leading, "-q -- id", "id");
	expect(&leading, "--format", "flag needs an argument: -format");
}

static void what_is_wrong(void **state)
{
	expect(&anywhere, "--frob x", "flag provided but not defined: -frob");
	expect(&anywhere, "-frob=3 x", "flag provided but not defined: -frob");
	expect(&anywhere, "---q", "bad flag syntax: ---q");
	expect(&anywhere, "-=x", "bad flag syntax: -=x");
	expect(&anywhere, "x -f", "flag needs an argument: -f");
}

static void help_is_asked_for(void **state)
{
	struct parsed p;
	parse(&p, &anywhere, "-q --help");
	assert_true(p.help);
	done(&p);
	parse(&p, &anywhere, "id -h");
	assert_true(p.help);
	done(&p);
	parse(&p, &leading, "id ls -h");
	assert_false(p.help);
	done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_one_option),
		cmocka_unit_test(switches),
		cmocka_unit_test(lists_collect),
		cmocka_unit_test(numbers),
		cmocka_unit_test(numbers_that_may_be_missing),
		cmocka_unit_test(arguments_and_options_mix),
		cmocka_unit_test(a_command_line_is_left_alone),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(help_is_asked_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
