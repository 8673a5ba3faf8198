/* Limits on v2: the specification speaks v1, so most values are converted. */
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

uint64_t cgroup_weight_from_shares(uint64_t shares)
{
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return 1 + (shares - 2) * 9999 / 262142;
}

uint64_t cgroup_io_weight(uint16_t weight)
{
	if (weight <= 10)
		return 1;
	return 1 + (uint64_t)(weight - 10) * 9999 / 990;
}

static int put_max(const struct cgroup_dir *d, const char *file, int64_t value, struct err **err)
{
	if (value < 0)
		return cgroup_put(d, file, err, "max");
	return cgroup_put(d, file, err, "%ld", (long)value);
}

/* The specification's swap is memory+swap; v2's is swap alone. */
static int swap_alone(const struct oci_resources *r, int64_t *out, struct err **err)
{
	int64_t both = r->memory.swap.v, limit = r->memory.limit.set ? r->memory.limit.v : 0;
	*out = both;
	if (both < 0)
		return 0;
	if (limit <= 0)
		return err_set(err, ERR_INVALID, "a limit on memory+swap needs a limit on memory");
	if (both < limit)
		return err_set(err, ERR_INVALID,
			"memory+swap limit %ld is below the memory limit %ld", (long)both,
			(long)limit);
	*out = both - limit;
	return 0;
}

static int set_memory(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	bool has_limit = r->memory.limit.set && r->memory.limit.v;
	bool has_swap = r->memory.swap.set && r->memory.swap.v;
	int64_t limit = r->memory.limit.v, swap = -1;
	if (has_swap && swap_alone(r, &swap, err) < 0)
		return -1;
	if (r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.v)
		return err_set(err, ERR_INVALID, "cgroup v2 cannot disable the OOM killer");
	if (r->memory.swappiness.set)
		return err_set(err, ERR_INVALID, "cgroup v2 has no swappiness for a container");
	if (has_limit && limit > 0 && r->memory.check_before_update.set &&
		r->memory.check_before_update.v) {
		int64_t usage = cgroup_get(d, "memory.current");
		if (usage > limit)
			return err_set(err, ERR_CONFLICT,
				"memory limit %ld is below what is in use (%ld), and "
				"checkBeforeUpdate is set",
				(long)limit, (long)usage);
	}
	if (has_limit && limit < 0 && !has_swap)
		has_swap = cgroup_file_exists(d, "memory.swap.max");
	if (has_swap && put_max(d, "memory.swap.max", swap, err) < 0)
		return -1;
	if (has_limit && put_max(d, "memory.max", limit, err) < 0)
		return -1;
	if (r->memory.reservation.set && r->memory.reservation.v)
		return put_max(d, "memory.low", r->memory.reservation.v, err);
	return 0;
}

/* cpu.max is "QUOTA PERIOD"; a quota alone keeps the period, a period alone the quota. */
static int set_bandwidth(
	const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	bool has_quota = r->cpu.quota.set && r->cpu.quota.v;
	bool has_period = r->cpu.period.set && r->cpu.period.v;
	auto_buf line = BUF_INIT;
	if (!has_quota && !has_period)
		return 0;
	if (has_quota && r->cpu.quota.v > 0) {
		buf_addf(&line, "%ld", (long)r->cpu.quota.v);
	} else if (has_quota) {
		buf_adds(&line, "max");
	} else {
		int64_t now = cgroup_get(d, "cpu.max");
		if (now < 0 || now == INT64_MAX)
			buf_adds(&line, "max");
		else
			buf_addf(&line, "%ld", (long)now);
	}
	if (has_period)
		buf_addf(&line, " %lu", (unsigned long)r->cpu.period.v);
	return cgroup_put(d, "cpu.max", err, "%s", buf_str(&line));
}

static int set_cpu(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.v > 0)
		return err_set(
			err, ERR_INVALID, "cgroup v2 cannot give a container realtime runtime");
	if (r->cpu.idle.set && cgroup_put(d, "cpu.idle", err, "%ld", (long)r->cpu.idle.v) < 0)
		return -1;
	if (r->cpu.shares.set && r->cpu.shares.v &&
		cgroup_put(d, "cpu.weight", err, "%lu",
			(unsigned long)cgroup_weight_from_shares(r->cpu.shares.v)) < 0)
		return -1;
	/* as on v1: a burst above a new quota refuses the quota, one above the old is itself refused */
	bool burst_done =
		r->cpu.burst.set && r->cpu.quota.set &&
		cgroup_put(d, "cpu.max.burst", NULL, "%lu", (unsigned long)r->cpu.burst.v) == 0;
	if (set_bandwidth(d, r, err) < 0)
		return -1;
	if (r->cpu.burst.set && !burst_done)
		return cgroup_put(d, "cpu.max.burst", err, "%lu", (unsigned long)r->cpu.burst.v);
	return 0;
}

static int set_cpuset(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (!str_empty(r->cpu.cpus) && cgroup_put(d, "cpuset.cpus", err, "%s", r->cpu.cpus) < 0)
		return -1;
	if (!str_empty(r->cpu.mems))
		return cgroup_put(d, "cpuset.mems", err, "%s", r->cpu.mems);
	return 0;
}

