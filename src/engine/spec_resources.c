/* Limits: memory, cpu, pids, block devices, and rlimits. */
#include <ctype.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "spec.h"

#define CPU_PERIOD 100000

static void set_memory(struct oci_resources *r, const struct resources *res)
{
	if (res->memory > 0) {
		r->memory.limit.set = true;
		r->memory.limit.v = res->memory;
	}
	if (res->memory_reservation > 0) {
		r->memory.reservation.set = true;
		r->memory.reservation.v = res->memory_reservation;
	}
	if (res->memory_swap) {
		r->memory.swap.set = true;
		r->memory.swap.v = res->memory_swap;
	}
	if (res->memory_swappiness.set && res->memory_swappiness.v >= 0) {
		r->memory.swappiness.set = true;
		r->memory.swappiness.v = (uint64_t)res->memory_swappiness.v;
	}
	if (res->oom_kill_disable == TRI_TRUE) {
		r->memory.disable_oom_killer.set = true;
		r->memory.disable_oom_killer.v = true;
	}
}

static void set_cpu(struct oci_resources *r, const struct resources *res)
{
	if (res->cpu_shares) {
		r->cpu.shares.set = true;
		r->cpu.shares.v = (uint64_t)res->cpu_shares;
	}
	if (res->nano_cpus > 0) {
		r->cpu.period.set = r->cpu.quota.set = true;
		r->cpu.period.v = CPU_PERIOD;
		r->cpu.quota.v = res->nano_cpus / 1000 * CPU_PERIOD / 1000000;
	}
	if (res->cpu_period) {
		r->cpu.period.set = true;
		r->cpu.period.v = (uint64_t)res->cpu_period;
	}
	if (res->cpu_quota) {
		r->cpu.quota.set = true;
		r->cpu.quota.v = res->cpu_quota;
	}
	if (!str_empty(res->cpuset_cpus))
		r->cpu.cpus = xstrdup(res->cpuset_cpus);
	if (!str_empty(res->cpuset_mems))
		r->cpu.mems = xstrdup(res->cpuset_mems);
}

static int device_number(const char *path, int64_t *maj, int64_t *min, struct err **err)
{
	struct stat st;
	if (stat(path, &st))
		return err_sys(err, errno, "stat device %s", path);
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(err, ERR_INVALID, "%s is not a device", path);
	*maj = major(st.st_rdev);
	*min = minor(st.st_rdev);
	return 0;
}

static int set_rates(
	struct oci_blkio_rates *out, const struct throttle_device *v, size_t n, struct err **err)
{
	out->v = n ? xcalloc(n, sizeof(*out->v)) : NULL;
	for (size_t i = 0; i < n; i++) {
		struct oci_blkio_rate *r = &out->v[out->count];
		if (device_number(v[i].path, &r->major, &r->minor, err))
			return -1;
		r->rate = v[i].rate;
		out->count++;
	}
	return 0;
}

static int set_blkio(struct oci_resources *r, const struct resources *res, struct err **err)
{
	if (res->blkio_weight) {
		r->blkio.weight.set = true;
		r->blkio.weight.v = (uint16_t)res->blkio_weight;
	}
	size_t n = res->blkio_weight_device.n;
	if (n)
		r->blkio.weight_devices = xcalloc(n, sizeof(*r->blkio.weight_devices));
	for (size_t i = 0; i < n; i++) {
		struct oci_blkio_weight *w = &r->blkio.weight_devices[r->blkio.weight_device_count];
		const struct weight_device *d = &res->blkio_weight_device.v[i];
		if (device_number(d->path, &w->major, &w->minor, err))
			return -1;
		w->has_weight = true;
		w->weight = (uint16_t)d->weight;
		r->blkio.weight_device_count++;
	}
	if (set_rates(&r->blkio.read_bps, res->blkio_read_bps.v, res->blkio_read_bps.n, err) ||
		set_rates(
			&r->blkio.write_bps, res->blkio_write_bps.v, res->blkio_write_bps.n, err) ||
		set_rates(
			&r->blkio.read_iops, res->blkio_read_iops.v, res->blkio_read_iops.n, err) ||
		set_rates(&r->blkio.write_iops, res->blkio_write_iops.v, res->blkio_write_iops.n,
			err))
		return -1;
	return 0;
}

void spec_rlimit(struct oci_process *p, const struct ulimit *u)
{
	auto_free char *type = xasprintf("RLIMIT_%s", u->name);
	for (char *s = type; *s; s++)
		*s = (char)toupper((unsigned char)*s);
	/* -1 becomes RLIM_INFINITY by conversion */
	oci_rlimit_add(p, type, (uint64_t)u->soft, (uint64_t)u->hard);
}

int spec_resources(struct oci_config *c, const struct host_config *host, struct err **err)
{
	struct oci_resources *r = &c->linux.resources;

	set_memory(r, &host->res);
	set_cpu(r, &host->res);
	if (host->res.pids_limit.set && host->res.pids_limit.v) {
		r->pids_limit.set = true;
		r->pids_limit.v = host->res.pids_limit.v > 0 ? host->res.pids_limit.v : -1;
	}
	for (size_t i = 0; i < host->res.ulimits.n; i++)
		spec_rlimit(&c->process, &host->res.ulimits.v[i]);
	return set_blkio(r, &host->res, err);
}
