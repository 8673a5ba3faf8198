#include "logfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"

/* Lines are gathered up to this many bytes before they are written. */
#define GATHER_MAX 32768

struct logfile {
	int dir, fd;
	char *name;
	char *attrs;
	int64_t max_size;
	uint32_t max_file;
	int64_t size; /* of the file, without what is gathered */
	struct buf gather; /* whole lines */
	bool failing; /* reported already */
};

static void report(struct logfile *log, const char *what, int errnum)
{
	if (!log->failing)
		log_warn("container log %s: %s: %s", log->name, what, err_text(errnum));
	log->failing = true;
}

/* Offset behind the last newline before @end, 0 if there is none. */
static off_t last_line_end(int fd, off_t end)
{
	char chunk[1024];
	while (end > 0) {
		size_t n = end < (off_t)sizeof(chunk) ? (size_t)end : sizeof(chunk);
		if (pread(fd, chunk, n, end - (off_t)n) != (ssize_t)n)
			return end;
		const char *newline = memrchr(chunk, '\n', n);
		if (newline)
			return end - (off_t)n + (newline - chunk) + 1;
		end -= (off_t)n;
	}
	return 0;
}

/* Opens the file and cuts off what a killed writer left of a line. */
static int open_mended(struct logfile *log, int flags)
{
	auto_fd int fd = openat(log->dir, log->name,
		O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | flags, 0640);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	off_t end = last_line_end(fd, st.st_size);
	if (end < st.st_size && ftruncate(fd, end) < 0)
		return -1;
	log->size = end;
	return steal_fd(&fd);
}

int logfile_open(struct logfile **out, int dir, const char *name, int64_t max_size,
	uint32_t max_file, const char *attrs, struct err **err)
{
	struct logfile *log = xcalloc(1, sizeof(*log));
	log->dir = dir;
	log->name = xstrdup(name);
	log->attrs = xstrdup_null(attrs);
	log->max_size = max_size;
	log->max_file = max_file ? max_file : 1;
	log->fd = open_mended(log, 0);
	if (log->fd < 0) {
		err_sys(err, errno, "open container log %s", name);
		logfile_close(log);
		return -1;
	}
	*out = log;
	return 0;
}

/* Writes what is gathered. If only a part went in, the file is cut back to whole lines. */
static void flush(struct logfile *log)
{
	if (!log->gather.len)
		return;
	ssize_t n = log->fd < 0 ? -1 : fd_write(log->fd, log->gather.data, log->gather.len);
	if (n == (ssize_t)log->gather.len) {
		log->size += n;
		log->failing = false;
	} else {
		int why = n < 0 ? errno : ENOSPC;
		const char *newline = n > 0 ? memrchr(log->gather.data, '\n', (size_t)n) : NULL;
		int64_t whole = newline ? newline - log->gather.data + 1 : 0;
		report(log, "lines are lost", why);
		if (n > whole && ftruncate(log->fd, log->size + whole) < 0)
			report(log, "cut back", errno);
		log->size += whole;
	}
	/* most containers are quiet most of the time: what a burst needed is given back */
	if (log->gather.cap > 4096)
		buf_free(&log->gather);
	else
		log->gather.len = 0;
}

/* name.<i> takes the place of name.<i+1>; 0 is the name itself. What does not exist need not move. */
static int shift(struct logfile *log, uint32_t i)
{
	auto_free char *from = i ? xasprintf("%s.%u", log->name, i) : xstrdup(log->name);
	auto_free char *to = xasprintf("%s.%u", log->name, i + 1);
	if (renameat(log->dir, from, log->dir, to) < 0 && errno != ENOENT)
		return -1;
	return 0;
}

static void rotate(struct logfile *log)
{
	for (uint32_t i = log->max_file - 1; i > 0; i--) {
		if (shift(log, i - 1) < 0) { /* better too large a file than no log */
			report(log, "rotate", errno);
			return;
		}
	}
	int fd = open_mended(log, log->max_file == 1 ? O_TRUNC : 0);
	if (fd < 0) {
		report(log, "open after rotation", errno);
		return;
	}
	fd_close(log->fd);
	log->fd = fd;
}

static void add_line(struct logfile *log, const struct log_stream *s, const char *a, size_t na,
	const char *b, size_t nb, int64_t time)
{
	if (log->max_size > 0 && log->size + (int64_t)log->gather.len >= log->max_size) {
		flush(log);
		if (log->size >= log->max_size)
			rotate(log);
	}
	struct buf *g = &log->gather;
	char stamp[TIME_STR_LEN];
	buf_adds(g, "{\"log\":");
	if (!nb) {
		buf_add_json_string(g, a, na);
	} else { /* a multi-byte character may lie across the two parts */
		auto_buf joined = BUF_INIT;
		buf_add(&joined, a, na);
		buf_add(&joined, b, nb);
		buf_add_json_string(g, joined.data, joined.len);
	}
	buf_adds(g, ",\"stream\":\"");
	buf_adds(g, s->name);
	buf_adds(g, "\"");
	if (log->attrs) {
		buf_adds(g, ",\"attrs\":");
		buf_adds(g, log->attrs);
	}
	buf_adds(g, ",\"time\":\"");
	buf_adds(g, time_rfc3339(time, stamp));
	buf_adds(g, "\"}\n");
	if (g->len >= GATHER_MAX)
		flush(log);
}

/* A finished line: what was held, then @p with its newline. */
static void finish_line(struct logfile *log, struct log_stream *s, const char *p, size_t n)
{
	int64_t time = s->partial ? s->time : time_now();
	if (s->held.len)
		add_line(log, s, s->held.data, s->held.len, p, n, time);
	else
		add_line(log, s, p, n, NULL, 0, time);
	buf_free(&s->held);
	s->partial = false;
}

static void piece(struct logfile *log, struct log_stream *s)
{
	if (!s->partial)
		s->time = time_now();
	s->partial = true;
	add_line(log, s, s->held.data, s->held.len, NULL, 0, s->time);
	s->held.len = 0;
}

void logfile_add(struct logfile *log, struct log_stream *s, const char *p, size_t n)
{
	while (n) {
		size_t room = LOG_LINE_MAX - s->held.len;
		/* a line of exactly LOG_LINE_MAX bytes is a full piece before its newline is looked at */
		const char *newline = memchr(p, '\n', n < room ? n : room);
		if (newline) {
			size_t len = (size_t)(newline - p) + 1;
			finish_line(log, s, p, len);
			p += len;
			n -= len;
			continue;
		}
		size_t take = n < room ? n : room;
		buf_add(&s->held, p, take);
		p += take;
		n -= take;
		if (s->held.len == LOG_LINE_MAX)
			piece(log, s);
	}
	if (!s->held.len)
		buf_free(&s->held);
	flush(log);
}

void logfile_end(struct logfile *log, struct log_stream *s)
{
	if (s->held.len)
		piece(log, s);
	buf_free(&s->held);
	s->partial = false;
	flush(log);
}

void logfile_close(struct logfile *log)
{
	if (!log)
		return;
	flush(log);
	fd_close(log->fd);
	buf_free(&log->gather);
	free(log->name);
	free(log->attrs);
	free(log);
}
