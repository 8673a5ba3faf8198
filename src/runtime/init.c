/*
 * Order, and why: the tree is built before pivot_root, while the host's devices can still be opened
 * by name and nothing of the container runs; sysctls and names after it, through a procfs that no mask covers;
 * then the gate; then what needs privileges least to most: the filter is last.
 */
#include "init.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "creds.h"
#include "net_ahead.h"
#include "ns.h"
#include "streams.h"
#include "sys/newmount.h"
#include "sys/rootpath.h"
#include "tty.h"

void setup_enter_late(struct setup *s)
{
	int fds[FD_PASS_MAX];
	size_t n = ARRAY_LEN(fds);
	report_wait_fds(&s->report, PERMIT_CGROUP, fds, &n);
	if (cgroup_enter(fds, n) < 0)
		report_sys(&s->report, "enter the container's cgroup");
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	cpus_reset();
}

void setup_enter_cgroup(struct setup *s)
{
	if (s->cgroup_unit) {
		setup_enter_late(s);
		return;
	}
	if (cgroup_enter(s->entries, s->entry_count) < 0)
		report_sys(&s->report, "enter the container's cgroup");
	cpus_reset();
}

/* A new one: made ahead, by clone, or here. */
static void enter_network(struct setup *s)
{
	int fd = -1;
	size_t n = 1;
	bool comes = s->net_ahead && !net_ahead_left_to_init(s->io->net);
	if (comes)
		report_wait_fds(&s->report, PERMIT_NET, &fd, &n);
	if (comes && n) {
		if (setns(fd, CLONE_NEWNET) < 0)
			report_sys(&s->report, "enter the network namespace");
		close(fd);
		return;
	}
	if ((s->net_ahead || s->cgroup_late) && unshare(CLONE_NEWNET) < 0)
		report_sys(&s->report, "make the network namespace");
	ns_loopback_up(&s->report);
}

static void enter_namespaces(struct init *init)
{
	struct setup *s = &init->setup;
	const struct plan *plan = s->plan;
	if (!init->staged)
		ns_join(s->ns, &plan->process, &s->report);
	if (plan->ns_new & CLONE_NEWUSER) {
		report_wait(&s->report, PERMIT_MAPPED);
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	}
	if ((plan->ns_new & CLONE_NEWUSER) || s->ns[OCI_NS_USER] >= 0)
		ns_become_root(&plan->process, &s->report);
	if (plan->ns_new & CLONE_NEWNET)
		enter_network(s);
	if (plan->ns_new & CLONE_NEWTIME)
		ns_time(plan, s->proc, &s->report);
}

static void bind_init(struct init *init)
{
	struct setup *s = &init->setup;
	if (init->init_mount < 0)
		return;
	auto_fd int target = root_make_file(s->root, PROGRAM_INIT);
	if (target < 0 || newmount_move(init->init_mount, target) < 0)
		report_sys(&s->report, "bind %s", PROGRAM_INIT);
}

static void run_own_hooks(struct init *init, const struct plan_hooks *hooks,
	const struct hook_state *state, const char *what, const struct hook_seal *seal)
{
	struct setup *s = &init->setup;
	struct hook_fault fault;
	if (!hooks->count)
		return;
	/* runtime.md "State": the pid as the container sees it */
	if (hooks_run(hooks, state, getpid(), what, seal, &fault) < 0)
		report_fail(&s->report, ERR_SYSTEM, 0, "%s", fault.text);
}

static void build_tree(struct init *init)
{
	struct setup *s = &init->setup;
	root_attach(s);
	etc_make(s);
	mounts_make(s);
	devices_make(s);
	bind_init(init);
	if (s->plan->process.terminal) {
		s->tty =
			tty_open(s->devpts, s->root, &s->plan->process, s->io->lf_only, &s->report);
		tty_bind_console(s->tty, s->root, &s->report);
	}
	fd_closep(&s->devpts);
	settings_prepare(s);
	masks_make(s);
	mounts_finish(s);
	mount_need_cgroup(s);
	if (s->wait_hooks || s->wait_net || s->plan->create_container.count)
		report_send(&s->report, REPORT_MOUNTED, 0);
	if (s->wait_hooks || s->wait_net)
		report_wait(&s->report, PERMIT_PIVOT);
	run_own_hooks(init, &s->plan->create_container, &init->created, "createContainer", NULL);
	root_pivot(s);
}

static void prepare_program(struct init *init)
{
	struct setup *s = &init->setup;
	const struct plan_process *p = &s->plan->process;
	settings_apply(s);
	int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		report_sys(&s->report, "open the new root");
	user_prepare(&s->user, p, top, &s->report);
	program_set_home(&init->program, &s->user);
	program_enter_folder(p, &s->report);
	program_find(&init->program, &s->report);
	close(top);
	/* before the gate, where a container may wait for long: what is open here keeps somebody's
	 * connection alive */
	int *const keep[] = {&s->proc, &init->gate};
	streams_arrange(s->io, s->tty, keep, ARRAY_LEN(keep), &s->report);
	streams_own(s->user.uid, s->tty >= 0);
	/* takes effect at exec; a profile that is not there is to be heard of before the gate */
	creds_label(p, s->proc, &s->report);
}

static void end_at_gate(int sig)
{
	_exit(128 + sig);
}

