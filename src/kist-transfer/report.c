#include "report.h"

#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"

void report_send(const struct transfer_message *m)
{
	auto_buf b = BUF_INIT;
	transfer_encode(m, &b);
	ssize_t n;
	do
		n = send(TRANSFER_FD_CONTROL, b.data, b.len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	/* nobody is there to read what is unpacked, or why it is not */
	if (n != (ssize_t)b.len)
		_exit(1);
}

static int receive(char *p, size_t room, struct transfer_message *out, struct err **err)
{
	ssize_t n;
	do
		n = recv(TRANSFER_FD_CONTROL, p, room, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		_exit(1);
	return transfer_decode(p, (size_t)n, out, err);
}

int report_request(struct transfer_message *out, struct err **err)
{
	char room[512];
	if (receive(room, sizeof(room), out, err) < 0)
		return -1;
	if (out->kind != TRANSFER_REQUEST)
		return err_set(err, ERR_INVALID, "kist-transfer: no request came");
	return 0;
}

int report_trees(int fds[TRANSFER_TREES_MAX], size_t *count, struct err **err)
{
	struct transfer_message m = {.index = 1};
	for (*count = 0; m.index; ++*count) {
		char room[512];
		int got[FD_PASS_MAX];
		size_t n = 1;
		ssize_t len = fd_recv(TRANSFER_FD_CONTROL, room, sizeof(room), got, &n);
		if (len <= 0)
			_exit(1);
		if (transfer_decode(room, (size_t)len, &m, err) < 0)
			return -1;
		if (m.kind != TRANSFER_TREE || n != 1 || *count == TRANSFER_TREES_MAX)
			return err_set(err, ERR_INVALID, "kist-transfer: no tree came");
		fds[*count] = got[0];
	}
	return 0;
}

bool report_query(const struct digest *diff_id)
{
	char room[512];
	struct transfer_message m = {.kind = TRANSFER_QUERY, .diff_id = *diff_id};
	report_send(&m);
	return receive(room, sizeof(room), &m, NULL) == 0 && m.kind == TRANSFER_ANSWER && m.known;
}

void report_error(const struct err *err)
{
	/* the message may quote what the archive says: bounded, a record must fit into a packet */
	auto_free char *text = xstrndup(err_msg(err), 8192);
	struct transfer_message m = {
		.kind = TRANSFER_ERROR,
		.err_kind = err ? (uint8_t)err->kind : ERR_SYSTEM,
		.sys = err ? err->sys : 0,
		.text = text,
	};
	report_send(&m);
}
