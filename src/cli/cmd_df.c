/* system df */
#include <stdio.h>

#include "flag_common.h"
#include "format.h"
#include "rows.h"

static const struct flag_spec flags[] = {
	FLAG_FORMAT_LIST,
	{"verbose", 'v', FLAG_BOOL, NULL, "Each image, container and volume, and the data root"},
	{NULL},
};

static const struct format_field fields[] = {
	{"Type", "TYPE"},
	{"TotalCount", "TOTAL"},
	{"Active", "ACTIVE"},
	{"Size", "SIZE"},
	{"Reclaimable", "RECLAIMABLE"},
	{NULL},
};

static const struct format_field part_fields[] = {
	{"Name", "WHAT"},
	{"Files", "FILES"},
	{"Size", "SIZE"},
	{"Disk", "ON DISK"},
	{NULL},
};

static json_int_t number(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

/* A sparse file may claim any length. */
static void add(json_int_t *to, json_int_t n)
{
	if (__builtin_add_overflow(*to, n, to))
		*to = INT64_MAX;
}

/* ---- the summary ---- */

/* One kind of thing: how many, how many in use, bytes, and bytes that a prune would free. */
struct kind {
	const char *name;
	size_t total, active;
	json_int_t size, reclaimable;
	bool percent;
};

static json_t *kind_row(const struct format *f, const struct kind *k)
{
	json_t *row = format_row(f);
	char text[64];
	json_put_str(row, "Type", k->name);
	snprintf(text, sizeof(text), "%zu", k->total);
	json_put_str(row, "TotalCount", text);
	snprintf(text, sizeof(text), "%zu", k->active);
	json_put_str(row, "Active", text);
	json_put_str(row, "Size", format_size((double)k->size, text, sizeof(text)));
	format_size((double)k->reclaimable, text, sizeof(text));
	size_t n = strlen(text);
	if (k->percent && k->size > 0)
		snprintf(text + n, sizeof(text) - n, " (%lld%%)",
			(long long)((double)k->reclaimable * 100 / (double)k->size));
	json_put_str(row, "Reclaimable", text);
	return row;
}

/* As docker counts: what images in use have alone is kept. */
static struct kind images_kind(const json_t *df)
{
	struct kind k = {.name = "Images", .size = number(df, "LayersSize"), .percent = true};
	json_int_t used = 0;
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(df, "Images"), i, v)
	{
		json_int_t shared = number(v, "SharedSize"), size = number(v, "Size");
		k.total++;
		k.active += number(v, "Containers") > 0;
		if (number(v, "Containers") != 0 && size >= 0 && shared >= 0)
			add(&used, size - shared);
	}
	k.reclaimable = k.size - used;
	return k;
}

static bool runs(const json_t *container)
{
	static const char *const states[] = {"running", "paused", "restarting"};
	const char *state = json_string_value(json_object_get(container, "State"));
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq(state, states[i]))
			return true;
	return false;
}

static struct kind containers_kind(const json_t *df)
{
	struct kind k = {.name = "Containers", .percent = true};
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(df, "Containers"), i, v)
	{
		k.total++;
		k.active += runs(v);
		add(&k.size, number(v, "SizeRw"));
		add(&k.reclaimable, runs(v) ? 0 : number(v, "SizeRw"));
	}
	return k;
}

static struct kind volumes_kind(const json_t *df)
{
	struct kind k = {.name = "Local Volumes", .percent = true};
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(df, "Volumes"), i, v)
	{
		const json_t *usage = json_object_get(v, "UsageData");
		json_int_t size = number(usage, "Size");
		k.total++;
		k.active += number(usage, "RefCount") > 0;
		if (size < 0)
			continue;
		add(&k.size, size);
		add(&k.reclaimable, number(usage, "RefCount") > 0 ? 0 : size);
	}
	return k;
}

static struct kind cache_kind(const json_t *df)
{
	struct kind k = {.name = "Build Cache"};
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(df, "BuildCache"), i, v)
	{
		bool used = json_is_true(json_object_get(v, "InUse"));
		k.total++;
		k.active += used;
		add(&k.size, number(v, "Size"));
		if (!used || json_is_true(json_object_get(v, "Shared")))
			add(&k.reclaimable, number(v, "Size"));
	}
	return k;
}

static int print_summary(const json_t *df, const char *format)
{
	const struct format f = {
		.row_type = "*formatter.diskUsageContext",
		.fields = fields,
		.table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
	};
	const struct kind kinds[] = {
		images_kind(df), containers_kind(df), volumes_kind(df), cache_kind(df)};
	auto_json *rows = json_array();
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		json_array_append_new(rows, kind_row(&f, &kinds[i]));
	return format_print(&f, format, false, rows);
}

/* ---- verbose ---- */

