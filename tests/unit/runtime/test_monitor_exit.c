#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "runtime/monitor.h"

struct fixture {
	char path[64];
	int dir;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/kist-test-exit-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	close(f->dir);
	tree_remove(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

static void record_comes_back(void **state)
{
	struct fixture *f = *state;
	struct monitor_exit in = {7, 137, 9, true, 1700000000000000001, 1700000000000000002}, out;
	assert_int_equal(monitor_exit_write(f->dir, &in, NULL), 0);
	assert_int_equal(monitor_exit_write(f->dir, &in, NULL), 0); /* again: replaced */
	assert_int_equal(monitor_exit_read(f->dir, &out, NULL), 0);
	assert_true(out.generation == 7 && out.code == 137 && out.signal == 9 && out.oom &&
		    out.started_at == in.started_at && out.finished_at == in.finished_at);
}

static void absence_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct monitor_exit out;
	auto_err *err = NULL;
	assert_int_equal(monitor_exit_read(f->dir, &out, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
}

static void read_text(struct fixture *f, const char *text, int want)
{
	struct monitor_exit out;
	assert_int_equal(file_replace(f->dir, "exit", text, strlen(text), 0600, false, NULL), 0);
	assert_int_equal(monitor_exit_read(f->dir, &out, NULL), want);
}

static void nonsense_is_refused(void **state)
{
	struct fixture *f = *state;
	const char *good =
		"generation 1\ncode 0\nsignal 0\noom 0\nstarted 5\nfinished 6\nsomething newer\n";
	read_text(f, good, 0);
	read_text(f, "", -1);
	read_text(f, "generation 1\n", -1);
	read_text(f, "generation 1\ncode x\nsignal 0\noom 0\nstarted 5\nfinished 6\n", -1);
	read_text(
		f, "generation 1\ncode 99999999999\nsignal 0\noom 0\nstarted 5\nfinished 6\n", -1);
	read_text(f, "generation -1\ncode 0\nsignal 0\noom 0\nstarted 5\nfinished 6\n", -1);
	read_text(f, "code\n", -1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(record_comes_back),
		WITH(absence_is_told_apart),
		WITH(nonsense_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
