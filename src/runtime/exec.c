/*
 * An additional process in a running container.
 *
 * Two processes make it. The stage is a child of ours that the container cannot see: it closes what
 * is the host's, joins the namespaces, and does everything that takes privileges. Only then does it
 * clone the process itself, which is the first to appear in the container's pid namespace: with the
 * final identity, below the filter (where the filter has room for that; else with CAP_SYS_ADMIN until
 * it is installed), and no descriptor but the streams and the report socket. So there is nothing to
 * be won by tracing it, even with CAP_SYS_PTRACE (CVE-2016-9962), and no folder of the host to be
 * reached (CVE-2024-21626).
 */
#include "runtime/run.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "creds.h"
#include "limits_grant.h"
#include "listener.h"
#include "lsm.h"
#include "ns.h"
#include "program.h"
#include "report.h"
#include "run_private.h"
#include "runtime/rdt.h"
#include "streams.h"
#include "sys/child.h"
#include "sys/procfs.h"
#include "tty.h"
#include "user.h"

#define CPUS_LEN 8192 /* bytes: the kernel refuses less than it has CPUs */

struct joining {
	const struct plan_process *process;
	struct run_io io; /* without streams of its own where there is a terminal */
	struct reporter report;
	struct program program;
	struct user user;
	int proc; /* the host's procfs, for labels */
	pid_t init; /* the container's */
	int container; /* its pidfd */
	int root; /* of a container without a mount namespace of its own; else -1 */
	int flags; /* CLONE_NEW* to join, of join_flags() */
	const int *entries; /* into the container's v1 cgroups */
	size_t entry_count;
	int tty;
	bool by_systemd; /* systemd moves the stage into the container's cgroup */
	bool sealed;
};

/* Is the container in another namespace of this kind than we are? */
static bool differs(int proc, pid_t init, enum oci_ns ns)
{
	char ours[32], theirs[48];
	struct stat a, b;
	report_format(ours, sizeof(ours), "self/ns/%s", ns_file(ns));
	report_format(theirs, sizeof(theirs), "%d/ns/%s", (int)init, ns_file(ns));
	if (fstatat(proc, ours, &a, 0) < 0 || fstatat(proc, theirs, &b, 0) < 0)
		return false;
	return a.st_ino != b.st_ino;
}

static int flag_if_differs(int proc, pid_t init, enum oci_ns ns)
{
	return differs(proc, init, ns) ? (int)ns_flag(ns) : 0;
}

/* Joining one's own user namespace is an error, and one's own mount namespace brings another root; not every kernel
 * has time namespaces. */
static int join_flags(int proc, pid_t init)
{
	return flag_if_differs(proc, init, OCI_NS_USER) |
	       flag_if_differs(proc, init, OCI_NS_MOUNT) | flag_if_differs(proc, init, OCI_NS_TIME);
}

/* Joining one's own of the other kinds changes nothing, and to find out which are costs twice as much as that. But it
 * takes rights over the namespace, and who has none over the host's asks first. */
