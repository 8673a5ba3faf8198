/* load and import: archives on their way to the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "progress.h"

static const struct flag_spec load_flags[] = {
	{"input", 'i', FLAG_STRING, NULL, "File to read (unset: standard input)", NULL, NULL, false,
		"@files"},
	{"platform", 0, FLAG_STRING, NULL, "Variant to take, OS[/ARCH[/VARIANT]], and no other"},
	{"quiet", 'q', FLAG_BOOL, NULL, "No progress, only the result"},
	{NULL},
};

static const struct flag_spec import_flags[] = {
	{"change", 'c', FLAG_LIST, NULL, "Instruction as in a Dockerfile, such as 'CMD [\"sh\"]'"},
	{"message", 'm', FLAG_STRING, NULL, "Comment for the history"},
	{"platform", 0, FLAG_STRING, NULL,
		"Platform the image is for, OS[/ARCH[/VARIANT]] (unset: the daemon's)"},
	{NULL},
};

static int open_archive(const char *path, struct err **err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err_set(err, ERR_INVALID, "open %s: %s", path,
			errno == ENOENT ? "no such file or directory" : err_text(errno));
	return fd;
}

static int send_archive(
	struct cli *cli, const char *path, const char *type, int fd, FILE *out, struct err **err)
{
	struct http conn;
	if (api_upload(&cli->api, &conn, path, type, fd, err) < 0)
		return -1;
	int rc = progress_print(&conn, out, err);
	http_close(&conn);
	return rc;
}

static int load(struct cli *cli, const struct args *a, struct err **err)
{
	const char *input = flag_str(a, "input");
	auto_buf path = BUF_INIT;
	auto_fd int opened = -1;
	if (!str_empty(input)) {
		opened = open_archive(input, err);
		if (opened < 0)
			return -1;
	} else if (isatty(STDIN_FILENO)) {
		return err_set(err, ERR_INVALID, "requested load from stdin, but stdin is empty");
	}
	buf_adds(&path, "/images/load");
	/* progress bars need a terminal; without one the daemon only names what it loaded */
	bool quiet = flag_bool(a, "quiet") || !isatty(STDOUT_FILENO);
	url_add(&path, "quiet", quiet ? "1" : "0");
	url_add(&path, "platform", flag_str(a, "platform"));
	return send_archive(cli, path.data, "application/x-tar",
		opened >= 0 ? opened : STDIN_FILENO, stdout, err);
}

static int cmd_load(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	if (load(cli, a, &err) < 0)
		return cli_error(err);
	return 0;
}

static int import(struct cli *cli, const struct args *a, struct err **err)
{
	const char *source = a->rest[0];
	auto_buf path = BUF_INIT;
	auto_fd int opened = -1;
	char *const *changes = flag_list(a, "change");
	bool url = str_starts(source, "http://") || str_starts(source, "https://");
	bool std = str_eq(source, "-");
	if (!url && !std) {
		opened = open_archive(source, err);
		if (opened < 0)
			return -1;
	}
	buf_adds(&path, "/images/create");
	url_add(&path, "fromSrc", url ? source : "-");
	if (a->nrest > 1)
		url_add_reference(&path, a->rest[1]);
	url_add(&path, "message", flag_str(a, "message"));
	url_add(&path, "platform", flag_str(a, "platform"));
	for (size_t i = 0; changes && changes[i]; i++)
		url_add(&path, "changes", changes[i]);
	return send_archive(cli, path.data, "text/plain",
		opened >= 0 ? opened
		: std	    ? STDIN_FILENO
			    : -1,
		stdout, err);
}

static int cmd_import(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	if (import(cli, a, &err) < 0)
		return cli_error(err);
	return 0;
}

const struct command command_load = {
	.group = "image",
	.name = "load",
	.top = "load",
	.args = "",
	.summary = "Add the images of an archive, docker's or OCI's",
	.flags = load_flags,
	.run = cmd_load,
};

const struct command command_import = {
	.group = "image",
	.name = "import",
	.top = "import",
	.args = "file|URL|- [REPOSITORY[:TAG]]",
	.summary = "Make an image of one layer out of a tar file",
	.flags = import_flags,
	.min_args = 1,
	.max_args = 2,
	.completes = "@files",
	.run = cmd_import,
};
