/* The daemon's side against a monitor that answers late, wrongly or not at all. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/wire.h"
#include "runtime/monitor_client.h"

/* What the false monitor does with each request. */
enum trick {
	ANSWER,
	ANSWER_TWICE,
	STALE_FIRST,
	SHORT,
	NO_ANSWER_BUT_CLOSE,
	BAD_KIND,
	REFUSE,
	GIVE_FD
};

struct fixture {
	char path[64];
	int dir, listener, requests, events;
	struct monitor_client *client;
	pthread_t thread;
	enum trick trick;
};

static void reply(int fd, uint32_t serial, enum trick trick, const int *passed)
{
	auto_buf p = BUF_INIT;
	wire_put_u32(&p, MONITOR_REPLY);
	wire_put_u32(&p, serial);
	if (trick == SHORT) {
		fd_send(fd, p.data, p.len - 2, NULL, 0);
		wire_put_u8(&p, 0);
		wire_put_u8(&p, 1);
	} else if (trick == BAD_KIND || trick == REFUSE) {
		wire_put_u8(&p, 0);
		wire_put_u8(&p, trick == REFUSE ? ERR_NO_EXECUTABLE : 250);
		wire_put_u32(&p, ENOENT);
		wire_put_str(&p, "exec: not there");
	} else {
		wire_put_u8(&p, 1);
		wire_put_i64(&p, 4711);
	}
	fd_send(fd, p.data, p.len, passed, passed ? 2 : 0);
}

static void *false_monitor(void *arg)
{
	struct fixture *f = arg;
	char data[4096];
	ssize_t n;
	while ((n = fd_recv(f->requests, data, sizeof(data), NULL, NULL)) > 0) {
		struct wire w = wire_from(data, (size_t)n);
		wire_u32(&w);
		uint32_t serial = wire_u32(&w);
		int fds[2] = {f->dir, f->dir};
		if (f->trick == NO_ANSWER_BUT_CLOSE)
			break;
		if (f->trick == STALE_FIRST)
			reply(f->requests, serial - 1, GIVE_FD, fds);
		reply(f->requests, serial, f->trick, f->trick == GIVE_FD ? fds : NULL);
		if (f->trick == ANSWER_TWICE)
			reply(f->requests, serial, ANSWER, NULL);
	}
	/* whoever hears of the one end must find the other ended, too */
	shutdown(f->events, SHUT_RDWR);
	shutdown(f->requests, SHUT_RDWR);
	return NULL;
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/kist-test-client-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->listener = unix_listen(f->dir, MONITOR_SOCKET, SOCK_SEQPACKET, 0600, NULL);
	if (f->listener < 0 || monitor_connect(&f->client, f->dir, NULL) < 0)
		return -1;
	f->requests = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	f->events = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
	*state = f;
	return pthread_create(&f->thread, NULL, false_monitor, f);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	shutdown(f->requests, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	monitor_client_unref(f->client);
	fd_close(f->requests);
	fd_close(f->events);
	fd_close(f->listener);
	fd_close(f->dir);
	tree_remove(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

static void answers(void **state)
{
	struct fixture *f = *state;
	int64_t at = 0;
	const enum trick fine[] = {ANSWER, ANSWER_TWICE, STALE_FIRST, GIVE_FD, ANSWER};
	for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
		f->trick = fine[i];
		at = 0;
		assert_int_equal(monitor_start(f->client, &at, NULL), 0);
		assert_int_equal(at, 4711);
	}
}

static void remote_errors_keep_their_kind(void **state)
{
	struct fixture *f = *state;
	int64_t at;
	auto_err *err = NULL;
	f->trick = REFUSE;
	assert_int_equal(monitor_start(f->client, &at, &err), -1);
	assert_int_equal(err->kind, ERR_NO_EXECUTABLE);
	assert_int_equal(err->sys, ENOENT);
	assert_string_equal(err->msg, "exec: not there");
}

static void nonsense_is_unavailable(void **state)
{
	struct fixture *f = *state;
	int64_t at;
	auto_err *err = NULL;
	f->trick = BAD_KIND;
	assert_int_equal(monitor_start(f->client, &at, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	f->trick = SHORT;
	assert_int_equal(monitor_start(f->client, &at, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	/* an answer to something else than was asked */
	struct monitor_status status;
	f->trick = ANSWER;
	assert_int_equal(monitor_status(f->client, &status, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_int_equal(monitor_start(f->client, &at, &err), 0);
}

static void a_dead_monitor_is_unavailable(void **state)
{
	struct fixture *f = *state;
	int64_t at;
	auto_err *err = NULL;
	f->trick = NO_ANSWER_BUT_CLOSE;
	assert_int_equal(monitor_start(f->client, &at, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	assert_int_equal(monitor_kill(f->client, 9, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	struct monitor_event ev;
	assert_int_equal(monitor_client_event(f->client, &ev, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
}

static void send_event(struct fixture *f, uint32_t type, const struct buf *payload)
{
	auto_buf p = BUF_INIT;
	wire_put_u32(&p, type);
	wire_put_u32(&p, 0);
	buf_add(&p, payload->data, payload->len);
	fd_send(f->events, p.data, p.len, NULL, 0);
}

static void events(void **state)
{
	struct fixture *f = *state;
	struct monitor_event ev;
	auto_buf payload = BUF_INIT, none = BUF_INIT;
	assert_int_equal(monitor_client_event(f->client, &ev, NULL), 0);
	send_event(f, 12345, &payload); /* of a later version: skipped */
	wire_put_str(&payload, "e1");
	wire_put_u32(&payload, 3);
	send_event(f, MONITOR_EXEC_EXITED, &payload);
	assert_int_equal(monitor_client_event(f->client, &ev, NULL), 1);
	assert_int_equal(ev.type, MONITOR_EXEC_EXITED);
	assert_string_equal(ev.exec_id, "e1");
	assert_int_equal(ev.code, 3);
	send_event(f, MONITOR_OOM, &none);
	assert_int_equal(monitor_client_event(f->client, &ev, NULL), 1);
	assert_int_equal(ev.type, MONITOR_OOM);
	auto_err *err = NULL;
	send_event(f, MONITOR_EXITED, &none);
	assert_int_equal(monitor_client_event(f->client, &ev, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
}

static void nobody_listens(void **state)
{
	struct fixture *f = *state;
	struct monitor_client *c = NULL;
	auto_err *err = NULL;
	assert_int_equal(unlinkat(f->dir, MONITOR_SOCKET, 0), 0);
	assert_int_equal(monitor_connect(&c, f->dir, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	pid_t pid;
	uint64_t ticks;
	assert_int_equal(monitor_pid_read(f->dir, MONITOR_PIDFILE, &pid, &ticks, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(answers),
		WITH(remote_errors_keep_their_kind),
		WITH(nonsense_is_unavailable),
		WITH(a_dead_monitor_is_unavailable),
		WITH(events),
		WITH(nobody_listens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
