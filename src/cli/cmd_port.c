/* port */
#include <stdio.h>
#include <stdlib.h>

#include "container.h"
#include "template_ast.h"

static void print_bindings(const json_t *bindings, const char *prefix)
{
	size_t i;
	json_t *b;
	json_array_foreach((json_t *)bindings, i, b)
	{
		const char *ip = json_string_value(json_object_get(b, "HostIp"));
		const char *port = json_string_value(json_object_get(b, "HostPort"));
		bool v6 = ip && strchr(ip, ':');
		printf("%s%s%s%s:%s\n", prefix, v6 ? "[" : "", ip ? ip : "", v6 ? "]" : "",
			port ? port : "");
	}
}

static int print_one(const json_t *ports, const char *name, const char *wanted)
{
	auto_free char *key = strchr(wanted, '/') ? xstrdup(wanted) : xasprintf("%s/tcp", wanted);
	const json_t *bindings = json_object_get(ports, key);
	if (!json_array_size(bindings)) {
		fprintf(stderr, "Error: No public port '%s' published for %s\n", wanted, name);
		return 1;
	}
	print_bindings(bindings, "");
	return 0;
}

static int by_number(const void *a, const void *b)
{
	long x = strtol(*(const char *const *)a, NULL, 10);
	long y = strtol(*(const char *const *)b, NULL, 10);
	return x != y ? (x > y) - (x < y)
		      : strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int cmd_port(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_json *c = container_inspect(cli, a->rest[0], &err);
	if (!c)
		return cli_error(err);
	json_t *ports = json_object_get(json_object_get(c, "NetworkSettings"), "Ports");
	if (a->nrest == 2)
		return print_one(ports, a->rest[0], a->rest[1]);
	size_t n;
	auto_free const char **keys = value_keys(ports, &n);
	qsort(keys, n, sizeof(*keys), by_number);
	for (size_t i = 0; i < n; i++) {
		auto_free char *prefix = xasprintf("%s -> ", keys[i]);
		print_bindings(json_object_get(ports, keys[i]), prefix);
	}
	return 0;
}

const struct command command_port = {
	.group = "container",
	.name = "port",
	.top = "port",
	.args = "CONTAINER [PRIVATE_PORT[/PROTO]]",
	.summary = "Show which ports of the host lead into a container",
	.min_args = 1,
	.max_args = 2,
	.completes = "@containers",
	.run = cmd_port,
};
