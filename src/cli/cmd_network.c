/* network ls */
#include <stdio.h>
#include <stdlib.h>

#include "base/timefmt.h"
#include "flag_common.h"
#include "format.h"

static const struct flag_spec flags[] = {
	FLAG_FILTER("Only those that fit, such as driver=bridge"),
	FLAG_FORMAT_LIST,
	{"no-trunc", 0, FLAG_BOOL, NULL, "Whole IDs"},
	{"quiet", 'q', FLAG_BOOL, NULL, "IDs alone, one a line"},
	{NULL},
};

static const struct format_field fields[] = {
	{"ID", "NETWORK ID"},
	{"Name", "NAME"},
	{"Driver", "DRIVER"},
	{"Scope", "SCOPE"},
	{"IPv4", "IPV4"},
	{"IPv6", "IPV6"},
	{"Internal", "INTERNAL"},
	{"Labels", "LABELS"},
	{"CreatedAt", "CREATED AT"},
	{NULL},
};

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

static const char *bool_of(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key)) ? "true" : "false";
}

static json_t *make_row(const struct format *f, const json_t *n, bool trunc)
{
	json_t *row = format_row(f);
	char id[13], text[64];
	int64_t created = 0;
	auto_free char *labels = format_labels(json_object_get(n, "Labels"));
	time_parse_rfc3339(text_of(n, "Created"), &created);
	json_put_str(row, "ID", trunc ? format_short_id(text_of(n, "Id"), id) : text_of(n, "Id"));
	json_put_str(row, "Name", text_of(n, "Name"));
	json_put_str(row, "Driver", text_of(n, "Driver"));
	json_put_str(row, "Scope", text_of(n, "Scope"));
	json_put_str(row, "IPv4", bool_of(n, "EnableIPv4"));
	json_put_str(row, "IPv6", bool_of(n, "EnableIPv6"));
	json_put_str(row, "Internal", bool_of(n, "Internal"));
	json_put_str(row, "Labels", labels);
	json_put_str(row, "CreatedAt", format_time(created, true, text, sizeof(text)));
	json_object_set(row, "#labels", json_object_get(n, "Labels"));
	return row;
}

struct named {
	const char *name;
	json_t *network;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int cmd_network_ls(struct cli *cli, const struct args *a)
{
	const struct format f = {
		.row_type = "*network.networkContext",
		.fields = fields,
		.table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
		.quiet = "{{.ID}}",
	};
	auto_err *err = NULL;
	auto_json *list = NULL, *rows = json_array();
	auto_buf path = BUF_INIT;
	auto_free char *filters = filter_text(flag_list(a, "filter"));
	buf_adds(&path, "/networks");
	url_add(&path, "filters", filters);
	if (api_call(&cli->api, "GET", path.data, NULL, &list, &err) < 0)
		return cli_error(err);
	size_t i, n = json_array_size(list);
	json_t *network;
	auto_free struct named *sorted = xcalloc(n + 1, sizeof(*sorted));
	json_array_foreach(list, i, network) sorted[i] =
		(struct named){text_of(network, "Name"), network};
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (i = 0; i < n; i++)
		json_array_append_new(
			rows, make_row(&f, sorted[i].network, !flag_bool(a, "no-trunc")));
	return format_print(&f, flag_str(a, "format"), flag_bool(a, "quiet"), rows);
}

const struct command command_network_ls = {
	.group = "network",
	.name = "ls",
	.aliases = "list",
	.args = "",
	.summary = "Show the networks there are",
	.flags = flags,
	.run = cmd_network_ls,
};
