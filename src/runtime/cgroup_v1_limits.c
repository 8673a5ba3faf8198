/* Limits on v1: config-linux.md "Control groups", one function per controller. */
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

/* EBUSY on a limit means that it lies below what is used and cannot be reclaimed: say how much. */
static int put_limit(const struct cgroup_dir *d, int64_t value, struct err **err)
{
	auto_err *why = NULL;
	if (cgroup_put(d, "memory.limit_in_bytes", &why, "%ld", (long)value) == 0)
		return 0;
	if (why->sys != EBUSY)
		return err_move(err, &why);
	return err_sys(err, EBUSY, "set memory limit to %ld (in use: %ld, at most so far: %ld)",
		(long)value, (long)cgroup_get(d, "memory.usage_in_bytes"),
		(long)cgroup_get(d, "memory.max_usage_in_bytes"));
}

/* memory+swap may never be below memory, at no moment: whichever grows is written first. */
static int set_limit_and_swap(
	const struct cgroup_dir *d, int64_t limit, int64_t swap, struct err **err)
{
	int64_t now = cgroup_get(d, "memory.memsw.limit_in_bytes");
	if (limit > 0 && swap > 0 && swap < limit)
		return err_set(err, ERR_INVALID,
			"memory+swap limit %ld is below the memory limit %ld", (long)swap,
			(long)limit);
	bool swap_grows = swap < 0 || swap > now;
	if (swap_grows && cgroup_put(d, "memory.memsw.limit_in_bytes", err, "%ld", (long)swap) < 0)
		return -1;
	if (put_limit(d, limit, err) < 0)
		return -1;
	if (!swap_grows)
		return cgroup_put(d, "memory.memsw.limit_in_bytes", err, "%ld", (long)swap);
	return 0;
}

static int set_memory_limits(
	const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	bool has_limit = r->memory.limit.set && r->memory.limit.v;
	bool has_swap = r->memory.swap.set && r->memory.swap.v;
	int64_t limit = r->memory.limit.v, swap = r->memory.swap.v;
	if (has_limit && limit > 0 && r->memory.check_before_update.set &&
		r->memory.check_before_update.v) {
		int64_t usage = cgroup_get(d, "memory.usage_in_bytes");
		if (usage > limit)
			return err_set(err, ERR_CONFLICT,
				"memory limit %ld is below what is in use (%ld), and "
				"checkBeforeUpdate is set",
				(long)limit, (long)usage);
	}
	/* Lifting the limit lifts the one above it, where the kernel accounts swap. */
	if (has_limit && limit < 0 && !has_swap &&
		cgroup_file_exists(d, "memory.memsw.limit_in_bytes")) {
		has_swap = true;
		swap = -1;
	}
	if (has_limit && has_swap)
		return set_limit_and_swap(d, limit, swap, err);
	if (has_limit)
		return put_limit(d, limit, err);
	if (has_swap)
		return cgroup_put(d, "memory.memsw.limit_in_bytes", err, "%ld", (long)swap);
	return 0;
}

/* memory.kernel is not written: it is gone from Linux. Nor is memory.useHierarchy: there is nothing else since 5.11.
 * Where kernelTCP has gone, too, cgroup_write_limits() says so. */
static int set_memory(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (set_memory_limits(d, r, err) < 0)
		return -1;
	if (r->memory.reservation.set && r->memory.reservation.v &&
		cgroup_put(d, "memory.soft_limit_in_bytes", err, "%ld",
			(long)r->memory.reservation.v) < 0)
		return -1;
	if (r->memory.kernel_tcp.set && r->memory.kernel_tcp.v &&
		cgroup_file_exists(d, CGROUP_KERNEL_TCP) &&
		cgroup_put(d, CGROUP_KERNEL_TCP, err, "%ld", (long)r->memory.kernel_tcp.v) < 0)
		return -1;
	if (r->memory.swappiness.set && cgroup_put(d, "memory.swappiness", err, "%lu",
						(unsigned long)r->memory.swappiness.v) < 0)
		return -1;
	if (r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.v)
		return cgroup_put(d, "memory.oom_control", err, "1");
	return 0;
}

