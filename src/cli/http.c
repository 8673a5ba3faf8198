#include "http.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/str.h"

#define READ_SIZE 65536

static int cannot_connect(const char *host, struct err **err)
{
	return err_set(err, ERR_UNAVAILABLE,
		"Cannot connect to the kist daemon at %s. Is the kistd daemon running?", host);
}

static int connect_unix(const char *path, const char *host, struct err **err)
{
	auto_err *cause = NULL;
	int fd = unix_connect(AT_FDCWD, path, SOCK_STREAM, &cause);
	if (fd >= 0)
		return fd;
	if (cause->sys == EACCES || cause->sys == EPERM)
		return err_set(err, ERR_FORBIDDEN,
			"permission denied while trying to connect to the kist daemon socket at "
			"%s: connect: permission denied",
			host);
	return cannot_connect(host, err);
}

/* Numeric addresses and localhost only: the program is static, and libc's resolver is not. */
static int connect_tcp(const char *where, const char *host, struct err **err)
{
	const char *colon = strrchr(where, ':');
	uint32_t port;
	/* the last colon of a bare [::1] is within the brackets */
	if (!colon || strchr(colon, ']'))
		return err_set(err, ERR_INVALID,
			"unable to parse host `%s`: the port is missing, as in "
			"tcp://127.0.0.1:2375",
			host);
	if (str_to_u32(colon + 1, &port) < 0 || port == 0 || port > 65535)
		return err_set(err, ERR_INVALID, "unable to parse host `%s`", host);
	auto_free char *name = xstrndup(where, (size_t)(colon - where));
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	bool v6 = false;
	if (!*name || str_eq(name, "localhost")) {
		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (*name == '[' && str_ends(name, "]")) {
		name[strlen(name) - 1] = 0;
		v6 = true;
		if (inet_pton(AF_INET6, name + 1, &in6.sin6_addr) != 1)
			return err_set(err, ERR_INVALID, "unable to parse host `%s`", host);
	} else if (inet_pton(AF_INET, name, &in.sin_addr) != 1) {
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"%s: host names are not implemented, give a numeric address", host);
	}
	auto_fd int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(err, errno, "create a socket");
	const struct sockaddr *address = v6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
	if (connect(fd, address, v6 ? sizeof(in6) : sizeof(in)) < 0)
		return cannot_connect(host, err);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	return steal_fd(&fd);
}

int http_connect(struct http *h, const char *host, struct err **err)
{
	*h = (struct http){.fd = -1};
	const char *where;
	if ((where = str_after(host, "unix://")))
		h->fd = connect_unix(where, host, err);
	else if ((where = str_after(host, "tcp://")) || (where = str_after(host, "http://")))
		h->fd = connect_tcp(where, host, err);
	else if (str_starts(host, "ssh://") || str_starts(host, "npipe://") ||
		 str_starts(host, "https://"))
		err_set(err, ERR_NOT_IMPLEMENTED, "%s: this kind of host is not implemented", host);
	else
		err_set(err, ERR_INVALID, "unable to parse host `%s`", host);
	return h->fd < 0 ? -1 : 0;
}

