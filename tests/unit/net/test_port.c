#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "net/port.h"

static const struct in_addr any;

static void good(void **state)
{
	struct net_port p;
	assert_int_equal(net_port_parse("80/tcp", "", "8080", any, &p, NULL), 0);
	assert_int_equal(p.proto, IPPROTO_TCP);
	assert_int_equal(p.container_port, 80);
	assert_int_equal(p.host_first, 8080);
	assert_int_equal(p.host_last, 8080);
	assert_int_equal(p.host_ip.s_addr, 0);
	assert_int_equal(net_port_parse("53/UDP", "127.0.0.1", "", any, &p, NULL), 0);
	assert_int_equal(p.proto, IPPROTO_UDP);
	assert_int_equal(p.host_ip.s_addr, htonl(INADDR_LOOPBACK));
	assert_int_equal(p.host_first, 0);
	assert_int_equal(net_port_parse("9", NULL, "8000-8010", any, &p, NULL), 0);
	assert_int_equal(p.host_first, 8000);
	assert_int_equal(p.host_last, 8010);
	assert_int_equal(net_port_parse("9/sctp", NULL, "0", any, &p, NULL), 0);
	assert_int_equal(p.host_first, 0);
}

static void default_address(void **state)
{
	struct in_addr ip = {htonl(0x0a000001)};
	struct net_port p;
	assert_int_equal(net_port_parse("80", "", "", ip, &p, NULL), 0);
	assert_int_equal(p.host_ip.s_addr, ip.s_addr);
	assert_int_equal(net_port_parse("80", "0.0.0.0", "", ip, &p, NULL), 0);
	assert_int_equal(p.host_ip.s_addr, 0);
}

static void bad(void **state)
{
	static const struct {
		const char *key, *ip, *port;
	} cases[] = {{"", "", ""}, {"80/foo", "", ""}, {"80/", "", ""}, {"0/tcp", "", ""},
		{"65536/tcp", "", ""}, {"80-90/tcp", "", ""}, {"80", "x", ""}, {"80", "1.2.3", ""},
		{"80", "", "99999"}, {"80", "", "90-80"}, {"80", "", "a"}, {"80", "", "-"},
		{"80", "", "0-5"}, {"-1/tcp", "", ""}, {" 80", "", ""}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct net_port p;
		struct err *err = NULL;
		assert_int_equal(
			net_port_parse(cases[i].key, cases[i].ip, cases[i].port, any, &p, &err),
			-1);
		assert_int_equal(err->kind, ERR_INVALID);
		err_free(err);
	}
}

static void ipv6(void **state)
{
	struct net_port p;
	struct err *err = NULL;
	assert_int_equal(net_port_parse("80", "::1", "", any, &p, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_IMPLEMENTED);
	err_free(err);
}

static void expose(void **state)
{
	uint16_t first, last;
	uint8_t proto;
	assert_int_equal(net_expose_parse("80-90/udp", &first, &last, &proto, NULL), 0);
	assert_int_equal(first, 80);
	assert_int_equal(last, 90);
	assert_int_equal(proto, IPPROTO_UDP);
	assert_int_equal(net_expose_parse("90-80", &first, &last, &proto, NULL), -1);
}

static void addresses(void **state)
{
	uint8_t mac[6];
	char text[NET_MAC_TEXT];
	assert_int_equal(net_mac_parse("02:42:aC:11:00:02", mac), 0);
	assert_string_equal(net_mac_text(mac, text), "02:42:ac:11:00:02");
	assert_int_equal(net_mac_parse("02-42-ac-11-00-02", mac), 0);
	assert_int_equal(net_mac_parse("02:42:ac:11:00", mac), -1);
	assert_int_equal(net_mac_parse("02:42-ac:11:00:02", mac), -1);
	assert_int_equal(net_mac_parse("02:42:ac:11:00:02:03", mac), -1);
	assert_int_equal(net_mac_parse("", mac), -1);
	assert_int_equal(net_mac_parse("0", mac), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(good),
		cmocka_unit_test(default_address), cmocka_unit_test(bad), cmocka_unit_test(ipv6),
		cmocka_unit_test(expose), cmocka_unit_test(addresses)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
