/* create: everything but the last step. */
#include "launch.h"

static const struct option options[] = {
	LAUNCH_OPTIONS,
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
