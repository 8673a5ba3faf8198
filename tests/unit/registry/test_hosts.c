#include <fcntl.h>

#include "../cmocka_all.h"
#include "base/mem.h"
#include "base/str.h"
#include "config.h"
#include "toml.h"

/* ---- TOML ---- */

static void reads(const char *toml, const char *json)
{
	auto_err *err = NULL;
	auto_buf out = BUF_INIT;
	auto_json *doc = toml_parse(toml, strlen(toml), "x", &err);
	if (!doc)
		fail_msg("%s: %s", toml, err_msg(err));
	json_write(doc, &out);
	assert_string_equal(buf_str(&out), json);
}

static void refuses(const char *toml, const char *message)
{
	auto_err *err = NULL;
	auto_json *doc = toml_parse(toml, strlen(toml), "x", &err);
	assert_null(doc);
	if (!strstr(err_msg(err), message))
		fail_msg("%s: %s", toml, err_msg(err));
}

static void test_toml_is_read(void **state)
{
	reads("", "{}");
	reads("# only a comment", "{}");
	reads("a = 1\nb=true # c\r\nc = \"x\\ty\\u00e9\" \n",
		"{\"a\":1,\"b\":true,\"c\":\"x\\ty\xc3\xa9\"}");
	reads("a.b.\"c.d\" = 'raw\\n'", "{\"a\":{\"b\":{\"c.d\":\"raw\\\\n\"}}}");
	reads("[a]\nx=1\n[a.b]\ny=2\n[ c . d ]\n",
		"{\"a\":{\"x\":1,\"b\":{\"y\":2}},\"c\":{\"d\":{}}}");
	reads("a = [1, [\"x\", \"y\"],\n # c\n {k = 1, l=\"m\"},\n]",
		"{\"a\":[1,[\"x\",\"y\"],{\"k\":1,\"l\":\"m\"}]}");
	reads("[host.\"https://a:5000\"]\n", "{\"host\":{\"https://a:5000\":{}}}");
}

static void test_toml_faults_are_named_with_their_line(void **state)
{
	refuses("a = 1\na = 2", "x: line 2: a key is there twice");
	refuses("a = \"x", "a string is not closed");
	refuses("a = \"x\ny\"", "a string is not closed");
	refuses("a = 1 2", "something follows the value");
	refuses("a", "\"=\" is missing");
	refuses("= 1", "a key is missing");
	refuses("a = ", "a value is missing");
	refuses("a = [1", "an array is not closed");
	refuses("a = {b = 1", "an inline table is not closed");
	refuses("[a", "\"]\" is missing");
	refuses("[[a]]", "arrays of tables are not supported");
	refuses("a = \"\"\"x\"\"\"", "several lines are not supported");
	refuses("a = 1\n[a.b]", "used as a table and as a value");
	refuses("a = \"\\q\"", "unknown escape");
	refuses("a = \"\\ud800\"", "no such character");
	refuses("a = 1.5", "neither a string");
	refuses("a = [[[[[[[[[[[[[[[[[[[[", "nested too deeply");
	refuses("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s = 1", "nested too deeply");
}

/* ---- hosts.toml ---- */

static int parse(const char *text, struct places *out, struct places *home, struct err **err)
{
	return hosts_parse(text, strlen(text), "hosts.toml", AT_FDCWD, "docker.io", out, home, err);
}

static void test_hosts_are_in_the_order_of_the_file_and_the_server_comes_last(void **state)
{
	static const char text[] = "server = \"https://registry-1.docker.io\"\n"
				   "[host.\"https://z.lan\"]\n"
				   "  capabilities = [\"pull\", \"Resolve\"]\n"
				   "  dial_timeout = \"2s\"\n"
				   "[host.\"http://a.lan:5000/deep/\"]\n"
				   "  skip_verify = true\n"
				   "[host.\"http://a.lan:5000/deep/\".header]\n"
				   "  x-one = \"1\"\n"
				   "  x-two = [\"2\", \"3\"]\n"
				   "[host.\"b.lan/as/it/is\"]\n"
				   "  override_path = true\n";
	auto_err *err = NULL;
	auto_places p = {0};
	auto_places home = {0};
	assert_int_equal(parse(text, &p, &home, &err), 0);
	assert_int_equal(home.count, 0);
	assert_int_equal(p.count, 4);
	assert_string_equal(p.v[0].url, "https://z.lan/v2");
	assert_int_equal(p.v[0].flags, ENDPOINT_MIRROR | ENDPOINT_PULL | ENDPOINT_RESOLVE);
	assert_int_equal(p.v[0].connect_ms, 2000);
	assert_string_equal(p.v[1].url, "http://a.lan:5000/deep/v2");
	assert_true(p.v[1].flags & ENDPOINT_SKIP_VERIFY);
	assert_string_equal(p.v[1].headers[2], "x-two: 3");
	assert_string_equal(p.v[2].url, "https://b.lan/as/it/is");
	assert_string_equal(p.v[3].url, "https://registry-1.docker.io/v2");
	assert_true(p.v[3].flags & ENDPOINT_CREDENTIALS);
	assert_false(p.v[3].flags & ENDPOINT_MIRROR);
}

