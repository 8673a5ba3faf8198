/* update: limits of a container that runs. */
#include <fcntl.h>

#include "base/fdio.h"
#include "base/log.h"
#include "oci/config.h"
#include "resctrl.h"
#include "state.h"

struct update_options {
	const char *resources;
	struct option_number blkio_weight, pids_limit;
	const char *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period, *cpu_rt_runtime,
		*cpu_idle, *cpuset_cpus, *cpuset_mems, *memory, *memory_reservation, *memory_swap,
		*l3_cache, *mem_bw, *kernel_memory, *kernel_memory_tcp;
};

#define OPT_KIND(name, kind, member, help)                                                         \
	{                                                                                          \
		name, kind, offsetof(struct update_options, member), help                          \
	}
#define OPT(name, member, help) OPT_KIND(name, OPTION_STR, member, help)
#define OPT_NUMBER(name, member, help) OPT_KIND(name, OPTION_NUMBER, member, help)
static const struct option options[] = {
	OPT("resources, r", resources, "JSON file with the resources, - for standard input"),
	OPT_NUMBER("blkio-weight", blkio_weight, "block I/O weight, 10 to 1000"),
	OPT("cpu-period", cpu_period, "CPU period in microseconds"),
	OPT("cpu-quota", cpu_quota, "CPU time in a period, in microseconds"),
	OPT("cpu-burst", cpu_burst, "CPU time that may be saved up, in microseconds"),
	OPT("cpu-share", cpu_share, "share of CPU time against others, 2 to 262144"),
	OPT("cpu-rt-period", cpu_rt_period, "realtime period in microseconds"),
	OPT("cpu-rt-runtime", cpu_rt_runtime, "realtime CPU time in a period, in microseconds"),
	OPT("cpu-idle", cpu_idle, "1: run only when nothing else wants to"),
	OPT("cpuset-cpus", cpuset_cpus, "CPUs to use"),
	OPT("cpuset-mems", cpuset_mems, "memory nodes to use"),
	OPT("kernel-memory", kernel_memory, "without effect: gone from Linux"),
	OPT("kernel-memory-tcp", kernel_memory_tcp,
		"kernel memory for TCP buffers in bytes, -1: no limit (cgroup v1)"),
	OPT("memory, m", memory, "memory limit in bytes"),
	OPT("memory-reservation", memory_reservation, "memory that is left alone under pressure"),
	OPT("memory-swap", memory_swap, "memory and swap together in bytes, -1: no limit"),
	OPT_NUMBER("pids-limit", pids_limit, "number of processes and threads"),
	OPT("l3-cache-schema", l3_cache, "schemata line for the L3 cache: L3:0=ff;1=f"),
	OPT("mem-bw-schema", mem_bw, "schemata line for memory bandwidth: MB:0=50;1=70"),
};
#undef OPT_NUMBER
#undef OPT
#undef OPT_KIND

static int parse_unsigned(
	const char *name, const char *text, bool *set, uint64_t *out, struct err **err)
{
	if (str_empty(text))
		return 0;
	if (str_to_u64(text, out) < 0)
		return err_set(err, ERR_INVALID, "invalid value for %s: %s", name, text);
	*set = true;
	return 0;
}

static int parse_signed(
	const char *name, const char *text, bool *set, int64_t *out, struct err **err)
{
	if (str_empty(text))
		return 0;
	if (str_to_i64(text, out) < 0)
		return err_set(err, ERR_INVALID, "invalid value for %s: %s", name, text);
	*set = true;
	return 0;
}

/* Sizes: bytes, or with a unit as docker writes them. */
static int parse_size(const char *name, const char *text, bool *set, int64_t *out, struct err **err)
{
	if (str_empty(text))
		return 0;
	if (str_eq(text, "-1"))
		*out = -1;
	else if (str_to_size(text, out) < 0)
		return err_set(err, ERR_INVALID, "invalid value for %s: %s", name, text);
	*set = true;
	return 0;
}

