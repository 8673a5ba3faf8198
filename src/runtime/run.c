/*
 * The parent's side of making a container. Nothing here waits for more than the child: it is alive
 * or its socket ends.
 */
#include "runtime/run.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "creds.h"
#include "init.h"
#include "limits_grant.h"
#include "lsm.h"
#include "net_ahead.h"
#include "netdev.h"
#include "ns.h"
#include "run_private.h"
#include "runtime/rdt.h"
#include "runtime/systemd.h"
#include "sys/child.h"
#include "sys/newmount.h"
#include "sys/procfs.h"
#include "usermap.h"

/* Everything that the making of one container owns in the parent. */
struct making {
	struct init init;
	struct run *run;
	struct netdevs *moved;
	int sock, theirs;
};

static int prepare_init_mount(struct init *init, const struct plan *plan, struct err **err)
{
	init->init_mount = -1;
	if (!plan->process.use_init)
		return 0;
	if (str_empty(plan->init_path))
		return err_set(
			err, ERR_INVALID, "an init is asked for, but no path of one is known");
	auto_fd int mnt = newmount_clone(AT_FDCWD, plan->init_path, false);
	struct newmount_attr attr = {.set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE};
	if (mnt < 0 || newmount_setattr(mnt, false, &attr) < 0)
		return err_sys(err, errno, "bind %s", plan->init_path);
	init->init_mount = steal_fd(&mnt);
	return 0;
}

static void making_free(struct making *m)
{
	struct setup *s = &m->init.setup;
	binds_close(s);
	netdevs_free(m->moved);
	nopivot_free(s);
	ns_close(s->ns, s->plan);
	cgroup_hierarchies_free(s->hierarchies, s->hierarchy_count);
	program_free(&m->init.program);
	hook_state_free(&m->init.created);
	fd_close(m->init.init_mount);
	fd_close(s->proc);
	fd_close(m->theirs);
	free(m);
}
static void making_freep(struct making **m)
{
	if (*m)
		making_free(*m);
}
#define auto_making __attribute__((cleanup(making_freep))) struct making

static struct making *making_new(const struct plan *plan, const struct run_io *io)
{
	struct making *m = xcalloc(1, sizeof(*m));
	struct setup *s = &m->init.setup;
	s->plan = plan;
	s->io = io;
	s->proc = s->root = s->devpts = s->sysctls = s->tty = -1;
	m->init.init_mount = m->sock = m->theirs = -1;
	for (int i = 0; i < OCI_NS_COUNT; i++)
		s->ns[i] = -1;
	s->dev_is_ours = devices_are_ours(plan);
	program_prepare(&m->init.program, &plan->process);
	snprintf(m->init.keyring, sizeof(m->init.keyring), RUN_KEYRING "%s",
		plan->id ? plan->id : "");
	return m;
}

static int open_on_host(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	s->proc = procfs_open();
	if (s->proc < 0)
		return err_sys(err, errno, "open /proc");
	if (ns_open(s->ns, s->plan, err) < 0 || host_check(s, err) < 0 ||
		lsm_check(&s->plan->process, s->plan->mount_label, err) < 0)
		return -1;
	/* it would change the caller's own; and an overlay has no place to be attached at */
	if (root_is_shared(s) && (!s->plan->host_mounts || s->plan->root_kind != PLAN_ROOT_BIND))
		return err_set(err, ERR_INVALID, "the plan has no mount namespace");
	s->root = m->run->root_mount = root_prepare(s->plan, &s->late, err);
	if ((s->root < 0 && !s->late) || binds_prepare(s, err) < 0)
		return -1;
	if (nopivot_prepare(s, err) < 0)
		return -1;
	return prepare_init_mount(&m->init, s->plan, err);
}

