/* search */
#include <stdio.h>

#include "escape.h"
#include "flag_common.h"
#include "format.h"
#include "pull.h"

static const struct flag_spec flags[] = {
	FLAG_FILTER("Only those that fit: stars=N, is-official=BOOL, is-automated=BOOL"),
	FLAG_FORMAT_LIST,
	{"limit", 0, FLAG_INT, NULL,
		"Most results to ask for, 1 to 100 (unset: as many as the daemon likes)"},
	{"no-trunc", 0, FLAG_BOOL, NULL, "Whole descriptions"},
	{NULL},
};

static const struct format_field fields[] = {
	{"Name", "NAME"},
	{"Description", "DESCRIPTION"},
	{"StarCount", "STARS"},
	{"IsOfficial", "OFFICIAL"},
	{"IsAutomated", "AUTOMATED"},
	{NULL},
};

#define DESCRIPTION_WIDTH 45

static void put_tick(json_t *row, const char *key, const json_t *value)
{
	json_put_str(row, key, json_is_true(value) ? "[OK]" : "");
}

static void add_row(const struct format *f, const json_t *found, bool trunc, json_t *rows)
{
	json_t *row = format_row(f);
	const char *name = json_string_value(json_object_get(found, "name"));
	const char *text = json_string_value(json_object_get(found, "description"));
	auto_free char *line = xstrdup(text ? text : "");
	char stars[32];
	for (char *c = line; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	/* the registry's words, in which anything may stand */
	auto_free char *shown = escape_name(line), *shown_name = escape_name(name ? name : "");
	auto_free char *cut = trunc ? format_ellipsis(shown, DESCRIPTION_WIDTH) : xstrdup(shown);
	snprintf(stars, sizeof(stars), "%lld",
		(long long)json_integer_value(json_object_get(found, "star_count")));
	json_put_str(row, "Name", shown_name);
	json_put_str(row, "Description", cut);
	json_put_str(row, "StarCount", stars);
	put_tick(row, "IsOfficial", json_object_get(found, "is_official"));
	put_tick(row, "IsAutomated", json_object_get(found, "is_automated"));
	json_array_append_new(rows, row);
}

static int cmd_search(struct cli *cli, const struct args *a)
{
	const struct format f = {
		.row_type = "*formatter.SearchContext",
		.fields = fields,
		.table = "{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
	};
	auto_err *err = NULL;
	auto_reference ref = {0};
	auto_buf path = BUF_INIT;
	auto_json *found = NULL, *rows = json_array();
	auto_free char *filters = filter_text(flag_list(a, "filter"));
	buf_adds(&path, "/images/search");
	url_add(&path, "term", a->rest[0]);
	url_add(&path, "filters", filters);
	if (flag_given(a, "limit")) {
		char limit[24];
		snprintf(limit, sizeof(limit), "%lld", (long long)flag_int(a, "limit", 0));
		url_add(&path, "limit", limit);
	}
	/* a term that is no name is for the registry to make sense of; it is the hub then */
	if (reference_parse(a->rest[0], &ref, NULL) == 0)
		use_credentials_for(cli, &ref);
	if (api_call(&cli->api, "GET", path.data, NULL, &found, &err) < 0)
		return cli_error(err);
	size_t i;
	json_t *one;
	json_array_foreach(found, i, one) add_row(&f, one, !flag_bool(a, "no-trunc"), rows);
	return format_print(&f, flag_str(a, "format"), false, rows);
}

const struct command command_search = {
	.name = "search",
	.args = "TERM",
	.summary = "Look for images on Docker Hub or a registry that can search",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.run = cmd_search,
};
