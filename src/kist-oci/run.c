/* run: create and start in one, and unless detached wait and remove. */
#include "console.h"
#include "launch.h"

static const struct option options[] = {
	{"bundle, b", OPTION_STR, offsetof(struct launch_options, bundle),
		"folder of the bundle (default .)"},
	{"console-socket", OPTION_STR, offsetof(struct launch_options, console_socket),
		"unix socket that receives the terminal's master end"},
	{"detach, d", OPTION_BOOL, offsetof(struct launch_options, detach),
		"do not wait for the container"},
	{"keep", OPTION_BOOL, offsetof(struct launch_options, keep),
		"do not remove the container when it has ended"},
	{"pidfd-socket", OPTION_STR, offsetof(struct launch_options, pidfd_socket),
		"unix socket that receives a pidfd of the container's process"},
	{"pid-file", OPTION_STR, offsetof(struct launch_options, pid_file),
		"file to write the process id to"},
	{"no-subreaper", OPTION_BOOL, offsetof(struct launch_options, no_subreaper),
		"accepted for runc's sake: " PROGRAM " is none"},
	{"no-pivot", OPTION_BOOL, offsetof(struct launch_options, no_pivot),
		"do not use pivot_root: for a root on a ramdisk"},
	{"no-new-keyring", OPTION_BOOL, offsetof(struct launch_options, no_new_keyring),
		"keep the caller's session keyring"},
	{"preserve-fds", OPTION_INT, offsetof(struct launch_options, preserve_fds),
		"hand on N more descriptors, from 3"},
};

static int start(struct launch *l, struct err **err)
{
	if (run_start(l->run, l->plan, err) < 0)
		return -1;
	return run_hooks(&l->plan->poststart, l->plan, "running", l->run->pid, "poststart", err);
}

/* The exit code is the container's; what fails afterwards is said but does not replace it. */
static int wait_and_remove(struct launch *l, bool keep, int signals, struct err **err)
{
	int code = foreground_wait(
		l->run->pid, l->run->pidfd, l->run->tty_master, signals, &l->notify, err);
	l->run->pid = 0;
	if (code >= 0 && keep)
		return code;
	auto_err *why = NULL;
	if (launch_remove(l, &why) < 0)
		report_error(&(struct globals){0}, err_msg(why));
	return code;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct launch_options *o = opts;
	auto_launch launch = LAUNCH_INIT;
	if (launch_create(&launch, g, o, argv[0], false, err) < 0) {
		err_wrap(err, PROGRAM " run failed");
		return 1;
	}
	auto_fd int signals = -1;
	if (!o->detach)
		signals = foreground_signals(err);
	if ((!o->detach && signals < 0) || start(&launch, err) < 0) {
		err_wrap(err, PROGRAM " run failed");
		launch_remove(&launch, NULL);
		return 1;
	}
	if (o->detach) {
		notify_wait(&launch.notify, launch.run->pidfd);
		return 0;
	}
	int code = wait_and_remove(&launch, o->keep, signals, err);
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
