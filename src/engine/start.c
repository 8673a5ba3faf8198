/*
 * Start: from a document to a running program.
 *
 *   address and ports taken, row says "running, generation N"   (a crash from here on is found again)
 *   files of the network written, plan compiled
 *   monitor: CREATE        init waits at its gate; its network namespace comes back
 *   interface wired        before any hook, so that they find it
 *   monitor: START         hooks, gate, exec
 *
 * Any failure gives everything back and leaves the container as it was, with the error and an exit code in
 * its state.
 */
#include "start.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core.h"
#include "engine/exec.h"
#include "mounts.h"
#include "net/files.h"
#include "runtime/plan.h"
#include "runtime/run.h"
#include "spec.h"

static int check_state(struct container *c, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	enum container_status status = c->state.status;
	pthread_mutex_unlock(&c->lock);
	switch (status) {
	case CONTAINER_RUNNING:
		return err_set(
			err, ERR_NOT_MODIFIED, "container %s is already running", container_id(c));
	case CONTAINER_PAUSED:
		return err_set(
			err, ERR_CONFLICT, "cannot start a paused container, try unpause instead");
	case CONTAINER_REMOVING:
	case CONTAINER_DEAD:
		return err_set(
			err, ERR_CONFLICT, "container is marked for removal and cannot be started");
	default:
		return 0;
	}
}

/* ---- generated files ---- */

static int put_file(int dir, const char *name, char *text, struct err **err)
{
	int r = text ? file_replace(dir, name, text, strlen(text), 0644, false, err) : -1;
	free(text);
	return r;
}

static char *read_host(const char *path)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 1 << 20, &text, path, NULL))
		return NULL;
	return buf_steal(&text);
}

static int write_hosts(struct container *c, int dir, const struct net_hold *hold, struct err **err)
{
	const struct container_doc *doc = &c->doc->doc;
	char address[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];
	struct net_hosts hosts = {.hostname = doc->config.hostname,
		.domainname = doc->config.domainname,
		.extra = doc->host.extra_hosts};

	if (c->engine->net)
		hosts.gateway = net_addr_text(net_info(c->engine->net)->address, gateway);
	if (hold->has_endpoint)
		hosts.address = net_addr_text(hold->endpoint.address, address);
	if (net_mode(doc->host.network_mode) != NET_MODE_HOST)
		return put_file(dir, "hosts", net_hosts_text(&hosts, err), err);
	auto_free char *base = read_host("/etc/hosts");
	return put_file(dir, "hosts", net_hosts_append(base ? base : "", &hosts, err), err);
}

static int write_resolv(struct container *c, int dir, struct err **err)
{
	const struct host_config *h = &c->doc->doc.host;
	auto_free char *text = read_host("/etc/resolv.conf");
	const char *path = net_resolv_path(text);
	bool host = net_mode(h->network_mode) == NET_MODE_HOST;

	if (!host && path && !str_eq(path, "/etc/resolv.conf")) {
		free(text);
		text = read_host(path);
	}
	const struct net_resolv own = {.servers = h->dns,
		.search = h->dns_search,
		.options = h->dns_options,
		.keep_loopback = host};
	return put_file(dir, "resolv.conf", net_resolv_text(text, &own, err), err);
}

static int write_files(struct container *c, const struct net_hold *hold, struct err **err)
{
	auto_fd int dir = container_disk_dir(c, err);
	if (dir < 0)
		return -1;
	if (net_mode(c->doc->doc.host.network_mode) == NET_MODE_CONTAINER)
		return 0;
	return put_file(dir, "hostname", net_hostname_text(c->doc->doc.config.hostname), err) ||
			       write_hosts(c, dir, hold, err) || write_resolv(c, dir, err)
		       ? -1
		       : 0;
}

/* ---- other containers' namespaces ---- */

static int open_namespace(
	pid_t pid, uint64_t ticks, const char *file, const char *id, struct err **err)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	/* the pid may have been somebody else's by the time of the open */
	if (fd < 0 || run_start_ticks(pid) != ticks) {
		fd_close(fd);
		return err_set(err, ERR_CONFLICT,
			"cannot join namespaces of a non running container: %s", id);
	}
	return fd;
}

struct joined {
	const char *mode; /* "container:<id>" or not */
	enum oci_ns ns;
	const char *file, *what;
};

