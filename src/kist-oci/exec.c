/* exec: another process in a running container. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "base/fdio.h"
#include "base/log.h"
#include "console.h"
#include "handover.h"
#include "launch.h"

struct exec_options {
	const char *console_socket, *pidfd_socket, *cwd, *user, *process, *pid_file, *label,
		*apparmor;
	char **cgroup, **env, **gids, **caps;
	bool tty, detach, ignore_paused;
	int preserve_fds, no_new_privs;
};

#define OPT(name, kind, member, help)                                                              \
	{                                                                                          \
		name, kind, offsetof(struct exec_options, member), help                            \
	}
static const struct option options[] = {
	OPT("console-socket", OPTION_STR, console_socket,
		"unix socket that receives the terminal's master end"),
	OPT("pidfd-socket", OPTION_STR, pidfd_socket,
		"unix socket that receives a pidfd of the process"),
	OPT("cwd", OPTION_STR, cwd,
		"folder in the container to start in (default: the container's)"),
	OPT("env, e", OPTION_LIST, env, "environment variable NAME=VALUE, may repeat"),
	OPT("tty, t", OPTION_BOOL, tty, "give the process a terminal"),
	OPT("user, u", OPTION_STR, user, "numbers of the user and group, UID[:GID]"),
	OPT("additional-gids, g", OPTION_INTS, gids, "number of a further group, may repeat"),
	OPT("process, p", OPTION_STR, process,
		"file with the process as in config.json, instead of the arguments"),
	OPT("detach, d", OPTION_BOOL, detach, "do not wait for the process"),
	OPT("pid-file", OPTION_STR, pid_file, "file to write the process id to"),
	OPT("process-label", OPTION_STR, label, "SELinux label of the process"),
	OPT("apparmor", OPTION_STR, apparmor, "AppArmor profile of the process"),
	OPT("no-new-privs", OPTION_CHOICE, no_new_privs,
		"set no_new_privs; =false: do not, whatever the container has"),
	OPT("cap, c", OPTION_LIST, caps, "capability to add, may repeat"),
	OPT("preserve-fds", OPTION_INT, preserve_fds, "hand on N more descriptors, from 3"),
	OPT("cgroup", OPTION_LIST, cgroup,
		"cgroup below the container's to run in, [CONTROLLER[,...]:]PATH, may repeat"),
	OPT("ignore-paused", OPTION_BOOL, ignore_paused,
		"do it in a paused container too, where it waits"),
};
#undef OPT

static int read_process(struct oci_process **out, const char *path, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (file_read_given(path, 16u << 20, &text, err) < 0)
		return -1;
	return oci_process_parse(out, text.data, text.len, err);
}

/* A sign is allowed, as runc has it. */
static int parse_id(const char *text, uint32_t *id)
{
	return str_to_u32(text + (text[0] == '+'), id) < 0 || *id == UINT32_MAX ? -1 : 0;
}

static int set_user(struct oci_process *p, const char *spec, struct err **err)
{
	auto_strv parts = strv_split(spec, ':');
	if (strv_len(parts) > 2 || parse_id(parts[0], &p->user.uid) < 0 ||
		(parts[1] && parse_id(parts[1], &p->user.gid) < 0))
		return err_set(err, ERR_INVALID, "invalid user \"%s\": expected uid[:gid]", spec);
	return 0;
}

static int add_gids(struct oci_process *p, char *const *gids, struct err **err)
{
	for (size_t i = 0; gids && gids[i]; i++) {
		struct oci_user *u = &p->user;
		u->additional_gids = xreallocarray(u->additional_gids, u->additional_gid_count + 1,
			sizeof(*u->additional_gids));
		if (str_to_u32(gids[i], &u->additional_gids[u->additional_gid_count]) < 0)
			return err_set(err, ERR_INVALID, "invalid group id \"%s\"", gids[i]);
		u->additional_gid_count++;
	}
	return 0;
}

/* As runc does: not inheritable (CVE-2022-29162), and so ambient only where it is inheritable
 * already. */
static void add_caps(struct oci_process *p, char *const *caps)
{
	for (size_t i = 0; caps && caps[i]; i++) {
		int number = oci_cap_number(caps[i]);
		if (number < 0) {
			log_warn("ignoring unknown capability %s", caps[i]);
			continue;
		}
		p->has_capabilities = true;
		p->capabilities.bounding |= 1ull << number;
		p->capabilities.effective |= 1ull << number;
		p->capabilities.permitted |= 1ull << number;
		p->capabilities.ambient |= p->capabilities.inheritable & 1ull << number;
	}
}

/* The container's own process with what the command line says instead. */
static int adapt(struct oci_process *p, const struct exec_options *o, char **args, struct err **err)
{
	strv_free(p->args);
	p->args = strv_copy(args);
	if (!args[0])
		return err_set(err, ERR_INVALID, "exec args cannot be empty");
	p->terminal = o->tty;
	p->console_height = p->console_width = 0;
	if (!str_empty(o->cwd))
		str_replace(&p->cwd, o->cwd);
	if (!str_empty(o->label))
		str_replace(&p->selinux_label, o->label);
	if (!str_empty(o->apparmor))
		str_replace(&p->apparmor_profile, o->apparmor);
	if (o->no_new_privs)
		p->no_new_privileges = o->no_new_privs > 0;
	for (size_t i = 0; o->env && o->env[i]; i++)
		strv_add(&p->env, o->env[i]);
	if (!str_empty(o->user) && set_user(p, o->user, err) < 0)
		return -1;
	if (*p->cwd != '/')
		return err_set(err, ERR_INVALID, "cwd must be an absolute path");
	add_caps(p, o->caps);
	return add_gids(p, o->gids, err);
}

