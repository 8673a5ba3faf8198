/* The tree of an image's files, and what they cost. */
#include <errno.h>

#include "api.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "explore.h"

enum { LAYERS_MAX = 4096 };

/* ---- making the tree ---- */

static struct file *file_new(struct file *parent, char *name)
{
	struct file *f = xcalloc(1, sizeof(*f));
	f->name = name;
	f->parent = parent;
	if (parent && parent->last)
		parent->last->next = f;
	else if (parent)
		parent->child = f;
	if (parent)
		parent->last = f;
	return f;
}

struct explored *explored_new(void)
{
	struct explored *x = xcalloc(1, sizeof(*x));
	x->root = file_new(NULL, xstrdup(""));
	x->root->open = true;
	return x;
}

static void file_free(struct file *f)
{
	for (uint32_t i = 0; i < f->event_count; i++)
		free(f->events[i].target);
	free(f->events);
	free(f->name);
	free(f);
}

void explored_free(struct explored *x)
{
	if (!x)
		return;
	/* no recursion: folders may lie two thousand deep */
	struct file *f = x->root;
	while (f) {
		if (f->child) {
			struct file *child = f->child;
			f->child = NULL;
			f = child;
			continue;
		}
		struct file *next = f->next ? f->next : f->parent;
		file_free(f);
		f = next;
	}
	for (uint32_t i = 0; i < x->layer_count; i++) {
		free(x->layers[i].diff_id);
		free(x->layers[i].created_by);
	}
	free(x->layers);
	free(x->image);
	strv_free(x->tags);
	free(x);
}

struct file *file_after(const struct file *f)
{
	if (f->child)
		return f->child;
	while (f && !f->next)
		f = f->parent;
	return f ? f->next : NULL;
}

char *file_path(const struct file *f)
{
	size_t n = 0;
	for (const struct file *p = f; p->parent; p = p->parent)
		n += strlen(p->name) + 1;
	char *path = xmalloc(n + 2), *end = path + n;
	*end = 0;
	for (const struct file *p = f; p->parent; p = p->parent) {
		size_t len = strlen(p->name);
		end -= len;
		memcpy(end, p->name, len);
		*--end = '/';
	}
	return path;
}

/* ---- reading lines ---- */

static int bad_line(const char *what, struct err **err)
{
	return err_set(err, ERR_INVALID, "the daemon's list of files: %s", what);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *explored_text(const json_t *j, const char *key, const char *hex_key)
{
	const char *text = json_string_value(json_object_get(j, key));
	const char *hex = json_string_value(json_object_get(j, hex_key));
	struct buf out = BUF_INIT;
	if (!hex)
		return text ? xstrdup(text) : NULL;
	for (; *hex; hex += 2) {
		int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);
		if (low < 0 || (high | low) == 0) {
			buf_free(&out);
			return NULL;
		}
		buf_addc(&out, (char)(high << 4 | low));
	}
	return buf_steal(&out);
}

static int read_head(struct explored *x, const json_t *j, struct err **err)
{
	const json_t *layers = json_object_get(j, "Layers");
	const char *image = json_string_value(json_object_get(j, "Image"));
	size_t i, n = json_array_size(layers);
	json_t *l;
	if (!image || !json_is_array(layers) || n > LAYERS_MAX)
		return bad_line("no image in the first line", err);
	x->image = xstrdup(image);
	if (json_get_strv(j, "RepoTags", &x->tags, "image", err) < 0)
		return -1;
	x->layers = xcalloc(n + 1, sizeof(*x->layers));
	x->layer_count = (uint32_t)n;
	json_array_foreach((json_t *)layers, i, l)
	{
		const char *id = json_string_value(json_object_get(l, "DiffId"));
		const char *by = json_string_value(json_object_get(l, "CreatedBy"));
		x->layers[i].diff_id = xstrdup(id ? id : "");
		x->layers[i].created_by = xstrdup(by ? by : "");
	}
	return 0;
}

static const struct {
	const char *name;
	char letter;
} types[] = {{"file", '-'}, {"folder", 'd'}, {"symlink", 'l'}, {"char", 'c'}, {"block", 'b'},
	{"fifo", 'p'}, {"socket", 's'}};

static char type_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(name, types[i].name))
			return types[i].letter;
	return '?';
}

const char *file_type_name(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (letter == types[i].letter)
			return types[i].name;
	return "unknown";
}

