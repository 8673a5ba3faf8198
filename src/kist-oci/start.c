/* start: opens the gate of a created container. */
#include <fcntl.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "runtime/run.h"
#include "state.h"

static int check_status(enum status status, struct err **err)
{
	switch (status) {
	case STATUS_CREATED:
		return 0;
	case STATUS_STOPPED:
		return err_set(err, ERR_CONFLICT, "cannot start a container that has stopped");
	case STATUS_RUNNING:
		return err_set(err, ERR_CONFLICT, "cannot start an already running container");
	default:
		return err_set(err, ERR_CONFLICT, "cannot start a container in the %s state",
			status_name(status));
	}
}

static int start(const struct globals *g, const char *id, struct err **err)
{
	auto_state *s = NULL;
	if (state_open(&s, g, id, true, err) < 0 || check_status(state_status(s), err) < 0)
		return -1;
	auto_buf bytes = BUF_INIT;
	struct plan *plan = NULL;
	if (state_plan_load(s, &bytes, &plan, err) < 0)
		return -1;
	auto_fd int init = state_pidfd(s, err);
	auto_fd int sock = init < 0 ? -1 : unix_connect(s->dir, STATE_GATE, SOCK_SEQPACKET, err);
	int r = sock < 0 ? -1 : run_start_at(sock, plan, s->pid, init, err);
	unlinkat(s->dir, STATE_GATE, 0);
	if (r == 0)
		r = run_hooks(&plan->poststart, plan, "running", s->pid, "poststart", err);
	plan_free(plan);
	return r;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	return start(g, argv[0], err) < 0;
}

const struct verb verb_start = {
	.name = "start",
	.usage = "<container-id>",
	.help = "let a created container's process begin",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
