/*
 * Bytes of a client, thrown at the whole server with a fake engine behind it. What must hold: no crash, no leak, and
 * the server goes on to answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "api/server.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct loop *loop;
static struct server *server;

static void *run(void *arg)
{
	loop_run(loop, NULL);
	return arg;
}

static void serve(void *arg)
{
	server_serve(server, (int)(intptr_t)arg);
}

static void start(void)
{
	pthread_t thread;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_LEVEL_FATAL);
	loop = loop_new(NULL);
	struct server_options options = {.loop = loop, .version = "0", .default_runtime = "kist"};
	server = server_new(&options, NULL);
	pthread_create(&thread, NULL, run, NULL);
	pthread_detach(thread);
}

static int connect_client(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	fd_set_blocking(pair[1], false);
	loop_post(loop, serve, (void *)(intptr_t)pair[1]);
	return pair[0];
}

/* libFuzzer's alarm clock rings now and then: no reason to take the server for silent. */
static bool readable(int fd, int patience)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n;
	do
		n = poll(&p, 1, patience);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

/* Until the end or a short silence: streams do not end. */
static bool hear(int fd, int patience)
{
	char text[4096];
	bool something = false;
	while (readable(fd, patience) && fd_read(fd, text, sizeof(text)) > 0)
		something = true;
	return something;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char ping[] = "GET /_ping HTTP/1.0\r\n\r\n";
	if (!loop)
		start();
	int fd = connect_client();
	send(fd, data, size < 100000 ? size : 100000, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	hear(fd, 5);
	close(fd);
	fd = connect_client();
	send(fd, ping, sizeof(ping) - 1, MSG_NOSIGNAL);
	if (!hear(fd, 20000))
		abort();
	close(fd);
	return 0;
}
