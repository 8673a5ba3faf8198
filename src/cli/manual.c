/*
 * Manual pages made from the table of commands: `kist man` prints the names of the pages, `kist man
 * kist-run.1` prints one. The build uses it.
 */
#include <ctype.h>
#include <stdio.h>

#include "base/fdio.h"
#include "cli.h"
#include "help.h"

#ifndef KIST_DATE
#define KIST_DATE "1970-01-01"
#endif

enum { LINE_WIDTH = 72 };

/* A page is called after the shortest way to call the command; the long one's leads to it. */
static char *page_name(const struct command *c)
{
	if (!c->group || c->top)
		return xasprintf("kist-%s", c->group ? c->top : c->name);
	return xasprintf("kist-%s-%s", c->group, c->name);
}

/* A word for roff: backslashes and hyphens escaped. */
static void add_word(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\')
			buf_adds(out, "\\e");
		else if (s[i] == '-')
			buf_adds(out, "\\-");
		else
			buf_addc(out, s[i]);
	}
}

/* Text for roff, in lines that are not too long; a sentence ends a line, no line is taken for a macro. */
static void add_text(struct buf *out, const char *s)
{
	size_t column = 0;
	bool sentence = false;
	while (*s) {
		size_t n = strcspn(s, " \n");
		if (column && (sentence || column + n > LINE_WIDTH)) {
			buf_addc(out, '\n');
			column = 0;
		} else if (column) {
			buf_addc(out, ' ');
		}
		if (!column && n && strchr(".'", *s))
			buf_adds(out, "\\&");
		add_word(out, s, n);
		column += n + 1;
		sentence = n > 1 && s[n - 1] == '.';
		s += n;
		if (*s == '\n') {
			buf_adds(out, "\n.br\n");
			column = 0;
		}
		s += strspn(s, " \n");
	}
}

static void add_flags(struct buf *out, const struct flag_spec *flags)
{
	for (const struct flag_spec *f = flags; f && f->name; f++) {
		const char *value = flag_value_name(f);
		if (f->hidden)
			continue;
		buf_adds(out, ".TP\n");
		if (f->letter)
			buf_addf(out, "\\fB\\-%c\\fR, ", f->letter);
		buf_adds(out, "\\fB\\-\\-");
		add_text(out, f->name);
		buf_adds(out, "\\fR");
		if (value)
			buf_addf(out, " \\fI%s\\fR", value);
		buf_addc(out, '\n');
		add_text(out, f->usage);
		if (f->initial)
			buf_addf(out, "\n(default %s)", f->initial);
		buf_addc(out, '\n');
	}
}

