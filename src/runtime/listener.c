#include "listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/config.h"

/* An agent that takes nothing must not hold up the runtime for ever. */
#define SEND_TIMEOUT_S 30

int listener_take(const struct report *report, int passed, int sender, struct err **err)
{
	if (passed >= 0)
		return passed;
	int fd = (int)syscall(SYS_pidfd_getfd, sender, report->value, 0);
	return fd < 0 ? err_sys(err, errno, "fetch the seccomp listener from its process") : fd;
}

static void document(const struct plan_process *p, const char *state, pid_t pid, struct buf *out)
{
	buf_addf(out, "{\"ociVersion\":\"" OCI_VERSION "\",\"fds\":[\"seccompFd\"],\"pid\":%d",
		(int)pid);
	if (!str_empty(p->listener_metadata)) {
		buf_adds(out, ",\"metadata\":");
		buf_add_json_string(out, p->listener_metadata, strlen(p->listener_metadata));
	}
	buf_addf(out, ",\"state\":%s}", state);
}

int listener_send(
	const struct plan_process *p, const char *state, pid_t pid, int listener, struct err **err)
{
	auto_buf text = BUF_INIT;
	document(p, state, pid, &text);
	auto_fd int sock =
		unix_connect_within(AT_FDCWD, p->listener_path, SOCK_STREAM, SEND_TIMEOUT_S, err);
	if (sock < 0) {
		err_wrap(err, "linux.seccomp.listenerPath");
		return -1;
	}
	if (fd_send(sock, text.data, text.len, &listener, 1) < 0)
		return err_sys(err, errno,
			"linux.seccomp.listenerPath: send the seccomp listener to %s",
			p->listener_path);
	return 0;
}
