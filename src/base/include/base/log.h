/*
 * Leveled logging to stderr: one line, "2026-01-02T15:04:05.000Z level message", or as logrus writes it, which is what
 * callers of an OCI runtime read. Thread-safe (one write(2) a line); not async-signal-safe.
 */
#ifndef KIST_BASE_LOG_H
#define KIST_BASE_LOG_H

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARN,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_FATAL
};

enum log_format {
	LOG_FORMAT_PLAIN,
	LOG_FORMAT_LOGRUS, /* time="..." level=error msg="..."; for people if it is a terminal */
	LOG_FORMAT_JSON, /* {"level":"error","msg":"...","time":"..."} */
};

/** @fd stays the caller's and is open as long as anything is logged. Before there are threads. */
void log_set_output(int fd, enum log_format format);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/** "debug", "info", "warn", "error", "fatal": 0 or -1. */
int log_level_parse(const char *name, enum log_level *out);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
