#include "../cmocka_all.h"

#include <errno.h>

#include "base/err.h"

static int opened(struct err **err)
{
	return err_sys(err, ENOENT, "open %s", "/x");
}

static void messages(void **state)
{
	auto_err *err = NULL;
	assert_int_equal(opened(&err), -1);
	assert_int_equal(err->kind, ERR_SYSTEM);
	assert_int_equal(err->sys, ENOENT);
	assert_string_equal(err_msg(err), "open /x: no such file or directory");
	assert_int_equal(err_wrap(&err, "start %s", "c1"), -1);
	assert_string_equal(err_msg(err), "start c1: open /x: no such file or directory");
	assert_int_equal(err_set(&err, ERR_CONFLICT, "second"), -1);
	assert_string_equal(err_msg(err), "second");
	assert_int_equal(err->sys, 0);
	assert_int_equal(opened(NULL), -1); /* nobody wants to know */
	assert_string_equal(err_msg(NULL), "no error");
}

static void ownership(void **state)
{
	auto_err *outer = NULL;
	struct err *inner = NULL;
	opened(&inner);
	assert_int_equal(err_move(&outer, &inner), -1);
	assert_null(inner);
	assert_int_equal(outer->sys, ENOENT);
	opened(&inner);
	err_move(NULL, &inner);
	assert_null(inner);
}

static void every_kind_has_a_name(void **state)
{
	for (int k = 0; k < ERR_KIND_COUNT; k++)
		assert_string_not_equal(err_kind_name((enum err_kind)k), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(ownership),
		cmocka_unit_test(every_kind_has_a_name),
	};
	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
