#include "help.h"

#include <string.h>

static bool has_options(const struct command *cmd)
{
	return cmd->flags && cmd->flags[0].name;
}

void help_usage(struct buf *out, const struct command *cmd, const char *path)
{
	buf_addf(out, "Usage:  kist %s%s%s%s\n", path, has_options(cmd) ? " [OPTIONS]" : "",
		*cmd->args ? " " : "", cmd->args);
}

void help_aliases(struct buf *out, const struct command *cmd)
{
	if (!cmd->group || (!cmd->top && !cmd->aliases))
		return;
	buf_addf(out, "kist %s %s", cmd->group, cmd->name);
	auto_strv names = cmd->aliases ? strv_split(cmd->aliases, ',') : NULL;
	for (size_t i = 0; names && names[i]; i++)
		buf_addf(out, ", kist %s %s", cmd->group, names[i]);
	if (cmd->top)
		buf_addf(out, ", kist %s", cmd->top);
}

/* Cuts the first line off *s: at most @width bytes, a little more rather than leaving an orphan. */
static size_t first_line(const char *s, size_t width, size_t slop)
{
	size_t n = strlen(s), space = 0, newline = 0;
	if (width + slop > n)
		return n;
	for (size_t i = 0; i < width; i++) {
		if (s[i] == ' ' || s[i] == '\t' || s[i] == '\n')
			space = i;
		if (s[i] == '\n')
			newline = i;
	}
	if (!space)
		return n;
	return newline && newline < space ? newline : space;
}

static void add_indented(struct buf *out, const char *s, size_t n, size_t indent)
{
	for (size_t i = 0; i < n; i++) {
		buf_addc(out, s[i]);
		if (s[i] == '\n')
			buf_addf(out, "%*s", (int)indent, "");
	}
}

static void add_wrapped(struct buf *out, const char *s, size_t indent, size_t columns)
{
	const size_t slop = 5, narrowest = 24;
	size_t width = columns > indent ? columns - indent : 0;
	if (width < narrowest) { /* no room beside the flag: below it */
		indent = 16;
		width = columns > indent ? columns - indent : 0;
		if (width >= narrowest)
			buf_addf(out, "\n%*s", (int)indent, "");
	}
	if (width < narrowest) {
		buf_adds(out, s);
		return;
	}
	width -= slop;
	for (;;) {
		size_t n = first_line(s, width, slop);
		add_indented(out, s, n, indent);
		if (!s[n] || !s[n + 1])
			return;
		s += n + 1;
		buf_addf(out, "\n%*s", (int)indent, "");
	}
}

static void flag_left(struct buf *out, const struct flag_spec *f)
{
	const char *value = flag_value_name(f);
	if (f->letter)
		buf_addf(out, "  -%c, --%s", f->letter, f->name);
	else
		buf_addf(out, "      --%s", f->name);
	if (value)
		buf_addf(out, " %s", value);
}

void help_flags(struct buf *out, const struct flag_spec *flags, int columns)
{
	size_t widest = 0;
	for (const struct flag_spec *f = flags; f && f->name; f++) {
		auto_buf left = BUF_INIT;
		flag_left(&left, f);
		if (!f->hidden && left.len > widest)
			widest = left.len;
	}
	for (const struct flag_spec *f = flags; f && f->name; f++) {
		if (f->hidden)
			continue;
		auto_buf left = BUF_INIT, text = BUF_INIT;
		flag_left(&left, f);
		buf_addf(out, "%-*s", (int)widest + 3, buf_str(&left));
		buf_adds(&text, f->usage);
		if (f->initial)
			buf_addf(&text, " (default %s)", f->initial);
		add_wrapped(out, buf_str(&text), widest + 3, (size_t)columns - 1);
		buf_addc(out, '\n');
	}
}

void help_command(struct buf *out, const struct command *cmd, const char *path, int columns)
{
	auto_buf aliases = BUF_INIT;
	help_usage(out, cmd, path);
	buf_addf(out, "\n%s\n", cmd->summary);
	help_aliases(&aliases, cmd);
	if (aliases.len)
		buf_addf(out, "\nAliases:\n  %s\n", aliases.data);
	if (has_options(cmd)) {
		buf_adds(out, "\nOptions:\n");
		help_flags(out, cmd->flags, columns);
	}
}

/* Lines "  name        summary" of the commands for which @wanted holds, by name. */
struct line {
	const char *name, *summary;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->name, ((const struct line *)b)->name);
}

static void add_lines(struct buf *out, struct line *lines, size_t n, bool sorted)
{
	if (sorted)
		qsort(lines, n, sizeof(*lines), by_name);
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "  %-11s %s\n", lines[i].name, lines[i].summary);
}

static size_t command_count(void)
{
	size_t n = 0;
	while (commands[n])
		n++;
	return n;
}

void help_group(struct buf *out, const struct group *group)
{
	auto_free struct line *lines = xcalloc(command_count() + 1, sizeof(*lines));
	size_t n = 0;
	for (size_t i = 0; commands[i]; i++)
		if (str_eq(commands[i]->group, group->name) && !commands[i]->hidden)
			lines[n++] = (struct line){commands[i]->name, commands[i]->summary};
	buf_addf(out, "Usage:  kist %s COMMAND\n\n%s\n\nCommands:\n", group->name, group->summary);
	add_lines(out, lines, n, true);
	buf_addf(out, "\nRun 'kist %s COMMAND --help' for more information on a command.\n",
		group->name);
}

static size_t top_lines(struct line *lines, bool common)
{
	size_t n = 0;
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		const char *name = c->group ? c->top : c->name;
		if (name && !c->hidden && c->common == common)
			lines[n++] = (struct line){name, c->summary};
	}
	return n;
}

void help_top(struct buf *out, int columns)
{
	auto_free struct line *lines = xcalloc(command_count() + 1, sizeof(*lines));
	buf_adds(out, "Usage:  kist [OPTIONS] COMMAND\n\nA small and fast container engine that "
		      "drives like docker\n\nCommon Commands:\n");
	add_lines(out, lines, top_lines(lines, true), false);
	buf_adds(out, "\nManagement Commands:\n");
	for (const struct group *g = command_groups; g->name; g++)
		buf_addf(out, "  %-11s %s\n", g->name, g->summary);
	buf_adds(out, "\nCommands:\n");
	add_lines(out, lines, top_lines(lines, false), true);
	buf_adds(out, "\nGlobal Options:\n");
	help_flags(out, global_flags, columns);
	buf_adds(out, "\nRun 'kist COMMAND --help' for more information on a command.\n");
}
