/*
 * The server from the socket's side: framing, keep-alive, pipelining, bodies, streams, hijacking,
 * and clients that leave at the worst moment.
 */
#include "../cmocka_all.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "api/server.h"
#include "base/buf.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "fake_engine.h"

#define PATIENCE 30000 /* ms, for what must happen */

static struct loop *loop;
static struct server *server;
static pthread_t thread;

static void *run_loop(void *arg)
{
	loop_run(loop, NULL);
	return NULL;
}

static int set_up(void **state)
{
	log_set_level(LOG_LEVEL_FATAL);
	fake_reset();
	loop = loop_new(NULL);
	struct server_options options = {
		.loop = loop, .version = "1.2.3", .default_runtime = "kist"};
	server = server_new(&options, NULL);
	pthread_create(&thread, NULL, run_loop, NULL);
	return 0;
}

static void stopped(void *arg)
{
	loop_stop(loop);
}

/* The fake's threads answer connections: they must have done so before the server goes. */
static void stop(void *arg)
{
	server_stop(server, PATIENCE * INT64_C(1000000), stopped, NULL);
}

static int tear_down(void **state)
{
	loop_post(loop, stop, NULL);
	pthread_join(thread, NULL);
	server_join(server);
	server_free(server);
	loop_free(loop);
	return 0;
}

static void serve(void *arg)
{
	server_serve(server, (int)(intptr_t)arg);
}

static int client(void)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fd_set_blocking(pair[1], false);
	loop_post(loop, serve, (void *)(intptr_t)pair[1]);
	return pair[0];
}

static void say(int fd, const char *text)
{
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

/* Reads until @needle has come @times, the end, or too long a silence. */
static char *hear(int fd, const char *needle, int times)
{
	struct buf got = BUF_INIT;
	char text[4096];
	for (;;) {
		int seen = 0;
		for (const char *p = buf_str(&got); needle && (p = strstr(p, needle)); p++)
			seen++;
		if (needle && seen >= times)
			break;
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, PATIENCE) <= 0)
			break;
		ssize_t n = fd_read(fd, text, sizeof(text));
		if (n <= 0)
			break;
		buf_add(&got, text, (size_t)n);
	}
	return buf_steal(&got);
}

static bool ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char c;
	return poll(&p, 1, PATIENCE) == 1 && fd_read(fd, &c, 1) <= 0;
}

static void expect(int fd, const char *needle)
{
	auto_free char *text = hear(fd, needle, 1);
	if (!strstr(text, needle))
		fail_msg("expected \"%s\" in:\n%s", needle, text);
}

