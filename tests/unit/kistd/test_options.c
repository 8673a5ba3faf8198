#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "options.h"

static char *config; /* a file of the test's own */

static int set_up(void **state)
{
	config = xstrdup("/tmp/kistd-options-XXXXXX");
	int fd = mkstemp(config);
	close(fd);
	return fd < 0;
}

static int tear_down(void **state)
{
	unlink(config);
	free(config);
	return 0;
}

/* Flags as one string, separated by blanks; "@" is the configuration file with @json in it. */
static int load(struct options *o, const char *json, const char *flags, struct err **err)
{
	auto_strv argv = NULL;
	auto_strv words = strv_split(flags, ' ');
	strv_add(&argv, "kistd");
	for (char **w = words; *w && **w; w++)
		strv_add(&argv, *w);
	strv_add(&argv, "--config-file");
	strv_add(&argv, config);
	assert_int_equal(file_replace(AT_FDCWD, config, json, strlen(json), 0600, false, NULL), 0);
	return options_load(o, argv, err);
}

static void test_defaults(void **state)
{
	struct options o;
	assert_int_equal(load(&o, "{}", "", NULL), 0);
	assert_string_equal(o.data_root, "/var/lib/kist");
	assert_string_equal(o.exec_root, "/run/kist");
	assert_true(o.icc && o.ip_forward && o.ip_masq && o.iptables && o.live_restore);
	assert_false(o.debug || o.tlsverify || o.insecure_tcp);
	assert_null(o.hosts);
	options_free(&o);
}

static void test_forms_of_flags(void **state)
{
	struct options o;
	assert_int_equal(
		load(&o, "{}",
			"-D --bip=10.1.0.1/16 --host unix:///a -Hfd:// -H tcp://:1 --icc=false "
			"--mtu 1400 -l warn --group=x",
			NULL),
		0);
	assert_true(o.debug);
	assert_false(o.icc);
	assert_string_equal(o.bip, "10.1.0.1/16");
	assert_int_equal(strv_len(o.hosts), 3);
	assert_string_equal(o.hosts[1], "fd://");
	assert_int_equal(o.mtu, 1400);
	assert_string_equal(o.log_level, "warn");
	options_free(&o);
}

static void test_file(void **state)
{
	struct options o;
	assert_int_equal(
		load(&o,
			"{\"debug\": true, \"hosts\": [\"unix:///a\"], \"mtu\": 1300, \"bridge\": "
			"\"b0\", \"live-restore\": true}",
			"--group g", NULL),
		0);
	assert_true(o.debug);
	assert_string_equal(o.hosts[0], "unix:///a");
	assert_int_equal(o.mtu, 1300);
	assert_string_equal(o.bridge, "b0");
	assert_string_equal(o.group, "g");
	options_free(&o);
	/* as for encoding/json, null leaves what is there */
	assert_int_equal(
		load(&o, "{\"live-restore\": null, \"hosts\": null, \"mtu\": null}", "", NULL), 0);
	assert_true(o.live_restore);
	assert_int_equal(strv_len(o.hosts), 0);
	options_free(&o);
}

static void test_proxies_are_an_object_in_the_file(void **state)
{
	struct options o;
	auto_err *err = NULL;
	assert_int_equal(
		load(&o, "{\"proxies\": {\"http-proxy\": \"http://p:1\", \"no-proxy\": \"*.lan\"}}",
			"--https-proxy http://p:2", &err),
		0);
	assert_string_equal(o.http_proxy, "http://p:1");
	assert_string_equal(o.https_proxy, "http://p:2");
	assert_string_equal(o.no_proxy, "*.lan");
	options_free(&o);
	assert_int_equal(load(&o, "{\"proxies\": {\"nosuch\": \"x\"}}", "", &err), -1);
	assert_non_null(strstr(err_msg(err), "configuration option: proxies.nosuch"));
	options_free(&o);
	assert_int_equal(load(&o, "{\"proxies\": 1}", "", &err), -1);
	assert_non_null(strstr(err_msg(err), "proxies: must be an object"));
	options_free(&o);
}

