/* history */
#include <stdio.h>

#include "base/timefmt.h"
#include "flag_common.h"
#include "format.h"
#include "platform.h"

static const struct flag_spec flags[] = {
	FLAG_FORMAT_LIST,
	{"human", 'H', FLAG_BOOL, NULL,
		"Sizes as 4.2MB and times as 3 days ago; false for bytes and dates", "true"},
	{"no-trunc", 0, FLAG_BOOL, NULL, "Whole IDs and texts"},
	{"platform", 0, FLAG_STRING, NULL,
		"Variant to show, OS[/ARCH[/VARIANT]], of an image that has several", NULL,
		check_platform},
	{"quiet", 'q', FLAG_BOOL, NULL, "IDs alone, one a line"},
	{NULL},
};

static const struct format_field human_fields[] = {
	{"ID", "IMAGE"},
	{"CreatedSince", "CREATED"},
	{"CreatedAt", "CREATED AT"},
	{"CreatedBy", "CREATED BY"},
	{"Size", "SIZE"},
	{"Comment", "COMMENT"},
	{NULL},
};

static const struct format_field exact_fields[] = {
	{"ID", "IMAGE"},
	{"CreatedSince", "CREATED AT"},
	{"CreatedAt", "CREATED AT"},
	{"CreatedBy", "CREATED BY"},
	{"Size", "SIZE"},
	{"Comment", "COMMENT"},
	{NULL},
};

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

static json_t *make_row(const struct format *f, const json_t *j, bool human, bool trunc)
{
	json_t *row = format_row(f);
	char text[64], id[13];
	int64_t created = json_integer_value(json_object_get(j, "Created")) * TIME_NS_PER_SEC;
	json_int_t size = json_integer_value(json_object_get(j, "Size"));
	auto_free char *by = xstrdup(text_of(j, "CreatedBy"));
	for (char *c = by; *c; c++)
		if (*c == '\t')
			*c = ' ';
	auto_free char *cut = trunc ? format_ellipsis(by, 45) : xstrdup(by);
	format_rfc3339(created, false, text, sizeof(text));
	json_put_str(row, "CreatedAt", text);
	json_put_str(row, "CreatedSince", human ? format_ago(created, text, sizeof(text)) : text);
	json_put_str(row, "ID", trunc ? format_short_id(text_of(j, "Id"), id) : text_of(j, "Id"));
	json_put_str(row, "CreatedBy", cut);
	if (human)
		str_human_size((double)size, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%lld", (long long)size);
	json_put_str(row, "Size", text);
	json_put_str(row, "Comment", text_of(j, "Comment"));
	return row;
}

static int cmd_history(struct cli *cli, const struct args *a)
{
	bool human = flag_bool(a, "human");
	const struct format f = {
		.row_type = "*formatter.historyContext",
		.fields = human ? human_fields : exact_fields,
		.table = "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
		.quiet = "{{.ID}}",
	};
	auto_err *err = NULL;
	auto_json *history = NULL, *rows = json_array();
	auto_buf path = BUF_INIT;
	buf_adds(&path, "/images");
	url_add_segment(&path, a->rest[0]);
	buf_adds(&path, "/history");
	url_add_platform(&path, "platform", flag_str(a, "platform"));
	if (api_call(&cli->api, "GET", path.data, NULL, &history, &err) < 0)
		return cli_error(err);
	size_t i;
	json_t *j;
	json_array_foreach(history, i, j)
		json_array_append_new(rows, make_row(&f, j, human, !flag_bool(a, "no-trunc")));
	return format_print(&f, flag_str(a, "format"), flag_bool(a, "quiet"), rows);
}

const struct command command_history = {
	.group = "image",
	.name = "history",
	.top = "history",
	.args = "IMAGE",
	.summary = "Show the steps an image was made in",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.completes = "@images",
	.run = cmd_history,
};