/* Waits for @value, for what happens on the loop. */
static void becomes(atomic_int *value, int wanted)
{
	for (int i = 0; i < PATIENCE && *value != wanted; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	assert_int_equal(*value, wanted);
}

/* ---- framing ---- */

static void test_ping_and_headers(void **state)
{
	int fd = client();
	say(fd, "GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n");
	auto_free char *text = hear(fd, "\r\n\r\nOK", 1);
	assert_non_null(strstr(text, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(text, "Api-Version: 1.51\r\n"));
	assert_non_null(strstr(text, "Docker-Experimental: false\r\n"));
	assert_non_null(strstr(text, "Ostype: linux\r\n"));
	assert_non_null(strstr(text, "Server: Docker/1.2.3 (linux)\r\n"));
	assert_non_null(strstr(text, "Content-Length: 2\r\n"));
	/* kept alive */
	say(fd, "HEAD /v1.44/_ping HTTP/1.1\r\nHost: x\r\n\r\n");
	auto_free char *head = hear(fd, "\r\n\r\n", 1);
	assert_non_null(strstr(head, "Content-Length: 0\r\n"));
	close(fd);
}

static void test_byte_by_byte(void **state)
{
	static const char request[] =
		"POST /v1.40/containers/create?name=a%20b HTTP/1.1\r\nHost: x\r\n"
		"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
		"5\r\n{\"Ima\r\nc\r\nge\":\"busy\"}\n\r\n0\r\nTrailer: x\r\n\r\n";
	int fd = client();
	for (const char *p = request; *p; p++)
		assert_int_equal(fd_write_all(fd, p, 1), 0);
	auto_free char *text = hear(fd, "}\n", 1);
	assert_non_null(strstr(text, "HTTP/1.1 201 Created\r\n"));
	assert_non_null(strstr(text, "\"Warnings\":[\"a b\"]"));
	close(fd);
}

static void test_pipelining_keeps_order(void **state)
{
	int fd = client();
	say(fd, "POST /containers/c/stop HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
		"GET /_ping HTTP/1.1\r\n\r\n"
		"GET /nope HTTP/1.1\r\n\r\n"
		"GET /_ping HTTP/1.1\r\nConnection: close\r\n\r\n"
		"GET /_ping HTTP/1.1\r\n\r\n");
	auto_free char *text = hear(fd, NULL, 0);
	const char *first = strstr(text, "204 No Content");
	const char *second = first ? strstr(first, "200 OK") : NULL;
	const char *third = second ? strstr(second, "404 Not Found") : NULL;
	const char *fourth = third ? strstr(third, "Connection: close") : NULL;
	assert_non_null(fourth);
	assert_null(strstr(fourth, "HTTP/1.1"));
	close(fd);
}

static void test_http_1_0(void **state)
{
	int fd = client();
	say(fd, "GET /_ping HTTP/1.0\r\n\r\n");
	auto_free char *text = hear(fd, NULL, 0);
	assert_non_null(strstr(text, "Connection: close\r\n"));
	close(fd);
	/* a stream has no frames then, and ends with the connection */
	fd = client();
	fake.event_backlog = 1;
	say(fd, "GET /events HTTP/1.0\r\n\r\n");
	auto_free char *stream = hear(fd, "\"timeNano\":1000000001}\n", 1);
	assert_null(strstr(stream, "chunked"));
	assert_non_null(strstr(stream, "\r\n\r\n{\"status\":\"start\""));
	close(fd);
}

static void test_garbage_is_refused(void **state)
{
	static const char *const garbage[] = {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
		"GET /_ping HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"GET /_ping HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"GET /_ping HTTP/1.1\r\nBad Header: x\r\n\r\n",
		"POST /containers/create HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /containers/create HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nzz\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"};
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		int fd = client();
		say(fd, garbage[i]);
		auto_free char *text = hear(fd, NULL, 0);
		if (!str_starts(text, "HTTP/1.1 400 Bad Request\r\n"))
			fail_msg("%s\n->\n%s", garbage[i], text);
		close(fd);
	}
}

static void test_too_large(void **state)
{
	auto_free char *pad = xmalloc(70001);
	memset(pad, 'a', 70000);
	pad[70000] = '\0';
	int fd = client();
	say(fd, "GET /_ping HTTP/1.1\r\nX: ");
	fd_write_all(fd, pad, 70000);
	expect(fd, "413 Payload Too Large");
	close(fd);
	fd = client();
	say(fd, "POST /containers/create HTTP/1.1\r\nContent-Type: application/json\r\n"
		"Content-Length: 99999999\r\n\r\n");
	expect(fd, "413 Payload Too Large");
	close(fd);
	/* chunked: known only when it has come */
	fd = client();
	say(fd, "POST /containers/create HTTP/1.1\r\nContent-Type: application/json\r\n"
		"Transfer-Encoding: chunked\r\n\r\n");
	char size[16];
	snprintf(size, sizeof(size), "%x\r\n", 70000);
	for (int i = 0; i < 61; i++) {
		if (send(fd, size, strlen(size), MSG_NOSIGNAL) < 0 ||
			send(fd, pad, 70000, MSG_NOSIGNAL) < 0 ||
			send(fd, "\r\n", 2, MSG_NOSIGNAL) < 0)
			break;
	}
	expect(fd, "413 Payload Too Large");
	close(fd);
}

static void test_expect_continue(void **state)
{
	int fd = client();
	say(fd, "POST /containers/create HTTP/1.1\r\nContent-Type: application/json\r\n"
		"Content-Length: 13\r\nExpect: 100-continue\r\n\r\n");
	expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "{\"Image\":\"x\"}");
	expect(fd, "201 Created");
	close(fd);
}

static void test_error_keeps_the_connection(void **state)
{
	int fd = client();
	say(fd, "POST /nope HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345GET /_ping HTTP/1.1\r\n\r\n");
	auto_free char *text = hear(fd, "\r\n\r\nOK", 1);
	assert_non_null(strstr(text, "404 Not Found"));
	assert_non_null(strstr(text, "{\"message\":\"page not found\"}\n"));
	assert_non_null(strstr(text, "200 OK"));
	close(fd);
}

