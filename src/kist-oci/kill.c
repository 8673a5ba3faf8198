/* kill: a signal to init, or to all processes. */
#include <signal.h>
#include <sys/syscall.h>

#include "state.h"

struct kill_options {
	bool all;
};

static const struct option options[] = {
	{"all, a", OPTION_BOOL, offsetof(struct kill_options, all),
		"to every process of the container"},
};

/* A number, or a name with or without "SIG", in any case; also RTMIN+n and RTMAX-n. */
static int parse_signal(const char *text, struct err **err)
{
	int number;
	if (str_to_int(text, &number) == 0) {
		if (number >= 0 && number <= SIGRTMAX)
			return number;
		return err_set(err, ERR_INVALID, "unknown signal \"%s\"", text);
	}
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	for (int i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);
		if (known && str_ieq(known, name))
			return i;
	}
	bool low = strncasecmp(name, "RTMIN", 5) == 0, high = strncasecmp(name, "RTMAX", 5) == 0;
	if (low || high) {
		number = 0;
		if (name[5] && (name[5] != (low ? '+' : '-') || str_to_int(name + 6, &number) < 0))
			number = -1;
		number = number < 0 ? -1 : low ? SIGRTMIN + number : SIGRTMAX - number;
		if (number >= SIGRTMIN && number <= SIGRTMAX)
			return number;
	}
	return err_set(err, ERR_INVALID, "unknown signal \"%s\"", text);
}

static int kill_all(const struct state *s, int sig, struct err **err)
{
	struct cgroup *cg = state_cgroup(s);
	int r = cg ? cgroup_kill(cg, sig, err) : 0;
	cgroup_free(cg);
	return r;
}

/* On v1 a frozen process dies only when it is thawed. */
static void thaw(const struct state *s)
{
	struct cgroup *cg = state_cgroup(s);
	if (cg && cgroup_frozen(cg))
		cgroup_freeze(cg, false, NULL);
	cgroup_free(cg);
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct kill_options *o = opts;
	auto_state *s = NULL;
	int sig = argc > 1 ? parse_signal(argv[1], err) : SIGTERM;
	if (sig < 0 || state_open(&s, g, argv[0], false, err) < 0)
		return 1;
	if (o->all)
		return kill_all(s, sig, err) < 0;
	auto_fd int pidfd = state_pidfd(s, err);
	if (pidfd < 0)
		return 1;
	if (syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0) {
		err_sys(err, errno, "send signal %d to container %s", sig, s->id);
		return 1;
	}
	if (sig == SIGKILL)
		thaw(s);
	return 0;
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
