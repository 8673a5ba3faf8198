#include "bars.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "escape.h"

#define ID_WIDTH 12
#define STATUS_WIDTH 18
#define FIGURES_WIDTH 36 /* "123.4MB/567.8MB  12.3MB/s  1h59m" */
#define BAR_MIN 8
#define BAR_MAX 40
#define SAMPLE_NS (TIME_NS_PER_SEC / 4)
#define STALLED_NS (5 * TIME_NS_PER_SEC)

struct bar {
	char *id, *status;
	int64_t current, total; /* of the present phase; total 0: not known */
	int64_t since; /* when the phase began */
	int64_t sampled, sampled_at; /* the last point that the rate was taken at */
	double rate; /* bytes a second, smoothed; 0: not known */
	int64_t size; /* of the layer, once known */
	bool finished;
};

struct bars {
	struct bar *v;
	size_t n;
	bool utf8;
	unsigned drawn; /* lines of the picture on the terminal */
};

struct bars *bars_new(bool utf8)
{
	struct bars *b = xcalloc(1, sizeof(*b));
	b->utf8 = utf8;
	return b;
}

void bars_clear(struct bars *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->v[i].id);
		free(b->v[i].status);
	}
	free(b->v);
	b->v = NULL;
	b->n = 0;
	b->drawn = 0;
}

void bars_free(struct bars *b)
{
	bars_clear(b);
	free(b);
}

bool bars_any(const struct bars *b)
{
	return b->n > 0;
}

/* ---- taking messages ---- */

/* Layers are called by 12 digits of a digest; other ids are tags and names. */
static bool is_layer_id(const char *id)
{
	return id && str_all_of(id, "0123456789abcdef", ID_WIDTH, ID_WIDTH);
}

static struct bar *bar_of(struct bars *b, const char *id)
{
	for (size_t i = 0; i < b->n; i++)
		if (str_eq(b->v[i].id, id))
			return &b->v[i];
	if (b->n == BARS_MAX)
		return NULL;
	b->v = xreallocarray(b->v, b->n + 1, sizeof(*b->v));
	b->v[b->n] = (struct bar){.id = xstrdup(id), .status = xstrdup("")};
	return &b->v[b->n++];
}

static bool is_final(const char *status)
{
	static const char *const final[] = {
		"Pull complete", "Already exists", "Pushed", "Layer already exists"};
	for (size_t i = 0; i < ARRAY_LEN(final); i++)
		if (str_eq(status, final[i]))
			return true;
	return str_starts(status, "Mounted from ");
}

static void begin_phase(struct bar *bar, const char *status, int64_t now)
{
	free(bar->status);
	bar->status = escape_controls(status);
	bar->current = bar->total = bar->sampled = 0;
	bar->rate = 0;
	bar->since = bar->sampled_at = now;
	bar->finished = is_final(status);
}

static void sample(struct bar *bar, int64_t now)
{
	int64_t passed = now - bar->sampled_at;
	if (passed < SAMPLE_NS)
		return;
	double rate = (double)(bar->current - bar->sampled) * 1e9 / (double)passed;
	if (rate < 0)
		rate = 0;
	bar->rate = bar->rate > 0 ? 0.7 * bar->rate + 0.3 * rate : rate;
	bar->sampled = bar->current;
	bar->sampled_at = now;
}

bool bars_take(struct bars *b, const json_t *message, int64_t now)
{
	const char *id = json_string_value(json_object_get(message, "id"));
	const char *status = json_string_value(json_object_get(message, "status"));
	const json_t *detail = json_object_get(message, "progressDetail");
	struct bar *bar = is_layer_id(id) && status ? bar_of(b, id) : NULL;
	if (!bar)
		return false;
	if (!str_eq(bar->status, status))
		begin_phase(bar, status, now);
	if (json_object_size(detail) == 0)
		return true;
	bar->current = json_integer_value(json_object_get(detail, "current"));
	bar->total = json_integer_value(json_object_get(detail, "total"));
	if (bar->total > bar->size)
		bar->size = bar->total;
	sample(bar, now);
	return true;
}

static void add_plain(struct buf *out, const char *s)
{
	auto_free char *plain = escape_controls(s);
	buf_adds(out, plain);
}

void bars_text(const json_t *message, struct buf *out)
{
	const char *id = json_string_value(json_object_get(message, "id"));
	const char *status = json_string_value(json_object_get(message, "status"));
	const char *stream = json_string_value(json_object_get(message, "stream"));
	if (stream) {
		add_plain(out, stream);
	} else if (!str_empty(status)) {
		if (!str_empty(id)) {
			add_plain(out, id);
			buf_adds(out, ": ");
		}
		add_plain(out, status);
		buf_addc(out, '\n');
	}
}

/* ---- the picture ---- */

static void add_duration(struct buf *out, double seconds)
{
	long s = seconds < 1 ? 1 : (long)(seconds + 0.5);
	if (seconds >= 360000) /* nobody waits for that long */
		buf_adds(out, ">99h");
	else if (s >= 3600)
		buf_addf(out, "%ldh%02ldm", s / 3600, s / 60 % 60);
	else if (s >= 60)
		buf_addf(out, "%ldm%02lds", s / 60, s % 60);
	else
		buf_addf(out, "%lds", s);
}

