#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "elements.h"
#include "nl.h"

#define BR "ktest0"
#define TABLE "kist-" BR
#define GATEWAY "10.77.0.1"

/* A network with two containers and an outside machine; a fresh one for every test. */
struct lab {
	struct net *net;
	int a, b, outside;
	struct net_endpoint ea, eb;
};

static struct net *open_net(void)
{
	struct net_options options;
	struct net *net = NULL;
	struct err *err = NULL;
	net_options_init(&options);
	options.bridge = BR;
	options.bip = GATEWAY "/16";
	if (net_open(&net, &options, &err) < 0)
		fail_msg("%s", err_msg(err));
	return net;
}

static int set_up(void **state)
{
	struct lab *lab = xcalloc(1, sizeof(*lab));
	lab->net = open_net();
	lab->a = lab_namespace();
	lab->b = lab_namespace();
	lab->outside = lab_outside("10.77.0.0/16");
	assert_int_equal(net_endpoint_allocate(lab->net, &lab->ea, NULL, NULL, NULL), 0);
	assert_int_equal(net_endpoint_allocate(lab->net, &lab->eb, NULL, NULL, NULL), 0);
	assert_int_equal(net_connect(lab->net, lab->a, &lab->ea, NULL), 0);
	assert_int_equal(net_connect(lab->net, lab->b, &lab->eb, NULL), 0);
	*state = lab;
	return 0;
}

static int tear_down(void **state)
{
	struct lab *lab = *state;
	net_disconnect(lab->net, &lab->ea, NULL);
	net_disconnect(lab->net, &lab->eb, NULL);
	net_close(lab->net, true);
	lab_run(-1, "ip link del wire0; nft flush ruleset");
	close(lab->a);
	close(lab->b);
	close(lab->outside);
	free(lab);
	return 0;
}

static struct net_port port(uint8_t proto, const char *ip, uint16_t host, uint16_t container)
{
	return (struct net_port){.proto = proto,
		.host_ip = lab_ip(ip),
		.host_first = host,
		.host_last = host,
		.container_port = container};
}

