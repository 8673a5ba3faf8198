/* image files, image diff */
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "cli.h"
#include "escape.h"
#include "explore.h"
#include "explore_load.h"
#include "format.h"
#include "table.h"

static const struct flag_spec files_flags[] = {
	{"json", 0, FLAG_BOOL, NULL, "JSON, one document a line"},
	{"layer", 0, FLAG_STRING, "layer",
		"What this layer did alone: its number, from 0, or its digest"},
	{NULL},
};

static const struct flag_spec diff_flags[] = {
	{"json", 0, FLAG_BOOL, NULL, "JSON, one document a line"},
	{NULL},
};

/* ---- files ---- */

struct listing {
	struct explored *x;
	bool json, one;
	uint32_t layer;
};

/* A number, or the start of one layer's digest. */
static int find_layer(const struct explored *x, const char *text, uint32_t *out, struct err **err)
{
	uint32_t found = 0;
	if (str_to_u32(text, out) == 0 && *out < x->layer_count)
		return 0;
	for (uint32_t i = 0; i < x->layer_count; i++) {
		const char *hex = str_after(x->layers[i].diff_id, "sha256:");
		if (strlen(text) < 4 || (!str_starts(x->layers[i].diff_id, text) &&
						!(hex && str_starts(hex, text))))
			continue;
		*out = i;
		found++;
	}
	if (found == 0)
		return err_set(err, ERR_NOT_FOUND, "no layer %s: the image has 0 to %d", text,
			(int)x->layer_count - 1);
	return found == 1 ? 0 : err_set(err, ERR_INVALID, "%s fits several layers", text);
}

static void write_node(struct jsonw *w, const struct file_event *e)
{
	jw_str(w, "Type", file_type_name(e->type));
	jw_i64(w, "Mode", e->mode);
	jw_i64(w, "Uid", e->uid);
	jw_i64(w, "Gid", e->gid);
	if (e->type == '-')
		jw_i64(w, "Size", e->size);
	if (e->inode)
		jw_u64(w, "Inode", e->inode);
	if (e->target)
		jw_bytes(w, "Target", "TargetHex", e->target);
	if (e->type == 'c' || e->type == 'b') {
		jw_i64(w, "Major", e->major);
		jw_i64(w, "Minor", e->minor);
	}
	jw_time(w, "ModTime", e->mtime);
}

/* As in the daemon's answer, with the one event that counts. */
static void print_json(const struct file *f, const struct file_event *e, struct buf *out)
{
	static const char *const changes[] = {"added", "changed", "removed"};
	auto_free char *path = file_path(f);
	struct jsonw w = jsonw_to(out);
	jw_object(&w, NULL);
	jw_bytes(&w, "Path", "PathHex", path + 1);
	jw_i64(&w, "Layer", e->layer);
	jw_str(&w, "Change", changes[e->change]);
	if (e->change != CHANGE_REMOVED)
		write_node(&w, e);
	jw_end_object(&w);
	buf_addc(out, '\n');
}

static void print_text(
	const struct listing *l, const struct file *f, const struct file_event *e, struct buf *out)
{
	static const char marks[] = "+~-";
	auto_free char *path = file_path(f);
	auto_free char *shown = escape_name(path);
	auto_free char *target = e->target ? escape_name(e->target) : NULL;
	char mode[11], size[32], owner[32];
	if (l->one)
		buf_addf(out, "%c ", marks[e->change]);
	if (e->change == CHANGE_REMOVED) {
		buf_addf(out, "%10s %13s %10s  %s\n", "", "", "", shown);
		return;
	}
	snprintf(owner, sizeof(owner), "%u:%u", e->uid, e->gid);
	buf_addf(out, "%s %13s %10s ", file_mode_text(e->type, e->mode, mode), owner,
		format_size((double)e->size, size, sizeof(size)));
	if (!l->one)
		buf_addf(out, "%4u", e->layer);
	buf_addf(out, " %s%s%s\n", shown, target ? " -> " : "", target ? target : "");
}

