#include "report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"

struct text {
	char *p;
	unsigned int len, room;
};

static void put(struct text *t, const char *s)
{
	while (*s && t->len + 1 < t->room)
		t->p[t->len++] = *s++;
}

static void put_number(struct text *t, unsigned long v, unsigned int base)
{
	char digits[32];
	char *at = digits + sizeof(digits);
	*--at = 0;
	do {
		*--at = (char)('0' + v % base);
		v /= base;
	} while (v);
	put(t, at);
}

/* vsnprintf may allocate and looks at the locale: not between clone and exec */
static void put_format(struct text *t, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		char one[2] = {*fmt, 0};
		if (*fmt != '%' || !fmt[1]) {
			put(t, one);
			continue;
		}
		fmt++;
		if (*fmt == 's') {
			const char *s = va_arg(ap, const char *);
			put(t, s ? s : "(none)");
		} else if (*fmt == 'd') {
			int v = va_arg(ap, int);
			if (v < 0)
				put(t, "-");
			put_number(t, v < 0 ? 0UL - (unsigned long)v : (unsigned long)v, 10);
		} else if (*fmt == 'u') {
			put_number(t, va_arg(ap, unsigned int), 10);
		} else if (*fmt == 'o') {
			put_number(t, va_arg(ap, unsigned int), 8);
		} else {
			put(t, "%");
		}
	}
	t->p[t->len] = 0;
}

/* errno as Go prints it, in lower case: these texts stand behind Docker's own */
static void put_errno(struct text *t, int errnum)
{
	unsigned int at = t->len;
	put(t, err_text(errnum));
	if (t->len > at + 1 && t->p[at] >= 'A' && t->p[at] <= 'Z' && t->p[at + 1] >= 'a')
		t->p[at] = (char)(t->p[at] - 'A' + 'a');
	t->p[t->len] = 0;
}

int report_format(char *out, unsigned int room, const char *fmt, ...)
{
	struct text t = {out, 0, room};
	va_list ap;
	va_start(ap, fmt);
	put_format(&t, fmt, ap);
	va_end(ap);
	return (int)t.len;
}

static void send_report(struct reporter *r, const struct report *report)
{
	size_t n = offsetof(struct report, text) + strlen(report->text) + 1;
	/* write and not send: nearly every seccomp filter allows it; SIGPIPE ends us just as well
	 */
	fd_write(r->sock, report, n);
}

void report_fail(struct reporter *r, enum err_kind kind, int errnum, const char *fmt, ...)
{
	struct report report = {.type = REPORT_ERROR, .kind = kind, .sys = errnum};
	struct text t = {report.text, 0, sizeof(report.text)};
	va_list ap;
	va_start(ap, fmt);
	put_format(&t, fmt, ap);
	va_end(ap);
	if (errnum) {
		put(&t, ": ");
		put_errno(&t, errnum);
	}
	send_report(r, &report);
	_exit(kind == ERR_NO_EXECUTABLE ? 127 : kind == ERR_NOT_EXECUTABLE ? 126 : 125);
}

void report_send(struct reporter *r, enum report_type type, int value)
{
	struct report report = {.type = type, .value = value};
	send_report(r, &report);
}

void report_send_fd(struct reporter *r, enum report_type type, int fd)
{
	struct report report = {.type = type};
	if (fd_send(r->sock, &report, offsetof(struct report, text) + 1, &fd, 1) < 0)
		report_sys(r, "pass a descriptor");
}

void report_wait(struct reporter *r, enum permit permit)
{
	while (!(r->permits & permit)) {
		uint8_t got = 0;
		ssize_t n = fd_read(r->sock, &got, sizeof(got));
		if (n <= 0)
			_exit(125); /* whoever made us is gone: nobody wants this container */
		r->permits |= got;
	}
}

void report_wait_fds(struct reporter *r, enum permit permit, int *fds, size_t *n)
{
	uint8_t got = 0;
	if (fd_recv(r->sock, &got, sizeof(got), fds, n) <= 0 || !(got & permit))
		_exit(125);
	r->permits |= got;
}

/* Whoever shares the pid namespace with a process that is about to join may send in its name. */
static bool carries_fd(uint32_t type)
{
	return type == REPORT_TTY || type == REPORT_READY || type == REPORT_LISTENER ||
	       type == REPORT_IDMAP;
}

int report_unexpected(const struct report *report, int fd, struct err **err)
{
	fd_close(fd);
	return err_set(
		err, ERR_SYSTEM, "unexpected report %u from the container's process", report->type);
}

int report_receive(int sock, struct report *out, int *fd)
{
	size_t nfds = 1;
	int got = -1;
	ssize_t n = fd_recv(sock, out, sizeof(*out), &got, &nfds);
	/* told once if the child went with a permit of ours unread; its reports come after that */
	if (n < 0 && errno == ECONNRESET) {
		nfds = 1;
		n = fd_recv(sock, out, sizeof(*out), &got, &nfds);
	}
	if (nfds != 1 || n <= 0)
		got = -1;
	if (got >= 0 && (!fd || !carries_fd(out->type))) {
		close(got);
		got = -1;
	}
	if (fd)
		*fd = got;
	if (n <= 0)
		return (int)n;
	if ((size_t)n <= offsetof(struct report, text)) {
		errno = EPROTO;
		return -1;
	}
	((char *)out)[n - 1] = 0;
	return 1;
}

int report_await_end(int sock, int timeout_ms)
{
	/* asked about nothing, poll(2) tells of the end alone */
	struct pollfd p = {.fd = sock};
	int r;
	do
		r = poll(&p, 1, timeout_ms);
	while (r < 0 && errno == EINTR);
	return r;
}

int report_permit(int sock, enum permit permit)
{
	uint8_t byte = (uint8_t)permit;
	ssize_t n;
	do
		n = send(sock, &byte, sizeof(byte), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -1;
}

int report_permit_fds(int sock, enum permit permit, const int *fds, size_t n)
{
	uint8_t byte = (uint8_t)permit;
	return fd_send(sock, &byte, sizeof(byte), fds, n);
}

int report_to_err(const struct report *report, struct err **err)
{
	enum err_kind kind =
		report->kind < ERR_KIND_COUNT ? (enum err_kind)report->kind : ERR_SYSTEM;
	err_set(err, kind, "%s", report->text);
	if (err && *err)
		(*err)->sys = report->sys;
	return -1;
}

int report_prefer(int sock, struct err **err)
{
	struct pollfd p = {.fd = sock, .events = POLLIN};
	struct report report;
	while (poll(&p, 1, 0) == 1 && report_receive(sock, &report, NULL) == 1)
		if (report.type == REPORT_ERROR)
			return report_to_err(&report, err);
	return -1;
}
