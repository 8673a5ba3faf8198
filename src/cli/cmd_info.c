/* info: what the daemon says about itself and its machine. */
#include <stdio.h>

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

static long long number_of(const json_t *j, const char *key)
{
	return (long long)json_integer_value(json_object_get(j, key));
}

static bool is_true(const json_t *j, const char *key)
{
	return json_is_true(json_object_get(j, key));
}

static void print_text(const json_t *j, const char *key, const char *label)
{
	if (*text_of(j, key))
		printf(" %s: %s\n", label, text_of(j, key));
}

static void print_words(const json_t *list, const char *label)
{
	size_t i;
	json_t *v;
	printf("%s:", label);
	json_array_foreach((json_t *)list, i, v)
		printf(" %s", json_is_string(v) ? json_string_value(v) : "");
	printf("\n");
}

static void print_plugins(const json_t *info)
{
	const json_t *plugins = json_object_get(info, "Plugins");
	printf(" Plugins:\n");
	print_words(json_object_get(plugins, "Volume"), "  Volume");
	print_words(json_object_get(plugins, "Network"), "  Network");
	if (json_array_size(json_object_get(plugins, "Authorization")))
		print_words(json_object_get(plugins, "Authorization"), "  Authorization");
	print_words(json_object_get(plugins, "Log"), "  Log");
}

static void print_storage(const json_t *info)
{
	size_t i;
	json_t *pair;
	print_text(info, "Driver", "Storage Driver");
	json_array_foreach(json_object_get(info, "DriverStatus"), i, pair)
	{
		const char *name = json_string_value(json_array_get(pair, 0));
		const char *value = json_string_value(json_array_get(pair, 1));
		printf("  %s: %s\n", name ? name : "", value ? value : "");
	}
}

static void print_runtimes(const json_t *info)
{
	const char *name;
	json_t *v;
	if (!json_object_size(json_object_get(info, "Runtimes")))
		return;
	printf(" Runtimes:");
	json_object_foreach(json_object_get(info, "Runtimes"), name, v) printf(" %s", name);
	printf("\n Default Runtime: %s\n", text_of(info, "DefaultRuntime"));
	print_text(info, "InitBinary", "Init Binary");
}

/* "name=seccomp,profile=builtin": the name, and what else is said about it. */
static void print_security(const json_t *info)
{
	size_t i;
	json_t *v;
	if (!json_array_size(json_object_get(info, "SecurityOptions")))
		return;
	printf(" Security Options:\n");
	json_array_foreach(json_object_get(info, "SecurityOptions"), i, v)
	{
		auto_strv parts = strv_split(json_is_string(v) ? json_string_value(v) : "", ',');
		for (size_t k = 0; parts[k]; k++) {
			const char *name = str_after(parts[k], "name=");
			const char *profile = str_after(parts[k], "profile=");
			if (name)
				printf("  %s\n", name);
			else if (profile)
				printf("   Profile: %s\n", profile);
		}
	}
}

static void print_machine(const json_t *info)
{
	char memory[32];
	print_text(info, "KernelVersion", "Kernel Version");
	print_text(info, "OperatingSystem", "Operating System");
	print_text(info, "OSType", "OSType");
	print_text(info, "Architecture", "Architecture");
	printf(" CPUs: %lld\n", number_of(info, "NCPU"));
	str_bytes_size((double)number_of(info, "MemTotal"), memory, sizeof(memory));
	printf(" Total Memory: %s\n", memory);
	print_text(info, "Name", "Name");
	print_text(info, "ID", "ID");
	print_text(info, "DockerRootDir", "Docker Root Dir");
	printf(" Debug Mode: %s\n", is_true(info, "Debug") ? "true" : "false");
}

static void print_tail(const json_t *info)
{
	size_t i;
	json_t *v;
	const json_t *registries =
		json_object_get(json_object_get(info, "RegistryConfig"), "InsecureRegistryCIDRs");
	if (json_array_size(json_object_get(info, "Labels"))) {
		printf(" Labels:\n");
		json_array_foreach(json_object_get(info, "Labels"), i, v)
			printf("  %s\n", json_is_string(v) ? json_string_value(v) : "");
	}
	printf(" Experimental: %s\n", is_true(info, "ExperimentalBuild") ? "true" : "false");
	if (json_array_size(registries)) {
		printf(" Insecure Registries:\n");
		json_array_foreach((json_t *)registries, i, v)
			printf("  %s\n", json_is_string(v) ? json_string_value(v) : "");
	}
	printf(" Live Restore Enabled: %s\n\n",
		is_true(info, "LiveRestoreEnabled") ? "true" : "false");
}

static void print_client(const struct cli *cli)
{
	printf("Client:\n Version:    %s\n Context:    default\n Debug Mode: %s\n", KIST_VERSION,
		cli->debug ? "true" : "false");
}

static void print_server(const json_t *info)
{
	printf("\nServer:\n Containers: %lld\n  Running: %lld\n  Paused: %lld\n  Stopped: %lld\n",
		number_of(info, "Containers"), number_of(info, "ContainersRunning"),
		number_of(info, "ContainersPaused"), number_of(info, "ContainersStopped"));
	printf(" Images: %lld\n", number_of(info, "Images"));
	print_text(info, "ServerVersion", "Server Version");
	print_storage(info);
	print_text(info, "LoggingDriver", "Logging Driver");
	print_text(info, "CgroupDriver", "Cgroup Driver");
	print_text(info, "CgroupVersion", "Cgroup Version");
	print_plugins(info);
	const json_t *swarm = json_object_get(info, "Swarm");
	print_text(swarm, "LocalNodeState", "Swarm");
	print_runtimes(info);
	print_text(json_object_get(info, "ContainerdCommit"), "ID", "containerd version");
	print_text(json_object_get(info, "RuncCommit"), "ID", "runc version");
	if (json_object_get(info, "InitCommit"))
		printf(" init version: %s\n", text_of(json_object_get(info, "InitCommit"), "ID"));
	print_security(info);
	print_machine(info);
	print_tail(info);
}

static int cmd_info(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL, *bad = NULL;
	auto_json *info = NULL;
	const char *format = flag_str(a, "format");
	if (!str_empty(format) && !str_eq(format, "json")) {
		auto_template *t = template_parse(format, &bad);
		if (!t) {
			err_wrap(&bad, "template parsing error");
			cli_error(bad);
			return EXIT_TEMPLATE;
		}
	}
	int rc = api_call(&cli->api, "GET", "/info", NULL, &info, &err) < 0;
	if (!str_empty(format) && info) {
		if (format_raw(format, info, &bad) < 0)
			return cli_error(bad);
	} else if (str_empty(format)) {
		print_client(cli);
		if (info)
			print_server(info);
		else
			printf("\nServer:\n");
		fflush(stdout);
	}
	size_t i;
	json_t *w;
	json_array_foreach(json_object_get(info, "Warnings"), i, w)
		fprintf(stderr, "%s\n", json_is_string(w) ? json_string_value(w) : "");
	if (err)
		cli_error(err);
	return rc;
}

const struct command command_info = {
	.group = "system",
	.name = "info",
	.top = "info",
	.args = "",
	.summary = "Describe the daemon, its host and what it holds",
	.flags = flags,
	.common = true,
	.run = cmd_info,
};