static int print_files(const struct listing *l)
{
	auto_buf out = BUF_INIT;
	for (const struct file *f = file_after(l->x->root); f; f = file_after(f)) {
		const struct file_event *e =
			l->one ? file_event_of(f, l->layer) : file_state(f, l->x->layer_count);
		if (!e)
			continue;
		if (l->json)
			print_json(f, e, &out);
		else
			print_text(l, f, e, &out);
		if (out.len < 1 << 16)
			continue;
		if (fd_write_all(STDOUT_FILENO, out.data, out.len) < 0)
			return 1;
		out.len = 0;
	}
	return fd_write_all(STDOUT_FILENO, buf_str(&out), out.len) < 0;
}

static int cmd_files(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	const char *layer = flag_str(a, "layer");
	auto_explored *x = explored_load(cli, a->rest[0], &err);
	if (!x)
		return cli_error(err);
	struct listing l = {.x = x, .json = flag_bool(a, "json"), .one = layer != NULL};
	if (layer && find_layer(x, layer, &l.layer, &err) < 0)
		return cli_error(err);
	return print_files(&l);
}

/* ---- diff ---- */

struct difference {
	bool json;
	struct buf out;
	json_int_t added, changed, removed, bytes; /* of B more than A */
};

static int flush(struct difference *d, struct err **err)
{
	if (d->out.len && fd_write_all(STDOUT_FILENO, d->out.data, d->out.len) < 0)
		return err_sys(err, errno, "write to standard output");
	d->out.len = 0;
	return 0;
}

static json_int_t size_of(const json_t *side)
{
	json_int_t n = json_integer_value(json_object_get(side, "Size"));
	return n < 0 ? 0 : n;
}

static char *path_of(const json_t *j)
{
	auto_free char *path = explored_text(j, "Path", "PathHex");
	return escape_name(path ? path : "");
}

static void print_change(struct difference *d, const json_t *j)
{
	const json_t *a = json_object_get(j, "A"), *b = json_object_get(j, "B"), *v;
	auto_free char *path = path_of(j);
	char before[32] = "", after[32] = "";
	size_t i;
	if (a)
		format_size((double)size_of(a), before, sizeof(before));
	if (b)
		format_size((double)size_of(b), after, sizeof(after));
	buf_addf(&d->out, "%c %10s %s %10s  /%s",
		!a   ? '+'
		: !b ? '-'
		     : '~',
		before, a && b ? "->" : "  ", after, path);
	json_array_foreach(json_object_get(j, "Differs"), i, v) buf_addf(
		&d->out, "%s%s", i ? ", " : "  (", json_is_string(v) ? json_string_value(v) : "");
	buf_addf(&d->out, "%s\n", i ? ")" : "");
}

static int on_change(void *data, json_t *j, const char *text, size_t n, struct err **err)
{
	struct difference *d = data;
	const json_t *a = json_object_get(j, "A"), *b = json_object_get(j, "B");
	const char *failed = json_string_value(json_object_get(j, "error"));
	if (failed)
		return api_error(ERR_SYSTEM, failed, err);
	d->added += !a;
	d->removed += !b;
	d->changed += a && b;
	if (__builtin_add_overflow(d->bytes, size_of(b) - size_of(a), &d->bytes))
		d->bytes = size_of(b) > size_of(a) ? INT64_MAX : INT64_MIN + 1;
	if (d->json) {
		buf_add(&d->out, text, n);
		buf_addc(&d->out, '\n');
	} else {
		print_change(d, j);
	}
	return d->out.len > 1 << 16 ? flush(d, err) : 0;
}

/* What of inspect says what an image does, rather than what it is called. */
static json_t *settings(struct cli *cli, const char *image, struct err **err)
{
	static const char *const keys[] = {"Architecture", "Variant", "Os", "Author"};
	auto_buf path = BUF_INIT;
	auto_json *j = NULL;
	buf_adds(&path, "/images");
	url_add_segment(&path, image);
	buf_adds(&path, "/json");
	if (api_call(&cli->api, "GET", path.data, NULL, &j, err) < 0)
		return NULL;
	json_t *all = json_deep_copy(json_object_get(j, "Config"));
	all = all ? all : json_object();
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (json_object_get(j, keys[i]))
			json_object_set(all, keys[i], json_object_get(j, keys[i]));
	return all;
}

