/* Hostile trees: nothing leads out. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "sys/rootpath.h"

struct scratch {
	char dir[64];
	int top, root;
};

static int setup(void **state)
{
	struct scratch *s = xcalloc(1, sizeof(*s));
	snprintf(s->dir, sizeof(s->dir), "/tmp/kist-rootpath-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->top = open(s->dir, O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(s->top, "root", 0755), 0);
	s->root = openat(s->top, "root", O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("../../../..", s->root, "up"), 0);
	assert_int_equal(symlinkat("/target", s->root, "abs"), 0);
	assert_int_equal(symlinkat("/proc/self/fd", s->root, "magic"), 0);
	assert_int_equal(symlinkat("loop", s->root, "loop"), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;
	close(s->root);
	close(s->top);
	tree_remove(AT_FDCWD, s->dir, NULL);
	free(s);
	return 0;
}

static void test_dirs_stay_inside(void **state)
{
	struct scratch *s = *state;
	struct stat st;
	auto_fd int a = root_make_dir(s->root, "/up/made/deep", 0755);
	assert_true(a >= 0);
	assert_int_equal(fstatat(s->root, "made/deep", &st, 0), 0);
	auto_fd int b = root_make_dir(s->root, "x/../../../y//z/", 0700);
	assert_true(b >= 0);
	assert_int_equal(fstatat(s->root, "y/z", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	auto_fd int again = root_make_dir(s->root, "/", 0700);
	assert_true(again >= 0);
}

static void test_dangling_links_are_made_good_inside(void **state)
{
	struct scratch *s = *state;
	struct stat st;
	assert_int_equal(symlinkat("../../../sib/./ling", s->root, "rel"), 0);
	assert_int_equal(symlinkat("abs/../chain2", s->root, "chain1"), 0);
	assert_int_equal(symlinkat("file-of-chain", s->root, "chain2"), 0);
	auto_fd int a = root_make_dir(s->root, "/abs/x", 0755);
	assert_true(a >= 0);
	assert_int_equal(fstatat(s->root, "target/x", &st, 0), 0);
	auto_fd int b = root_make_dir(s->root, "/rel/y", 0755);
	assert_true(b >= 0);
	assert_int_equal(fstatat(s->root, "sib/ling/y", &st, 0), 0);
	assert_int_equal(fstatat(s->top, "sib", &st, 0), -1);
	auto_fd int c = root_make_file(s->root, "/chain1");
	assert_true(c >= 0);
	assert_int_equal(fstatat(s->root, "file-of-chain", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	auto_fd int d = root_make_file(s->root, "/abs/new/file");
	assert_true(d >= 0);
	assert_int_equal(fstatat(s->root, "target/new/file", &st, 0), 0);
}

static void test_link_loops_end(void **state)
{
	struct scratch *s = *state;
	assert_int_equal(root_make_dir(s->root, "/loop/x", 0755), -1);
	assert_int_equal(errno, ELOOP);
	/* the kernel sees no loop in what does not exist: each turn makes one more folder's name */
	assert_int_equal(symlinkat("grow/x", s->root, "grow"), 0);
	assert_int_equal(root_make_dir(s->root, "/grow", 0755), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(root_make_file(s->root, "/grow"), -1);
	assert_int_equal(errno, ELOOP);
}

static void test_files(void **state)
{
	struct scratch *s = *state;
	struct stat st;
	auto_fd int a = root_make_file(s->root, "/d/e/f");
	assert_true(a >= 0);
	assert_int_equal(fstatat(s->root, "d/e/f", &st, 0), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(root_make_file(s->root, "/d/e/f/g"), -1);
	assert_int_equal(errno, ENOTDIR);
}

static void test_parent(void **state)
{
	struct scratch *s = *state;
	char name[NAME_MAX + 1];
	auto_fd int a = root_open_parent(s->root, "/p/q/last//", 1, name, sizeof(name));
	assert_true(a >= 0);
	assert_string_equal(name, "last");
	assert_int_equal(root_open_parent(s->root, "/p/..", 1, name, sizeof(name)), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(root_open_parent(s->root, "///", 1, name, sizeof(name)), -1);
	char *longname = xasprintf("/%0*d", 300, 0);
	assert_int_equal(root_open_parent(s->root, longname, 1, name, sizeof(name)), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	free(longname);
}

static void test_beneath_takes_no_link(void **state)
{
	struct scratch *s = *state;
	assert_int_equal(beneath_open(s->root, "up", O_PATH | O_DIRECTORY, 0), -1);
	assert_int_equal(beneath_open(s->root, "../root", O_PATH | O_DIRECTORY, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dirs_stay_inside),
		cmocka_unit_test(test_dangling_links_are_made_good_inside),
		cmocka_unit_test(test_link_loops_end),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_beneath_takes_no_link),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
