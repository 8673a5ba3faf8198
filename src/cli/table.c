#include "table.h"

#include <string.h>

#include "base/mem.h"

struct cell {
	const char *text;
	size_t len, shown; /* bytes, characters */
	size_t width; /* of its column once known */
};

struct line {
	struct cell *cells;
	size_t count; /* the last one is not part of a column */
};

static size_t shown_width(const char *s, size_t n)
{
	size_t w = 0;
	for (size_t i = 0; i < n; i++)
		w += ((unsigned char)s[i] & 0xc0) != 0x80;
	return w;
}

static struct line split_line(const char *s, size_t n)
{
	struct line line = {0};
	for (;;) {
		const char *tab = memchr(s, '\t', n);
		size_t len = tab ? (size_t)(tab - s) : n;
		line.cells = xreallocarray(line.cells, line.count + 1, sizeof(*line.cells));
		line.cells[line.count++] =
			(struct cell){.text = s, .len = len, .shown = shown_width(s, len)};
		if (!tab)
			return line;
		s += len + 1;
		n -= len + 1;
	}
}

/* Widths of column @column in the run of lines from @first that have it; returns the end of the run. */
static size_t set_widths(struct line *lines, size_t count, size_t first, size_t column,
	size_t min_width, size_t padding)
{
	size_t width = min_width, end = first;
	for (; end < count && lines[end].count > column + 1; end++)
		if (lines[end].cells[column].shown + padding > width)
			width = lines[end].cells[column].shown + padding;
	for (size_t i = first; i < end; i++)
		lines[i].cells[column].width = width;
	return end;
}

static void add_line(const struct line *line, struct buf *out)
{
	for (size_t i = 0; i < line->count; i++) {
		const struct cell *c = &line->cells[i];
		buf_add(out, c->text, c->len);
		if (i + 1 < line->count)
			buf_addf(out, "%*s", (int)(c->width - c->shown), "");
	}
}

void table_align(const char *text, size_t min_width, size_t padding, struct buf *out)
{
	struct line *lines = NULL;
	size_t count = 0, columns = 0;
	for (const char *s = text;;) {
		size_t n = strcspn(s, "\n");
		if ((count & (count + 1)) == 0)
			lines = xreallocarray(lines, 2 * (count + 1), sizeof(*lines));
		lines[count++] = split_line(s, n);
		if (lines[count - 1].count > columns)
			columns = lines[count - 1].count;
		if (!s[n])
			break;
		s += n + 1;
	}
	for (size_t column = 0; column + 1 < columns; column++)
		for (size_t i = 0; i < count;) {
			size_t end = set_widths(lines, count, i, column, min_width, padding);
			i = end > i ? end : i + 1;
		}
	for (size_t i = 0; i < count; i++) {
		add_line(&lines[i], out);
		if (i + 1 < count)
			buf_addc(out, '\n');
		free(lines[i].cells);
	}
	free(lines);
}
