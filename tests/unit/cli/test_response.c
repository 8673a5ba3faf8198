#include "../cmocka_all.h"

#include <stdio.h>

#include "response.h"

/* Feeds @text in pieces of @step bytes; returns bytes used, -1 on error. */
static ssize_t feed(struct response *r, const char *text, size_t step)
{
	size_t n = strlen(text), used = 0;
	while (used < n && !r->done) {
		size_t piece = n - used < step ? n - used : step;
		ssize_t got = response_feed(r, text + used, piece, NULL);
		if (got < 0)
			return -1;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

static void each_split(const char *text, bool hijack, void (*check)(struct response *, size_t))
{
	for (size_t step = 1; step <= strlen(text); step++) {
		struct response r;
		response_init(&r, hijack, false);
		ssize_t used = feed(&r, text, step);
		assert_true(used >= 0);
		check(&r, (size_t)used);
		response_free(&r);
	}
}

static void check_length(struct response *r, size_t used)
{
	assert_true(r->head_done && r->done && r->keep_alive);
	assert_int_equal(r->status, 200);
	assert_string_equal(response_header(r, "api-VERSION"), "1.51");
	assert_null(response_header(r, "Nothing"));
	assert_string_equal(r->body.data, "hello");
}

static void known_length(void **state)
{
	each_split("HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 5\r\n\r\nhello", false,
		check_length);
}

static void check_chunks(struct response *r, size_t used)
{
	assert_true(r->done && r->keep_alive);
	assert_string_equal(r->body.data, "hello world");
}

static void chunks(void **state)
{
	each_split("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n "
		   "world\r\n0\r\n\r\n",
		false, check_chunks);
}

static void check_empty(struct response *r, size_t used)
{
	assert_true(r->done);
	assert_int_equal(r->body.len, 0);
}

static void no_body(void **state)
{
	each_split("HTTP/1.1 204 No Content\r\n\r\n", false, check_empty);
	each_split("HTTP/1.1 304 Not Modified\r\n\r\n", false, check_empty);
}

static const char upgrade[] =
	"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

static void check_hijack(struct response *r, size_t used)
{
	assert_true(r->done && r->hijacked && !r->keep_alive);
	assert_int_equal(r->status, 101);
	assert_int_equal(r->body.len, 0);
	assert_int_equal(used, strlen(upgrade));
}

static void hijack(void **state)
{
	char text[256];
	snprintf(text, sizeof(text), "%sraw \x01 data", upgrade);
	each_split(text, true, check_hijack);
}

static void check_old_hijack(struct response *r, size_t used)
{
	assert_true(r->done && r->hijacked);
	assert_int_equal(r->status, 200);
	assert_int_equal(r->body.len, 0);
}

static void hijack_with_200(void **state)
{
	each_split("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\nraw",
		true, check_old_hijack);
}

static void until_the_end(void **state)
{
	struct response r;
	response_init(&r, false, false);
	assert_true(feed(&r, "HTTP/1.1 200 OK\r\n\r\nabc", 4) > 0);
	assert_false(r.done);
	assert_int_equal(response_end(&r, NULL), 0);
	assert_true(r.done && !r.keep_alive);
	assert_string_equal(r.body.data, "abc");
	response_free(&r);
}

static void cut_short(void **state)
{
	static const char *const texts[] = {"", "HTTP/1.1 200 OK\r\nContent-",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct response r;
		response_init(&r, false, false);
		assert_true(feed(&r, texts[i], 7) >= 0);
		assert_int_equal(response_end(&r, NULL), -1);
		response_free(&r);
	}
}

static void nonsense(void **state)
{
	struct response r;
	response_init(&r, false, false);
	assert_int_equal(feed(&r, "SSH-2.0-OpenSSH\r\n", 100), -1);
	response_free(&r);
}

static void head_request(void **state)
{
	struct response r;
	response_init(&r, false, true);
	assert_true(feed(&r, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 9) > 0);
	assert_true(r.done && r.keep_alive);
	response_free(&r);
}

static void interim(void **state)
{
	struct response r;
	response_init(&r, false, false);
	assert_true(feed(&r,
			    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
			    "1\r\n\r\nx",
			    3) > 0);
	assert_true(r.done);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body.data, "x");
	response_free(&r);
}

static void headers_are_bounded(void **state)
{
	auto_buf text = BUF_INIT;
	struct response r;
	response_init(&r, false, false);
	buf_adds(&text, "HTTP/1.1 200 OK\r\nLong: ");
	for (int i = 0; i < 9000; i++)
		buf_addc(&text, 'x');
	buf_adds(&text, "\r\n");
	for (int i = 0; i < 500; i++)
		buf_addf(&text, "H%d: v\r\n", i);
	buf_adds(&text, "Content-Length: 0\r\n\r\n");
	assert_true(feed(&r, text.data, 1000) > 0);
	assert_true(r.done);
	assert_null(response_header(&r, "Long"));
	assert_non_null(response_header(&r, "H0"));
	assert_null(response_header(&r, "H400"));
	response_free(&r);
	response_init(&r, false, false);
	text.len = 0;
	buf_adds(&text, "HTTP/1.1 200 OK\r\nLong: ");
	for (int i = 0; i < 200000; i++)
		buf_addc(&text, 'x');
	assert_int_equal(feed(&r, text.data, 1000), -1);
	response_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_length),
		cmocka_unit_test(chunks),
		cmocka_unit_test(no_body),
		cmocka_unit_test(hijack),
		cmocka_unit_test(hijack_with_200),
		cmocka_unit_test(until_the_end),
		cmocka_unit_test(cut_short),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(head_request),
		cmocka_unit_test(interim),
		cmocka_unit_test(headers_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