/* No cgroup at all, for want of permission or of a hierarchy. */
static int go_without_cgroup(struct making *m, struct err *why, struct err **err)
{
	struct setup *s = &m->init.setup;
	const struct plan *plan = s->plan;
	bool refused = why->sys == EACCES || why->sys == EPERM || why->sys == EROFS ||
		       why->kind == ERR_UNAVAILABLE;
	if (!plan->cgroup_optional || !refused)
		return err_set(err, why->kind, "%s", why->msg);
	const char *asked = plan->resources ? cgroup_first_asked(plan->resources) : NULL;
	if (asked)
		return err_set(err, ERR_FORBIDDEN,
			"a limit needs the cgroup controller \"%s\", but no cgroup can be made: %s",
			asked, why->msg);
	cgroup_hierarchies_own(&s->hierarchies, &s->hierarchy_count);
	return 0;
}

/* On v1 a container's cgroups take as long as all its mounts: init begins without and waits for them
 * where it needs them (mount_need_cgroup). Not where another process or a user namespace is in
 * between, whose rights differ. */
static bool may_be_late(const struct setup *s)
{
	return !s->plan->cgroup_optional && !(s->plan->ns_new & CLONE_NEWUSER) &&
	       !ns_needs_stage(s->ns, s->plan);
}

/* A place for the unit that will be made around init (start_unit). */
static int plan_unit(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	const struct plan *plan = s->plan;
	struct systemd_unit unit;
	if (systemd_unit_parse(&unit, plan->cgroup_path, plan->id, plan->systemd_user, err) < 0)
		return -1;
	unit.helper = xstrdup(plan->systemd_helper);
	int r = cgroup_unit_plan(&m->run->cgroup, &unit, err);
	systemd_unit_clear(&unit);
	if (r < 0)
		return -1;
	s->cgroup_unit = true;
	return cgroup_hierarchies(m->run->cgroup, &s->hierarchies, &s->hierarchy_count, err);
}

static struct oci_resources limits_of(const struct plan *plan)
{
	struct oci_resources res = plan->resources ? *plan->resources : (struct oci_resources){0};
	if (plan->rootless)
		res.device_count = 0;
	return res;
}

/* Around @pid, init or the stage that will clone it, which waits for that. */
static int start_unit(struct making *m, pid_t pid, struct err **err)
{
	struct setup *s = &m->init.setup;
	const struct plan *plan = s->plan;
	struct cgroup *cg = m->run->cgroup;
	const struct oci_resources res = limits_of(plan);
	const struct cgroup_unit_spec spec = {
		.id = plan->id,
		.resources = &res,
		.annotations = plan->annotations,
		.annotation_count = plan->annotation_count,
		.made = s->io->unit_made,
		.arg = s->io->unit_arg,
	};
	if (!s->cgroup_unit)
		return 0;
	if (cgroup_unit_start(cg, &spec, pid, err) < 0 || run_give_cgroup(cg, plan, err) < 0 ||
		cgroup_entry_fds(cg, &s->entries, &s->entry_count, err) < 0)
		return -1;
	if (report_permit_fds(m->sock, PERMIT_CGROUP, s->entries, s->entry_count) < 0)
		return err_sys(err, errno, "let the container's first process go on");
	return 0;
}

static int begin_cgroup(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	if (s->plan->systemd_helper)
		return plan_unit(m, err);
	struct cgroup **cg = &m->run->cgroup;
	auto_free char *named = xasprintf("/%s", s->plan->id);
	const char *path = str_empty(s->plan->cgroup_path) ? named : s->plan->cgroup_path;
	bool late = may_be_late(s);
	auto_err *why = NULL;
	if ((late ? cgroup_begin(cg, path, &why) : cgroup_create(cg, path, &why)) < 0)
		return go_without_cgroup(m, why, err);
	if (cgroup_hierarchies(*cg, &s->hierarchies, &s->hierarchy_count, err) < 0)
		return -1;
	s->cgroup_late = late && cgroup_unfinished(*cg) && s->hierarchy_count <= FD_PASS_MAX;
	return 0;
}

static int finish_cgroup(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	const struct plan *plan = s->plan;
	struct cgroup *cg = m->run->cgroup;
	if (!cg || s->cgroup_unit)
		return 0;
	if (cgroup_finish(cg, err) < 0)
		return -1;
	const struct oci_resources res = limits_of(plan);
	if (plan->resources && cgroup_set(cg, &res, err) < 0)
		return -1;
	if (run_give_cgroup(cg, plan, err) < 0)
		return -1;
	return cgroup_entry_fds(cg, &s->entries, &s->entry_count, err);
}

