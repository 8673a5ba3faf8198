/* Rules that types alone do not give: config.md. Messages name the field by its path. */
#include "validate.h"

#include "base/mem.h"
#include "base/str.h"

#define BAD(err, ...) err_set((err), ERR_INVALID, __VA_ARGS__)

static int check_version(const char *version, struct err **err)
{
	if (str_empty(version))
		return BAD(err, "ociVersion: is missing");
	if (!str_starts(version, "1.") && !str_starts(version, "0."))
		return BAD(err, "ociVersion: version %s is not supported, only 1.x", version);
	return 0;
}

static int check_mounts(const struct oci_config *c, struct err **err)
{
	for (size_t i = 0; i < c->mount_count; i++) {
		const struct oci_mount *m = &c->mounts[i];
		if (str_empty(m->destination))
			return BAD(err, "mounts[%zu].destination: is empty", i);
		if (!m->uid_map_count != !m->gid_map_count)
			return BAD(err, "mounts[%zu]: needs both uidMappings and gidMappings", i);
	}
	return 0;
}

static const char *const rlimit_types[] = {
	"RLIMIT_AS",
	"RLIMIT_CORE",
	"RLIMIT_CPU",
	"RLIMIT_DATA",
	"RLIMIT_FSIZE",
	"RLIMIT_LOCKS",
	"RLIMIT_MEMLOCK",
	"RLIMIT_MSGQUEUE",
	"RLIMIT_NICE",
	"RLIMIT_NOFILE",
	"RLIMIT_NPROC",
	"RLIMIT_RSS",
	"RLIMIT_RTPRIO",
	"RLIMIT_RTTIME",
	"RLIMIT_SIGPENDING",
	"RLIMIT_STACK",
};

static bool in_list(const char *const *list, size_t count, const char *s)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(list[i], s))
			return true;
	}
	return false;
}
#define IN_LIST(list, s) in_list((list), ARRAY_LEN(list), (s))

static int check_rlimits(const struct oci_process *p, struct err **err)
{
	for (size_t i = 0; i < p->rlimit_count; i++) {
		const struct oci_rlimit *r = &p->rlimits[i];
		if (!IN_LIST(rlimit_types, r->type))
			return BAD(err, "process.rlimits[%zu].type: there is no rlimit %s", i,
				r->type);
		if (r->soft > r->hard)
			return BAD(err,
				"process.rlimits[%zu]: soft limit %lu is above the hard limit %lu",
				i, (unsigned long)r->soft, (unsigned long)r->hard);
		for (size_t j = 0; j < i; j++) {
			if (str_eq(r->type, p->rlimits[j].type))
				return BAD(err, "process.rlimits[%zu].type: %s is given twice", i,
					r->type);
		}
	}
	return 0;
}

/* -1 means "leave as it is" to setresuid(2): nobody's id (CVE-2024-40635 is this kind of wrap). */
static int check_user(const struct oci_user *u, struct err **err)
{
	if (u->uid == UINT32_MAX)
		return BAD(err, "process.user.uid: %u is not a user id", u->uid);
	if (u->gid == UINT32_MAX)
		return BAD(err, "process.user.gid: %u is not a group id", u->gid);
	for (size_t i = 0; i < u->additional_gid_count; i++) {
		if (u->additional_gids[i] == UINT32_MAX)
			return BAD(err, "process.user.additionalGids[%zu]: %u is not a group id", i,
				u->additional_gids[i]);
	}
	return 0;
}

static const char *const policies[] = {
	"SCHED_OTHER",
	"SCHED_FIFO",
	"SCHED_RR",
	"SCHED_BATCH",
	"SCHED_ISO",
	"SCHED_IDLE",
	"SCHED_DEADLINE",
};
static const char *const scheduler_flags[] = {
	"SCHED_FLAG_RESET_ON_FORK",
	"SCHED_FLAG_RECLAIM",
	"SCHED_FLAG_DL_OVERRUN",
	"SCHED_FLAG_KEEP_POLICY",
	"SCHED_FLAG_KEEP_PARAMS",
	"SCHED_FLAG_UTIL_CLAMP_MIN",
	"SCHED_FLAG_UTIL_CLAMP_MAX",
};
static const char *const ioprio_classes[] = {
	"IOPRIO_CLASS_RT",
	"IOPRIO_CLASS_BE",
	"IOPRIO_CLASS_IDLE",
};

static int check_scheduling(const struct oci_process *p, struct err **err)
{
	const struct oci_scheduler *s = p->scheduler;
	if (s && !IN_LIST(policies, s->policy))
		return BAD(err, "process.scheduler.policy: there is no policy %s", s->policy);
	if (s && (s->nice < -20 || s->nice > 19))
		return BAD(err, "process.scheduler.nice: %d is out of range (-20 to 19)", s->nice);
	if (s && s->priority && !str_eq(s->policy, "SCHED_FIFO") && !str_eq(s->policy, "SCHED_RR"))
		return BAD(
			err, "process.scheduler.priority: only SCHED_FIFO and SCHED_RR have one");
	if (s && (s->runtime || s->deadline || s->period) && !str_eq(s->policy, "SCHED_DEADLINE"))
		return BAD(
			err, "process.scheduler: runtime, deadline and period need SCHED_DEADLINE");
	for (size_t i = 0; s && s->flags && s->flags[i]; i++) {
		if (!IN_LIST(scheduler_flags, s->flags[i]))
			return BAD(
				err, "process.scheduler.flags: there is no flag %s", s->flags[i]);
	}
	if (p->ioprio_class && !IN_LIST(ioprio_classes, p->ioprio_class))
		return BAD(err, "process.ioPriority.class: there is no class %s", p->ioprio_class);
	if (p->ioprio_class && (p->ioprio_priority < 0 || p->ioprio_priority > 7))
		return BAD(err, "process.ioPriority.priority: %d is out of range (0 to 7)",
			p->ioprio_priority);
	return 0;
}

int oci_process_validate(const struct oci_process *p, struct err **err)
{
	if (!strv_len(p->args))
		return BAD(err, "process.args: is empty");
	if (str_empty(p->cwd) || *p->cwd != '/')
		return BAD(err, "process.cwd: must be an absolute path");
	if (p->has_oom_score_adj && (p->oom_score_adj < -1000 || p->oom_score_adj > 1000))
		return BAD(err, "process.oomScoreAdj: %d is out of range (-1000 to 1000)",
			p->oom_score_adj);
	if (check_user(&p->user, err) < 0 || check_rlimits(p, err) < 0)
		return -1;
	return check_scheduling(p, err);
}

int oci_config_validate(const struct oci_config *c, struct err **err)
{
	if (check_version(c->version, err) < 0)
		return -1;
	if (str_empty(c->root_path))
		return BAD(err, "root.path: is missing");
	if (check_mounts(c, err) < 0)
		return -1;
	if (c->has_process && oci_process_validate(&c->process, err) < 0)
		return -1;
	return oci_linux_validate(c, err);
}
