/* Restore. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "base/mem.h"
#include "base/str.h"
#include "criu_private.h"
#include "ns.h"
#include "runtime/systemd.h"
#include "sys/child.h"

#define LOG_FILE "restore.log"

struct restore {
	const struct plan *plan;
	const struct criu_options *options;
	const char *folder; /* where criu sees the root */
	struct run *run;
	struct criu criu;
	struct criu_folders folders;
	struct criu_facts facts;
	struct criu_tree tree;
	struct arena *arena;
	char *program;
	int ns[OCI_NS_COUNT];
	int handed[2 +
		   OCI_NS_COUNT]; /* folders, and those of ns that criu gets as descriptors; borrowed */
	size_t handed_count;
	int nulls[3]; /* the null device, opened once more for each stream that is it */
	size_t null_count;
	const int *entries; /* into the v1 cgroups; borrowed from run->cgroup */
	size_t entry_count;
};

static void restore_clear(struct restore *r)
{
	criu_end(&r->criu);
	criu_tree_close(&r->tree);
	for (size_t i = 0; i < r->null_count; i++)
		close(r->nulls[i]);
	criu_folders_close(&r->folders);
	ns_close(r->ns, r->plan);
	arena_free(r->arena);
	free(r->program);
	run_destroy(r->run); /* after criu, which is in its cgroup */
}
#define auto_restore __attribute__((cleanup(restore_clear))) struct restore

static void enter(void *ctx, struct reporter *reporter)
{
	struct restore *r = ctx;
	if (cgroup_enter(r->entries, r->entry_count) < 0)
		report_sys(reporter, "enter the container's cgroup");
	criu_tree_enter(&r->tree, reporter);
	criu_folders_reopen(&r->folders, reporter);
}

/* criu leaves an empty network namespace as it is born; ours have a loopback device that is up. */
static int bring_loopback_up(pid_t pid, struct err **err)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	auto_fd int ns = open(path, O_RDONLY | O_CLOEXEC);
	struct child_args args = {.exit_signal = SIGCHLD};
	pid_t child = ns < 0 ? -1 : child_clone(&args);
	if (child == 0) {
		struct reporter nobody = {.sock = -1};
		if (setns(ns, CLONE_NEWNET) < 0)
			_exit(1);
		ns_loopback_up(&nobody);
		_exit(0);
	}
	if (child < 0)
		return err_sys(err, errno, "enter the restored network namespace");
	if (proc_wait(child) == 0)
		return 0;
	return err_set(err, ERR_SYSTEM,
		"cannot bring up the loopback device of the restored network namespace");
}

static int namespaces_made(struct restore *r, pid_t pid, struct err **err)
{
	const struct plan *plan = r->plan;
	if ((plan->ns_new & CLONE_NEWNET) && bring_loopback_up(pid, err) < 0)
		return -1;
	if (run_hooks(&plan->prestart, plan, "created", pid, "prestart", err) < 0)
		return -1;
	return run_hooks(&plan->create_runtime, plan, "created", pid, "createRuntime", err);
}

/* It must be a child of ours, or anything might have that number. */
static int take_init(struct restore *r, pid_t pid, struct err **err)
{
	if (pid == r->criu.pid || !child_is_ours(pid))
		return err_set(err, ERR_SYSTEM, "criu restored process %d, which is none of ours",
			(int)pid);
	r->run->pid = pid;
	r->run->pidfd = child_pidfd_open(pid);
	if (r->run->pidfd < 0)
		return err_sys(err, errno, "pidfd_open");
	r->run->start_ticks = run_start_ticks(pid);
	return 0;
}

static int listen_to_restore(void *ctx, const char *script, pid_t pid, int fd, struct err **err)
{
	struct restore *r = ctx;
	if (str_eq(script, "orphan-pts-master") && r->run->tty_master < 0) {
		r->run->tty_master = fd;
		return 0;
	}
	fd_close(fd);
	if (str_eq(script, "setup-namespaces"))
		return namespaces_made(r, pid, err);
	if (!str_eq(script, "post-restore"))
		return 0;
	if (take_init(r, pid, err) < 0)
		return -1;
	return criu_restore_attrs(r->plan, pid, r->arena, err);
}

