/* volume create, ls, rm */
#include <stdio.h>
#include <stdlib.h>

#include "flag_common.h"
#include "format.h"
#include "rows.h"
#include "spec.h"

static const struct flag_spec create_flags[] = {
	{"driver", 'd', FLAG_STRING, NULL, "Driver that keeps it", "\"local\""},
	{"label", 0, FLAG_LIST, NULL, "Label KEY=VALUE", NULL, check_label},
	{"opt", 'o', FLAG_LIST, "map", "Setting of the driver, KEY=VALUE", "map[]"},
	{NULL},
};

static const struct flag_spec ls_flags[] = {
	FLAG_FILTER("Only those that fit, such as dangling=true"),
	FLAG_FORMAT_LIST,
	{"quiet", 'q', FLAG_BOOL, NULL, "Names alone, one a line"},
	{NULL},
};

static const struct flag_spec rm_flags[] = {
	{"force", 'f', FLAG_BOOL, NULL, "No error for those that are not there"},
	{NULL},
};

const struct format_field volume_fields[] = {
	{"Name", "VOLUME NAME"},
	{"Driver", "DRIVER"},
	{"Scope", "SCOPE"},
	{"Mountpoint", "MOUNTPOINT"},
	{"Labels", "LABELS"},
	{"Links", "LINKS"},
	{"Size", "SIZE"},
	{"Availability", "AVAILABILITY"},
	{"Group", "GROUP"},
	{"Status", "STATUS"},
	{NULL},
};

static json_t *key_values(char *const *v)
{
	json_t *map = json_object();
	for (size_t i = 0; v && v[i]; i++) {
		auto_free char *key = xstrndup(v[i], strcspn(v[i], "="));
		const char *eq = strchr(v[i], '=');
		json_put_str(map, key, eq ? eq + 1 : "");
	}
	return map;
}

static int cmd_volume_create(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *answer = NULL, *body = json_object();
	const char *driver = flag_str(a, "driver");
	json_put_str(body, "Driver", driver ? driver : "local");
	if (flag_given(a, "opt"))
		json_put(body, "DriverOpts", key_values(flag_list(a, "opt")));
	if (flag_given(a, "label"))
		json_put(body, "Labels", key_values(flag_list(a, "label")));
	if (a->nrest)
		json_put_str(body, "Name", a->rest[0]);
	if (api_call(&cli->api, "POST", "/volumes/create", body, &answer, &err) < 0)
		return cli_error(err);
	const char *name = json_string_value(json_object_get(answer, "Name"));
	printf("%s\n", name ? name : "");
	return 0;
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

static void put_usage(json_t *row, const json_t *usage)
{
	char links[24] = "N/A", size[32] = "N/A";
	if (usage) {
		json_int_t n = json_integer_value(json_object_get(usage, "RefCount"));
		snprintf(links, sizeof(links), "%lld", (long long)n);
		format_size((double)json_integer_value(json_object_get(usage, "Size")), size,
			sizeof(size));
	}
	json_put_str(row, "Links", links);
	json_put_str(row, "Size", size);
}

json_t *volume_row(const struct format *f, const json_t *v)
{
	static const char *const unknown[] = {"Availability", "Group", "Status"};
	json_t *row = format_row(f);
	auto_free char *labels = format_labels(json_object_get(v, "Labels"));
	json_put_str(row, "Name", text_of(v, "Name"));
	json_put_str(row, "Driver", text_of(v, "Driver"));
	json_put_str(row, "Scope", text_of(v, "Scope"));
	json_put_str(row, "Mountpoint", text_of(v, "Mountpoint"));
	json_put_str(row, "Labels", labels);
	put_usage(row, json_object_get(v, "UsageData"));
	for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
		json_put_str(row, unknown[i], "N/A");
	json_object_set(row, "#labels", json_object_get(v, "Labels"));
	return row;
}

struct named {
	const char *name;
	json_t *volume;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int cmd_volume_ls(struct cli *cli, const struct args *a)
{
	const struct format f = {
		.row_type = "*formatter.volumeContext",
		.fields = volume_fields,
		.table = "{{.Driver}}\t{{.Name}}",
		.quiet = "{{.Name}}",
	};
	auto_err *err = NULL;
	auto_json *answer = NULL, *rows = json_array();
	auto_buf path = BUF_INIT;
	auto_free char *filters = filter_text(flag_list(a, "filter"));
	buf_adds(&path, "/volumes");
	url_add(&path, "filters", filters);
	if (api_call(&cli->api, "GET", path.data, NULL, &answer, &err) < 0)
		return cli_error(err);
	json_t *list = json_object_get(answer, "Volumes"), *v;
	size_t i, n = json_array_size(list);
	auto_free struct named *sorted = xcalloc(n + 1, sizeof(*sorted));
	json_array_foreach(list, i, v) sorted[i] = (struct named){text_of(v, "Name"), v};
	qsort(sorted, n, sizeof(*sorted), by_name);
	for (i = 0; i < n; i++)
		json_array_append_new(rows, volume_row(&f, sorted[i].volume));
	return format_print(&f, flag_str(a, "format"), flag_bool(a, "quiet"), rows);
}

static int cmd_volume_rm(struct cli *cli, const struct args *a)
{
	int rc = 0;
	for (int i = 0; i < a->nrest; i++) {
		auto_err *err = NULL;
		auto_buf path = BUF_INIT;
		buf_adds(&path, "/volumes");
		url_add_segment(&path, a->rest[i]);
		url_add(&path, "force", flag_bool(a, "force") ? "1" : NULL);
		if (api_call(&cli->api, "DELETE", path.data, NULL, NULL, &err) < 0) {
			rc = cli_error(err);
			continue;
		}
		printf("%s\n", a->rest[i]);
		fflush(stdout);
	}
	return rc;
}

const struct command command_volume_create = {
	.group = "volume",
	.name = "create",
	.args = "[VOLUME]",
	.summary = "Make a volume, if there is none of that name",
	.flags = create_flags,
	.max_args = 1,
	.run = cmd_volume_create,
};

const struct command command_volume_ls = {
	.group = "volume",
	.name = "ls",
	.aliases = "list",
	.args = "",
	.summary = "Show the volumes there are",
	.flags = ls_flags,
	.run = cmd_volume_ls,
};

const struct command command_volume_rm = {
	.group = "volume",
	.name = "rm",
	.aliases = "remove",
	.args = "VOLUME [VOLUME...]",
	.summary = "Delete volumes that no container uses",
	.flags = rm_flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.completes = "@volumes",
	.run = cmd_volume_rm,
};
