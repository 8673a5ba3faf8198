/* The resctrl file interface, against a folder that looks like it: the machine need not have it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "../cmocka_all.h"
#include "plan_private.h"
#include "runtime/rdt.h"

struct fake {
	char path[64];
	int root;
};

static int fake_make(void **state)
{
	struct fake *f = xcalloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/kist-test-rdt.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->root = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->root, "info", 0755), 0);
	*state = f;
	return 0;
}

static int fake_remove(void **state)
{
	struct fake *f = *state;
	tree_remove(AT_FDCWD, f->path, NULL);
	close(f->root);
	free(f);
	return 0;
}

static void put(struct fake *f, const char *file, const char *text)
{
	auto_fd int fd = openat(f->root, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void has(struct fake *f, const char *file, const char *text)
{
	auto_buf found = BUF_INIT;
	assert_int_equal(file_read(f->root, file, 4096, &found, NULL), 0);
	assert_string_equal(buf_str(&found), text);
}

static bool there(struct fake *f, const char *file)
{
	return faccessat(f->root, file, F_OK, 0) == 0;
}

/* rmdir(2) of a group removes its files in resctrl; here they are in the way */
static void empty(struct fake *f, const char *folder)
{
	static const char *const files[] = {"tasks", "schemata"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		auto_free char *path = xasprintf("%s/%s", folder, files[i]);
		unlinkat(f->root, path, 0);
	}
}

static void own_class(void **state)
{
	struct fake *f = *state;
	const char *lines[] = {"L3:0=7f0;1=1f", "MB:0=20;1=70", "L2:0=f", NULL};
	const struct plan_rdt rdt = {.clos = "c1", .schemata = lines};
	assert_true(rdt_makes_class(f->root, &rdt));
	assert_int_equal(rdt_create(f->root, &rdt, 4711, NULL), 0);
	has(f, "c1/schemata", "L3:0=7f0;1=1f\nMB:0=20;1=70\nL2:0=f\n");
	has(f, "c1/tasks", "4711");
	assert_int_equal(rdt_enter(f->root, &rdt, 4712, NULL), 0);
	has(f, "c1/tasks", "4712");
	assert_int_equal(rdt_update(f->root, "c1", "L3:0=f", NULL, NULL), 0);
	has(f, "c1/schemata", "L3:0=f\n");
	assert_int_equal(rdt_update(f->root, "c1", "L3:0=1", "MB:0=50", NULL), 0);
	has(f, "c1/schemata", "L3:0=1\nMB:0=50\n");
	assert_false(rdt_makes_class(f->root, &rdt));
	empty(f, "c1");
	assert_int_equal(rdt_remove(f->root, &rdt, true, NULL), 0);
	assert_false(there(f, "c1"));
	assert_int_equal(rdt_remove(f->root, &rdt, true, NULL), 0);
}

static void nothing_to_write(void **state)
{
	struct fake *f = *state;
	const struct plan_rdt rdt = {.clos = "c2"};
	assert_int_equal(rdt_create(f->root, &rdt, 1, NULL), 0);
	assert_false(there(f, "c2/schemata"));
	has(f, "c2/tasks", "1");
}