/* The kernel clamps shares silently; what did not arrive as asked is an error, as in runc. */
static int set_shares(const struct cgroup_dir *d, uint64_t shares, struct err **err)
{
	if (cgroup_put(d, "cpu.shares", err, "%lu", (unsigned long)shares) < 0)
		return -1;
	int64_t got = cgroup_get(d, "cpu.shares");
	if (got >= 0 && shares > (uint64_t)got)
		return err_set(
			err, ERR_INVALID, "the maximum allowed cpu-shares is %ld", (long)got);
	if (got >= 0 && shares < (uint64_t)got)
		return err_set(
			err, ERR_INVALID, "the minimum allowed cpu-shares is %ld", (long)got);
	return 0;
}

/* The kernel checks quota/period against the levels above and below at each write, so that one order
 * may pass where the other fails: quota is tried before and after the period. A burst above a new
 * quota refuses that quota: then it goes first. */
static int set_bandwidth(
	const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	long quota = (long)r->cpu.quota.v;
	unsigned long period = (unsigned long)r->cpu.period.v;
	bool has_quota = r->cpu.quota.set && quota, has_period = r->cpu.period.set && period;
	bool has_burst = r->cpu.burst.set, burst_done = false;
	if (has_burst && has_quota)
		burst_done = cgroup_put(d, "cpu.cfs_burst_us", NULL, "%lu",
				     (unsigned long)r->cpu.burst.v) == 0;
	bool quota_done = false;
	if (has_period &&
		cgroup_put(d, "cpu.cfs_period_us", has_quota ? NULL : err, "%lu", period) < 0) {
		if (!has_quota || cgroup_put(d, "cpu.cfs_quota_us", err, "%ld", quota) < 0)
			return -1;
		quota_done = true;
		if (cgroup_put(d, "cpu.cfs_period_us", err, "%lu", period) < 0)
			return -1;
	}
	if (has_quota && !quota_done && cgroup_put(d, "cpu.cfs_quota_us", err, "%ld", quota) < 0)
		return -1;
	if (has_burst && !burst_done)
		return cgroup_put(d, "cpu.cfs_burst_us", err, "%lu", (unsigned long)r->cpu.burst.v);
	return 0;
}

static int set_idle(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	return cgroup_put(d, "cpu.idle", err, "%ld", (long)r->cpu.idle.v);
}

/* The kernel checks runtime/period at each write, as it does for the fair class. */
static int set_realtime(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	unsigned long period = (unsigned long)r->cpu.realtime_period.v;
	bool has_period = r->cpu.realtime_period.set && period;
	bool has_runtime = r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.v;
	bool period_done = has_period && cgroup_put(d, "cpu.rt_period_us", has_runtime ? NULL : err,
						 "%lu", period) == 0;
	if (has_period && !period_done && !has_runtime)
		return -1;
	if (has_runtime &&
		cgroup_put(d, "cpu.rt_runtime_us", err, "%ld", (long)r->cpu.realtime_runtime.v) < 0)
		return -1;
	if (has_period && !period_done)
		return cgroup_put(d, "cpu.rt_period_us", err, "%lu", period);
	return 0;
}

/* An idle group takes no shares: so it stops being idle first, and becomes it last. */
static int set_cpu(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (r->cpu.idle.set && !r->cpu.idle.v && set_idle(d, r, err) < 0)
		return -1;
	if (r->cpu.shares.set && r->cpu.shares.v && set_shares(d, r->cpu.shares.v, err) < 0)
		return -1;
	if (r->cpu.idle.set && r->cpu.idle.v && set_idle(d, r, err) < 0)
		return -1;
	return set_bandwidth(d, r, err) < 0 ? -1 : set_realtime(d, r, err);
}

static int set_cpuset(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (!str_empty(r->cpu.cpus) && cgroup_put(d, "cpuset.cpus", err, "%s", r->cpu.cpus) < 0)
		return -1;
	if (!str_empty(r->cpu.mems))
		return cgroup_put(d, "cpuset.mems", err, "%s", r->cpu.mems);
	return 0;
}

/* None at all is one: the first process is there already, and no other may join it. */
static int set_pids(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (!r->pids_limit.set)
		return 0;
	if (r->pids_limit.v == 0)
		return cgroup_put(d, "pids.max", err, "1");
	if (r->pids_limit.v < 0)
		return cgroup_put(d, "pids.max", err, "max");
	return cgroup_put(d, "pids.max", err, "%ld", (long)r->pids_limit.v);
}

