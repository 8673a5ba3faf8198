/* The table of routes, versions, and the parts of a target. */
#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "params.h"
#include "request.h"
#include "routes.h"

static void test_routes_are_found(void **state)
{
	static const struct {
		const char *method, *path, *route, *name, *value;
	} cases[] = {
		{"GET", "/containers/json", "/containers/json", NULL, NULL},
		{"GET", "/containers/abc/json", "/containers/{id}/json", "id", "abc"},
		{"DELETE", "/containers/abc", "/containers/{id}", "id", "abc"},
		{"GET", "/images/json", "/images/json", NULL, NULL},
		{"GET", "/images/busybox/json", "/images/{name*}/json", "name", "busybox"},
		{"GET", "/images/host:5000/a/b:c/json", "/images/{name*}/json", "name",
			"host:5000/a/b:c"},
		{"GET", "/images/json/json", "/images/{name*}/json", "name", "json"},
		{"DELETE", "/images/a/b", "/images/{name*}", "name", "a/b"},
		{"GET", "/containers/a/b/json", NULL, NULL, NULL},
		{"POST", "/containers/json", NULL, NULL, NULL},
		{"GET", "/containers//json", NULL, NULL, NULL},
		{"GET", "/containers/json/", NULL, NULL, NULL},
		{"GET", "/", NULL, NULL, NULL},
		{"GET", "", NULL, NULL, NULL},
		{"PATCH", "/info", NULL, NULL, NULL},
		{"GET", "/networks/", "/networks/", NULL, NULL},
		{"GET", "/networks/x", "/networks/{id}", "id", "x"},
		{"DELETE", "/containers/a/checkpoints/b",
			"/containers/{id}/checkpoints/{checkpoint}", "checkpoint", "b"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct params vars = {0};
		const struct route *r = route_find(cases[i].method, cases[i].path, &vars);
		if (!cases[i].route) {
			assert_null(r);
			assert_int_equal(vars.n, 0);
			params_free(&vars);
			continue;
		}
		assert_non_null(r);
		assert_string_equal(r->path, cases[i].route);
		if (cases[i].name)
			assert_string_equal(params_get(&vars, cases[i].name), cases[i].value);
		params_free(&vars);
	}
}

static void test_table_is_sane(void **state)
{
	for (const struct route *r = route_table(); r->method; r++) {
		assert_non_null(r->run);
		assert_int_equal(r->path[0], '/');
		assert_in_range(r->since, API_MIN, API_MAX);
		for (const struct route *o = route_table(); o != r; o++)
			assert_false(str_eq(o->method, r->method) && str_eq(o->path, r->path));
	}
}

static void test_versions(void **state)
{
	static const struct {
		const char *text;
		unsigned version;
		const char *message;
	} cases[] = {
		{"1.24", 124, NULL},
		{"1.51", 151, NULL},
		{"1.4", 104,
			"client version 1.4 is too old. Minimum supported API version is 1.24, "
			"please "
			"upgrade your client to a newer version"},
		{"1.52", 0,
			"client version 1.52 is too new. Maximum supported API version is 1.51"},
		{"2.0", 0, "client version 2.0 is too new. Maximum supported API version is 1.51"},
		{"1.40.3", 140, NULL},
		{"1", 0, "invalid API version \"1\""},
		{"1.", 0, "invalid API version \"1.\""},
		{".", 0, "invalid API version \".\""},
		{"1.99999999999", 0, "invalid API version \"1.99999999999\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_err *e = NULL;
		unsigned v = 0;
		int rc = api_version_check(cases[i].text, &v, &e);
		assert_int_equal(rc, cases[i].message ? -1 : 0);
		if (cases[i].message)
			assert_string_equal(e->msg, cases[i].message);
		else
			assert_int_equal(v, cases[i].version);
	}
}

static void test_targets(void **state)
{
	static const struct {
		const char *target, *path, *query, *message;
		unsigned api;
	} cases[] = {
		{"/v1.44/info", "/info", NULL, NULL, 144},
		{"/info", "/info", NULL, NULL, 151},
		{"/v1.44//containers//a/json?q=a+b%26c&z", "/containers/a/json", "a b&c", NULL,
			144},
		{"http://docker/v1.30/info?q=", "/info", "", NULL, 130},
		{"/containers/a%2Fb/json", NULL, NULL, "page not found", 0},
		{"/containers/a%zz/json", NULL, NULL, "invalid URL escape \"%zz\"", 0},
		{"/containers/a%00/json", NULL, NULL, "invalid URL escape \"%00\"", 0},
		{"/info?q=%4", NULL, NULL, "invalid URL escape \"%4\"", 0},
		{"/version", "/version", NULL, NULL, 151},
		{"/v1.9999/info", NULL, NULL, "invalid API version \"1.9999\"", 0},
		{"/v1.23/nope", NULL, NULL, "page not found", 0},
		{"*", NULL, NULL, "page not found", 0},
		{"", NULL, NULL, "page not found", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct request *req = request_new(NULL, NULL, NULL);
		auto_err *e = NULL;
		req->method = xstrdup("GET");
		req->target = xstrdup(cases[i].target);
		int rc = request_parse_target(req, &e);
		assert_int_equal(rc, cases[i].message ? -1 : 0);
		if (cases[i].message) {
			assert_string_equal(e->msg, cases[i].message);
		} else {
			assert_string_equal(req->path, cases[i].path);
			assert_int_equal(req->api, cases[i].api);
			assert_true(str_eq(req_query(req, "q"), cases[i].query));
		}
		request_free(req);
	}
}

static void test_booleans_and_numbers(void **state)
{
	struct request *req = request_new(NULL, NULL, NULL);
	assert_int_equal(params_parse(&req->query,
				 "a=1&b=0&c=&d=False&e=none&f=anything&n=12&m=x&n=13", NULL),
		0);
	assert_true(req_bool(req, "a", false));
	assert_false(req_bool(req, "b", true));
	assert_false(req_bool(req, "c", true));
	assert_false(req_bool(req, "d", true));
	assert_false(req_bool(req, "e", true));
	assert_true(req_bool(req, "f", false));
	assert_true(req_bool(req, "absent", true));
	int64_t n = 0;
	auto_err *e = NULL;
	assert_int_equal(req_i64(req, "n", &n, &e), 0);
	assert_int_equal(n, 12);
	assert_int_equal(req_i64(req, "m", &n, &e), -1);
	auto_strv all = req_query_all(req, "n");
	assert_int_equal(strv_len(all), 2);
	request_free(req);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes_are_found),
		cmocka_unit_test(test_table_is_sane),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_booleans_and_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