static int set_pids(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (!r->pids_limit.set || r->pids_limit.v == 0)
		return 0;
	return put_max(d, "pids.max", r->pids_limit.v, err);
}

/* BFQ's file takes the weight as it is; io.weight (io.cost, "default N") has another scale. */
static int set_weights(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	bool bfq = cgroup_file_exists(d, "io.bfq.weight");
	const char *file = bfq ? "io.bfq.weight" : "io.weight";
	if (r->blkio.weight.set && r->blkio.weight.v) {
		unsigned long weight =
			bfq ? r->blkio.weight.v : cgroup_io_weight(r->blkio.weight.v);
		if (cgroup_put(d, file, err, bfq ? "%lu" : "default %lu", weight) < 0)
			return -1;
	}
	for (size_t i = 0; i < r->blkio.weight_device_count; i++) {
		const struct oci_blkio_weight *w = &r->blkio.weight_devices[i];
		if (w->has_leaf_weight && w->leaf_weight)
			return err_set(err, ERR_INVALID,
				"cgroup v2 has no leaf weights for block devices");
		unsigned long weight = bfq ? w->weight : cgroup_io_weight(w->weight);
		if (w->has_weight && cgroup_put(d, file, err, "%ld:%ld %lu", (long)w->major,
					     (long)w->minor, weight) < 0)
			return -1;
	}
	if (r->blkio.leaf_weight.set && r->blkio.leaf_weight.v)
		return err_set(err, ERR_INVALID, "cgroup v2 has no leaf weights for block devices");
	return 0;
}

static int set_rates(const struct cgroup_dir *d, const char *key,
	const struct oci_blkio_rates *rates, struct err **err)
{
	for (size_t i = 0; i < rates->count; i++) {
		const struct oci_blkio_rate *rate = &rates->v[i];
		auto_free char *value =
			rate->rate ? xasprintf("%lu", (unsigned long)rate->rate) : xstrdup("max");
		if (cgroup_put(d, "io.max", err, "%ld:%ld %s=%s", (long)rate->major,
			    (long)rate->minor, key, value) < 0)
			return -1;
	}
	return 0;
}

static int set_io(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (set_weights(d, r, err) < 0 || set_rates(d, "rbps", &r->blkio.read_bps, err) < 0 ||
		set_rates(d, "wbps", &r->blkio.write_bps, err) < 0 ||
		set_rates(d, "riops", &r->blkio.read_iops, err) < 0)
		return -1;
	return set_rates(d, "wiops", &r->blkio.write_iops, err);
}

static int set_hugetlb(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	for (size_t i = 0; i < r->hugepage_count; i++) {
		auto_free char *file = xasprintf("hugetlb.%s.max", r->hugepages[i].page_size);
		if (cgroup_put(d, file, err, "%lu", (unsigned long)r->hugepages[i].limit) < 0)
			return -1;
		/* reservations, since 5.7: refused when they are made instead of a SIGBUS later */
		auto_free char *rsvd = xasprintf("hugetlb.%s.rsvd.max", r->hugepages[i].page_size);
		if (cgroup_file_exists(d, rsvd) &&
			cgroup_put(d, rsvd, err, "%lu", (unsigned long)r->hugepages[i].limit) < 0)
			return -1;
	}
	return 0;
}

int cgroup_set_rdma(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	for (size_t i = 0; i < r->rdma_count; i++) {
		auto_buf line = BUF_INIT;
		buf_adds(&line, r->rdma[i].device);
		if (r->rdma[i].handles.set)
			buf_addf(&line, " hca_handle=%u", r->rdma[i].handles.v);
		if (r->rdma[i].objects.set)
			buf_addf(&line, " hca_object=%u", r->rdma[i].objects.v);
		if (cgroup_put(d, "rdma.max", err, "%s", buf_str(&line)) < 0)
			return -1;
	}
	return 0;
}

/* Files named by the user: a file of this folder, never a path. Lines are written one by one, as files
 * like io.max take one device a write. */
static int set_unified(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	for (size_t i = 0; i < r->unified.count; i++) {
		const struct oci_pair *p = &r->unified.v[i];
		if (strchr(p->key, '/'))
			return err_set(err, ERR_INVALID,
				"unified resource \"%s\" must be a file name", p->key);
		auto_strv lines = strv_split(p->value, '\n');
		for (size_t j = 0; lines[j]; j++) {
			if ((*lines[j] || j == 0) && cgroup_put(d, p->key, err, "%s", lines[j]) < 0)
				return -1;
		}
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
	{CTL_BLKIO, set_io},
	{CTL_HUGETLB, set_hugetlb},
	{CTL_RDMA, cgroup_set_rdma},
};

int cgroup_v2_set(const struct cgroup_dir *d, const struct oci_resources *res, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(setters); i++) {
		if (cgroup_has(d, setters[i].controller) && setters[i].set(d, res, err) < 0)
			return -1;
	}
	return set_unified(d, res, err);
}
