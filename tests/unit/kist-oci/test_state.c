/* A container's entry: what another verb does to it while it is not locked, and the digit that is written in place. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
#include "state.h"

struct entry {
	struct globals globals;
	char root[32];
	struct state *s;
};

static int make_entry(void **state)
{
	struct entry *e = xcalloc(1, sizeof(*e));
	strcpy(e->root, "/tmp/kist-test-state.XXXXXX");
	assert_non_null(mkdtemp(e->root));
	e->globals.root = e->root;
	assert_int_equal(state_create(&e->s, &e->globals, "c", NULL), 0);
	e->s->version = xstrdup("1.0.2");
	assert_int_equal(state_save(e->s, NULL), 0);
	*state = e;
	return 0;
}

static int drop_entry(void **state)
{
	struct entry *e = *state;
	state_free(e->s);
	assert_int_equal(tree_remove(AT_FDCWD, e->root, NULL), 0);
	free(e);
	return 0;
}

static void a_class_that_update_made_meanwhile_is_known_again(void **state)
{
	struct entry *e = *state;
	auto_state *other = NULL;
	state_unlock(e->s);
	assert_int_equal(state_open(&other, &e->globals, "c", LOCK_CHANGE, NULL), 0);
	other->rdt_class = true;
	assert_int_equal(state_save(other, NULL), 0);
	state_unlock(other);
	assert_int_equal(state_relock(e->s, NULL), 0);
	assert_true(e->s->rdt_class);
}

static void one_of_the_same_name_is_another(void **state)
{
	struct entry *e = *state;
	auto_state *other = NULL, *next = NULL;
	auto_err *err = NULL;
	state_unlock(e->s);
	assert_int_equal(state_open(&other, &e->globals, "c", LOCK_CHANGE, NULL), 0);
	assert_int_equal(state_remove(other, NULL), 0);
	assert_int_equal(state_create(&next, &e->globals, "c", NULL), 0);
	assert_int_equal(state_relock(e->s, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
}

static void that_it_is_made_is_one_digit_of_the_record(void **state)
{
	struct entry *e = *state;
	auto_state *other = NULL, *later = NULL;
	auto_buf before = BUF_INIT, after = BUF_INIT;
	e->s->creating = true;
	assert_int_equal(state_save(e->s, NULL), 0);
	assert_int_equal(file_read(e->s->dir, "state.json", 4096, &before, NULL), 0);
	assert_int_equal(state_open(&other, &e->globals, "c", LOCK_NONE, NULL), 0);
	assert_true(other->creating);
	assert_int_equal(state_made(e->s, NULL), 0);
	assert_int_equal(state_open(&later, &e->globals, "c", LOCK_NONE, NULL), 0);
	assert_false(later->creating);
	assert_int_equal(file_read(e->s->dir, "state.json", 4096, &after, NULL), 0);
	assert_int_equal(before.len, after.len);
	size_t other_bytes = 0;
	for (size_t i = 0; i < before.len; i++)
		other_bytes += before.data[i] != after.data[i];
	assert_int_equal(other_bytes, 1);
}

#define ENTRY_TEST(name) cmocka_unit_test_setup_teardown(name, make_entry, drop_entry)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENTRY_TEST(a_class_that_update_made_meanwhile_is_known_again),
		ENTRY_TEST(one_of_the_same_name_is_another),
		ENTRY_TEST(that_it_is_made_is_one_digit_of_the_record),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
