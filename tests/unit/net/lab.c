#include "lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

struct in_addr lab_ip(const char *text)
{
	struct in_addr ip = {0};
	assert_int_equal(inet_pton(AF_INET, text, &ip), 1);
	return ip;
}

static int open_own(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

int lab_enter(void **state)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		fprintf(stderr, "skipped: network namespaces need root\n");
		exit(77);
	}
	assert_int_equal(lab_run(-1, "ip link set lo up"), 0);
	return 0;
}

int lab_namespace(void)
{
	int home = open_own();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	int fd = open_own();
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
	return fd;
}

/* The namespace to come back to. */
static int enter(int ns)
{
	int home = open_own();
	if (ns >= 0)
		assert_int_equal(setns(ns, CLONE_NEWNET), 0);
	return home;
}

static void leave(int home)
{
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	close(home);
}

int lab_run(int ns, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *line = xvasprintf(fmt, ap);
	va_end(ap);
	int home = enter(ns);
	int status = system(line);
	leave(home);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/*
 * Until a worker of the kernel's has seen to a new carrier the interface drops what it is to send. If
 * that is a question for a neighbour, the next one comes a second later.
 */
static void settle(int ns, const char *name)
{
	assert_int_equal(
		lab_run(ns,
			"timeout 20 sh -c 'until ip link show dev %s | grep -q \"state UP\"; "
			"do :; done'",
			name),
		0);
}

int lab_outside(const char *subnet)
{
	int ns = lab_namespace();
	assert_int_equal(lab_run(-1,
				 "ip link add wire0 type veth peer name wire1 && "
				 "ip link set wire1 netns /proc/%d/fd/%d && "
				 "ip addr add %s/24 dev wire0 && ip link set wire0 up",
				 getpid(), ns, LAB_OUTSIDE_HOST),
		0);
	assert_int_equal(lab_run(ns,
				 "ip link set lo up && ip addr add %s/24 dev wire1 && "
				 "ip link set wire1 up && ip route add %s via %s",
				 LAB_OUTSIDE, subnet, LAB_OUTSIDE_HOST),
		0);
	settle(-1, "wire0");
	settle(ns, "wire1");
	return ns;
}

int lab_listen(int ns, int type, uint16_t port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int home = enter(ns);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	leave(home);
	assert_true(fd >= 0);
	int on = type == SOCK_STREAM;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static bool ready(int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};
	return poll(&p, 1, ms) == 1 && (p.revents & events);
}

/* ms; the last time a datagram is sent, it has so long */
#define UDP_AGAIN 200

static bool serve_tcp(int server, int client, int ms, struct sockaddr_in *peer)
{
	socklen_t len = sizeof(*peer);
	char word[3] = "";
	int error;
	socklen_t error_len = sizeof(error);
	if (!ready(client, POLLOUT, ms) ||
		getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0 || error)
		return false;
	if (!ready(server, POLLIN, ms))
		return false;
	auto_fd int conn = accept4(server, (struct sockaddr *)peer, &len, SOCK_CLOEXEC);
	return conn >= 0 && send(client, "hi", 2, 0) == 2 && ready(conn, POLLIN, ms) &&
	       recv(conn, word, 2, 0) == 2 && send(conn, "yo", 2, 0) == 2 &&
	       ready(client, POLLIN, ms) && recv(client, word, 2, 0) == 2 &&
	       strcmp(word, "yo") == 0;
}

/* Hears until @word comes, which it expects within @ms; what is left of earlier talks is passed over. */
static bool hear_word(int fd, uint32_t word, int ms, struct sockaddr_in *from)
{
	while (ready(fd, POLLIN, ms)) {
		socklen_t len = sizeof(*from);
		uint32_t heard;
		ssize_t n = recvfrom(fd, &heard, sizeof(heard), 0, (struct sockaddr *)from, &len);
		if (n < 0)
			return false;
		if (n == sizeof(heard) && heard == word)
			return true;
	}
	return false;
}

/* Nobody but us sends a datagram again that an interface has dropped. */
static bool serve_udp(int server, int client, int ms, struct sockaddr_in *peer)
{
	static uint32_t word;
	struct sockaddr_in answered;
	word += 2;
	for (int left = ms; left > 0; left -= UDP_AGAIN) {
		if (send(client, &word, sizeof(word), 0) < 0)
			return false;
		if (!hear_word(server, word, UDP_AGAIN, peer))
			continue;
		const uint32_t answer = word + 1;
		sendto(server, &answer, sizeof(answer), 0, (struct sockaddr *)peer, sizeof(*peer));
		if (hear_word(client, answer, UDP_AGAIN, &answered))
			return true;
	}
	return false;
}

static bool talk(
	int ns, int type, const char *ip, uint16_t port, int server, struct in_addr *peer, int ms)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = lab_ip(ip)};
	struct sockaddr_in from = {0};
	int home = enter(ns);
	auto_fd int client = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	leave(home);
	assert_true(client >= 0);
	if (connect(client, (struct sockaddr *)&addr, sizeof(addr)) < 0 && errno != EINPROGRESS)
		return false;
	bool heard = type == SOCK_STREAM ? serve_tcp(server, client, ms, &from)
					 : serve_udp(server, client, ms, &from);
	if (peer)
		*peer = from.sin_addr;
	return heard;
}

bool lab_talk(int ns, int type, const char *ip, uint16_t port, int server, struct in_addr *peer)
{
	return talk(ns, type, ip, port, server, peer, 20000);
}

bool lab_silent(int ns, int type, const char *ip, uint16_t port, int server)
{
	return !talk(ns, type, ip, port, server, NULL, 200);
}
