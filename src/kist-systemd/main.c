/*
 * kist-systemd: speaks D-Bus with systemd for the static programs that make containers. Takes requests from the
 * socket at SYSTEMD_FD, one after the other, and ends with it. src/runtime/systemd_wire.h has the protocol.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "bus.h"

#define LIMIT_SECONDS 30

/* The connection is made for the first request, which says whose manager it is about. */
static int serve(struct bus **bus, const void *bytes, size_t n, char **text, struct err **err)
{
	struct systemd_request r;
	if (systemd_request_decode(&r, bytes, n, err) < 0)
		return -1;
	int done = *bus ? 0 : bus_open(bus, r.user, LIMIT_SECONDS, err);
	if (done == 0)
		done = bus_carry_out(*bus, &r, text, err);
	systemd_props_clear(&r.props);
	return done;
}

int main(void)
{
	struct bus *bus = NULL;
	auto_free char *request = xmalloc(SYSTEMD_MESSAGE_MAX);
	int type = 0;
	socklen_t len = sizeof(type);
	if (getsockopt(SYSTEMD_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		type != SOCK_SEQPACKET) {
		fprintf(stderr, "kist-systemd is started by kist-oci and kist-monitor only\n");
		return 1;
	}
	fd_set_cloexec(SYSTEMD_FD, true);
	for (;;) {
		size_t nfds = 0;
		ssize_t n = fd_recv(SYSTEMD_FD, request, SYSTEMD_MESSAGE_MAX, NULL, &nfds);
		if (n <= 0)
			break;
		auto_free char *text = NULL;
		auto_err *why = NULL;
		auto_buf answer = BUF_INIT;
		serve(&bus, request, (size_t)n, &text, &why);
		systemd_answer_encode(why, text, &answer);
		if (fd_send(SYSTEMD_FD, answer.data, answer.len, NULL, 0) < 0)
			break;
	}
	bus_close(bus);
	return 0;
}