static int join_namespaces(const struct joining *j)
{
	static const enum oci_ns others[] = {
		OCI_NS_PID, OCI_NS_NETWORK, OCI_NS_IPC, OCI_NS_UTS, OCI_NS_CGROUP};
	int needed = j->flags;
	int all = needed;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		all |= (int)ns_flag(others[i]);
	if (setns(j->container, all) == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		needed |= flag_if_differs(j->proc, j->init, others[i]);
	/* 0 means nothing to it: EINVAL */
	return needed ? setns(j->container, needed) : 0;
}

static void join(struct joining *j)
{
	if (j->flags & CLONE_NEWUSER)
		ns_leave_groups(j->process);
	if (join_namespaces(j) < 0)
		report_sys(&j->report, "join the container's namespaces");
	close(j->container);
	if (j->root >= 0 && (fchdir(j->root) < 0 || chroot(".") < 0))
		report_sys(&j->report, "enter the container's root");
	fd_closep(&j->root);
	if (j->flags & CLONE_NEWUSER)
		ns_become_root(j->process, &j->report);
}

static void open_terminal(struct joining *j, int root)
{
	const struct plan_process *p = j->process;
	if (!p->terminal)
		return;
	j->tty = tty_open(-1, root, p, j->io.lf_only, &j->report);
	for (int i = 0; i < 3; i++)
		if (dup2(j->tty, i) < 0)
			report_sys(&j->report, "place descriptor %d", i);
}

/* Does the parent have to do something for the process itself, not the stage, before it may go on? */
static bool awaits_parent(const struct plan_process *p)
{
	return p->listener_path || limits_schedules(p);
}

static void exec_main(struct joining *j) __attribute__((noreturn));
static void exec_main(struct joining *j)
{
	const struct plan_process *p = j->process;
	if (awaits_parent(p))
		report_wait(&j->report, PERMIT_KNOWN);
	if (setsid() < 0)
		report_sys(&j->report, "setsid");
	if (p->terminal)
		tty_control(0, &j->report);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	report_send(&j->report, REPORT_EXEC, 0);
	if (!j->sealed)
		creds_seal(p, &j->user, &j->report);
	program_exec(&j->program, &j->report);
}

static bool waits_at_birth(const struct joining *j)
{
	const struct plan_process *p = j->process;
	return p->has_oom_score_adj || p->rdt.clos || j->by_systemd ||
	       ((j->flags & CLONE_NEWUSER) && p->rlimit_count);
}

static void stage_main(void *arg) __attribute__((noreturn));
static void stage_main(void *arg)
{
	struct joining *j = arg;
	const struct plan_process *p = j->process;
	/* while an ordinary user can still write to our files in /proc */
	if (waits_at_birth(j))
		report_wait(&j->report, PERMIT_SCORED);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	umask(0);
	if (cgroup_enter(j->entries, j->entry_count) < 0)
		report_sys(&j->report, "enter the container's cgroup");
	if (p->cpus_final.len && cpus_set(&p->cpus_final) < 0)
		report_sys(&j->report, "process.execCPUAffinity.final: set the CPU affinity");
	if (!p->cpus_final.len && !p->cpus_initial.len)
		cpus_reset();
	int *const keep[] = {&j->container, &j->proc, &j->root};
	streams_arrange(&j->io, -1, keep, ARRAY_LEN(keep), &j->report);
	join(j);
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		report_sys(&j->report, "open the container's root");
	open_terminal(j, root);
	user_prepare(&j->user, p, root, &j->report);
	close(root);
	program_set_home(&j->program, &j->user);
	program_enter_folder(p, &j->report);
	program_find(&j->program, &j->report);
	streams_own(j->user.uid, p->terminal);
	limits_apply(p, &j->report);
	creds_label(p, j->proc, &j->report);
	if (j->io.keyring)
		creds_keyring(j->io.keyring, &j->report);
	if (j->proc >= 0)
		close(j->proc);
	creds_drop(p, &j->user, &j->report);
	j->sealed = creds_seal_early(p, &j->user, &j->report);
	pid_t pid = creds_clone();
	if (pid == 0)
		exec_main(j);
	if (pid < 0)
		report_sys(&j->report, "clone");
	report_send(&j->report, REPORT_PID, pid);
	_exit(0);
}

/* setns(2) finds the root of a mount namespace; where that is ours, the container's is init's. Known to be that when
 * init still lives afterwards. */
static int open_root(struct joining *j, pid_t init, struct err **err)
{
	char path[32];
	if (j->flags & CLONE_NEWNS)
		return 0;
	snprintf(path, sizeof(path), "%d/root", (int)init);
	j->root = openat(j->proc, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (j->root < 0 || child_pidfd_signal(j->container, 0) < 0)
		return err_sys(err, errno, "open the container's root");
	return 0;
}

/* What the parent holds while the exec is under way. */
struct entering {
	struct joining *j;
	int sock;
	pid_t stage, pid;
	int pidfd, tty;
	int listener; /* of a filter that the stage has installed; until the process is known */
	bool told, listened;
	int64_t deadline; /* milliseconds(); 0: none */
	bool late;
};

static int send_listener(struct entering *e, struct err **err)
{
	const struct plan_process *p = e->j->process;
	int r = listener_send(
		p, p->listener_state ? p->listener_state : "{}", e->pid, e->listener, err);
	fd_closep(&e->listener);
	return r;
}

static int take_listener(
	struct entering *e, const struct report *report, int passed, struct err **err)
{
	auto_fd int sender = e->pid > 0 ? -1 : child_pidfd_open(e->stage);
	e->listener = listener_take(report, passed, e->pid > 0 ? e->pidfd : sender, err);
	if (e->listener < 0 || (e->pid > 0 && send_listener(e, err) < 0))
		return -1;
	report_permit(e->sock, PERMIT_HEARD);
	return 0;
}

/* The process has been born, and waits if awaits_parent(). */
static int take_pid(struct entering *e, pid_t pid, struct err **err)
{
	const struct plan_process *p = e->j->process;
	/* the number cannot have another owner then */
	if (pid == e->stage || !child_is_ours(pid))
		return err_set(err, ERR_SYSTEM, "process %d is not the one that was made", pid);
	e->pid = pid;
	e->pidfd = child_pidfd_open(pid);
	if (e->pidfd < 0)
		return err_sys(err, errno, "pidfd_open");
	if (limits_schedule(pid, p, err) < 0)
		return -1;
	if (e->listener >= 0 && send_listener(e, err) < 0)
		return -1;
	report_permit(e->sock, PERMIT_KNOWN);
	return 0;
}

static int take_report(struct entering *e, const struct report *report, int fd, struct err **err)
{
	const struct plan_process *p = e->j->process;
	switch (report->type) {
	case REPORT_ERROR:
		return report_to_err(report, err);
	case REPORT_TTY:
		if (!p->terminal || e->tty >= 0)
			break;
		e->tty = fd;
		return 0;
	case REPORT_PID:
		if (e->pid > 0)
			break;
		return take_pid(e, report->value, err);
	case REPORT_LISTENER:
		if (!p->listener_path || e->listened)
			break;
		e->listened = true;
		return take_listener(e, report, fd, err);
	case REPORT_EXEC:
		e->told = true;
		return 0;
	default:
		break;
	}
	return report_unexpected(report, fd, err);
}

static int64_t milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For poll(2). */
static int time_left(const struct entering *e)
{
	int64_t left = e->deadline ? e->deadline - milliseconds() : -1;
	return e->deadline && left < 0 ? 0 : (int)left;
}

/* Waits for a report until the time is up. A working folder on a file system whose server does not answer
 * holds the stage for ever, beyond the reach of signals. */
static int await(struct entering *e, struct err **err)
{
	struct pollfd p = {.fd = e->sock, .events = POLLIN};
	int ready, left = time_left(e);
	do
		ready = poll(&p, 1, left);
	while (ready < 0 && errno == EINTR);
	if (ready)
		return 0;
	e->late = true;
	return err_set(err, ERR_UNAVAILABLE,
		"the process to be took too long: its working directory may be on a file system "
		"that "
		"does not answer");
}

static int follow(struct entering *e, struct err **err)
{
	struct report report;
	int got, fd = -1;
	if (!awaits_parent(e->j->process))
		report_await_end(e->sock, time_left(e));
	for (;;) {
		if (await(e, err) < 0)
			return -1;
		if ((got = report_receive(e->sock, &report, &fd)) != 1)
			break;
		if (take_report(e, &report, fd, err) < 0)
			return -1;
	}
	if (got < 0)
		return err_sys(err, errno, "hear from the process to be");
	if (e->pid <= 0 || !e->told)
		return err_set(
			err, ERR_SYSTEM, "the process was killed before its program was executed");
	return 0;
}

static int enter_class(struct entering *e, struct err **err)
{
	auto_fd int root = rdt_open(err);
	return root < 0 ? -1 : rdt_enter(root, &e->j->process->rdt, e->stage, err);
}

static int serve(struct entering *e, struct err **err)
{
	const struct plan_process *p = e->j->process;
	if (p->has_oom_score_adj &&
		run_set_oom_score(e->j->proc, e->stage, p->oom_score_adj, err) < 0)
		return -1;
	if (waits_at_birth(e->j)) {
		if ((e->j->flags & CLONE_NEWUSER) && limits_raise(e->stage, p, err) < 0)
			return -1;
		/* its child is born there */
		if (p->rdt.clos && enter_class(e, err) < 0)
			return -1;
		report_permit(e->sock, PERMIT_SCORED);
	}
	return follow(e, err);
}

static void stop(pid_t pid, bool late)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL); /* an unreaped child of ours */
	if (late)
		waitpid(pid, NULL, WNOHANG); /* it may never hear of it */
	else
		proc_wait(pid);
}

