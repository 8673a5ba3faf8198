#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>

#include "bridge.h"
#include "elements.h"
#include "table.h"

static void script(void **state)
{
	struct net_info info = {.bridge = "br7",
		.table = "kist-br7",
		.prefix = 24,
		.subnet.s_addr = htonl(0x0a090800)};
	auto_buf text = BUF_INIT;
	table_script(&info, &text);
	assert_non_null(strstr(text.data, "add table ip kist-br7\n"));
	assert_non_null(strstr(text.data, "oifname \"br7\" ip saddr 10.9.8.0/24 ct status dnat"));
	assert_null(strchr(text.data, '%'));
	assert_null(strstr(text.data, "oifname != \"br7\" ip saddr 10.9.8.0/24 masquerade"));
	info.ip_masq = true;
	table_script(&info, &text);
	assert_non_null(strstr(text.data, "oifname != \"br7\" ip saddr 10.9.8.0/24 masquerade"));
}

static void names(void **state)
{
	assert_true(bridge_name_valid("kist0"));
	assert_true(bridge_name_valid("br-0123456789ab"));
	assert_false(bridge_name_valid(""));
	assert_false(bridge_name_valid("0123456789abcdef"));
	assert_false(bridge_name_valid("a\" accept; #"));
	assert_false(bridge_name_valid("a/b"));
	assert_false(bridge_name_valid(".."));
}

static void order(void **state)
{
	struct mapping a = {.proto = 6, .host_port = 80}, b = a;
	assert_int_equal(mapping_compare(&a, &b), 0);
	b.to_port = 1;
	assert_true(mapping_compare(&a, &b) < 0);
	b.to_port = 0;
	b.proto = 17;
	assert_true(mapping_compare(&a, &b) < 0 && mapping_compare(&b, &a) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(script), cmocka_unit_test(names), cmocka_unit_test(order)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
