/* Checkpoint. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "criu_private.h"

#define LOG_FILE "dump.log"

struct dump {
	struct criu criu;
	struct criu_folders folders;
	struct criu_facts facts;
	struct arena *arena;
	char *program, *freezer;
	int root; /* of the container */
	int status_fd; /* -1 once it has been told */
};

static void dump_clear(struct dump *d)
{
	criu_end(&d->criu);
	criu_folders_close(&d->folders);
	arena_free(d->arena);
	free(d->program);
	free(d->freezer);
	fd_close(d->root);
}
#define auto_dump __attribute__((cleanup(dump_clear))) struct dump

static int listen_to_dump(void *ctx, const char *script, pid_t pid, int fd, struct err **err)
{
	struct dump *d = ctx;
	fd_close(fd);
	if (!str_eq(script, "status-ready") || d->status_fd < 0)
		return 0;
	/* whoever waits has gone or will see the end of the file */
	if (fd_write(d->status_fd, "", 1) != 1)
		log_warn("cannot write to --status-fd: %s", err_text(errno));
	close(d->status_fd);
	d->status_fd = -1;
	return 0;
}

static int check_status_fd(const struct criu_options *o, struct err **err)
{
	if (o->status_fd < 0)
		return 0;
	int flags = fcntl(o->status_fd, F_GETFL);
	if (flags < 0)
		return err_sysk(err, ERR_INVALID, errno, "--status-fd %d", o->status_fd);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return err_set(err, ERR_INVALID, "--status-fd %d is not writable", o->status_fd);
	return 0;
}

/* The folder by which criu stops the container; without it criu chases processes one by one. */
static char *find_freezer(const struct cgroup *cgroup)
{
	struct cgroup_hierarchy *h = NULL;
	size_t n = 0;
	char *v1 = NULL, *v2 = NULL;
	if (!cgroup || cgroup_hierarchies(cgroup, &h, &n, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (h[i].v2)
			str_replace(&v2, h[i].folder);
		else if (str_eq(h[i].name, "freezer"))
			str_replace(&v1, h[i].folder);
	}
	cgroup_hierarchies_free(h, n);
	if (!v1)
		return v2;
	free(v2);
	return v1;
}

static int open_root(struct dump *d, pid_t pid, struct err **err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	d->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return d->root < 0 ? err_sys(err, errno, "open the container's root") : 0;
}

/* criu reads images as root of the restored user namespace, too; nobody else may. */
static int let_root_in(int images, const struct plan *plan, struct err **err)
{
	struct stat st;
	if (!(plan->ns_new & CLONE_NEWUSER))
		return 0;
	if (fstat(images, &st) < 0)
		return err_sys(err, errno, "--image-path");
	for (size_t i = 0; i < plan->gid_map_count; i++) {
		const struct oci_id_map *map = &plan->gid_map[i];
		if (map->container != 0 || (st.st_mode & 07777) != 0700)
			continue;
		if (fchown(images, (uid_t)-1, map->host) < 0 || fchmod(images, 0710) < 0)
			return err_sys(
				err, errno, "let the user namespace's root into --image-path");
	}
	return 0;
}

static int gather(struct dump *d, const struct plan *plan, pid_t pid, const struct cgroup *cgroup,
	char *const *streams, struct err **err)
{
	struct criu_facts *f = &d->facts;
	f->work = d->folders.work >= 0;
	f->pid = pid;
	f->root = plan->root_path;
	f->log_file = LOG_FILE;
	f->config_file = criu_config_file(plan);
	f->freezer = d->freezer = find_freezer(cgroup);
	if (open_root(d, pid, err) < 0)
		return -1;
	if (criu_find_mounts(f, plan, cgroup, d->root, d->arena, err) < 0)
		return -1;
	if (criu_find_namespaces(f, plan, d->arena, err) < 0)
		return -1;
	criu_streams_external(f, streams, d->arena);
	return 0;
}

static int start(
	struct dump *d, const struct plan *plan, const struct criu_options *o, struct err **err)
{
	d->program = criu_find_program(o->program, err);
	if (!d->program)
		return -1;
	const int folders[] = {
		d->folders.images, d->folders.work >= 0 ? d->folders.work : d->folders.images};
	struct criu_spawn spawn = {
		.program = d->program,
		.io = {.in = -1,
			.out = STDOUT_FILENO,
			.err = STDERR_FILENO,
			.preserve = folders,
			.preserve_count = ARRAY_LEN(folders)},
		.cgroup = -1,
	};
	if (criu_start(&d->criu, &spawn, err) < 0 || criu_check_version(&d->criu, plan, err) < 0)
		return -1;
	return criu_require(&d->criu, o->pre_dump, o->lazy_pages, err);
}

static int ask(struct dump *d, const struct criu_options *o, struct err **err)
{
	Criu__RequestType type =
		o->pre_dump ? CRIU__REQUEST_TYPE__PRE_DUMP : CRIU__REQUEST_TYPE__DUMP;
	struct criu_listener listener = {listen_to_dump, d};
	const Criu__Request *request = criu_request(type, o, &d->facts, d->arena);
	Criu__Response *answer = criu_call(&d->criu, request, &listener, err);
	if (!answer)
		return criu_explain(&d->folders, &d->criu, LOG_FILE, err);
	criu__response__free_unpacked(answer, NULL);
	return 0;
}

int criu_checkpoint(const struct plan *plan, pid_t pid, const struct cgroup *cgroup,
	char *const *streams, const struct criu_options *o, struct err **err)
{
	auto_dump d = {.criu = CRIU_NONE,
		.folders = CRIU_FOLDERS_NONE,
		.arena = arena_new(),
		.root = -1,
		.status_fd = o->lazy_pages ? o->status_fd : -1};
	if (criu_options_check(o, err) < 0 || check_status_fd(o, err) < 0 ||
		criu_check_plan(plan, err) < 0)
		return -1;
	if (criu_folders_open(&d.folders, o, LOG_FILE, true, err) < 0 ||
		let_root_in(d.folders.images, plan, err) < 0 ||
		gather(&d, plan, pid, cgroup, streams, err) < 0 || start(&d, plan, o, err) < 0)
		return -1;
	if (!o->pre_dump && criu_streams_save(d.folders.images, streams, err) < 0)
		return -1;
	return ask(&d, o, err);
}
