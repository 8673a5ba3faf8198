/* The client against a daemon that is a thread with canned answers. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "base/fdio.h"

struct daemon {
	int listener;
	const char *const *answers; /* one per request; "" closes the connection */
	struct buf requests;
	pthread_t thread;
	char folder[64], host[128];
};

/* Reads one request without a body, or with one that ends the headers' read. */
static bool read_request(int fd, struct buf *out)
{
	size_t start = out->len;
	char c;
	while (fd_read(fd, &c, 1) == 1) {
		buf_addc(out, c);
		if (out->len - start >= 4 && memcmp(out->data + out->len - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

static void *serve(void *data)
{
	struct daemon *d = data;
	size_t i = 0;
	while (d->answers[i]) {
		auto_fd int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
		while (d->answers[i] && read_request(fd, &d->requests)) {
			const char *answer = d->answers[i++];
			fd_write_all(fd, answer, strlen(answer));
			if (strstr(answer, "Connection: close") || !*answer)
				break;
		}
	}
	return NULL;
}

static void daemon_start(struct daemon *d, const char *const *answers)
{
	*d = (struct daemon){.answers = answers};
	strcpy(d->folder, "/tmp/kist-test-http-XXXXXX");
	assert_non_null(mkdtemp(d->folder));
	auto_fd int dir = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d->listener = unix_listen(dir, "s", SOCK_STREAM, 0600, NULL);
	assert_true(d->listener >= 0);
	snprintf(d->host, sizeof(d->host), "unix://%s/s", d->folder);
	assert_int_equal(pthread_create(&d->thread, NULL, serve, d), 0);
}

static void daemon_stop(struct daemon *d)
{
	char path[96];
	pthread_join(d->thread, NULL);
	close(d->listener);
	snprintf(path, sizeof(path), "%s/s", d->folder);
	unlink(path);
	rmdir(d->folder);
	buf_free(&d->requests);
}

#define OK(length, body) "HTTP/1.1 200 OK\r\nContent-Length: " #length "\r\n\r\n" body

static void calls_share_a_connection(void **state)
{
	static const char *const answers[] = {OK(7, "{\"a\":1}"), OK(2, "[]"), NULL};
	struct daemon d;
	struct api a;
	json_t *j;
	daemon_start(&d, answers);
	api_init(&a, d.host);
	assert_int_equal(api_call(&a, "GET", "/x", NULL, &j, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(j, "a")), 1);
	json_decref(j);
	assert_int_equal(api_call(&a, "GET", "/y", NULL, &j, NULL), 0);
	json_decref(j);
	api_free(&a);
	assert_non_null(strstr(d.requests.data, "GET /v1.51/x HTTP/1.1\r\n"));
	daemon_stop(&d);
}

static void errors_are_the_daemons(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 404 Not Found\r\nContent-Length: "
					      "27\r\n\r\n{\"message\":\"No such thing\"}",
		"HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\nplain\n",
		"HTTP/1.1 500 Oops\r\nContent-Length: 23\r\n\r\n{\"message\":\"\\u001b[2J\"}",
		NULL};
	struct daemon d;
	struct api a;
	auto_err *err = NULL;
	daemon_start(&d, answers);
	api_init(&a, d.host);
	assert_int_equal(api_call(&a, "POST", "/x", NULL, NULL, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_string_equal(err_msg(err), "Error response from daemon: No such thing");
	assert_int_equal(api_call(&a, "POST", "/x", NULL, NULL, &err), -1);
	assert_string_equal(err_msg(err), "Error response from daemon: plain");
	assert_int_equal(api_call(&a, "POST", "/x", NULL, NULL, &err), -1);
	assert_string_equal(err_msg(err), "Error response from daemon: ?[2J");
	api_free(&a);
	daemon_stop(&d);
}

static void version_is_lowered(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 89\r\n\r\n{\"message\":\"client "
		"version "
		"1.51 is too new. Maximum supported API version is 1.41 .....\"}",
		OK(2, "{}"), OK(2, "{}"), NULL};
	struct daemon d;
	struct api a;
	auto_err *err = NULL;
	daemon_start(&d, answers);
	api_init(&a, d.host);
	if (api_call(&a, "GET", "/x", NULL, NULL, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_string_equal(a.version, "1.41");
	assert_false(api_at_least(&a, "1.42"));
	assert_int_equal(api_call(&a, "GET", "/y", NULL, NULL, NULL), 0);
	api_free(&a);
	assert_non_null(strstr(d.requests.data, "GET /v1.41/y "));
	daemon_stop(&d);
}

static void nobody_there(void **state)
{
	struct api a;
	auto_err *err = NULL;
	api_init(&a, "unix:///nonexistent/kist.sock");
	assert_int_equal(api_call(&a, "GET", "/x", NULL, NULL, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
	assert_string_equal(err_msg(err),
		"Cannot connect to the kist daemon at "
		"unix:///nonexistent/kist.sock. Is the kistd daemon running?");
	api_free(&a);
	api_init(&a, "ssh://host");
	assert_int_equal(api_call(&a, "GET", "/x", NULL, NULL, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_IMPLEMENTED);
	api_free(&a);
}

static void hijacks(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nfirst", NULL};
	struct daemon d;
	struct api a;
	struct http conn;
	char rest[8];
	daemon_start(&d, answers);
	api_init(&a, d.host);
	assert_int_equal(api_open(&a, &conn, "POST", "/attach", NULL, true, NULL), 0);
	size_t have = conn.raw.len;
	if (have < 5)
		assert_int_equal(fd_read_full(conn.fd, rest, 5 - have), 0);
	http_close(&conn);
	api_free(&a);
	assert_non_null(strstr(d.requests.data, "Upgrade: tcp\r\n"));
	daemon_stop(&d);
}

static void targets(void **state)
{
	auto_buf b = BUF_INIT;
	buf_adds(&b, "/images");
	url_add_segment(&b, "a/b:c@d e?");
	url_add(&b, "x", "1&2=3/\xc3\xa9");
	url_add(&b, "none", NULL);
	url_add(&b, "y", "");
	assert_string_equal(b.data, "/images/a/b:c@d%20e%3F?x=1%262%3D3%2F%C3%A9&y=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_share_a_connection),
		cmocka_unit_test(errors_are_the_daemons),
		cmocka_unit_test(version_is_lowered),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(hijacks),
		cmocka_unit_test(targets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
