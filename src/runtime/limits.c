#include "creds.h"

#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* struct sched_attr up to "period" (Linux 3.14); <linux/sched/types.h> does not mix with <sched.h>
 */
struct kernel_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static const char *rlimit_name(int resource)
{
	static const char *const names[] = {
		[RLIMIT_AS] = "RLIMIT_AS",
		[RLIMIT_CORE] = "RLIMIT_CORE",
		[RLIMIT_CPU] = "RLIMIT_CPU",
		[RLIMIT_DATA] = "RLIMIT_DATA",
		[RLIMIT_FSIZE] = "RLIMIT_FSIZE",
		[RLIMIT_LOCKS] = "RLIMIT_LOCKS",
		[RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
		[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
		[RLIMIT_NICE] = "RLIMIT_NICE",
		[RLIMIT_NOFILE] = "RLIMIT_NOFILE",
		[RLIMIT_NPROC] = "RLIMIT_NPROC",
		[RLIMIT_RSS] = "RLIMIT_RSS",
		[RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
		[RLIMIT_RTTIME] = "RLIMIT_RTTIME",
		[RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
		[RLIMIT_STACK] = "RLIMIT_STACK",
	};
	return resource >= 0 && (size_t)resource < ARRAY_LEN(names) && names[resource]
		       ? names[resource]
		       : "resource limit";
}

static void set_rlimit(const struct plan_rlimit *l, struct reporter *r)
{
	struct rlimit limit = {.rlim_cur = l->soft, .rlim_max = l->hard}, old;
	/* the same value is never refused; this only tells a raise from other faults */
	if (setrlimit((__rlimit_resource_t)l->resource, &limit) == 0)
		return;
	int saved = errno;
	if (saved == EPERM && getrlimit((__rlimit_resource_t)l->resource, &old) == 0 &&
		limit.rlim_max > old.rlim_max)
		report_fail(r, ERR_INVALID, saved,
			"set %s: it may not be raised above the hard limit that the engine itself "
			"has",
			rlimit_name(l->resource));
	report_fail(r, ERR_SYSTEM, saved, "set %s", rlimit_name(l->resource));
}

static void set_scheduler(const struct plan_process *p, struct reporter *r)
{
	struct kernel_sched_attr attr = {
		.size = sizeof(attr),
		.policy = p->sched_policy,
		.flags = p->sched_flags,
		.nice = p->sched_nice,
		.priority = p->sched_priority,
		.runtime = p->sched_runtime,
		.deadline = p->sched_deadline,
		.period = p->sched_period,
	};
	if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0)
		report_sys(r, "set the scheduler");
}

void limits_apply(const struct plan_process *p, struct reporter *r)
{
	if (p->has_scheduler)
		set_scheduler(p, r);
	if (p->ioprio >= 0 && syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, p->ioprio) < 0)
		report_sys(r, "set the I/O priority");
	for (size_t i = 0; i < p->rlimit_count; i++)
		set_rlimit(&p->rlimits[i], r);
	umask(p->has_umask ? p->umask & 0777 : 022);
}
