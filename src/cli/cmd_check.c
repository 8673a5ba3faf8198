/* system check */
#include <stdio.h>

#include "cli.h"
#include "flag_common.h"

static const struct flag_spec flags[] = {
	{"json", 0, FLAG_BOOL, NULL, "All that was found, as JSON"},
	{"repair", 0, FLAG_BOOL, NULL,
		"Unpack damaged layers again, and drop damaged blobs that nothing needs"},
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

static int cmd_check(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *check = NULL;
	auto_buf path = BUF_INIT;
	size_t i;
	json_t *f;
	buf_adds(&path, "/kist/check");
	url_add(&path, "repair", flag_bool(a, "repair") ? "1" : NULL);
	if (api_call(&cli->api, "POST", path.data, NULL, &check, &err) < 0)
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
	.details = "Every blob is hashed; of every layer the tar that it came as is written again "
		   "and hashed, and what is on disk is compared with it: contents, modes, owners, "
		   "times, links, devices, attributes, whiteouts, what is missing and what was "
		   "added. Exits with 1 if something is damaged (and was not "
		   "repaired). Running containers are not disturbed: a layer that a container has "
		   "is not replaced.",
	.run = cmd_check,
};
