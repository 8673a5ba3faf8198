/*
 * The tree of `images --tree`, in two steps: lines with their cells, then columns as wide as they need to be. Names of
 * platforms are from strangers' documents.
 */
#include "images_tree.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "escape.h"
#include "format.h"
#include "width.h"

#define GAP 3 /* between columns */
#define LEGEND "Info -> U In Use"

enum { COLUMN_NAME, COLUMN_ID, COLUMN_DISK, COLUMN_CONTENT, COLUMN_EXTRA, COLUMN_COUNT };

static const struct {
	const char *title;
	bool right; /* its cells are aligned at the right */
} columns_of[COLUMN_COUNT] = {
	{"IMAGE", false},
	{"ID", false},
	{"DISK USAGE", true},
	{"CONTENT SIZE", true},
	{"EXTRA", false},
};

struct line {
	char *cell[COLUMN_COUNT]; /* NULL: empty */
};

struct tree {
	struct line *v; /* one without cells is a blank line */
	size_t count;
};

static struct line *add_line(struct tree *t)
{
	t->v = xreallocarray(t->v, t->count + 1, sizeof(*t->v));
	t->v[t->count] = (struct line){0};
	return &t->v[t->count++];
}

static void tree_free(struct tree *t)
{
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < COLUMN_COUNT; k++)
			free(t->v[i].cell[k]);
	free(t->v);
}

/* ---- what is said of an image ---- */

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static int64_t number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool is_kind(const json_t *manifest, const char *kind)
{
	return str_eq(text_of(manifest, "Kind"), kind);
}

static void fill(struct line *l, const char *id, int64_t disk, int64_t content, bool used)
{
	char text[32], short_id[13];
	l->cell[COLUMN_ID] = xstrdup(format_short_id(id, short_id));
	l->cell[COLUMN_DISK] = xstrdup(str_human_size((double)disk, text, sizeof(text)));
	l->cell[COLUMN_CONTENT] = xstrdup(str_human_size((double)content, text, sizeof(text)));
	if (used)
		l->cell[COLUMN_EXTRA] = xstrdup("U");
}

/* "linux/arm/v7", as containerd's platforms.Format() has it. */
static char *platform_of(const json_t *data)
{
	const json_t *p = json_object_get(data, "Platform");
	const char *os = text_of(p, "os"), *variant = text_of(p, "variant");
	if (!*os)
		return xstrdup("unknown");
	auto_free char *whole = xasprintf(
		"%s/%s%s%s", os, text_of(p, "architecture"), *variant ? "/" : "", variant);
	return escape_name(whole);
}

static bool manifest_used(const json_t *manifest)
{
	const json_t *data = json_object_get(manifest, "ImageData");
	return json_array_size(json_object_get(data, "Containers")) > 0;
}

static void add_manifest(struct tree *t, const json_t *manifest, bool last)
{
	const json_t *size = json_object_get(manifest, "Size");
	auto_free char *platform = platform_of(json_object_get(manifest, "ImageData"));
	struct line *l = add_line(t);
	l->cell[COLUMN_NAME] = xasprintf("%s %s", last ? "└─" : "├─", platform);
	fill(l, text_of(manifest, "ID"), number_of(size, "Total"), number_of(size, "Content"),
		manifest_used(manifest));
}

static void add_image(struct tree *t, const json_t *image)
{
	const json_t *tags = json_object_get(image, "RepoTags");
	const json_t *manifests = json_object_get(image, "Manifests"), *m;
	bool used = number_of(image, "Containers") > 0;
	/* the image's own size is its files'; a platform's counts the blobs that they came in as well */
	int64_t content = 0, disk = 0;
	size_t i, images = 0, shown = 0;
	json_array_foreach(manifests, i, m)
	{
		if (!is_kind(m, "image"))
			continue;
		images++;
		used = used || manifest_used(m);
		content += number_of(json_object_get(m, "Size"), "Content");
		disk += number_of(json_object_get(m, "Size"), "Total");
	}
	if (disk < number_of(image, "Size"))
		disk = number_of(image, "Size");
	for (i = 0; i < json_array_size(tags); i++) {
		const char *name = json_string_value(json_array_get(tags, i));
		add_line(t)->cell[COLUMN_NAME] = escape_name(name ? name : "");
	}
	if (!i)
		add_line(t)->cell[COLUMN_NAME] = xstrdup("<untagged>");
	fill(&t->v[t->count - 1], text_of(image, "Id"), disk, content, used);
	json_array_foreach(manifests, i, m)
	{
		if (is_kind(m, "image"))
			add_manifest(t, m, ++shown == images);
	}
}

/* ---- drawing ---- */

static size_t columns_in(const char *s)
{
	return s ? width_of(s, strlen(s)) : 0;
}

static void pad(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addc(out, ' ');
}

static void draw_line(const struct line *l, const size_t *widths, struct buf *out)
{
	size_t owed = 0; /* blanks, which nothing may follow */
	for (size_t k = 0; k < COLUMN_COUNT; k++) {
		size_t room = widths[k] - columns_in(l->cell[k]);
		if (l->cell[k]) {
			pad(out, owed + (columns_of[k].right ? room : 0));
			buf_adds(out, l->cell[k]);
			owed = columns_of[k].right ? 0 : room;
		} else {
			owed += room;
		}
		owed += GAP;
	}
	buf_addc(out, '\n');
}

static void measure(const struct tree *t, size_t *widths)
{
	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < COLUMN_COUNT; k++)
			if (columns_in(t->v[i].cell[k]) > widths[k])
				widths[k] = columns_in(t->v[i].cell[k]);
}

/* At the right, above the columns that it explains. */
static void draw_legend(const size_t *widths, unsigned columns, struct buf *out)
{
	size_t total = 0;
	for (size_t k = 0; k < COLUMN_COUNT; k++)
		total += widths[k] + (k ? GAP : 0);
	if (columns && columns < total)
		total = columns;
	pad(out, total > strlen(LEGEND) ? total - strlen(LEGEND) : 0);
	buf_adds(out, LEGEND "\n\n");
}

/* Has one of them lines of its own below it? Then there is room between all. */
static bool has_platforms(const json_t *images)
{
	size_t i, k;
	const json_t *image, *m;
	json_array_foreach(images, i, image)
	{
		json_array_foreach(json_object_get(image, "Manifests"), k, m)
		{
			if (is_kind(m, "image"))
				return true;
		}
	}
	return false;
}

void images_tree_draw(const json_t *images, unsigned columns, struct buf *out)
{
	struct tree t = {0};
	size_t widths[COLUMN_COUNT] = {0}, i;
	bool spaced = has_platforms(images);
	const json_t *image;
	struct line *head = add_line(&t);
	for (size_t k = 0; k < COLUMN_COUNT; k++)
		head->cell[k] = xstrdup(columns_of[k].title);
	json_array_foreach(images, i, image)
	{
		add_image(&t, image);
		if (spaced)
			add_line(&t);
	}
	measure(&t, widths);
	draw_legend(widths, columns, out);
	for (i = 0; i < t.count; i++)
		draw_line(&t.v[i], widths, out);
	tree_free(&t);
}
