#include "../cmocka_all.h"

#include "help.h"

static const struct flag_spec flags[] = {
	{"all", 'a', FLAG_BOOL, NULL, "Short"},
	{"format", 0, FLAG_STRING, NULL,
		"A text that is long enough to be wrapped at the width of the terminal, twice at "
		"least "
		"I hope so\n'x':  a line of its own",
		"\"y\""},
	{"secret", 0, FLAG_BOOL, NULL, "Hidden", NULL, NULL, true},
	{NULL},
};

static void wrapping(void **state)
{
	auto_buf out = BUF_INIT;
	help_flags(&out, flags, 80);
	assert_string_equal(out.data,
		"  -a, --all             Short\n"
		"      --format string   A text that is long enough to be wrapped at the\n"
		"                        width of the terminal, twice at least I hope so\n"
		"                        'x':  a line of its own (default \"y\")\n");
}

static void narrow(void **state)
{
	auto_buf out = BUF_INIT;
	help_flags(&out, flags, 20);
	assert_non_null(strstr(out.data, "Short\n"));
	assert_null(strstr(out.data, "secret"));
}

static void whole(void **state)
{
	const struct command c = {
		.group = "container",
		.name = "ls",
		.aliases = "list,ps",
		.top = "ps",
		.args = "",
		.summary = "List containers",
		.flags = flags,
	};
	auto_buf out = BUF_INIT;
	help_command(&out, &c, "container ls", 80);
	assert_memory_equal(out.data,
		"Usage:  kist container ls [OPTIONS]\n\nList containers\n\nAliases:\n  kist "
		"container "
		"ls, kist container list, kist container ps, kist ps\n\nOptions:\n  -a, --all",
		150);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrapping),
		cmocka_unit_test(narrow),
		cmocka_unit_test(whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
