/* run: create and start in one, and unless detached wait and remove. */
#include <sys/prctl.h>

#include "base/log.h"
#include "console.h"
#include "launch.h"

static const struct option options[] = {
	LAUNCH_OPTIONS,
	LAUNCH_OPTION("detach, d", OPTION_BOOL, detach, "do not wait for the container"),
	LAUNCH_OPTION("keep", OPTION_BOOL, keep, "do not remove the container when it has ended"),
	LAUNCH_OPTION("no-subreaper", OPTION_BOOL, no_subreaper,
		"leave orphans of the container to init instead of reaping them"),
};

static int start(struct launch *l, struct err **err)
{
	if (run_start(l->run, l->plan, err) < 0 || launch_made(l, err) < 0)
		return -1;
	log_debug("container %s: its program runs", l->state->id);
	return run_hooks(&l->plan->poststart, l->plan, "running", l->run->pid, "poststart", err);
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct launch_options *o = opts;
	auto_launch launch = LAUNCH_INIT;
	auto_fd int signals = -1;
	/* what comes while the container is made is for it, too */
	if (!o->detach && (signals = foreground_signals(err)) < 0)
		return 1;
	if (!o->detach && !o->no_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (launch_create(&launch, g, o, argv[0], false, err) < 0) {
		err_wrap(err, PROGRAM " run failed");
		return 1;
	}
	if (start(&launch, err) < 0) {
		err_wrap(err, PROGRAM " run failed");
		launch_remove(&launch, NULL);
		return 1;
	}
	if (o->detach) {
		/* for as long as it takes: others may have the container meanwhile */
		state_unlock(launch.state);
		notify_wait(&launch.notify, launch.run->pidfd);
		return 0;
	}
	int code = launch_wait(&launch, o->keep, signals, err);
	return code < 0 ? 1 : code;
}

const struct verb verb_run = {
	.name = "run",
	.usage = "<container-id>",
	.help = "create a container, start it, and wait for its end",
	VERB_OPTIONS(options, struct launch_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