static bool there_is(const char *cgroup)
{
	struct cgroup *cg = NULL;
	bool there = cgroup_open(&cg, cgroup, NULL) == 0;
	cgroup_free(cg);
	return there;
}

static int plan_unit(struct restore *r, struct err **err)
{
	const struct plan *plan = r->plan;
	struct systemd_unit unit;
	if (systemd_unit_parse(&unit, plan->cgroup_path, plan->id, plan->systemd_user, err) < 0)
		return -1;
	unit.helper = xstrdup(plan->systemd_helper);
	int done = cgroup_unit_plan(&r->run->cgroup, &unit, err);
	systemd_unit_clear(&unit);
	return done;
}

/* Around criu, which waits for requests and is to make the container in there. */
static int start_unit(struct restore *r, const struct run_io *io, struct err **err)
{
	const struct plan *plan = r->plan;
	const struct cgroup_unit_spec spec = {
		.id = plan->id,
		.resources = plan->resources,
		.annotations = plan->annotations,
		.annotation_count = plan->annotation_count,
		.made = io->unit_made,
		.arg = io->unit_arg,
	};
	return plan->systemd_helper ? cgroup_unit_start(r->run->cgroup, &spec, r->criu.pid, err)
				    : 0;
}

static int make_cgroup(struct restore *r, struct err **err)
{
	const struct plan *plan = r->plan;
	/* one that is there already is a conflict in every mode */
	if (plan->systemd_helper)
		return plan_unit(r, err);
	if (str_eq(r->options->cgroup_mode, "strict") && there_is(plan->cgroup_path))
		return err_set(err, ERR_CONFLICT,
			"--manage-cgroups-mode strict: cgroup %s is there already",
			plan->cgroup_path);
	if (cgroup_create(&r->run->cgroup, plan->cgroup_path, err) < 0)
		return -1;
	if (plan->resources && cgroup_set(r->run->cgroup, plan->resources, err) < 0)
		return -1;
	return cgroup_entry_fds(r->run->cgroup, &r->entries, &r->entry_count, err);
}

static size_t count_controllers(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n' || *text == ',';
	return n;
}

/* Lines of /proc/<pid>/cgroup, "4:cpu,cpuacct:/path": where criu itself is, there the container is to be. */
void criu_cgroup_roots(struct criu_facts *facts, char *text, struct arena *arena)
{
	static const Criu__CgroupRoot none = CRIU__CGROUP_ROOT__INIT;
	Criu__CgroupRoot *v = arena_alloc(arena, count_controllers(text) + 1, sizeof(*v));
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *list = strchr(line, ':');
		char *path = list ? strchr(list + 1, ':') : NULL;
		if (!path)
			continue;
		*path++ = 0;
		const char *at = list + 1;
		for (bool more = true; more;) {
			size_t n = strcspn(at, ",");
			Criu__CgroupRoot *to = &v[facts->cgroup_root_count++];
			*to = none;
			to->controller = arena_printf(arena, "%.*s", (int)n, at);
			to->path = arena_strdup(arena, path);
			more = at[n] == ',';
			at += n + 1;
		}
	}
	facts->cgroup_roots = v;
}

static int find_cgroup_roots(struct restore *r, struct err **err)
{
	char path[40];
	auto_buf text = BUF_INIT;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)r->criu.pid);
	if (file_read(AT_FDCWD, path, 1u << 20, &text, err) < 0)
		return -1;
	if (text.len)
		criu_cgroup_roots(&r->facts, text.data, r->arena);
	return 0;
}

static int gather(struct restore *r, struct err **err)
{
	struct criu_facts *f = &r->facts;
	f->work = r->folders.work >= 0;
	f->root = r->folder;
	f->log_file = LOG_FILE;
	f->config_file = criu_config_file(r->plan);
	if (criu_streams_load(f, r->folders.images, r->arena, err) < 0 ||
		ns_open(r->ns, r->plan, err) < 0 ||
		criu_tree_prepare(&r->tree, r->plan, r->folder, r->arena, err) < 0 ||
		make_cgroup(r, err) < 0)
		return -1;
	r->handed[0] = r->folders.images;
	r->handed[1] = f->work ? r->folders.work : r->folders.images;
	criu_join_namespaces(f, r->plan, r->ns, r->arena, r->handed + 2, &r->handed_count);
	r->handed_count += 2;
	return criu_find_mounts(f, r->plan, r->run->cgroup, -1, r->arena, err);
}

