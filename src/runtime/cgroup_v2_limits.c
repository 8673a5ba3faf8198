/* Limits on v2: the specification speaks v1, so most values are converted. */
#include <math.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

/* The least, the default and the greatest share become the least, the default and the greatest weight; in
 * between 10 to a quadratic function of the share's logarithm, as every runtime has it since 2025. */
uint64_t cgroup_weight_from_shares(uint64_t shares)
{
	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	double l = log2((double)shares);
	return (uint64_t)ceil(pow(10, (l * l + 125 * l) / 612 - 7.0 / 34));
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

/* The specification's swap is memory+swap; v2's is swap alone. An update of it alone is measured against the
 * limit that is in force; where memory is unlimited there is nothing to take off. */
static int swap_alone(
	const struct cgroup_dir *d, const struct oci_resources *r, int64_t *out, struct err **err)
{
	int64_t both = r->memory.swap.v, limit = r->memory.limit.set ? r->memory.limit.v : 0;
	*out = both;
	if (both < 0)
		return 0;
	if (!limit)
		limit = cgroup_get(d, "memory.max");
	if (limit < 0 || (limit == INT64_MAX && r->memory.limit.v < 0))
		return 0;
	if (limit == INT64_MAX)
		return err_set(err, ERR_INVALID, "a limit on memory+swap needs a limit on memory");
	if (both < limit)
		return err_set(err, ERR_INVALID,
			"memory+swap limit %ld is below the memory limit %ld", (long)both,
			(long)limit);
	*out = both - limit;
	return 0;
}

/* A kernel without swap accounting has no such file, and nothing to forbid or to allow. */
static int put_swap(const struct cgroup_dir *d, int64_t swap, struct err **err)
{
	if (swap <= 0 && !cgroup_file_exists(d, "memory.swap.max"))
		return 0;
	return put_max(d, "memory.swap.max", swap, err);
}

/* checkBeforeUpdate: v2 would take the limit and call the OOM killer. */
static int check_usage(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	int64_t usage = cgroup_get(d, "memory.current");
	if (r->memory.limit.set && r->memory.limit.v > 0 && r->memory.limit.v < usage)
		return err_set(err, ERR_CONFLICT,
			"memory limit %ld is below what is in use (%ld), and checkBeforeUpdate is "
			"set",
			(long)r->memory.limit.v, (long)usage);
	if (r->memory.swap.set && r->memory.swap.v > 0 && r->memory.swap.v < usage)
		return err_set(err, ERR_CONFLICT,
			"memory+swap limit %ld is below what is in use (%ld), and "
			"checkBeforeUpdate is set",
			(long)r->memory.swap.v, (long)usage);
	return 0;
}

static int refuse_memory(const struct oci_resources *r, struct err **err)
{
	if (r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.v)
		return err_set(err, ERR_INVALID,
			"memory.disableOOMKiller: cgroup v2 cannot disable the OOM killer");
	if (r->memory.swappiness.set)
		return err_set(err, ERR_INVALID,
			"memory.swappiness: cgroup v2 has no swappiness for a container");
	return 0;
}

static int set_memory(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	bool has_limit = r->memory.limit.set && r->memory.limit.v;
	bool has_swap = r->memory.swap.set && r->memory.swap.v;
	int64_t swap = -1;
	if (refuse_memory(r, err) < 0 || (has_swap && swap_alone(d, r, &swap, err) < 0))
		return -1;
	if (r->memory.check_before_update.set && r->memory.check_before_update.v &&
		check_usage(d, r, err) < 0)
		return -1;
	/* lifting the limit lifts the one on swap, as on v1 */
	has_swap |= has_limit && r->memory.limit.v < 0;
	if (has_swap && put_swap(d, swap, err) < 0)
		return -1;
	if (has_limit && put_max(d, "memory.max", r->memory.limit.v, err) < 0)
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

static int set_idle(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	return cgroup_put(d, "cpu.idle", err, "%ld", (long)r->cpu.idle.v);
}

/* An idle group takes no weight: so it stops being idle first, and becomes it last. */
static int set_weight(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (r->cpu.idle.set && !r->cpu.idle.v && set_idle(d, r, err) < 0)
		return -1;
	if (r->cpu.shares.set && r->cpu.shares.v &&
		cgroup_put(d, "cpu.weight", err, "%lu",
			(unsigned long)cgroup_weight_from_shares(r->cpu.shares.v)) < 0)
		return -1;
	return r->cpu.idle.set && r->cpu.idle.v ? set_idle(d, r, err) : 0;
}

static int set_cpu(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.v)
		return err_set(err, ERR_INVALID,
			"cpu.realtimeRuntime: cgroup v2 cannot give a container realtime runtime");
	if (r->cpu.realtime_period.set && r->cpu.realtime_period.v)
		return err_set(err, ERR_INVALID,
			"cpu.realtimePeriod: cgroup v2 cannot give a container realtime runtime");
	if (set_weight(d, r, err) < 0)
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

/* None at all is one: the first process is there already, and no other may join it. */
static int set_pids(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	if (!r->pids_limit.set)
		return 0;
	return put_max(d, "pids.max", r->pids_limit.v ? r->pids_limit.v : 1, err);
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

/* Whether the controller whose files begin with @name (@n bytes) is on in this very folder. */
static bool is_enabled(const struct cgroup_dir *d, const char *name, size_t n)
{
	auto_buf on = BUF_INIT;
	if (file_read(d->fd, "cgroup.controllers", 4096, &on, NULL) < 0)
		return true; /* then the other error says more */
	uint32_t bit = cgroup_controller_bit(name, n, true);
	return bit & cgroup_controller_list(buf_str(&on), true);
}

static int not_enabled(const struct cgroup_dir *d, const char *name, int n, struct err **err)
{
	return err_set(err, ERR_INVALID,
		"the cgroup controller \"%.*s\" is not available in %s/%s (%s)", n, name,
		d->mount->path, d->rel,
		d->mount->controllers & cgroup_controller_bit(name, (size_t)n, true)
			? "it could not be enabled: perhaps a cgroup above has processes of its own"
			: "this machine does not have it on cgroup v2");
}

static int explain_unified(
	const struct cgroup_dir *d, const char *file, struct err **why, struct err **err)
{
	size_t n = strcspn(file, ".");
	if ((*why)->sys != ENOENT && (*why)->sys != EACCES && (*why)->sys != EPERM)
		return err_move(err, why);
	if (!file[n])
		return err_set(err, ERR_INVALID,
			"unified resource \"%s\" must be in the form CONTROLLER.PARAMETER", file);
	bool core = n == strlen("cgroup") && strncmp(file, "cgroup", n) == 0;
	if (!core && !is_enabled(d, file, n)) {
		not_enabled(d, file, (int)n, err);
		return err_wrap(err, "unified resource \"%s\" can't be set", file);
	}
	return err_move(err, why);
}

/* Files named by the user: a file of this folder, never a path. Lines are written one by one, as files
 * like io.max take one device a write. */
static int set_unified(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	for (size_t i = 0; i < r->unified.count; i++) {
		const struct oci_pair *p = &r->unified.v[i];
		auto_err *why = NULL;
		if (!*p->key || strchr(p->key, '/') || str_eq(p->key, ".") || str_eq(p->key, ".."))
			return err_set(err, ERR_INVALID,
				"unified resource \"%s\" must be a file name", p->key);
		auto_strv lines = strv_split(p->value, '\n');
		for (size_t j = 0; lines[j]; j++) {
			if ((*lines[j] || j == 0) &&
				cgroup_put(d, p->key, &why, "%s", lines[j]) < 0)
				return explain_unified(d, p->key, &why, err);
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
		auto_err *why = NULL;
		enum cgroup_controller c = setters[i].controller;
		if (!cgroup_has(d, c) || setters[i].set(d, res, &why) == 0)
			continue;
		const char *name = cgroup_controller_name(c, true);
		if (why->sys == ENOENT && !is_enabled(d, name, strlen(name)))
			return not_enabled(d, name, (int)strlen(name), err);
		return err_move(err, &why);
	}
	return set_unified(d, res, err);
}
