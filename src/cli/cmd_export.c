/* export and diff: a container's files, and which of them it changed. */
#include <stdio.h>

#include "container.h"
#include "download.h"

static const struct flag_spec export_flags[] = {
	{"output", 'o', FLAG_STRING, NULL, "File to write (unset: standard output)", NULL, NULL,
		false, "@files"},
	{NULL},
};

static int export_to(struct cli *cli, const struct args *a, struct err **err)
{
	const char *output = flag_str(a, "output");
	struct http conn;
	if (download_check(output, "export", err) < 0)
		return -1;
	auto_free char *path = container_path(a->rest[0], "export");
	if (api_open(&cli->api, &conn, "GET", path, NULL, false, err) < 0)
		return -1;
	int rc = download(&conn, output, err);
	http_close(&conn);
	return rc;
}

static int cmd_export(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	return export_to(cli, a, &err) < 0 ? cli_error(err) : 0;
}

static int cmd_diff(struct cli *cli, const struct args *a)
{
	static const char letters[] = "CAD"; /* the numbers of ContainerChanges */
	auto_err *err = NULL;
	auto_json *changes = NULL;
	auto_free char *path = container_path(a->rest[0], "changes");
	if (api_call(&cli->api, "GET", path, NULL, &changes, &err) < 0)
		return cli_error(err);
	size_t i;
	json_t *j;
	json_array_foreach(changes, i, j)
	{
		json_int_t kind = json_integer_value(json_object_get(j, "Kind"));
		const char *name = json_string_value(json_object_get(j, "Path"));
		if (name && kind >= 0 && kind < 3)
			printf("%c %s\n", letters[kind], name);
	}
	return 0;
}

const struct command command_export = {
	.group = "container",
	.name = "export",
	.top = "export",
	.args = "CONTAINER",
	.summary = "Write a container's root file system as a tar",
	.flags = export_flags,
	.min_args = 1,
	.max_args = 1,
	.completes = "@containers",
	.details = "What is mounted in the container, volumes too, is left out. A file appears "
		   "under its name "
		   "when all of it is there.",
	.run = cmd_export,
};

const struct command command_diff = {
	.group = "container",
	.name = "diff",
	.top = "diff",
	.args = "CONTAINER",
	.summary = "List what a container changed in its root file system",
	.min_args = 1,
	.max_args = 1,
	.completes = "@containers",
	.details = "A is for what was added, C for what was changed, D for what was deleted.",
	.run = cmd_diff,
};
