/*
 * Walking through an image in the terminal: termios and the sequences of ECMA-48 that every terminal has. Each
 * round draws the whole screen with one write; names are escaped, lines are cut to the width.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "escape.h"
#include "explore.h"
#include "explore_view.h"
#include "format.h"
#include "terminal.h"
#include "width.h"

#define ENTER "\x1b[?1049h\x1b[?25l" /* the other screen, no cursor */
#define LEAVE "\x1b[?25h\x1b[?1049l"
#define HEAD_LINES 3
#define FOOT_LINES 1
#define ESCAPE_MS 50 /* after which ESC is the key and not the beginning of a sequence */

struct screen {
	struct view view;
	unsigned rows, columns;
	bool colours;
	struct buf out;
};

/* ---- drawing ---- */

enum colour { PLAIN, GREEN = 32, YELLOW = 33, RED = 31, INVERSE = 7 };

/* One line, cut or filled up to the width. */
static void put_line(struct screen *s, const char *text, enum colour colour, bool chosen, bool last)
{
	size_t n = width_fitting(text, s->columns);
	auto_free char *cut = xstrndup(text, n);
	if (colour && s->colours)
		buf_addf(&s->out, "\x1b[%dm", colour);
	if (chosen)
		buf_adds(&s->out, "\x1b[7m");
	buf_adds(&s->out, cut);
	if (chosen)
		for (size_t i = width_of(cut, n); i < s->columns; i++)
			buf_addc(&s->out, ' ');
	buf_adds(&s->out, "\x1b[0m\x1b[K");
	if (!last)
		buf_adds(&s->out, "\r\n");
}

static void draw_head(struct screen *s)
{
	const struct explored *x = s->view.x;
	const struct view *v = &s->view;
	char size[32], wasted[32];
	auto_free char *tags = strv_join(x->tags, " ");
	auto_free char *first = xasprintf("%s  %s, %s wasted, %.1f%% efficient",
		*tags ? tags : x->image, format_size((double)x->size, size, sizeof(size)),
		format_size((double)(x->size - x->visible), wasted, sizeof(wasted)),
		explored_percent(x, 0.1));
	put_line(s, first, PLAIN, false, false);
	if (x->layer_count) {
		const struct explored_layer *l = &x->layers[v->layer];
		auto_free char *by = escape_name(l->created_by);
		auto_free char *second = xasprintf(
			"layer %u of 0-%u  %s, +%u ~%u -%u, %s wasted  %s", v->layer,
			x->layer_count - 1, format_size((double)l->size, size, sizeof(size)),
			l->added, l->changed, l->removed,
			format_size((double)l->wasted, wasted, sizeof(wasted)), by);
		put_line(s, second, PLAIN, false, false);
	} else {
		put_line(s, "no layers", PLAIN, false, false);
	}
	auto_free char *third = xasprintf("%s, by %s",
		v->alone ? "what this layer did" : "the tree after this layer",
		v->by_size ? "size" : "name");
	put_line(s, third, PLAIN, true, false);
}

static enum colour colour_of(const struct view *v, const struct file_event *e)
{
	if (!e || e->layer != v->layer)
		return PLAIN;
	return e->change == CHANGE_ADDED ? GREEN : e->change == CHANGE_CHANGED ? YELLOW : RED;
}

static char *row_text(const struct view *v, const struct view_row *r)
{
	static const char marks[] = "+~-";
	const struct file_event *e = view_event(v, r->file);
	const struct file *f = r->file;
	auto_free char *name = escape_name(f->name);
	auto_free char *target = e && e->target ? escape_name(e->target) : NULL;
	char mode[11] = "          ", size[32] = "", wasted[48] = "", text[32];
	int64_t waste = file_wasted(f);
	if (e && e->change != CHANGE_REMOVED)
		file_mode_text(e->type, e->mode, mode);
	if (!e || e->change != CHANGE_REMOVED)
		format_size((double)view_size(v, f), size, sizeof(size));
	if (waste)
		snprintf(wasted, sizeof(wasted), "  [%s wasted]",
			format_size((double)waste, text, sizeof(text)));
	return xasprintf("%c %s %9s  %*s%c %s%s%s%s",
		e && e->layer == v->layer ? marks[e->change] : ' ', mode, size,
		2 * (int)(r->depth < 200 ? r->depth : 200), "",
		!f->child ? ' '
		: f->open ? 'v'
			  : '>',
		name, target ? " -> " : "", target ? target : "", wasted);
}