static int set_rates(const struct cgroup_dir *d, const char *file,
	const struct oci_blkio_rates *rates, struct err **err)
{
	for (size_t i = 0; i < rates->count; i++) {
		const struct oci_blkio_rate *rate = &rates->v[i];
		if (cgroup_put(d, file, err, "%ld:%ld %lu", (long)rate->major, (long)rate->minor,
			    (unsigned long)rate->rate) < 0)
			return -1;
	}
	return 0;
}

/* Weights belong to the I/O scheduler: CFQ's files until Linux 4.20, BFQ's since. */
static int set_weights(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	bool bfq = !cgroup_file_exists(d, "blkio.weight");
	const char *file = bfq ? "blkio.bfq.weight" : "blkio.weight";
	const char *device = bfq ? "blkio.bfq.weight_device" : "blkio.weight_device";
	if (r->blkio.weight.set && r->blkio.weight.v &&
		cgroup_put(d, file, err, "%u", r->blkio.weight.v) < 0)
		return -1;
	if (r->blkio.leaf_weight.set && r->blkio.leaf_weight.v &&
		cgroup_put(d, "blkio.leaf_weight", err, "%u", r->blkio.leaf_weight.v) < 0)
		return -1;
	for (size_t i = 0; i < r->blkio.weight_device_count; i++) {
		const struct oci_blkio_weight *w = &r->blkio.weight_devices[i];
		if (w->has_weight && cgroup_put(d, device, err, "%ld:%ld %u", (long)w->major,
					     (long)w->minor, w->weight) < 0)
			return -1;
		if (w->has_leaf_weight &&
			cgroup_put(d, "blkio.leaf_weight_device", err, "%ld:%ld %u", (long)w->major,
				(long)w->minor, w->leaf_weight) < 0)
			return -1;
	}
	return 0;
}

static int set_blkio(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (set_weights(d, r, err) < 0 ||
		set_rates(d, "blkio.throttle.read_bps_device", &r->blkio.read_bps, err) < 0 ||
		set_rates(d, "blkio.throttle.write_bps_device", &r->blkio.write_bps, err) < 0 ||
		set_rates(d, "blkio.throttle.read_iops_device", &r->blkio.read_iops, err) < 0)
		return -1;
	return set_rates(d, "blkio.throttle.write_iops_device", &r->blkio.write_iops, err);
}

static int set_hugetlb(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	for (size_t i = 0; i < r->hugepage_count; i++) {
		auto_free char *file =
			xasprintf("hugetlb.%s.limit_in_bytes", r->hugepages[i].page_size);
		if (cgroup_put(d, file, err, "%lu", (unsigned long)r->hugepages[i].limit) < 0)
			return -1;
		/* since 5.7: reservations count when they are made, else a fault gives SIGBUS */
		auto_free char *rsvd =
			xasprintf("hugetlb.%s.rsvd.limit_in_bytes", r->hugepages[i].page_size);
		if (cgroup_file_exists(d, rsvd) &&
			cgroup_put(d, rsvd, err, "%lu", (unsigned long)r->hugepages[i].limit) < 0)
			return -1;
	}
	return 0;
}

static int set_net_cls(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (!r->net_class_id.set)
		return 0;
	return cgroup_put(d, "net_cls.classid", err, "%u", r->net_class_id.v);
}

static int set_net_prio(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	for (size_t i = 0; i < r->net_priorities.count; i++) {
		const struct oci_pair *p = &r->net_priorities.v[i];
		if (cgroup_put(d, "net_prio.ifpriomap", err, "%s %s", p->key, p->value) < 0)
			return -1;
	}
	return 0;
}

static const struct {
	enum cgroup_controller controller;
	int (*set)(const struct cgroup_dir *, const struct oci_resources *, struct err **);
} setters[] = {
	{CTL_MEMORY, set_memory},
	{CTL_CPU, set_cpu},
	{CTL_CPUSET, set_cpuset},
	{CTL_PIDS, set_pids},
	{CTL_BLKIO, set_blkio},
	{CTL_DEVICES, cgroup_v1_devices},
	{CTL_HUGETLB, set_hugetlb},
	{CTL_NET_CLS, set_net_cls},
	{CTL_NET_PRIO, set_net_prio},
	{CTL_RDMA, cgroup_set_rdma},
};

int cgroup_v1_set(const struct cgroup_dir *d, const struct oci_resources *res, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(setters); i++) {
		if (cgroup_has(d, setters[i].controller) && setters[i].set(d, res, err) < 0)
			return -1;
	}
	return 0;
}
