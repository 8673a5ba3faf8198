#include "explore_view.h"

#include <ctype.h>

#include "base/mem.h"
#include "base/str.h"

/* ---- what there is to see ---- */

const struct file_event *view_event(const struct view *v, const struct file *f)
{
	return v->alone ? file_event_of(f, v->layer) : file_state(f, v->layer);
}

/* The file behind everything below @f. */
static struct file *after_subtree(const struct file *f)
{
	while (f && !f->next)
		f = f->parent;
	return f ? f->next : NULL;
}

/* Does the view have @f, or something in it? */
static bool is_shown(const struct view *v, const struct file *f)
{
	const struct file *end = after_subtree(f);
	if (!v->alone) /* what is there is there with its folders */
		return view_event(v, f) != NULL;
	for (; f != end; f = file_after(f))
		if (view_event(v, f))
			return true;
	return false;
}

int64_t view_size(const struct view *v, const struct file *f)
{
	const struct file *end = after_subtree(f);
	int64_t bytes = 0;
	for (; f != end; f = file_after(f)) {
		const struct file_event *e = view_event(v, f);
		if (e && !e->linked && __builtin_add_overflow(bytes, e->size, &bytes))
			return INT64_MAX;
	}
	return bytes;
}

struct sized {
	struct file *file;
	int64_t size;
	size_t order;
};

