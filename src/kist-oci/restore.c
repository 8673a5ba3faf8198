/* restore: a container from a checkpoint and its bundle. */
#include "console.h"
#include "launch.h"

#define DEFAULT_IMAGES "checkpoint"

struct restore_options {
	struct launch_options launch;
	struct criu_options criu;
	char **empty_ns;
};

#define LAUNCH(field) offsetof(struct restore_options, launch.field)
#define CRIU(field) offsetof(struct restore_options, criu.field)

static const struct option options[] = {
	{"console-socket", OPTION_STR, LAUNCH(console_socket),
		"unix socket that receives the terminal's master end"},
	{"image-path", OPTION_STR, CRIU(image_path),
		"folder of the images (default ./" DEFAULT_IMAGES ")"},
	{"work-path", OPTION_STR, CRIU(work_path), "folder for criu's log and work files"},
	{"tcp-established", OPTION_BOOL, CRIU(tcp_established), "allow open TCP connections"},
	{"ext-unix-sk", OPTION_BOOL, CRIU(ext_unix_sk), "allow unix sockets to the outside"},
	{"shell-job", OPTION_BOOL, CRIU(shell_job), "allow a session led from outside"},
	{"file-locks", OPTION_BOOL, CRIU(file_locks), "restore file locks"},
	{"manage-cgroups-mode", OPTION_STR, CRIU(cgroup_mode),
		"soft (default), full, strict or ignore"},
	{"bundle, b", OPTION_STR, LAUNCH(bundle), "folder of the bundle (default .)"},
	{"detach, d", OPTION_BOOL, LAUNCH(detach), "do not wait for the container"},
	{"pid-file", OPTION_STR, LAUNCH(pid_file), "file to write the process id to"},
	{"no-subreaper", OPTION_BOOL, LAUNCH(no_subreaper),
		"accepted for runc's sake: " PROGRAM " is none"},
	{"no-pivot", OPTION_BOOL, LAUNCH(no_pivot),
		"accepted for runc's sake: the root is criu's business"},
	{"empty-ns", OPTION_LIST, offsetof(struct restore_options, empty_ns),
		"namespace to make without its properties: network"},
	{"auto-dedup", OPTION_BOOL, CRIU(auto_dedup), "drop from the images what is restored"},
	{"lazy-pages", OPTION_BOOL, CRIU(lazy_pages),
		"let \"criu lazy-pages\" bring memory pages when they are needed"},
	{"lsm-profile", OPTION_STR, CRIU(lsm_profile),
		"TYPE:NAME of the security profile to restore with"},
	{"lsm-mount-context", OPTION_STR, CRIU(lsm_mount_context),
		"security context to mount file systems with"},
};

static int restore(
	const struct globals *g, const struct launch_options *o, const char *id, struct err **err)
{
	auto_launch launch = LAUNCH_INIT;
	auto_fd int signals = -1;
	/* before there is a process to forward them to, so that none is lost */
	if (!o->detach) {
		signals = foreground_signals(err);
		if (signals < 0)
			return -1;
	}
	if (launch_create(&launch, g, o, id, false, err) < 0)
		return -1;
	return o->detach ? 0 : launch_wait(&launch, false, signals, err);
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	struct restore_options *o = opts;
	o->criu.program = g->criu;
	o->criu.empty_ns = o->empty_ns;
	o->criu.status_fd = -1;
	if (!o->criu.image_path)
		o->criu.image_path = DEFAULT_IMAGES;
	o->launch.images = &o->criu;
	int code = restore(g, &o->launch, argv[0], err);
	if (code < 0)
		err_wrap(err, PROGRAM " restore failed");
	return code < 0 ? 1 : code;
}

const struct verb verb_restore = {
	.name = "restore",
	.usage = "<container-id>",
	.help = "make a container again that has been saved by checkpoint",
	VERB_OPTIONS(options, struct restore_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
