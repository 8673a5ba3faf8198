/* inspect, and inspect of containers, images, volumes and networks. */
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "container.h"
#include "flag_common.h"
#include "format.h"
#include "platform.h"
#include "indent.h"
#include "template.h"

static const struct flag_spec flags[] = {
	FLAG_FORMAT_RAW,
	{"size", 's', FLAG_BOOL, NULL, "Containers with the bytes they wrote, and hold in all"},
	{"type", 0, FLAG_STRING, NULL,
		"Look among these alone: container, image, network or volume", NULL, NULL, false,
		"container image network volume"},
	{NULL},
};

static const struct flag_spec container_flags[] = {
	FLAG_FORMAT_RAW,
	{"size", 's', FLAG_BOOL, NULL, "Bytes each has written, and holds with its image"},
	{NULL},
};

static const struct flag_spec image_flags[] = {
	FLAG_FORMAT_RAW,
	{"platform", 0, FLAG_STRING, NULL,
		"Variant to show, OS[/ARCH[/VARIANT]], of an image that has several", NULL,
		check_platform},
	{NULL},
};

static const struct flag_spec volume_flags[] = {FLAG_FORMAT_RAW, {NULL}};

static const struct flag_spec network_flags[] = {
	FLAG_FORMAT_RAW,
	{"verbose", 'v', FLAG_BOOL, NULL, "Details for swarm networks too"},
	{NULL},
};

static const struct {
	const char *type, *prefix, *suffix;
} kinds[] = {
	{"container", "/containers", "/json"},
	{"image", "/images", "/json"},
	{"network", "/networks", ""},
	{"volume", "/volumes", ""},
};

struct inspection {
	struct cli *cli;
	const char *type; /* NULL: any, in the order of the table */
	const char *query;
};

/* The raw JSON of one object of one kind. */
static int get(const struct inspection *in, size_t kind, const char *name, struct buf *out,
	struct err **err)
{
	auto_buf path = BUF_INIT;
	struct http conn;
	buf_adds(&path, kinds[kind].prefix);
	url_add_segment(&path, name);
	buf_addf(&path, "%s%s", kinds[kind].suffix, in->query);
	if (api_open(&in->cli->api, &conn, "GET", path.data, NULL, false, err) < 0)
		return -1;
	int rc = http_read_all(&conn, API_MAX_ANSWER, out, err);
	http_close(&conn);
	while (out->len && out->data[out->len - 1] == '\n')
		out->data[--out->len] = 0;
	return rc;
}

static int find(const struct inspection *in, const char *name, struct buf *out, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		auto_err *cause = NULL;
		if (in->type && !str_eq(in->type, kinds[i].type))
			continue;
		out->len = 0;
		if (get(in, i, name, out, &cause) == 0)
			return 0;
		if (in->type || cause->kind != ERR_NOT_FOUND)
			return err_move(err, &cause);
	}
	return err_set(err, ERR_NOT_FOUND, "Error: No such object: %s", name);
}

/* Objects that were found, and what was not. */
struct findings {
	char **documents, **failures;
};

static void find_all(const struct inspection *in, const struct args *a, struct findings *f)
{
	for (int i = 0; i < a->nrest; i++) {
		auto_err *err = NULL;
		auto_buf json = BUF_INIT;
		auto_json *check = NULL;
		if (find(in, a->rest[i], &json, &err) == 0)
			check = json_parse(buf_str(&json), json.len, a->rest[i], &err);
		if (check)
			strv_add(&f->documents, json.data);
		else
			strv_add(&f->failures, err_msg(err));
	}
}

static int print_list(const struct findings *f, bool compact)
{
	auto_buf out = BUF_INIT, list = BUF_INIT;
	auto_free char *joined = strv_join(f->documents, ",");
	buf_addf(&list, "[%s]", joined);
	if (compact)
		buf_add(&out, list.data, list.len);
	else
		json_indent(list.data, list.len, 0, &out);
	buf_addc(&out, '\n');
	return fd_write_all(STDOUT_FILENO, out.data, out.len) < 0;
}

