/* delete: cgroup, hooks and entry of a container that has ended. */
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "delete.h"
#include "resctrl.h"
#include "runtime/run.h"

struct delete_options {
	bool force;
};

static const struct option options[] = {
	{"force, f", OPTION_BOOL, offsetof(struct delete_options, force),
		"kill the container first if it runs"},
};

#define DEATH_SOON_MS 100
#define DEATH_TIMEOUT_MS 10000

static bool ends_within(int pidfd, int ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int r;
	do
		r = poll(&p, 1, ms);
	while (r < 0 && errno == EINTR);
	return r != 0;
}

/* A descriptor of init, which has been killed; -1 if there is nobody to be killed. */
static int kill_init(struct state *s)
{
	int pidfd = state_pidfd(s, NULL);
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	return pidfd;
}

/* With the first process of a pid namespace all others go; those that do not are cgroup_destroy()'s to kill, which takes
 * the freezer. A frozen process dies only when it is thawed: cgroup_kill(). */
static int await_death(int pidfd, struct cgroup *cg, struct err **err)
{
	if (!(cg && cgroup_frozen(cg)) && ends_within(pidfd, DEATH_SOON_MS))
		return 0;
	if (cg && cgroup_kill(cg, SIGKILL, err) < 0)
		return -1;
	if (!ends_within(pidfd, DEATH_TIMEOUT_MS))
		return err_set(err, ERR_SYSTEM, "container init still running");
	return 0;
}

/* Resource classes and hooks: what fails is said, and the rest goes on. */
static void undo_plan(struct state *s)
{
	auto_buf bytes = BUF_INIT;
	auto_err *class = NULL, *hook = NULL, *unread = NULL;
	struct plan *plan = NULL;
	/* without a plan create was killed before it could have had hooks; another version's cannot be read */
	if (state_plan_load(s, &bytes, &plan, &unread) < 0 && unread->kind != ERR_NOT_FOUND)
		log_warn(
			"container %s: its poststop hooks are not run: %s", s->id, err_msg(unread));
	if (resctrl_remove(s, plan, &class) < 0)
		log_warn("%s", err_msg(class));
	if (plan && run_poststop(plan, 0, &hook) < 0)
		log_warn("%s", err_msg(hook));
	plan_free(plan);
}

/* A unit that failed may outlive its cgroup. */
static int stop_unit(struct state *s, struct err **err)
{
	struct systemd_unit unit;
	if (!state_unit(s, &unit))
		return 0;
	int r = cgroup_unit_stop(&unit, err);
	systemd_unit_clear(&unit);
	return r;
}

int container_remove(struct state *s, bool kill, struct err **err)
{
	/* its cgroups are looked for while it is on its way out */
	auto_fd int init = kill ? kill_init(s) : -1;
	struct cgroup *cg = state_cgroup_core(s);
	int r = init >= 0 ? await_death(init, cg, err) : 0;
	/* processes that init left behind (no pid namespace of its own) go with it */
	if (r == 0)
		r = cg ? cgroup_destroy(cg, err) : stop_unit(s, err);
	cgroup_free(cg);
	if (r < 0 || state_root_end(s, err) < 0)
		return -1;
	log_debug("container %s: its cgroup is gone", s->id);
	undo_plan(s);
	return state_remove(s, err);
}

/* Somebody wrote to it, or the machine went down: what can be found goes. */
static int open_wreck(struct state **s, const struct globals *g, const char *id, struct err **err)
{
	auto_err *why = NULL;
	if (state_open_wreck(s, g, id, &why) < 0)
		return -1;
	log_warn("container %s: %s", id, err_msg(*err));
	err_freep(err);
	return 1;
}

/* 1 with the container, 0 with *err set if there is none. */
static int open_or_clear(
	struct state **s, const struct globals *g, const char *id, bool force, struct err **err)
{
	auto_err *why = NULL;
	enum state_lock lock = force ? LOCK_FORCE : LOCK_DELETE;
	for (;;) {
		if (state_open(s, g, id, lock, err) == 0)
			return 1;
		if ((*err)->kind == ERR_CONFLICT)
			return -1;
		if ((*err)->kind != ERR_NOT_FOUND)
			return force ? open_wreck(s, g, id, err) : -1;
		int gone = state_clear(g, id, lock, &why);
		if (gone < 0)
			return err_move(err, &why);
		if (gone)
			return 0;
		err_freep(err);
	}
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct delete_options *o = opts;
	auto_state *s = NULL;
	int found = open_or_clear(&s, g, argv[0], o->force, err);
	if (found < 0 || (!found && !o->force))
		return 1;
	if (!found) {
		err_freep(err);
		return 0;
	}
	bool kill = true; /* with force whatever it is doing */
	if (!o->force) {
		enum status status = state_status(s);
		if (status == STATUS_RUNNING || status == STATUS_PAUSED) {
			err_set(err, ERR_CONFLICT,
				"cannot delete container %s that is not stopped: %s", s->id,
				status_name(status));
			return 1;
		}
		kill = status != STATUS_STOPPED;
	}
	return container_remove(s, kill, err) < 0;
}

const struct verb verb_delete = {
	.name = "delete",
	.usage = "<container-id>",
	.help = "remove a container that has ended, and all that was made for it",
	VERB_OPTIONS(options, struct delete_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
