/* checkpoint and restore: known, and not here. */
#include "oci.h"

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	err_set(err, ERR_NOT_IMPLEMENTED, "checkpoint and restore are not implemented");
	return 1;
}

/* whatever options come: the answer is the same */
const struct verb verb_checkpoint = {
	.name = "checkpoint",
	.usage = "<container-id>",
	.help = "not implemented",
	.max_args = -1,
	.run = run,
};

const struct verb verb_restore = {
	.name = "restore",
	.usage = "<container-id>",
	.help = "not implemented",
	.max_args = -1,
	.run = run,
};