static int by_size(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void add_row(struct view *v, struct file *f, unsigned depth)
{
	if (v->count == v->room) {
		v->room = v->room ? 2 * v->room : 64;
		v->rows = xreallocarray(v->rows, v->room, sizeof(*v->rows));
	}
	v->rows[v->count++] = (struct view_row){f, depth};
}

/* What the view has of a folder, in its order. */
static struct sized *list_folder(const struct view *v, const struct file *folder, size_t *count)
{
	struct sized *list = NULL;
	size_t n = 0, room = 0;
	for (struct file *f = folder->child; f; f = f->next) {
		if (!is_shown(v, f))
			continue;
		if (n == room) {
			room = room ? 2 * room : 16;
			list = xreallocarray(list, room, sizeof(*list));
		}
		list[n] = (struct sized){f, v->by_size ? view_size(v, f) : 0, n};
		n++;
	}
	if (v->by_size && n)
		qsort(list, n, sizeof(*list), by_size);
	*count = n;
	return list;
}

/* A folder whose rows are being added. */
struct level {
	struct sized *list;
	size_t count, next;
};

/* Rows of everything that is open; no recursion, as folders may lie deep. */
static void make_rows(struct view *v)
{
	struct level *levels = xmalloc(sizeof(*levels));
	size_t depth = 1, room = 1;
	levels[0] = (struct level){0};
	levels[0].list = list_folder(v, v->x->root, &levels[0].count);
	v->count = 0;
	while (depth) {
		struct level *l = &levels[depth - 1];
		if (l->next == l->count) {
			free(l->list);
			depth--;
			continue;
		}
		struct file *f = l->list[l->next++].file;
		add_row(v, f, (unsigned)depth - 1);
		if (!f->open || !f->child)
			continue;
		if (depth == room) {
			room *= 2;
			levels = xreallocarray(levels, room, sizeof(*levels));
		}
		levels[depth] = (struct level){0};
		levels[depth].list = list_folder(v, f, &levels[depth].count);
		depth++;
	}
	free(levels);
}

void view_update(struct view *v)
{
	struct file *chosen = v->at < v->count ? v->rows[v->at].file : NULL;
	make_rows(v);
	for (size_t i = 0; i < v->count; i++)
		if (v->rows[i].file == chosen)
			v->at = i;
	if (v->at >= v->count)
		v->at = v->count ? v->count - 1 : 0;
	if (v->height == 0)
		v->height = 1;
	if (v->at < v->top)
		v->top = v->at;
	if (v->at >= v->top + v->height)
		v->top = v->at - v->height + 1;
	/* no empty lines below while there are rows above */
	if (v->top + v->height > v->count)
		v->top = v->count > v->height ? v->count - v->height : 0;
}

void view_init(struct view *v, struct explored *x)
{
	*v = (struct view){.x = x, .layer = x->layer_count ? x->layer_count - 1 : 0, .height = 20};
	view_update(v);
}

void view_free(struct view *v)
{
	free(v->rows);
	buf_free(&v->search);
}

/* ---- searching ---- */

static bool contains(const char *name, const char *wanted)
{
	size_t n = strlen(wanted);
	for (; *name; name++)
		if (strncasecmp(name, wanted, n) == 0)
			return true;
	return false;
}

static void show(struct view *v, struct file *f)
{
	for (struct file *p = f->parent; p; p = p->parent)
		p->open = true;
	view_update(v);
	for (size_t i = 0; i < v->count; i++)
		if (v->rows[i].file == f)
			v->at = i;
	view_update(v);
}

/* The next hit behind the chosen row, in the order of names, from the start again at the end. */
static void search_next(struct view *v)
{
	struct file *from = v->at < v->count ? v->rows[v->at].file : v->x->root;
	const char *wanted = buf_str(&v->search);
	if (!*wanted)
		return;
	struct file *f = from;
	do {
		f = file_after(f);
		if (!f)
			f = v->x->root;
		if (f->parent && view_event(v, f) && contains(f->name, wanted)) {
			show(v, f);
			return;
		}
	} while (f != from);
	v->notice = "nothing found";
}

static void cut_search(struct view *v, size_t n)
{
	v->search.len = n;
	if (v->search.data)
		v->search.data[n] = 0;
}

static void type_search(struct view *v, enum view_key key, char byte)
{
	if (key == KEY_ENTER || key == KEY_ESCAPE) {
		v->asking = false;
		if (key == KEY_ENTER)
			search_next(v);
	} else if (key == KEY_BACKSPACE) {
		size_t n = v->search.len;
		while (n && ((unsigned char)v->search.data[--n] & 0xc0) == 0x80)
			;
		cut_search(v, n);
	} else if (key == KEY_CHARACTER && v->search.len < 200 && (unsigned char)byte >= ' ') {
		buf_addc(&v->search, byte);
	}
}

/* ---- keys ---- */

static struct file *chosen_file(const struct view *v)
{
	return v->at < v->count ? v->rows[v->at].file : NULL;
}

static void fold(struct view *v, bool open)
{
	struct file *f = chosen_file(v);
	if (!f)
		return;
	if (!open && (!f->open || !f->child)) { /* to the folder that it is in */
		for (size_t i = 0; f->parent && i < v->count; i++)
			if (v->rows[i].file == f->parent)
				v->at = i;
		return;
	}
	f->open = open;
}

static void move(struct view *v, bool down, size_t by)
{
	if (!down)
		v->at = v->at > by ? v->at - by : 0;
	else if (v->count)
		v->at = v->at + by < v->count ? v->at + by : v->count - 1;
}

static void other_layer(struct view *v, bool up)
{
	if (up && v->layer + 1 < v->x->layer_count)
		v->layer++;
	else if (!up && v->layer > 0)
		v->layer--;
	else
		v->notice = up ? "this is the topmost layer" : "this is the lowest layer";
}

static void open_all(struct view *v, bool open)
{
	for (struct file *f = file_after(v->x->root); f; f = file_after(f))
		f->open = open;
}

static bool press_character(struct view *v, char byte)
{
	struct file *f = chosen_file(v);
	switch (byte) {
	case 'q':
	case 3: /* ^C */
		return false;
	case 'j':
	case 'k':
		move(v, byte == 'j', 1);
		break;
	case 'h':
	case 'l':
		fold(v, byte == 'l');
		break;
	case ' ':
		if (f)
			f->open = !f->open;
		break;
	case ']':
	case '[':
		other_layer(v, byte == ']');
		break;
	case 'a':
		v->alone = !v->alone;
		break;
	case 's':
		v->by_size = !v->by_size;
		break;
	case '*':
	case '-':
		open_all(v, byte == '*');
		break;
	case '/':
		v->asking = true;
		cut_search(v, 0);
		break;
	case 'n':
		search_next(v);
		break;
	}
	return true;
}

bool view_press(struct view *v, enum view_key key, char byte)
{
	struct file *f = chosen_file(v);
	v->notice = NULL;
	if (v->asking && !(key == KEY_CHARACTER && byte == 3)) {
		type_search(v, key, byte);
		view_update(v);
		return true;
	}
	bool stay = key != KEY_CHARACTER || press_character(v, byte);
	if (key == KEY_UP || key == KEY_DOWN)
		move(v, key == KEY_DOWN, 1);
	else if (key == KEY_PAGE_UP || key == KEY_PAGE_DOWN)
		move(v, key == KEY_PAGE_DOWN, v->height);
	else if (key == KEY_HOME || key == KEY_END)
		move(v, key == KEY_END, v->count);
	else if (key == KEY_LEFT || key == KEY_RIGHT)
		fold(v, key == KEY_RIGHT);
	else if (key == KEY_ENTER && f)
		f->open = !f->open;
	else if (key == KEY_TAB)
		v->alone = !v->alone;
	view_update(v);
	return stay;
}

/* ---- bytes of a terminal to keys ---- */

static enum view_key final_key(char byte, unsigned number)
{
	switch (byte) {
	case 'A':
		return KEY_UP;
	case 'B':
		return KEY_DOWN;
	case 'C':
		return KEY_RIGHT;
	case 'D':
		return KEY_LEFT;
	case 'H':
		return KEY_HOME;
	case 'F':
		return KEY_END;
	case '~':
		return number == 5		    ? KEY_PAGE_UP
		       : number == 6		    ? KEY_PAGE_DOWN
		       : number == 1 || number == 7 ? KEY_HOME
		       : number == 4 || number == 8 ? KEY_END
						    : KEY_NONE;
	default:
		return KEY_NONE;
	}
}

/* ESC [ parameters letter, or ESC O letter (ECMA-48). */
static size_t parse_sequence(const char *p, size_t n, enum view_key *key)
{
	unsigned number = 0;
	for (size_t i = 2; i < n; i++) {
		if (isdigit((unsigned char)p[i]) && number < 1000)
			number = number * 10 + (unsigned)(p[i] - '0');
		if ((unsigned char)p[i] >= 0x40) {
			*key = final_key(p[i], number);
			return i + 1;
		}
		if (i > 30) {
			*key = KEY_NONE;
			return i;
		}
	}
	return 0;
}

size_t view_parse_key(const char *p, size_t n, enum view_key *key, char *byte)
{
	*key = KEY_CHARACTER;
	*byte = n ? p[0] : 0;
	if (n == 0)
		return 0;
	if (p[0] == 27) {
		if (n > 1 && (p[1] == '[' || p[1] == 'O'))
			return parse_sequence(p, n, key);
		*key = KEY_ESCAPE;
		return 1;
	}
	if (p[0] == '\r' || p[0] == '\n')
		*key = KEY_ENTER;
	else if (p[0] == '\t')
		*key = KEY_TAB;
	else if (p[0] == 8 || p[0] == 127)
		*key = KEY_BACKSPACE;
	return 1;
}
