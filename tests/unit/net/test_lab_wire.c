#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define BR "ktest0"

static struct net *open_net(const char *bip, bool icc)
{
	struct net_options options;
	struct net *net = NULL;
	struct err *err = NULL;
	net_options_init(&options);
	options.bridge = BR;
	options.bip = bip;
	options.icc = icc;
	if (net_open(&net, &options, &err) < 0)
		fail_msg("%s", err_msg(err));
	return net;
}

static struct net_endpoint connect_new(struct net *net, int ns)
{
	struct net_endpoint ep;
	struct err *err = NULL;
	assert_int_equal(net_endpoint_allocate(net, &ep, NULL, NULL, NULL), 0);
	if (net_connect(net, ns, &ep, &err) < 0)
		fail_msg("%s", err_msg(err));
	return ep;
}

static void inside_looks_like_docker(void **state)
{
	struct net *net = open_net("10.77.0.1/16", true);
	int ns = lab_namespace();
	struct net_endpoint ep = connect_new(net, ns);
	assert_string_equal(ep.container_if, "eth0");
	assert_int_equal(ep.address.s_addr, lab_ip("10.77.0.2").s_addr);
	assert_true(net_connected(net, &ep));
	assert_int_equal(lab_run(ns, "ip -o addr show eth0 | grep -q 'inet 10.77.0.2/16 brd "
				     "10.77.255.255 '"),
		0);
	assert_int_equal(lab_run(ns, "ip link show eth0 | grep -q 02:42:0a:4d:00:02"), 0);
	assert_int_equal(lab_run(ns, "test \"$(ip route show default)\" = "
				     "'default via 10.77.0.1 dev eth0 '"),
		0);
	assert_int_equal(lab_run(ns, "ip link show lo | grep -q LOWER_UP"), 0);
	/* CVE-2024-32473: no IPv6 on the interface, but ::1 on the loopback. */
	assert_int_equal(lab_run(ns, "test -z \"$(ip -6 addr show dev eth0)\""), 0);
	assert_int_equal(lab_run(ns, "ip -6 addr show dev lo | grep -q ::1"), 0);
	assert_int_equal(lab_run(-1, "test -z \"$(ip -6 addr show dev " BR ")\""), 0);
	assert_int_equal(lab_run(-1, "test -z \"$(ip -6 addr show dev %s)\"", ep.host_if), 0);
	int server = lab_listen(-1, SOCK_STREAM, 80);
	assert_true(lab_talk(ns, SOCK_STREAM, "10.77.0.1", 80, server, NULL));
	close(server);

	assert_int_equal(net_disconnect(net, &ep, NULL), 0);
	assert_int_equal(net_disconnect(net, &ep, NULL), 0); /* absent is fine */
	assert_false(net_connected(net, &ep));
	assert_int_equal(lab_run(ns, "ip link show eth0 2>/dev/null"), 1);
	close(ns);
	net_close(net, true);
	assert_int_equal(lab_run(-1, "ip link show " BR " 2>/dev/null"), 1);
	assert_int_equal(lab_run(-1, "nft list table ip kist-" BR " 2>/dev/null"), 1);
}

static void failed_connect_leaves_nothing(void **state)
{
	struct net *net = open_net("10.77.0.1/16", true);
	int ns = lab_namespace();
	struct net_endpoint ep;
	struct err *err = NULL;
	assert_int_equal(lab_run(ns, "ip link add eth0 type bridge"), 0);
	assert_int_equal(net_endpoint_allocate(net, &ep, NULL, NULL, NULL), 0);
	assert_int_equal(net_connect(net, ns, &ep, &err), -1);
	assert_int_equal(err->sys, EEXIST);
	err_free(err);
	assert_int_equal(lab_run(-1, "ip link show %s 2>/dev/null", ep.host_if), 1);
	close(ns);
	net_close(net, true);
}

static void containers_reach_each_other(void **state)
{
	struct net *net = open_net("10.77.0.1/16", true);
	int a = lab_namespace(), b = lab_namespace();
	struct net_endpoint ea = connect_new(net, a), eb = connect_new(net, b);
	struct in_addr peer;
	char text[INET_ADDRSTRLEN];
	int server = lab_listen(b, SOCK_STREAM, 80);
	assert_true(lab_talk(a, SOCK_STREAM, net_addr_text(eb.address, text), 80, server, &peer));
	assert_int_equal(peer.s_addr, ea.address.s_addr);
	close(server);
	close(a);
	close(b);
	net_close(net, false);
}

static void without_icc_only_the_host(void **state)
{
	struct net *net = open_net("10.77.0.1/16", false);
	int a = lab_namespace(), b = lab_namespace();
	connect_new(net, a);
	struct net_endpoint eb = connect_new(net, b);
	char text[INET_ADDRSTRLEN];
	int server = lab_listen(b, SOCK_STREAM, 80);
	assert_true(lab_silent(a, SOCK_STREAM, net_addr_text(eb.address, text), 80, server));
	assert_true(lab_talk(-1, SOCK_STREAM, text, 80, server, NULL));
	close(server);
	close(a);
	close(b);
	net_close(net, false);
}

