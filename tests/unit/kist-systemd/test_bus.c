/* Whose units are stopped, by a manager of ours at the place where a user's own listens. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "../cmocka_all.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "bus.h"

#define JOB "/org/freedesktop/systemd1/job/1"

/* What the manager does with a start. */
enum manner {
	IN_TIME,
	REFUSES, /* there is such a unit */
	NEVER_ENDS, /* an answer, but the job goes on */
	AFTER_NEWS, /* no answer before we write to it */
};

struct manager {
	enum manner manner;
	sd_bus *bus;
	sd_bus_message *held;
	int told; /* for each unit that is to be stopped a byte is written here */
};

struct fixture {
	char dir[32];
	pid_t pid;
	int news, told;
	struct bus *bus;
};

static void end_job(sd_bus *bus)
{
	sd_bus_emit_signal(bus, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
		"JobRemoved", "uoss", 1, JOB, "late.slice", "done");
}

static int answer(sd_bus_message *m, void *arg, sd_bus_error *ignored)
{
	struct manager *g = arg;
	const char *property = NULL;
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get")) {
		sd_bus_message_read(m, "ss", NULL, &property);
		bool top = str_eq(sd_bus_message_get_path(m), "/org/freedesktop/systemd1");
		return sd_bus_reply_method_return(m, "v", "s",
			str_eq(property, "Version") ? "252"
			: top			    ? "/"
						    : "/late.slice");
	}
	if (sd_bus_message_is_method_call(m, NULL, "StartTransientUnit")) {
		if (g->manner == AFTER_NEWS)
			g->held = sd_bus_message_ref(m);
		else if (g->manner == REFUSES)
			return sd_bus_reply_method_errorf(
				m, "org.freedesktop.systemd1.UnitExists", "Unit exists.");
		else
			sd_bus_reply_method_return(m, "o", JOB);
		if (g->manner == IN_TIME)
			end_job(g->bus);
		return 1;
	}
	if (sd_bus_message_is_method_call(m, NULL, "StopUnit")) {
		fd_write_all(g->told, "s", 1);
		sd_bus_reply_method_return(m, "o", JOB);
		end_job(g->bus);
		return 1;
	}
	return sd_bus_reply_method_return(m, NULL);
}

static void manage(int listener, int news, int told, enum manner manner) __attribute__((noreturn));
static void manage(int listener, int news, int told, enum manner manner)
{
	struct manager g = {.manner = manner, .told = told};
	sd_id128_t id =
		SD_ID128_MAKE(00, 01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f);
	int fd = accept(listener, NULL, NULL);
	if (fd < 0 || sd_bus_new(&g.bus) < 0 || sd_bus_set_fd(g.bus, fd, fd) < 0 ||
		sd_bus_set_server(g.bus, 1, id) < 0 ||
		sd_bus_set_sender(g.bus, "org.freedesktop.systemd1") < 0 ||
		sd_bus_start(g.bus) < 0 || sd_bus_add_filter(g.bus, NULL, answer, &g) < 0)
		_exit(1);
	for (;;) {
		int r = sd_bus_process(g.bus, NULL);
		if (r < 0)
			_exit(0);
		if (r > 0)
			continue;
		struct pollfd p[2] = {{fd, (short)sd_bus_get_events(g.bus), 0}, {news, POLLIN, 0}};
		char byte;
		poll(p, 2, 50);
		if (p[1].revents && fd_read(news, &byte, 1) == 1 && g.held) {
			sd_bus_reply_method_return(g.held, "o", JOB);
			end_job(g.bus);
		} else if (p[1].revents & POLLHUP) {
			news = -1;
		}
	}
}

/* With @seconds for anything that it is asked: few where they are to pass. */
static struct fixture *begin(enum manner manner, int seconds)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int news[2], told[2], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	strcpy(f->dir, "/tmp/kist-test-bus.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/systemd", f->dir);
	assert_int_equal(mkdir(at.sun_path, 0700), 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/systemd/private", f->dir);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pipe(news) | pipe(told), 0);
	f->pid = fork();
	if (f->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(news[1]);
		close(told[0]);
		manage(listener, news[0], told[1], manner);
	}
	close(listener);
	close(news[0]);
	close(told[1]);
	f->news = news[1];
	f->told = told[0];
	setenv("XDG_RUNTIME_DIR", f->dir, 1);
	assert_int_equal(bus_open(&f->bus, true, seconds, NULL), 0);
	return f;
}

/* Closes the connection; how many units were stopped until then. */
static ssize_t finish(struct fixture *f)
{
	char room[16], *path = NULL;
	bus_close(f->bus);
	kill(f->pid, SIGKILL);
	proc_wait(f->pid);
	ssize_t n = fd_read(f->told, room, sizeof(room));
	close(f->told);
	close(f->news);
	path = xasprintf("%s/systemd/private", f->dir);
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
	rmdir(f->dir);
	free(path);
	free(f);
	return n;
}

static int start(struct fixture *f, struct err **err)
{
	struct systemd_request r = {
		.op = SYSTEMD_OP_START, .user = true, .unit = "late.slice", .slice = ""};
	char *text = NULL;
	return bus_carry_out(f->bus, &r, &text, err);
}

static void start_well(struct fixture *f)
{
	auto_err *err = NULL;
	if (start(f, &err) < 0)
		fail_msg("%s", err->msg);
}

static void test_kept_units_stay_and_others_are_stopped(void **state)
{
	struct systemd_request keep = {
		.op = SYSTEMD_OP_KEEP, .user = true, .unit = "late.slice", .slice = ""};
	char *text = NULL;
	struct fixture *f = begin(IN_TIME, 60);
	start_well(f);
	assert_int_equal(finish(f), 1);
	f = begin(IN_TIME, 60);
	start_well(f);
	assert_int_equal(bus_carry_out(f->bus, &keep, &text, NULL), 0);
	assert_int_equal(finish(f), 0);
}

static void test_a_unit_that_was_there_is_not_stopped(void **state)
{
	auto_err *err = NULL;
	struct fixture *f = begin(REFUSES, 60);
	assert_int_equal(start(f, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_string_equal(err->msg, "start systemd unit late.slice: Unit exists.");
	assert_int_equal(finish(f), 0);
}

static void test_a_unit_whose_job_takes_too_long_is_stopped(void **state)
{
	auto_err *err = NULL;
	struct fixture *f = begin(NEVER_ENDS, 5);
	assert_int_equal(start(f, &err), -1);
	assert_string_equal(
		err->msg, "start systemd unit late.slice: systemd has not done it in 5 seconds");
	assert_int_equal(finish(f), 1);
}

static void test_a_unit_that_is_made_after_we_gave_up_is_stopped(void **state)
{
	auto_err *err = NULL;
	struct fixture *f = begin(AFTER_NEWS, 5);
	assert_int_equal(start(f, &err), -1);
	assert_string_equal(
		err->msg, "start systemd unit late.slice: systemd has not done it in 5 seconds");
	fd_write_all(f->news, "n", 1);
	assert_int_equal(finish(f), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept_units_stay_and_others_are_stopped),
		cmocka_unit_test(test_a_unit_that_was_there_is_not_stopped),
		cmocka_unit_test(test_a_unit_whose_job_takes_too_long_is_stopped),
		cmocka_unit_test(test_a_unit_that_is_made_after_we_gave_up_is_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
