/* Downloads that grow old while the daemon runs. */
#include "../cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core.h"

#define OLD "0000000000000000000000000000000000000000000000000000000000000000"
#define NEW "1111111111111111111111111111111111111111111111111111111111111111"
#define EVERY (TIME_NS_PER_SEC / 100)

/* Made beside: under another name, which file_replace() gives it first, it would be taken away at once. */
static void download(int root, const char *name, time_t age)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = time(NULL) - age}};
	auto_free char *path = xasprintf("ingest/%s", name);
	assert_int_equal(file_replace(root, name, "x", 1, 0600, false, NULL), 0);
	assert_int_equal(utimensat(root, name, times, 0), 0);
	assert_int_equal(renameat(root, name, root, path), 0);
}

static bool is_there(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, 0) == 0;
}

struct wait {
	struct loop *loop;
	int dir, turns;
};

static void look(struct loop_timer *timer, void *arg)
{
	struct wait *w = arg;
	if (is_there(w->dir, OLD) && w->turns++ < 3000)
		loop_timer_set(timer, time_mono() + EVERY);
	else
		loop_stop(w->loop);
}

static void until_gone(struct loop *loop, int dir)
{
	struct wait w = {.loop = loop, .dir = dir};
	struct loop_timer *timer = loop_timer_add(loop, time_mono() + EVERY, look, &w);
	assert_int_equal(loop_run(loop, NULL), 0);
	loop_timer_del(timer);
	assert_false(is_there(dir, OLD));
}

/* Again and again: what grew old after the first time goes as well. */
static void old_downloads_go_while_the_daemon_runs(void **state)
{
	char root[] = "/tmp/kist-test-tidy.XXXXXX";
	if (getuid() != 0)
		skip();
	assert_non_null(mkdtemp(root));
	auto_err *err = NULL;
	struct engine *e = xcalloc(1, sizeof(*e));
	e->refs = 1;
	e->store = store_open(&(struct store_options){.data_root = root}, &err);
	e->loop = loop_new(NULL);
	e->work = work_new();
	assert_non_null(e->store);
	assert_non_null(e->loop);
	auto_fd int top = dir_open(AT_FDCWD, root, NULL);
	auto_fd int dir = dir_open(top, "ingest", NULL);
	download(top, NEW, 6 * 86400);
	download(top, OLD, 8 * 86400);
	struct tidy *tidy = tidy_new(e, EVERY);
	until_gone(e->loop, dir);
	download(top, OLD, 8 * 86400);
	until_gone(e->loop, dir);
	assert_true(is_there(dir, NEW));
	tidy_free(tidy);
	work_free(e->work);
	store_close(e->store);
	loop_free(e->loop);
	free(e);
	assert_int_equal(tree_remove(AT_FDCWD, root, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_downloads_go_while_the_daemon_runs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
