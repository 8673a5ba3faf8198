/* images */
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "flag_common.h"
#include "format.h"
#include "images_tree.h"
#include "rows.h"
#include "terminal.h"

static const struct flag_spec flags[] = {
	{"all", 'a', FLAG_BOOL, NULL, "Also those that are only steps of others"},
	{"digests", 0, FLAG_BOOL, NULL, "A column with digests"},
	FLAG_FILTER("Only those that fit, KEY=VALUE; all keys must, one value of each"),
	FLAG_FORMAT_LIST,
	{"no-trunc", 0, FLAG_BOOL, NULL, "Whole IDs and texts"},
	{"quiet", 'q', FLAG_BOOL, NULL, "IDs alone, one a line"},
	{"tree", 0, FLAG_BOOL, NULL, "The platforms that each has, as a tree"},
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

void image_entry_free(struct image_entry *i)
{
	buf_free(&i->id);
	strv_free(i->tags);
	strv_free(i->digests);
	*i = (struct image_entry){0};
}

static void clear(struct image_entry *i)
{
	i->id.len = 0;
	strv_freep(&i->tags);
	strv_freep(&i->digests);
	i->created = i->size = 0;
	i->shared = i->containers = -1;
}

static bool read_names(struct jsonr *r, struct buf *scratch, char ***out)
{
	if (jsonr_peek(r) == 'n')
		return jsonr_skip(r);
	jsonr_enter(r, '[');
	while (jsonr_more(r, ']'))
		if (jsonr_str(r, scratch))
			strv_add(out, buf_str(scratch));
	return !r->bad;
}

bool image_entry_read(struct image_entry *i, struct jsonr *r)
{
	auto_buf key = BUF_INIT, name = BUF_INIT;
	clear(i);
	jsonr_enter(r, '{');
	while (jsonr_key(r, &key)) {
		const char *k = buf_str(&key);
		if (str_eq(k, "Id"))
			jsonr_str(r, &i->id);
		else if (str_eq(k, "RepoTags"))
			read_names(r, &name, &i->tags);
		else if (str_eq(k, "RepoDigests"))
			read_names(r, &name, &i->digests);
		else if (str_eq(k, "Created"))
			jsonr_i64(r, &i->created);
		else if (str_eq(k, "Size"))
			jsonr_i64(r, &i->size);
		else if (str_eq(k, "SharedSize"))
			jsonr_i64(r, &i->shared);
		else if (str_eq(k, "Containers"))
			jsonr_i64(r, &i->containers);
		else
			jsonr_skip(r);
	}
	return !r->bad;
}

/* ---- a row ---- */

static void put(const struct image_rows *l, json_t *row, const char *field, const char *value)
{
	if (format_wants(l->out, field))
		json_put_str(row, field, value);
}

static void put_size(const struct image_rows *l, json_t *row, const char *field, int64_t size)
{
	char text[32];
	if (format_wants(l->out, field))
		json_put_str(row, field, format_size((double)size, text, sizeof(text)));
}

/* What it shares with others is known only to who asked for it. */
static void put_shared(const struct image_rows *l, json_t *row, const struct image_entry *image)
{
	if (image->shared < 0) {
		put(l, row, "SharedSize", "N/A");
		put(l, row, "UniqueSize", "N/A");
		return;
	}
	put_size(l, row, "SharedSize", image->shared);
	put_size(l, row, "UniqueSize", image->size - image->shared);
}

static int add_row(struct image_rows *l, const struct image_entry *image, const char *repository,
	const char *tag, const char *digest, struct err **err)
{
	json_t *row = format_row(l->f);
	char text[64], id[13];
	const char *whole = image->id.data ? image->id.data : "";
	int64_t created;
	if (__builtin_mul_overflow(image->created, TIME_NS_PER_SEC, &created))
		created = 0;
	put(l, row, "ID", l->trunc ? format_short_id(whole, id) : whole);
	put(l, row, "Repository", repository);
	put(l, row, "Tag", tag);
	put(l, row, "Digest", digest);
	if (format_wants(l->out, "CreatedSince"))
		json_put_str(row, "CreatedSince",
			created ? format_ago(created, text, sizeof(text)) : "N/A");
	if (format_wants(l->out, "CreatedAt"))
		json_put_str(row, "CreatedAt", format_time(created, false, text, sizeof(text)));
	put(l, row, "Size", str_human_size((double)image->size, text, sizeof(text)));
	snprintf(text, sizeof(text), "%lld", (long long)image->containers);
	put(l, row, "Containers", image->containers < 0 ? "N/A" : text);
	put_size(l, row, "VirtualSize", image->size);
	put_shared(l, row, image);
	return format_add(l->out, row, err);
}

/* ---- a row for each name ---- */

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
static int add_tag(struct image_rows *l, const struct image_entry *image, const char *reference,
	struct err **err)
{
	auto_free char *repository = xstrdup(reference);
	const char *tag = split(repository, ':');
	bool shown = false;
	for (size_t i = 0; l->digests && image->digests && image->digests[i]; i++) {
		auto_free char *name = xstrdup(image->digests[i]);
		const char *digest = split(name, '@');
		if (!str_eq(name, repository))
			continue;
		if (add_row(l, image, repository, tag, digest, err) < 0)
			return -1;
		shown = true;
	}
	return shown ? 0 : add_row(l, image, repository, tag, "<none>", err);
}

/* True if some tag of the image is in @repository. */
static bool has_tag_in(const struct image_entry *image, const char *repository)
{
	for (size_t i = 0; image->tags && image->tags[i]; i++) {
		auto_free char *name = xstrdup(image->tags[i]);
		split(name, ':');
		if (str_eq(name, repository))
			return true;
	}
	return false;
}

/* Do all of the first @n digests belong to other repositories? */
static bool is_first_of(const struct image_entry *image, size_t n, const char *repository)
{
	size_t len = strlen(repository);
	for (size_t i = 0; i < n; i++)
		if (!strncmp(image->digests[i], repository, len) && image->digests[i][len] == '@')
			return false;
	return true;
}

int image_rows_add(struct image_rows *l, const struct image_entry *image, struct err **err)
{
	size_t rows = 0;
	for (size_t i = 0; image->tags && image->tags[i]; i++) {
		if (str_eq(image->tags[i], "<none>:<none>"))
			continue;
		if (add_tag(l, image, image->tags[i], err) < 0)
			return -1;
		rows++;
	}
	for (size_t i = 0; image->digests && image->digests[i]; i++) {
		auto_free char *name = xstrdup(image->digests[i]);
		const char *digest = split(name, '@');
		if (str_eq(name, "<none>") || has_tag_in(image, name) ||
			(!l->digests && !is_first_of(image, i, name)))
			continue;
		if (add_row(l, image, name, "<none>", l->digests ? digest : "", err) < 0)
			return -1;
		rows++;
	}
	return rows ? 0 : add_row(l, image, "<none>", "<none>", "<none>", err);
}

/* ---- the command ---- */

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
	url_add(&b, "manifests", flag_bool(a, "tree") ? "1" : NULL);
	return buf_steal(&b);
}

