/* The table of commands is consistent: what help, completion and manual pages are made from. */
#include "../cmocka_all.h"

#include "command.h"

static void flags_are_unique_and_sorted(void **state)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct flag_spec *flags = commands[i]->flags;
		for (const struct flag_spec *f = flags; f && f->name; f++) {
			assert_non_null(f->usage);
			if (f[1].name && strcmp(f->name, f[1].name) >= 0)
				fail_msg("%s: --%s before --%s", commands[i]->name, f->name,
					f[1].name);
			for (const struct flag_spec *g = f + 1; f->letter && g->name; g++)
				if (g->letter == f->letter)
					fail_msg("%s: -%c twice", commands[i]->name, f->letter);
		}
	}
}

static void commands_are_complete(void **state)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		assert_non_null(c->name);
		assert_non_null(c->args);
		assert_non_null(c->summary);
		assert_non_null(c->run);
		assert_true(c->min_args <= c->max_args);
		assert_true((*c->args != 0) == (c->max_args > 0));
		assert_false(command_is_planned(c->group, c->name));
		if (c->top)
			assert_false(command_is_planned(NULL, c->top));
		for (size_t k = i + 1; commands[k]; k++)
			if (str_eq(c->group, commands[k]->group))
				assert_false(str_eq(c->name, commands[k]->name));
	}
}

static void groups_exist(void **state)
{
	for (size_t i = 0; commands[i]; i++) {
		bool found = !commands[i]->group;
		for (const struct group *g = command_groups; g->name; g++)
			found = found || str_eq(g->name, commands[i]->group);
		assert_true(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_unique_and_sorted),
		cmocka_unit_test(commands_are_complete),
		cmocka_unit_test(groups_exist),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
