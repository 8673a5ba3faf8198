/* rmi and tag */
#include <stdio.h>

#include "cli.h"
#include "platform.h"

static const struct flag_spec rmi_flags[] = {
	{"force", 'f', FLAG_BOOL, NULL,
		"Even if it has several tags, or a stopped container needs it"},
	{"no-prune", 0, FLAG_BOOL, NULL, "Leave the untagged images it was made from"},
	{"platform", 0, FLAG_LIST, "strings",
		"Variant to remove, OS[/ARCH[/VARIANT]], and no other", NULL, check_platform},
	{NULL},
};

static void print_deleted(const json_t *deleted)
{
	size_t i;
	json_t *j;
	json_array_foreach((json_t *)deleted, i, j)
	{
		const char *id = json_string_value(json_object_get(j, "Deleted"));
		const char *name = json_string_value(json_object_get(j, "Untagged"));
		if (id)
			printf("Deleted: %s\n", id);
		else if (name)
			printf("Untagged: %s\n", name);
	}
}

static int cmd_rmi(struct cli *cli, const struct args *a)
{
	int rc = 0;
	bool force = flag_bool(a, "force");
	for (int i = 0; i < a->nrest; i++) {
		auto_err *err = NULL;
		auto_json *deleted = NULL;
		auto_buf path = BUF_INIT;
		buf_adds(&path, "/images");
		url_add_segment(&path, a->rest[i]);
		url_add(&path, "force", force ? "1" : NULL);
		url_add(&path, "noprune", flag_bool(a, "no-prune") ? "1" : NULL);
		for (char *const *p = flag_list(a, "platform"); p && *p; p++)
			url_add_platform(&path, "platforms", *p);
		if (api_call(&cli->api, "DELETE", path.data, NULL, &deleted, &err) < 0) {
			cli_error(err);
			if (!force || err->kind != ERR_NOT_FOUND)
				rc = 1;
			continue;
		}
		print_deleted(deleted);
		fflush(stdout);
	}
	return rc;
}

static int cmd_tag(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_buf path = BUF_INIT;
	const char *target = a->rest[1], *slash = strrchr(target, '/');
	const char *colon = strchr(slash ? slash : target, ':');
	auto_free char *repository =
		colon ? xstrndup(target, (size_t)(colon - target)) : xstrdup(target);
	buf_adds(&path, "/images");
	url_add_segment(&path, a->rest[0]);
	buf_adds(&path, "/tag");
	url_add(&path, "repo", repository);
	url_add(&path, "tag", colon ? colon + 1 : "latest");
	if (api_call(&cli->api, "POST", path.data, NULL, NULL, &err) < 0)
		return cli_error(err);
	return 0;
}

const struct command command_rmi = {
	.group = "image",
	.name = "rm",
	.aliases = "remove",
	.top = "rmi",
	.args = "IMAGE [IMAGE...]",
	.summary = "Remove tags, and images that have no other",
	.flags = rmi_flags,
	.min_args = 1,
	.max_args = INT_MAX,
	.completes = "@images",
	.run = cmd_rmi,
};

const struct command command_tag = {
	.group = "image",
	.name = "tag",
	.top = "tag",
	.args = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
	.summary = "Give an image a further name",
	.min_args = 2,
	.max_args = 2,
	.completes = "@images",
	.run = cmd_tag,
};
