/* On this machine's own hierarchies, below /kist-test-PID; skipped where we may not make cgroups. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cgroup_private.h"

static char *test_path(const char *name)
{
	return xasprintf("/kist-test-%d/%s", (int)getpid(), name);
}

static struct cgroup *create(const char *name)
{
	auto_free char *path = test_path(name);
	struct cgroup *cg = NULL;
	auto_err *err = NULL;
	if (cgroup_create(&cg, path, &err) == 0)
		return cg;
	if (geteuid() == 0 && err->kind != ERR_UNAVAILABLE && err->sys != EROFS &&
		err->sys != EACCES)
		fail_msg("%s", err_msg(err));
	skip();
	return NULL;
}

static void drop(struct cgroup *cg)
{
	auto_err *err = NULL;
	if (cgroup_remove(cg, &err) < 0)
		fail_msg("%s", err_msg(err));
	cgroup_free(cg);
	auto_free char *parent = xasprintf("/kist-test-%d", (int)getpid());
	if (cgroup_open(&cg, parent, NULL) == 0) {
		assert_int_equal(cgroup_remove(cg, NULL), 0);
		cgroup_free(cg);
	}
}

/* A process that has gone in by @fds and stays. */
static pid_t stays(const int *fds, size_t n)
{
	int ready[2];
	char c;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		if (cgroup_enter(fds, n) < 0)
			_exit(1);
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 0);
	close(ready[0]);
	return pid;
}

/* A process that sits in @cg. */
static pid_t sitter(struct cgroup *cg)
{
	const int *fds;
	size_t n;
	assert_int_equal(cgroup_entry_fds(cg, &fds, &n, NULL), 0);
	pid_t pid = stays(fds, n);
	/* v2, where there is one */
	assert_int_equal(cgroup_attach(cg, pid, NULL), 0);
	return pid;
}

