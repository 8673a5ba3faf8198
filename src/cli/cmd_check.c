/* system check */
#include <stdio.h>

#include "cli.h"
#include "credentials.h"
#include "flag_common.h"

static const struct flag_spec flags[] = {
	{"json", 0, FLAG_BOOL, NULL, "All that was found, as JSON"},
	{"repair", 0, FLAG_BOOL, NULL, "Fetch or unpack again what is damaged, and nothing else"},
	{NULL},
};

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

static long long number_of(const json_t *j, const char *key)
{
	return json_integer_value(json_object_get(j, key));
}

static void print_finding(const json_t *f)
{
	const json_t *images = json_object_get(f, "Images");
	const json_t *files = json_object_get(f, "Files");
	const char *what = *text_of(f, "Name") ? text_of(f, "Name") : text_of(f, "Digest");
	size_t i;
	json_t *name, *file;
	printf("%s %s: %s\n", text_of(f, "Kind"), what, text_of(f, "Problem"));
	if (json_array_size(images)) {
		printf("  of");
		json_array_foreach((json_t *)images, i, name)
			printf("%s %s", i ? "," : "", json_string_value(name));
		printf("\n");
	}
	json_array_foreach((json_t *)files, i, file)
		printf("  /%s: %s\n", text_of(file, "Path"), text_of(file, "Problem"));
	if (number_of(f, "MoreFiles"))
		printf("  and %lld more\n", number_of(f, "MoreFiles"));
	if (*text_of(f, "Remedy"))
		printf("  %s\n", text_of(f, "Remedy"));
}

/* Damage that is still there. */
static size_t count_damage(const json_t *findings)
{
	size_t i, n = 0;
	json_t *f;
	json_array_foreach((json_t *)findings, i, f) n +=
		json_is_true(json_object_get(f, "Damaged")) &&
		!json_is_true(json_object_get(f, "Repaired"));
	return n;
}

static void add_credentials(json_t *auths, const char *name)
{
	auto_reference ref = {0};
	auto_config_file config = {0};
	auto_credentials cred = {0};
	auto_err *err = NULL;
	if (!name || reference_parse(name, &ref, NULL) < 0)
		return;
	auto_free char *server = credentials_server_of(&ref);
	if (json_object_get(auths, server))
		return;
	if (config_file_open(&config, &err) < 0 ||
		credentials_get(&config, server, &cred, &err) < 0) {
		fprintf(stderr, "WARNING: no credentials for %s: %s\n", server, err_msg(err));
		json_object_set_new(auths, server, json_object());
		return;
	}
	json_object_set_new(auths, server, credentials_json(&cred, server));
}

/* Who we are at the registries that images came from, should something have to come again. */
static json_t *credentials_of_images(struct cli *cli, struct err **err)
{
	auto_json *images = NULL;
	size_t i, k;
	json_t *image, *name;
	if (api_call(&cli->api, "GET", "/images/json?all=1", NULL, &images, err) < 0)
		return NULL;
	json_t *auths = json_object();
	json_array_foreach(images, i, image)
	{
		json_array_foreach(json_object_get(image, "RepoDigests"), k, name)
			add_credentials(auths, json_string_value(name));
	}
	return json_pack("{s:o}", "RegistryAuth", auths);
}

static int cmd_check(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *check = NULL, *body = NULL;
	auto_buf path = BUF_INIT;
	size_t i;
	json_t *f;
	buf_adds(&path, "/kist/check");
	url_add(&path, "repair", flag_bool(a, "repair") ? "1" : NULL);
	if (flag_bool(a, "repair")) {
		body = credentials_of_images(cli, &err);
		if (!body)
			return cli_error(err);
	}
	if (api_call(&cli->api, "POST", path.data, body, &check, &err) < 0)
		return cli_error(err);
	const json_t *findings = json_object_get(check, "Findings");
	size_t damage = count_damage(findings);
	if (flag_bool(a, "json")) {
		auto_free char *text = json_dumps(check, JSON_INDENT(2));
		puts(text);
		return damage ? 1 : 0;
	}
	json_array_foreach((json_t *)findings, i, f) print_finding(f);
	printf("%lld images, %lld layers, %lld blobs: ", number_of(check, "Images"),
		number_of(check, "Layers"), number_of(check, "Blobs"));
	if (damage)
		printf("%zu damaged\n", damage);
	else
		printf("%s\n", json_array_size(findings) ? "nothing damaged that is not repaired"
							 : "all whole");
	return damage ? 1 : 0;
}

const struct command command_system_check = {
	.group = "system",
	.name = "check",
	.args = "",
	.summary = "Verify every blob, layer and image on disk",
	.flags = flags,
	.details =
		"Every blob is hashed; of every layer the tar that it came as is written again "
		"and hashed, and what is on disk is compared with it: contents, modes, owners, "
		"times, links, devices, attributes, whiteouts, what is missing and what was "
		"added. Exits with 1 if something is damaged (and was not "
		"repaired). With --repair a damaged blob is fetched again from the registry that "
		"its image came from (who came from none does without, if it can), and a damaged "
		"layer is unpacked again from its blob. Containers are not disturbed: a layer that "
		"one has, running or not, is not replaced.",
	.run = cmd_check,
};
