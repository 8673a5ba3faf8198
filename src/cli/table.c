#include "table.h"

#include <string.h>

#include "base/mem.h"
#include "width.h"

struct cell {
	const char *text;
	size_t len, shown; /* bytes, columns */
	size_t width; /* of its column once known */
};

struct line {
	size_t first, count; /* of the cells; the last one is not part of a column */
};

struct sheet {
	struct cell *cells;
	struct line *lines;
	size_t ncells, nlines, columns;
};

static void add_line(struct sheet *t, const char *s, size_t n)
{
	struct line line = {.first = t->ncells};
	for (;;) {
		const char *tab = memchr(s, '\t', n);
		size_t len = tab ? (size_t)(tab - s) : n;
		if ((t->ncells & (t->ncells + 1)) == 0)
			t->cells = xreallocarray(t->cells, 2 * (t->ncells + 1), sizeof(*t->cells));
		t->cells[t->ncells++] =
			(struct cell){.text = s, .len = len, .shown = width_of(s, len)};
		if (!tab)
			break;
		s += len + 1;
		n -= len + 1;
	}
	line.count = t->ncells - line.first;
	if (line.count > t->columns)
		t->columns = line.count;
	if ((t->nlines & (t->nlines + 1)) == 0)
		t->lines = xreallocarray(t->lines, 2 * (t->nlines + 1), sizeof(*t->lines));
	t->lines[t->nlines++] = line;
}

static struct cell *cell_of(const struct sheet *t, size_t line, size_t column)
{
	return &t->cells[t->lines[line].first + column];
}

/* Widths of column @column in the run of lines from @first that have it; returns the end of the run. */
static size_t set_widths(
	struct sheet *t, size_t first, size_t column, size_t min_width, size_t padding)
{
	size_t width = min_width, end = first;
	for (; end < t->nlines && t->lines[end].count > column + 1; end++)
		if (cell_of(t, end, column)->shown + padding > width)
			width = cell_of(t, end, column)->shown + padding;
	for (size_t i = first; i < end; i++)
		cell_of(t, i, column)->width = width;
	return end;
}

static void write_line(const struct sheet *t, size_t line, struct buf *out)
{
	size_t count = t->lines[line].count;
	for (size_t i = 0; i < count; i++) {
		const struct cell *c = cell_of(t, line, i);
		buf_add(out, c->text, c->len);
		if (i + 1 == count)
			break;
		memset(buf_reserve(out, c->width - c->shown), ' ', c->width - c->shown);
		out->len += c->width - c->shown;
	}
}

void table_align(const char *text, size_t min_width, size_t padding, struct buf *out)
{
	struct sheet t = {0};
	for (const char *s = text;;) {
		size_t n = strcspn(s, "\n");
		add_line(&t, s, n);
		if (!s[n])
			break;
		s += n + 1;
	}
	for (size_t column = 0; column + 1 < t.columns; column++)
		for (size_t i = 0; i < t.nlines;) {
			size_t end = set_widths(&t, i, column, min_width, padding);
			i = end > i ? end : i + 1;
		}
	for (size_t i = 0; i < t.nlines; i++) {
		write_line(&t, i, out);
		if (i + 1 < t.nlines)
			buf_addc(out, '\n');
	}
	free(t.cells);
	free(t.lines);
}
