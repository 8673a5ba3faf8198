#include "lines.h"

#include <poll.h>
#include <string.h>

#define LINE_MAX_BYTES (1 << 20)

static int one(const char *p, size_t n, line_function *call, void *data, struct err **err)
{
	while (n && (p[n - 1] == '\r' || p[n - 1] == ' '))
		n--;
	if (!n)
		return 0;
	auto_json *j = json_parse(p, n, "the daemon's answer", err);
	return j ? call(data, j, p, n, err) : -1;
}

/* Waits for something to read, and calls @idle while it does. */
static void await(struct http *conn, void (*idle)(void *data), int ms, void *data)
{
	struct pollfd p = {conn->fd, POLLIN, 0};
	while (idle && !conn->response.body.len && !conn->response.done && poll(&p, 1, ms) == 0)
		idle(data);
}

int lines_read(struct http *conn, line_function *call, void *data, struct err **err)
{
	return lines_read_idle(conn, call, NULL, -1, data, err);
}

int lines_read_idle(struct http *conn, line_function *call, void (*idle)(void *data), int ms,
	void *data, struct err **err)
{
	auto_buf line = BUF_INIT;
	char chunk[8192];
	ssize_t n;
	while (await(conn, idle, ms, data), (n = http_read(conn, chunk, sizeof(chunk), err)) > 0) {
		char *end;
		buf_add(&line, chunk, (size_t)n);
		while (line.len && (end = memchr(line.data, '\n', line.len))) {
			size_t len = (size_t)(end - line.data);
			if (one(line.data, len, call, data, err) < 0)
				return -1;
			buf_consume(&line, len + 1);
		}
		if (line.len > LINE_MAX_BYTES)
			return err_set(err, ERR_TOO_LARGE,
				"the daemon's answer has a line of more "
				"than a megabyte");
	}
	if (n == 0)
		return one(buf_str(&line), line.len, call, data, err);
	return -1;
}