static int join_one(struct start *s, const struct joined *j, struct err **err)
{
	const char *id = j->mode ? str_after(j->mode, "container:") : NULL;
	if (!id)
		return 0;
	auto_container *other = roster_find(&s->container->engine->roster, id, err);
	if (!other)
		return -1;
	pthread_mutex_lock(&other->lock);
	bool alive = state_alive(other);
	pid_t pid = other->state.pid;
	uint64_t ticks = other->init_ticks;
	pthread_mutex_unlock(&other->lock);
	if (!alive)
		return err_set(err, ERR_CONFLICT, "cannot join %s of a non running container: %s",
			j->what, id);
	if (j->ns == OCI_NS_IPC && !str_eq(other->doc->doc.host.ipc_mode, "shareable"))
		return err_set(err, ERR_CONFLICT,
			"cannot join IPC of container %s: non-shareable IPC (hint: use "
			"IpcMode:shareable for the donor container)",
			id);
	s->ns_fd[j->ns] = open_namespace(pid, ticks, j->file, id, err);
	if (s->ns_fd[j->ns] < 0)
		return -1;
	s->ns_path[j->ns] = xasprintf("/proc/%d/ns/%s", (int)pid, j->file);
	if (j->ns == OCI_NS_IPC)
		s->shm = shm_path(other);
	if (j->ns == OCI_NS_NETWORK)
		s->files_of = container_ref(other);
	return 0;
}

static int join_all(struct start *s, struct err **err)
{
	const struct host_config *h = &s->container->doc->doc.host;
	const struct joined all[] = {{h->pid_mode, OCI_NS_PID, "pid", "PID"},
		{h->ipc_mode, OCI_NS_IPC, "ipc", "IPC"},
		{h->network_mode, OCI_NS_NETWORK, "net", "network"}};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (join_one(s, &all[i], err))
			return -1;
	return 0;
}

/* ---- the plan ---- */

static int prepare_binds(const struct container_doc *doc, struct err **err)
{
	struct stat st;
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const struct mount_point *m = &doc->mounts.v[i];
		if (!m->source || !stat(m->source, &st))
			continue;
		if (!m->make_source)
			return err_set(err, ERR_INVALID,
				"invalid mount config for type \"%s\": bind source path does not "
				"exist: %s",
				m->type, m->source);
		if (dir_make(AT_FDCWD, m->source, 0755, err))
			return err_wrap(
				err, "error while creating mount source path '%s'", m->source);
	}
	return 0;
}

static void set_facts(struct start *s, struct spec_facts *f)
{
	struct container *c = s->container;
	struct container *files = s->files_of ? s->files_of : c;

	*f = (struct spec_facts){.cgroup_v2 = c->engine->cgroup_v2,
		.capabilities = c->engine->capabilities,
		.oom_score_adj = c->engine->oom_score_adj,
		.cgroup_path = s->cgroup,
		.hostname = c->doc->doc.config.hostname,
		.shm_source = s->shm};
	s->hosts = container_path(files, "hosts");
	s->hostname_file = container_path(files, "hostname");
	s->resolv = container_path(files, "resolv.conf");
	f->hosts = s->hosts;
	f->hostname_file = s->hostname_file;
	f->resolv = s->resolv;
	for (size_t i = 0; i < OCI_NS_COUNT; i++)
		f->ns_path[i] = s->ns_path[i];
}

/* The folder of a container whose network is another's: its files, wherever they came from. */
static void follow_files(struct start *s)
{
	while (s->files_of) {
		const char *id = str_after(s->files_of->doc->doc.host.network_mode, "container:");
		struct container *next =
			id ? roster_find(&s->container->engine->roster, id, NULL) : NULL;
		if (!next)
			return;
		container_unref(s->files_of);
		s->files_of = next;
	}
}

/* A volatile mount (--rm) leaves a mark because of which the kernel refuses the next one: after a power cut the
 * files could not be trusted. Here there was none, or the container would not have been started again. */
