/* What registries and token services say, and where proxies are for. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "../cmocka_all.h"
#include "base/mem.h"
#include "base/str.h"
#include "challenge.h"
#include "exchange.h"
#include "http.h"
#include "proxy.h"
#include "timer.h"
#include "token.h"

static int find(const char *header, enum challenge_scheme scheme, struct challenge *c)
{
	char *headers[] = {(char *)(uintptr_t)header, NULL};
	return challenge_find(headers, scheme, c);
}

static void test_challenges(void **state)
{
	struct challenge c;
	assert_int_equal(
		find("Bearer realm=\"https://auth.docker.io/token\",service=\"a \\\"b\\\"\", "
		     "scope=\"repository:x:pull,push\" , error=invalid_token",
			CHALLENGE_BEARER, &c),
		0);
	assert_string_equal(c.realm, "https://auth.docker.io/token");
	assert_string_equal(c.service, "a \"b\"");
	assert_string_equal(c.scope, "repository:x:pull,push");
	assert_string_equal(c.error, "invalid_token");
	challenge_free(&c);
	assert_int_equal(find("Negotiate dG9r==, Basic realm=\"x\", bearer realm=\"y\"",
				 CHALLENGE_BEARER, &c),
		0);
	assert_string_equal(c.realm, "y");
	challenge_free(&c);
	assert_int_equal(find("BASIC realm=x", CHALLENGE_BASIC, &c), 0);
	challenge_free(&c);
}

static void test_malformed_challenges_are_none(void **state)
{
	static const char *const bad[] = {
		"", "Bearer realm=\"open", "Digest realm=\"x\"", "=", ",,,", "\"\""};
	struct challenge c;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(find(bad[i], CHALLENGE_BEARER, &c), -1);
		assert_null(c.realm);
	}
}

static int token(const char *json, struct token_reply *t)
{
	return token_parse(json, strlen(json), t, NULL);
}

static void test_tokens(void **state)
{
	struct token_reply t;
	assert_int_equal(
		token("{\"token\":\"a.b-c\",\"expires_in\":300,\"refresh_token\":\"r\"}", &t), 0);
	assert_string_equal(t.token, "a.b-c");
	assert_string_equal(t.refresh, "r");
	assert_int_equal(t.seconds, 300);
	token_reply_free(&t);
	assert_int_equal(token("{\"access_token\":\"x\",\"expires_in\":1}", &t), 0);
	assert_int_equal(t.seconds, 60);
	token_reply_free(&t);
	assert_int_equal(token("{\"token\":\"x\",\"expires_in\":1e300}", &t), 0);
	assert_int_equal(t.seconds, 60);
	token_reply_free(&t);
}

static void test_tokens_that_would_end_a_header_are_refused(void **state)
{
	static const char *const bad[] = {"{}", "[]", "\"x\"", "{\"token\":1}", "{\"token\":\"\"}",
		"{\"token\":\"a\\r\\nX: y\"}", "{\"token\":\"a b\"}", "{\"token\":\"\xc3\xa9\"}",
		"{\"token\":\"x\",\"refresh_token\":\"a\\nb\"}", "<html>"};
	struct token_reply t;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(token(bad[i], &t), -1);
}

static void through(const char *no_proxy, const char *url, const char *proxy)
{
	struct settings set = {.http_proxy = (char *)"http://plain:1",
		.https_proxy = (char *)"http://safe:2",
		.no_proxy = (char *)(uintptr_t)no_proxy};
	auto_free char *is = proxy_for(&set, url);
	assert_string_equal(is, proxy);
}

static void test_proxies_by_gos_rules(void **state)
{
	through("", "https://a.lan/v2", "http://safe:2");
	through("", "http://a.lan/v2", "http://plain:1");
	through("", "http://localhost:5000/v2", "");
	through("", "https://127.0.0.2/v2", "");
	through("", "https://[::1]:5000/v2", "");
	through("*", "https://a.lan/v2", "");
	through("a.lan", "https://a.lan/v2", "");
	through("a.lan", "https://b.a.lan/v2", "");
	through("a.lan", "https://ba.lan/v2", "http://safe:2");
	through(".a.lan", "https://a.lan/v2", "http://safe:2");
	through("*.a.lan", "https://b.a.lan/v2", "");
	through("a.lan:443", "https://a.lan/v2", "");
	through("a.lan:444", "https://a.lan/v2", "http://safe:2");
	through("x, 10.0.0.0/8", "https://10.9.8.7:5000/v2", "");
	through("10.0.0.0/8", "https://11.0.0.1/v2", "http://safe:2");
	through("192.0.2.1", "https://192.0.2.1/v2", "");
	through("fd00::/8", "https://[fd12::1]/v2", "");
}

static void test_origins(void **state)
{
	auto_free char *a = http_origin("https://Registry.LAN/v2");
	auto_free char *b = http_origin("http://[::1]:5000");
	assert_string_equal(a, "https://registry.lan:443");
	assert_string_equal(b, "http://[::1]:5000");
	assert_null(http_origin("file:///etc/passwd"));
	assert_null(http_origin("not a URL"));
	auto_free char *c = http_resolve("https://a.lan/v2/x?y", "https://user:pw@b.lan/z#f");
	assert_string_equal(c, "https://b.lan/z");
	auto_free char *d = http_resolve("https://a.lan/v2/x?y", "/other?q");
	assert_string_equal(d, "https://a.lan/other?q");
	auto_free char *e = http_shown("https://u:secret@a.lan/x?signature=secret");
	assert_string_equal(e, "https://a.lan/x");
}

static void test_a_user_of_a_url_stays_where_it_names_no_other_host(void **state)
{
	static const char base[] = "https://user:pw@a.lan/v2/x";
	auto_free char *near = http_resolve_with_user(base, "/other");
	auto_free char *home = http_resolve_with_user(base, "//a.lan/other");
	auto_free char *named = http_resolve_with_user(base, "http://b:c@b.lan/#f");
	assert_string_equal(near, "https://user:pw@a.lan/other");
	assert_string_equal(home, "https://a.lan/other");
	assert_string_equal(named, "http://b:c@b.lan/");
}

/* ---- trying again ---- */

