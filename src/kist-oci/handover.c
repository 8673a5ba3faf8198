#include "handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define STDIO_FDS 3
#define PRESERVE_MAX 4096

int listen_fds(void)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	int whose, n;
	if (!pid || !count || str_to_int(pid, &whose) < 0 || str_to_int(count, &n) < 0)
		return 0;
	return whose == (int)getpid() && n > 0 ? n : 0;
}

void listen_env(struct oci_process *process, int count)
{
	const char *names = getenv("LISTEN_FDNAMES");
	if (!count)
		return;
	auto_free char *number = xasprintf("LISTEN_FDS=%d", count);
	strv_add(&process->env, number);
	strv_add(&process->env, "LISTEN_PID=1");
	if (str_empty(names))
		return;
	auto_free char *all = xasprintf("LISTEN_FDNAMES=%s", names);
	strv_add(&process->env, all);
}

int preserved_fds(int listen, int extra, int **fds, size_t *count, struct err **err)
{
	if (extra < 0 || extra > PRESERVE_MAX || listen > PRESERVE_MAX)
		return err_set(err, ERR_INVALID, "cannot preserve %d file descriptors",
			extra < 0 || extra > PRESERVE_MAX ? extra : listen);
	*count = (size_t)extra + (size_t)listen;
	*fds = xcalloc(*count + 1, sizeof(**fds));
	for (size_t i = 0; i < *count; i++) {
		(*fds)[i] = STDIO_FDS + (int)i;
		/* what came through exec has no FD_CLOEXEC: one that has it is ours, opened since */
		int flags = fcntl((*fds)[i], F_GETFD);
		if (flags < 0 || (flags & FD_CLOEXEC))
			return err_set(err, ERR_INVALID,
				"unable to preserve file descriptor %d: it is not open", (*fds)[i]);
	}
	return 0;
}

int pidfd_connect(const char *path, struct err **err)
{
	int sock = unix_connect(AT_FDCWD, path, SOCK_STREAM, err);
	if (sock < 0)
		err_wrap(err, "--pidfd-socket");
	return sock;
}

int pidfd_send(int sock, const char *kind, int pidfd, struct err **err)
{
	if (fd_send(sock, kind, strlen(kind), &pidfd, 1) < 0)
		return err_sys(err, errno, "--pidfd-socket: send the process's descriptor");
	return 0;
}
