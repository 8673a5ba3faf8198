/* wait */
#include <stdio.h>

#include "container.h"

static int cmd_wait(struct cli *cli, const struct args *a)
{
	int rc = 0;
	for (int i = 0; i < a->nrest; i++) {
		auto_err *err = NULL;
		struct http conn;
		int code;
		if (container_wait_begin(cli, a->rest[i], NULL, &conn, &err) < 0 ||
			container_wait_result(&conn, &code, &err) < 0) {
			rc = cli_error(err);
			continue;
		}
		printf("%d\n", code);
		fflush(stdout);
	}
	return rc;
}

const struct command command_wait = {
	.group = "container",
	.name = "wait",
	.top = "wait",
	.args = "CONTAINER [CONTAINER...]",
	.summary = "Wait for containers to end, and print their exit codes",
	.min_args = 1,
	.max_args = INT_MAX,
	.completes = "@running",
	.run = cmd_wait,
};
