/* pause and resume. */
#include "state.h"

static int set_frozen(const struct globals *g, const char *id, bool frozen, struct err **err)
{
	auto_state *s = NULL;
	if (state_open(&s, g, id, LOCK_CHANGE, err) < 0)
		return -1;
	enum status status = state_status(s);
	if (frozen && status != STATUS_RUNNING && status != STATUS_CREATED)
		return err_set(err, ERR_CONFLICT, "container not running");
	if (!frozen && status != STATUS_PAUSED)
		return err_set(err, ERR_CONFLICT, "container not paused");
	struct cgroup *cg = state_cgroup_need(s, err);
	int r = cg ? cgroup_freeze(cg, frozen, err) : -1;
	cgroup_free(cg);
	return r;
}

static int run_pause(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	return set_frozen(g, argv[0], true, err) < 0;
}

static int run_resume(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	return set_frozen(g, argv[0], false, err) < 0;
}

const struct verb verb_pause = {
	.name = "pause",
	.usage = "<container-id>",
	.help = "freeze every process of a container",
	.min_args = 1,
	.max_args = 1,
	.run = run_pause,
};

const struct verb verb_resume = {
	.name = "resume",
	.usage = "<container-id>",
	.help = "let a paused container go on",
	.min_args = 1,
	.max_args = 1,
	.run = run_resume,
};
