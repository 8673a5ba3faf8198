#include "launch.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/log.h"
#include "console.h"
#include "handover.h"
#include "helper.h"
#include "resctrl.h"

#define CONFIG_FILE "config.json"
#define CONFIG_MAX (16u << 20)
#define CRIU_ROOT "criu-root"

char *seccomp_cache_path(const struct globals *g)
{
	return xasprintf("%s/" SECCOMP_CACHE, g->root);
}

int bundle_config(struct oci_config **out, const char *bundle, struct err **err)
{
	auto_err *why = NULL;
	auto_buf text = BUF_INIT;
	auto_free char *path = xasprintf("%s/" CONFIG_FILE, bundle);
	if (file_read_given(path, CONFIG_MAX, &text, &why) < 0) {
		if (why->kind == ERR_NOT_FOUND)
			return err_set(err, ERR_NOT_FOUND,
				"JSON specification file " CONFIG_FILE " not found");
		return err_move(err, &why);
	}
	return oci_config_parse(out, text.data, text.len, err);
}

/* Where the container's entry will be, absolute. */
static char *entry_path(const struct globals *g, const char *id)
{
	char here[PATH_MAX] = "";
	if (g->root[0] != '/' && !getcwd(here, sizeof(here)))
		here[0] = 0;
	return xasprintf("%s%s%s/%s", here, here[0] ? "/" : "", g->root, id);
}

/* A relative path means the cgroups that we are in; those who come after us are in others. */
static int resolve_cgroup(struct launch *l, struct err **err)
{
	auto_err *why = NULL;
	char *path = cgroup_resolve(l->plan->cgroup_path, &why);
	if (!path && !l->plan->cgroup_optional)
		return err_move(err, &why);
	if (!path)
		return 0;
	free(l->cgroup);
	l->plan->cgroup_path = l->cgroup = path;
	return 0;
}

/* root of a user namespace that the machine's systemd is in has that one, as if it were no namespace. */
static bool users_systemd(const struct globals *g)
{
	if (str_empty(g->rootless) || str_eq(g->rootless, "auto"))
		return systemd_wants_user();
	return globals_rootless(g);
}

static int find_systemd(struct launch *l, const struct globals *g, struct err **err)
{
	if (!g->systemd_cgroup)
		return 0;
	if (systemd_check_booted(err) < 0)
		return -1;
	l->systemd = helper_find(g, SYSTEMD_HELPER);
	if (l->systemd)
		return 0;
	return err_set(err, ERR_UNAVAILABLE,
		"--systemd-cgroup needs the program " SYSTEMD_HELPER
		", which is not installed with " PROGRAM);
}

/* What the bundle says, checked as far as it can be before anything exists. */
static int compile(struct launch *l, const struct globals *g, const struct launch_options *o,
	const char *id, bool detach, struct err **err)
{
	char path[PATH_MAX];
	if (!realpath(str_empty(o->bundle) ? "." : o->bundle, path))
		return err_sys(err, errno, "open bundle %s", o->bundle ? o->bundle : ".");
	l->bundle = xstrdup(path);
	if (bundle_config(&l->config, l->bundle, err) < 0)
		return -1;
	if (!l->config->has_process)
		return err_set(err, ERR_INVALID, "process property must not be empty");
	if (console_check(l->config->process.terminal, detach, o->console_socket, err) < 0)
		return -1;
	if (find_systemd(l, g, err) < 0)
		return -1;
	l->listen = listen_fds();
	listen_env(&l->config->process, l->listen);
	auto_free char *entry = entry_path(g, id);
	l->notifies = notify_configure(l->config, entry);
	l->cache = seccomp_cache_path(g);
	struct plan_options options = {
		.id = id,
		.bundle = l->bundle,
		.seccomp_cache = l->cache,
		.no_pivot = o->no_pivot,
		.no_new_keyring = o->no_new_keyring,
		.systemd_helper = l->systemd,
		.systemd_user = l->systemd && users_systemd(g),
		.rootless = globals_rootless(g),
		.unprivileged = geteuid() != 0,
	};
	if (plan_compile(&l->plan, l->config, &options, err) < 0)
		return -1;
	l->plan->process.cwd_create = true; /* as runc and crun do */
	l->plan->host_mounts = !l->config->linux.ns[OCI_NS_MOUNT].present;
	/* an ordinary user's is beside their own cgroup, where it may be theirs to make */
	if (str_empty(l->plan->cgroup_path) && !l->systemd)
		l->plan->cgroup_path = l->cgroup =
			xasprintf("%skist/%s", l->plan->rootless ? "" : "/", id);
	/* criu makes its own */
	if (!o->images)
		l->net = net_ahead_begin(l->plan);
	return l->systemd ? 0 : resolve_cgroup(l, err);
}