static void publish(
	struct lab *lab, const struct net_endpoint *ep, struct net_port *ports, size_t n)
{
	struct err *err = NULL;
	if (net_publish(lab->net, ep, ports, n, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static size_t kernel_count(void)
{
	auto_mappings list = {0};
	auto_fd int sock = nl_socket(NETLINK_NETFILTER, NULL);
	assert_int_equal(elements_read(sock, TABLE, &list, NULL), 0);
	return list.count;
}

static void reachable_from(struct lab *lab, int type)
{
	struct net_port p =
		port(type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP, "0.0.0.0", 8080, 80);
	int server = lab_listen(lab->a, type, 80);
	struct in_addr peer;
	publish(lab, &lab->ea, &p, 1);
	assert_true(lab_talk(-1, type, "127.0.0.1", 8080, server, &peer));
	assert_int_equal(peer.s_addr, lab_ip(GATEWAY).s_addr);
	assert_true(lab_talk(-1, type, LAB_OUTSIDE_HOST, 8080, server, NULL));
	assert_true(lab_talk(-1, type, GATEWAY, 8080, server, NULL));
	assert_true(lab_talk(lab->outside, type, LAB_OUTSIDE_HOST, 8080, server, &peer));
	assert_int_equal(peer.s_addr, lab_ip(LAB_OUTSIDE).s_addr); /* real client seen */
	assert_true(lab_talk(lab->b, type, GATEWAY, 8080, server, &peer));
	assert_int_equal(peer.s_addr, lab_ip(GATEWAY).s_addr);
	assert_true(lab_talk(lab->b, type, LAB_OUTSIDE_HOST, 8080, server, NULL));
	assert_true(lab_talk(lab->a, type, GATEWAY, 8080, server, NULL)); /* hairpin */
	net_unpublish(lab->net, &lab->ea, &p, 1);
	assert_int_equal(kernel_count(), 0);
	assert_true(lab_silent(-1, type, "127.0.0.1", 8080, server));
	assert_true(lab_silent(lab->outside, type, LAB_OUTSIDE_HOST, 8080, server));
	close(server);
}

/* Bridged frames pass the packet filter or not, depending on what else runs on the host. */
static void set_bridge_filter(struct lab *lab, const char *value)
{
	lab_run(-1,
		"test -e /proc/sys/net/bridge/bridge-nf-call-iptables || exit 0; "
		"echo %s > /proc/sys/net/bridge/bridge-nf-call-iptables",
		value);
	assert_int_equal(net_disconnect(lab->net, &lab->ea, NULL), 0);
	assert_int_equal(net_connect(lab->net, lab->a, &lab->ea, NULL), 0);
}

static void tcp_from_everywhere(void **state)
{
	set_bridge_filter(*state, "1");
	reachable_from(*state, SOCK_STREAM);
	set_bridge_filter(*state, "0");
	reachable_from(*state, SOCK_STREAM);
}

static void udp_from_everywhere(void **state)
{
	set_bridge_filter(*state, "1");
	reachable_from(*state, SOCK_DGRAM);
	set_bridge_filter(*state, "0");
	reachable_from(*state, SOCK_DGRAM);
}

static void loopback_only(void **state)
{
	struct lab *lab = *state;
	struct net_port p[2] = {
		port(IPPROTO_TCP, "127.0.0.1", 8080, 80), port(IPPROTO_UDP, "127.0.0.1", 8080, 80)};
	publish(lab, &lab->ea, p, 2);
	/* CVE-2025-54388: the neighbour sends 127.0.0.1 to the host's own MAC address. */
	assert_int_equal(
		lab_run(lab->outside,
			"sysctl -qw net.ipv4.conf.all.route_localnet=1 && "
			"ip route del table local local 127.0.0.0/8 dev lo && "
			"ip route del table local local 127.0.0.1 dev lo && "
			"ip route add 127.0.0.1 via " LAB_OUTSIDE_HOST " src " LAB_OUTSIDE),
		0);
	assert_int_equal(lab_run(-1, "sysctl -qw net.ipv4.conf.wire0.route_localnet=1"), 0);
	for (int i = 0; i < 2; i++) {
		int type = i ? SOCK_DGRAM : SOCK_STREAM;
		int server = lab_listen(lab->a, type, 80);
		assert_true(lab_talk(-1, type, "127.0.0.1", 8080, server, NULL));
		assert_true(lab_silent(-1, type, LAB_OUTSIDE_HOST, 8080, server));
		assert_true(lab_silent(lab->outside, type, LAB_OUTSIDE_HOST, 8080, server));
		assert_true(lab_silent(lab->b, type, GATEWAY, 8080, server));
		assert_true(lab_silent(lab->outside, type, "127.0.0.1", 8080, server));
		close(server);
	}
}

/* route_localnet on the bridge must not open the host's loopback services to containers. */
static void host_loopback_stays_closed(void **state)
{
	struct lab *lab = *state;
	int server = lab_listen(-1, SOCK_DGRAM, 99);
	assert_int_equal(lab_run(lab->a, "sysctl -qw net.ipv4.conf.all.route_localnet=1 && "
					 "ip route del table local local 127.0.0.0/8 dev lo && "
					 "ip route del table local local 127.0.0.1 dev lo && "
					 "ip route add 127.0.0.1 via " GATEWAY " src 10.77.0.2"),
		0);
	assert_true(lab_silent(lab->a, SOCK_DGRAM, "127.0.0.1", 99, server));
	assert_true(lab_talk(lab->a, SOCK_DGRAM, GATEWAY, 99, server, NULL));
	close(server);
}

static void unpublished_is_closed_to_outside(void **state)
{
	struct lab *lab = *state;
	struct net_port p = port(IPPROTO_TCP, "0.0.0.0", 8080, 80);
	int web = lab_listen(lab->a, SOCK_STREAM, 80), other = lab_listen(lab->a, SOCK_STREAM, 81);
	publish(lab, &lab->ea, &p, 1);
	/* The outside machine has a route to the containers' subnet. */
	assert_true(lab_silent(lab->outside, SOCK_STREAM, "10.77.0.2", 81, other));
	assert_true(lab_silent(lab->outside, SOCK_STREAM, "10.77.0.2", 80, web));
	assert_true(lab_talk(lab->outside, SOCK_STREAM, LAB_OUTSIDE_HOST, 8080, web, NULL));
	assert_true(lab_talk(-1, SOCK_STREAM, "10.77.0.2", 81, other, NULL));
	assert_true(lab_talk(lab->b, SOCK_STREAM, "10.77.0.2", 81, other, NULL));
	close(web);
	close(other);
}

static void one_address(void **state)
{
	struct lab *lab = *state;
	struct net_port pa = port(IPPROTO_TCP, LAB_OUTSIDE_HOST, 8080, 80);
	struct net_port pb = port(IPPROTO_TCP, "127.0.0.1", 8080, 80);
	int sa = lab_listen(lab->a, SOCK_STREAM, 80), sb = lab_listen(lab->b, SOCK_STREAM, 80);
	publish(lab, &lab->ea, &pa, 1);
	publish(lab, &lab->eb, &pb, 1);
	assert_true(lab_talk(lab->outside, SOCK_STREAM, LAB_OUTSIDE_HOST, 8080, sa, NULL));
	assert_true(lab_talk(-1, SOCK_STREAM, "127.0.0.1", 8080, sb, NULL));
	close(sa);
	close(sb);
}

static void expect_error(
	struct lab *lab, struct net_port *ports, size_t n, int errnum, const char *words)
{
	struct err *err = NULL;
	size_t before = kernel_count();
	assert_int_equal(net_publish(lab->net, &lab->eb, ports, n, &err), -1);
	assert_string_equal(err_msg(err), words);
	assert_int_equal(err->kind, ERR_SYSTEM);
	assert_int_equal(err->sys, errnum);
	err_free(err);
	assert_int_equal(kernel_count(), before);
}

static void conflicts(void **state)
{
	struct lab *lab = *state;
	struct net_port p = port(IPPROTO_TCP, "0.0.0.0", 8080, 80);
	publish(lab, &lab->ea, &p, 1);
	expect_error(
		lab, &p, 1, EADDRINUSE, "Bind for 0.0.0.0:8080 failed: port is already allocated");
	p = port(IPPROTO_TCP, "127.0.0.1", 8080, 80);
	expect_error(lab, &p, 1, EADDRINUSE,
		"Bind for 127.0.0.1:8080 failed: port is already allocated");

	/* A program of the host's has the second one: the first is given back. */
	int busy = lab_listen(-1, SOCK_STREAM, 9001);
	struct net_port two[2] = {
		port(IPPROTO_TCP, "0.0.0.0", 9000, 80), port(IPPROTO_TCP, "0.0.0.0", 9001, 81)};
	expect_error(lab, two, 2, EADDRINUSE,
		"failed to bind host port for 0.0.0.0:9001:10.77.0.3:81/tcp: address already in "
		"use");
	close(busy);
	publish(lab, &lab->eb, two, 2);
	p = port(IPPROTO_TCP, "192.0.2.77", 80, 80);
	expect_error(lab, &p, 1, EADDRNOTAVAIL,
		"failed to bind host port for "
		"192.0.2.77:80:10.77.0.3:80/tcp: cannot assign requested address");
	struct net_port twice[2] = {
		port(IPPROTO_TCP, "0.0.0.0", 9100, 80), port(IPPROTO_TCP, "0.0.0.0", 9100, 81)};
	expect_error(lab, twice, 2, EADDRINUSE,
		"Bind for 0.0.0.0:9100 failed: port is already allocated");
}

static void chosen_ports(void **state)
{
	struct lab *lab = *state;
	struct net_port p[3] = {port(IPPROTO_TCP, "0.0.0.0", 0, 80),
		port(IPPROTO_TCP, "0.0.0.0", 0, 81), port(IPPROTO_UDP, "0.0.0.0", 0, 81)};
	int server = lab_listen(lab->a, SOCK_STREAM, 81);
	publish(lab, &lab->ea, p, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(p[i].host_first, p[i].host_last);
		assert_in_range(p[i].host_first, 32768, 60999);
	}
	assert_int_not_equal(p[0].host_first, p[1].host_first);
	assert_true(lab_talk(-1, SOCK_STREAM, "127.0.0.1", p[1].host_first, server, NULL));
	close(server);
}

static void ranges(void **state)
{
	struct lab *lab = *state;
	struct net_port p = port(IPPROTO_TCP, "0.0.0.0", 7000, 80);
	int busy = lab_listen(-1, SOCK_STREAM, 7001);
	p.host_last = 7002;
	publish(lab, &lab->ea, &p, 1);
	assert_int_equal(p.host_first, 7000);
	p = port(IPPROTO_TCP, "0.0.0.0", 7000, 81);
	p.host_last = 7002;
	publish(lab, &lab->ea, &p, 1);
	assert_int_equal(p.host_first, 7002);
	assert_int_equal(p.host_last, 7002);
	p = port(IPPROTO_TCP, "0.0.0.0", 7000, 82);
	p.host_last = 7002;
	expect_error(lab, &p, 1, EADDRINUSE, "all ports are allocated");
	close(busy);
}

/*
 * A client that kept sending before the port was published must be heard once it is. A flow that was
 * not forgotten would stay as long as the client sends, so waiting hides nothing.
 */
static void udp_flow_before_publish(void **state)
{
	struct lab *lab = *state;
	struct net_port p = port(IPPROTO_UDP, "0.0.0.0", 8080, 80);
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(8080),
		.sin_addr = lab_ip(LAB_OUTSIDE_HOST)};
	int server = lab_listen(lab->a, SOCK_DGRAM, 80),
	    client = lab_listen(lab->outside, SOCK_DGRAM, 5);
	char word[3] = "";
	int heard = -1;
	sendto(client, "1", 1, 0, (struct sockaddr *)&to, sizeof(to));
	publish(lab, &lab->ea, &p, 1);
	for (int i = 0; i < 2000 && heard < 0; i++) {
		sendto(client, "2", 1, 0, (struct sockaddr *)&to, sizeof(to));
		usleep(5000);
		heard = (int)recv(server, word, 2, 0);
	}
	assert_int_equal(heard, 1);
	close(server);
	close(client);
}

static void thousand_ports(void **state)
{
	struct lab *lab = *state;
	struct net_port *p = xcalloc(1000, sizeof(*p));
	for (uint16_t i = 0; i < 1000; i++)
		p[i] = port(IPPROTO_TCP, i % 2 ? "127.0.0.1" : "0.0.0.0", (uint16_t)(20000 + i),
			(uint16_t)(1000 + i));
	int server = lab_listen(lab->a, SOCK_STREAM, 1999);
	publish(lab, &lab->ea, p, 1000);
	assert_int_equal(kernel_count(), 1000);
	assert_true(lab_talk(-1, SOCK_STREAM, "127.0.0.1", 20999, server, NULL));
	net_unpublish(lab->net, &lab->ea, p, 1000);
	assert_int_equal(kernel_count(), 0);
	free(p);
	close(server);
}

static void ports_survive_a_restart(void **state)
{
	struct lab *lab = *state;
	struct net_port pa = port(IPPROTO_TCP, "0.0.0.0", 8080, 80);
	struct net_port pb[2] = {
		port(IPPROTO_TCP, "0.0.0.0", 8081, 80), port(IPPROTO_UDP, "127.0.0.1", 8081, 80)};
	int sa = lab_listen(lab->a, SOCK_STREAM, 80), sb = lab_listen(lab->b, SOCK_STREAM, 80);
	struct err *err = NULL;
	publish(lab, &lab->ea, &pa, 1);
	publish(lab, &lab->eb, pb, 2);
	net_close(lab->net, false);
	/* The daemon is away: traffic flows, and one element gets lost. */
	assert_true(lab_talk(-1, SOCK_STREAM, "127.0.0.1", 8080, sa, NULL));
	assert_int_equal(lab_run(-1, "nft 'delete element ip " TABLE " any { tcp . 8080 }'"), 0);

	lab->net = open_net();
	assert_int_equal(kernel_count(), 2);
	assert_true(lab_talk(lab->outside, SOCK_STREAM, LAB_OUTSIDE_HOST, 8081, sb, NULL));
	assert_int_equal(net_reserve(lab->net, &lab->ea, NULL), 0);
	assert_int_equal(net_restore(lab->net, &lab->ea, &pa, 1, NULL), 0);
	assert_int_equal(net_restore(lab->net, &lab->eb, &pa, 1, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_freep(&err);
	assert_int_equal(net_sync(lab->net, NULL), 0); /* b is gone */
	assert_int_equal(kernel_count(), 1);
	assert_true(lab_talk(-1, SOCK_STREAM, "127.0.0.1", 8080, sa, NULL));
	assert_true(lab_silent(-1, SOCK_STREAM, "127.0.0.1", 8081, sb));
	expect_error(
		lab, &pa, 1, EADDRINUSE, "Bind for 0.0.0.0:8080 failed: port is already allocated");
	publish(lab, &lab->eb, pb, 2);
	close(sa);
	close(sb);
}

static void flushed_ruleset_is_repaired(void **state)
{
	struct lab *lab = *state;
	struct net_port pa = port(IPPROTO_TCP, "0.0.0.0", 8080, 80), pb = pa;
	int server = lab_listen(lab->a, SOCK_STREAM, 80);
	publish(lab, &lab->ea, &pa, 1);
	assert_int_equal(lab_run(-1, "nft flush ruleset"), 0);
	assert_true(lab_silent(lab->outside, SOCK_STREAM, LAB_OUTSIDE_HOST, 8080, server));
	pb.host_first = pb.host_last = 8081;
	publish(lab, &lab->eb, &pb, 1); /* notices, and brings everything back */
	assert_int_equal(kernel_count(), 2);
	assert_true(lab_talk(lab->outside, SOCK_STREAM, LAB_OUTSIDE_HOST, 8080, server, NULL));
	assert_int_equal(lab_run(-1, "nft delete table ip " TABLE), 0);
	net_unpublish(lab->net, &lab->eb, &pb, 1);
	assert_int_equal(kernel_count(), 1);
	/* An element that leads elsewhere is put right. */
	assert_int_equal(
		lab_run(-1, "nft 'add element ip " TABLE " any { tcp . 8081 : 10.77.0.9 . 1 }'"),
		0);
	publish(lab, &lab->eb, &pb, 1);
	assert_int_equal(
		lab_run(-1, "nft list map ip " TABLE " any | grep -q '8081 : 10.77.0.3'"), 0);
	close(server);
}

static void foreign_tables_are_untouched(void **state)
{
	struct lab *lab = *state;
	struct net_port p = port(IPPROTO_TCP, "0.0.0.0", 8080, 80);
	assert_int_equal(lab_run(-1, "nft 'table inet mine { chain c { type filter hook forward "
				     "priority 0; policy accept; tcp dport 1 drop; }; }; "
				     "table ip nat { chain PREROUTING { }; }'"),
		0);
	assert_int_equal(
		lab_run(-1,
			"nft list table inet mine > /tmp/kist-lab-%d; nft list table ip nat "
			">> /tmp/kist-lab-%d",
			getpid(), getpid()),
		0);
	publish(lab, &lab->ea, &p, 1);
	net_unpublish(lab->net, &lab->ea, &p, 1);
	net_close(lab->net, true);
	lab->net = open_net();
	assert_int_equal(lab_run(-1,
				 "{ nft list table inet mine; nft list table ip nat; } | "
				 "cmp - /tmp/kist-lab-%d; s=$?; rm /tmp/kist-lab-%d; exit $s",
				 getpid(), getpid()),
		0);
}

/* What another version left under our name is replaced. */
static void unfitting_table_is_replaced(void **state)
{
	struct lab *lab = *state;
	net_close(lab->net, false);
	assert_int_equal(lab_run(-1, "nft 'delete table ip " TABLE "; table ip " TABLE
				     " { map any { type inet_service : ipv4_addr; }; }'"),
		0);
	lab->net = open_net();
	assert_int_equal(kernel_count(), 0);
}

#define IN_LAB(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {IN_LAB(tcp_from_everywhere), IN_LAB(udp_from_everywhere),
		IN_LAB(loopback_only), IN_LAB(host_loopback_stays_closed),
		IN_LAB(unpublished_is_closed_to_outside), IN_LAB(one_address), IN_LAB(conflicts),
		IN_LAB(chosen_ports), IN_LAB(ranges), IN_LAB(udp_flow_before_publish),
		IN_LAB(thousand_ports), IN_LAB(ports_survive_a_restart),
		IN_LAB(flushed_ruleset_is_repaired), IN_LAB(foreign_tables_are_untouched),
		IN_LAB(unfitting_table_is_replaced)};
	return cmocka_run_group_tests(tests, lab_enter, NULL);
}