static struct joining *joining_new(const struct plan_process *process, const struct run_io *io)
{
	struct joining *j = xcalloc(1, sizeof(*j));
	j->process = process;
	j->io = *io;
	if (process->terminal)
		j->io.in = j->io.out = j->io.err = -1;
	j->tty = j->proc = j->root = -1;
	program_prepare(&j->program, process);
	return j;
}

static void joining_freep(struct joining **j)
{
	fd_close((*j)->proc);
	fd_close((*j)->root);
	program_free(&(*j)->program);
	free(*j);
}

/*
 * The v2 cgroup that the container's init is in, which lies in the container's where a systemd in
 * there has made its own: then the container's takes no processes (cgroup-v2.rst, "No Internal Process
 * Constraint").
 */
static int open_own_cgroup(const struct cgroup *cgroup, pid_t init, int init_pidfd)
{
	auto_free char *file = xasprintf("/proc/%d/cgroup", (int)init);
	auto_buf text = BUF_INIT;
	struct cgroup_hierarchy *h = NULL;
	size_t n = 0;
	int fd = -1;
	if (file_read(AT_FDCWD, file, 1u << 20, &text, NULL) < 0 ||
		child_pidfd_signal(init_pidfd, 0) < 0 ||
		cgroup_hierarchies(cgroup, &h, &n, NULL) < 0)
		return -1;
	const char *line =
		str_starts(buf_str(&text), "0::/") ? text.data : strstr(buf_str(&text), "\n0::/");
	if (line)
		line = strchr(line, '/');
	for (size_t i = 0; line && i < n; i++) {
		auto_free char *path =
			xasprintf("%s%.*s/", h[i].mount, (int)strcspn(line, "\n"), line);
		const char *below = str_after(path, h[i].folder);
		if (h[i].v2 && below && *below == '/' && !strstr(path, "/../"))
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	cgroup_hierarchies_free(h, n);
	return fd;
}

/* execCPUAffinity.initial is where the stage is to be born, before it is in the cgroup: it inherits our own,
 * which is kept in *own. */
static int lend_cpus(const struct plan_process *p, void **own, struct err **err)
{
	if (!p->cpus_initial.len)
		return 0;
	*own = xcalloc(1, CPUS_LEN);
	if (syscall(SYS_sched_getaffinity, 0, CPUS_LEN, *own) < 0)
		return err_sys(err, errno, "read the CPU affinity");
	if (cpus_set(&p->cpus_initial) < 0)
		return err_sys(err, errno, "process.execCPUAffinity.initial: set the CPU affinity");
	return 0;
}

static void take_cpus_back(const void *own)
{
	if (own)
		syscall(SYS_sched_setaffinity, 0, CPUS_LEN, own);
}

/* May the stage run in our memory while we stand still? Not where we have something to do for it, or look at a
 * clock. What it does to that memory's owner in /proc (dumpable, the namespaces) must not matter to us, and a time
 * namespace takes a memory that nobody shares. */
static bool may_borrow(const struct joining *j)
{
	return child_can_borrow() && !waits_at_birth(j) && !awaits_parent(j->process) &&
	       !(j->flags & (CLONE_NEWUSER | CLONE_NEWTIME)) && j->io.timeout_ms <= 0;
}

static pid_t clone_stage(struct joining *j, const struct child_args *args)
{
	if (may_borrow(j)) {
		/* where the stage moves its copies of these is nothing to us */
		const int proc = j->proc, root = j->root, container = j->container;
		pid_t pid = child_borrow(args, stage_main, j);
		j->proc = proc;
		j->root = root;
		j->container = container;
		return pid;
	}
	pid_t pid = child_clone(args);
	if (pid == 0)
		stage_main(j);
	return pid;
}

static int start_stage(
	struct entering *e, const struct cgroup *cgroup, pid_t init, struct err **err)
{
	int pair[2];
	struct joining *j = e->j;
	if (cgroup &&
		cgroup_entry_fds((struct cgroup *)cgroup, &j->entries, &j->entry_count, err) < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "socketpair");
	e->sock = pair[0];
	auto_fd int theirs = pair[1];
	e->j->report.sock = theirs;
	struct child_args args = {
		.flags = CLONE_CLEAR_SIGHAND,
		.exit_signal = SIGCHLD,
		.cgroup = cgroup ? cgroup_clone_fd(cgroup) : -1,
	};
	auto_free void *own_cpus = NULL;
	if (lend_cpus(j->process, &own_cpus, err) < 0)
		return -1;
	e->stage = clone_stage(j, &args);
	auto_fd int own = -1;
	if (e->stage < 0 && errno == EBUSY && args.cgroup >= 0 && !cgroup_chosen(cgroup)) {
		own = args.cgroup = open_own_cgroup(cgroup, init, j->container);
		errno = EBUSY;
		if (own >= 0)
			e->stage = clone_stage(j, &args);
	}
	/* an ordinary user may not move from their session into their manager's tree: systemd may */
	if (e->stage < 0 && (errno == EACCES || errno == EPERM) && cgroup &&
		cgroup_is_unit(cgroup)) {
		j->by_systemd = true;
		args.cgroup = -1;
		e->stage = clone_stage(j, &args);
	}
	take_cpus_back(own_cpus);
	if (e->stage < 0)
		return err_sys(err, errno, "clone");
	return j->by_systemd ? cgroup_unit_attach((struct cgroup *)cgroup, e->stage, err) : 0;
}

pid_t run_exec(const struct plan_process *process, pid_t init, int init_pidfd,
	const struct cgroup *cgroup, const struct run_io *io, int *pidfd, int *tty_master,
	struct err **err)
{
	__attribute__((cleanup(joining_freep))) struct joining *j = joining_new(process, io);
	struct entering e = {.j = j, .sock = -1, .pidfd = -1, .tty = -1, .listener = -1};
	if (io->timeout_ms > 0)
		e.deadline = milliseconds() + io->timeout_ms;
	j->init = init;
	j->container = init_pidfd;
	if (lsm_check(process, NULL, err) < 0)
		return -1;
	j->proc = procfs_open();
	if (j->proc < 0)
		return err_sys(err, errno, "open /proc");
	j->flags = join_flags(j->proc, init);
	if (open_root(j, init, err) < 0)
		return -1;
	if (j->flags & CLONE_NEWUSER)
		run_give_streams(j->proc, init, process, io);
	if (!(j->flags & CLONE_NEWUSER))
		creds_warn(process);
	int r = start_stage(&e, cgroup, init, err);
	if (r == 0)
		r = serve(&e, err);
	if (r < 0)
		stop(e.stage, e.late);
	else
		proc_wait(e.stage);
	fd_close(e.sock);
	fd_close(e.listener);
	if (r < 0) {
		stop(e.pid, e.late);
		fd_close(e.pidfd);
		fd_close(e.tty);
		return -1;
	}
	*pidfd = e.pidfd;
	*tty_master = e.tty;
	return e.pid;
}