/* Init is waiting for it, or will. */
static int give_cgroup(struct making *m, struct err **err)
{
	const struct setup *s = &m->init.setup;
	if (s->cgroup_late && m->run->cgroup &&
		report_permit_fds(m->sock, PERMIT_CGROUP, s->entries, s->entry_count) < 0)
		return err_sys(err, errno, "let the container's first process into its cgroups");
	return 0;
}

static void make_states(struct making *m)
{
	const struct plan *plan = m->init.setup.plan;
	if (plan->create_container.count || plan->start_container.count)
		hook_state_make(&m->init.created, plan, "created");
}

/* In between parent and init where namespaces are to be joined before init is born
 * (ns_needs_stage). */
static void stage_main(struct making *m) __attribute__((noreturn));
static void stage_main(struct making *m)
{
	struct setup *s = &m->init.setup;
	fd_closep(&m->init.parents);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setup_enter_cgroup(s);
	ns_join(s->ns, &s->plan->process, &s->report);
	if (s->hidden)
		init_hidden(&m->init);
	/* CLONE_PARENT: init is a child of our parent; its exit signal is ours */
	struct child_args args = {.flags = CLONE_PARENT | ns_clone_flags(s->plan, false)};
	pid_t pid = child_clone(&args);
	if (pid == 0) {
		m->init.staged = true;
		/* nothing is heard of it before its parent can kill it */
		report_wait(&s->report, PERMIT_KNOWN);
		init_main(&m->init);
	}
	if (pid < 0)
		report_sys(&s->report, "clone into new namespaces");
	report_send(&s->report, REPORT_PID, pid);
	_exit(0);
}

/* Is init in another user namespace than we are? */
static bool elsewhere(const struct setup *s)
{
	return (s->plan->ns_new & CLONE_NEWUSER) || s->ns[OCI_NS_USER] >= 0;
}

/* config-linux.md "User namespace mappings": a namespace that is joined has its own, which they cannot change. */
static int check_joined(const struct making *m, struct err **err)
{
	const struct setup *s = &m->init.setup;
	const struct plan *plan = s->plan;
	const struct id_maps maps = {
		plan->uid_map, plan->uid_map_count, plan->gid_map, plan->gid_map_count};
	if (s->ns[OCI_NS_USER] < 0)
		return 0;
	return usermap_check(s->proc, m->run->pid, &maps, err);
}

/* Gives the new user namespace of @pid, init or the stage in its place, its mappings. */
static int map_user(struct making *m, pid_t pid, struct err **err)
{
	const struct setup *s = &m->init.setup;
	const struct plan *plan = s->plan;
	const struct id_maps maps = {
		plan->uid_map, plan->uid_map_count, plan->gid_map, plan->gid_map_count};
	if (usermap_write(s->proc, pid, &maps, err) < 0)
		return -1;
	report_permit(m->sock, PERMIT_MAPPED);
	return 0;
}

static int take_tty(struct making *m, const struct report *report, int fd, struct err **err)
{
	if (!m->init.setup.plan->process.terminal || m->run->tty_master >= 0)
		return report_unexpected(report, fd, err);
	m->run->tty_master = fd;
	return 0;
}

static int shift_mount(struct making *m, int fd, struct err **err)
{
	auto_fd int mnt = fd;
	if (mnt < 0)
		return err_set(err, ERR_SYSTEM, "a mount to be id-mapped did not come");
	if (binds_idmap_next(&m->init.setup, mnt, err) < 0)
		return -1;
	report_permit(m->sock, PERMIT_HEARD);
	return 0;
}

/* @pid: of init, or of the stage that is in its place (init_hidden()) */
static int run_parent_hooks(const struct plan *plan, pid_t pid, struct err **err)
{
	if (run_hooks(&plan->prestart, plan, "created", pid, "prestart", err) < 0)
		return -1;
	return run_hooks(&plan->create_runtime, plan, "created", pid, "createRuntime", err);
}