/* @width cells, so many filled as @current is of @total. */
static void add_bar(struct buf *out, bool utf8, int64_t current, int64_t total, unsigned width)
{
	double part = total > 0 ? (double)current / (double)total : 0;
	unsigned cells = part >= 1 ? width : part <= 0 ? 0 : (unsigned)(part * width);
	if (!utf8)
		buf_addc(out, '[');
	for (unsigned i = 0; i < width; i++)
		if (utf8)
			buf_adds(out, i < cells ? "\u2588" : "\u2591");
		else
			buf_addc(out, i < cells ? '=' : i == cells && cells ? '>' : ' ');
	if (!utf8)
		buf_addc(out, ']');
}

/* "12.3MB/45.6MB  8.1MB/s  4s" */
static void add_figures(struct buf *out, int64_t current, int64_t total, double rate, bool stalled)
{
	char a[32], b[32], pair[72];
	str_human_size((double)current, a, sizeof(a));
	if (total > 0)
		snprintf(pair, sizeof(pair), "%s/%s", a,
			str_human_size((double)total, b, sizeof(b)));
	else
		snprintf(pair, sizeof(pair), "%s", a);
	buf_addf(out, "%17s", pair);
	if (stalled) {
		buf_adds(out, "   stalled");
	} else if (rate >= 1) {
		snprintf(pair, sizeof(pair), "%s/s", str_human_size(rate, a, sizeof(a)));
		buf_addf(out, "  %9s", pair);
		if (total > current) {
			buf_adds(out, "  ");
			add_duration(out, (double)(total - current) / rate);
		}
	}
}

/* Bar and figures, as far as there is room for them. */
static void add_progress(struct buf *out, const struct bars *b, unsigned columns, int64_t current,
	int64_t total, double rate, bool stalled)
{
	unsigned used = ID_WIDTH + 2 + STATUS_WIDTH + FIGURES_WIDTH + (b->utf8 ? 2 : 4);
	if (total > 0 && columns >= used + BAR_MIN) {
		unsigned width = columns - used;
		add_bar(out, b->utf8, current, total, width < BAR_MAX ? width : BAR_MAX);
		buf_addc(out, ' ');
	}
	add_figures(out, current, total, rate, stalled);
}

/* Cuts the line off before the terminal would wrap it. Bytes are at least as many as columns. */
static void end_line(struct buf *out, size_t start, unsigned columns)
{
	size_t cells = 0, at = start;
	while (at < out->len && cells + 1 < columns) {
		at++;
		while (at < out->len && ((unsigned char)out->data[at] & 0xc0) == 0x80)
			at++;
		cells++;
	}
	if (at < out->len) {
		out->len = at;
		out->data[at] = 0;
	}
	buf_adds(out, "\x1b[K\n");
}

static void draw_bar(
	const struct bars *b, const struct bar *bar, unsigned columns, int64_t now, struct buf *out)
{
	char size[32];
	size_t start = out->len;
	buf_addf(out, "%s  %-*s", bar->id, STATUS_WIDTH, bar->status);
	if (bar->current > 0 && !bar->finished) {
		bool stalled = now - bar->sampled_at > STALLED_NS && bar->current < bar->total;
		add_progress(out, b, columns, bar->current, bar->total, bar->rate, stalled);
	} else if (bar->finished && bar->size > 0) {
		buf_addf(out, "%17s", str_human_size((double)bar->size, size, sizeof(size)));
	}
	end_line(out, start, columns);
}

/* What is under way in all layers together; sizes that are not known yet are not in it. */
static void draw_total(const struct bars *b, unsigned columns, struct buf *out)
{
	int64_t current = 0, total = 0;
	size_t finished = 0, start = out->len;
	double rate = 0;
	for (size_t i = 0; i < b->n; i++) {
		const struct bar *bar = &b->v[i];
		/* a layer whose bytes are all here is whole, though its next phase counts anew */
		bool moves = str_eq(bar->status, "Downloading") || str_eq(bar->status, "Pushing");
		finished += bar->finished;
		total += bar->size;
		current += moves ? bar->current : bar->size;
		rate += moves ? bar->rate : 0;
	}
	char count[48];
	snprintf(count, sizeof(count), "%zu of %zu layers", finished, b->n);
	buf_addf(out, "%-*s  %-*s", ID_WIDTH, "Total", STATUS_WIDTH, count);
	if (total > 0)
		add_progress(out, b, columns, current, total, rate, false);
	end_line(out, start, columns);
}

/* Layers that move are shown before those that wait, and those before the finished ones. */
static int worth(const struct bar *bar)
{
	return bar->finished ? 0 : bar->current > 0 ? 2 : 1;
}

static void choose(const struct bars *b, size_t room, bool *shown)
{
	for (int w = 2; w >= 0; w--)
		for (size_t i = 0; i < b->n && room; i++)
			if (worth(&b->v[i]) == w) {
				shown[i] = true;
				room--;
			}
}

void bars_draw(
	struct bars *b, unsigned rows, unsigned columns, int64_t now, bool last, struct buf *out)
{
	auto_free bool *shown = xcalloc(b->n + 1, sizeof(*shown));
	bool with_total = !last && b->n > 1 && rows > 3;
	size_t room = rows > 2 ? rows - 1 - (with_total ? 1 : 0) : 1;
	if (!b->n)
		return;
	if (b->drawn)
		buf_addf(out, "\r\x1b[%uA", b->drawn);
	choose(b, last ? b->n : room, shown);
	b->drawn = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (!shown[i])
			continue;
		draw_bar(b, &b->v[i], columns, now, out);
		b->drawn++;
	}
	if (with_total) {
		draw_total(b, columns, out);
		b->drawn++;
	}
	buf_adds(out, "\x1b[J");
}