static char *annotations_text(const struct oci_config *config)
{
	auto_json *j = json_object();
	auto_buf text = BUF_INIT;
	if (!config->annotations.count)
		return NULL;
	for (size_t i = 0; i < config->annotations.count; i++)
		json_put_str(j, config->annotations.v[i].key, config->annotations.v[i].value);
	json_write(j, &text);
	return buf_steal(&text);
}

/* On record before it exists: the cgroup by which delete --force finds what a killed create has made. */
static int record(struct launch *l, struct err **err)
{
	struct state *s = l->state;
	s->version = xstrdup_null(l->config->version);
	s->bundle = xstrdup(l->bundle);
	s->rootfs = xstrdup(l->plan->root_path);
	/* where systemd puts it is known later (record_unit) */
	s->cgroup = l->systemd ? NULL : xstrdup(l->plan->cgroup_path);
	s->annotations = annotations_text(l->config);
	s->no_keyring = !l->plan->new_keyring;
	if (l->plan->host_mounts && state_root_begin(s, err) < 0)
		return -1;
	if (resctrl_foresee(s, &l->plan->process.rdt, err) < 0 || state_save(s, err) < 0)
		return -1;
	return state_plan_save(s, l->plan, err);
}

/* A unit is on record as soon as it is ours: a create that is killed before has an init that ends of itself, and the
 * unit with it. Only a unit on record is ever stopped. */
static int record_unit(void *arg, const char *cgroup, struct err **err)
{
	struct launch *l = arg;
	struct state *s = l->state;
	if (systemd_unit_parse(&s->unit, l->plan->cgroup_path, s->id, l->plan->systemd_user, err) <
		0)
		return -1;
	s->cgroup = xstrdup(cgroup);
	return state_save(s, err);
}

static int write_pid_file(const char *path, pid_t pid, struct err **err)
{
	char text[16];
	if (str_empty(path))
		return 0;
	int n = snprintf(text, sizeof(text), "%d", (int)pid);
	return file_replace(AT_FDCWD, path, text, (size_t)n, 0644, false, err);
}

/* Whoever restores the container has other streams; criu hands those out by these names. */
static void note_streams(struct launch *l)
{
	for (int fd = 0; fd <= STDERR_FILENO && !l->plan->process.terminal; fd++)
		strv_take(&l->state->streams, criu_stream_name(fd));
}

static int bring_back(struct launch *l, const struct criu_options *images, const struct run_io *io,
	struct err **err)
{
	char link[32], dir[PATH_MAX];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", l->state->dir);
	if (mkdirat(l->state->dir, CRIU_ROOT, 0700) < 0 || !realpath(link, dir))
		return err_sys(err, errno, "make a mount point for criu");
	auto_free char *folder = xasprintf("%s/" CRIU_ROOT, dir);
	int r = criu_restore(&l->run, l->plan, io, folder, images, err);
	unlinkat(l->state->dir, CRIU_ROOT, AT_REMOVEDIR);
	return r;
}

static int record_run(void *arg, const struct run *run, struct err **err)
{
	struct launch *l = arg;
	if (!run->cgroup)
		str_replace(&l->state->cgroup, "");
	log_debug("container %s: its first process is %d, its cgroup %s", l->state->id,
		(int)run->pid, str_empty(l->state->cgroup) ? "none" : l->state->cgroup);
	free(l->state->places);
	l->state->places = run->cgroup ? cgroup_places(run->cgroup) : NULL;
	l->state->pid = run->pid;
	l->state->creating = true;
	l->state->start_ticks = run->start_ticks;
	l->notify.pid = run->pid;
	return state_save(l->state, err);
}