/* What a stage has to say before it makes init. */
static int serve_stage(
	struct making *m, pid_t stage, const struct report *report, int fd, struct err **err)
{
	const struct setup *s = &m->init.setup;
	switch (report->type) {
	case REPORT_TTY:
		return take_tty(m, report, fd, err);
	case REPORT_IDMAP:
		return shift_mount(m, fd, err);
	case REPORT_UNSHARED:
		return map_user(m, stage, err);
	case REPORT_MOUNTED:
		if (!s->hidden || !s->wait_hooks)
			break;
		if (run_parent_hooks(s->plan, stage, err) < 0)
			return -1;
		report_permit(m->sock, PERMIT_PIVOT);
		return 0;
	default:
		break;
	}
	return report_unexpected(report, fd, err);
}

static int clone_staged(struct making *m, struct child_args *args, struct err **err)
{
	args->flags = 0;
	args->pidfd = NULL;
	pid_t stage = child_clone(args);
	if (stage == 0)
		stage_main(m);
	if (stage < 0)
		return err_sys(err, errno, "clone");
	fd_close(steal_fd(&m->theirs));
	const struct setup *s = &m->init.setup;
	if (start_unit(m, stage, err) < 0) {
		kill(stage, SIGKILL); /* an unreaped child of ours */
		proc_wait(stage);
		return -1;
	}
	if (s->hidden) {
		if (elsewhere(s) && limits_raise(stage, &s->plan->process, err) < 0) {
			kill(stage, SIGKILL); /* an unreaped child of ours */
			proc_wait(stage);
			return -1;
		}
		report_permit(m->sock, PERMIT_SCORED);
	}
	struct report report;
	int got, fd;
	while ((got = report_receive(m->sock, &report, &fd)) == 1 && report.type != REPORT_ERROR &&
		report.type != REPORT_PID) {
		if (serve_stage(m, stage, &report, fd, err) < 0) {
			kill(stage, SIGKILL);
			proc_wait(stage);
			return -1;
		}
	}
	proc_wait(stage);
	if (got == 1 && report.type == REPORT_ERROR)
		return report_to_err(&report, err);
	if (got != 1 || !child_is_ours(report.value))
		return err_set(err, ERR_SYSTEM, "the process that joins namespaces was killed");
	m->run->pid = report.value;
	m->run->pidfd = child_pidfd_open(report.value);
	if (m->run->pidfd < 0)
		return err_sys(err, errno, "pidfd_open");
	if (check_joined(m, err) < 0)
		return -1;
	report_permit(m->sock, PERMIT_KNOWN);
	return 0;
}

/* See init_hidden(). createContainer hooks are to run in the pid namespace with all our privileges, and are told the pid
 * that init has there: with them there is nothing to be hidden any more. */
static bool may_hide(const struct setup *s)
{
	return s->ns[OCI_NS_PID] >= 0 && !s->plan->create_container.count;
}

/* Init has been given it by who made it, as a rule; it waits for nothing else before, so that nothing may be sent before. */
static int give_net(struct making *m, struct err **err)
{
	const struct setup *s = &m->init.setup;
	int taken;
	if (!s->net_ahead || net_ahead_take(s->io->net, &taken))
		return 0;
	auto_fd int ns = taken;
	if (report_permit_fds(m->sock, PERMIT_NET, &ns, ns >= 0) < 0)
		return err_sys(err, errno, "give the container its network namespace");
	return 0;
}

/* Who makes the namespace may be about to hand it over on our end of the socket: not to whatever has the number next. */
static void end_net(const struct making *m)
{
	int ns = -1;
	if (m->init.setup.net_ahead)
		net_ahead_take(m->init.setup.io->net, &ns);
	fd_close(ns);
}

