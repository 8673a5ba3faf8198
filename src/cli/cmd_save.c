/* save: images as an archive. */
#include <limits.h>

#include "download.h"

static const struct flag_spec flags[] = {
	{"format", 0, FLAG_STRING, "docker|oci",
		"oci: an OCI image layout with manifests and compressed layers as they came",
		"docker", NULL, false, "docker oci"},
	{"output", 'o', FLAG_STRING, NULL, "File to write (unset: standard output)", NULL, NULL,
		false, "@files"},
	{"platform", 0, FLAG_STRING, NULL,
		"Variant to save, OS[/ARCH[/VARIANT]], of an image that has several"},
	{NULL},
};

static int save(struct cli *cli, const struct args *a, struct err **err)
{
	const char *to = flag_str(a, "output");
	struct http conn;
	auto_buf path = BUF_INIT;
	if (download_check(to, "save", err) < 0)
		return -1;
	buf_adds(&path, "/images/get");
	for (int i = 0; i < a->nrest; i++)
		url_add(&path, "names", a->rest[i]);
	url_add(&path, "format", flag_str(a, "format"));
	url_add(&path, "platform", flag_str(a, "platform"));
	if (api_open(&cli->api, &conn, "GET", path.data, NULL, false, err) < 0)
		return -1;
	int r = download(&conn, to, err);
	http_close(&conn);
	return r;
}

static int cmd_save(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	if (save(cli, a, &err) < 0)
		return cli_error(err);
	return 0;
}

const struct command command_save = {
	.group = "image",
	.name = "save",
	.top = "save",
	.args = "IMAGE [IMAGE...]",
	.summary = "Write images to an archive",
	.flags = flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.completes = "@images",
	.details = "The archive is read by docker, podman, skopeo and all that reads OCI image "
		   "layouts. It holds "
		   "the names that were given: all tags of a repository without a tag, no name for "
		   "an ID. The same "
		   "images give the same bytes. With --format oci each name stands for the "
		   "manifest or index that it came with.",
	.run = cmd_save,
};
