/* version */
#include <stdio.h>
#include <sys/utsname.h>

#include "flag_common.h"
#include "format.h"
#include "template.h"

#ifndef KIST_VERSION
#define KIST_VERSION "unknown"
#endif

static const struct flag_spec flags[] = {FLAG_FORMAT_RAW, {NULL}};

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

/* The machine in Go's words. */
static const char *architecture(void)
{
	static const struct {
		const char *machine, *go;
	} names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"},
		{"ppc64le", "ppc64le"}, {"riscv64", "riscv64"}, {"s390x", "s390x"}};
	struct utsname u;
	uname(&u);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(names[i].machine, u.machine))
			return names[i].go;
	return "unknown";
}

static json_t *client_version(const struct cli *cli)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "Version", KIST_VERSION, "ApiVersion",
		cli->api.version, "DefaultAPIVersion", API_VERSION, "Os", "linux", "Arch",
		architecture());
}

static void print_client(const struct cli *cli)
{
	bool lowered = !str_eq(cli->api.version, API_VERSION);
	printf("Client:\n Version:           %s\n API version:       %s", KIST_VERSION,
		cli->api.version);
	if (lowered)
		printf(" (downgraded from %s)", API_VERSION);
	printf("\n OS/Arch:           linux/%s\n", architecture());
}

/* A detail of a component: printed if it is there. */
static void print_detail(const json_t *details, const char *key, const char *label)
{
	const json_t *v = json_object_get(details, key);
	if (!str_empty(json_string_value(v)))
		printf("  %-17s %s\n", label, json_is_string(v) ? json_string_value(v) : "");
}

static void print_engine(const json_t *details)
{
	printf("  API version:      %s (minimum version %s)\n", text_of(details, "ApiVersion"),
		text_of(details, "MinAPIVersion"));
	print_detail(details, "GoVersion", "Go version:");
	print_detail(details, "GitCommit", "Git commit:");
	print_detail(details, "BuildTime", "Built:");
	printf("  OS/Arch:          %s/%s\n", text_of(details, "Os"), text_of(details, "Arch"));
	print_detail(details, "Experimental", "Experimental:");
}

static void print_server(const json_t *server)
{
	const char *platform = text_of(json_object_get(server, "Platform"), "Name");
	size_t i;
	json_t *c, *v;
	const char *key;
	printf("\nServer:%s%s\n", *platform ? " " : "", platform);
	json_array_foreach(json_object_get(server, "Components"), i, c)
	{
		const json_t *details = json_object_get(c, "Details");
		printf(" %s:\n  Version:          %s\n", text_of(c, "Name"), text_of(c, "Version"));
		if (str_eq(text_of(c, "Name"), "Engine")) {
			print_engine(details);
			continue;
		}
		json_object_foreach((json_t *)details, key, v)
		{
			auto_free char *label = xasprintf("%s:", key);
			printf("  %-17s %s\n", label,
				json_is_string(v) ? json_string_value(v) : "");
		}
	}
}

static int print_formatted(struct cli *cli, const char *format, json_t *server)
{
	auto_err *err = NULL;
	auto_json *all = json_pack("{s:o, s:O?}", "Client", client_version(cli), "Server", server);
	if (!server)
		json_object_set_new(all, "Server", json_null());
	if (format_raw(format, all, &err) < 0)
		return cli_error(err);
	return 0;
}

static int cmd_version(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL, *bad = NULL;
	auto_json *server = NULL;
	const char *format = flag_str(a, "format");
	int rc = 0;
	if (!str_empty(format) && !str_eq(format, "json")) {
		auto_template *t = template_parse(format, &bad);
		if (!t) {
			err_wrap(&bad, "template parsing error");
			cli_error(bad);
			return EXIT_TEMPLATE;
		}
	}
	if (api_call(&cli->api, "GET", "/version", NULL, &server, &err) < 0)
		rc = 1;
	if (!str_empty(format)) {
		rc = print_formatted(cli, format, server) || rc;
	} else {
		print_client(cli);
		if (server)
			print_server(server);
		fflush(stdout);
	}
	if (err)
		cli_error(err);
	return rc;
}

const struct command command_version = {
	.name = "version",
	.args = "",
	.summary = "Show the version of the command line and of the daemon",
	.flags = flags,
	.common = true,
	.run = cmd_version,
};
