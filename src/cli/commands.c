/* The table of commands. Order matters for the common ones: `kist help` lists them first, as here. */
#include "command.h"

extern const struct command command_run, command_exec, command_ps, command_images, command_version,
	command_info, command_attach, command_create, command_events, command_history,
	command_import, command_inspect, command_kill, command_load, command_logs, command_pause,
	command_port, command_rename, command_restart, command_rm, command_rmi, command_start,
	command_stop, command_tag, command_top, command_unpause, command_wait,
	command_inspect_container, command_inspect_image, command_inspect_network,
	command_inspect_volume, command_network_ls, command_volume_create, command_volume_ls,
	command_volume_rm, command_completion, command_complete, command_man;

const struct command *const commands[] = {
	&command_run,
	&command_exec,
	&command_ps,
	&command_images,
	&command_version,
	&command_info,
	&command_attach,
	&command_create,
	&command_events,
	&command_history,
	&command_import,
	&command_inspect,
	&command_kill,
	&command_load,
	&command_logs,
	&command_pause,
	&command_port,
	&command_rename,
	&command_restart,
	&command_rm,
	&command_rmi,
	&command_start,
	&command_stop,
	&command_tag,
	&command_top,
	&command_unpause,
	&command_wait,
	&command_inspect_container,
	&command_inspect_image,
	&command_inspect_network,
	&command_inspect_volume,
	&command_network_ls,
	&command_volume_create,
	&command_volume_ls,
	&command_volume_rm,
	&command_completion,
	&command_complete,
	&command_man,
	NULL,
};

const struct group command_groups[] = {
	{"container", "Everything about containers"},
	{"image", "Everything about images"},
	{"network", "Look at networks"},
	{"system", "The daemon as a whole"},
	{"volume", "Storage that outlives containers"},
	{NULL},
};

/* Verbs that docker has and kist has not: they get a clear answer instead of "unknown command". */
static const struct {
	const char *group, *name;
} planned[] = {
	{NULL, "build"},
	{NULL, "builder"},
	{NULL, "buildx"},
	{NULL, "checkpoint"},
	{NULL, "commit"},
	{NULL, "compose"},
	{NULL, "config"},
	{NULL, "context"},
	{NULL, "cp"},
	{NULL, "diff"},
	{NULL, "export"},
	{NULL, "login"},
	{NULL, "logout"},
	{NULL, "manifest"},
	{NULL, "node"},
	{NULL, "plugin"},
	{NULL, "pull"},
	{NULL, "push"},
	{NULL, "save"},
	{NULL, "search"},
	{NULL, "secret"},
	{NULL, "service"},
	{NULL, "stack"},
	{NULL, "stats"},
	{NULL, "swarm"},
	{NULL, "trust"},
	{NULL, "update"},
	{"container", "commit"},
	{"container", "cp"},
	{"container", "diff"},
	{"container", "export"},
	{"container", "prune"},
	{"container", "stats"},
	{"container", "update"},
	{"image", "build"},
	{"image", "prune"},
	{"image", "pull"},
	{"image", "push"},
	{"image", "save"},
	{"network", "connect"},
	{"network", "create"},
	{"network", "disconnect"},
	{"network", "prune"},
	{"network", "rm"},
	{"system", "df"},
	{"system", "prune"},
	{"volume", "prune"},
	{"volume", "update"},
};

bool command_is_planned(const char *group, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(planned); i++)
		if (str_eq(planned[i].group, group) && str_eq(planned[i].name, name))
			return true;
	return false;
}