#define LSM_VERSION 31600

static bool is_null(int fd)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

/*
 * Streams that were the same file have one name, by which criu takes one descriptor for all of them: of the null device
 * one that can be read and written. It stays in the caller's mount, by which the next checkpoint will know it.
 */
static int stream(struct restore *r, int fd)
{
	char link[32];
	if (r->plan->process.terminal)
		return -1;
	if (!is_null(fd))
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	int both = open(link, O_RDWR | O_CLOEXEC);
	if (both < 0)
		return fd;
	r->nulls[r->null_count++] = both;
	return both;
}

static int start(struct restore *r, const struct run_io *io, struct err **err)
{
	const struct criu_options *o = r->options;
	struct criu_spawn spawn = {
		.program = r->program,
		.io = {.in = stream(r, io->in),
			.out = stream(r, io->out),
			.err = stream(r, io->err),
			.preserve = r->handed,
			.preserve_count = r->handed_count},
		.cgroup = cgroup_clone_fd(r->run->cgroup),
		.prepare = enter,
		.ctx = r,
	};
	if (criu_start(&r->criu, &spawn, err) < 0 || start_unit(r, io, err) < 0 ||
		criu_check_version(&r->criu, r->plan, err) < 0 || find_cgroup_roots(r, err) < 0)
		return -1;
	if ((!str_empty(o->lsm_profile) || !str_empty(o->lsm_mount_context)) &&
		r->criu.version < LSM_VERSION)
		return err_set(err, ERR_UNAVAILABLE,
			"--lsm-profile and --lsm-mount-context need criu 3.16 or newer");
	return criu_require(&r->criu, false, o->lazy_pages, err);
}

static int ask(struct restore *r, struct err **err)
{
	struct criu_listener listener = {listen_to_restore, r};
	const Criu__Request *request =
		criu_request(CRIU__REQUEST_TYPE__RESTORE, r->options, &r->facts, r->arena);
	Criu__Response *answer = criu_call(&r->criu, request, &listener, err);
	if (!answer)
		return criu_explain(&r->folders, &r->criu, LOG_FILE, err);
	criu__response__free_unpacked(answer, NULL);
	if (r->run->pid <= 0)
		return err_set(err, ERR_SYSTEM, "criu says that it is done and restored nothing");
	if (r->plan->process.terminal && r->run->tty_master < 0)
		return err_set(err, ERR_INVALID,
			"process.terminal is true, but the checkpoint has no terminal");
	return 0;
}

static struct run *run_new(void)
{
	struct run *run = xcalloc(1, sizeof(*run));
	run->pidfd = run->gate = run->report = run->tty_master = run->root_mount = -1;
	return run;
}

int criu_restore(struct run **out, const struct plan *plan, const struct run_io *io,
	const char *folder, const struct criu_options *o, struct err **err)
{
	auto_restore r = {.plan = plan,
		.options = o,
		.folder = folder,
		.run = run_new(),
		.criu = CRIU_NONE,
		.folders = CRIU_FOLDERS_NONE,
		.tree = CRIU_TREE_NONE,
		.arena = arena_new()};
	for (int i = 0; i < OCI_NS_COUNT; i++)
		r.ns[i] = -1;
	if (criu_options_check(o, err) < 0 || criu_check_plan(plan, err) < 0)
		return -1;
	r.program = criu_find_program(o->program, err);
	if (!r.program || criu_folders_open(&r.folders, o, LOG_FILE, false, err) < 0)
		return -1;
	if (gather(&r, err) < 0 || start(&r, io, err) < 0 || ask(&r, err) < 0)
		return -1;
	cgroup_settle(r.run->cgroup);
	*out = steal_ptr(r.run);
	return 0;
}