static void test_bad_bodies(void **state)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{"Content-Length: 0\r\n\r\n", "got EOF while reading request body"},
		{"Content-Type: application/json\r\nContent-Length: 1\r\n\r\n{", "invalid JSON"},
		{"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]",
			"must be an object"},
		{"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
			"config cannot be empty"},
		{"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
			"Content-Type specified (text/plain) must be 'application/json'"},
		{"Content-Type: application/json; charset=utf-8\r\nContent-Length: "
		 "9\r\n\r\n{\"Tty\":1}",
			"cannot unmarshal number 1 into field Tty of type bool"},
	};
	int fd = client();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		say(fd, "POST /containers/create HTTP/1.1\r\n");
		say(fd, cases[i].request);
		auto_free char *text = hear(fd, "}\n", 1);
		if (!strstr(text, "400 Bad Request") || !strstr(text, cases[i].answer))
			fail_msg("expected \"%s\" in:\n%s", cases[i].answer, text);
	}
	close(fd);
}

/* ---- answers that take their time ---- */

static void test_deferred(void **state)
{
	int fd = client();
	say(fd, "POST /containers/c/stop HTTP/1.1\r\n\r\n");
	expect(fd, "204 No Content");
	say(fd, "POST /containers/stopped/stop HTTP/1.1\r\n\r\n");
	expect(fd, "304 Not Modified");
	say(fd, "POST /containers/c/restart HTTP/1.1\r\n\r\n");
	expect(fd, "restart failed");
	close(fd);
	/* gone before the answer */
	for (int i = 0; i < 20; i++) {
		fd = client();
		say(fd, "POST /containers/c/stop HTTP/1.1\r\n\r\n");
		close(fd);
	}
}

static void test_half_closed_client_is_answered(void **state)
{
	int fd = client();
	say(fd, "POST /containers/c/stop HTTP/1.1\r\n\r\n");
	shutdown(fd, SHUT_WR);
	expect(fd, "204 No Content");
	assert_true(ended(fd));
	close(fd);
}

static void test_wait_sends_its_head_at_once(void **state)
{
	int fd = client();
	say(fd, "POST /v1.44/containers/c/wait?condition=next-exit HTTP/1.1\r\n\r\n");
	auto_free char *head = hear(fd, "\r\n\r\n", 1);
	assert_non_null(strstr(head, "200 OK"));
	assert_non_null(strstr(head, "Transfer-Encoding: chunked"));
	becomes(&fake.waits, 1);
	fake_end_waits(7);
	expect(fd, "{\"StatusCode\":7}\n\r\n0\r\n\r\n");
	becomes(&fake.waits, 0);
	/* and the connection goes on */
	say(fd, "POST /containers/c/wait?condition=nonsense HTTP/1.1\r\n\r\n");
	expect(fd, "invalid condition: \\\"nonsense\\\"");
	say(fd, "POST /containers/none/wait HTTP/1.1\r\n\r\n");
	expect(fd, "No such container: none");
	close(fd);
}

/* ---- streams ---- */

static void test_client_that_leaves_a_stream_is_noticed(void **state)
{
	int fd = client();
	say(fd, "GET /events HTTP/1.1\r\n\r\n");
	expect(fd, "\r\n\r\n");
	becomes(&fake.subscriptions, 1);
	close(fd);
	becomes(&fake.subscriptions, 0);
	fd = client();
	say(fd, "POST /containers/c/wait HTTP/1.1\r\n\r\n");
	expect(fd, "\r\n\r\n");
	close(fd);
	becomes(&fake.waits, 0);
}

static void test_slow_reader_costs_only_itself(void **state)
{
	int slow = client();
	fake.event_backlog = -1;
	say(slow, "GET /events HTTP/1.1\r\n\r\n");
	becomes(&fake.subscriptions, 1);
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	int other = client();
	say(other, "GET /_ping HTTP/1.1\r\n\r\n");
	expect(other, "\r\n\r\nOK");
	close(slow);
	becomes(&fake.subscriptions, 0);
	fake.event_backlog = 0;
	close(other);
}

static void test_many_streams(void **state)
{
	enum { COUNT = 200 };
	int fds[COUNT];
	for (int i = 0; i < COUNT; i++) {
		fds[i] = client();
		say(fds[i], "GET /events HTTP/1.1\r\n\r\n");
	}
	for (int i = 0; i < COUNT; i++)
		expect(fds[i], "\r\n\r\n");
	becomes(&fake.subscriptions, COUNT);
	fake.event_backlog = 1;
	fake_notify();
	becomes(&fake.event_backlog, 0);
	for (int i = 0; i < COUNT; i++)
		close(fds[i]);
	becomes(&fake.subscriptions, 0);
}

/* ---- bodies that stream ---- */

