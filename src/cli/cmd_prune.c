/* container, image, volume and system prune */
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "flag_common.h"
#include "format.h"

#define FLAG_FORCE                                                                                 \
	{                                                                                          \
		"force", 'f', FLAG_BOOL, NULL, "Do not ask"                                        \
	}
/* -f is force here */
#define FLAG_ONLY(text)                                                                            \
	{                                                                                          \
		"filter", 0, FLAG_LIST, "filter", text, NULL, check_filter                         \
	}
#define FILTER_HELP "Only what fits, such as label=KEY=VALUE or until=24h"

static const struct flag_spec plain_flags[] = {FLAG_ONLY(FILTER_HELP), FLAG_FORCE, {NULL}};

static const struct flag_spec image_flags[] = {
	{"all", 'a', FLAG_BOOL, NULL, "All that no container uses, not just those without a tag"},
	FLAG_ONLY(FILTER_HELP),
	FLAG_FORCE,
	{NULL},
};

static const struct flag_spec volume_flags[] = {
	{"all", 'a', FLAG_BOOL, NULL, "Also those that were given a name"},
	FLAG_ONLY("Only what fits, such as label=KEY=VALUE"),
	FLAG_FORCE,
	{NULL},
};

static const struct flag_spec system_flags[] = {
	{"all", 'a', FLAG_BOOL, NULL,
		"All images that no container uses, not just those without a tag"},
	FLAG_ONLY(FILTER_HELP),
	FLAG_FORCE,
	{"volumes", 0, FLAG_BOOL, NULL, "Volumes without a name, too"},
	{NULL},
};

/* Like docker: yes is y or Y at the start of a line, the end of the input is no. */
static bool confirm(const char *warning)
{
	char line[64] = "";
	printf("%s\nAre you sure you want to continue? [y/N] ", warning);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		putchar('\n');
	return (line[0] == 'y' || line[0] == 'Y') && (line[1] == '\n' || !line[1]);
}

static bool is_sure(const struct args *a, const char *warning)
{
	return flag_bool(a, "force") || confirm(warning);
}

/* What one prune removed: a heading and its lines, as docker prints them. */
struct prune {
	const char *path, *key, *heading;
};

static void print_names(const struct prune *p, const json_t *names)
{
	size_t i;
	json_t *v;
	if (json_array_size(names) == 0)
		return;
	printf("%s:\n", p->heading);
	json_array_foreach((json_t *)names, i, v)
	{
		const char *untagged = json_string_value(json_object_get(v, "Untagged"));
		const char *deleted = json_string_value(json_object_get(v, "Deleted"));
		if (untagged)
			printf("untagged: %s\n", untagged);
		else if (deleted)
			printf("deleted: %s\n", deleted);
		else if (json_is_string(v))
			printf("%s\n", json_string_value(v));
	}
	printf("\n");
}

/* Adds the bytes to @space. */
static int run(struct cli *cli, const struct prune *p, char *const *filters, json_int_t *space)
{
	auto_err *err = NULL;
	auto_json *answer = NULL;
	auto_buf path = BUF_INIT;
	auto_free char *text = filter_text(filters);
	buf_adds(&path, p->path);
	url_add(&path, "filters", text);
	if (api_call(&cli->api, "POST", path.data, NULL, &answer, &err) < 0)
		return cli_error(err);
	print_names(p, json_object_get(answer, p->key));
	*space += json_integer_value(json_object_get(answer, "SpaceReclaimed"));
	return 0;
}

static int run_alone(struct cli *cli, const struct prune *p, char *const *filters)
{
	json_int_t space = 0;
	char text[32];
	if (run(cli, p, filters, &space))
		return 1;
	printf("Total reclaimed space: %s\n", format_size((double)space, text, sizeof(text)));
	return 0;
}

static const struct prune containers = {
	"/containers/prune", "ContainersDeleted", "Deleted Containers"};
