/* Finding containers by id, name and prefix. */
#include "../cmocka_all.h"

#include "core.h"

static struct engine engine = {.refs = 1};

static struct container *add(struct roster *r, const char *id, const char *name)
{
	struct doc_ref *doc = doc_new();
	memset(doc->doc.id, '0', 64);
	memcpy(doc->doc.id, id, strlen(id));
	assert_int_equal(roster_name_take(r, name, doc->doc.id, NULL), 0);
	struct container *c = container_new(&engine, doc, name);
	roster_add(r, c);
	return c;
}

static void finds(struct roster *r, const char *ref, const struct container *want)
{
	auto_container *c = roster_find(r, ref, NULL);
	assert_ptr_equal(c, want);
}

static void test_find(void **state)
{
	struct roster r = {0};
	auto_err *err = NULL;
	roster_init(&r);
	auto_container *a = add(&r, "ab1", "web");
	auto_container *b = add(&r, "ab2", "db");
	auto_container *c = add(&r, "cd", "ab1x");

	finds(&r, "web", a);
	finds(&r, "/web", a);
	finds(&r, "ab1", a);
	finds(&r, "ab2", b);
	finds(&r, "c", c);
	finds(&r, "ab1x", c);
	finds(&r, container_id(b), b);
	assert_null(roster_find(&r, "ab", &err));
	assert_int_equal(err->kind, ERR_INVALID);
	assert_null(roster_find(&r, "zz", &err));
	assert_string_equal(err->msg, "No such container: zz");
	assert_null(roster_find(&r, "", &err));
	assert_int_equal(roster_name_take(&r, "web", container_id(b), &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_non_null(strstr(err->msg, "The container name \"/web\" is already in use"));

	assert_int_equal(roster_name_take(&r, "new", container_id(a), NULL), 0);
	roster_renamed(&r, a, "new");
	finds(&r, "web", NULL);
	finds(&r, "new", a);
	roster_remove(&r, a);
	finds(&r, "new", NULL);
	finds(&r, "ab", b);
	roster_free(&r);
}

static void test_many(void **state)
{
	struct roster r = {0};
	roster_init(&r);
	for (unsigned i = 0; i < 500; i++) {
		char id[65], name[16];
		snprintf(id, sizeof(id), "%08x%056x", i * 2654435761u, i);
		snprintf(name, sizeof(name), "n%u", i);
		container_unref(add(&r, id, name));
	}
	assert_int_equal(roster_count(&r), 500);
	for (unsigned i = 0; i < 500; i++) {
		char name[16];
		snprintf(name, sizeof(name), "n%u", i);
		auto_container *c = roster_find(&r, name, NULL);
		assert_non_null(c);
		assert_string_equal(c->name, name);
	}
	roster_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
