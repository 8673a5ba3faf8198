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
#include "base/timefmt.h"

static _Atomic enum log_level threshold = LOG_LEVEL_INFO;

/* set once, at the start of a program */
static int output = STDERR_FILENO;
static enum log_format output_format = LOG_FORMAT_PLAIN;

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

void log_set_output(int fd, enum log_format format)
{
	output = fd;
	output_format = format;
}

static void add_plain(
	struct buf *line, enum log_level level, const struct timespec *now, const char *message)
{
	char when[TIME_STR_LEN];
	const int to_ms = (int)strlen("2000-01-01T00:00:00.000");
	time_rfc3339_fixed(now->tv_sec * TIME_NS_PER_SEC + now->tv_nsec, when);
	buf_addf(line, "%.*sZ %s %s\n", to_ms, when, level_names[level], message);
}

static const char *logrus_level(enum log_level level)
{
	return level == LOG_LEVEL_WARN ? "warning" : level_names[level];
}

/* What logrus does not quote. */
static bool is_plain_word(const char *s)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/@^+";
	return !*s || str_all_of(s, allowed, 1, SIZE_MAX);
}

static void add_logrus(
	struct buf *line, enum log_level level, const char *when, const char *message)
{
	static const char *const colours[] = {"37", "36", "33", "31", "31"};
	static const char *const shorts[] = {"DEBU", "INFO", "WARN", "ERRO", "FATA"};
	if (isatty(output)) {
		buf_addf(line, "\033[%sm%s\033[0m[0000] %s\n", colours[level], shorts[level],
			message);
		return;
	}
	buf_addf(line, "time=\"%s\" level=%s msg=", when, logrus_level(level));
	if (is_plain_word(message))
		buf_adds(line, message);
	else
		buf_add_json_string(line, message, strlen(message));
	buf_addc(line, '\n');
}

static void add_json(struct buf *line, enum log_level level, const char *when, const char *message)
{
	buf_addf(line, "{\"level\":\"%s\",\"msg\":", logrus_level(level));
	buf_add_json_string(line, message, strlen(message));
	buf_addf(line, ",\"time\":\"%s\"}\n", when);
}

void log_line(enum log_level level, const char *fmt, ...)
{
	if (level < atomic_load(&threshold))
		return;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	auto_buf message = BUF_INIT, line = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	buf_addv(&message, fmt, ap);
	va_end(ap);
	char when[TIME_STR_LEN];
	time_rfc3339(now.tv_sec * TIME_NS_PER_SEC, when);
	if (output_format == LOG_FORMAT_JSON) {
		add_json(&line, level, when, buf_str(&message));
	} else if (output_format == LOG_FORMAT_LOGRUS && !isatty(output)) {
		add_logrus(&line, level, when, buf_str(&message));
	} else {
		/* a message built from a container's words must stay one line */
		for (size_t i = 0; i < message.len; i++)
			if ((unsigned char)message.data[i] < 0x20)
				message.data[i] = ' ';
		if (output_format == LOG_FORMAT_LOGRUS)
			add_logrus(&line, level, when, buf_str(&message));
		else
			add_plain(&line, level, &now, buf_str(&message));
	}
	fd_write_all(output, line.data, line.len);
}