static int bring_up(
	struct launch *l, const struct launch_options *o, const struct run_io *io, struct err **err)
{
	note_streams(l);
	if (!o->images)
		return run_create(&l->run, l->plan, io, false, err);
	return bring_back(l, o->images, io, err) < 0 ? -1 : record_run(l, l->run, err);
}

int launch_made(struct launch *l, struct err **err)
{
	return l->state->creating ? state_made(l->state, err) : 0;
}

static int make(struct launch *l, const struct launch_options *o, bool split, struct err **err)
{
	auto_free int *fds = NULL;
	struct run_io io = {.in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO};
	if (preserved_fds(l->listen, o->preserve_fds, &fds, &io.preserve_count, err) < 0)
		return -1;
	io.preserve = fds;
	io.lf_only = !split && !o->detach;
	auto_fd int pidfds = -1;
	if (!str_empty(o->pidfd_socket) && (pidfds = pidfd_connect(o->pidfd_socket, err)) < 0)
		return -1;
	if (l->notifies && notify_make(l->state->dir, err) < 0)
		return -1;
	if (!split && notify_listen(&l->notify, l->state->dir, err) < 0)
		return -1;
	l->sealed = l->state->globals->sealed;
	io.spare = &l->sealed;
	io.net = l->net;
	io.unit_made = record_unit;
	io.known = record_run;
	io.unit_arg = io.known_arg = l;
	io.straight = !o->detach && str_empty(o->console_socket) && str_empty(o->pidfd_socket) &&
		      str_empty(o->pid_file);
	if (split) {
		l->gate = unix_listen(l->state->dir, STATE_GATE, SOCK_SEQPACKET, 0600, err);
		if (l->gate < 0)
			return -1;
		io.gate_socket = l->gate;
	}
	if (bring_up(l, o, &io, err) < 0 || (!l->run->gate_open && launch_made(l, err) < 0))
		return -1;
	if (!str_empty(o->console_socket) &&
		console_send(o->console_socket, l->run->tty_master, err) < 0)
		return -1;
	if (pidfds >= 0 && pidfd_send(pidfds, "standard", l->run->pidfd, err) < 0)
		return -1;
	return write_pid_file(o->pid_file, l->run->pid, err);
}

int launch_remove(struct launch *l, struct err **err)
{
	run_destroy(l->run);
	l->run = NULL;
	if (state_root_end(l->state, err) < 0)
		return -1;
	auto_err *why = NULL, *left = NULL;
	if (resctrl_remove(l->state, l->plan, &left) < 0)
		log_warn("%s", err_msg(left));
	if (run_poststop(l->plan, 0, &why) < 0)
		log_warn("%s", err_msg(why));
	return state_remove(l->state, err);
}

int launch_create(struct launch *l, const struct globals *g, const struct launch_options *o,
	const char *id, bool split, struct err **err)
{
	*l = (struct launch)LAUNCH_INIT;
	if (compile(l, g, o, id, split || o->detach, err) < 0)
		return -1;
	if (state_create(&l->state, g, id, err) < 0)
		return -1;
	log_debug("container %s: made from the bundle %s", id, l->bundle);
	if (record(l, err) == 0 && make(l, o, split, err) == 0)
		return 0;
	/* hooks may have run: runtime.md "Lifecycle", steps 3 to 5, goes on at step 12 */
	launch_remove(l, NULL);
	return -1;
}

int launch_wait(struct launch *l, bool keep, int signals, struct err **err)
{
	fd_closep(&l->sealed);
	state_unlock(l->state);
	int code = foreground_wait(
		l->run->pid, l->run->pidfd, l->run->tty_master, signals, &l->notify, err);
	l->run->pid = 0;
	if (code >= 0 && keep)
		return code;
	auto_err *why = NULL;
	if (state_relock(l->state, &why) < 0 && why->kind == ERR_NOT_FOUND)
		return code; /* another verb has ended it: delete --force, checkpoint */
	if (why || launch_remove(l, &why) < 0)
		log_warn("%s", err_msg(why));
	return code;
}

void launch_clear(struct launch *l)
{
	run_release(l->run);
	net_ahead_free(l->net);
	plan_free(l->plan);
	oci_config_free(l->config);
	state_free(l->state);
	fd_close(l->gate);
	notify_close(&l->notify);
	free(l->bundle);
	free(l->cgroup);
	free(l->cache);
	free(l->systemd);
}
