/* ps */
#include <stdio.h>

#include "base/timefmt.h"
#include "container.h"
#include "flag_common.h"
#include "format.h"
#include "ports.h"
#include "rows.h"

static const struct flag_spec flags[] = {
	{"all", 'a', FLAG_BOOL, NULL, "Also those that do not run"},
	FLAG_FILTER("Only those that fit, KEY=VALUE; all keys must, one value of each"),
	FLAG_FORMAT_LIST,
	{"last", 'n', FLAG_INT, NULL, "The newest N, running or not", "-1"},
	{"latest", 'l', FLAG_BOOL, NULL, "The newest alone, running or not"},
	{"no-trunc", 0, FLAG_BOOL, NULL, "Whole IDs and texts"},
	{"quiet", 'q', FLAG_BOOL, NULL, "IDs alone, one a line"},
	{"size", 's', FLAG_BOOL, NULL, "Bytes each has written, and holds with its image"},
	{NULL},
};

const struct format_field container_fields[] = {
	{"ID", "CONTAINER ID"},
	{"Names", "NAMES"},
	{"Image", "IMAGE"},
	{"Command", "COMMAND"},
	{"CreatedAt", "CREATED AT"},
	{"RunningFor", "CREATED"},
	{"Ports", "PORTS"},
	{"State", "STATE"},
	{"Status", "STATUS"},
	{"Size", "SIZE"},
	{"Labels", "LABELS"},
	{"Mounts", "MOUNTS"},
	{"LocalVolumes", "LOCAL VOLUMES"},
	{"Networks", "NETWORKS"},
	{"Platform", "PLATFORM"},
	{NULL},
};

#define TABLE                                                                                      \
	"{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"

static const char *text_of(const json_t *c, const char *key)
{
	const char *s = json_string_value(json_object_get(c, key));
	return s ? s : "";
}

/* Names of links ("/a/b") are left out unless nothing is to be shortened. */
static char *names(const json_t *c, bool trunc)
{
	struct buf b = BUF_INIT;
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(c, "Names"), i, v)
	{
		const char *name = json_string_value(v);
		name = name && *name == '/' ? name + 1 : name;
		if (!name || (trunc && strchr(name, '/')))
			continue;
		buf_addf(&b, "%s%s", b.len ? "," : "", name);
	}
	return buf_steal(&b);
}

static char *image(const json_t *c, bool trunc)
{
	const char *name = text_of(c, "Image");
	char id[13], short_name[13];
	if (!*name)
		return xstrdup("<no image>");
	if (!trunc)
		return xstrdup(name);
	format_short_id(text_of(c, "ImageID"), id);
	format_short_id(name, short_name);
	if (*id && str_eq(id, short_name))
		return xstrdup(id);
	const char *at = strchr(name, '@');
	return at ? xstrndup(name, (size_t)(at - name)) : xstrdup(name);
}

static char *command(const json_t *c, bool trunc)
{
	auto_free char *cut =
		trunc ? format_ellipsis(text_of(c, "Command"), 20) : xstrdup(text_of(c, "Command"));
	auto_json *j = json_string(cut);
	auto_free char *quoted = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
	return xstrdup(quoted ? quoted : "\"\"");
}

static char *mounts(const json_t *c, bool trunc, int *local)
{
	struct buf b = BUF_INIT;
	size_t i;
	json_t *m;
	*local = 0;
	json_array_foreach(json_object_get(c, "Mounts"), i, m)
	{
		const char *name = text_of(m, "Name");
		auto_free char *shown = NULL;
		*local += str_eq(text_of(m, "Driver"), "local");
		if (!*name)
			name = text_of(m, "Source");
		shown = trunc ? format_ellipsis(name, 15) : xstrdup(name);
		buf_addf(&b, "%s%s", i ? "," : "", shown);
	}
	return buf_steal(&b);
}

static char *networks(const json_t *c)
{
	struct buf b = BUF_INIT;
	const char *name;
	json_t *value;
	json_t *all = json_object_get(json_object_get(c, "NetworkSettings"), "Networks");
	json_object_foreach(all, name, value) buf_addf(&b, "%s%s", b.len ? "," : "", name);
	return buf_steal(&b);
}

static void put_owned(json_t *row, const char *key, char *text)
{
	json_put_str(row, key, text);
	free(text);
}

static void put_size(json_t *row, const json_t *c)
{
	char own[32], whole[32];
	json_int_t root = json_integer_value(json_object_get(c, "SizeRootFs"));
	str_human_size((double)json_integer_value(json_object_get(c, "SizeRw")), own, sizeof(own));
	str_human_size((double)root, whole, sizeof(whole));
	put_owned(row, "Size", root > 0 ? xasprintf("%s (virtual %s)", own, whole) : xstrdup(own));
}

static bool wants(const struct format_out *out, const char *field)
{
	return !out || format_wants(out, field);
}

static void put_created(json_t *row, const struct format_out *out, const json_t *c)
{
	char text[64];
	int64_t created = json_integer_value(json_object_get(c, "Created")) * TIME_NS_PER_SEC;
	if (wants(out, "CreatedAt"))
		json_put_str(row, "CreatedAt", format_time(created, false, text, sizeof(text)));
	if (wants(out, "RunningFor"))
		json_put_str(row, "RunningFor", format_ago(created, text, sizeof(text)));
}

static void put_mounts(json_t *row, const json_t *c, bool trunc)
{
	int local;
	put_owned(row, "Mounts", mounts(c, trunc, &local));
	put_owned(row, "LocalVolumes", xasprintf("%d", local));
}

