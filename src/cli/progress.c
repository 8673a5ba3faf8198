#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "bars.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "escape.h"
#include "lines.h"

#define REDRAW_NS (TIME_NS_PER_SEC / 10)
#define REDRAW_MS 500 /* while nothing comes: rates go stale */

static int stream_error(const json_t *j, struct err **err)
{
	const char *error = json_string_value(json_object_get(j, "error"));
	if (!error)
		return 0;
	auto_free char *shown = escape_controls(error);
	return err_set(err, ERR_SYSTEM, "%s", shown);
}

/* Messages that only count bytes come many times a second and are not shown. */
static int show(void *data, json_t *j, const char *text, size_t n, struct err **err)
{
	FILE *out = data;
	auto_buf line = BUF_INIT;
	if (stream_error(j, err) < 0)
		return -1;
	if (!out || json_object_size(json_object_get(j, "progressDetail")) > 0)
		return 0;
	bars_text(j, &line);
	fputs(buf_str(&line), out);
	return 0;
}

int progress_print(struct http *conn, FILE *out, struct err **err)
{
	return lines_read(conn, show, out, err);
}

/* ---- on a terminal ---- */

struct screen {
	int fd;
	struct bars *bars;
	int64_t drawn; /* when */
};

static bool speaks_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (!str_empty(value))
			return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
	}
	return false;
}

static void draw(struct screen *s, bool last)
{
	auto_buf picture = BUF_INIT;
	struct winsize size = {0};
	int64_t now = time_mono();
	if (ioctl(s->fd, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	bars_draw(s->bars, size.ws_row, size.ws_col, now, last, &picture);
	fd_write_all(s->fd, buf_str(&picture), picture.len);
	s->drawn = now;
}

static void finish(struct screen *s)
{
	if (bars_any(s->bars))
		draw(s, true);
	bars_clear(s->bars);
}

static int take(void *data, json_t *j, const char *text, size_t n, struct err **err)
{
	struct screen *s = data;
	auto_buf line = BUF_INIT;
	int64_t now = time_mono();
	if (stream_error(j, err) < 0)
		return -1;
	if (bars_take(s->bars, j, now)) {
		if (now - s->drawn >= REDRAW_NS)
			draw(s, false);
		return 0;
	}
	bars_text(j, &line);
	if (!line.len)
		return 0;
	finish(s);
	fd_write_all(s->fd, line.data, line.len);
	return 0;
}

static void idle(void *data)
{
	struct screen *s = data;
	if (bars_any(s->bars))
		draw(s, false);
}

int progress_show(struct http *conn, FILE *out, struct err **err)
{
	const char *term = getenv("TERM");
	if (!out || !isatty(fileno(out)) || str_empty(term) || str_eq(term, "dumb"))
		return progress_print(conn, out, err);
	fflush(out);
	struct screen s = {.fd = fileno(out), .bars = bars_new(speaks_utf8())};
	int rc = lines_read_idle(conn, take, idle, REDRAW_MS, &s, err);
	finish(&s);
	bars_free(s.bars);
	return rc;
}