static int clone_init(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	s->net_ahead = s->io->net && !ns_needs_stage(s->ns, s->plan);
	int pair[2], cgroup = m->run->cgroup ? cgroup_clone_fd(m->run->cgroup) : -1;
	bool is_there = s->net_ahead && net_ahead_socket(s->io->net, pair);
	if (!is_there && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "socketpair");
	m->sock = m->run->gate = m->init.parents = pair[0];
	m->theirs = s->report.sock = pair[1];
	struct child_args args = {
		.flags = CLONE_CLEAR_SIGHAND |
			 ns_clone_flags(s->plan, s->cgroup_late || s->net_ahead),
		.pidfd = &m->run->pidfd,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup,
	};
	s->hidden = may_hide(s);
	s->wait_net = s->plan->net_device_count && !s->hidden;
	if (ns_needs_stage(s->ns, s->plan))
		return clone_staged(m, &args, err);
	pid_t pid = child_clone(&args);
	if (pid == 0)
		init_main(&m->init);
	if (pid < 0)
		return err_sys(err, errno, "clone into new namespaces");
	fd_close(steal_fd(&m->theirs));
	m->run->pid = pid;
	return start_unit(m, pid, err);
}

static int set_oom_score(struct making *m, struct err **err)
{
	const struct plan_process *p = &m->init.setup.plan->process;
	return p->has_oom_score_adj
		       ? run_set_oom_score(m->init.setup.proc, m->run->pid, p->oom_score_adj, err)
		       : 0;
}

/* While the child builds its tree: mappings and the like. */
static int serve_child(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	const struct plan *plan = s->plan;
	struct run *run = m->run;
	/* first, while an ordinary user's child can still be written to: once mapped, it hides */
	if (set_oom_score(m, err) < 0)
		return -1;
	if ((plan->ns_new & CLONE_NEWUSER) && !s->hidden)
		return map_user(m, run->pid, err);
	return 0;
}

/* Init is in its network namespace, made or joined. */
static int move_devices(struct making *m, struct err **err)
{
	const struct setup *s = &m->init.setup;
	char path[32];
	if (!s->plan->net_device_count)
		return 0;
	snprintf(path, sizeof(path), "%d/ns/net", (int)m->run->pid);
	auto_fd int ns = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
	if (ns < 0)
		return err_sys(err, errno, "open the container's network namespace");
	return netdev_move_all(&m->moved, s->plan, ns, err);
}

/* The container's tree stands. */
static int before_pivot(struct making *m, struct err **err)
{
	const struct setup *s = &m->init.setup;
	if (s->wait_net && move_devices(m, err) < 0)
		return -1;
	if (s->wait_hooks && run_parent_hooks(s->plan, m->run->pid, err) < 0)
		return -1;
	if (s->wait_net || s->wait_hooks)
		report_permit(m->sock, PERMIT_PIVOT);
	return 0;
}

static int enter_class(struct making *m, struct err **err)
{
	const struct plan_rdt *rdt = &m->init.setup.plan->process.rdt;
	if (!rdt->clos)
		return 0;
	auto_fd int root = rdt_open(err);
	return root < 0 ? -1 : rdt_create(root, rdt, m->run->pid, err);
}

/* Is all that we have to do before init's exec to read what it says? */
static bool only_listens(const struct making *m)
{
	const struct setup *s = &m->init.setup;
	return m->run->gate_open && !s->wait_hooks && !s->wait_net &&
	       !s->plan->process.listener_path && !binds_shift_late(s);
}

static int wait_ready(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	if (only_listens(m))
		report_await_end(m->sock, -1);
	for (;;) {
		struct report report;
		int fd = -1, got = report_receive(m->sock, &report, &fd);
		if (got < 0)
			return err_sys(err, errno, "hear from the container's first process");
		if (got == 0)
			return run_died(m->run, "while the container was made", err);
		switch (report.type) {
		case REPORT_ERROR:
			return report_to_err(&report, err);
		case REPORT_TTY:
			if (take_tty(m, &report, fd, err) < 0)
				return -1;
			break;
		case REPORT_IDMAP:
			if (shift_mount(m, fd, err) < 0)
				return -1;
			break;
		case REPORT_MOUNTED:
			if (before_pivot(m, err) < 0)
				return -1;
			break;
		case REPORT_READY:
			fd_close(fd);
			if (!s->wait_net && move_devices(m, err) < 0)
				return -1;
			/* one that may not be had is create's to tell, and not start's */
			return limits_grant(m->run->pid, &s->plan->process,
				elsewhere(s) || !m->run->gate_open, err);
		default:
			return report_unexpected(&report, fd, err);
		}
	}
}