static int change_of(const char *name)
{
	static const char *const names[] = {"added", "changed", "removed"};
	for (int i = 0; i < 3; i++)
		if (str_eq(name, names[i]))
			return i;
	return -1;
}

static int64_t number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static int read_event(
	const struct explored *x, const json_t *j, struct file_event *e, struct err **err)
{
	int change = change_of(json_string_value(json_object_get(j, "Change")));
	int64_t layer = number(j, "Layer"), size = number(j, "Size");
	const char *time = json_string_value(json_object_get(j, "ModTime"));
	if (change < 0 || layer < 0 || layer >= x->layer_count || size < 0)
		return bad_line("an event that cannot be", err);
	*e = (struct file_event){.layer = (uint32_t)layer,
		.change = (uint8_t)change,
		.type = type_of(json_string_value(json_object_get(j, "Type"))),
		.mode = (uint32_t)number(j, "Mode") & 07777,
		.uid = (uint32_t)number(j, "Uid"),
		.gid = (uint32_t)number(j, "Gid"),
		.size = size,
		.inode = (uint64_t)number(j, "Inode"),
		.major = (uint32_t)number(j, "Major"),
		.minor = (uint32_t)number(j, "Minor"),
		.target = explored_text(j, "Target", "TargetHex")};
	if (time)
		time_parse_rfc3339(time, &e->mtime);
	return 0;
}

/* The folder of @path among the last ones added: lines come folder by folder. */
static struct file *find_parent(struct explored *x, const char *path, const char **name)
{
	struct file *f = x->root;
	const char *slash;
	for (; (slash = strchr(path, '/')); path = slash + 1) {
		f = f->last;
		if (!f || strncmp(f->name, path, (size_t)(slash - path)) != 0 ||
			f->name[slash - path])
			return NULL;
	}
	*name = path;
	return f;
}

static int read_file(struct explored *x, const json_t *j, struct err **err)
{
	const json_t *events = json_object_get(j, "Events");
	auto_free char *path = explored_text(j, "Path", "PathHex");
	const char *name = NULL;
	struct file *parent = path ? find_parent(x, path, &name) : NULL;
	size_t i, n = json_array_size(events);
	json_t *v;
	if (!parent || str_empty(name) || n == 0 || n > 2 * (size_t)x->layer_count)
		return bad_line("a path that cannot be", err);
	struct file *f = file_new(parent, xstrdup(name));
	x->files++;
	f->events = xcalloc(n, sizeof(*f->events));
	json_array_foreach((json_t *)events, i, v)
	{
		if (read_event(x, v, &f->events[i], err) < 0)
			return -1;
		f->event_count++;
		if (i && f->events[i].layer < f->events[i - 1].layer)
			return bad_line("events out of order", err);
	}
	return 0;
}

int explored_add(struct explored *x, const json_t *line, struct err **err)
{
	const char *failed = json_string_value(json_object_get(line, "error"));
	if (failed)
		return api_error(ERR_SYSTEM, failed, err);
	return x->image ? read_file(x, line, err) : read_head(x, line, err);
}

/* ---- adding up ---- */

const struct file_event *file_event_of(const struct file *f, uint32_t layer)
{
	for (uint32_t i = f->event_count; i-- > 0;)
		if (f->events[i].layer == layer)
			return &f->events[i];
	return NULL;
}

const struct file_event *file_state(const struct file *f, uint32_t layer)
{
	for (uint32_t i = f->event_count; i-- > 0;)
		if (f->events[i].layer <= layer)
			return f->events[i].change == CHANGE_REMOVED ? NULL : &f->events[i];
	return NULL;
}

/* A file with several names in one layer: its bytes count once, and are seen if one name is. */
struct link {
	struct file_event *event;
	size_t order; /* the first name counts */
};

static int by_inode(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	if (x->event->layer != y->event->layer)
		return x->event->layer < y->event->layer ? -1 : 1;
	if (x->event->inode != y->event->inode)
		return x->event->inode < y->event->inode ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void join_links(struct link *v, size_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), by_inode);
	for (size_t i = 0; i < n;) {
		size_t end = i;
		bool seen = false;
		for (; end < n && v[end].event->layer == v[i].event->layer &&
			v[end].event->inode == v[i].event->inode;
			end++)
			seen = seen || v[end].event->seen;
		for (size_t k = i; k < end; k++) {
			v[k].event->linked = k > i;
			v[k].event->seen = seen;
		}
		i = end;
	}
}