static int print_template(const struct findings *f, const char *format)
{
	for (size_t i = 0; f->documents && f->documents[i]; i++) {
		auto_err *err = NULL;
		auto_json *j = json_parse(f->documents[i], strlen(f->documents[i]), "object", &err);
		if (!j || format_raw(format, j, &err) < 0) {
			err_wrap(&err, "template parsing error");
			return cli_error(err);
		}
	}
	return 0;
}

static int inspect(struct cli *cli, const struct args *a, const char *type, const char *query)
{
	const char *format = flag_str(a, "format");
	const struct inspection in = {cli, type, query};
	struct findings f = {0};
	auto_err *err = NULL;
	bool templated = !str_empty(format) && !str_eq(format, "json");
	if (templated) {
		auto_template *t = template_parse(format, &err);
		if (!t) {
			err_wrap(&err, "template parsing error");
			cli_error(err);
			return EXIT_TEMPLATE;
		}
	}
	find_all(&in, a, &f);
	int rc = templated ? print_template(&f, format) : print_list(&f, !str_empty(format));
	for (size_t i = 0; f.failures && f.failures[i]; i++) {
		fprintf(stderr, "%s\n", f.failures[i]);
		rc = 1;
	}
	strv_free(f.documents);
	strv_free(f.failures);
	return rc;
}

static int cmd_inspect(struct cli *cli, const struct args *a)
{
	const char *type = flag_str(a, "type");
	bool known = str_empty(type);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		known = known || str_eq(type, kinds[i].type);
	if (!known) {
		fprintf(stderr,
			"unknown type: \"%s\": must be one of \"container\", \"image\", "
			"\"network\", "
			"\"volume\"\n",
			type);
		return 1;
	}
	return inspect(
		cli, a, str_empty(type) ? NULL : type, flag_bool(a, "size") ? "?size=1" : "");
}

static int cmd_inspect_container(struct cli *cli, const struct args *a)
{
	return inspect(cli, a, "container", flag_bool(a, "size") ? "?size=1" : "");
}

static int cmd_inspect_image(struct cli *cli, const struct args *a)
{
	auto_buf query = BUF_INIT;
	url_add_platform(&query, "platform", flag_str(a, "platform"));
	return inspect(cli, a, "image", buf_str(&query));
}

static int cmd_inspect_volume(struct cli *cli, const struct args *a)
{
	return inspect(cli, a, "volume", "");
}

static int cmd_inspect_network(struct cli *cli, const struct args *a)
{
	return inspect(cli, a, "network", flag_bool(a, "verbose") ? "?verbose=true" : "");
}

const struct command command_inspect = {
	.name = "inspect",
	.args = "NAME|ID [NAME|ID...]",
	.summary = "Show all about containers, images, networks, volumes as JSON",
	.flags = flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.completes = "@containers",
	.run = cmd_inspect,
};

#define INSPECT(kind, word, text, what)                                                            \
	const struct command command_inspect_##kind = {                                            \
		.group = #kind,                                                                    \
		.name = "inspect",                                                                 \
		.args = word " [" word "...]",                                                     \
		.summary = text,                                                                   \
		.flags = kind##_flags,                                                             \
		.min_args = 1,                                                                     \
		.max_args = INT_MAX,                                                               \
		.completes = what,                                                                 \
		.run = cmd_inspect_##kind,                                                         \
	}

INSPECT(container, "CONTAINER", "Show everything about containers, as JSON", "@containers");
INSPECT(image, "IMAGE", "Show everything about images, as JSON", "@images");
INSPECT(volume, "VOLUME", "Show everything about volumes, as JSON", "@volumes");
INSPECT(network, "NETWORK", "Show everything about networks, as JSON", "@networks");