static void outgoing_is_masqueraded(void **state)
{
	struct net *net = open_net("10.77.0.1/16", true);
	int outside = lab_outside("10.77.0.0/16"), a = lab_namespace();
	struct in_addr peer;
	connect_new(net, a);
	for (int i = 0; i < 2; i++) {
		int type = i ? SOCK_DGRAM : SOCK_STREAM;
		int server = lab_listen(outside, type, 53);
		assert_true(lab_talk(a, type, LAB_OUTSIDE, 53, server, &peer));
		assert_int_equal(peer.s_addr, lab_ip(LAB_OUTSIDE_HOST).s_addr);
		close(server);
	}
	close(outside);
	close(a);
	net_close(net, true);
}

static void the_pair_goes_with_its_namespace(void **state)
{
	struct net *net = open_net("10.77.0.1/16", true);
	int a = lab_namespace();
	struct net_endpoint ep = connect_new(net, a);
	close(a);
	/* The kernel cleans namespaces up in the background. */
	for (int i = 0; i < 6000 && net_connected(net, &ep); i++)
		usleep(10000);
	assert_false(net_connected(net, &ep));
	net_close(net, true);
}

static void restart_adopts(void **state)
{
	struct net *net = open_net(NULL, true);
	struct net_info first = *net_info(net);
	struct net_endpoint ep, other;
	struct err *err = NULL;
	int a = lab_namespace();
	ep = connect_new(net, a);
	net_close(net, false);

	net = open_net(NULL, true);
	assert_true(net_info(net)->ours);
	assert_int_equal(net_info(net)->address.s_addr, first.address.s_addr);
	assert_int_equal(net_reserve(net, &ep, NULL), 0);
	assert_int_equal(net_reserve(net, &ep, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_freep(&err);
	assert_true(net_connected(net, &ep));
	assert_int_equal(net_endpoint_allocate(net, &other, NULL, NULL, NULL), 0);
	assert_int_not_equal(other.address.s_addr, ep.address.s_addr);
	assert_int_equal(net_endpoint_allocate(net, &other, &ep.address, NULL, &err), -1);
	assert_string_equal(err_msg(err), "Address already in use");
	err_freep(&err);
	net_release(net, &ep);
	assert_int_equal(net_endpoint_allocate(net, &other, &ep.address, NULL, NULL), 0);
	net_close(net, true); /* the bridge stays: a container is attached */
	assert_int_equal(lab_run(-1, "ip link show " BR " >/dev/null"), 0);
	close(a);
	assert_int_equal(lab_run(-1, "ip link del " BR), 0);
}

static void a_free_subnet_is_chosen(void **state)
{
	assert_int_equal(lab_run(-1, "ip link add d0 type bridge && ip link set d0 up && "
				     "ip addr add 172.17.5.1/24 dev d0 && "
				     "ip route add 172.18.0.0/15 dev d0"),
		0);
	struct net *net = open_net(NULL, true);
	assert_int_equal(net_info(net)->address.s_addr, lab_ip("172.20.0.1").s_addr);
	assert_int_equal(net_info(net)->prefix, 16);
	net_close(net, true);
	assert_int_equal(lab_run(-1, "ip link del d0"), 0);
}

static void bip_moves_our_bridge(void **state)
{
	net_close(open_net("10.77.0.1/16", true), false);
	struct net *net = open_net("10.78.0.9/24", true);
	assert_int_equal(lab_run(-1, "test \"$(ip -o -4 addr show dev " BR " | wc -l)\" = 1"), 0);
	assert_int_equal(net_info(net)->address.s_addr, lab_ip("10.78.0.9").s_addr);
	net_close(net, true);
}

static void foreign_interfaces(void **state)
{
	struct net_options options;
	struct net *net = NULL;
	struct err *err = NULL;
	net_options_init(&options);
	options.bridge = "foreign";
	assert_int_equal(lab_run(-1, "ip link add foreign type bridge"), 0);
	assert_int_equal(net_open(&net, &options, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_freep(&err);
	options.bridge_given = true;
	assert_int_equal(net_open(&net, &options, &err), -1); /* no address */
	assert_int_equal(err->kind, ERR_INVALID);
	err_freep(&err);
	assert_int_equal(lab_run(-1, "ip addr add 10.5.0.1/24 dev foreign"), 0);
	assert_int_equal(net_open(&net, &options, &err), 0);
	assert_false(net_info(net)->ours);
	assert_int_equal(net_info(net)->gateway.s_addr, lab_ip("10.5.0.1").s_addr);
	net_close(net, true);
	assert_int_equal(lab_run(-1, "ip link del foreign"), 0); /* was left alone */

	assert_int_equal(lab_run(-1, "ip link add foreign type veth"), 0);
	assert_int_equal(net_open(&net, &options, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_freep(&err);
	assert_int_equal(lab_run(-1, "ip link del foreign"), 0);
}

static void bad_options(void **state)
{
	static const struct net_options cases[] = {{.bridge = "a/b"}, {.bridge = BR, .mtu = 5},
		{.bridge = BR, .bip = "10.0.0.1"}, {.bridge = BR, .bip = "10.0.0.1/31"},
		{.bridge = BR, .bip = "10.77.0.1/16", .fixed_cidr = "10.78.0.0/24"},
		{.bridge = BR, .bip = "10.77.0.1/16", .default_gateway = "10.78.0.1"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net *net = NULL;
		struct err *err = NULL;
		assert_int_equal(net_open(&net, &cases[i], &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		err_free(err);
	}
	lab_run(-1, "ip link del " BR);
}

static void loopback_only(void **state)
{
	int ns = lab_namespace();
	assert_int_equal(net_loopback_up(ns, NULL), 0);
	int server = lab_listen(ns, SOCK_STREAM, 80);
	assert_true(lab_talk(ns, SOCK_STREAM, "127.0.0.1", 80, server, NULL));
	close(server);
	close(ns);
}

static void exhausted_subnet(void **state)
{
	struct net *net = open_net("10.77.0.1/30", true);
	struct net_endpoint ep;
	struct err *err = NULL;
	assert_int_equal(net_endpoint_allocate(net, &ep, NULL, NULL, NULL), 0);
	assert_int_equal(net_endpoint_allocate(net, &ep, NULL, NULL, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_non_null(strstr(err_msg(err), "no available IPv4 addresses"));
	err_free(err);
	net_close(net, true);
}

/* An address comes back when the interface has gone, whether with its namespace or by force. */
static void leaving(void **state)
{
	struct net *net = open_net("10.77.0.1/29", true); /* five addresses */
	for (int i = 0; i < 12; i++) {
		int ns = lab_namespace();
		struct net_endpoint ep = connect_new(net, ns);
		net_leave(net, &ep);
		close(ns);
	}
	int held = lab_namespace();
	struct net_endpoint ep = connect_new(net, held), again;
	net_leave(net, &ep);
	assert_int_equal(net_endpoint_allocate(net, &again, &ep.address, NULL, NULL), 0);
	assert_false(net_connected(net, &ep));
	close(held);
	held = lab_namespace();
	ep = connect_new(net, held);
	net_leave(net, &ep);
	for (int i = 0; i < 6000 && net_connected(net, &ep); i++)
		usleep(10000);
	assert_false(net_connected(net, &ep));
	net_leave(net, &(struct net_endpoint){.address = again.address}); /* never connected */
	net_close(net, true);
}

struct job {
	struct net *net;
	int failed;
};

static void *connect_many(void *data)
{
	struct job *job = data;
	for (int i = 0; i < 20; i++) {
		int ns = lab_namespace();
		struct net_endpoint ep;
		if (net_endpoint_allocate(job->net, &ep, NULL, NULL, NULL) < 0 ||
			net_connect(job->net, ns, &ep, NULL) < 0 || !net_connected(job->net, &ep) ||
			net_disconnect(job->net, &ep, NULL) < 0)
			job->failed++;
		net_release(job->net, &ep);
		close(ns);
	}
	return NULL;
}

static void many_threads(void **state)
{
	struct job job = {.net = open_net("10.77.0.1/16", true)};
	pthread_t threads[4];
	struct net_endpoint ep;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, connect_many, &job), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(job.failed, 0);
	assert_int_equal(net_endpoint_allocate(job.net, &ep, NULL, NULL, NULL), 0);
	assert_int_equal(ep.address.s_addr, lab_ip("10.77.0.2").s_addr); /* all came back */
	net_close(job.net, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(inside_looks_like_docker),
		cmocka_unit_test(failed_connect_leaves_nothing),
		cmocka_unit_test(containers_reach_each_other),
		cmocka_unit_test(without_icc_only_the_host),
		cmocka_unit_test(outgoing_is_masqueraded),
		cmocka_unit_test(the_pair_goes_with_its_namespace),
		cmocka_unit_test(restart_adopts), cmocka_unit_test(a_free_subnet_is_chosen),
		cmocka_unit_test(bip_moves_our_bridge), cmocka_unit_test(foreign_interfaces),
		cmocka_unit_test(bad_options), cmocka_unit_test(loopback_only),
		cmocka_unit_test(exhausted_subnet), cmocka_unit_test(leaving),
		cmocka_unit_test(many_threads)};
	return cmocka_run_group_tests(tests, lab_enter, NULL);
}
