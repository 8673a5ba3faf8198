#include "../cmocka_all.h"

#include "base/mem.h"
#include "format.h"
#include "table.h"
#include "width.h"

#define NI "\xe6\x97\xa5"
#define HON "\xe6\x9c\xac"

static void check(const char *text, const char *expected)
{
	auto_buf out = BUF_INIT;
	table_align(text, TABLE_MIN_WIDTH, TABLE_PADDING, &out);
	assert_string_equal(buf_str(&out), expected);
}

static void columns(void **state)
{
	check("", "");
	check("no cells\n", "no cells\n");
	check("A\tB\n", "A         B\n"); /* at least ten */
	check("REPOSITORY\tTAG\tSIZE\nbb\tlatest\t1MB\n",
		"REPOSITORY   TAG       SIZE\nbb           latest    1MB\n");
	check("a\t\tc\n", "a                   c\n");
	check("12345678\tx\n", "12345678   x\n");
}

static void runs(void **state)
{
	/* a line without the cell ends the column's run: widths do not carry over */
	check("aaaaaaaaaaaa\tx\nplain\nb\tx\n", "aaaaaaaaaaaa   x\nplain\nb         x\n");
}

static void characters(void **state)
{
	/* width counts characters, not bytes */
	check("\xe2\x80\xa6\xe2\x80\xa6\tx\n", "\xe2\x80\xa6\xe2\x80\xa6        x\n");
	/* those of East Asian scripts, and emoji, take two columns, accents none */
	check(NI HON "\tx\n", NI HON "      x\n");
	check("\xf0\x9f\x90\xb3\tx\n", "\xf0\x9f\x90\xb3        x\n");
	check("e\xcc\x81\tx\n", "e\xcc\x81         x\n");
	/* and what is no UTF-8 one */
	check("\xff\xe6\x97\tx\n", "\xff\xe6\x97       x\n");
}

static void fitting(void **state)
{
	assert_int_equal(width_fitting("\xc3\xa9t\xc3\xa9", 2), 3);
	assert_int_equal(width_fitting(NI HON, 3), 3);
	assert_int_equal(width_fitting(NI "e\xcc\x81x", 3), 6);
	assert_int_equal(width_of("\xc3\xa9t\xc3\xa9", 5), 3);
}

static void expect_cut(const char *text, size_t max, const char *expected)
{
	auto_free char *cut = format_ellipsis(text, max);
	assert_string_equal(cut, expected);
}

static void ellipses(void **state)
{
	expect_cut("12345", 5, "12345");
	expect_cut("123456", 5, "1234\xe2\x80\xa6");
	expect_cut(NI HON "1", 5, NI HON "1");
	expect_cut(NI HON NI, 5, NI HON "\xe2\x80\xa6");
	expect_cut("1" NI HON NI, 5, "1" NI "\xe2\x80\xa6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns),
		cmocka_unit_test(runs),
		cmocka_unit_test(characters),
		cmocka_unit_test(fitting),
		cmocka_unit_test(ellipses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
