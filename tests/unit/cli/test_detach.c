#include "../cmocka_all.h"

#include "detach.h"

static void parse(void **state)
{
	struct detach d;
	auto_err *err = NULL;
	assert_int_equal(detach_parse(&d, DETACH_DEFAULT, NULL), 0);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.keys[0], 0x10);
	assert_int_equal(d.keys[1], 0x11);
	assert_int_equal(detach_parse(&d, "a,ctrl-[,ctrl-_,ctrl-@", NULL), 0);
	assert_int_equal(d.keys[1], 0x1b);
	assert_int_equal(d.keys[2], 0x1f);
	assert_int_equal(d.keys[3], 0);
	assert_int_equal(detach_parse(&d, "foo", &err), -1);
	assert_int_equal(detach_parse(&d, "ctrl-1", &err), -1);
	assert_int_equal(detach_parse(&d, "", &err), -1);
	assert_string_equal(err_msg(err), "invalid detach keys (): Unknown character: ''");
}

static void check(const char *keys, const char *typed, bool detached, const char *passed)
{
	for (size_t step = 1; step <= strlen(typed); step++) {
		struct detach d;
		auto_buf out = BUF_INIT;
		bool ended = false;
		assert_int_equal(detach_parse(&d, keys, NULL), 0);
		for (size_t i = 0; i < strlen(typed) && !ended; i += step) {
			size_t n = strlen(typed) - i < step ? strlen(typed) - i : step;
			ended = detach_filter(&d, typed + i, n, &out);
		}
		assert_int_equal(ended, detached);
		assert_string_equal(buf_str(&out), passed);
	}
}

static void filter(void **state)
{
	check(DETACH_DEFAULT, "abc\x10\x11zzz", true, "abc");
	check(DETACH_DEFAULT, "a\x10x\x11", false, "a\x10x\x11");
	check(DETACH_DEFAULT, "\x10\x10\x11", true, "\x10");
	check("a", "xya", true, "xy");
	check("a,b,c", "ababc", true, "ab");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse),
		cmocka_unit_test(filter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