struct tried {
	unsigned again;
	bool over;
	char *why;
};

static void on_retry(void *arg, const struct err *why, uint32_t wait_ms, uint32_t attempt)
{
	struct tried *t = arg;
	t->again++;
}

static void on_done(void *arg, struct exchange *x)
{
	struct tried *t = arg;
	t->over = true;
	t->why = xstrdup(err_msg(x->err));
}

/* Nobody listens there: it is bound, but for us, and kept. */
static int closed_port(int *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void ask_nobody(bool answered, struct tried *t)
{
	int port;
	int running;
	int fd = closed_port(&port);
	struct endpoint e = {.url = xasprintf("http://127.0.0.1:%d/v2", port),
		.origin = xasprintf("http://127.0.0.1:%d", port),
		.plain = true,
		.flags = ENDPOINT_PULL};
	struct client c = {.endpoints = &e,
		.endpoint_count = 1,
		.control = -1,
		.bundle = -1,
		.multi = curl_multi_init(),
		.answered = answered,
		.set = {.repository = (char *)"x",
			.familiar = (char *)"x",
			.scope = (char *)"",
			.user_agent = (char *)"test",
			.http_proxy = (char *)"",
			.https_proxy = (char *)"",
			.no_proxy = (char *)"",
			.connect_ms = 60000,
			.answer_ms = 60000,
			.stall_ms = 60000,
			.pause_ms = 1,
			.attempts = 3}};
	const struct exchange_spec spec = {.method = "GET",
		.path = "/x/tags/list",
		.capability = ENDPOINT_PULL,
		.document = true,
		.retry = on_retry,
		.done = on_done,
		.arg = t};
	exchange_start(&c, &spec);
	while (!t->over) {
		curl_multi_perform(c.multi, &running);
		http_reap(&c);
		curl_multi_poll(c.multi, NULL, 0, timer_run(&c, 10), NULL);
	}
	curl_multi_cleanup(c.multi);
	free(e.url);
	free(e.origin);
	close(fd);
}

static void test_a_refused_connection_is_tried_again_only_where_somebody_has_answered(void **state)
{
	struct tried first = {0};
	struct tried later = {0};
	ask_nobody(false, &first);
	assert_int_equal(first.again, 0);
	assert_non_null(strstr(first.why, "connect: connection refused"));
	ask_nobody(true, &later);
	assert_int_equal(later.again, 2);
	free(first.why);
	free(later.why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_challenges),
		cmocka_unit_test(test_malformed_challenges_are_none),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_tokens_that_would_end_a_header_are_refused),
		cmocka_unit_test(test_proxies_by_gos_rules),
		cmocka_unit_test(test_origins),
		cmocka_unit_test(test_a_user_of_a_url_stays_where_it_names_no_other_host),
		cmocka_unit_test(
			test_a_refused_connection_is_tried_again_only_where_somebody_has_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