static void forget_volatile(const char *work)
{
	auto_fd int dir = dir_open(AT_FDCWD, work, NULL);
	auto_fd int fd = dir < 0 ? -1
				 : openat(dir, "work/incompat",
					   O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		tree_remove(fd, "volatile", NULL);
}

static int set_root(struct start *s, struct err **err)
{
	struct container *c = s->container;
	struct plan *p = s->plan;

	if (store_snapshot_describe(c->engine->store, container_id(c), true, &s->snapshot, err))
		return -1;
	if (s->snapshot.kind == STORE_ROOT_FOLDER) {
		p->root_kind = PLAN_ROOT_BIND;
		p->root_path = s->snapshot.folder;
		return 0;
	}
	p->root_kind = PLAN_ROOT_OVERLAY;
	p->lower = (const char **)s->snapshot.lower;
	p->upper = s->snapshot.upper;
	p->work = s->snapshot.work;
	p->root_volatile = c->doc->doc.host.auto_remove;
	if (p->root_volatile && c->generation > 1)
		forget_volatile(p->work);
	return 0;
}

/* Once, as in Docker's layer below the container's: what becomes of mtab later is the container's business. */
static void set_etc(struct start *s)
{
	s->plan->etc = PLAN_ETC_FILES | (s->container->state.started_at ? 0 : PLAN_ETC_MTAB);
}

static int set_process(struct start *s, struct err **err)
{
	struct container *c = s->container;
	const struct container_doc *doc = &c->doc->doc;
	struct plan_process *p = &s->plan->process;

	p->user_spec = doc->config.user ? doc->config.user : "";
	p->keep_groups = false; /* ours, not the client's */
	p->group_add = (const char **)doc->host.group_add;
	p->caps_by_user = true;
	p->cwd_create = true;
	p->use_init = doc->host.init == TRI_TRUE;
	s->plan->init_path = c->engine->init_path;
	if (filter_get(c->engine, &doc->host, p->caps.bounding, &s->bpf, &p->bpf_len, &p->bpf_flags,
		    err))
		return -1;
	p->bpf = s->bpf;
	return 0;
}

static int make_plan(struct start *s, struct err **err)
{
	struct container *c = s->container;
	struct spec_facts facts;
	const struct plan_options options = {.id = container_id(c),
		.bundle = c->engine->exec_root,
		.no_new_keyring = false,
		.init_path = c->engine->init_path};

	if (prepare_binds(&c->doc->doc, err))
		return -1;
	if (str_eq(c->doc->doc.host.ipc_mode, "shareable")) {
		auto_fd int run = container_run_dir(c, true, err);
		if (run < 0 || shm_mount(c, err))
			return -1;
		s->shm = shm_path(c);
	}
	follow_files(s);
	set_facts(s, &facts);
	if (spec_build(&s->config, &c->doc->doc, &facts, err) ||
		plan_compile(&s->plan, s->config, &options, err) || set_root(s, err) ||
		set_process(s, err))
		return -1;
	set_etc(s);
	for (size_t i = 0; i < OCI_NS_COUNT; i++)
		if (s->ns_fd[i] >= 0)
			s->plan->ns_fd[i] = s->ns_fd[i];
	return 0;
}

/* ---- running it ---- */

/* What went wrong inside, in the words by which clients choose between 125, 126 and 127. */
static void word_failure(struct err **err)
{
	static const char prefix[] = "failed to create task for container: failed to create shim "
				     "task: OCI runtime create failed";
	if (!err || !*err)
		return;
	enum err_kind kind = (*err)->kind;
	if (kind == ERR_NO_EXECUTABLE || kind == ERR_NOT_EXECUTABLE)
		err_set(err, kind,
			"%s: runc create failed: unable to start container process: error during "
			"container init: %s: unknown",
			prefix, (*err)->msg);
	else if (kind == ERR_SYSTEM || kind == ERR_INVALID || kind == ERR_NOT_FOUND)
		err_wrap(err, "%s", prefix);
}

static void volumes_mounted(struct container *c)
{
	const struct container_doc *doc = &c->doc->doc;
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const struct mount_point *m = &doc->mounts.v[i];
		const struct ring_attr attrs[] = {{"container", container_id(c)},
			{"destination", m->destination}, {"driver", "local"},
			{"propagation", m->propagation}, {"read/write", m->rw ? "true" : "false"}};
		if (str_eq(m->type, "volume"))
			event_other(c->engine, "volume", "mount", m->name, attrs, ARRAY_LEN(attrs));
	}
}