static void print_setting(struct difference *d, const char *key, const json_t *a, const json_t *b)
{
	if (d->json) {
		auto_json *j = json_object();
		json_put_str(j, "Setting", key);
		json_put(j, "A", a ? json_deep_copy(a) : json_null());
		json_put(j, "B", b ? json_deep_copy(b) : json_null());
		json_write(j, &d->out);
		buf_addc(&d->out, '\n');
		return;
	}
	auto_free char *before = a ? json_dumps(a, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	auto_free char *after = b ? json_dumps(b, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	auto_free char *x = escape_name(before ? before : "");
	auto_free char *y = escape_name(after ? after : "");
	buf_addf(&d->out, "%c %s: %s%s%s\n",
		!a   ? '+'
		: !b ? '-'
		     : '~',
		key, x, a && b ? " -> " : "", y);
}

static void compare_settings(struct difference *d, json_t *a, json_t *b)
{
	const char *key;
	json_t *v;
	json_object_foreach(a, key, v)
	{
		const json_t *other = json_object_get(b, key);
		if (!other || !json_equal(v, other))
			print_setting(d, key, v, other);
	}
	json_object_foreach(b, key, v) if (!json_object_get(a, key)) print_setting(d, key, NULL, v);
}

static int compare(struct cli *cli, const struct args *a, struct difference *d, struct err **err)
{
	auto_buf what = BUF_INIT;
	auto_json *x = settings(cli, a->rest[0], err);
	auto_json *y = x ? settings(cli, a->rest[1], err) : NULL;
	if (!y)
		return -1;
	compare_settings(d, x, y);
	buf_adds(&what, "/diff");
	url_add(&what, "with", a->rest[1]);
	if (image_lines(cli, a->rest[0], what.data, on_change, d, err) < 0)
		return -1;
	return flush(d, err);
}

static int cmd_diff(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	struct difference d = {.json = flag_bool(a, "json")};
	char text[32];
	int rc = compare(cli, a, &d, &err);
	buf_free(&d.out);
	if (rc < 0)
		return cli_error(err);
	if (!d.json)
		printf("%lld added, %lld changed, %lld removed; %s%s\n", (long long)d.added,
			(long long)d.changed, (long long)d.removed, d.bytes < 0 ? "-" : "+",
			format_size(
				(double)(d.bytes < 0 ? -d.bytes : d.bytes), text, sizeof(text)));
	return 0;
}

const struct command command_image_files = {
	.group = "image",
	.name = "files",
	.args = "IMAGE",
	.summary = "Show the files of an image or of one of its layers",
	.flags = files_flags,
	.min_args = 1,
	.max_args = 1,
	.completes = "@images",
	.details =
		"Without --layer: mode, owner, size and layer of each path that a container "
		"sees. With it: what the "
		"layer added (+), changed (~) and removed (-). With --json: Path (without the "
		"leading slash), Layer, Change (added, changed, removed), Type (file, folder, "
		"symlink, char, block, fifo, socket), Mode (a number), Uid, Gid, Size of a "
		"file, Inode of one with several names in its layer, Target of a symlink, Major "
		"and Minor of a device, ModTime. Names that are no UTF-8 are told in hexadecimal "
		"digits, too: PathHex, TargetHex.",
	.run = cmd_files,
};

const struct command command_image_diff = {
	.group = "image",
	.name = "diff",
	.args = "IMAGE IMAGE",
	.summary = "Show how two images differ",
	.flags = diff_flags,
	.min_args = 2,
	.max_args = 2,
	.completes = "@images",
	.details = "First settings, then paths: what only the second image has (+), what only the "
		   "first has (-), and what "
		   "differs (~), with sizes before and after. Contents are compared, times are "
		   "not. With "
		   "--json: Setting, A and B for each setting, then Path, Change, Differs (type, "
		   "content, mode, owner), A and B for each path, where A and B are as with kist "
		   "image "
		   "files --json from Type on.",
	.run = cmd_diff,
};