static struct run *run_new(void)
{
	struct run *run = xcalloc(1, sizeof(*run));
	run->pidfd = run->gate = run->report = run->tty_master = run->root_mount = -1;
	return run;
}

/* Is there nothing for us to do between "ready" and exec? */
static bool may_go_straight(const struct setup *s)
{
	return s->io->straight && s->io->gate_socket <= 0 && !elsewhere(s) &&
	       !mount_in_user_namespace(s) && !s->plan->net_device_count &&
	       !limits_schedules(&s->plan->process);
}

static int make_known(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	struct run *run = m->run;
	run->start_ticks = run_start_ticks(run->pid);
	if (s->io->known && s->io->known(s->io->known_arg, run, err) < 0)
		return -1;
	if (s->io->gate_socket > 0)
		report_permit(run->gate, PERMIT_RECORDED);
	if (may_go_straight(s))
		run->gate_open = report_permit(run->gate, PERMIT_GO) == 0;
	return 0;
}

static int create(struct making *m, struct err **err)
{
	struct setup *s = &m->init.setup;
	if (open_on_host(m, err) < 0 || begin_cgroup(m, err) < 0)
		return -1;
	if (!s->cgroup_late && finish_cgroup(m, err) < 0)
		return -1;
	make_states(m);
	if (!elsewhere(s))
		creds_warn(&s->plan->process);
	if (clone_init(m, err) < 0)
		return -1;
	/* the cgroups first: on a busy machine the namespace is not made yet */
	if ((s->cgroup_late && finish_cgroup(m, err) < 0) || give_net(m, err) < 0 ||
		give_cgroup(m, err) < 0 || serve_child(m, err) < 0)
		return report_prefer(m->sock, err);
	if (enter_class(m, err) < 0 || make_known(m, err) < 0)
		return -1;
	if (s->io->spare && !m->run->gate_open)
		fd_closep(s->io->spare);
	if (wait_ready(m, err) < 0)
		return -1;
	if (m->run->cgroup)
		cgroup_settle(m->run->cgroup);
	if (mount_in_user_namespace(s))
		run_give_streams(s->proc, m->run->pid, &s->plan->process, s->io);
	return 0;
}

int run_create(struct run **out, const struct plan *plan, const struct run_io *io, bool defer_hooks,
	struct err **err)
{
	auto_making *m = making_new(plan, io);
	m->run = run_new();
	m->init.setup.wait_hooks =
		!defer_hooks && (plan->prestart.count || plan->create_runtime.count);
	if (create(m, err) < 0) {
		end_net(m);
		netdevs_give_back(m->moved);
		m->moved = NULL;
		run_destroy(m->run);
		return -1;
	}
	if (io->gate_socket > 0) {
		fd_close(m->run->gate);
		m->run->gate = -1;
	}
	*out = m->run;
	return 0;
}

int run_hooks_create(struct run *run, const struct plan *plan, struct err **err)
{
	return run_parent_hooks(plan, run->pid, err);
}

void run_release(struct run *run)
{
	if (!run)
		return;
	fd_close(run->pidfd);
	fd_close(run->gate);
	fd_close(run->report);
	fd_close(run->tty_master);
	fd_close(run->root_mount);
	cgroup_free(run->cgroup);
	free(run);
}

static void kill_init(const struct run *run)
{
	if (run->pidfd >= 0)
		child_pidfd_signal(run->pidfd, SIGKILL);
	else if (child_is_ours(run->pid)) /* there was no descriptor to be had */
		kill(run->pid, SIGKILL);
}

void run_destroy(struct run *run)
{
	if (!run)
		return;
	if (run->pid > 0) {
		kill_init(run);
		proc_wait(run->pid);
	}
	if (run->cgroup)
		cgroup_destroy(run->cgroup, NULL);
	run_release(run);
}