static int run_plan(struct start *s, struct err **err)
{
	struct container *c = s->container;
	struct monitor_created made = {.netns = -1};

	if (monitor_create(s->monitor, c->generation, s->plan, &made, err)) {
		word_failure(err);
		return -1;
	}
	auto_fd int netns = made.netns;
	s->created = true;
	s->pid = made.pid;
	s->ticks = made.start_ticks;
	if (network_attach(c, &s->hold, netns, err))
		return -1;
	volumes_mounted(c);
	if (monitor_start(s->monitor, &s->started_at, err)) {
		word_failure(err);
		return -1;
	}
	return 0;
}

static int try_start(struct start *s, struct err **err)
{
	struct container *c = s->container;

	if (join_all(s, err))
		return -1;
	s->monitor = monitor_need(c, err);
	if (!s->monitor)
		return -1;
	if (network_prepare(c, &s->hold, err))
		return -1;
	pthread_mutex_lock(&c->lock);
	c->generation++;
	c->exit_known = false;
	pthread_mutex_unlock(&c->lock);
	if (rows_save_starting(c, &s->hold, err) || write_files(c, &s->hold, err) ||
		make_plan(s, err))
		return -1;
	return run_plan(s, err);
}

static void set_running(struct start *s)
{
	struct container *c = s->container;

	pthread_mutex_lock(&c->lock);
	c->hold = s->hold;
	s->hold = (struct net_hold){0};
	c->state.status = CONTAINER_RUNNING;
	c->state.pid = s->pid;
	c->state.exit_code = 0;
	c->state.oom_killed = false;
	c->state.started_at = s->started_at;
	str_replace(&c->state.error, NULL);
	c->init_ticks = s->ticks;
	c->stop_asked = false;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	container_set_net(c, network_view(c, &c->hold, true));
}

static int32_t failure_code(const struct err *err)
{
	if (err->kind == ERR_NO_EXECUTABLE || strstr(err->msg, "no such file or directory"))
		return 127;
	return err->kind == ERR_NOT_EXECUTABLE ? 126 : 128;
}

static void set_failed(struct start *s, const struct err *why)
{
	struct container *c = s->container;
	auto_err *err = NULL;

	/* also one that an attach has brought: its clients see the end */
	struct monitor_client *m = container_monitor(c);
	if (m) {
		monitor_quit(m, NULL);
		monitor_client_unref(m);
		if (monitor_wait_gone(c, 10))
			log_warn("container %s: its monitor does not go", container_id(c));
	}
	container_sweep(c); /* one that was killed has not tidied up */
	network_release(c->engine, &s->hold, false);
	if (s->created)
		network_left(c);
	pthread_mutex_lock(&c->lock);
	c->state.exit_code = failure_code(why);
	str_replace(&c->state.error, why->msg);
	c->exit_known = false;
	pthread_mutex_unlock(&c->lock);
	if (c->doc->doc.host.auto_remove) {
		if (container_remove(c, true, &err))
			log_error("container %s: cannot be removed: %s", container_id(c),
				err_msg(err));
	} else if (rows_save_state(c, &err)) {
		log_error("container %s: %s", container_id(c), err_msg(err));
	}
}

static void start_clear(struct start *s)
{
	monitor_client_unref(s->monitor);
	plan_free(s->plan);
	oci_config_free(s->config);
	store_snapshot_free(&s->snapshot);
	for (size_t i = 0; i < OCI_NS_COUNT; i++) {
		fd_close(s->ns_fd[i]);
		free(s->ns_path[i]);
	}
	container_unrefp(&s->files_of);
	free(s->cgroup);
	free(s->hosts);
	free(s->hostname_file);
	free(s->resolv);
	free(s->shm);
	free(s->bpf);
	hold_clear(&s->hold);
}

int container_start(struct container *c, struct err **err)
{
	struct start s = {.container = c};
	auto_err *why = NULL;

	if (check_state(c, err))
		return -1;
	for (size_t i = 0; i < OCI_NS_COUNT; i++)
		s.ns_fd[i] = -1;
	s.cgroup = container_cgroup(c);
	int r = try_start(&s, &why);
	if (!r) {
		set_running(&s);
		event_container(c, "start", NULL, 0);
		monitor_lost_early(c);
	} else {
		set_failed(&s, why);
		err_move(err, &why);
	}
	start_clear(&s);
	parking_refill_later(c->engine);
	return r;
}

int engine_container_start(struct engine *e, const char *ref, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c || container_begin(c, err))
		return -1;
	int r = container_start(c, err);
	container_end(c);
	return r;
}