static void note_seen(struct explored *x)
{
	struct link *links = NULL;
	size_t n = 0, room = 0;
	for (struct file *f = x->root; f; f = file_after(f)) {
		for (uint32_t i = 0; i < f->event_count; i++) {
			struct file_event *e = &f->events[i];
			e->seen = i + 1 == f->event_count && e->change != CHANGE_REMOVED;
			if (!e->inode)
				continue;
			if (n == room) {
				room = room ? 2 * room : 64;
				links = xreallocarray(links, room, sizeof(*links));
			}
			links[n] = (struct link){e, n};
			n++;
		}
	}
	join_links(links, n);
	free(links);
}

/* A sparse file may claim any length. */
static void add_bytes(int64_t *to, int64_t n)
{
	if (__builtin_add_overflow(*to, n, to))
		*to = INT64_MAX;
}

static void count_event(struct explored *x, const struct file_event *e)
{
	struct explored_layer *l = &x->layers[e->layer];
	l->added += e->change == CHANGE_ADDED;
	l->changed += e->change == CHANGE_CHANGED;
	l->removed += e->change == CHANGE_REMOVED;
	if (e->linked)
		return;
	add_bytes(&l->size, e->size);
	add_bytes(&x->size, e->size);
	add_bytes(e->seen ? &x->visible : &l->wasted, e->size);
}

void explored_finish(struct explored *x)
{
	note_seen(x);
	for (const struct file *f = x->root; f; f = file_after(f)) {
		for (uint32_t i = 0; i < f->event_count; i++)
			count_event(x, &f->events[i]);
		x->wasteful += file_wasted(f) > 0;
	}
}

double explored_efficiency(const struct explored *x)
{
	return x->size ? (double)x->visible / (double)x->size : 1;
}

double explored_percent(const struct explored *x, double step)
{
	double percent = explored_efficiency(x) * 100;
	return x->visible < x->size && percent > 100 - step ? 100 - step : percent;
}

int64_t file_wasted(const struct file *f)
{
	int64_t bytes = 0;
	for (uint32_t i = 0; i < f->event_count; i++)
		if (!f->events[i].seen && !f->events[i].linked)
			add_bytes(&bytes, f->events[i].size);
	return bytes;
}

/* ---- lists ---- */

static int64_t seen_size(const struct file *f)
{
	const struct file_event *e = f->event_count ? &f->events[f->event_count - 1] : NULL;
	return e && e->change != CHANGE_REMOVED && !e->linked ? e->size : 0;
}

static int by_bytes(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	auto_free char *p = file_path(x->file), *q = file_path(y->file);
	return strcmp(p, q);
}

/* Keeps at most twice @n on the way. */
static struct ranked *rank(const struct explored *x, size_t n, size_t *count,
	int64_t (*bytes_of_file)(const struct file *f))
{
	struct ranked *v = NULL;
	size_t have = 0, room = 0;
	for (const struct file *f = x->root; f; f = file_after(f)) {
		int64_t bytes = bytes_of_file(f);
		if (bytes == 0)
			continue;
		if (v && n && have == 2 * n) {
			qsort(v, have, sizeof(*v), by_bytes);
			have = n;
		}
		if (have == room) {
			room = room ? 2 * room : 64;
			v = xreallocarray(v, room, sizeof(*v));
		}
		v[have++] = (struct ranked){f, bytes};
	}
	if (have)
		qsort(v, have, sizeof(*v), by_bytes);
	*count = n && have > n ? n : have;
	return v;
}

struct ranked *explored_biggest(const struct explored *x, size_t n, size_t *count)
{
	return rank(x, n, count, seen_size);
}

struct ranked *explored_wasteful(const struct explored *x, size_t n, size_t *count)
{
	return rank(x, n, count, file_wasted);
}

char *file_mode_text(char type, uint32_t mode, char text[11])
{
	static const char rwx[] = "rwxrwxrwx";
	text[0] = type;
	for (int i = 0; i < 9; i++)
		text[i + 1] = mode & (0400u >> i) ? rwx[i] : '-';
	if (mode & 04000)
		text[3] = text[3] == 'x' ? 's' : 'S';
	if (mode & 02000)
		text[6] = text[6] == 'x' ? 's' : 'S';
	if (mode & 01000)
		text[9] = text[9] == 'x' ? 't' : 'T';
	text[10] = 0;
	return text;
}
