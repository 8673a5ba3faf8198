#include "user_lines.h"

#include <string.h>
#include <unistd.h>

#include "base/fdio.h"

void user_lines_start(struct user_lines *l, int fd)
{
	l->fd = fd;
	l->failed = USER_LINES_OK;
	l->total = l->from = l->upto = 0;
	l->ended = fd < 0;
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) < 0) {
		l->failed = USER_LINES_IO;
		l->ended = true;
	}
}

static void refill(struct user_lines *l)
{
	memmove(l->buffer, l->buffer + l->from, l->upto - l->from);
	l->upto -= l->from;
	l->from = 0;
	ssize_t n = fd_read(l->fd, l->buffer + l->upto, sizeof(l->buffer) - 1 - l->upto);
	if (n <= 0) {
		l->ended = true;
		if (n < 0)
			l->failed = USER_LINES_IO;
		return;
	}
	l->upto += (size_t)n;
	l->total += (size_t)n;
	if (l->total > USER_FILE_MAX) {
		l->failed = USER_LINES_TOO_LARGE;
		l->ended = true;
		l->upto = l->from;
	}
}

/* The next line as a string, or NULL. */
static char *next_line(struct user_lines *l)
{
	for (;;) {
		char *start = l->buffer + l->from;
		char *end = memchr(start, '\n', l->upto - l->from);
		if (!end && l->ended) {
			if (l->from == l->upto || l->failed)
				return NULL;
			end = l->buffer + l->upto;
			l->from = l->upto;
			*end = 0;
			return start;
		}
		if (end) {
			*end = 0;
			l->from = (size_t)(end - l->buffer) + 1;
			return start;
		}
		if (l->upto - l->from >= sizeof(l->buffer) - 1) {
			l->failed = USER_LINES_TOO_LARGE;
			return NULL;
		}
		refill(l);
	}
}

static char *trim(char *s)
{
	while (*s == ' ' || *s == '\t' || *s == '\r')
		s++;
	size_t n = strlen(s);
	while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r'))
		s[--n] = 0;
	return s;
}

int user_lines_next(struct user_lines *l, char **field, size_t count)
{
	char *line;
	do {
		line = next_line(l);
		if (!line)
			return 0;
		line = trim(line);
	} while (!*line || *line == '#');
	for (size_t i = 0; i < count; i++) {
		field[i] = line;
		if (!line)
			continue;
		char *colon = strchr(line, ':');
		if (colon)
			*colon++ = 0;
		line = colon;
	}
	return 1;
}