static void head(struct buf *out, const char *name, const char *summary)
{
	auto_free char *title = xstrdup(name);
	for (char *c = title; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	buf_addf(out,
		".TH \"%s\" \"1\" \"" KIST_DATE "\" \"kist " KIST_VERSION
		"\" \"kist manual\"\n.SH NAME\n%s \\- ",
		title, name);
	add_text(out, summary);
	buf_adds(out, "\n.SH SYNOPSIS\n");
}

static void add_item(struct buf *out, const char *name, const char *summary)
{
	buf_addf(out, ".TP\n\\fB%s\\fR(1)\n", name);
	add_text(out, summary);
	buf_addc(out, '\n');
}

static bool in_group(const struct command *c, const struct group *g)
{
	return str_eq(c->group, g->name) && !c->hidden;
}

static void group_page(struct buf *out, const struct group *g)
{
	auto_free char *name = xasprintf("kist-%s", g->name);
	head(out, name, g->summary);
	buf_addf(out,
		"\\fBkist %s\\fR \\fICOMMAND\\fR [\\fIARG\\fR...]\n.SH DESCRIPTION\n"
		"A group of commands. Those that can be called without its name have pages of "
		"their "
		"short\nnames, too.\n.SH COMMANDS\n",
		g->name);
	for (size_t i = 0; commands[i]; i++) {
		if (!in_group(commands[i], g))
			continue;
		auto_free char *page = xasprintf("kist-%s-%s", g->name, commands[i]->name);
		add_item(out, page, commands[i]->summary);
	}
	buf_adds(out, ".SH SEE ALSO\n\\fBkist\\fR(1)\n");
}

static void command_page(struct buf *out, const struct command *c)
{
	auto_free char *name = page_name(c);
	auto_buf aliases = BUF_INIT;
	head(out, name, c->summary);
	if (c->group && !c->top)
		buf_addf(out, "\\fBkist %s %s\\fR", c->group, c->name);
	else
		buf_addf(out, "\\fBkist %s\\fR", c->group ? c->top : c->name);
	buf_adds(out, c->flags ? " [\\fIOPTIONS\\fR]" : "");
	if (*c->args)
		buf_addc(out, '\n');
	add_text(out, c->args);
	buf_adds(out, "\n.SH DESCRIPTION\n");
	add_text(out, c->details ? c->details : c->summary);
	buf_addc(out, '\n');
	help_aliases(&aliases, c);
	if (aliases.len) {
		buf_adds(out, ".SH ALIASES\n");
		add_text(out, aliases.data);
		buf_addc(out, '\n');
	}
	if (c->flags && c->flags[0].name) {
		buf_adds(out, ".SH OPTIONS\n");
		add_flags(out, c->flags);
	}
	buf_adds(out, ".SH SEE ALSO\n\\fBkist\\fR(1)\n");
}

static void top_page(struct buf *out)
{
	head(out, "kist", "run and manage containers");
	buf_adds(out,
		"\\fBkist\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR [\\fIARG\\fR...]\n"
		".SH DESCRIPTION\n"
		"Talks to \\fBkistd\\fR(8), or to any daemon with the Docker Engine API, over a\n"
		"socket.\n"
		"Commands, flags, output and exit codes are docker's.\n"
		".SH OPTIONS\n");
	add_flags(out, global_flags);
	buf_adds(out, ".SH COMMANDS\n");
	for (size_t i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		auto_free char *name = page_name(commands[i]);
		add_item(out, name, commands[i]->summary);
	}
	buf_adds(out, ".SH GROUPS OF COMMANDS\n");
	for (const struct group *g = command_groups; g->name; g++) {
		auto_free char *name = xasprintf("kist-%s", g->name);
		add_item(out, name, g->summary);
	}
	buf_adds(out,
		".SH ENVIRONMENT\n.TP\n\\fBKIST_HOST\\fR, \\fBDOCKER_HOST\\fR\n"
		"Daemon to connect to where \\-H does not say: unix:///path or\n"
		"tcp://address:port.\n"
		"The first that is set counts; without any it is unix:///run/kist/kist.sock.\n"
		".SH EXIT STATUS\n"
		"0 on success, 1 if the command failed, 64 for a bad template, 125 for bad\n"
		"flags and where \\fBrun\\fR could not start a container, 126 and 127 where its\n"
		"program could not be executed or found, else the container's own.\n"
		".SH SEE ALSO\n\\fBkistd\\fR(8)\n");
}

/* What is asked for: the page @wanted, or the names of all. */
struct pages {
	const char *wanted; /* NULL: all names */
	struct buf out;
};

/* True if it is @name that is to be written now. */
static bool page(struct pages *p, const char *name)
{
	if (!p->wanted)
		buf_addf(&p->out, "%s.1\n", name);
	size_t n = strlen(name);
	return p->wanted && strncmp(p->wanted, name, n) == 0 && str_eq(p->wanted + n, ".1");
}

static void command_pages(struct pages *p, const struct command *c)
{
	auto_free char *name = page_name(c);
	auto_free char *full =
		c->group && c->top ? xasprintf("kist-%s-%s", c->group, c->name) : NULL;
	if (page(p, name))
		command_page(&p->out, c);
	if (full && page(p, full))
		buf_addf(&p->out, ".so man1/%s.1\n", name);
}

static int cmd_man(struct cli *cli, const struct args *a)
{
	struct pages p = {.wanted = a->nrest ? a->rest[0] : NULL};
	if (page(&p, "kist"))
		top_page(&p.out);
	for (const struct group *g = command_groups; g->name; g++) {
		auto_free char *name = xasprintf("kist-%s", g->name);
		if (page(&p, name))
			group_page(&p.out, g);
	}
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			command_pages(&p, commands[i]);
	int rc = p.out.len == 0;
	if (rc)
		fprintf(stderr, "kist: no manual page %s\n", p.wanted);
	else
		rc = fd_write_all(STDOUT_FILENO, p.out.data, p.out.len) < 0;
	buf_free(&p.out);
	return rc;
}

const struct command command_man = {
	.name = "man",
	.args = "[PAGE]",
	.summary = "Print a manual page as roff, or the names of all",
	.max_args = 1,
	.hidden = true,
	.run = cmd_man,
};