static void named_class(void **state)
{
	struct fake *f = *state;
	auto_err *err = NULL;
	const char *lines[] = {"L3:0=7f0;1=1f", "MB:0=20", NULL};
	struct plan_rdt rdt = {.clos = "shared", .named = true};
	assert_int_equal(rdt_create(f->root, &rdt, 1, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err->msg, "linux.intelRdt.closID"));
	err_freep(&err);
	/* with schemata it is made, and never ours to remove */
	rdt.schemata = lines;
	assert_false(rdt_makes_class(f->root, &rdt));
	assert_int_equal(rdt_create(f->root, &rdt, 1, NULL), 0);
	has(f, "shared/schemata", "L3:0=7f0;1=1f\nMB:0=20\n");
	assert_int_equal(rdt_remove(f->root, &rdt, false, NULL), 0);
	assert_true(there(f, "shared"));
	/* as the kernel shows them: padded, ordered, more than were asked for */
	put(f, "shared/schemata", "    MB:0= 20;1=100\n    L3:0=007f0;1=0001f\n");
	assert_int_equal(rdt_create(f->root, &rdt, 2, NULL), 0);
	put(f, "shared/schemata", "MB:0=20\nL3:0=7f0;1=ff\n");
	assert_int_equal(rdt_create(f->root, &rdt, 3, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_non_null(strstr(err->msg, "L3:0=7f0;1=1f"));
	has(f, "shared/tasks", "2");
	has(f, "shared/schemata", "MB:0=20\nL3:0=7f0;1=ff\n");
	/* without any it is taken as it is */
	rdt.schemata = NULL;
	assert_int_equal(rdt_create(f->root, &rdt, 4, NULL), 0);
	has(f, "shared/tasks", "4");
}

static void default_class(void **state)
{
	struct fake *f = *state;
	const struct plan_rdt rdt = {.clos = "/", .named = true};
	assert_int_equal(rdt_create(f->root, &rdt, 5, NULL), 0);
	has(f, "tasks", "5");
}

static void monitoring(void **state)
{
	struct fake *f = *state;
	auto_err *err = NULL;
	const struct plan_rdt rdt = {.clos = "m", .named = true, .monitor = "c3"};
	assert_int_equal(mkdirat(f->root, "m", 0755), 0);
	/* the kernel makes this one; without it the group cannot be, and says why */
	put(f, "info/last_cmd_status", "out of RMIDs\n");
	assert_int_equal(rdt_create(f->root, &rdt, 6, &err), -1);
	assert_non_null(strstr(err->msg, "m/mon_groups/c3"));
	assert_non_null(strstr(err->msg, "(out of RMIDs)"));
	assert_int_equal(mkdirat(f->root, "m/mon_groups", 0755), 0);
	assert_int_equal(rdt_create(f->root, &rdt, 6, NULL), 0);
	has(f, "m/tasks", "6");
	has(f, "m/mon_groups/c3/tasks", "6");
	empty(f, "m/mon_groups/c3");
	assert_int_equal(rdt_remove(f->root, &rdt, false, NULL), 0);
	assert_false(there(f, "m/mon_groups/c3"));
	assert_true(there(f, "m"));
}

static void failure_undoes(void **state)
{
	struct fake *f = *state;
	const struct plan_rdt rdt = {.clos = "c4", .monitor = "c4"};
	assert_int_equal(rdt_create(f->root, &rdt, 7, NULL), -1);
	assert_false(there(f, "c4"));
}

static void lists(void **state)
{
	static const struct {
		const char *text;
		bool good;
		size_t len;
		uint64_t first;
	} cases[] = {
		{"0", true, 8, 1},
		{"0-3,7", true, 8, 0x8f},
		{",0,1,", true, 8, 3},
		{"    , 1   , 3  ,  5-7,    ", true, 8, 0xea},
		{"63", true, 8, 1ull << 63},
		{"0,64", true, 16, 1},
		{"65536", true, 8200, 0},
		{"", true, 0, 0},
		{"65537", false, 0, 0},
		{"0-65537", false, 0, 0},
		{"99999999999999999999999", false, 0, 0},
		{"-", false, 0, 0},
		{"1-", false, 0, 0},
		{"-3", false, 0, 0},
		{",", false, 0, 0},
		{" ", false, 0, 0},
		{"54-53", false, 0, 0},
		{"1 - 2", false, 0, 0},
		{"1x", false, 0, 0},
		{"0x1", false, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct arena *arena = arena_new();
		struct plan_mask mask;
		auto_err *err = NULL;
		int r = plan_mask_parse(&mask, arena, "the.field", cases[i].text, &err);
		assert_int_equal(r, cases[i].good ? 0 : -1);
		if (r < 0)
			assert_non_null(strstr(err->msg, "the.field"));
		else
			assert_int_equal(mask.len, cases[i].len);
		if (r == 0 && mask.len)
			assert_memory_equal(mask.bits, &cases[i].first, 8);
		arena_free(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(own_class, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(nothing_to_write, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(named_class, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(default_class, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(monitoring, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(failure_undoes, fake_make, fake_remove),
		cmocka_unit_test(lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