static int add_image(struct image_rows *l, const json_t *image, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_image_entry entry = {0};
	json_write(image, &text);
	struct jsonr r = jsonr_from(text.data, text.len);
	image_entry_read(&entry, &r);
	if (jsonr_end(&r, API_ANSWER, err) < 0)
		return -1;
	return image_rows_add(l, &entry, err);
}

static int print_images(const json_t *df)
{
	const struct format f = {
		.row_type = "*formatter.imageContext",
		.fields = image_fields,
		.table = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t"
			 "{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
	};
	auto_err *err = NULL;
	auto_format_out *out = format_open(&f, NULL, false, &err);
	if (!out)
		return cli_error(err);
	struct image_rows l = {.f = &f, .out = out, .trunc = true};
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(df, "Images"), i,
		v) if (add_image(&l, v, &err) < 0) return cli_error(err);
	printf("Images space usage:\n\n");
	fflush(stdout);
	return format_write(out);
}

static int print_containers(const json_t *df)
{
	const struct format f = {
		.row_type = "*formatter.ContainerContext",
		.fields = container_fields,
		.table = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t"
			 "{{.RunningFor}}\t{{.Status}}\t{{.Names}}",
	};
	auto_json *rows = json_array();
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(df, "Containers"), i, v)
	{
		json_object_del(v, "SizeRootFs"); /* docker shows what it wrote alone */
		json_array_append_new(rows, container_row(&f, NULL, v, true));
	}
	printf("\nContainers space usage:\n\n");
	fflush(stdout);
	return format_print(&f, NULL, false, rows);
}

static int print_volumes(const json_t *df)
{
	const struct format f = {
		.row_type = "*formatter.volumeContext",
		.fields = volume_fields,
		.table = "{{.Name}}\t{{.Links}}\t{{.Size}}",
	};
	auto_json *rows = json_array();
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(df, "Volumes"), i, v)
		json_array_append_new(rows, volume_row(&f, v));
	printf("\nLocal Volumes space usage:\n\n");
	fflush(stdout);
	return format_print(&f, NULL, false, rows);
}

static json_t *part_row(const struct format *f, const char *name, json_int_t files, json_int_t size,
	json_int_t disk)
{
	json_t *row = format_row(f);
	char text[32];
	json_put_str(row, "Name", name);
	snprintf(text, sizeof(text), "%lld", (long long)files);
	json_put_str(row, "Files", text);
	json_put_str(row, "Size", format_size((double)size, text, sizeof(text)));
	json_put_str(row, "Disk", format_size((double)disk, text, sizeof(text)));
	return row;
}

/* What docker does not tell: where every byte of the data root is. */
static int print_root(struct cli *cli)
{
	const struct format f = {
		.row_type = "kist.diskContext",
		.fields = part_fields,
		.table = "{{.Name}}\t{{.Files}}\t{{.Size}}\t{{.Disk}}",
	};
	auto_json *disk = NULL, *rows = json_array();
	json_int_t files = 0, size = 0, total = 0;
	size_t i;
	json_t *v;
	if (api_call(&cli->api, "GET", "/kist/disk", NULL, &disk, NULL) < 0)
		return 0; /* another engine's daemon */
	json_array_foreach(json_object_get(disk, "Parts"), i, v)
	{
		const char *name = json_string_value(json_object_get(v, "Name"));
		json_array_append_new(rows, part_row(&f, name ? name : "", number(v, "Files"),
						    number(v, "Size"), number(v, "Disk")));
		add(&files, number(v, "Files"));
		add(&size, number(v, "Size"));
		add(&total, number(v, "Disk"));
	}
	json_array_append_new(rows, part_row(&f, "total", files, size, total));
	const char *root = json_string_value(json_object_get(disk, "DataRoot"));
	printf("\nData root %s:\n\n", root ? root : "");
	fflush(stdout);
	return format_print(&f, NULL, false, rows);
}

static int print_verbose(struct cli *cli, const json_t *df)
{
	struct kind cache = cache_kind(df);
	char text[32];
	if (print_images(df) || print_containers(df) || print_volumes(df))
		return 1;
	printf("\nBuild cache usage: %s\n\n", format_size((double)cache.size, text, sizeof(text)));
	printf("CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n");
	fflush(stdout);
	return print_root(cli);
}

static int cmd_df(struct cli *cli, const struct args *a)
{
	const char *format = flag_str(a, "format");
	auto_err *err = NULL;
	auto_json *df = NULL;
	if (api_call(&cli->api, "GET", "/system/df", NULL, &df, &err) < 0)
		return cli_error(err);
	if (!flag_bool(a, "verbose"))
		return print_summary(df, format);
	if (str_empty(format) || str_eq(format, "table"))
		return print_verbose(cli, df);
	if (format_raw(format, df, &err) < 0)
		return cli_error(err);
	return 0;
}

const struct command command_system_df = {
	.group = "system",
	.name = "df",
	.args = "",
	.summary = "Show what takes up space, and what of it could be freed",
	.flags = flags,
	.run = cmd_df,
};
