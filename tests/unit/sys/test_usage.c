/* What a folder holds. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "base/str.h"
#include "sys/usage.h"

static int setup(void **state)
{
	static char dir[] = "/tmp/kist-usage-XXXXXX";
	snprintf(dir, sizeof(dir), "/tmp/kist-usage-XXXXXX");
	assert_non_null(mkdtemp(dir));
	*state = dir;
	return 0;
}

static int teardown(void **state)
{
	return tree_remove(AT_FDCWD, *state, NULL);
}

static void write_file(int dir, const char *name, size_t n)
{
	auto_free char *data = xcalloc(n + 1, 1);
	auto_fd int fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, data, n), 0);
}

/* What du(1) says. */
static int64_t du(const char *path)
{
	char line[64] = "";
	auto_free char *command = xasprintf("du -s --block-size=1 %s", path);
	FILE *f = popen(command, "r");
	assert_non_null(fgets(line, sizeof(line), f));
	pclose(f);
	return strtoll(line, NULL, 10);
}

static void counts_what_du_counts(void **state)
{
	const char *top = *state;
	struct usage u = {0};
	auto_fd int dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(dir, "a", 0700), 0);
	assert_int_equal(mkdirat(dir, "a/b", 0700), 0);
	write_file(dir, "one", 10000);
	write_file(dir, "a/b/two", 5);
	assert_int_equal(linkat(dir, "one", dir, "a/again", 0), 0);
	assert_int_equal(symlinkat("/", dir, "a/root"), 0);
	assert_int_equal(mkfifoat(dir, "a/fifo", 0600), 0);
	auto_fd int sparse = openat(dir, "sparse", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(sparse, 1 << 20), 0);
	assert_int_equal(usage_add(dir, ".", &u, NULL), 0);
	assert_int_equal(u.bytes, 10005 + (1 << 20));
	assert_int_equal(u.files, 8);
	assert_int_equal(u.disk, du(top));
}

static void adds_up_and_takes_absence_for_nothing(void **state)
{
	struct usage u = {0};
	auto_fd int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	write_file(dir, "f", 3);
	assert_int_equal(usage_add(dir, "f", &u, NULL), 0);
	assert_int_equal(usage_add(dir, "nothing", &u, NULL), 0);
	assert_int_equal(usage_add(dir, "f/below", &u, NULL), 0);
	assert_int_equal(usage_add(dir, "f", &u, NULL), 0);
	assert_int_equal(u.bytes, 6);
	assert_int_equal(u.files, 2);
}

/* Deeper than a path may be long, with files on the way back up. */
static void goes_as_deep_as_folders_go(void **state)
{
	struct usage u = {0};
	auto_free char *name = xcalloc(201, 1);
	memset(name, 'd', 200);
	auto_fd int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0, at = dir; i < 60; i++) {
		assert_int_equal(mkdirat(at, name, 0700), 0);
		write_file(at, "a", 1);
		write_file(at, "z", 1);
		int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (at != dir)
			close(at);
		at = next;
		assert_true(at >= 0);
		if (i == 59)
			close(at);
	}
	assert_int_equal(usage_add(dir, ".", &u, NULL), 0);
	assert_int_equal(u.files, 180);
	assert_int_equal(u.bytes, 120);
	assert_int_equal(u.disk, du(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts_what_du_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(
			adds_up_and_takes_absence_for_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_as_deep_as_folders_go, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