json_t *container_row(
	const struct format *f, const struct format_out *out, const json_t *c, bool trunc)
{
	json_t *row = format_row(f);
	char id[13];
	json_put_str(row, "ID", trunc ? format_short_id(text_of(c, "Id"), id) : text_of(c, "Id"));
	if (wants(out, "Names"))
		put_owned(row, "Names", names(c, trunc));
	if (wants(out, "Image"))
		put_owned(row, "Image", image(c, trunc));
	if (wants(out, "Command"))
		put_owned(row, "Command", command(c, trunc));
	put_created(row, out, c);
	if (wants(out, "Ports"))
		put_owned(row, "Ports", ports_text(json_object_get(c, "Ports")));
	json_put_str(row, "State", text_of(c, "State"));
	json_put_str(row, "Status", text_of(c, "Status"));
	if (wants(out, "Size"))
		put_size(row, c);
	if (wants(out, "Labels"))
		put_owned(row, "Labels", format_labels(json_object_get(c, "Labels")));
	if (wants(out, "Mounts") || wants(out, "LocalVolumes"))
		put_mounts(row, c, trunc);
	if (wants(out, "Networks"))
		put_owned(row, "Networks", networks(c));
	json_put(row, "Platform", json_null());
	json_object_set(row, "#labels", json_object_get(c, "Labels"));
	return row;
}

/* What of a container of /containers/json the columns are made of. */
static const struct {
	const char *key, *field;
} sources[] = {
	{"Id", "ID"},
	{"Names", "Names"},
	{"Image", "Image"},
	{"ImageID", "Image"},
	{"Command", "Command"},
	{"Created", "CreatedAt"},
	{"Created", "RunningFor"},
	{"Ports", "Ports"},
	{"State", "State"},
	{"Status", "Status"},
	{"SizeRw", "Size"},
	{"SizeRootFs", "Size"},
	{"Labels", "Labels"},
	{"Mounts", "Mounts"},
	{"Mounts", "LocalVolumes"},
	{"NetworkSettings", "Networks"},
};

static bool wants_key(const struct format_out *out, const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		if (str_eq(sources[i].key, key) && wants(out, sources[i].field))
			return true;
	return false;
}

/* The next container with those of its members that somebody will look at. NULL with *err set, or where @r has
 * stopped. */
static json_t *read_container(struct jsonr *r, const struct format_out *out, struct err **err)
{
	auto_buf key = BUF_INIT;
	auto_json *c = json_object();
	jsonr_enter(r, '{');
	while (jsonr_key(r, &key)) {
		jsonr_peek(r); /* past blanks */
		const char *at = r->at;
		if (!jsonr_skip(r))
			return NULL;
		if (!wants_key(out, buf_str(&key)))
			continue;
		json_t *value = json_parse(at, (size_t)(r->at - at), API_ANSWER, err);
		if (!value)
			return NULL;
		json_object_set_new(c, buf_str(&key), value);
	}
	return r->bad ? NULL : steal_ptr(c);
}

/* One by one: a tree of a thousand takes longer to build and to free than all the rest. */
static int add_all(const struct format *f, struct format_out *out, const struct buf *answer,
	bool trunc, struct err **err)
{
	struct jsonr r = jsonr_from(answer->data, answer->len);
	jsonr_enter(&r, '[');
	while (jsonr_more(&r, ']')) {
		auto_json *c = read_container(&r, out, err);
		if (*err || (c && format_add(out, container_row(f, out, c, trunc), err) < 0))
			return -1;
	}
	return jsonr_end(&r, API_ANSWER, err);
}

static bool format_wants_size(const char *format)
{
	return format && (strstr(format, ".Size") || strstr(format, "json .}"));
}

static char *list_path(const struct args *a)
{
	struct buf b = BUF_INIT;
	int64_t last = flag_int(a, "last", -1);
	auto_free char *filters = filter_text(flag_list(a, "filter"));
	char limit[32] = "";
	if (flag_bool(a, "latest"))
		last = 1;
	if (last > 0)
		snprintf(limit, sizeof(limit), "%lld", (long long)last);
	buf_adds(&b, "/containers/json");
	url_add(&b, "all", flag_bool(a, "all") ? "1" : NULL);
	url_add(&b, "limit", *limit ? limit : NULL);
	bool size = flag_bool(a, "size") || format_wants_size(flag_str(a, "format"));
	url_add(&b, "size", size ? "1" : NULL);
	url_add(&b, "filters", filters);
	return buf_steal(&b);
}

static int cmd_ps(struct cli *cli, const struct args *a)
{
	const struct format f = {
		.row_type = "*formatter.ContainerContext",
		.fields = container_fields,
		.table = flag_bool(a, "size") ? TABLE "\t{{.Size}}" : TABLE,
		.quiet = "{{.ID}}",
	};
	auto_err *err = NULL;
	auto_buf answer = BUF_INIT;
	auto_free char *path = list_path(a);
	const char *format = flag_str(a, "format");
	if (flag_bool(a, "quiet") && !str_empty(format)) {
		fputs("WARNING: Ignoring custom format, because both --format and --quiet are "
		      "set.\n",
			stderr);
		format = NULL;
	}
	if (api_text(&cli->api, path, &answer, &err) < 0)
		return cli_error(err);
	auto_format_out *out = format_open(&f, format, flag_bool(a, "quiet"), &err);
	if (!out)
		return cli_error(err);
	if (add_all(&f, out, &answer, !flag_bool(a, "no-trunc"), &err) < 0)
		return cli_error(err);
	return format_write(out);
}

const struct command command_ps = {
	.group = "container",
	.name = "ls",
	.aliases = "list,ps",
	.top = "ps",
	.args = "",
	.summary = "Show the containers there are",
	.flags = flags,
	.common = true,
	.run = cmd_ps,
};