static int send_all(struct http *h, const void *p, size_t n)
{
	const char *at = p;
	while (n) {
		ssize_t sent = send(h->fd, at, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -1;
		at += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* A daemon that refuses early closes its end: that is no error here, its answer says why. */
static int send_stream(struct http *h, const struct http_request *q, struct err **err)
{
	auto_free char *chunk = xmalloc(READ_SIZE);
	for (;;) {
		char size[24];
		ssize_t n = fd_read(q->body_fd, chunk, READ_SIZE);
		if (n < 0)
			return err_sys(err, errno, "read the data to send");
		int digits = snprintf(size, sizeof(size), "%zx\r\n", (size_t)n);
		if (send_all(h, size, (size_t)digits) < 0 || send_all(h, chunk, (size_t)n) < 0 ||
			send_all(h, "\r\n", 2) < 0)
			return 0;
		if (q->progress)
			q->progress(q->progress_data, (size_t)n);
		if (n == 0)
			return 0;
	}
}

static void request_head(struct buf *out, const struct http_request *q)
{
	buf_addf(out, "%s %s HTTP/1.1\r\nHost: kist\r\nUser-Agent: kist\r\n", q->method, q->target);
	if (q->hijack)
		buf_adds(out, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
	if (q->content_type)
		buf_addf(out, "Content-Type: %s\r\n", q->content_type);
	if (q->registry_auth)
		buf_addf(out, "X-Registry-Auth: %s\r\n", q->registry_auth);
	if (q->body)
		buf_addf(out, "Content-Length: %zu\r\n", q->body_len);
	else if (q->body_fd >= 0)
		buf_adds(out, "Transfer-Encoding: chunked\r\n");
	else if (str_eq(q->method, "POST") || str_eq(q->method, "PUT"))
		buf_adds(out, "Content-Length: 0\r\n");
	buf_adds(out, "\r\n");
}

/* One read from the connection into the response. 0 or -1. */
static int pump(struct http *h, struct err **err)
{
	auto_free char *p = xmalloc(READ_SIZE);
	ssize_t n = fd_read(h->fd, p, READ_SIZE);
	if (n < 0)
		return err_sysk(err, ERR_UNAVAILABLE, errno, "error during connect: read");
	if (n == 0)
		return response_end(&h->response, err);
	ssize_t used = response_feed(&h->response, p, (size_t)n, err);
	if (used < 0)
		return -1;
	if (h->response.hijacked && used < n)
		buf_add(&h->raw, p + used, (size_t)(n - used));
	return 0;
}

int http_start(struct http *h, const struct http_request *q, struct err **err)
{
	auto_buf out = BUF_INIT;
	response_free(&h->response);
	response_init(&h->response, q->hijack, str_eq(q->method, "HEAD"));
	request_head(&out, q);
	if (q->body)
		buf_add(&out, q->body, q->body_len);
	h->used = true;
	if (send_all(h, out.data, out.len) < 0)
		return err_sysk(err, ERR_UNAVAILABLE, errno, "error during connect: write");
	if (!q->body && q->body_fd >= 0 && send_stream(h, q, err) < 0)
		return -1;
	while (!h->response.status || (!h->response.head_done && !h->response.done))
		if (pump(h, err) < 0)
			return -1;
	return 0;
}

ssize_t http_read(struct http *h, void *p, size_t n, struct err **err)
{
	struct response *r = &h->response;
	while (!r->body.len && !r->done)
		if (pump(h, err) < 0)
			return -1;
	if (n > r->body.len)
		n = r->body.len;
	if (n)
		memcpy(p, r->body.data, n);
	buf_consume(&r->body, n);
	return (ssize_t)n;
}

int http_read_all(struct http *h, size_t max, struct buf *out, struct err **err)
{
	struct response *r = &h->response;
	for (;;) {
		buf_add(out, r->body.data, r->body.len);
		buf_consume(&r->body, r->body.len);
		if (out->len > max)
			return err_set(err, ERR_TOO_LARGE,
				"the daemon's answer is larger than %zu bytes", max);
		if (r->done)
			return 0;
		if (pump(h, err) < 0)
			return -1;
	}
}

bool http_reusable(const struct http *h)
{
	char c;
	if (h->fd < 0 || (h->used && !(h->response.done && h->response.keep_alive)))
		return false;
	/* nothing is due between requests: an end means that the daemon went away (and may be back) */
	return recv(h->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void http_close(struct http *h)
{
	fd_closep(&h->fd);
	response_free(&h->response);
	buf_free(&h->raw);
}

static void add_escaped(struct buf *out, const char *s, const char *safe)
{
	for (; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr(safe, *s))
			buf_addc(out, *s);
		else
			buf_addf(out, "%%%02X", (unsigned char)*s);
	}
}

void url_add(struct buf *target, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addc(target, strchr(buf_str(target), '?') ? '&' : '?');
	add_escaped(target, name, "-_.~");
	buf_addc(target, '=');
	add_escaped(target, value, "-_.~");
}

void url_add_segment(struct buf *target, const char *segment)
{
	buf_addc(target, '/');
	/* image names keep their slashes and colons: the daemon's routes take them as they are */
	add_escaped(target, segment, "-_.~/:@");
}

void url_add_reference(struct buf *target, const char *reference)
{
	const char *slash = strrchr(reference, '/');
	const char *colon = strchr(slash ? slash : reference, ':');
	auto_free char *repository =
		colon ? xstrndup(reference, (size_t)(colon - reference)) : xstrdup(reference);
	url_add(target, "repo", repository);
	url_add(target, "tag", colon ? colon + 1 : NULL);
}
