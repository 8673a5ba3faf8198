/*
 * Leveled logging to stderr: one line, "2026-01-02T15:04:05.000Z level message". Thread-safe (one
 * write(2) a line); not async-signal-safe.
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
