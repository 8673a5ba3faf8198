#include "../cmocka_all.h"

#include "table.h"

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
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns),
		cmocka_unit_test(runs),
		cmocka_unit_test(characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