static const struct prune volumes = {"/volumes/prune", "VolumesDeleted", "Deleted Volumes"};
static const struct prune networks = {"/networks/prune", "NetworksDeleted", "Deleted Networks"};
static const struct prune images = {"/images/prune", "ImagesDeleted", "Deleted Images"};
static const struct prune cache = {"/build/prune", "CachesDeleted", "Deleted build cache objects"};

static char **image_filters(const struct args *a)
{
	char **filters = strv_copy(flag_list(a, "filter"));
	if (flag_bool(a, "all"))
		strv_add(&filters, "dangling=false");
	return filters;
}

static int cmd_container_prune(struct cli *cli, const struct args *a)
{
	if (!is_sure(a, "WARNING! This will remove all stopped containers."))
		return 0;
	return run_alone(cli, &containers, flag_list(a, "filter"));
}

static int cmd_image_prune(struct cli *cli, const struct args *a)
{
	auto_strv filters = image_filters(a);
	if (!is_sure(a, flag_bool(a, "all") ? "WARNING! This will remove all images without at "
					      "least one container associated to them."
					    : "WARNING! This will remove all dangling images."))
		return 0;
	return run_alone(cli, &images, filters);
}

static int cmd_volume_prune(struct cli *cli, const struct args *a)
{
	auto_strv filters = strv_copy(flag_list(a, "filter"));
	bool all = flag_bool(a, "all");
	if (all)
		strv_add(&filters, "all=true");
	if (!is_sure(a,
		    all ? "WARNING! This will remove all local volumes not used by at least one "
			  "container."
			: "WARNING! This will remove anonymous local volumes not used by at least "
			  "one container."))
		return 0;
	return run_alone(cli, &volumes, filters);
}

static bool system_is_sure(const struct args *a)
{
	auto_buf text = BUF_INIT;
	char *const *filters = flag_list(a, "filter");
	buf_adds(&text, "WARNING! This will remove:\n"
			"  - all stopped containers\n"
			"  - all networks not used by at least one container\n");
	if (flag_bool(a, "volumes"))
		buf_adds(&text, "  - all anonymous volumes not used by at least one container\n");
	buf_adds(&text,
		flag_bool(a, "all")
			? "  - all images without at least one container associated to them\n"
			  "  - all build cache\n"
			: "  - all dangling images\n  - unused build cache\n");
	if (filters) {
		buf_adds(&text, "\n  Items to be pruned will be filtered with:\n");
		for (size_t i = 0; filters[i]; i++)
			buf_addf(&text, "  - %s\n", filters[i]);
	}
	return is_sure(a, buf_str(&text));
}

/* Labels and until hold for all of them; volumes know no until, which docker refuses, too. */
static int cmd_system_prune(struct cli *cli, const struct args *a)
{
	char *const *given = flag_list(a, "filter");
	auto_strv filters = image_filters(a);
	json_int_t space = 0;
	char text[32];
	for (size_t i = 0; flag_bool(a, "volumes") && given && given[i]; i++) {
		if (!str_starts(given[i], "until="))
			continue;
		fprintf(stderr,
			"ERROR: The \"until\" filter is not supported with \"--volumes\"\n");
		return 1;
	}
	if (!system_is_sure(a))
		return 0;
	if (run(cli, &containers, given, &space) || run(cli, &networks, given, &space) ||
		(flag_bool(a, "volumes") && run(cli, &volumes, given, &space)) ||
		run(cli, &images, filters, &space) || run(cli, &cache, given, &space))
		return 1;
	printf("Total reclaimed space: %s\n", format_size((double)space, text, sizeof(text)));
	return 0;
}

#define PRUNE(kind, text, flag_table)                                                              \
	const struct command command_##kind##_prune = {                                            \
		.group = #kind,                                                                    \
		.name = "prune",                                                                   \
		.args = "",                                                                        \
		.summary = text,                                                                   \
		.flags = flag_table,                                                               \
		.run = cmd_##kind##_prune,                                                         \
	}

PRUNE(container, "Remove all containers that do not run", plain_flags);
PRUNE(image, "Remove images that nothing needs", image_flags);
PRUNE(volume, "Remove volumes that no container uses", volume_flags);
PRUNE(system, "Remove all that is not in use", system_flags);
