/* top */
#include <stdio.h>
#include <stdlib.h>

#include "base/fdio.h"
#include "container.h"
#include "table.h"

static void add_cells(struct buf *b, const json_t *cells)
{
	size_t i;
	json_t *v;
	json_array_foreach((json_t *)cells, i, v)
		buf_addf(b, "%s%s", i ? "\t" : "", json_is_string(v) ? json_string_value(v) : "");
	buf_addc(b, '\n');
}

static int cmd_top(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *answer = NULL;
	auto_buf path = BUF_INIT, plain = BUF_INIT, out = BUF_INIT;
	auto_free char *base = container_path(a->rest[0], "top");
	auto_free char *ps_args = a->nrest > 1 ? strv_join(a->rest + 1, " ") : NULL;
	buf_adds(&path, base);
	url_add(&path, "ps_args", ps_args);
	if (api_call(&cli->api, "GET", path.data, NULL, &answer, &err) < 0)
		return cli_error(err);
	add_cells(&plain, json_object_get(answer, "Titles"));
	size_t i;
	json_t *process;
	json_array_foreach(json_object_get(answer, "Processes"), i, process)
		add_cells(&plain, process);
	table_align(plain.data, 20, TABLE_PADDING, &out);
	return fd_write_all(STDOUT_FILENO, out.data, out.len) < 0;
}

const struct command command_top = {
	.group = "container",
	.name = "top",
	.top = "top",
	.args = "CONTAINER [ps OPTIONS]",
	.summary = "Show a container's processes, as ps does",
	.min_args = 1,
	.max_args = INT_MAX,
	.stop_at_arg = true,
	.completes = "@running",
	.run = cmd_top,
};
