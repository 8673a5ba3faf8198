/* A limit that cannot be set is never dropped in silence: what is asked for must have its controller. */
#include "base/mem.h"
#include "cgroup_private.h"

/* What @res asks of each controller. */
static bool asks_memory(const struct oci_resources *r)
{
	return (r->memory.limit.set && r->memory.limit.v) ||
	       (r->memory.swap.set && r->memory.swap.v) ||
	       (r->memory.reservation.set && r->memory.reservation.v) ||
	       (r->memory.kernel_tcp.set && r->memory.kernel_tcp.v) || r->memory.swappiness.set ||
	       (r->memory.disable_oom_killer.set && r->memory.disable_oom_killer.v);
}

static bool asks_cpu(const struct oci_resources *r)
{
	return (r->cpu.shares.set && r->cpu.shares.v) || (r->cpu.quota.set && r->cpu.quota.v) ||
	       (r->cpu.period.set && r->cpu.period.v) || r->cpu.burst.set || r->cpu.idle.set ||
	       (r->cpu.realtime_period.set && r->cpu.realtime_period.v) ||
	       (r->cpu.realtime_runtime.set && r->cpu.realtime_runtime.v);
}

static bool asks_cpuset(const struct oci_resources *r)
{
	return !str_empty(r->cpu.cpus) || !str_empty(r->cpu.mems);
}

static bool asks_pids(const struct oci_resources *r)
{
	return r->pids_limit.set && r->pids_limit.v >= 0;
}

static bool asks_blkio(const struct oci_resources *r)
{
	return (r->blkio.weight.set && r->blkio.weight.v) ||
	       (r->blkio.leaf_weight.set && r->blkio.leaf_weight.v) ||
	       r->blkio.weight_device_count || r->blkio.read_bps.count ||
	       r->blkio.write_bps.count || r->blkio.read_iops.count || r->blkio.write_iops.count;
}

static bool asks_devices(const struct oci_resources *r)
{
	return r->device_count > 0;
}

static bool asks_hugetlb(const struct oci_resources *r)
{
	return r->hugepage_count > 0;
}

static bool asks_net_cls(const struct oci_resources *r)
{
	return r->net_class_id.set && r->net_class_id.v;
}

static bool asks_net_prio(const struct oci_resources *r)
{
	return r->net_priorities.count > 0;
}

static bool asks_rdma(const struct oci_resources *r)
{
	return r->rdma_count > 0;
}

static const struct {
	enum cgroup_controller controller;
	bool (*asks)(const struct oci_resources *);
} demands[] = {
	{CTL_MEMORY, asks_memory},
	{CTL_CPU, asks_cpu},
	{CTL_CPUSET, asks_cpuset},
	{CTL_PIDS, asks_pids},
	{CTL_BLKIO, asks_blkio},
	{CTL_DEVICES, asks_devices},
	{CTL_HUGETLB, asks_hugetlb},
	{CTL_NET_CLS, asks_net_cls},
	{CTL_NET_PRIO, asks_net_prio},
	{CTL_RDMA, asks_rdma},
};

int cgroup_check_present(const struct cgroup *cg, const struct oci_resources *res, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(demands); i++) {
		enum cgroup_controller c = demands[i].controller;
		if (demands[i].asks(res) && !cgroup_dir_of(cg, c))
			return err_set(err, ERR_INVALID,
				"a limit needs the cgroup controller \"%s\", which this machine "
				"does not have",
				cgroup_controller_name(c, cg->layout.mode == CGROUP_V2));
	}
	if (res->unified.count && cg->layout.mode == CGROUP_V1)
		return err_set(
			err, ERR_INVALID, "unified resources need cgroup v2, which is not mounted");
	return 0;
}

const char *cgroup_first_asked(const struct oci_resources *res)
{
	for (size_t i = 0; i < ARRAY_LEN(demands); i++) {
		enum cgroup_controller c = demands[i].controller;
		if (c != CTL_DEVICES && demands[i].asks(res))
			return cgroup_controller_name(c, true);
	}
	return res->unified.count ? "unified" : NULL;
}

bool cgroup_asks_of(const struct cgroup_dir *d, const struct oci_resources *res)
{
	for (size_t i = 0; i < ARRAY_LEN(demands); i++) {
		if (cgroup_has(d, demands[i].controller) && demands[i].asks(res))
			return true;
	}
	return res->unified.count > 0;
}