/* Image by image: as a tree, 2,000 of them take longer to build and to free than to print. */
static int add_all(struct image_rows *l, const struct buf *answer, struct err **err)
{
	auto_image_entry image = {0};
	struct jsonr r = jsonr_from(answer->data, answer->len);
	jsonr_enter(&r, '[');
	while (jsonr_more(&r, ']'))
		if (image_entry_read(&image, &r) && image_rows_add(l, &image, err) < 0)
			return -1;
	return jsonr_end(&r, API_ANSWER, err);
}

/* A table of one's own gets the column of --digests as well; NULL where there is nothing to add. */
static char *with_digests(const char *format, bool digests)
{
	const char *columns = format && digests ? str_after(format, "table") : NULL;
	if (str_empty(columns) || strstr(columns, "{{.Digest}}"))
		return NULL;
	return xasprintf("%s\t{{.Digest}}", format);
}

/* What a tree has no place for, in docker's words. */
static int check_tree(const struct args *a, struct err **err)
{
	static const char *const others[] = {"quiet", "no-trunc", "digests"};
	const char *wrong = flag_str(a, "format") ? "format" : NULL;
	for (size_t i = ARRAY_LEN(others); i-- > 0;)
		if (flag_bool(a, others[i]))
			wrong = others[i];
	if (!wrong)
		return 0;
	return err_set(err, ERR_INVALID, "--%s is not yet supported with --tree",
		str_eq(wrong, "digests") ? "show-digest" : wrong);
}

static int draw_tree(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_buf out = BUF_INIT;
	auto_json *images = NULL;
	auto_free char *path = list_path(a);
	unsigned rows, columns = 0;
	if (check_tree(a, &err) < 0 || api_call(&cli->api, "GET", path, NULL, &images, &err) < 0)
		return cli_error(err);
	terminal_size(&rows, &columns);
	images_tree_draw(images, columns, &out);
	return fd_write_all(STDOUT_FILENO, out.data, out.len) < 0;
}

static int cmd_images(struct cli *cli, const struct args *a)
{
	if (flag_bool(a, "tree"))
		return draw_tree(cli, a);
	auto_free char *wider = with_digests(flag_str(a, "format"), flag_bool(a, "digests"));
	const char *format = wider ? wider : flag_str(a, "format");
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
	auto_buf answer = BUF_INIT;
	auto_free char *path = list_path(a);
	if (api_text(&cli->api, path, &answer, &err) < 0)
		return cli_error(err);
	auto_format_out *out = format_open(&f, format, flag_bool(a, "quiet"), &err);
	if (!out)
		return cli_error(err);
	struct image_rows l = {&f, out, !flag_bool(a, "no-trunc"), digests};
	return add_all(&l, &answer, &err) < 0 ? cli_error(err) : format_write(out);
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
