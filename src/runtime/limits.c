#include "creds.h"

#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

const char *limits_name(int resource)
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
			limits_name(l->resource));
	report_fail(r, ERR_SYSTEM, saved, "set %s", limits_name(l->resource));
}

static void set_memory_policy(const struct plan_process *p, struct reporter *r)
{
	const struct plan_mask *nodes = &p->memory_nodes;
	/* the kernel takes one bit less than it is told */
	if (syscall(SYS_set_mempolicy, p->memory_policy, nodes->len ? nodes->bits : NULL,
		    nodes->len ? nodes->len * 8 + 1 : 0) < 0)
		report_sys(r, "linux.memoryPolicy: set the memory policy");
}

void limits_apply(const struct plan_process *p, struct reporter *r)
{
	if (p->has_personality && personality(p->personality) < 0)
		report_sys(r, "linux.personality: set the execution domain");
	if (p->has_memory_policy)
		set_memory_policy(p, r);
	for (size_t i = 0; i < p->rlimit_count; i++)
		set_rlimit(&p->rlimits[i], r);
	umask(p->has_umask ? p->umask & 0777 : 022);
}

/* Room for as many CPUs as a kernel can have (NR_CPUS). */
#define CPUS_MAX 8192

void cpus_reset(void)
{
	uint8_t all[CPUS_MAX / 8];
	memset(all, 0xff, sizeof(all));
	/* the kernel leaves out what is not there and what the cgroup does not have */
	syscall(SYS_sched_setaffinity, 0, sizeof(all), all);
}

int cpus_set(const struct plan_mask *mask)
{
	return syscall(SYS_sched_setaffinity, 0, mask->len, mask->bits) < 0 ? -1 : 0;
}