static void test_without_a_server_the_rest_is_about_the_registry_itself(void **state)
{
	(void)state;
	auto_err *err = NULL;
	auto_places p = {0};
	auto_places home = {0};
	assert_int_equal(parse("skip_verify = true\n"
			       "dial_timeout = \"3s\"\n"
			       "capabilities = [\"pull\"]\n"
			       "[header]\n"
			       "x-one = \"1\"\n"
			       "[host.\"https://a.lan\"]\n",
				 &p, &home, &err),
		0);
	assert_int_equal(p.count, 1);
	assert_false(p.v[0].flags & ENDPOINT_SKIP_VERIFY);
	assert_null(p.v[0].headers);
	assert_int_equal(home.count, 1);
	assert_int_equal(home.v[0].flags, ENDPOINT_SKIP_VERIFY);
	assert_int_equal(home.v[0].connect_ms, 3000);
	assert_string_equal(home.v[0].headers[0], "x-one: 1");
}

/* Whoever gets the registry's requests in its place does not get its users' passwords. */
static void test_credentials_are_for_the_registry_itself(void **state)
{
	auto_places p = {0};
	auto_places home = {0};
	assert_int_equal(parse("server = \"https://elsewhere.lan\"\n"
			       "[host.\"https://registry-1.docker.io.evil.lan\"]\n"
			       "[host.\"https://registry-1.docker.io\"]\n",
				 &p, &home, NULL),
		0);
	assert_false(p.v[0].flags & ENDPOINT_CREDENTIALS);
	assert_true(p.v[1].flags & ENDPOINT_CREDENTIALS);
	assert_false(p.v[2].flags & ENDPOINT_CREDENTIALS);
}

static void test_faults_of_hosts_are_named(void **state)
{
	static const char *const cases[][2] = {
		{"server = 1", "server must be a string"},
		{"host = 1", "host must be tables"},
		{"servre = \"x\"", "servre is not known"},
		{"[host.\"https://a\"]\nfoo = 1", "host \"https://a\": foo is not known"},
		{"[host.\"ftp://a\"]", "host \"ftp://a\": is not a URL of http or https"},
		{"[host.\"https://u:p@a\"]", "is not a URL of http or https"},
		{"[host.\"https://a\"]\ncapabilities = [\"eat\"]", "capabilities may be"},
		{"[host.\"https://a\"]\nskip_verify = 1", "skip_verify must be true or false"},
		{"[host.\"https://a\"]\nca = \"/nonexistent/ca\"",
			"read certificate /nonexistent/ca"},
		{"[host.\"https://a\".header]\nx = \"a\\r\\nb: c\"", "header must be one line"},
		{"[host.\"https://a\"]\ndial_timeout = \"soon\"", "dial_timeout must be"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_err *err = NULL;
		auto_places p = {0};
		auto_places home = {0};
		assert_int_equal(parse(cases[i][0], &p, &home, &err), -1);
		if (!strstr(err_msg(err), cases[i][1]))
			fail_msg("%s: %s", cases[i][0], err_msg(err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_toml_is_read),
		cmocka_unit_test(test_toml_faults_are_named_with_their_line),
		cmocka_unit_test(test_hosts_are_in_the_order_of_the_file_and_the_server_comes_last),
		cmocka_unit_test(test_without_a_server_the_rest_is_about_the_registry_itself),
		cmocka_unit_test(test_credentials_are_for_the_registry_itself),
		cmocka_unit_test(test_faults_of_hosts_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
