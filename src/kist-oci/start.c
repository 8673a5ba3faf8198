/* start: opens the gate of a created container. */
#include <fcntl.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/log.h"
#include "delete.h"
#include "notify.h"
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

/* Up to the poststart hooks. *hook: a hook may be what failed, which ends the container. */
static int start(struct state *s, const struct plan *plan, int gate, struct notify *notify,
	bool *hook, struct err **err)
{
	auto_fd int init = state_pidfd(s, err);
	if (init < 0 || notify_listen(notify, s->dir, err) < 0)
		return -1;
	auto_fd int sock = gate < 0 ? unix_connect(s->dir, STATE_GATE, SOCK_SEQPACKET, err) : -1;
	if (gate < 0 && (gate = sock) < 0)
		return -1;
	/* it was asked without waiting */
	if (fcntl(gate, F_SETFL, 0) < 0)
		return err_sys(err, errno, "use the container's gate");
	*hook = plan->start_container.count > 0;
	int r = run_start_at(gate, plan, s->pid, init, err);
	unlinkat(s->dir, STATE_GATE, 0);
	if (r < 0)
		return -1;
	log_debug("container %s: its program runs", s->id);
	*hook = true;
	return run_hooks(&plan->poststart, plan, "running", s->pid, "poststart", err);
}

static int start_container(const struct globals *g, const char *id, struct err **err)
{
	auto_state *s = NULL;
	auto_fd int gate = -1;
	if (state_open(&s, g, id, LOCK_MAKE, err) < 0 ||
		check_status(state_status_at_gate(s, &gate), err) < 0)
		return -1;
	auto_buf bytes = BUF_INIT;
	struct plan *plan = NULL;
	if (state_plan_load(s, &bytes, &plan, err) < 0)
		return -1;
	struct notify notify = {.sock = -1, .pid = s->pid};
	bool hook = false;
	int r = start(s, plan, gate, &notify, &hook, err);
	plan_free(plan);
	auto_err *why = NULL;
	/* runtime.md "Lifecycle", steps 7 and 9 */
	if (r < 0 && hook && container_remove(s, true, &why) < 0)
		report_error(g, err_msg(why));
	auto_fd int init = r < 0 || notify.sock < 0 ? -1 : state_pidfd(s, NULL);
	/* for as long as it takes: others may have the container meanwhile */
	fd_closep(&s->lock);
	if (init >= 0)
		notify_wait(&notify, init);
	notify_close(&notify);
	return r;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	return start_container(g, argv[0], err) < 0;
}

const struct verb verb_start = {
	.name = "start",
	.usage = "<container-id>",
	.help = "let a created container's process begin",
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
