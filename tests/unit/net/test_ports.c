#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ports.h"

static const struct in_addr any;
static struct in_addr loopback(void)
{
	return (struct in_addr){htonl(INADDR_LOOPBACK)};
}

static struct mapping tcp(struct in_addr ip, uint16_t port)
{
	return (struct mapping){.proto = IPPROTO_TCP, .host_ip = ip, .host_port = port};
}

static void wildcard_overlaps(void **state)
{
	struct ports ports;
	struct in_addr other = {htonl(0x0a000001)};
	struct mapping map = tcp(loopback(), 80);
	ports_init(&ports);
	struct held *first = ports_claim(&ports, &map);
	assert_non_null(first);
	assert_null(ports_claim(&ports, &map));
	map = tcp(any, 80);
	assert_null(ports_claim(&ports, &map));
	map = tcp(other, 80);
	assert_non_null(ports_claim(&ports, &map));
	map.proto = IPPROTO_UDP;
	map.host_ip = any;
	assert_non_null(ports_claim(&ports, &map));
	assert_ptr_equal(ports_find(&ports, IPPROTO_TCP, loopback(), 80), first);
	assert_null(ports_find(&ports, IPPROTO_TCP, any, 80));
	ports_drop(&ports, first);
	assert_false(ports_taken(&ports, IPPROTO_TCP, loopback(), 80));
	assert_int_equal(ports.count, 2);
	ports_free(&ports);
	assert_int_equal(ports.count, 0);
}

static void next_free(void **state)
{
	struct ports ports;
	ports_init(&ports);
	for (uint16_t p = 8000; p <= 8004; p++) {
		struct mapping map = tcp(any, p);
		if (p != 8003)
			assert_non_null(ports_claim(&ports, &map));
	}
	assert_int_equal(ports_next_free(&ports, IPPROTO_TCP, any, 8000, 8004), 8003);
	assert_int_equal(ports_next_free(&ports, IPPROTO_TCP, any, 8004, 8004), 0);
	assert_int_equal(ports_next_free(&ports, IPPROTO_TCP, any, 65535, 65535), 65535);
	assert_int_equal(ports_next_free(&ports, IPPROTO_UDP, any, 8000, 8004), 8000);
	ports_free(&ports);
}

static void default_range(void **state)
{
	struct ports ports;
	ports_init(&ports);
	assert_true(ports.first > 0 && ports.first < ports.last);
	ports_free(&ports);
}

/* What another program would experience. */
static int try_bind(int type, uint16_t port, int reuse)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = loopback()};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
	int result = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? errno : 0;
	close(fd);
	return result;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	return ntohs(addr.sin_port);
}

static void held_ports_are_taken(void **state)
{
	int fd = port_hold(IPPROTO_TCP, any, 0);
	assert_true(fd >= 0);
	uint16_t port = port_of(fd);
	assert_int_equal(try_bind(SOCK_STREAM, port, 0), EADDRINUSE);
	assert_int_equal(try_bind(SOCK_STREAM, port, 1), EADDRINUSE);
	assert_int_equal(port_hold(IPPROTO_TCP, loopback(), port), -1);
	assert_int_equal(errno, EADDRINUSE);
	close(fd);
	fd = port_hold(IPPROTO_UDP, loopback(), 0);
	assert_true(fd >= 0);
	port = port_of(fd);
	assert_int_equal(try_bind(SOCK_DGRAM, port, 0), EADDRINUSE);
	assert_int_equal(try_bind(SOCK_DGRAM, port, 1), EADDRINUSE);
	close(fd);
	assert_int_equal(port_hold(IPPROTO_TCP, (struct in_addr){htonl(0xc6336401)}, 0), -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(wildcard_overlaps),
		cmocka_unit_test(next_free), cmocka_unit_test(default_range),
		cmocka_unit_test(held_ports_are_taken)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
