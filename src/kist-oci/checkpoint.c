/* checkpoint: criu's images of a running container, which is gone afterwards unless asked to stay. */
#include "base/log.h"
#include "delete.h"
#include "launch.h"

#define DEFAULT_IMAGES "checkpoint" /* in the working folder, as runc has it */

struct checkpoint_options {
	struct criu_options criu;
	char **empty_ns;
	const char *status_fd;
};

#define CRIU(field) offsetof(struct checkpoint_options, criu.field)

static const struct option options[] = {
	{"image-path", OPTION_STR, CRIU(image_path),
		"folder for the images (default ./" DEFAULT_IMAGES ")"},
	{"work-path", OPTION_STR, CRIU(work_path), "folder for criu's log and work files"},
	{"parent-path", OPTION_STR, CRIU(parent_path),
		"an earlier pre-dump's images, relative to --image-path"},
	{"leave-running", OPTION_BOOL, CRIU(leave_running), "let the container run on"},
	{"tcp-established", OPTION_BOOL, CRIU(tcp_established), "allow open TCP connections"},
	{"tcp-skip-in-flight", OPTION_BOOL, CRIU(tcp_skip_in_flight),
		"leave out TCP connections that are being made"},
	{"link-remap", OPTION_BOOL, CRIU(link_remap), "allow files that have been unlinked"},
	{"ext-unix-sk", OPTION_BOOL, CRIU(ext_unix_sk), "allow unix sockets to the outside"},
	{"shell-job", OPTION_BOOL, CRIU(shell_job), "allow a session led from outside"},
	{"lazy-pages", OPTION_BOOL, CRIU(lazy_pages), "serve memory pages when they are needed"},
	{"status-fd", OPTION_STR, offsetof(struct checkpoint_options, status_fd),
		"gets a NUL byte when --lazy-pages are being served"},
	{"page-server", OPTION_STR, CRIU(page_server), "ADDRESS:PORT to send memory pages to"},
	{"file-locks", OPTION_BOOL, CRIU(file_locks), "save file locks"},
	{"pre-dump", OPTION_BOOL, CRIU(pre_dump),
		"save memory only, for a later checkpoint's --parent-path, and run on"},
	{"manage-cgroups-mode", OPTION_STR, CRIU(cgroup_mode),
		"soft (default), full, strict or ignore"},
	{"empty-ns", OPTION_LIST, offsetof(struct checkpoint_options, empty_ns),
		"namespace to save as an empty one: network"},
	{"auto-dedup", OPTION_BOOL, CRIU(auto_dedup), "drop from the parent's images what is new"},
};

static int check_status(struct state *s, struct err **err)
{
	enum status status = state_status(s);
	if (status == STATUS_RUNNING || status == STATUS_PAUSED)
		return 0;
	return err_set(err, ERR_CONFLICT, "Container cannot be checkpointed in %s state",
		status_name(status));
}

static int dump(struct state *s, const struct criu_options *o, struct err **err)
{
	auto_buf bytes = BUF_INIT;
	struct plan *plan = NULL;
	if (state_plan_load(s, &bytes, &plan, err) < 0)
		return -1;
	struct cgroup *cg = state_cgroup(s);
	int r = criu_checkpoint(plan, s->pid, cg, s->streams, o, err);
	cgroup_free(cg);
	plan_free(plan);
	return r;
}

static int checkpoint(
	const struct globals *g, struct checkpoint_options *o, const char *id, struct err **err)
{
	auto_state *s = NULL;
	struct criu_options *criu = &o->criu;
	criu->program = g->criu;
	criu->empty_ns = o->empty_ns;
	criu->status_fd = -1;
	if (!criu->image_path)
		criu->image_path = DEFAULT_IMAGES;
	if (o->status_fd && str_to_int(o->status_fd, &criu->status_fd) < 0)
		return err_set(err, ERR_INVALID, "invalid value \"%s\" for flag --status-fd",
			o->status_fd);
	if (state_open(&s, g, id, LOCK_CHANGE, err) < 0 || check_status(s, err) < 0 ||
		dump(s, criu, err) < 0)
		return -1;
	if (criu->leave_running || criu->pre_dump)
		return 0;
	/* the images are good, whatever becomes of this */
	auto_err *why = NULL;
	if (container_remove(s, true, &why) < 0)
		log_warn("%s", err_msg(why));
	return 0;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	return checkpoint(g, opts, argv[0], err) < 0;
}

const struct verb verb_checkpoint = {
	.name = "checkpoint",
	.usage = "<container-id>",
	.help = "save a running container with criu, and end it",
	VERB_OPTIONS(options, struct checkpoint_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