/* The first process of a pid namespace gets no signal that it does not handle, but whoever kills a container that has
 * not been started means it to end. The handlers go with exec. */
static void be_mortal(void)
{
	static const int deadly[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	struct sigaction end = {.sa_handler = end_at_gate}, old;
	for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
		/* what our caller ignores stays ignored: nohup(1) */
		if (sigaction(deadly[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(deadly[i], &end, NULL);
	}
}

/* Another process opens the gate: it connects, says go, and hears what becomes of exec. One that
 * comes and leaves without a word is forgotten. */
static void wait_at_socket(struct setup *s, int gate)
{
	for (;;) {
		/* cppcheck-suppress nullPointer ; it may be */
		int conn = accept4(gate, NULL, NULL, SOCK_CLOEXEC);
		if (conn < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (conn < 0)
			report_sys(&s->report, "wait at the gate");
		uint8_t permit = 0;
		if (fd_read(conn, &permit, sizeof(permit)) == sizeof(permit) &&
			(permit & PERMIT_GO)) {
			close(gate);
			close(s->report.sock);
			s->report.sock = conn;
			return;
		}
		close(conn);
	}
}

static void wait_at_gate(struct init *init)
{
	if (init->gate >= 0)
		be_mortal();
	report_send(&init->setup.report, REPORT_READY, 0);
	/* who waits at a socket does not hear when its maker is killed: not before it can be found */
	if (init->gate >= 0) {
		report_wait(&init->setup.report, PERMIT_RECORDED);
		wait_at_socket(&init->setup, init->gate);
	} else {
		report_wait(&init->setup.report, PERMIT_GO);
	}
}

static void take_identity(struct init *init)
{
	struct setup *s = &init->setup;
	const struct plan_process *p = &s->plan->process;
	limits_apply(p, &s->report);
	if (s->plan->new_keyring)
		creds_keyring(init->keyring, &s->report);
	creds_drop(p, &s->user, &s->report);
}

static void finish(struct init *init) __attribute__((noreturn));
static void finish(struct init *init)
{
	struct setup *s = &init->setup;
	const struct plan_process *p = &s->plan->process;
	/* their programs are the image's, so they get what the image's program gets */
	struct hook_seal seal = {p, &s->user, (const char *const *)init->program.env, false};
	bool shared = p->listener_path && s->plan->start_container.count;
	/* a filter has one listener: the hooks inherit it */
	if (shared && !init->sealed) {
		creds_seal(p, &s->user, &s->report);
		init->sealed = true;
	}
	seal.done = shared;
	run_own_hooks(init, &s->plan->start_container, &init->created, "startContainer", &seal);
	/* or the program might be /proc/self/fd/N/..., a path of the host (CVE-2024-21626) */
	fd_closep(&s->proc);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	report_send(&s->report, REPORT_EXEC, 0);
	if (!init->sealed)
		creds_seal(p, &s->user, &s->report);
	program_exec(&init->program, &s->report);
}

static void begin(struct init *init)
{
	struct setup *s = &init->setup;
	init->gate = s->io->gate_socket > 0 ? s->io->gate_socket : -1;
	fd_closep(&init->parents);
	if (s->io->spare)
		fd_closep(s->io->spare);
	umask(0);
	/* the files in /proc of a process that is not dumpable are root's, and an ordinary user is to write
	 * the mappings there */
	bool hide = !(s->plan->ns_new & CLONE_NEWUSER) || geteuid() == 0;
	prctl(PR_SET_DUMPABLE, !hide, 0, 0, 0);
}

void init_main(struct init *init)
{
	struct setup *s = &init->setup;
	begin(init);
	setsid();
	if (!init->staged && !s->cgroup_late)
		setup_enter_cgroup(s);
	enter_namespaces(init);
	build_tree(init);
	prepare_program(init);
	wait_at_gate(init);
	if (s->plan->process.terminal)
		tty_control(0, &s->report);
	take_identity(init);
	finish(init);
}

/* Init of init_hidden(). */
static void take_over(struct init *init) __attribute__((noreturn));
static void take_over(struct init *init)
{
	struct setup *s = &init->setup;
	report_wait(&s->report, PERMIT_KNOWN);
	setsid();
	wait_at_gate(init);
	if (s->plan->process.terminal)
		tty_control(0, &s->report);
	finish(init);
}

void init_hidden(struct init *init)
{
	struct setup *s = &init->setup;
	const struct plan *plan = s->plan;
	begin(init);
	init->staged = true;
	if (unshare((int)ns_clone_flags(plan, false)) < 0)
		report_sys(&s->report, "unshare namespaces");
	if (plan->ns_new & CLONE_NEWUSER)
		report_send(&s->report, REPORT_UNSHARED, 0);
	enter_namespaces(init);
	build_tree(init);
	prepare_program(init);
	report_wait(&s->report, PERMIT_SCORED);
	take_identity(init);
	/* hooks tell their pid, and take more system calls than creds_seal_early() asks about; a listener
	 * is handed over at the start */
	if (!plan->start_container.count && !plan->process.listener_path) {
		fd_closep(&s->proc);
		init->sealed = creds_seal_early(&plan->process, &s->user, &s->report);
	}
	pid_t pid = creds_clone();
	if (pid == 0)
		take_over(init);
	if (pid < 0)
		report_sys(&s->report, "clone");
	report_send(&s->report, REPORT_PID, pid);
	_exit(0);
}
