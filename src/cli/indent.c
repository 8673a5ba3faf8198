#include "indent.h"

#include <stdbool.h>
#include <string.h>

static void newline(struct buf *out, int level)
{
	buf_addf(out, "\n%*s", 4 * level, "");
}

static size_t string_length(const char *p, size_t n)
{
	size_t i = 1;
	while (i < n && p[i] != '"')
		i += p[i] == '\\' ? 2 : 1;
	return i < n ? i + 1 : n;
}

void json_indent(const char *p, size_t n, int level, struct buf *out)
{
	bool open = false; /* just after { or [: stays on the line if it closes at once */
	for (size_t i = 0; i < n; i++) {
		char c = p[i];
		if (strchr(" \t\r\n", c))
			continue;
		bool closes = c == '}' || c == ']';
		if (open && !closes)
			newline(out, level);
		if (closes) {
			level--;
			if (!open)
				newline(out, level);
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
			newline(out, level);
		else if (c == ':')
			buf_addc(out, ' ');
	}
}
