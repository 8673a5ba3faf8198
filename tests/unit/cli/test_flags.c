#include "../cmocka_all.h"

#include "command.h"

static const struct flag_spec flags[] = {
	{"detach", 'd', FLAG_BOOL},
	{"env", 'e', FLAG_LIST},
	{"format", 0, FLAG_STRING},
	{"interactive", 'i', FLAG_BOOL},
	{"last", 'n', FLAG_INT},
	{"memory", 'm', FLAG_BYTES},
	{"proxy", 0, FLAG_BOOL, NULL, "", "true"},
	{"publish", 'p', FLAG_LIST},
	{"tty", 't', FLAG_BOOL},
	{"cpus", 0, FLAG_DECIMAL},
	{"wait", 0, FLAG_DURATION},
	{"weight", 0, FLAG_UINT16},
	{NULL},
};

#define PARSE(a, stop, ...)                                                                        \
	args_parse(&(a), flags, (char *const *)(const char *const[]){__VA_ARGS__, NULL}, stop,     \
		NULL, &err)

static void forms(void **state)
{
	auto_args a = {0};
	auto_err *err = NULL;
	assert_int_equal(PARSE(a, true, "-it", "-p80", "-p", "81", "-p=82", "--publish", "83",
				 "--publish=84", "-dn5", "--format=a=b", "img", "-x", "--foo"),
		0);
	assert_true(
		flag_bool(&a, "interactive") && flag_bool(&a, "tty") && flag_bool(&a, "detach"));
	assert_int_equal(strv_len(flag_list(&a, "publish")), 5);
	assert_string_equal(flag_list(&a, "publish")[0], "80");
	assert_string_equal(flag_list(&a, "publish")[2], "82");
	assert_string_equal(flag_list(&a, "publish")[4], "84");
	assert_int_equal(flag_int(&a, "last", 0), 5);
	assert_string_equal(flag_str(&a, "format"), "a=b");
	assert_int_equal(a.nrest, 3);
	assert_string_equal(a.rest[1], "-x");
	assert_null(err);
}

static void interspersed_and_terminated(void **state)
{
	auto_args a = {0}, b = {0};
	auto_err *err = NULL;
	assert_int_equal(PARSE(a, false, "x", "-d", "y", "--", "-i"), 0);
	assert_int_equal(a.nrest, 3);
	assert_true(flag_bool(&a, "detach"));
	assert_false(flag_bool(&a, "interactive"));
	assert_string_equal(a.rest[2], "-i");
	assert_int_equal(PARSE(b, true, "--", "ls", "-l"), 0);
	assert_int_equal(b.nrest, 2);
}

static void booleans(void **state)
{
	auto_args a = {0}, b = {0};
	auto_err *err = NULL;
	assert_int_equal(PARSE(a, false, "--tty=false", "-d=0", "-i=1", "--proxy=F"), 0);
	assert_false(flag_bool(&a, "tty"));
	assert_false(flag_bool(&a, "detach"));
	assert_true(flag_bool(&a, "interactive"));
	assert_false(flag_bool(&a, "proxy"));
	assert_int_equal(PARSE(b, false, "-"), 0); /* a lone dash is an argument */
	assert_int_equal(b.nrest, 1);
	assert_true(flag_bool(&b, "proxy"));
}

static void values(void **state)
{
	auto_args a = {0};
	auto_err *err = NULL;
	assert_int_equal(PARSE(a, false, "-m", "1.5g", "--wait", "1m30s", "-n", "0x10"), 0);
	assert_int_equal(flag_int(&a, "memory", 0), 1610612736);
	assert_int_equal(flag_int(&a, "wait", 0), 90000000000LL);
	assert_int_equal(flag_int(&a, "last", 0), 16);
	assert_int_equal(flag_int(&a, "weight", 7), 7);
}

static void refused(const char *word, const char *value, const char *message)
{
	auto_args a = {0};
	auto_err *err = NULL;
	char *const argv[] = {(char *)word, (char *)value, NULL};
	assert_int_equal(args_parse(&a, flags, argv, false, NULL, &err), -1);
	assert_string_equal(err_msg(err), message);
}

static void messages(void **state)
{
	refused("--foo", NULL, "unknown flag: --foo");
	refused("--fromat", "x", "unknown flag: --fromat\n\nDid you mean --format?");
	refused("-z", NULL, "unknown shorthand flag: 'z' in -z");
	refused("-iz", NULL, "unknown shorthand flag: 'z' in -z");
	refused("--format", NULL, "flag needs an argument: --format");
	refused("-m", NULL, "flag needs an argument: 'm' in -m");
	refused("-m", "abc",
		"invalid argument \"abc\" for \"-m, --memory\" flag: invalid size: 'abc'");
	refused("--tty=maybe", NULL,
		"invalid argument \"maybe\" for \"-t, --tty\" flag: strconv.ParseBool: parsing "
		"\"maybe\": invalid syntax");
	refused("-n", "x",
		"invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": "
		"invalid syntax");
	refused("--weight", "70000",
		"invalid argument \"70000\" for \"--weight\" flag: strconv.ParseUint: parsing "
		"\"70000\": value out of range");
	refused("--cpus", "abc",
		"invalid argument \"abc\" for \"--cpus\" flag: failed to parse abc as a rational "
		"number");
	refused("--=x", NULL, "bad flag syntax: --=x");
	refused("---x", NULL, "bad flag syntax: ---x");
}

static void help_anywhere(void **state)
{
	auto_args a = {0}, b = {0}, c = {0};
	auto_err *err = NULL;
	assert_int_equal(PARSE(a, false, "x", "--help"), 0);
	assert_true(a.help);
	assert_int_equal(PARSE(b, true, "x", "--help"), 0);
	assert_false(b.help);
	assert_int_equal(PARSE(c, false, "--help=false"), 0);
	assert_false(c.help);
}

static void global_part(void **state)
{
	auto_args a = {0};
	auto_err *err = NULL;
	int used;
	const char *const argv[] = {"--format", "x", "ps", "-a", NULL};
	assert_int_equal(args_parse(&a, flags, (char *const *)argv, true, &used, &err), 0);
	assert_int_equal(used, 2);
	assert_int_equal(a.nrest, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(interspersed_and_terminated),
		cmocka_unit_test(booleans),
		cmocka_unit_test(values),
		cmocka_unit_test(messages),
		cmocka_unit_test(help_anywhere),
		cmocka_unit_test(global_part),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