static int check_status(struct state *s, const struct exec_options *o, struct err **err)
{
	enum status status = state_status(s);
	if (status == STATUS_STOPPED || status == STATUS_CREATING)
		return err_set(err, ERR_CONFLICT, "cannot exec in a stopped container");
	if (status == STATUS_PAUSED && !o->ignore_paused)
		return err_set(err, ERR_CONFLICT,
			"cannot exec in a paused container (use --ignore-paused to override)");
	return 0;
}

struct job {
	struct plan_process *plan;
	int pidfd, master, signals;
	int pidfds; /* --pidfd-socket, connected */
	pid_t pid;
};

static int spawn(struct job *job, struct state *s, const struct exec_options *o, struct err **err)
{
	auto_free int *fds = NULL;
	struct run_io io = {.in = STDIN_FILENO, .out = STDOUT_FILENO, .err = STDERR_FILENO};
	if (preserved_fds(0, o->preserve_fds, &fds, &io.preserve_count, err) < 0)
		return -1;
	auto_free char *keyring = s->no_keyring ? NULL : xasprintf(RUN_KEYRING "%s", s->id);
	io.preserve = fds;
	io.keyring = keyring;
	io.lf_only = !o->detach;
	if (!str_empty(o->pidfd_socket) && (job->pidfds = pidfd_connect(o->pidfd_socket, err)) < 0)
		return -1;
	auto_fd int init = state_pidfd(s, err);
	if (init < 0)
		return -1;
	if (!o->detach && (job->signals = foreground_signals(err)) < 0)
		return -1;
	/* none at all is right only for a container that never had one */
	bool needs = !str_empty(s->cgroup) || (o->cgroup && o->cgroup[0]);
	bool below = o->cgroup && o->cgroup[0];
	struct cgroup *cg = needs && !below ? state_cgroup_core(s) : NULL;
	if (needs && !cg)
		cg = state_cgroup_need(s, err);
	int r = needs && !cg ? -1 : 0;
	if (r == 0 && below)
		r = cgroup_descend(cg, o->cgroup, err);
	if (r == 0)
		job->pid =
			run_exec(job->plan, s->pid, init, cg, &io, &job->pidfd, &job->master, err);
	cgroup_free(cg);
	return r < 0 || job->pid < 0 ? -1 : 0;
}

static int finish(struct job *job, const struct exec_options *o, int sealed, struct err **err)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)job->pid);
	log_debug("exec: process %s runs", text);
	if (!str_empty(o->pid_file) &&
		file_replace(AT_FDCWD, o->pid_file, text, (size_t)n, 0644, false, err) < 0)
		return -1;
	if (!str_empty(o->console_socket) && console_send(o->console_socket, job->master, err) < 0)
		return -1;
	if (job->pidfds >= 0 && pidfd_send(job->pidfds, "setns", job->pidfd, err) < 0)
		return -1;
	if (o->detach)
		return 0;
	fd_close(sealed); /* while the process does what it is for */
	return foreground_wait(job->pid, job->pidfd, job->master, job->signals, NULL, err);
}

static int run_job(const struct globals *g, struct state *s, const struct exec_options *o,
	char **args, struct err **err)
{
	auto_oci_config *config = NULL;
	struct oci_process *own = NULL, *process;
	auto_free char *cache = seccomp_cache_path(g);
	if (bundle_config(&config, s->bundle, err) < 0)
		return -1;
	if (!str_empty(o->process)) {
		if (read_process(&own, o->process, err) < 0)
			return -1;
		own->terminal |= o->tty;
	} else if (adapt(&config->process, o, args, err) < 0) {
		return -1;
	}
	process = own ? own : &config->process;
	struct plan_options plan = {.id = s->id,
		.bundle = s->bundle,
		.seccomp_cache = cache,
		.annotations = &config->annotations};
	struct job job = {.pidfd = -1, .master = -1, .signals = -1, .pidfds = -1};
	int code = -1;
	auto_buf document = BUF_INIT;
	if (console_check(process->terminal, o->detach, o->console_socket, err) == 0 &&
		plan_process_compile(&job.plan, process, &config->linux, &plan, err) == 0) {
		/* config-linux.md "The Seccomp Notify": only an agent asks for it */
		if (job.plan->listener_path) {
			state_document(s, false, NULL, &document);
			job.plan->listener_state = buf_str(&document);
		}
		if (s->rdt_class)
			job.plan->rdt.clos = s->id;
		if (spawn(&job, s, o, err) == 0)
			code = finish(&job, o, g->sealed, err);
		/* nobody has been told of it; not waited for either, in a paused container it dies later */
		if (code < 0 && job.pid > 0)
			syscall(SYS_pidfd_send_signal, job.pidfd, SIGKILL, NULL, 0);
	}
	fd_close(job.pidfd);
	fd_close(job.master);
	fd_close(job.signals);
	fd_close(job.pidfds);
	plan_process_free(job.plan);
	oci_process_free(own);
	return code;
}

#define EXIT_EXEC_FAILED 255

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	struct exec_options *o = opts;
	auto_state *s = NULL;
	int code = -1;
	if (state_open(&s, g, argv[0], LOCK_NONE, err) == 0 && check_status(s, o, err) == 0)
		code = run_job(g, s, o, argv + 1, err);
	if (code >= 0)
		return code;
	err_wrap(err, "exec failed");
	return EXIT_EXEC_FAILED;
}

const struct verb verb_exec = {
	.name = "exec",
	.usage = "<container-id> <command> [argument...] | --process FILE <container-id>",
	.help = "run a further process in a container",
	VERB_OPTIONS(options, struct exec_options),
	.min_args = 1,
	.max_args = -1,
	.stop_at_first = true,
	.run = run,
};
