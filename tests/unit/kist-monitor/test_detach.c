#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "detach.h"

/* Feeds @in in pieces of @step bytes; what came through is compared with @want. */
static void check(const char *keys, const char *in, size_t step, const char *want, bool matches)
{
	struct detach d;
	auto_buf out = BUF_INIT;
	bool matched = false;
	detach_init(&d, keys);
	for (size_t at = 0, n = strlen(in); at < n && !matched; at += step)
		matched = detach_feed(&d, in + at, n - at < step ? n - at : step, &out);
	if (!matched)
		detach_flush(&d, &out);
	detach_clear(&d);
	assert_int_equal(matched, matches);
	assert_string_equal(buf_str(&out), want);
}

static void check_steps(const char *keys, const char *in, const char *want, bool matches)
{
	for (size_t step = 1; step <= strlen(in); step++)
		check(keys, in, step, want, matches);
}

static void plain_text_passes(void **state)
{
	check_steps("\x10\x11", "hello\n", "hello\n", false);
	check_steps(NULL, "\x10\x11", "\x10\x11", false);
	check_steps("", "\x10\x11", "\x10\x11", false);
}

static void sequence_is_found(void **state)
{
	check_steps("\x10\x11", "\x10\x11", "", true);
	check_steps("\x10\x11", "ab\x10\x11", "ab", true);
	check_steps("a", "xya", "xy", true);
	check("\x10\x11", "ab\x10\x11zz", 64, "ab", true); /* what follows is dropped */
}

static void half_a_sequence_passes_late(void **state)
{
	check_steps("\x10\x11", "a\x10z", "a\x10z", false);
	check_steps("\x10\x11", "a\x10", "a\x10", false); /* at the end of input */
	check_steps("abc", "ababx", "ababx", false);
}

static void overlapping_beginnings(void **state)
{
	check_steps("\x10\x11", "\x10\x10\x11", "\x10", true);
	check_steps("aab", "aaab", "a", true);
	check_steps("abac", "ababac", "ab", true);
	check_steps("ababc", "abababc", "ab", true);
	check_steps("aaa", "aabaaa", "aab", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_passes),
		cmocka_unit_test(sequence_is_found),
		cmocka_unit_test(half_a_sequence_passes_late),
		cmocka_unit_test(overlapping_beginnings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
