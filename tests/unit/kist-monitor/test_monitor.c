/* A whole monitor, driven through monitor_client, with containers made from the host's busybox. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "runtime/monitor_client.h"
#include "runtime/run.h"

#define BUSYBOX "/bin/busybox"
#define PATIENCE 20000 /* ms */

struct fixture {
	char path[64], root[80], id[40], cgroup[64];
	int disk, run_dir;
	struct monitor_client *client;
	pid_t monitor;
	int monitor_fd; /* pidfd */
};

static int set_up(void **state)
{
	static unsigned int count;
	struct fixture *f = xcalloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/kist-test-monitor-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	snprintf(f->root, sizeof(f->root), "%s/root", f->path);
	snprintf(f->id, sizeof(f->id), "t%d-%u", (int)getpid(), ++count);
	snprintf(f->cgroup, sizeof(f->cgroup), "/kist-test-%s", f->id);
	auto_fd int top = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *const folders[] = {
		"disk", "run", "root", "root/bin", "root/proc", "root/dev", "root/tmp"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		mkdirat(top, folders[i], 0755);
	auto_buf program = BUF_INIT;
	if (file_read(AT_FDCWD, BUSYBOX, 1 << 24, &program, NULL) < 0 ||
		file_replace(
			top, "root/bin/busybox", program.data, program.len, 0755, false, NULL) < 0)
		return -1;
	f->disk = openat(top, "disk", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->run_dir = openat(top, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->monitor_fd = -1;
	*state = f;
	return 0;
}

static bool monitor_gone(struct fixture *f, int ms)
{
	struct pollfd p = {.fd = f->monitor_fd, .events = POLLIN};
	return poll(&p, 1, ms) == 1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	monitor_client_unref(f->client);
	if (f->monitor_fd >= 0) {
		if (!monitor_gone(f, 3000))
			kill(f->monitor, SIGKILL);
		waitpid(f->monitor, NULL, 0);
		fd_close(f->monitor_fd);
	}
	struct cgroup *cg = NULL;
	if (cgroup_open(&cg, f->cgroup, NULL) == 0) {
		cgroup_kill(cg, SIGKILL, NULL);
		cgroup_remove(cg, NULL);
		cgroup_free(cg);
	}
	fd_close(f->disk);
	fd_close(f->run_dir);
	tree_remove(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

/* A macro, because the error is set while the first argument is evaluated. */
#define need(call, err)                                                                            \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s", err_msg(err));                                              \
	} while (0)

static void spawn(struct fixture *f)
{
	auto_err *err = NULL;
	struct monitor_spawn spec = {
		.program = getenv("KIST_MONITOR"),
		.id = f->id,
		.disk_dir = f->disk,
		.run_dir = f->run_dir,
		.log_fd = 2,
	};
	need(monitor_spawn(&f->client, &spec, &f->monitor, &f->monitor_fd, &err), err);
}

static void configure(struct fixture *f, struct monitor_config config)
{
	auto_err *err = NULL;
	config.log_enabled = true;
	config.log_name = "c-json.log";
	need(monitor_configure(f->client, &config, &err), err);
}

static int attach(struct fixture *f, bool raw, const char *keys)
{
	auto_err *err = NULL;
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct monitor_attach a = {.in = true, .out = true, .err = true, .raw = raw, .keys = keys};
	need(monitor_attach(f->client, &a, pair[0], &err), err);
	fd_close(pair[0]);
	return pair[1];
}

static const struct plan_device devices[] = {
	{"/dev/null", S_IFCHR | 0666, 1, 3, 0, 0},
	{"/dev/zero", S_IFCHR | 0666, 1, 5, 0, 0},
};

static const struct plan_mount mounts[] = {
	{.kind = STEP_MOUNT, .fstype = "proc", .source = "proc", .target = "/proc"},
	{.kind = STEP_MOUNT, .fstype = "tmpfs", .source = "tmpfs", .target = "/dev"},
	{.kind = STEP_MOUNT,
		.fstype = "devpts",
		.source = "devpts",
		.target = "/dev/pts",
		.data = "newinstance,ptmxmode=0666,mode=0620",
		.is_dir_hint = true},
};

static const char *const environment[] = {"PATH=/bin", NULL};

static void fill_process(struct plan_process *p, const char **args, bool tty)
{
	*p = (struct plan_process){.args = args,
		.env = (const char **)environment,
		.cwd = "/",
		.terminal = tty,
		.ioprio = -1};
}

static struct plan make_plan(
	struct fixture *f, const char **args, bool tty, const struct oci_resources *resources)
{
	struct plan plan = {
		.id = f->id,
		.root_kind = PLAN_ROOT_BIND,
		.root_path = f->root,
		.ns_new = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.mounts = mounts,
		.mount_count = ARRAY_LEN(mounts),
		.devices = devices,
		.device_count = ARRAY_LEN(devices),
		.cgroup_path = f->cgroup,
		.resources = resources,
	};
	for (int i = 0; i < OCI_NS_COUNT; i++)
		plan.ns_fd[i] = -1;
	fill_process(&plan.process, args, tty);
	return plan;
}

static const struct oci_resources no_limits;

static int create(struct fixture *f, const char **args, bool tty, struct monitor_created *made,
	struct err **err)
{
	struct plan plan = make_plan(f, args, tty, &no_limits);
	return monitor_create(f->client, 7, &plan, made, err);
}

static struct monitor_created must_create(struct fixture *f, const char **args, bool tty)
{
	auto_err *err = NULL;
	struct monitor_created made;
	need(create(f, args, tty, &made, &err), err);
	assert_true(made.netns >= 0);
	fd_closep(&made.netns);
	return made;
}

static pid_t must_run(struct fixture *f, const char **args, bool tty)
{
	auto_err *err = NULL;
	struct monitor_created made = must_create(f, args, tty);
	int64_t started;
	need(monitor_start(f->client, &started, &err), err);
	assert_true(started > 0);
	return made.pid;
}

#define SHELL(script) ((const char *[]){"/bin/busybox", "sh", "-c", script, NULL})

/* The next event of @type; others are skipped. */
static struct monitor_event expect(struct fixture *f, enum monitor_type type)
{
	struct monitor_event ev;
	int64_t until = time_mono() + PATIENCE * 1000000LL;
	while (time_mono() < until) {
		auto_err *err = NULL;
		int r = monitor_client_event(f->client, &ev, &err);
		need(r, err);
		if (r == 1 && ev.type == type)
			return ev;
		struct pollfd p = {.fd = monitor_client_event_fd(f->client), .events = POLLIN};
		if (r == 0)
			poll(&p, 1, 1000);
	}
	fail_msg("no event %d", type);
	return ev;
}

/* After EXITED the monitor closes when the rest is cleared up. */
static void expect_close(struct fixture *f)
{
	struct monitor_event ev;
	int r = 0;
	while (r >= 0) {
		struct pollfd p = {.fd = monitor_client_event_fd(f->client), .events = POLLIN};
		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		r = monitor_client_event(f->client, &ev, NULL);
	}
	struct cgroup *cg = NULL;
	auto_err *err = NULL;
	assert_int_equal(cgroup_open(&cg, f->cgroup, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_int_equal(faccessat(f->run_dir, MONITOR_INIT_PIDFILE, F_OK, 0), -1);
}

static char *read_to_end(int fd, size_t *len)
{
	struct buf all = BUF_INIT;
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, PATIENCE) != 1)
			fail_msg("the client's connection stays open; so far: %s", buf_str(&all));
		char *at = buf_reserve(&all, 4096);
		*at = 0;
		ssize_t n = fd_read(fd, at, 4096);
		if (n <= 0)
			break;
		all.len += (size_t)n;
		at[n] = 0;
	}
	if (len)
		*len = all.len;
	return buf_steal(&all);
}

/* Reads until @text has come. */
static void read_until(int fd, const char *text)
{
	auto_buf all = BUF_INIT;
	while (!all.len || !strstr(all.data, text)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		char *at = buf_reserve(&all, 4096);
		ssize_t n = poll(&p, 1, PATIENCE) == 1 ? fd_read(fd, at, 4096) : -1;
		if (n <= 0)
			fail_msg("\"%s\" did not come, but \"%s\"", text, buf_str(&all));
		all.len += (size_t)n;
		at[n] = 0;
	}
}

static char *log_text(struct fixture *f)
{
	struct buf text = BUF_INIT;
	auto_err *err = NULL;
	need(file_read(f->disk, "c-json.log", 1 << 24, &text, &err), err);
	return buf_steal(&text);
}

static void from_start_to_exit(void **state)
{
	struct fixture *f = *state;
	spawn(f);
	configure(f, (struct monitor_config){0});
	int client = attach(f, false, NULL);
	must_run(f, SHELL("echo out; busybox sleep 0.1; echo err >&2; exit 3"), false);
	struct monitor_event ev = expect(f, MONITOR_EXITED);
	assert_int_equal(ev.exit.code, 3);
	assert_int_equal(ev.exit.signal, 0);
	assert_false(ev.exit.oom);
	assert_int_equal(ev.exit.generation, 7);
	assert_true(ev.exit.finished_at > ev.exit.started_at && ev.exit.started_at > 0);
	struct monitor_exit record;
	assert_int_equal(monitor_exit_read(f->disk, &record, NULL), 0);
	assert_memory_equal(&record.code, &ev.exit.code, sizeof(record.code));
	size_t n;
	auto_free char *got = read_to_end(client, &n);
	assert_int_equal(n, 24);
	assert_memory_equal(got, "\1\0\0\0\0\0\0\4out\n\2\0\0\0\0\0\0\4err\n", 24);
	fd_close(client);
	expect_close(f);
	assert_true(monitor_gone(f, PATIENCE));
	auto_free char *log = log_text(f);
	assert_non_null(strstr(log, "{\"log\":\"out\\n\",\"stream\":\"stdout\",\"time\":\""));
	assert_non_null(strstr(log, "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\""));
}

static void missing_program(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	spawn(f);
	configure(f, (struct monitor_config){0});
	int client = attach(f, false, NULL);
	const char *args[] = {"/bin/nonesuch", NULL};
	struct monitor_created made;
	int64_t started;
	int r = create(f, args, false, &made, &err);
	if (r == 0) {
		fd_close(made.netns);
		r = monitor_start(f->client, &started, &err);
	}
	assert_int_equal(r, -1);
	assert_int_equal(err->kind, ERR_NO_EXECUTABLE);
	auto_free char *got = read_to_end(client, NULL);
	assert_string_equal(got, "");
	fd_close(client);
	struct monitor_status status;
	assert_int_equal(monitor_status(f->client, &status, NULL), 0);
	assert_int_equal(status.state, MONITOR_IDLE);
	struct cgroup *cg = NULL;
	assert_int_equal(cgroup_open(&cg, f->cgroup, NULL), -1);
	/* and the same monitor makes the next one */
	must_run(f, SHELL("exit 0"), false);
	assert_int_equal(expect(f, MONITOR_EXITED).exit.code, 0);
	expect_close(f);
}

static void execs(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	spawn(f);
	configure(f, (struct monitor_config){0});
	must_run(f, SHELL("busybox sleep 1000"), false);
	struct plan_process process;
	fill_process(&process, SHELL("echo in $$; busybox cat; exit 5"), false);
	struct monitor_config config = {.open_stdin = true, .stdin_once = true};
	struct monitor_attach a = {.in = true, .out = true, .err = true, .raw = true};
	int pair[2];
	pid_t pid;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	need(monitor_exec(f->client, "e1", &config, &process, &a, pair[0], &pid, &err), err);
	fd_close(pair[0]);
	assert_true(pid > 0);
	assert_int_equal(fd_write_all(pair[1], "typed\n", 6), 0);
	shutdown(pair[1], SHUT_WR);
	auto_free char *got = read_to_end(pair[1], NULL);
	assert_non_null(strstr(got, "in "));
	assert_non_null(strstr(got, "typed\n"));
	fd_close(pair[1]);
	struct monitor_event ev = expect(f, MONITOR_EXEC_EXITED);
	assert_string_equal(ev.exec_id, "e1");
	assert_int_equal(ev.code, 5);

	const char *missing[] = {"/bin/nonesuch", NULL};
	fill_process(&process, missing, false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	a.head = "HTTP";
	a.head_len = 4;
	assert_int_equal(
		monitor_exec(f->client, "e2", &config, &process, &a, pair[0], &pid, &err), -1);
	assert_int_equal(err->kind, ERR_NO_EXECUTABLE);
	fd_close(pair[0]);
	auto_free char *nothing = read_to_end(pair[1], NULL);
	assert_string_equal(nothing, "");
	fd_close(pair[1]);

	/* execs die with the container, and are told of before it is */
	fill_process(&process, SHELL("busybox sleep 1000"), false);
	need(monitor_exec(
		     f->client, "e3", &(struct monitor_config){0}, &process, NULL, -1, &pid, &err),
		NULL);
	assert_int_equal(monitor_kill(f->client, SIGKILL, NULL), 0);
	ev = expect(f, MONITOR_EXEC_EXITED);
	assert_string_equal(ev.exec_id, "e3");
	assert_int_equal(ev.code, 137);
	ev = expect(f, MONITOR_EXITED);
	assert_int_equal(ev.exit.code, 137);
	assert_int_equal(ev.exit.signal, SIGKILL);
	assert_false(ev.exit.oom);
	expect_close(f);
}

static void terminal(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	spawn(f);
	configure(f, (struct monitor_config){.tty = true, .open_stdin = true});
	int client = attach(f, true, "\x10\x11");
	must_run(f,
		SHELL("echo ready; read x; busybox stty size; read y; echo got $y; read z; exit 9"),
		true);
	read_until(client, "ready");
	need(monitor_resize(f->client, NULL, 41, 123, &err), err);
	assert_int_equal(fd_write_all(client, "\n", 1), 0);
	read_until(client, "41 123");
	assert_int_equal(fd_write_all(client, "abc\n\x10\x11", 6), 0);
	auto_free char *rest = read_to_end(client, NULL);
	fd_close(client);
	assert_string_equal(expect(f, MONITOR_DETACHED).exec_id, "");
	client = attach(f, true, NULL);
	assert_int_equal(fd_write_all(client, "\n", 1), 0);
	auto_free char *end = read_to_end(client, NULL);
	fd_close(client);
	assert_int_equal(expect(f, MONITOR_EXITED).exit.code, 9);
	auto_free char *log = log_text(f);
	assert_non_null(strstr(log, "got abc\\r\\n"));
	expect_close(f);
}

static void client_is_killed(void **state)
{
	struct fixture *f = *state;
	spawn(f);
	configure(f, (struct monitor_config){0});
	int client = attach(f, false, NULL);
	/* more than all buffers hold: without the client's going it would stop */
	must_run(f,
		SHELL("busybox head -c 3000000 /dev/zero | busybox tr '\\0' x; echo; echo done; "
		      "exit 4"),
		false);
	struct monitor_status status;
	assert_int_equal(monitor_status(f->client, &status, NULL), 0);
	assert_int_equal(status.state, MONITOR_RUNNING);
	assert_int_equal(status.clients, 1);
	fd_close(client);
	assert_int_equal(expect(f, MONITOR_EXITED).exit.code, 4);
	auto_free char *log = log_text(f);
	assert_non_null(strstr(log, "{\"log\":\"done\\n\""));
	expect_close(f);
}

static void daemon_restarts(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	spawn(f);
	configure(f, (struct monitor_config){0});
	int client = attach(f, false, NULL);
	pid_t init = must_run(f, SHELL("echo one; busybox sleep 1000"), false);
	read_until(client, "");
	struct plan_process process;
	pid_t pid;
	fill_process(&process,
		SHELL("until busybox test -e /tmp/nobody-listens; do busybox sleep 0.05; done; "
		      "exit 6"),
		false);
	need(monitor_exec(
		     f->client, "e1", &(struct monitor_config){0}, &process, NULL, -1, &pid, &err),
		err);
	monitor_client_unref(steal_ptr(f->client));
	/* the exec ends while nobody listens */
	auto_free char *go = xasprintf("%s/tmp/nobody-listens", f->root);
	assert_int_equal(file_replace(AT_FDCWD, go, "", 0, 0644, false, &err), 0);
	for (int i = 0; i < 4000 && kill(pid, 0) == 0; i++)
		poll(NULL, 0, 5);
	need(monitor_connect(&f->client, f->run_dir, &err), err);
	struct monitor_status status;
	need(monitor_status(f->client, &status, &err), err);
	assert_int_equal(status.state, MONITOR_RUNNING);
	assert_int_equal(status.pid, init);
	assert_int_equal(status.generation, 7);
	assert_int_equal(status.clients, 1);
	assert_true(status.start_ticks == run_start_ticks(init));
	struct monitor_event ev = expect(f, MONITOR_EXEC_EXITED);
	assert_string_equal(ev.exec_id, "e1");
	assert_int_equal(ev.code, 6);
	need(monitor_log_sync(f->client, &err), err);
	assert_int_equal(monitor_quit(f->client, NULL), -1); /* not while it runs */
	need(monitor_kill(f->client, SIGKILL, &err), err);
	assert_int_equal(expect(f, MONITOR_EXITED).exit.code, 137);
	fd_close(client);
	expect_close(f);
}

static void daemon_dies_before_start(void **state)
{
	struct fixture *f = *state;
	spawn(f);
	configure(f, (struct monitor_config){0});
	struct monitor_created made = must_create(f, SHELL("exit 0"), false);
	pid_t pid;
	uint64_t ticks;
	assert_int_equal(monitor_pid_read(f->run_dir, MONITOR_INIT_PIDFILE, &pid, &ticks, NULL), 0);
	assert_int_equal(pid, made.pid);
	assert_true(ticks == made.start_ticks && ticks == run_start_ticks(pid));
	monitor_client_unref(steal_ptr(f->client));
	assert_true(monitor_gone(f, PATIENCE));
	assert_true(run_start_ticks(pid) != ticks);
	struct cgroup *cg = NULL;
	assert_int_equal(cgroup_open(&cg, f->cgroup, NULL), -1);
	assert_int_equal(faccessat(f->disk, "exit", F_OK, 0), -1);
}

static void nobody_waits(void **state)
{
	struct fixture *f = *state;
	spawn(f);
	monitor_client_unref(steal_ptr(f->client)); /* at once, perhaps before it has accepted */
	assert_true(monitor_gone(f, PATIENCE));
}

static void killed_for_memory(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	spawn(f);
	configure(f, (struct monitor_config){0});
	struct oci_resources limits = {.memory.limit = {.set = true, .v = 16 << 20}};
	/* one of its processes first, then init itself */
	const char **args =
		SHELL("(busybox tail /dev/zero); busybox sleep 0.5; exec busybox tail /dev/zero");
	struct plan plan = make_plan(f, args, false, &limits);
	struct monitor_created made;
	if (monitor_create(f->client, 1, &plan, &made, &err) < 0) {
		print_message("skipped: %s\n", err_msg(err));
		skip();
	}
	fd_close(made.netns);
	int64_t started;
	need(monitor_start(f->client, &started, &err), err);
	expect(f, MONITOR_OOM);
	struct monitor_event ev = expect(f, MONITOR_EXITED);
	assert_int_equal(ev.exit.code, 137);
	assert_true(ev.exit.oom);
	expect_close(f);
}

static void parked_ahead_of_time(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	auto_fd int top = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, "parked", 0700), 0);
	auto_fd int parked = openat(top, "parked", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct monitor_spawn spec = {.program = getenv("KIST_MONITOR"),
		.id = "parked",
		.disk_dir = parked,
		.run_dir = parked,
		.log_fd = 2};
	need(monitor_spawn(&f->client, &spec, &f->monitor, &f->monitor_fd, &err), err);
	need(monitor_adopt(f->client, f->id, parked, f->disk, f->run_dir, &err), err);
	assert_int_equal(unlinkat(top, "parked", AT_REMOVEDIR), 0); /* nothing is left in it */
	configure(f, (struct monitor_config){0});
	assert_int_equal(
		monitor_adopt(f->client, f->id, f->run_dir, f->disk, f->run_dir, &err), -1);
	int client = attach(f, true, NULL);
	must_run(f, SHELL("echo adopted; busybox sleep 1000"), false);
	read_until(client, "adopted");
	fd_close(client);
	monitor_client_unref(steal_ptr(f->client));
	need(monitor_connect(&f->client, f->run_dir, &err), err); /* where a new daemon looks */
	pid_t pid;
	uint64_t ticks;
	need(monitor_pid_read(f->run_dir, MONITOR_PIDFILE, &pid, &ticks, &err), err);
	assert_int_equal(pid, f->monitor);
	need(monitor_kill(f->client, SIGKILL, &err), err);
	assert_int_equal(expect(f, MONITOR_EXITED).exit.code, 137);
	expect_close(f);
	struct monitor_exit record;
	need(monitor_exit_read(f->disk, &record, &err), err);
	auto_free char *log = log_text(f);
	assert_non_null(strstr(log, "adopted"));
}

static void bad_requests(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	spawn(f);
	int64_t started;
	assert_int_equal(monitor_start(f->client, &started, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_int_equal(monitor_kill(f->client, 9, &err), -1);
	assert_int_equal(monitor_resize(f->client, NULL, 1, 1, &err), -1);
	assert_int_equal(monitor_exec_kill(f->client, "nope", 9, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	int root;
	assert_int_equal(monitor_root(f->client, &root, &err), -1);
	struct monitor_attach a = {.out = true};
	assert_int_equal(monitor_attach(f->client, &a, f->disk, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	need(monitor_quit(f->client, &err), err);
	assert_true(monitor_gone(f, PATIENCE));
	assert_int_equal(monitor_quit(f->client, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
}

static void large_request(void **state)
{
	struct fixture *f = *state;
	spawn(f);
	configure(f, (struct monitor_config){.open_stdin = true, .stdin_once = true});
	auto_buf early = BUF_INIT;
	for (int i = 0; i < 30000; i++)
		buf_addf(&early, "%06d\n", i);
	struct monitor_attach a = {
		.in = true, .out = true, .raw = true, .early = early.data, .early_len = early.len};
	int pair[2];
	auto_err *err = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	need(monitor_attach(f->client, &a, pair[0], &err), err);
	fd_close(pair[0]);
	shutdown(pair[1], SHUT_WR);
	must_run(f, SHELL("busybox tail -n 1"), false);
	auto_free char *got = read_to_end(pair[1], NULL);
	fd_close(pair[1]);
	assert_string_equal(got, "029999\n");
	expect(f, MONITOR_EXITED);
	expect_close(f);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(from_start_to_exit),
		WITH(missing_program),
		WITH(execs),
		WITH(terminal),
		WITH(client_is_killed),
		WITH(daemon_restarts),
		WITH(daemon_dies_before_start),
		WITH(nobody_waits),
		WITH(killed_for_memory),
		WITH(parked_ahead_of_time),
		WITH(bad_requests),
		WITH(large_request),
	};
	if (geteuid() != 0 || !getenv("KIST_MONITOR") || access(BUSYBOX, X_OK) < 0) {
		printf("skipped: needs root, KIST_MONITOR and %s\n", BUSYBOX);
		return 77; /* meson: skipped */
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
