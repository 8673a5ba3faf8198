/* Overlay mounts of many layers at long paths, by each way. Needs root; skipped without. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "base/str.h"
#include "sys/newmount.h"
#include "sys/overlay_ways.h"
#include "sys/rootpath.h"

#define LAYERS 127

struct scratch {
	char dir[64];
	int fd;
	char *lower[LAYERS + 1];
	char *upper, *work;
};

static char *make(struct scratch *s, const char *name)
{
	/* long enough that a single path does not fit an fsconfig string */
	char *part = xasprintf("%0*d/%0*d", 200, 1, 200, 2);
	char *path = xasprintf("%s/%s/%s", s->dir, part, name);
	assert_int_equal(dir_make(AT_FDCWD, path, 0755, NULL), 0);
	free(part);
	return path;
}

static int setup(void **state)
{
	struct scratch *s = xcalloc(1, sizeof(*s));
	snprintf(s->dir, sizeof(s->dir), "/tmp/kist-overlay-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	for (int i = 0; i < LAYERS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "lower%03d", i);
		s->lower[i] = make(s, name);
		char *file = xasprintf("%s/file%03d", s->lower[i], i);
		close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
		free(file);
	}
	s->upper = make(s, "upper");
	s->work = make(s, "work");
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct scratch *s = *state;
	tree_remove(AT_FDCWD, s->dir, NULL);
	for (int i = 0; i < LAYERS; i++)
		free(s->lower[i]);
	free(s->upper);
	free(s->work);
	free(s);
	return 0;
}

static void check(struct scratch *s, enum overlay_way way)
{
	if (geteuid() != 0)
		skip();
	struct overlay_spec spec = {
		.lower = (const char *const *)s->lower,
		.upper = s->upper,
		.work = s->work,
		.dir = AT_FDCWD,
		.no_sync = true,
		.attr = MOUNT_ATTR_NODEV,
	};
	auto_err *err = NULL;
	auto_fd int mnt = overlay_mount_by(&spec, way, &err);
	if (mnt < 0)
		fail_msg("%s", err_msg(err));
	struct stat st;
	assert_int_equal(fstatat(mnt, "file000", &st, 0), 0);
	assert_int_equal(fstatat(mnt, "file126", &st, 0), 0);
	close(openat(mnt, "made", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	auto_free char *made = xasprintf("%s/made", s->upper);
	assert_int_equal(stat(made, &st), 0);
	/* a volatile mount leaves a marker that must go before the folder can be used again */
	fd_closep(&mnt);
	assert_int_equal(tree_remove(AT_FDCWD, s->work, NULL), 0);
	assert_int_equal(mkdir(s->work, 0755), 0);
}

static void test_by_fd(void **state)
{
	check(*state, OVERLAY_BY_FD);
}

static void test_by_string(void **state)
{
	check(*state, OVERLAY_BY_STRING);
}

static void test_by_child(void **state)
{
	check(*state, OVERLAY_BY_CHILD);
}

static void test_single_lower_is_readonly(void **state)
{
	struct scratch *s = *state;
	if (geteuid() != 0)
		skip();
	const char *lower[] = {s->lower[3], NULL};
	struct overlay_spec spec = {.lower = lower, .dir = AT_FDCWD};
	auto_fd int mnt = overlay_mount(&spec, NULL);
	assert_true(mnt >= 0);
	struct stat st;
	assert_int_equal(fstatat(mnt, "file003", &st, 0), 0);
	assert_int_equal(openat(mnt, "x", O_CREAT | O_WRONLY | O_CLOEXEC, 0644), -1);
	assert_int_equal(errno, EROFS);
}

static void test_missing_layer_is_named(void **state)
{
	const char *lower[] = {"/nonexistent-layer", NULL};
	struct overlay_spec spec = {.lower = lower, .dir = AT_FDCWD};
	auto_err *err = NULL;
	assert_int_equal(overlay_mount(&spec, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_non_null(strstr(err->msg, "/nonexistent-layer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_fd),
		cmocka_unit_test(test_by_string),
		cmocka_unit_test(test_by_child),
		cmocka_unit_test(test_single_lower_is_readonly),
		cmocka_unit_test(test_missing_layer_is_named),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
