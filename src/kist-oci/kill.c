/* kill: a signal to init, or to all processes. */
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "state.h"

struct kill_options {
	bool all;
};

static const struct option options[] = {
	{"all, a", OPTION_BOOL, offsetof(struct kill_options, all),
		"to every process of the container"},
};

/* A number, or a name with or without "SIG", in any case; also RTMIN+n and RTMAX-n. */
static int parse_signal(int *out, const char *text, struct err **err)
{
	int number;
	if (str_to_int(text, out) == 0)
		return 0; /* the kernel knows which there are */
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);
		if (known && str_ieq(known, name)) {
			*out = i;
			return 0;
		}
	}
	bool low = strncasecmp(name, "RTMIN", 5) == 0, high = strncasecmp(name, "RTMAX", 5) == 0;
	if (low || high) {
		number = 0;
		if (name[5] && (name[5] != (low ? '+' : '-') || str_to_int(name + 6, &number) < 0))
			number = -1;
		number = number < 0 ? -1 : low ? SIGRTMIN + number : SIGRTMAX - number;
		if (number >= SIGRTMIN && number <= SIGRTMAX) {
			*out = number;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "unknown signal \"%s\"", text);
}

static int kill_all(struct cgroup *cg, int sig, struct err **err)
{
	int r = cgroup_kill(cg, sig, err);
	cgroup_free(cg);
	return r;
}

/* Init's death ends them all only where it is the first of a namespace of its own. */
static bool outlive_init(struct state *s)
{
	auto_buf bytes = BUF_INIT;
	struct plan *plan = NULL;
	if (state_plan_load(s, &bytes, &plan, NULL) < 0)
		return false;
	bool shared = !(plan->ns_new & CLONE_NEWPID);
	plan_free(plan);
	return shared;
}

/* On v1 a frozen process dies only when it is thawed. */
static void thaw(struct state *s)
{
	struct cgroup *cg = state_cgroup(s);
	if (cg && cgroup_frozen(cg))
		cgroup_freeze(cg, false, NULL);
	cgroup_free(cg);
}

static int kill_init(struct state *s, int sig, struct err **err)
{
	/* what runs then is our own, which the verb that makes it watches */
	if (s->creating)
		return err_set(err, ERR_NOT_FOUND, "container not running");
	auto_fd int pidfd = state_pidfd(s, err);
	if (pidfd < 0)
		return -1;
	if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0) {
		if (errno == ESRCH)
			return err_set(err, ERR_NOT_FOUND, "container not running");
		return err_sys(err, errno, "unable to signal init: signal %d", sig);
	}
	if (sig == SIGKILL)
		thaw(s);
	return 0;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct kill_options *o = opts;
	auto_state *s = NULL;
	auto_err *why = NULL;
	int sig = SIGTERM;
	if (state_open(&s, g, argv[0], LOCK_NONE, err) < 0)
		return 1;
	if (argc > 1 && !str_empty(argv[1]) && parse_signal(&sig, argv[1], err) < 0)
		return 1;
	/* without a cgroup (rootless) init is all that can be reached */
	bool all = o->all || (sig == SIGKILL && outlive_init(s));
	log_debug("container %s: signal %d to %s", s->id, sig, all ? "all" : "its first process");
	struct cgroup *cg = all ? state_cgroup(s) : NULL;
	if (cg)
		return kill_all(cg, sig, err) < 0;
	if (kill_init(s, sig, &why) == 0 || (o->all && why->kind == ERR_NOT_FOUND))
		return 0;
	err_move(err, &why);
	return 1;
}

const struct verb verb_kill = {
	.name = "kill",
	.usage = "<container-id> [signal]",
	.help = "send a signal to a container's first process (default SIGTERM)",
	VERB_OPTIONS(options, struct kill_options),
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
