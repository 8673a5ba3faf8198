#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

static _Atomic enum log_level threshold = LOG_LEVEL_INFO;

static const char *const level_names[] = {"debug", "info", "warn", "error", "fatal"};

void log_set_level(enum log_level level)
{
	atomic_store(&threshold, level);
}

enum log_level log_get_level(void)
{
	return atomic_load(&threshold);
}

int log_level_parse(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (str_eq(name, level_names[i])) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	if (level < atomic_load(&threshold))
		return;
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	auto_buf line = BUF_INIT;
	buf_addf(&line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s ", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000,
		level_names[level]);
	va_list ap;
	va_start(ap, fmt);
	buf_addv(&line, fmt, ap);
	va_end(ap);
	/* a message built from a container's words must stay one line */
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.data[i] < 0x20)
			line.data[i] = ' ';
	buf_addc(&line, '\n');
	fd_write_all(STDERR_FILENO, line.data, line.len);
}