static void test_load(void **state)
{
	enum { CHUNK = 60000, CHUNKS = 100 };
	int fd = client();
	auto_free char *pad = xcalloc(1, CHUNK);
	char size[16];
	snprintf(size, sizeof(size), "%x\r\n", CHUNK);
	say(fd, "POST /images/load?quiet=0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < CHUNKS; i++) {
		say(fd, size);
		fd_write_all(fd, pad, CHUNK);
		say(fd, "\r\n");
	}
	say(fd, "0\r\n\r\n");
	expect(fd, "Loaded image: x:latest\\n\"}\r\n\r\n0\r\n\r\n");
	assert_int_equal(fake.load_bytes, CHUNK * CHUNKS);
	assert_int_equal(fake.load_error, 0);
	/* the connection goes on */
	say(fd, "GET /_ping HTTP/1.1\r\n\r\n");
	expect(fd, "\r\n\r\nOK");
	close(fd);
}

static void test_load_back_pressure(void **state)
{
	int fd = client();
	auto_free char *pad = xcalloc(1, 1 << 20);
	fake.hold_load = 1;
	say(fd, "POST /images/load?quiet=1 HTTP/1.1\r\nContent-Length: 16777216\r\n\r\n");
	fd_set_blocking(fd, false);
	long sent = 0;
	for (int idle = 0; idle < 100;) {
		ssize_t n = send(fd, pad, 1 << 20, MSG_NOSIGNAL);
		sent += n > 0 ? n : 0;
		idle = n > 0 ? 0 : idle + 1;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	assert_true(sent < 4 << 20); /* socket buffers, not our memory */
	fd_set_blocking(fd, true);
	fake.hold_load = 0;
	while (sent < 16777216) {
		long n = 16777216 - sent < 1 << 20 ? 16777216 - sent : 1 << 20;
		assert_int_equal(fd_write_all(fd, pad, (size_t)n), 0);
		sent += n;
	}
	expect(fd, "Loaded image");
	assert_int_equal(fake.load_bytes, 16777216);
	close(fd);
}

static void test_cut_off_upload_is_no_end(void **state)
{
	int fd = client();
	say(fd, "POST /images/load HTTP/1.1\r\nContent-Length: 1000\r\n\r\nhalf of it");
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	close(fd);
	becomes(&fake.loads, 1);
	assert_int_equal(fake.load_error, ECONNRESET);
	/* broken framing: the same, and the client is told */
	fd = client();
	say(fd, "POST /images/load HTTP/1.1\r\nTransfer-Encoding: "
		"chunked\r\n\r\n3\r\nabc\r\nZZ\r\n");
	becomes(&fake.loads, 2);
	assert_int_equal(fake.load_error, ECONNRESET);
	expect(fd, "read the archive");
	close(fd);
}

static void test_early_error_of_a_load(void **state)
{
	int fd = client();
	say(fd, "POST /images/load?quiet=1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
	auto_free char *text = hear(fd, "}\n", 1);
	assert_non_null(strstr(text, "400 Bad Request"));
	assert_non_null(strstr(text, "archive is too short"));
	/* after progress the error is in the stream */
	say(fd, "POST /images/load?quiet=0 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
	auto_free char *late = hear(fd, "0\r\n\r\n", 1);
	assert_non_null(strstr(late, "200 OK"));
	assert_non_null(strstr(late, "\"errorDetail\":{\"message\":\"archive is too short\"}"));
	close(fd);
}

/* Sends until nobody takes any more: how much that was, or 0 where the server's two seconds were over before. */
static size_t send_unwanted(int fd)
{
	static const char piece[1 << 16];
	const int64_t began = time_mono();
	for (size_t sent = 0;;) {
		ssize_t n = send(fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		bool enough = sent >= 1 << 20;
		if (n > 0) {
			sent += (size_t)n;
			assert_true(sent <= 8 << 20);
		} else if (errno != EAGAIN) {
			if (time_mono() - began < 2 * TIME_NS_PER_SEC)
				fail_msg("after %zu bytes: %s", sent, strerror(errno));
			return enough ? sent : 0;
		} else if (poll(&p, 1, enough ? 200 : 30000) == 0) {
			/* with less nothing but the end of its patience stops the server */
			assert_true(enough);
			return sent;
		}
	}
}

/* Who sends more than the server waits for is not cut off while its answer is unread. */
static void test_long_unread_body(void **state)
{
	size_t sent = 0;
	/* a machine that is too busy for a megabyte in two seconds is asked again */
	for (int i = 0; !sent && i < 20; i++) {
		int fd = client();
		say(fd, "POST /build HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n");
		sent = send_unwanted(fd);
		expect(fd, "501 Not Implemented");
		close(fd);
	}
	assert_in_range(sent, 1 << 20, 8 << 20);
}

/* A handler that does not read its body must not hold the client up. */
static void test_unread_body(void **state)
{
	int fd = client();
	say(fd, "POST /images/create?fromImage=x HTTP/1.1\r\nContent-Length: 100\r\n\r\n");
	auto_free char *text = hear(fd, "}\n", 1);
	assert_non_null(strstr(text, "501 Not Implemented"));
	close(fd);
	fd = client();
	say(fd, "POST /images/create?fromImage=x HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
	expect(fd, "501 Not Implemented");
	close(fd);
	fd = client();
	say(fd, "POST /build HTTP/1.1\r\nContent-Length: 100000000\r\n\r\n");
	expect(fd, "501 Not Implemented");
	close(fd);
}

/* ---- hijacking ---- */

static void test_hijack_with_upgrade(void **state)
{
	int fd = client();
	say(fd, "POST /v1.44/containers/c/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: x\r\n"
		"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ");
	auto_free char *head = hear(fd, "early", 1);
	assert_true(str_starts(head, "HTTP/1.1 101 UPGRADED\r\nContent-Type: "
				     "application/vnd.docker.multiplexed-stream\r\n"
				     "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
	assert_non_null(strstr(head, "\r\n\r\nearly"));
	say(fd, "later");
	shutdown(fd, SHUT_WR);
	auto_free char *rest = hear(fd, NULL, 0);
	assert_non_null(strstr(rest, "later<end>"));
	close(fd);
}

static void test_hijack_without_upgrade(void **state)
{
	int fd = client();
	say(fd, "POST /v1.41/containers/tty/attach?stream=1 HTTP/1.1\r\nHost: x\r\n\r\n");
	auto_free char *head = hear(fd, "\r\n\r\n", 1);
	assert_true(str_starts(head, "HTTP/1.1 200 OK\r\nContent-Type: "
				     "application/vnd.docker.raw-stream\r\n"));
	shutdown(fd, SHUT_WR);
	auto_free char *rest = hear(fd, NULL, 0);
	assert_non_null(strstr(rest, "<end>"));
	close(fd);
}

static void test_failed_hijack_is_an_answer(void **state)
{
	int fd = client();
	say(fd, "POST /containers/gone/attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: "
		"tcp\r\n\r\n");
	expect(fd, "404 Not Found");
	say(fd, "GET /_ping HTTP/1.1\r\n\r\n");
	expect(fd, "\r\n\r\nOK");
	close(fd);
}

/* ---- clients that leave ---- */

static void test_leaving_at_every_byte(void **state)
{
	static const char *const requests[] = {
		"POST /containers/create HTTP/1.1\r\nContent-Type: application/json\r\n"
		"Content-Length: 13\r\n\r\n{\"Image\":\"x\"}",
		"POST /images/load?quiet=0 HTTP/1.1\r\nTransfer-Encoding: "
		"chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
		"POST /containers/c/attach HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: "
		"tcp\r\n\r\nxy",
		"GET /events HTTP/1.1\r\n\r\nGET /_ping HTTP/1.1\r\n\r\n",
	};
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		for (size_t n = 0; n <= strlen(requests[i]); n++) {
			int fd = client();
			fd_write_all(fd, requests[i], n);
			if (n % 2)
				shutdown(fd, SHUT_WR);
			close(fd);
		}
	}
	becomes(&fake.subscriptions, 0);
	int fd = client();
	say(fd, "GET /_ping HTTP/1.1\r\n\r\n");
	expect(fd, "\r\n\r\nOK");
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ping_and_headers),
		T(test_byte_by_byte),
		T(test_pipelining_keeps_order),
		T(test_http_1_0),
		T(test_garbage_is_refused),
		T(test_too_large),
		T(test_expect_continue),
		T(test_error_keeps_the_connection),
		T(test_bad_bodies),
		T(test_deferred),
		T(test_half_closed_client_is_answered),
		T(test_wait_sends_its_head_at_once),
		T(test_client_that_leaves_a_stream_is_noticed),
		T(test_slow_reader_costs_only_itself),
		T(test_many_streams),
		T(test_load),
		T(test_load_back_pressure),
		T(test_cut_off_upload_is_no_end),
		T(test_early_error_of_a_load),
		T(test_unread_body),
		T(test_long_unread_body),
		T(test_hijack_with_upgrade),
		T(test_hijack_without_upgrade),
		T(test_failed_hijack_is_an_answer),
		T(test_leaving_at_every_byte),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
