/* Limits that make no sense are refused at create, in Docker's words. */
#include "create.h"

#include "spec.h"

/* Docker's floor is 6 MiB, which its runtime needs for itself; ours takes less. */
#define MEMORY_MIN (1 << 20)
#define MEMORY_MIN_TEXT "1MB"

static int check_memory(const struct resources *r, struct err **err)
{
	if (r->memory && r->memory < MEMORY_MIN)
		return err_set(
			err, ERR_INVALID, "Minimum memory limit allowed is " MEMORY_MIN_TEXT);
	if (r->memory_swap > 0 && !r->memory)
		return err_set(err, ERR_INVALID,
			"You should always set the Memory limit when using Memoryswap limit, see "
			"usage");
	if (r->memory_swap > 0 && r->memory_swap < r->memory)
		return err_set(err, ERR_INVALID,
			"Minimum memoryswap limit should be larger than memory limit, see usage");
	if (r->memory_swap < -1)
		return err_set(err, ERR_INVALID, "invalid memoryswap limit: %lld",
			(long long)r->memory_swap);
	if (r->memory_swappiness.set &&
		(r->memory_swappiness.v < -1 || r->memory_swappiness.v > 100))
		return err_set(err, ERR_INVALID,
			"Invalid value: %lld, valid memory swappiness range is 0-100",
			(long long)r->memory_swappiness.v);
	if (r->memory_reservation && r->memory_reservation < MEMORY_MIN)
		return err_set(
			err, ERR_INVALID, "Minimum memory reservation allowed is " MEMORY_MIN_TEXT);
	if (r->memory && r->memory_reservation > r->memory)
		return err_set(err, ERR_INVALID,
			"Minimum memory limit can not be less than memory reservation limit, see "
			"usage");
	return 0;
}

static int check_cpu(const struct resources *r, unsigned cpus, struct err **err)
{
	if (r->nano_cpus && r->cpu_period)
		return err_set(err, ERR_INVALID,
			"Conflicting options: Nano CPUs and CPU Period cannot both be set.");
	if (r->nano_cpus && r->cpu_quota)
		return err_set(err, ERR_INVALID,
			"Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
	/* below 0.01 the quota would be under the kernel's millisecond */
	if (r->nano_cpus && (r->nano_cpus < 10000000 || r->nano_cpus > cpus * 1000000000ll))
		return err_set(err, ERR_INVALID,
			"Range of CPUs is from 0.01 to %u.00, as there are only %u CPUs available",
			cpus, cpus);
	if (r->cpu_shares < 0)
		return err_set(err, ERR_INVALID,
			"invalid CPU shares (%lld): value must be a positive integer",
			(long long)r->cpu_shares);
	if (r->cpu_period && (r->cpu_period < 1000 || r->cpu_period > 1000000))
		return err_set(err, ERR_INVALID,
			"CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
			"(i.e. 1000000)");
	if (r->cpu_quota > 0 && r->cpu_quota < 1000)
		return err_set(
			err, ERR_INVALID, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	if (r->cpu_rt_period || r->cpu_rt_runtime)
		return err_set(
			err, ERR_NOT_IMPLEMENTED, "real-time CPU limits are not implemented");
	return cpuset_check(r->cpuset_cpus, cpus, "cpus", err);
}

int cpuset_check(const char *list, unsigned limit, const char *what, struct err **err)
{
	if (str_empty(list))
		return 0;
	auto_strv part = strv_split(list, ',');
	for (size_t i = 0; part[i]; i++) {
		uint32_t first, last;
		char *dash = strchr(part[i], '-');
		if (dash)
			*dash++ = 0;
		if (str_to_u32(part[i], &first) || (dash && str_to_u32(dash, &last)))
			return err_set(
				err, ERR_INVALID, "Invalid value %s for cpuset %s", list, what);
		if (!dash)
			last = first;
		if (last < first)
			return err_set(
				err, ERR_INVALID, "Invalid value %s for cpuset %s", list, what);
		if (last >= limit)
			return err_set(err, ERR_INVALID,
				"Requested %s are not available - requested %s, available: 0%s%.0u",
				str_eq(what, "cpus") ? "CPUs" : "memory nodes", list,
				limit > 1 ? "-" : "", limit - 1);
	}
	return 0;
}

static int check_weight(uint64_t weight, const char *what, struct err **err)
{
	if (weight && (weight < 10 || weight > 1000))
		return err_set(err, ERR_INVALID, "Range of %s is from 10 to 1000", what);
	return 0;
}

static int check_ulimits(const struct resources *r, struct err **err)
{
	static const char *const known[] = {"core", "cpu", "data", "fsize", "locks", "memlock",
		"msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending",
		"stack"};
	for (size_t i = 0; i < r->ulimits.n; i++) {
		const struct ulimit *u = &r->ulimits.v[i];
		size_t k = 0;
		while (k < ARRAY_LEN(known) && !str_eq(known[k], u->name))
			k++;
		if (k == ARRAY_LEN(known))
			return err_set(err, ERR_INVALID, "invalid ulimit type: %s",
				u->name ? u->name : "");
		if (u->hard >= 0 && (u->soft > u->hard || u->soft < 0))
			return err_set(err, ERR_INVALID,
				"ulimit soft limit must be less than or equal to hard limit: %lld "
				"> %lld",
				(long long)u->soft, (long long)u->hard);
	}
	return 0;
}

static int check_devices(const struct resources *r, struct err **err)
{
	for (size_t i = 0; i < r->devices.n; i++) {
		const struct device_mapping *d = &r->devices.v[i];
		if (str_empty(d->path_on_host))
			return err_set(err, ERR_INVALID, "a device without a path on the host");
		if (!str_empty(d->permissions) && !str_all_of(d->permissions, "rwm", 1, 3))
			return err_set(err, ERR_INVALID, "invalid device mode: %s", d->permissions);
		if (!str_empty(d->path_in_container) && d->path_in_container[0] != '/')
			return err_set(err, ERR_INVALID, "%s is not an absolute path",
				d->path_in_container);
	}
	for (size_t i = 0; r->device_cgroup_rules && r->device_cgroup_rules[i]; i++) {
		char type, access[4];
		int64_t maj, min;
		if (spec_device_rule(r->device_cgroup_rules[i], &type, &maj, &min, access, err))
			return -1;
	}
	return 0;
}

int resources_check(const struct resources *r, unsigned cpus, char ***warnings, struct err **err)
{
	if (check_memory(r, err) || check_cpu(r, cpus, err) ||
		check_weight(r->blkio_weight, "blkio weight", err) || check_ulimits(r, err) ||
		check_devices(r, err))
		return -1;
	for (size_t i = 0; i < r->blkio_weight_device.n; i++)
		if (check_weight(r->blkio_weight_device.v[i].weight, "blkio weight", err))
			return -1;
	if (r->kernel_memory)
		return err_set(err, ERR_INVALID, "kernel memory limits are gone from the kernel");
	if (r->oom_kill_disable == TRI_TRUE && !r->memory)
		strv_add(warnings,
			"OOM killer is disabled for the container, but no memory limit is set, "
			"this can result in the system running out of resources.");
	return 0;
}
