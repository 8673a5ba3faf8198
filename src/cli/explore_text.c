/* An image taken apart, as text and as JSON. */
#include "base/json.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "base/str.h"
#include "escape.h"
#include "explore.h"
#include "format.h"
#include "table.h"

static void print_table(struct buf *text, FILE *out)
{
	auto_buf aligned = BUF_INIT;
	table_align(buf_str(text), TABLE_MIN_WIDTH, TABLE_PADDING, &aligned);
	fputs(buf_str(&aligned), out);
}

static void print_layers(const struct explored *x, FILE *out)
{
	auto_buf text = BUF_INIT;
	char size[32], wasted[32];
	buf_adds(&text, "LAYER\tSIZE\tADDED\tCHANGED\tREMOVED\tWASTED\tCREATED BY\n");
	for (uint32_t i = 0; i < x->layer_count; i++) {
		const struct explored_layer *l = &x->layers[i];
		auto_free char *by = escape_name(l->created_by);
		auto_free char *cut = format_ellipsis(by, 60);
		buf_addf(&text, "%u\t%s\t%u\t%u\t%u\t%s\t%s\n", i,
			format_size((double)l->size, size, sizeof(size)), l->added, l->changed,
			l->removed, format_size((double)l->wasted, wasted, sizeof(wasted)), cut);
	}
	print_table(&text, out);
}

/* The layers that a path was in and that cost something: "0,2". */
static char *wasting_layers(const struct file *f)
{
	struct buf out = BUF_INIT;
	for (uint32_t i = 0; i < f->event_count; i++) {
		const struct file_event *e = &f->events[i];
		if (!e->seen && !e->linked && e->size)
			buf_addf(&out, "%s%u", out.len ? "," : "", e->layer);
	}
	return buf_steal(&out);
}

static char *bringing_layer(const struct file *f)
{
	return xasprintf("%u", f->events[f->event_count - 1].layer);
}

static void print_ranked(const char *heading, const struct ranked *v, size_t n,
	char *(*layers)(const struct file *f), FILE *out)
{
	auto_buf text = BUF_INIT;
	char size[32];
	if (n == 0)
		return;
	fprintf(out, "\n%s:\n\n", heading);
	buf_adds(&text, "SIZE\tLAYER\tPATH\n");
	for (size_t i = 0; i < n; i++) {
		auto_free char *path = file_path(v[i].file);
		auto_free char *shown = escape_name(path);
		auto_free char *where = layers(v[i].file);
		buf_addf(&text, "%s\t%s\t%s\n", format_size((double)v[i].bytes, size, sizeof(size)),
			where, shown);
	}
	print_table(&text, out);
}

void explore_print(const struct explored *x, size_t top, FILE *out)
{
	char size[32], visible[32], wasted[32];
	size_t n;
	auto_free char *tags = strv_join(x->tags, " ");
	fprintf(out, "Image:       %s%s%s\n", x->image, *tags ? " " : "", tags);
	fprintf(out, "Size:        %s in %u layers, of which a container sees %s\n",
		format_size((double)x->size, size, sizeof(size)), x->layer_count,
		format_size((double)x->visible, visible, sizeof(visible)));
	fprintf(out, "Wasted:      %s by %zu paths\n",
		format_size((double)(x->size - x->visible), wasted, sizeof(wasted)), x->wasteful);
	fprintf(out, "Efficiency:  %.1f%%\n\n", explored_percent(x, 0.1));
	print_layers(x, out);
	auto_free struct ranked *biggest = explored_biggest(x, top, &n);
	print_ranked("The biggest files", biggest, n, bringing_layer, out);
	auto_free struct ranked *wasteful = explored_wasteful(x, top, &n);
	print_ranked("Replaced or removed by later layers", wasteful, n, wasting_layers, out);
}

/* ---- JSON ---- */

/* {"Path", "PathHex"}, as in the daemon's answer. New. */
static json_t *named(const struct file *f)
{
	auto_free char *path = file_path(f);
	auto_buf text = BUF_INIT;
	struct jsonw w = jsonw_to(&text);
	jw_object(&w, NULL);
	jw_bytes(&w, "Path", "PathHex", path + 1);
	jw_end_object(&w);
	return json_loads(buf_str(&text), 0, NULL);
}

static json_t *layers_json(const struct explored *x)
{
	json_t *list = json_array();
	for (uint32_t i = 0; i < x->layer_count; i++) {
		const struct explored_layer *l = &x->layers[i];
		json_t *j = json_object();
		json_put(j, "Index", json_integer(i));
		json_put_str(j, "DiffId", l->diff_id);
		json_put_str(j, "CreatedBy", l->created_by);
		json_put(j, "Size", json_integer(l->size));
		json_put(j, "Wasted", json_integer(l->wasted));
		json_put(j, "Added", json_integer(l->added));
		json_put(j, "Changed", json_integer(l->changed));
		json_put(j, "Removed", json_integer(l->removed));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *file_layers(const struct file *f)
{
	static const char *const changes[] = {"added", "changed", "removed"};
	json_t *list = json_array();
	for (uint32_t i = 0; i < f->event_count; i++) {
		json_t *j = json_object();
		json_put(j, "Layer", json_integer(f->events[i].layer));
		json_put_str(j, "Change", changes[f->events[i].change]);
		if (f->events[i].change != CHANGE_REMOVED)
			json_put(j, "Size", json_integer(f->events[i].size));
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *ranked_json(const struct ranked *v, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		json_t *j = named(v[i].file);
		json_put(j, "Bytes", json_integer(v[i].bytes));
		json_put(j, "Layers", file_layers(v[i].file));
		json_array_append_new(list, j);
	}
	return list;
}

json_t *explore_json(const struct explored *x, size_t top)
{
	json_t *j = json_object();
	size_t n;
	json_put_str(j, "Image", x->image);
	json_put(j, "RepoTags", json_strv(x->tags));
	json_put(j, "Size", json_integer(x->size));
	json_put(j, "Visible", json_integer(x->visible));
	json_put(j, "Wasted", json_integer(x->size - x->visible));
	json_put(j, "Efficiency", json_real(explored_efficiency(x)));
	json_put(j, "Paths", json_integer((json_int_t)x->files));
	json_put(j, "WastefulPaths", json_integer((json_int_t)x->wasteful));
	json_put(j, "Layers", layers_json(x));
	auto_free struct ranked *biggest = explored_biggest(x, top, &n);
	json_put(j, "Biggest", ranked_json(biggest, n));
	auto_free struct ranked *wasteful = explored_wasteful(x, top, &n);
	json_put(j, "Wasteful", ranked_json(wasteful, n));
	return j;
}
