/* Names and signals. */
#include "../cmocka_all.h"

#include <signal.h>

#include "core.h"

static void test_random_names(void **state)
{
	for (unsigned i = 0; i < 200; i++) {
		auto_free char *name = name_random(i % 8);
		assert_true(name_valid(name));
		assert_non_null(strchr(name, '_'));
	}
}

static void test_valid_names(void **state)
{
	assert_true(name_valid("web_1.b-c"));
	assert_true(name_valid("0a"));
	assert_false(name_valid(""));
	assert_false(name_valid("a"));
	assert_false(name_valid("-a"));
	assert_false(name_valid("_a"));
	assert_false(name_valid("a b"));
	assert_false(name_valid("a/b"));
	assert_false(name_valid("\xc3\xa4x"));
}

static void test_signals(void **state)
{
	assert_int_equal(signal_number("TERM"), SIGTERM);
	assert_int_equal(signal_number("sigterm"), SIGTERM);
	assert_int_equal(signal_number("9"), SIGKILL);
	assert_int_equal(signal_number("RTMIN+3"), 37);
	assert_int_equal(signal_number("SIGRTMAX-1"), 63);
	assert_int_equal(signal_number("SIGRTMIN"), 34);
	assert_int_equal(signal_number("0"), -1);
	assert_int_equal(signal_number("65"), -1);
	assert_int_equal(signal_number("-9"), -1);
	assert_int_equal(signal_number(""), -1);
	assert_int_equal(signal_number("SIG"), -1);
	assert_int_equal(signal_number("RTMIN+99"), -1);
	assert_int_equal(signal_number("KILLKILLKILLKILLKILL"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_names),
		cmocka_unit_test(test_valid_names),
		cmocka_unit_test(test_signals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
