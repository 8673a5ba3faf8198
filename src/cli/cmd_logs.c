/* logs */
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "container.h"
#include "relay.h"
#include "when.h"

static const struct flag_spec flags[] = {
	{"details", 0, FLAG_BOOL, NULL, "Also what --log-opt labels and env added"},
	{"follow", 'f', FLAG_BOOL, NULL, "Go on as more is written"},
	{"since", 0, FLAG_STRING, NULL,
		"Only from this time on: 2006-01-02T15:04:05Z, or 10m for ten minutes ago"},
	{"tail", 'n', FLAG_STRING, NULL, "Last lines to begin with, a number or all", "\"all\""},
	{"timestamps", 't', FLAG_BOOL, NULL, "The time before each line"},
	{"until", 0, FLAG_STRING, NULL, "Only up to this time, likewise"},
	{NULL},
};

static int copy_out(struct http *conn, bool tty, struct err **err)
{
	struct demux demux = {0};
	char chunk[32768];
	ssize_t n;
	while ((n = http_read(conn, chunk, sizeof(chunk), err)) > 0) {
		if (!tty &&
			demux_feed(&demux, chunk, (size_t)n, STDOUT_FILENO, STDERR_FILENO, err) < 0)
			return -1;
		if (tty && fd_write_all(STDOUT_FILENO, chunk, (size_t)n) < 0)
			return err_sys(err, errno, "write output");
	}
	if (n < 0)
		return -1;
	return demux_end(&demux, err);
}

static int logs(struct cli *cli, const struct args *a, struct err **err)
{
	auto_buf path = BUF_INIT;
	struct http conn;
	auto_json *c = container_inspect(cli, a->rest[0], err);
	if (!c)
		return -1;
	auto_free char *base = container_path(json_string_value(json_object_get(c, "Id")), "logs");
	buf_adds(&path, base);
	url_add(&path, "stdout", "1");
	url_add(&path, "stderr", "1");
	if (url_add_when(&path, "since", flag_str(a, "since"), err) < 0 ||
		url_add_when(&path, "until", flag_str(a, "until"), err) < 0)
		return -1;
	url_add(&path, "timestamps", flag_bool(a, "timestamps") ? "1" : NULL);
	url_add(&path, "follow", flag_bool(a, "follow") ? "1" : NULL);
	url_add(&path, "details", flag_bool(a, "details") ? "1" : NULL);
	url_add(&path, "tail", flag_given(a, "tail") ? flag_str(a, "tail") : "all");
	if (api_open(&cli->api, &conn, "GET", path.data, NULL, false, err) < 0)
		return -1;
	bool tty = json_is_true(json_object_get(json_object_get(c, "Config"), "Tty"));
	int rc = copy_out(&conn, tty, err);
	http_close(&conn);
	return rc;
}

static int cmd_logs(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	if (logs(cli, a, &err) < 0)
		return cli_error(err);
	return 0;
}

const struct command command_logs = {
	.group = "container",
	.name = "logs",
	.top = "logs",
	.args = "CONTAINER",
	.summary = "Print what a container has written",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.completes = "@containers",
	.run = cmd_logs,
};
