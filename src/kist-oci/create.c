/* create: everything but the last step. */
#include "launch.h"

static const struct option options[] = {
	{"bundle, b", OPTION_STR, offsetof(struct launch_options, bundle),
		"folder of the bundle (default .)"},
	{"console-socket", OPTION_STR, offsetof(struct launch_options, console_socket),
		"unix socket that receives the terminal's master end"},
	{"pidfd-socket", OPTION_STR, offsetof(struct launch_options, pidfd_socket),
		"unix socket that receives a pidfd of the container's process"},
	{"pid-file", OPTION_STR, offsetof(struct launch_options, pid_file),
		"file to write the process id to"},
	{"no-pivot", OPTION_BOOL, offsetof(struct launch_options, no_pivot),
		"do not use pivot_root: for a root on a ramdisk"},
	{"no-new-keyring", OPTION_BOOL, offsetof(struct launch_options, no_new_keyring),
		"keep the caller's session keyring"},
	{"preserve-fds", OPTION_INT, offsetof(struct launch_options, preserve_fds),
		"hand on N more descriptors, from 3"},
};

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	auto_launch launch = LAUNCH_INIT;
	if (launch_create(&launch, g, opts, argv[0], true, err) < 0) {
		err_wrap(err, PROGRAM " create failed");
		return 1;
	}
	return 0;
}

const struct verb verb_create = {
	.name = "create",
	.usage = "<container-id>",
	.help = "prepare a container up to its last step, which start does",
	VERB_OPTIONS(options, struct launch_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
