/* Compiling a process: limits, scheduling, capabilities, filter. */
#include "plan_private.h"

#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/seccomp.h"

struct name_number {
	const char *name;
	uint32_t number;
};

static const struct name_number rlimits[] = {
	{"RLIMIT_AS", RLIMIT_AS},
	{"RLIMIT_CORE", RLIMIT_CORE},
	{"RLIMIT_CPU", RLIMIT_CPU},
	{"RLIMIT_DATA", RLIMIT_DATA},
	{"RLIMIT_FSIZE", RLIMIT_FSIZE},
	{"RLIMIT_LOCKS", RLIMIT_LOCKS},
	{"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
	{"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
	{"RLIMIT_NICE", RLIMIT_NICE},
	{"RLIMIT_NOFILE", RLIMIT_NOFILE},
	{"RLIMIT_NPROC", RLIMIT_NPROC},
	{"RLIMIT_RSS", RLIMIT_RSS},
	{"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
	{"RLIMIT_RTTIME", RLIMIT_RTTIME},
	{"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
	{"RLIMIT_STACK", RLIMIT_STACK},
};

static const struct name_number policies[] = {
	{"SCHED_OTHER", 0},
	{"SCHED_FIFO", SCHED_FIFO},
	{"SCHED_RR", SCHED_RR},
	{"SCHED_BATCH", SCHED_BATCH},
	{"SCHED_ISO", 4},
	{"SCHED_IDLE", SCHED_IDLE},
	{"SCHED_DEADLINE", SCHED_DEADLINE},
};

static const struct name_number sched_flags[] = {
	{"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
	{"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
	{"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
	{"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
	{"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
	{"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
	{"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
};

static const struct name_number ioprio_classes[] = {
	{"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
	{"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
	{"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
};

static const struct name_number *lookup(const struct name_number *table, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(table[i].name, name))
			return &table[i];
	return NULL;
}
#define LOOKUP(table, name) lookup(table, ARRAY_LEN(table), name)

static int fill_rlimits(struct plan_process *out, struct arena *arena, const struct oci_process *p,
	struct err **err)
{
	struct plan_rlimit *limits = arena_alloc(arena, p->rlimit_count, sizeof(*limits));
	for (size_t i = 0; i < p->rlimit_count; i++) {
		const struct oci_rlimit *r = &p->rlimits[i];
		const struct name_number *known = LOOKUP(rlimits, r->type);
		if (!known)
			return err_set(err, ERR_INVALID, "process.rlimits: unknown limit \"%s\"",
				r->type ? r->type : "");
		if (r->soft > r->hard)
			return err_set(err, ERR_INVALID,
				"process.rlimits: the soft limit of %s (%llu) is above its hard "
				"limit (%llu)",
				r->type, (unsigned long long)r->soft, (unsigned long long)r->hard);
		limits[i] = (struct plan_rlimit){(int)known->number, r->soft, r->hard};
	}
	out->rlimits = limits;
	out->rlimit_count = p->rlimit_count;
	return 0;
}

static int fill_scheduler(struct plan_process *out, const struct oci_scheduler *s, struct err **err)
{
	if (!s)
		return 0;
	const struct name_number *policy = LOOKUP(policies, s->policy);
	if (!policy)
		return err_set(err, ERR_INVALID, "process.scheduler.policy: unknown policy \"%s\"",
			s->policy ? s->policy : "");
	out->has_scheduler = true;
	out->sched_policy = policy->number;
	out->sched_nice = s->nice;
	out->sched_priority = (uint32_t)s->priority;
	out->sched_runtime = s->runtime;
	out->sched_deadline = s->deadline;
	out->sched_period = s->period;
	for (size_t i = 0; s->flags && s->flags[i]; i++) {
		const struct name_number *flag = LOOKUP(sched_flags, s->flags[i]);
		if (!flag)
			return err_set(err, ERR_INVALID,
				"process.scheduler.flags: unknown flag \"%s\"", s->flags[i]);
		out->sched_flags |= flag->number;
	}
	return 0;
}

static int fill_ioprio(struct plan_process *out, const struct oci_process *p, struct err **err)
{
	out->ioprio = -1;
	if (str_empty(p->ioprio_class))
		return 0;
	const struct name_number *class = LOOKUP(ioprio_classes, p->ioprio_class);
	if (!class)
		return err_set(err, ERR_INVALID, "process.ioPriority.class: unknown class \"%s\"",
			p->ioprio_class);
	if (p->ioprio_priority < 0 || p->ioprio_priority > 7)
		return err_set(err, ERR_INVALID,
			"process.ioPriority.priority: %d is not between 0 and 7",
			p->ioprio_priority);
	out->ioprio = (int32_t)IOPRIO_PRIO_VALUE(class->number, (uint32_t)p->ioprio_priority);
	return 0;
}

/* config.md "Linux Process": what cannot be granted is a warning. */
static void warn_ambient(uint64_t caps)
{
	auto_buf names = BUF_INIT;
	for (int i = 0; i <= OCI_CAP_LAST; i++)
		if (caps >> i & 1)
			buf_addf(&names, " %s", oci_cap_name(i));
	log_warn("cannot be ambient, being not permitted and inheritable:%s", buf_str(&names));
}

static int fill_caps(struct plan_process *out, const struct oci_process *p, struct err **err)
{
	out->has_caps = p->has_capabilities;
	out->caps = p->capabilities;
	const struct oci_capabilities *c = &out->caps;
	if (c->effective & ~c->permitted)
		return err_set(err, ERR_INVALID,
			"process.capabilities.effective: has capabilities that are not permitted");
	/* the kernel has no other ambient ones */
	uint64_t vain = c->ambient & ~(c->permitted & c->inheritable);
	if (vain)
		warn_ambient(vain);
	out->caps.ambient &= ~vain;
	return 0;
}

static int fill_seccomp(struct plan_process *out, struct arena *arena,
	const struct oci_seccomp *seccomp, const struct plan_options *options, struct err **err)
{
	if (!seccomp || oci_seccomp_empty(seccomp))
		return 0;
	auto_buf bpf = BUF_INIT;
	if (seccomp_compile(seccomp, options ? options->seccomp_cache : NULL, &bpf, &out->bpf_flags,
		    err) < 0)
		return -1;
	out->bpf_len = bpf.len;
	out->bpf = bpf.len ? arena_own(arena, buf_steal(&bpf)) : NULL;
	if (out->bpf_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) {
		out->listener_path = seccomp->listener_path;
		out->listener_metadata = seccomp->listener_metadata;
	}
	return 0;
}

/* crun's, which podman's "--group-add keep-groups" sets. */
static bool keeps_groups(const struct plan_options *options)
{
	const struct oci_pairs *a = options ? options->annotations : NULL;
	for (size_t i = 0; a && i < a->count; i++)
		if (str_eq(a->v[i].key, PLAN_KEEP_GROUPS))
			return true;
	return false;
}

static int check_user(const struct oci_user *u, struct err **err)
{
	/* (uid_t)-1 means "leave" to setresuid(2); ids above 2^31-1 wrap in many programs */
	if (u->uid > INT32_MAX || u->gid > INT32_MAX)
		return err_set(err, ERR_INVALID,
			"process.user: uids and gids must be in range 0-2147483647");
	for (size_t i = 0; i < u->additional_gid_count; i++)
		if (u->additional_gids[i] > INT32_MAX)
			return err_set(err, ERR_INVALID,
				"process.user.additionalGids: gids must be in range 0-2147483647");
	return 0;
}

static int check_basics(const struct oci_process *p, struct err **err)
{
	if (!p->args || !p->args[0])
		return err_set(err, ERR_INVALID, "process.args is empty");
	if (str_empty(p->cwd) || p->cwd[0] != '/')
		return err_set(err, ERR_INVALID, "process.cwd \"%s\" is not an absolute path",
			p->cwd ? p->cwd : "");
	return check_user(&p->user, err);
}

static int fill_affinity(struct plan_process *out, struct arena *arena, const struct oci_process *p,
	struct err **err)
{
	if (plan_mask_parse(&out->cpus_initial, arena, "process.execCPUAffinity.initial",
		    p->exec_cpu_initial, err) < 0)
		return -1;
	return plan_mask_parse(
		&out->cpus_final, arena, "process.execCPUAffinity.final", p->exec_cpu_final, err);
}

int plan_process_fill(struct plan_process *out, struct arena *arena, const struct oci_process *p,
	const struct oci_linux *container, const struct plan_options *options, struct err **err)
{
	if (check_basics(p, err) < 0 || plan_env_fill(out, arena, p->env, err) < 0)
		return -1;
	out->args = (const char **)p->args;
	out->cwd = p->cwd;
	out->terminal = p->terminal;
	out->console_height = p->console_height;
	out->console_width = p->console_width;
	out->uid = p->user.uid;
	out->gid = p->user.gid;
	out->gids = p->user.additional_gids;
	out->gid_count = p->user.additional_gid_count;
	out->keep_groups = keeps_groups(options);
	out->has_umask = p->user.has_umask;
	out->umask = p->user.umask;
	out->no_new_privs = p->no_new_privileges;
	out->apparmor = str_empty(p->apparmor_profile) ? NULL : p->apparmor_profile;
	out->selinux = str_empty(p->selinux_label) ? NULL : p->selinux_label;
	out->has_oom_score_adj = p->has_oom_score_adj;
	out->oom_score_adj = p->oom_score_adj;
	if (fill_caps(out, p, err) < 0 || fill_rlimits(out, arena, p, err) < 0)
		return -1;
	if (fill_scheduler(out, p->scheduler, err) < 0 || fill_ioprio(out, p, err) < 0)
		return -1;
	if (fill_affinity(out, arena, p, err) < 0)
		return -1;
	if (!container)
		return 0;
	if (plan_execution_fill(out, arena, container, options ? options->id : NULL, err) < 0)
		return -1;
	return fill_seccomp(out, arena, container->seccomp, options, err);
}

int plan_process_compile(struct plan_process **out, const struct oci_process *process,
	const struct oci_linux *container, const struct plan_options *options, struct err **err)
{
	struct process_box *box = process_box_new();
	if (plan_process_fill(&box->process, box->arena, process, container, options, err) < 0) {
		plan_process_free(&box->process);
		return -1;
	}
	*out = &box->process;
	return 0;
}