static int fill_cpu(struct oci_resources *r, const struct update_options *o, struct err **err)
{
	const struct {
		const char *name, *text;
		bool *set;
		uint64_t *out;
	} numbers[] = {
		{"cpu-period", o->cpu_period, &r->cpu.period.set, &r->cpu.period.v},
		{"cpu-burst", o->cpu_burst, &r->cpu.burst.set, &r->cpu.burst.v},
		{"cpu-share", o->cpu_share, &r->cpu.shares.set, &r->cpu.shares.v},
		{"cpu-rt-period", o->cpu_rt_period, &r->cpu.realtime_period.set,
			&r->cpu.realtime_period.v},
	};
	const struct {
		const char *name, *text;
		bool *set;
		int64_t *out;
	} signed_numbers[] = {
		{"cpu-quota", o->cpu_quota, &r->cpu.quota.set, &r->cpu.quota.v},
		{"cpu-rt-runtime", o->cpu_rt_runtime, &r->cpu.realtime_runtime.set,
			&r->cpu.realtime_runtime.v},
		{"cpu-idle", o->cpu_idle, &r->cpu.idle.set, &r->cpu.idle.v},
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (parse_unsigned(numbers[i].name, numbers[i].text, numbers[i].set, numbers[i].out,
			    err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(signed_numbers); i++) {
		if (parse_signed(signed_numbers[i].name, signed_numbers[i].text,
			    signed_numbers[i].set, signed_numbers[i].out, err) < 0)
			return -1;
	}
	r->cpu.cpus = xstrdup_null(o->cpuset_cpus);
	r->cpu.mems = xstrdup_null(o->cpuset_mems);
	return 0;
}

static int fill(struct oci_resources *r, const struct update_options *o, struct err **err)
{
	const struct option_number *weight = &o->blkio_weight;
	if (fill_cpu(r, o, err) < 0 ||
		parse_size("memory", o->memory, &r->memory.limit.set, &r->memory.limit.v, err) <
			0 ||
		parse_size("memory-reservation", o->memory_reservation, &r->memory.reservation.set,
			&r->memory.reservation.v, err) < 0 ||
		parse_size("memory-swap", o->memory_swap, &r->memory.swap.set, &r->memory.swap.v,
			err) < 0 ||
		parse_size("kernel-memory-tcp", o->kernel_memory_tcp, &r->memory.kernel_tcp.set,
			&r->memory.kernel_tcp.v, err) < 0)
		return -1;
	if (!str_empty(o->kernel_memory))
		log_warn("the limit on kernel memory is ignored");
	if (weight->v < 0 || weight->v > 1000)
		return err_set(err, ERR_INVALID, "invalid value for blkio-weight: %lld",
			(long long)weight->v);
	r->blkio.weight.set = weight->set;
	r->blkio.weight.v = (uint16_t)weight->v;
	r->pids_limit.set = o->pids_limit.set;
	r->pids_limit.v = o->pids_limit.v;
	return 0;
}

static int read_resources(struct oci_resources **out, const char *path, struct err **err)
{
	auto_buf text = BUF_INIT;
	int r = str_eq(path, "-")
			? fd_read_all(STDIN_FILENO, 1u << 20, &text, "standard input", err)
			: file_read_given(path, 1u << 20, &text, err);
	return r < 0 ? -1 : oci_resources_parse(out, text.data, text.len, err);
}

static int update(const struct globals *g, const char *id, const struct update_options *o,
	const struct oci_resources *r, struct err **err)
{
	auto_state *s = NULL;
	if (state_open(&s, g, id, LOCK_CHANGE, err) < 0)
		return -1;
	if (state_status(s) == STATUS_STOPPED)
		return err_set(err, ERR_CONFLICT, "container not running");
	struct cgroup *cg = state_cgroup_need(s, err);
	int result = cg ? cgroup_update(cg, r, err) : -1;
	cgroup_free(cg);
	return result < 0 ? -1 : resctrl_update(s, o->l3_cache, o->mem_bw, err);
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct update_options *o = opts;
	struct oci_resources *r = NULL;
	int result;
	if (!str_empty(o->resources)) {
		result = read_resources(&r, o->resources, err);
	} else {
		r = xcalloc(1, sizeof(*r));
		result = fill(r, o, err);
	}
	if (result == 0)
		result = update(g, argv[0], o, r, err);
	oci_resources_free(r);
	return result < 0;
}

const struct verb verb_update = {
	.name = "update",
	.usage = "<container-id>",
	.help = "change the limits of a running container",
	VERB_OPTIONS(options, struct update_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
