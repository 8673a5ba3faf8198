/* save: images as an archive. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fdio.h"
#include "cli.h"

#define CHUNK 262144

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

static int copy(struct http *conn, int out, struct err **err)
{
	auto_free char *chunk = xmalloc(CHUNK);
	for (;;) {
		ssize_t n = http_read(conn, chunk, CHUNK, err);
		if (n <= 0)
			return (int)n;
		if (fd_write_all(out, chunk, (size_t)n) < 0)
			return err_sys(err, errno, "write the archive");
	}
}

static int fetch(struct cli *cli, const struct args *a, int out, struct err **err)
{
	struct http conn;
	auto_buf path = BUF_INIT;
	buf_adds(&path, "/images/get");
	for (int i = 0; i < a->nrest; i++)
		url_add(&path, "names", a->rest[i]);
	url_add(&path, "format", flag_str(a, "format"));
	url_add(&path, "platform", flag_str(a, "platform"));
	if (api_open(&cli->api, &conn, "GET", path.data, NULL, false, err) < 0)
		return -1;
	int r = copy(&conn, out, err);
	http_close(&conn);
	return r;
}

/* What is not a file yet, or is one, is replaced at the end, so that a failure leaves no half archive. */
static int save_to_file(struct cli *cli, const struct args *a, const char *to, struct err **err)
{
	char random[17];
	random_hex(random, 8);
	auto_free char *temporary = xasprintf("%s.tmp-%s", to, random);
	auto_fd int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, ERR_INVALID, "invalid output path %s: %s", to, err_text(errno));
	int r = fetch(cli, a, fd, err);
	if (r == 0 && rename(temporary, to) < 0)
		r = err_sys(err, errno, "write %s", to);
	if (r < 0)
		unlink(temporary);
	return r;
}

static int save(struct cli *cli, const struct args *a, struct err **err)
{
	const char *to = flag_str(a, "output");
	struct stat st;
	if (str_empty(to)) {
		if (isatty(STDOUT_FILENO))
			return err_set(err, ERR_INVALID,
				"cowardly refusing to save to a terminal. Use the -o flag or "
				"redirect");
		return fetch(cli, a, STDOUT_FILENO, err);
	}
	if (stat(to, &st) < 0 || S_ISREG(st.st_mode))
		return save_to_file(cli, a, to, err);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID, "invalid output path %s: it is a folder", to);
	auto_fd int fd = open(to, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, ERR_INVALID, "invalid output path %s: %s", to, err_text(errno));
	if (isatty(fd))
		return err_set(err, ERR_INVALID,
			"cowardly refusing to save to a terminal. Use the -o flag or redirect");
	return fetch(cli, a, fd, err);
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
		   "images give the same bytes.",
	.run = cmd_save,
};
