/* registry tags, registry catalog, registry referrers: what a registry has. */
#include <stdio.h>

#include "escape.h"
#include "pull.h"

/* Prints the strings of the answer's list @key, one a line. */
static int print_list(struct cli *cli, const char *path, const char *key, struct err **err)
{
	auto_json *answer = NULL;
	size_t i;
	json_t *v;
	if (api_call(&cli->api, "GET", path, NULL, &answer, err) < 0)
		return -1;
	json_array_foreach(json_object_get(answer, key), i, v)
		printf("%s\n", json_is_string(v) ? json_string_value(v) : "");
	return 0;
}

static int list(struct cli *cli, const char *name, const char *what, struct err **err)
{
	auto_buf path = BUF_INIT;
	buf_adds(&path, "/kist/registry");
	url_add_segment(&path, name);
	buf_addf(&path, "/%s", what);
	return print_list(cli, path.data, what, err);
}

static int cmd_tags(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_reference ref = {0};
	if (reference_parse(a->rest[0], &ref, &err) < 0)
		return cli_error(err);
	use_credentials_for(cli, &ref);
	auto_free char *name = reference_name(&ref);
	return list(cli, name, "tags", &err) < 0 ? cli_error(err) : 0;
}

static int cmd_catalog(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_reference ref = {0};
	/* a host is no name yet: with a repository behind it, it is read by the same rules */
	auto_free char *name = xasprintf("%s/x", a->rest[0]);
	if (reference_parse(name, &ref, &err) < 0)
		return cli_error(err);
	if (!str_eq(ref.path, "x")) {
		fprintf(stderr, "%s: expected a registry, HOST[:PORT]\n", a->rest[0]);
		return 1;
	}
	use_credentials_for(cli, &ref);
	return list(cli, ref.domain, "catalog", &err) < 0 ? cli_error(err) : 0;
}

/* The registry's words, in which anything may stand; new. */
static char *text_of(const json_t *v, const char *key)
{
	const char *s = json_string_value(json_object_get(v, key));
	return escape_name(s ? s : "");
}

static int cmd_referrers(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_reference ref = {0};
	auto_buf path = BUF_INIT;
	auto_json *answer = NULL;
	size_t i;
	json_t *v;
	if (reference_parse(a->rest[0], &ref, &err) < 0)
		return cli_error(err);
	use_credentials_for(cli, &ref);
	auto_free char *name = reference_string(&ref);
	buf_adds(&path, "/kist/registry");
	url_add_segment(&path, name);
	buf_adds(&path, "/referrers");
	url_add(&path, "artifactType", flag_str(a, "artifact-type"));
	if (api_call(&cli->api, "GET", path.data, NULL, &answer, &err) < 0)
		return cli_error(err);
	json_array_foreach(json_object_get(answer, "manifests"), i, v)
	{
		auto_free char *digest = text_of(v, "digest"), *type = text_of(v, "artifactType");
		printf("%s %s\n", digest, type);
	}
	return 0;
}

static const struct flag_spec referrers_flags[] = {
	{"artifact-type", 0, FLAG_STRING, NULL, "Only those of this type"},
	{NULL},
};

const struct command command_registry_referrers = {
	.group = "registry",
	.name = "referrers",
	.args = "NAME[:TAG|@DIGEST]",
	.summary = "Show what refers to an image at its registry: signatures and the like",
	.flags = referrers_flags,
	.min_args = 1,
	.max_args = 1,
	.completes = "@images",
	.run = cmd_referrers,
};

const struct command command_registry_tags = {
	.group = "registry",
	.name = "tags",
	.args = "NAME",
	.summary = "Show the tags that a repository has at its registry",
	.min_args = 1,
	.max_args = 1,
	.completes = "@images",
	.run = cmd_tags,
};

const struct command command_registry_catalog = {
	.group = "registry",
	.name = "catalog",
	.aliases = "ls",
	.args = "HOST[:PORT]",
	.summary = "Show the repositories of a registry, if it tells",
	.min_args = 1,
	.max_args = 1,
	.completes = "@registries",
	.run = cmd_catalog,
};