static void members_and_death(void **state)
{
	struct cgroup *cg = create("members");
	pid_t pid = sitter(cg);
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	assert_int_equal(cgroup_pids(cg, &pids, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], pid);
	/* it is in every hierarchy */
	auto_free char *path = test_path("members");
	auto_free char *command =
		xasprintf("grep -vc '%s$' /proc/%d/cgroup | grep -q '^0$'", path, (int)pid);
	assert_int_equal(system(command), 0);
	/* and its place is taken */
	cgroup_settle(cg);
	struct cgroup *again = NULL;
	auto_err *err = NULL;
	assert_int_equal(cgroup_create(&again, path, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_int_equal(cgroup_kill(cg, SIGKILL, NULL), 0);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	drop(cg);
}

/* What the first of two programs keeps is enough for the second to find, enter and end the cgroup. */
static void known_by_its_places(void **state)
{
	struct cgroup *made = create("known"), *cg = NULL;
	auto_free char *path = test_path("known");
	auto_free char *places = cgroup_places(made);
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	assert_non_null(places);
	cgroup_settle(made);
	assert_int_equal(cgroup_open_known(&cg, path, places, NULL), 0);
	pid_t pid = sitter(cg);
	auto_free char *command =
		xasprintf("grep -vc '%s$' /proc/%d/cgroup | grep -q '^0$'", path, (int)pid);
	assert_int_equal(system(command), 0);
	assert_int_equal(cgroup_pids(cg, &pids, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(pids[0], pid);
	assert_int_equal(cgroup_kill(cg, SIGKILL, NULL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	/* and limits are written as by its maker */
	cgroup_open_rest(cg);
	for (size_t i = 0; i < made->count; i++) {
		assert_string_equal(cg->dirs[i].mount->name, made->dirs[i].mount->name);
		assert_int_equal(cg->dirs[i].mount->controllers, made->dirs[i].mount->controllers);
		assert_true(cg->dirs[i].fd >= 0);
	}
	assert_int_equal(cgroup_destroy(cg, NULL), 0);
	cgroup_free(cg);
	assert_int_equal(cgroup_open(&cg, path, NULL), -1);
	drop(made);
}

static void places_that_hold_no_longer(void **state)
{
	struct cgroup *cg = NULL;
	auto_err *gone = NULL, *other = NULL, *bad = NULL, *elsewhere = NULL;
	char dir[] = "/tmp/kist-places-XXXXXX";
	assert_non_null(mkdtemp(dir));
	auto_free char *places = xasprintf("c pids / %s\n", dir);
	auto_free char *folder = xasprintf("%s/x", dir);
	assert_int_equal(cgroup_open_known(&cg, "/x", places, &gone), -1);
	assert_int_equal(gone->kind, ERR_NOT_FOUND);
	/* a folder of that name that is no cgroup */
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(cgroup_open_known(&cg, "/x", places, &other), -1);
	assert_int_equal(other->kind, ERR_NOT_FOUND);
	assert_int_equal(cgroup_open_known(&cg, "/x", "c pids /\n", &bad), -1);
	assert_int_equal(bad->kind, ERR_INVALID);
	/* one that would not be opened is elsewhere */
	struct cgroup *made = create("places");
	auto_free char *path = test_path("places");
	auto_free char *known = cgroup_places(made);
	auto_free char *moved = xasprintf("%sn moved / %s\n", known, dir);
	assert_int_equal(cgroup_open_known(&cg, path, moved, &elsewhere), -1);
	assert_int_equal(elsewhere->kind, ERR_NOT_FOUND);
	assert_int_equal(cgroup_open_known(&cg, path, known, NULL), 0);
	cgroup_free(cg);
	drop(made);
	rmdir(folder);
	rmdir(dir);
}

/* Two who make the same cgroup at the same time both find it empty. */
static void ours_until_settled(void **state)
{
	struct cgroup *cg = create("claimed"), *second = NULL;
	auto_free char *path = test_path("claimed");
	auto_err *err = NULL;
	assert_int_equal(cgroup_create(&second, path, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	/* and has not been taken away */
	assert_int_equal(cgroup_open(&second, path, NULL), 0);
	cgroup_free(second);
	cgroup_settle(cg);
	assert_int_equal(cgroup_create(&second, path, NULL), 0);
	cgroup_free(cg);
	drop(second);
}

/* One process after the other goes into @folder and stays there. */
static void send_in(const char *folder)
{
	auto_free char *procs = xasprintf("%s/cgroup.procs", folder);
	for (int i = 0; i < 20; i++) {
		if (fork() == 0) {
			alarm(20); /* where the test fails */
			int fd = open(procs, O_WRONLY | O_CLOEXEC);
			if (fd >= 0 && write(fd, "0", 1) == 1)
				pause();
			_exit(0);
		}
		usleep(5000);
	}
	_exit(0);
}

static int64_t pause_of_ours; /* by so much the clock goes on each time that it is read */

int64_t __real_time_mono(void);
int64_t __wrap_time_mono(void);
int64_t __wrap_time_mono(void)
{
	static int64_t paused;
	paused += pause_of_ours;
	return __real_time_mono() + paused;
}

/* A machine that lets nobody run for a while takes nothing off the time for the others to end. */
static void pauses_of_ours_do_not_count(void **state)
{
	struct cgroup *cg = create("paused");
	auto_err *err = NULL;
	struct cgroup_hierarchy *h = NULL;
	size_t n = 0;
	assert_int_equal(cgroup_hierarchies(cg, &h, &n, NULL), 0);
	/* where only who removes it finds it */
	auto_free char *procs = xasprintf("%s/cgroup.procs", h[n - 1].folder);
	int fd = open(procs, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	pid_t pid = stays(&fd, 1);
	close(fd);
	cgroup_hierarchies_free(h, n);
	pause_of_ours = 6 * TIME_NS_PER_SEC;
	int r = cgroup_destroy(cg, &err);
	pause_of_ours = 0;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (r < 0)
		fail_msg("%s", err_msg(err));
	drop(cg);
}

/* Like execs that were under way when their container was killed. */
static void latecomers_are_killed(void **state)
{
	struct cgroup *cg = create("late");
	auto_err *err = NULL;
	struct cgroup_hierarchy *h = NULL;
	size_t n = 0;
	assert_int_equal(cgroup_hierarchies(cg, &h, &n, NULL), 0);
	pid_t pid = fork();
	if (pid == 0)
		send_in(h[n - 1].folder);
	cgroup_hierarchies_free(h, n);
	usleep(20000);
	int r = cgroup_destroy(cg, &err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (r < 0)
		fail_msg("%s", err_msg(err));
	drop(cg);
}

static void frozen_and_killed(void **state)
{
	struct cgroup *cg = create("frozen");
	if (!cgroup_dir_of(cg, CTL_FREEZER)) {
		drop(cg);
		skip();
	}
	pid_t pid = sitter(cg);
	assert_false(cgroup_frozen(cg));
	assert_int_equal(cgroup_freeze(cg, true, NULL), 0);
	assert_true(cgroup_frozen(cg));
	/* a signal waits, a kill does not */
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	assert_int_equal(cgroup_kill(cg, SIGKILL, NULL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(cgroup_freeze(cg, false, NULL), 0);
	drop(cg);
}

static void limits_arrive(void **state)
{
	struct cgroup *cg = create("limits");
	struct oci_resources r = {0};
	if (!cgroup_dir_of(cg, CTL_MEMORY) || !cgroup_dir_of(cg, CTL_PIDS)) {
		drop(cg);
		skip();
	}
	r.memory.limit.set = r.pids_limit.set = true;
	r.memory.limit.v = 64 << 20;
	r.pids_limit.v = 7;
	assert_int_equal(cgroup_set(cg, &r, NULL), 0);
	struct cgroup_stats stats;
	assert_int_equal(cgroup_read_stats(cg, &stats, NULL), 0);
	assert_int_equal(stats.memory_limit, 64 << 20);
	assert_int_equal(stats.pids_limit, 7);
	assert_int_equal(cgroup_oom_kills(cg), 0);
	/* up with swap, down with swap, and away: each needs another order on v1 */
	static const int64_t steps[][2] = {{128, 256}, {32, 32}, {64, -1}, {-1, -1}};
	r.memory.swap.set =
		cgroup_file_exists(cgroup_dir_of(cg, CTL_MEMORY), "memory.memsw.limit_in_bytes") ||
		cgroup_file_exists(cgroup_dir_of(cg, CTL_MEMORY), "memory.swap.max");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		r.memory.limit.v = steps[i][0] < 0 ? -1 : steps[i][0] << 20;
		r.memory.swap.v = steps[i][1] < 0 ? -1 : steps[i][1] << 20;
		auto_err *err = NULL;
		if (cgroup_set(cg, &r, &err) < 0)
			fail_msg("step %zu: %s", i, err_msg(err));
	}
	assert_int_equal(cgroup_read_stats(cg, &stats, NULL), 0);
	assert_true(stats.memory_limit == INT64_MAX);
	drop(cg);
}

static void absent_controllers_are_named(void **state)
{
	struct cgroup *cg = create("absent");
	struct oci_resources r = {0};
	r.net_class_id.set = true;
	r.net_class_id.v = 1;
	if (cgroup_dir_of(cg, CTL_NET_CLS)) {
		drop(cg);
		skip();
	}
	auto_err *err = NULL;
	assert_int_equal(cgroup_set(cg, &r, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, "\"net_cls\""));
	drop(cg);
}

/* The device program is made and attached wherever there is a v2 folder, hybrid machines included. */
static void device_program(void **state)
{
	struct cgroup *cg = create("devices");
	const struct cgroup_dir *v2 = NULL;
	for (size_t i = 0; i < cg->count; i++) {
		if (cg->dirs[i].mount->v2)
			v2 = &cg->dirs[i];
	}
	auto_err *err = NULL;
	struct oci_resources r = {0};
	oci_device_rule_add(&r, false, 'a', -1, -1, "rwm");
	oci_device_rule_add(&r, true, 'c', 10, 229, "rw");
	if (!v2 || (cgroup_v2_devices(v2, &r, &err) < 0 && err->sys == EPERM)) {
		free(r.devices);
		drop(cg);
		skip();
	}
	assert_null(err);
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char c;
		if (read(ready[0], &c, 1) != 1)
			_exit(9);
		_exit(open("/dev/null", O_RDWR) < 0	   ? 1
			: open("/dev/kmsg", O_RDONLY) >= 0 ? 2
							   : errno != EPERM);
	}
	assert_int_equal(cgroup_attach(cg, pid, NULL), 0);
	/* replaced in place, several times: no program may stay behind */
	oci_device_rule_add(&r, false, 'c', 1, 11, "w");
	for (int i = 0; i < 5; i++)
		assert_int_equal(cgroup_v2_devices(v2, &r, NULL), 0);
	assert_int_equal(write(ready[1], "g", 1), 1);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
	free(r.devices);
	drop(cg);
}

static void nested_folders_go(void **state)
{
	struct cgroup *cg = create("nested");
	for (size_t i = 0; i < cg->count; i++) {
		assert_int_equal(mkdirat(cg->dirs[i].fd, "a", 0755), 0);
		assert_int_equal(mkdirat(cg->dirs[i].fd, "a/b", 0755), 0);
	}
	drop(cg);
}

static void renamed(void **state)
{
	struct cgroup *cg = create("old");
	auto_free char *path = test_path("new");
	if (cgroup_mode() == CGROUP_V2) {
		assert_int_equal(cgroup_rename(cg, path, NULL), -1);
		drop(cg);
		return;
	}
	assert_int_equal(cgroup_rename(cg, path, NULL), 0);
	assert_string_equal(cgroup_path(cg), path);
	drop(cg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_and_death),
		cmocka_unit_test(known_by_its_places),
		cmocka_unit_test(places_that_hold_no_longer),
		cmocka_unit_test(ours_until_settled),
		cmocka_unit_test(latecomers_are_killed),
		cmocka_unit_test(pauses_of_ours_do_not_count),
		cmocka_unit_test(frozen_and_killed),
		cmocka_unit_test(limits_arrive),
		cmocka_unit_test(absent_controllers_are_named),
		cmocka_unit_test(device_program),
		cmocka_unit_test(nested_folders_go),
		cmocka_unit_test(renamed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
