#include "indent.h"

#include <stdbool.h>
#include <string.h>

static void newline(struct buf *out, const char *unit, int level)
{
	buf_addc(out, '\n');
	for (int i = 0; i < level; i++)
		buf_adds(out, unit);
}

static size_t string_length(const char *p, size_t n)
{
	size_t i = 1;
	while (i < n && p[i] != '"')
		i += p[i] == '\\' ? 2 : 1;
	return i < n ? i + 1 : n;
}

void json_indent(const char *json, size_t n, int level, struct buf *out)
{
	json_indent_by("    ", json, n, level, out);
}

void json_indent_by(const char *unit, const char *p, size_t n, int level, struct buf *out)
{
	bool open = false; /* just after { or [: stays on the line if it closes at once */
	for (size_t i = 0; i < n; i++) {
		char c = p[i];
		if (strchr(" \t\r\n", c))
			continue;
		bool closes = c == '}' || c == ']';
		if (open && !closes)
			newline(out, unit, level);
		if (closes) {
			level--;
			if (!open)
				newline(out, unit, level);
		}
		open = c == '{' || c == '[';
		level += open;
		if (c == '"') {
			size_t len = string_length(p + i, n - i);
			buf_add(out, p + i, len);
			i += len - 1;
			continue;
		}
		buf_addc(out, c);
		if (c == ',')
			newline(out, unit, level);
		else if (c == ':')
			buf_addc(out, ' ');
	}
}
