/* commit: an image of what a container changed. */
#include <stdio.h>

#include "cli.h"

static const struct flag_spec flags[] = {
	{"author", 'a', FLAG_STRING, NULL, "Who made it, as in \"Ann <ann@example.com>\""},
	{"change", 'c', FLAG_LIST, NULL, "Instruction as in a Dockerfile, such as 'CMD [\"sh\"]'"},
	{"message", 'm', FLAG_STRING, NULL, "Comment for the history"},
	{"pause", 'p', FLAG_BOOL, NULL, "Pause the container while its files are read", "true"},
	{NULL},
};

static int cmd_commit(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *answer = NULL;
	auto_buf path = BUF_INIT;
	char *const *changes = flag_list(a, "change");
	buf_adds(&path, "/commit");
	url_add(&path, "container", a->rest[0]);
	if (a->nrest > 1)
		url_add_reference(&path, a->rest[1]);
	url_add(&path, "author", flag_str(a, "author"));
	url_add(&path, "comment", flag_str(a, "message"));
	if (!flag_bool(a, "pause"))
		url_add(&path, "pause", "0");
	for (size_t i = 0; changes && changes[i]; i++)
		url_add(&path, "changes", changes[i]);
	if (api_call(&cli->api, "POST", path.data, NULL, &answer, &err) < 0)
		return cli_error(err);
	const char *id = json_string_value(json_object_get(answer, "Id"));
	puts(id ? id : "");
	return 0;
}

const struct command command_commit = {
	.group = "container",
	.name = "commit",
	.top = "commit",
	.args = "CONTAINER [REPOSITORY[:TAG]]",
	.summary = "Make an image of what a container changed",
	.flags = flags,
	.min_args = 1,
	.max_args = 2,
	.completes = "@containers",
	.details = "The image has the container's configuration, and its image's layers below one "
		   "of its own. The same "
		   "changes make the same layer. Volumes are not part of it.",
	.run = cmd_commit,
};
