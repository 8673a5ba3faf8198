/* Filters by Docker's rules. */
#include "../cmocka_all.h"

#include "core.h"

static void test_matching(void **state)
{
	auto_filters f = {0};
	filters_add(&f, "name", "web");
	filters_add(&f, "name", "^db$");
	filters_add(&f, "status", "running");

	assert_true(filters_fuzzy(&f, "name", "my-web-1"));
	assert_true(filters_fuzzy(&f, "name", "db"));
	assert_false(filters_fuzzy(&f, "name", "db2"));
	assert_true(filters_exact(&f, "status", "running"));
	assert_false(filters_exact(&f, "status", "exited"));
	assert_true(filters_exact(&f, "absent", "anything"));
	assert_true(filters_exact(NULL, "absent", "anything"));
}

static void test_bad_pattern_is_text(void **state)
{
	auto_filters f = {0};
	filters_add(&f, "name", "a[");
	assert_true(filters_fuzzy(&f, "name", "xa[y"));
	assert_false(filters_fuzzy(&f, "name", "a"));
}

static void test_unknown_key(void **state)
{
	static const char *const known[] = {"id", NULL};
	auto_filters f = {0};
	auto_err *err = NULL;
	filters_add(&f, "id", "1");
	assert_int_equal(filters_check(&f, known, &err), 0);
	filters_add(&f, "colour", "red");
	assert_int_equal(filters_check(&f, known, &err), -1);
	assert_string_equal(err->msg, "invalid filter 'colour'");
}

static void test_booleans(void **state)
{
	auto_filters f = {0};
	auto_err *err = NULL;
	bool b;
	assert_int_equal(filters_bool(&f, "dangling", true, &b, &err), 0);
	assert_true(b);
	filters_add(&f, "dangling", "0");
	assert_int_equal(filters_bool(&f, "dangling", true, &b, &err), 0);
	assert_false(b);
	filters_add(&f, "dangling", "true");
	assert_int_equal(filters_bool(&f, "dangling", true, &b, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matching),
		cmocka_unit_test(test_bad_pattern_is_text),
		cmocka_unit_test(test_unknown_key),
		cmocka_unit_test(test_booleans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
