#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#include "net/files.h"

#define COMMON                                                                                     \
	"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n"  \
	"ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

static void check(const struct net_hosts *hosts, const char *expected)
{
	char *text = net_hosts_text(hosts, NULL);
	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void plain(void **state)
{
	check(&(struct net_hosts){.address = "172.17.0.2", .hostname = "4f5e"},
		COMMON "172.17.0.2\t4f5e\n");
	check(&(struct net_hosts){.hostname = "none"}, COMMON);
}

static void qualified(void **state)
{
	check(
		&(struct net_hosts){
			.address = "10.0.0.2", .hostname = "web", .domainname = "example.org"},
		COMMON "10.0.0.2\tweb.example.org web\n");
	check(&(struct net_hosts){.address = "10.0.0.2", .hostname = "web.example.org"},
		COMMON "10.0.0.2\tweb.example.org web\n");
}

static void extra(void **state)
{
	char *entries[] = {(char[]){"db:10.1.1.1"}, (char[]){"v6=2001:db8::1"}, (char[]){"b:[::1]"},
		(char[]){"host:host-gateway"}, NULL};
	check(&(struct net_hosts){.address = "10.0.0.2",
		      .hostname = "a",
		      .extra = entries,
		      .gateway = "10.0.0.1"},
		COMMON "10.1.1.1\tdb\n2001:db8::1\tv6\n::1\tb\n10.0.0.1\thost\n10.0.0.2\ta\n");
	char *text = net_hosts_append(
		"127.0.0.1 localhost", &(struct net_hosts){.extra = entries, .gateway = "g"}, NULL);
	assert_string_equal(text, "127.0.0.1 localhost\n10.1.1.1\tdb\n2001:db8::1\tv6\n::1\tb\n"
				  "g\thost\n");
	free(text);
}

static void bad(void **state)
{
	static const char *const cases[] = {"", "name", ":1.2.3.4", "a:", "a:1.2.3", "a b:1.2.3.4",
		"a\nb:1.2.3.4", "a:1.2.3.4\n", "a:[1.2.3.4", "a:gateway"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err *err = NULL;
		assert_int_equal(net_hosts_check(cases[i], &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		err_free(err);
	}
	char *entries[] = {(char[]){"host:host-gateway"}, NULL};
	assert_null(net_hosts_text(&(struct net_hosts){.extra = entries}, NULL));
	assert_null(net_hosts_text(
		&(struct net_hosts){.address = "1.2.3.4", .hostname = "a\nb"}, NULL));
}

static void hostname(void **state)
{
	char *text = net_hostname_text("web");
	assert_string_equal(text, "web\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(qualified),
		cmocka_unit_test(extra), cmocka_unit_test(bad), cmocka_unit_test(hostname)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
