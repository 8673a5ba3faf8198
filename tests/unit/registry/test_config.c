#include "../cmocka_all.h"
#include "base/mem.h"
#include "base/str.h"
#include "config.h"

static char *words[] = {NULL, NULL};

static struct registry_options options(void)
{
	return (struct registry_options){.program = "/x",
		.certs_dir = "/nonexistent",
		.http_proxy = "",
		.https_proxy = "",
		.no_proxy = ""};
}

static void release(struct config *c)
{
	struct registry r = {.config = c};
	pthread_mutex_init(&r.lock, NULL);
	c->references = 1;
	config_put(&r, c);
}

static void refuse_mirror(const char *mirror, const char *message)
{
	auto_err *err = NULL;
	struct registry_options o = options();
	words[0] = (char *)(uintptr_t)mirror;
	o.mirrors = words;
	assert_null(config_make(&o, &err));
	assert_non_null(strstr(err_msg(err), message));
}

static void test_mirrors_are_checked_as_dockerd_does(void **state)
{
	refuse_mirror("ftp://x", "invalid mirror: unsupported scheme");
	refuse_mirror("x:5000", "invalid mirror: unsupported scheme");
	refuse_mirror("https://x/path", "path, query, or fragment at end of the URI");
	refuse_mirror("https://x?a", "path, query, or fragment at end of the URI");
	refuse_mirror("https://a:b@x", "username/password not allowed");
	refuse_mirror("https://", "is not a valid URI");
	refuse_mirror("https://a b", "is not a valid URI");
}

static void test_insecure(void **state)
{
	auto_err *err = NULL;
	struct registry_options o = options();
	char *insecure[] = {(char *)"10.1.2.3/8", (char *)"reg.lan:5000", (char *)"http://old.lan/",
		(char *)"fd00::/16", NULL};
	o.insecure = insecure;
	struct config *c = config_make(&o, &err);
	assert_non_null(c);
	assert_true(config_insecure(c, "localhost"));
	assert_true(config_insecure(c, "localhost:5000"));
	assert_true(config_insecure(c, "127.9.9.9:5000"));
	assert_true(config_insecure(c, "[::1]:5000"));
	assert_true(config_insecure(c, "10.200.0.1:443"));
	assert_true(config_insecure(c, "[fd00::5]"));
	assert_true(config_insecure(c, "reg.lan:5000"));
	assert_true(config_insecure(c, "old.lan"));
	assert_false(config_insecure(c, "reg.lan"));
	assert_false(config_insecure(c, "11.0.0.1"));
	assert_false(config_insecure(c, "[fd01::5]"));
	assert_false(config_insecure(c, "localhost.example"));
	assert_false(config_insecure(c, "127.0.0.1.example:80"));
	assert_string_equal(c->subnets[0].text, "10.0.0.0/8");
	release(c);
	insecure[0] = (char *)"-x";
	assert_null(config_make(&o, &err));
	assert_non_null(strstr(err_msg(err), "insecure registry -x is not valid"));
}

static void find(struct registry_options *o, const char *domain, struct places *out)
{
	auto_err *err = NULL;
	struct config *c = config_make(o, &err);
	assert_non_null(c);
	assert_int_equal(places_find(c, domain, out, &err), 0);
	release(c);
}

static void test_docker_hub_has_mirrors_and_another_host(void **state)
{
	auto_places p = {0};
	struct registry_options o = options();
	char *mirrors[] = {(char *)"https://m.lan", (char *)"http://127.0.0.1:5000/", NULL};
	o.mirrors = mirrors;
	find(&o, "docker.io", &p);
	assert_int_equal(p.count, 3);
	assert_string_equal(p.v[0].url, "https://m.lan/v2");
	assert_string_equal(p.v[1].url, "http://127.0.0.1:5000/v2");
	assert_string_equal(p.v[2].url, "https://registry-1.docker.io/v2");
	assert_true(p.v[0].flags & ENDPOINT_MIRROR);
	assert_false(p.v[0].flags & (ENDPOINT_CREDENTIALS | ENDPOINT_PUSH));
	assert_true(p.v[2].flags & ENDPOINT_CREDENTIALS && p.v[2].flags & ENDPOINT_PUSH);
}

static void test_plain_http_comes_last_and_only_where_it_may(void **state)
{
	auto_places p = {0};
	auto_places q = {0};
	struct registry_options o = options();
	find(&o, "localhost:5000", &p);
	assert_int_equal(p.count, 2);
	assert_string_equal(p.v[0].url, "https://localhost:5000/v2");
	assert_true(p.v[0].flags & ENDPOINT_FALLBACK && p.v[0].flags & ENDPOINT_SKIP_VERIFY);
	assert_string_equal(p.v[1].url, "http://localhost:5000/v2");
	find(&o, "reg.lan:5000", &q);
	assert_int_equal(q.count, 1);
	assert_false(q.v[0].flags & (ENDPOINT_FALLBACK | ENDPOINT_SKIP_VERIFY));
}

static void test_info_hides_passwords(void **state)
{
	auto_err *err = NULL;
	struct registry_info info;
	struct registry_options o = options();
	o.https_proxy = "http://me:secret@proxy:3128";
	struct registry *r = registry_open(&o, &err);
	registry_info(r, &info);
	assert_string_equal(info.https_proxy, "http://xxxxx:xxxxx@proxy:3128");
	assert_null(info.http_proxy);
	assert_string_equal(info.insecure_cidrs[0], "127.0.0.0/8");
	registry_info_free(&info);
	char *mirrors[] = {(char *)"https://m.lan", NULL};
	o.mirrors = mirrors;
	assert_int_equal(registry_reconfigure(r, &o, &err), 0);
	registry_info(r, &info);
	assert_string_equal(info.mirrors[0], "https://m.lan/");
	registry_info_free(&info);
	registry_close(r);
}

static void test_auth_key(void **state)
{
	auto_free char *hub = registry_auth_key("docker.io");
	auto_free char *other = registry_auth_key("reg.lan:5000");
	assert_string_equal(hub, "https://index.docker.io/v1/");
	assert_string_equal(other, "reg.lan:5000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mirrors_are_checked_as_dockerd_does),
		cmocka_unit_test(test_insecure),
		cmocka_unit_test(test_docker_hub_has_mirrors_and_another_host),
		cmocka_unit_test(test_plain_http_comes_last_and_only_where_it_may),
		cmocka_unit_test(test_info_hides_passwords),
		cmocka_unit_test(test_auth_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
