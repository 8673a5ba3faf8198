#include "limits_grant.h"

#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "creds.h"

/* struct sched_attr (Linux 5.3); <linux/sched/types.h> does not mix with <sched.h> */
struct kernel_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

bool limits_schedules(const struct plan_process *p)
{
	return p->has_scheduler || p->ioprio >= 0;
}

static int set_scheduler(pid_t pid, const struct plan_process *p, struct err **err)
{
	const uint64_t clamp = SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX;
	struct kernel_sched_attr attr = {
		.size = sizeof(attr),
		.policy = p->sched_policy,
		.flags = p->sched_flags,
		.nice = p->sched_nice,
		.priority = p->sched_priority,
		.runtime = p->sched_runtime,
		.deadline = p->sched_deadline,
		.period = p->sched_period,
		/* the specification has the flags but no values: the system's own */
		.util_min = UINT32_MAX,
		.util_max = UINT32_MAX,
	};
	/* before 5.3 there was less of it */
	if (!(p->sched_flags & clamp))
		attr.size = offsetof(struct kernel_sched_attr, util_min);
	if (syscall(SYS_sched_setattr, pid, &attr, 0) < 0)
		return err_sys(err, errno, "process.scheduler: set the scheduler");
	return 0;
}

int limits_schedule(pid_t pid, const struct plan_process *p, struct err **err)
{
	if (p->has_scheduler && set_scheduler(pid, p, err) < 0)
		return -1;
	if (p->ioprio >= 0 && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, p->ioprio) < 0)
		return err_sys(err, errno, "process.ioPriority: set the I/O priority");
	return 0;
}

int limits_raise(pid_t pid, const struct plan_process *p, struct err **err)
{
	for (size_t i = 0; i < p->rlimit_count; i++) {
		const struct plan_rlimit *l = &p->rlimits[i];
		struct rlimit old, more = {.rlim_max = l->hard};
		__rlimit_resource_t resource = (__rlimit_resource_t)l->resource;
		int got = prlimit(pid, resource, NULL, &old);
		/* nor may one without CAP_SYS_RESOURCE look at another user's */
		if (got < 0 && errno == EPERM)
			return 0;
		if (got < 0)
			return err_sys(err, errno, "process.rlimits: read the limits");
		if (old.rlim_max >= l->hard)
			continue;
		/* the soft one is the process's own to raise; what it has now keeps it able to work */
		more.rlim_cur = old.rlim_cur;
		if (prlimit(pid, resource, &more, NULL) == 0)
			continue;
		if (errno == EPERM)
			return err_sysk(err, ERR_INVALID, errno,
				"set %s: it may not be raised above the hard limit that the engine "
				"itself has",
				limits_name(l->resource));
		return err_sys(
			err, errno, "set %s: raise the hard limit", limits_name(l->resource));
	}
	return 0;
}

int limits_grant(pid_t pid, const struct plan_process *p, bool raise, struct err **err)
{
	if (raise && limits_raise(pid, p, err) < 0)
		return -1;
	return limits_schedule(pid, p, err);
}
