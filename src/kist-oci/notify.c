#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define FOLDER "notify"
#define SOCKET FOLDER "/notify.sock"
#define INSIDE "/run/notify"
#define MESSAGE_MAX 4096
#define MESSAGES_AT_ONCE 64
#define BARRIER_TIMEOUT_MS 30000

/* What a container may say of itself. Not which process is the main one, and no descriptors to keep. */
static const char *const allowed[] = {
	"READY=",
	"RELOADING=",
	"STOPPING=",
	"STATUS=",
	"ERRNO=",
	"BUSERROR=",
	"EXIT_STATUS=",
	"WATCHDOG=",
	"WATCHDOG_USEC=",
	"EXTEND_TIMEOUT_USEC=",
	"MONOTONIC_USEC=",
};

bool notify_configure(struct oci_config *config, const char *folder)
{
	static const char *const options[] = {"bind", "nosuid", "noexec", "nodev", "ro", NULL};
	if (str_empty(getenv("NOTIFY_SOCKET")))
		return false;
	auto_free char *source = xasprintf("%s/" FOLDER, folder);
	oci_mount_add(config, INSIDE, NULL, source, options);
	strv_add(&config->process.env, "NOTIFY_SOCKET=" INSIDE "/notify.sock");
	return true;
}

int notify_make(int dir, struct err **err)
{
	return dir_make(dir, FOLDER, 0755, err);
}

int notify_listen(struct notify *n, int dir, struct err **err)
{
	const char *host = getenv("NOTIFY_SOCKET");
	if (str_empty(host) || faccessat(dir, FOLDER, F_OK, 0) < 0)
		return 0;
	auto_free char *path = xasprintf("/proc/self/fd/%d/" SOCKET, dir);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	auto_fd int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	/* of a start that was killed: who comes here has the container's lock */
	unlinkat(dir, SOCKET, 0);
	if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_sys(err, errno, "listen at the container's " SOCKET);
	/* whoever the container's program runs as; nobody but it can see it */
	if (fchmodat(dir, SOCKET, 0777, 0) < 0)
		return err_sys(err, errno, "open the container's " SOCKET " to it");
	n->sock = steal_fd(&sock);
	n->host = host;
	return 0;
}

/* To systemd; "@name" is an abstract socket. */
static int tell(const struct notify *n, const char *text, size_t len, int fd)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t name = strlen(n->host);
	if (name >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, n->host, name);
	if (addr.sun_path[0] == '@')
		addr.sun_path[0] = 0;
	auto_fd int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name);
	if (sock < 0 || connect(sock, (struct sockaddr *)&addr, size) < 0)
		return -1;
	return fd_send(sock, text, len, &fd, fd >= 0 ? 1 : 0);
}

/* Waits until systemd has taken in all that was said: then we may end (sd_notify_barrier(3)). */
static void barrier(const struct notify *n)
{
	int pipefd[2];
	if (pipe2(pipefd, O_CLOEXEC) < 0)
		return;
	auto_fd int ours = pipefd[0];
	int r = tell(n, "BARRIER=1", strlen("BARRIER=1"), pipefd[1]);
	close(pipefd[1]);
	struct pollfd p = {.fd = ours, .events = POLLIN};
	if (r < 0 || poll(&p, 1, BARRIER_TIMEOUT_MS) <= 0)
		log_warn("%s did not acknowledge the notification", n->host);
}

static bool is_allowed(const char *line)
{
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (str_starts(line, allowed[i]))
			return true;
	return false;
}

/* One message; false if there is none. */
static bool forward_one(struct notify *n)
{
	char text[MESSAGE_MAX + 1];
	ssize_t got = recv(n->sock, text, MESSAGE_MAX, MSG_DONTWAIT);
	if (got < 0)
		return false;
	text[got] = 0;
	auto_buf out = BUF_INIT;
	auto_strv lines = strv_split(text, '\n');
	bool ready = false;
	for (size_t i = 0; lines[i]; i++) {
		if (!is_allowed(lines[i]))
			continue;
		ready = ready || str_eq(lines[i], "READY=1");
		buf_addf(&out, "%s\n", lines[i]);
	}
	if (!out.len)
		return true;
	/* from now on that is the process to watch */
	if (ready && !n->ready)
		buf_addf(&out, "MAINPID=%d\n", (int)n->pid);
	n->ready = n->ready || ready;
	if (tell(n, out.data, out.len, -1) < 0)
		log_warn("notify %s: %s", n->host, strerror(errno));
	return true;
}

void notify_forward(struct notify *n)
{
	/* not for ever, if it never stops talking */
	for (int i = 0; i < MESSAGES_AT_ONCE && forward_one(n); i++)
		;
}

void notify_wait(struct notify *n, int pidfd)
{
	while (n->sock >= 0 && !n->ready) {
		struct pollfd p[2] = {
			{.fd = n->sock, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents & POLLIN)
			notify_forward(n);
		else if (p[1].revents)
			return; /* what it said before its end has been told */
	}
	if (n->ready)
		barrier(n);
}

void notify_close(struct notify *n)
{
	fd_close(n->sock);
	n->sock = -1;
}