static void draw_rows(struct screen *s)
{
	const struct view *v = &s->view;
	for (size_t i = v->top; i < v->top + v->height; i++) {
		if (i >= v->count) {
			put_line(s, "", PLAIN, false, false);
			continue;
		}
		auto_free char *text = row_text(v, &v->rows[i]);
		put_line(s, text, colour_of(v, view_event(v, v->rows[i].file)), i == v->at, false);
	}
}

static void draw_foot(struct screen *s)
{
	static const char keys[] =
		"q leave  arrows, enter: move, fold  [ ] layer  tab: layer alone, tree  "
		"s size, name  / n search  * - all open, shut";
	static const char short_keys[] =
		"q leave  arrows move, fold  [ ] layer  tab alone  s sort  / n search  * - all";
	struct view *v = &s->view;
	auto_free char *typed = escape_name(buf_str(&v->search));
	auto_free char *text = v->asking   ? xasprintf("/%s_", typed)
			       : v->notice ? xstrdup(v->notice)
					   : xstrdup(s->columns > strlen(keys) ? keys : short_keys);
	put_line(s, text, PLAIN, true, true);
}

static int draw(struct screen *s)
{
	if (!terminal_size(&s->rows, &s->columns)) {
		s->rows = 24;
		s->columns = 80;
	}
	s->view.height = s->rows > HEAD_LINES + FOOT_LINES ? s->rows - HEAD_LINES - FOOT_LINES : 1;
	view_update(&s->view);
	s->out.len = 0;
	buf_adds(&s->out, "\x1b[H");
	if (s->rows > HEAD_LINES + FOOT_LINES)
		draw_head(s);
	draw_rows(s);
	draw_foot(s);
	buf_adds(&s->out, "\x1b[J");
	return fd_write_all(STDOUT_FILENO, s->out.data, s->out.len);
}

/* ---- the terminal ---- */

/* Acts on all keys in @typed. False: the user leaves. */
static bool press_all(struct screen *s, struct buf *typed, bool more_may_come)
{
	enum view_key key;
	char byte;
	while (typed->len) {
		size_t n = view_parse_key(typed->data, typed->len, &key, &byte);
		bool lone = typed->len == 1 && typed->data[0] == 27;
		if ((n == 0 || lone) && more_may_come)
			return true;
		if (n == 0) /* the rest of a sequence never came */
			n = typed->len;
		buf_consume(typed, n);
		if (!view_press(&s->view, key, byte))
			return false;
	}
	return true;
}

/* Until the user leaves (0) or a signal or the terminal's end does it for them (the signal, or -1). */
static int run(struct screen *s, int signals)
{
	struct pollfd fds[] = {
		{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	auto_buf typed = BUF_INIT;
	for (;;) {
		if (!typed.len && draw(s) < 0)
			return -1;
		int n = poll(fds, 2, typed.len ? ESCAPE_MS : -1);
		if (n < 0 && errno != EINTR)
			return -1;
		struct signalfd_siginfo info;
		if (fds[1].revents && read(signals, &info, sizeof(info)) == sizeof(info) &&
			info.ssi_signo != SIGWINCH)
			return (int)info.ssi_signo;
		if (n > 0 && fds[0].revents) {
			char bytes[256];
			ssize_t got = fd_read(STDIN_FILENO, bytes, sizeof(bytes));
			if (got <= 0)
				return -1;
			buf_add(&typed, bytes, (size_t)got);
		}
		if (!press_all(s, &typed, n > 0))
			return 0;
	}
}

static void write_text(const char *text)
{
	fd_write_all(STDOUT_FILENO, text, strlen(text));
}

int explore_screen(struct explored *x)
{
	struct screen s = {.colours = str_empty(getenv("NO_COLOR"))};
	sigset_t set, old;
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &old);
	auto_fd int signals = signalfd(-1, &set, SFD_CLOEXEC);
	auto_terminal terminal;
	terminal_raw(&terminal, STDIN_FILENO);
	view_init(&s.view, x);
	write_text(ENTER);
	int end = run(&s, signals);
	write_text(LEAVE);
	terminal_restore(&terminal);
	view_free(&s.view);
	buf_free(&s.out);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (end > 0)
		raise(end);
	return end != 0;
}