static void test_what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *json, *flags, *message;
	} cases[] = {
		{"{}", "--nosuch", "unknown flag: --nosuch"},
		{"{}", "-Z", "unknown flag: -Z"},
		{"{}", "extra", "unexpected argument \"extra\""},
		{"{}", "--debug=maybe", "\"maybe\" for --debug"},
		{"{}", "--mtu x", "\"x\" for --mtu"},
		{"{}", "--mtu 70000", "mtu: 70000 is out of range"},
		{"{}", "--bip 300.1.1.1/24", "bip: invalid CIDR address \"300.1.1.1/24\""},
		{"{}", "--bip 10.0.0.1", "bip: invalid CIDR address \"10.0.0.1\""},
		{"{}", "--ip ::1", "ip: \"::1\" is not an IPv4 address"},
		{"{}", "--data-root rel", "data-root: \"rel\" is not an absolute path"},
		{"{}", "--log-level loud", "invalid log-level: \"loud\""},
		{"{}", "--live-restore=false", "live-restore"},
		{"{\"nosuch\": 1, \"other\": 2}", "", "configuration option: nosuch, other"},
		{"{\"help\": true}", "", "configuration option: help"},
		{"{\"log-level\": 7}", "",
			"json: cannot unmarshal number into Go struct field Config.log-level of "
			"type string"},
		{"{\"hosts\": \"x\"}", "",
			"json: cannot unmarshal string into Go struct field Config.hosts of type "
			"[]string"},
		{"{\"hosts\": [1]}", "",
			"json: cannot unmarshal number into Go struct field Config.hosts of type "
			"string"},
		{"{\"debug\": \"true\"}", "",
			"json: cannot unmarshal string into Go struct field Config.debug of type "
			"bool"},
		{"{\"mtu\": 1.5}", "",
			"json: cannot unmarshal number 1.5 into Go struct field Config.mtu of type "
			"int"},
		{"{\"log-level\": \"debug\"}", "-l info",
			"log-level: (from flag: info, from file: debug)"},
		{"{", "", "invalid JSON"},
		{"[]", "",
			"json: cannot unmarshal array into Go value of type map[string]interface "
			"{}"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct options o;
		auto_err *e = NULL;
		assert_int_equal(load(&o, cases[i].json, cases[i].flags, &e), -1);
		if (!strstr(err_msg(e), cases[i].message))
			fail_msg("expected \"%s\" in \"%s\"", cases[i].message, err_msg(e));
		options_free(&o);
	}
}

static void test_missing_file(void **state)
{
	struct options o;
	auto_err *e = NULL;
	char *argv[] = {
		xstrdup("kistd"), xstrdup("--config-file"), xstrdup("/nonexistent/x"), NULL};
	assert_int_equal(options_load(&o, argv, &e), -1);
	assert_non_null(strstr(err_msg(e), "/nonexistent/x"));
	options_free(&o);
	for (int i = 0; i < 3; i++)
		free(argv[i]);
}

static void test_what_a_running_daemon_takes_over_and_gives_back(void **state)
{
	struct options o, fresh;
	char *argv[] = {(char *)"kistd", (char *)"--config-file", config, NULL};
	const char *json = "{\"mtu\": 1300, \"max-concurrent-downloads\": 7, "
			   "\"max-concurrent-uploads\": 8, \"max-download-attempts\": 9, "
			   "\"registry-timeout\": 10, \"registry-mirrors\": [\"https://m\"]}";
	assert_int_equal(load(&o, "{\"mtu\": 1400}", "", NULL), 0);
	assert_int_equal(o.attempts, 6);
	assert_int_equal(o.registry_timeout, 60);
	assert_int_equal(file_replace(AT_FDCWD, config, json, strlen(json), 0600, false, NULL), 0);
	assert_int_equal(options_load(&fresh, argv, NULL), 0);
	options_exchange(&o, &fresh);
	assert_int_equal(o.max_downloads, 7);
	assert_int_equal(o.max_uploads, 8);
	assert_int_equal(o.attempts, 9);
	assert_int_equal(o.registry_timeout, 10);
	assert_string_equal(o.registry_mirrors[0], "https://m");
	/* containers have it already */
	assert_int_equal(o.mtu, 1400);
	options_exchange(&o, &fresh);
	assert_int_equal(o.max_downloads, 3);
	assert_int_equal(o.max_uploads, 5);
	assert_int_equal(o.attempts, 6);
	assert_int_equal(o.registry_timeout, 60);
	assert_null(o.registry_mirrors);
	options_free(&fresh);
	options_free(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forms_of_flags, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_proxies_are_an_object_in_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_wrong_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_a_running_daemon_takes_over_and_gives_back, set_up, tear_down),
		cmocka_unit_test(test_missing_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
