/* images */
#include <stdio.h>

#include "base/timefmt.h"
#include "flag_common.h"
#include "format.h"
#include "rows.h"

static const struct flag_spec flags[] = {
	{"all", 'a', FLAG_BOOL, NULL, "Also those that are only steps of others"},
	{"digests", 0, FLAG_BOOL, NULL, "A column with digests"},
	FLAG_FILTER("Only those that fit, KEY=VALUE; all keys must, one value of each"),
	FLAG_FORMAT_LIST,
	{"no-trunc", 0, FLAG_BOOL, NULL, "Whole IDs and texts"},
	{"quiet", 'q', FLAG_BOOL, NULL, "IDs alone, one a line"},
	{NULL},
};

const struct format_field image_fields[] = {
	{"ID", "IMAGE ID"},
	{"Repository", "REPOSITORY"},
	{"Tag", "TAG"},
	{"Digest", "DIGEST"},
	{"CreatedSince", "CREATED"},
	{"CreatedAt", "CREATED AT"},
	{"Size", "SIZE"},
	{"Containers", "CONTAINERS"},
	{"VirtualSize", "VIRTUAL SIZE"},
	{"SharedSize", "SHARED SIZE"},
	{"UniqueSize", "UNIQUE SIZE"},
	{NULL},
};

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

/* What it shares with others is known only to who asked for it. */
static void put_sizes(json_t *row, const json_t *image, double size)
{
	char shared[32] = "N/A", unique[32] = "N/A";
	const json_t *j = json_object_get(image, "SharedSize");
	double n = (double)json_integer_value(j);
	if (json_is_integer(j) && n >= 0) {
		format_size(n, shared, sizeof(shared));
		format_size(size - n, unique, sizeof(unique));
	}
	json_put_str(row, "SharedSize", shared);
	json_put_str(row, "UniqueSize", unique);
}

static void add_row(struct image_rows *l, const json_t *image, const char *repository,
	const char *tag, const char *digest)
{
	json_t *row = format_row(l->f);
	char text[64], id[13];
	int64_t created = json_integer_value(json_object_get(image, "Created")) * TIME_NS_PER_SEC;
	double size = (double)json_integer_value(json_object_get(image, "Size"));
	json_int_t containers = json_integer_value(json_object_get(image, "Containers"));
	json_put_str(row, "ID",
		l->trunc ? format_short_id(text_of(image, "Id"), id) : text_of(image, "Id"));
	json_put_str(row, "Repository", repository);
	json_put_str(row, "Tag", tag);
	json_put_str(row, "Digest", digest);
	json_put_str(
		row, "CreatedSince", created ? format_ago(created, text, sizeof(text)) : "N/A");
	json_put_str(row, "CreatedAt", format_time(created, false, text, sizeof(text)));
	json_put_str(row, "Size", str_human_size(size, text, sizeof(text)));
	snprintf(text, sizeof(text), "%lld", (long long)containers);
	json_put_str(row, "Containers", containers < 0 ? "N/A" : text);
	json_put_str(row, "VirtualSize", format_size(size, text, sizeof(text)));
	put_sizes(row, image, size);
	json_array_append_new(l->rows, row);
}

/* "name:tag" and "name@digest" split at their last separator; both parts point into @copy. */
static const char *split(char *copy, char at)
{
	char *p = strrchr(copy, at);
	if (!p)
		return "<none>";
	*p = 0;
	return p + 1;
}

/* One row per tag, with --digests one per tag and digest of the same repository. */
static size_t add_tag(struct image_rows *l, const json_t *image, const char *reference)
{
	auto_free char *repository = xstrdup(reference);
	const char *tag = split(repository, ':');
	size_t i, shown = 0;
	json_t *v;
	json_array_foreach(json_object_get(image, "RepoDigests"), i, v)
	{
		auto_free char *name = xstrdup(json_is_string(v) ? json_string_value(v) : "");
		const char *digest = split(name, '@');
		if (l->digests && str_eq(name, repository)) {
			add_row(l, image, repository, tag, digest);
			shown++;
		}
	}
	if (!shown)
		add_row(l, image, repository, tag, "<none>");
	return 1;
}

/* True if some tag of the image is in @repository. */
static bool has_tag_in(const json_t *image, const char *repository)
{
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(image, "RepoTags"), i, v)
	{
		auto_free char *name = xstrdup(json_is_string(v) ? json_string_value(v) : "");
		split(name, ':');
		if (str_eq(name, repository))
			return true;
	}
	return false;
}

void image_rows_add(struct image_rows *l, const json_t *image)
{
	size_t i, rows = 0;
	json_t *v;
	json_array_foreach(json_object_get(image, "RepoTags"), i, v)
	{
		if (!json_is_string(v) || str_eq(json_string_value(v), "<none>:<none>"))
			continue;
		rows += add_tag(l, image, json_string_value(v));
	}
	json_array_foreach(json_object_get(image, "RepoDigests"), i, v)
	{
		auto_free char *name = xstrdup(json_is_string(v) ? json_string_value(v) : "");
		const char *digest = split(name, '@');
		if (str_eq(name, "<none>") || has_tag_in(image, name))
			continue;
		add_row(l, image, name, "<none>", l->digests ? digest : "");
		rows++;
	}
	if (!rows)
		add_row(l, image, "<none>", "<none>", "<none>");
}

static char *list_path(const struct args *a)
{
	struct buf b = BUF_INIT;
	auto_strv filters = strv_copy(flag_list(a, "filter"));
	if (a->nrest)
		strv_take(&filters, xasprintf("reference=%s", a->rest[0]));
	auto_free char *text = filter_text(filters);
	buf_adds(&b, "/images/json");
	url_add(&b, "all", flag_bool(a, "all") ? "1" : NULL);
	url_add(&b, "filters", text);
	const char *format = flag_str(a, "format");
	bool sizes = format && (strstr(format, "SharedSize") || strstr(format, "UniqueSize"));
	url_add(&b, "shared-size", sizes ? "1" : NULL);
	return buf_steal(&b);
}

static int cmd_images(struct cli *cli, const struct args *a)
{
	const char *format = flag_str(a, "format");
	bool digests = flag_bool(a, "digests") || (format && strstr(format, ".Digest"));
	const struct format f = {
		.row_type = "*formatter.imageContext",
		.fields = image_fields,
		.table = flag_bool(a, "digests") ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}"
						   "\t{{.CreatedSince}}\t{{.Size}}"
						 : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{."
						   "CreatedSince}}\t{{.Size}}",
		.quiet = "{{.ID}}",
	};
	auto_err *err = NULL;
	auto_json *images = NULL, *rows = json_array();
	auto_free char *path = list_path(a);
	if (api_call(&cli->api, "GET", path, NULL, &images, &err) < 0)
		return cli_error(err);
	struct image_rows l = {&f, rows, !flag_bool(a, "no-trunc"), digests};
	size_t i;
	json_t *image;
	json_array_foreach(images, i, image) image_rows_add(&l, image);
	return format_print(&f, format, flag_bool(a, "quiet"), rows);
}

const struct command command_images = {
	.group = "image",
	.name = "ls",
	.aliases = "list",
	.top = "images",
	.args = "[REPOSITORY[:TAG]]",
	.summary = "Show the images there are",
	.flags = flags,
	.max_args = 1,
	.common = true,
	.completes = "@images",
	.run = cmd_images,
};
