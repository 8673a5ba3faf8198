/* What v1 counts. */
#include <stdio.h>
#include <stdlib.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_usage_private.h"

#define TICK_NS 10000000u /* of cpuacct.stat, whose USER_HZ is 100 everywhere */

/* "cpu user system", then a line per CPU. */
static void per_cpu(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	auto_buf all = BUF_INIT;
	auto_buf usage = BUF_INIT;
	if (usage_text(d, "cpuacct.usage_percpu", &usage) == 0) {
		for (const char *at = buf_str(&usage); *at >= '0' && *at <= '9';) {
			char *end;
			usage_add_number(&out->percpu, strtoull(at, &end, 10));
			at = end + (*end == ' ');
		}
	}
	if (usage_text(d, "cpuacct.usage_all", &all) < 0)
		return;
	auto_strv lines = strv_split(buf_str(&all), '\n');
	for (size_t i = 1; lines[0] && lines[i]; i++) {
		uint64_t v[3]; /* the processor, user, kernel */
		if (str_numbers(lines[i], v, ARRAY_LEN(v)) < ARRAY_LEN(v))
			continue;
		usage_add_number(&out->percpu_user, v[1]);
		usage_add_number(&out->percpu_kernel, v[2]);
	}
}

static uint64_t ticks(const struct cgroup_dir *d, const char *key)
{
	int64_t value = cgroup_get_key(d, "cpuacct.stat", key);
	return value < 0 ? 0 : (uint64_t)value * TICK_NS;
}

static void cpuacct(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	out->cpu_total = usage_number(d, "cpuacct.usage");
	out->cpu_user = ticks(d, "user");
	out->cpu_kernel = ticks(d, "system");
	per_cpu(d, out);
}

static uint64_t counter(const char *text, const char *key)
{
	int64_t value = cgroup_text_key(text, key);
	return value < 0 ? 0 : (uint64_t)value;
}

static void cpu(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	auto_buf text = BUF_INIT;
	if (usage_text(d, "cpu.stat", &text) < 0)
		return;
	out->periods = counter(buf_str(&text), "nr_periods");
	out->throttled_periods = counter(buf_str(&text), "nr_throttled");
	out->throttled_time = counter(buf_str(&text), "throttled_time");
}

static void cpuset(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	usage_ranges(d, "cpuset.cpus", &out->cpus);
	usage_ranges(d, "cpuset.mems", &out->mems);
	out->cpu_exclusive = usage_number(d, "cpuset.cpu_exclusive");
	out->mem_hardwall = usage_number(d, "cpuset.mem_hardwall");
	out->mem_exclusive = usage_number(d, "cpuset.mem_exclusive");
	out->memory_migrate = usage_number(d, "cpuset.memory_migrate");
	out->memory_spread_page = usage_number(d, "cpuset.memory_spread_page");
	out->memory_spread_slab = usage_number(d, "cpuset.memory_spread_slab");
	out->memory_pressure_level = usage_number(d, "cpuset.memory_pressure");
	out->sched_load_balance = usage_number(d, "cpuset.sched_load_balance");
	auto_buf level = BUF_INIT;
	if (usage_text(d, "cpuset.sched_relax_domain_level", &level) == 0)
		out->sched_relax_domain_level = strtoll(buf_str(&level), NULL, 10);
}

static struct cgroup_memory_use memory_use(const struct cgroup_dir *d, const char *kind)
{
	return (struct cgroup_memory_use){
		.limit = usage_number(d, "memory.%slimit_in_bytes", kind),
		.usage = usage_number(d, "memory.%susage_in_bytes", kind),
		.max = usage_number(d, "memory.%smax_usage_in_bytes", kind),
		.failcnt = usage_number(d, "memory.%sfailcnt", kind),
	};
}

static void memory(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	usage_raw_memory(d, out);
	for (size_t i = 0; i < out->raw_count; i++) {
		if (str_eq(out->raw[i].name, "cache"))
			out->cache = out->raw[i].value;
	}
	out->memory = memory_use(d, "");
	out->swap = memory_use(d, "memsw.");
	out->kernel = memory_use(d, "kmem.");
	out->kernel_tcp = memory_use(d, "kmem.tcp.");
}

/* "8:0 Read 4096", or without the operation */
static bool read_entry(const char *line, struct cgroup_io_entry *e)
{
	uint64_t v[3];
	size_t n = str_numbers(line, v, ARRAY_LEN(v));
	if (n < 2)
		return false;
	e->major = v[0];
	e->minor = v[1];
	if (n == 3) {
		e->value = v[2];
		return true;
	}
	auto_strv words = strv_split(line, ' ');
	if (strv_len(words) != 3 || strlen(words[1]) >= sizeof(e->op))
		return false;
	snprintf(e->op, sizeof(e->op), "%s", words[1]);
	return str_to_u64(words[2], &e->value) == 0;
}

/* "8:0 Read 1282048", "8:0 6792"; "Total 3477504" adds nothing. */
static bool io_file(const struct cgroup_dir *d, const char *file, struct cgroup_io_list *out)
{
	auto_buf text = BUF_INIT;
	if (usage_text(d, file, &text) < 0)
		return false;
	auto_strv lines = strv_split(buf_str(&text), '\n');
	free(out->v);
	*out = (struct cgroup_io_list){0};
	for (size_t i = 0; lines[i]; i++) {
		struct cgroup_io_entry e = {0};
		if (read_entry(lines[i], &e))
			usage_add_io(out, &e);
	}
	return true;
}

/* BFQ's own counters (more of them in a debugging kernel), CFQ's, and those of the throttling that is
 * always there: the first set whose first file exists, as runc chooses. */
static void blkio(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	static const struct {
		const char *name;
		enum cgroup_io which;
	} kinds[] = {
		{"sectors", CGROUP_IO_SECTORS},
		{"io_service_time", CGROUP_IO_SERVICE_TIME},
		{"io_wait_time", CGROUP_IO_WAIT_TIME},
		{"io_merged", CGROUP_IO_MERGED},
		{"io_queued", CGROUP_IO_QUEUED},
		{"time", CGROUP_IO_TIME},
		{"io_serviced", CGROUP_IO_SERVICED},
		{"io_service_bytes", CGROUP_IO_BYTES},
	};
	static const struct {
		const char *prefix, *suffix;
		size_t first;
	} sets[] = {
		{"blkio.bfq.", "_recursive", 0},
		{"blkio.bfq.", "_recursive", 6},
		{"blkio.", "_recursive", 0},
		{"blkio.throttle.", "_recursive", 6},
		{"blkio.throttle.", "", 6},
	};
	for (size_t s = 0; s < ARRAY_LEN(sets); s++) {
		for (size_t k = sets[s].first; k < ARRAY_LEN(kinds); k++) {
			char file[96];
			snprintf(file, sizeof(file), "%s%s%s", sets[s].prefix, kinds[k].name,
				sets[s].suffix);
			struct cgroup_io_list *list = &out->io[kinds[k].which];
			bool there = io_file(d, file, list);
			/* an idle set says nothing: the next may */
			if (k == sets[s].first && (!there || !list->count))
				break;
			if (k == ARRAY_LEN(kinds) - 1)
				return;
		}
	}
}

static void huge_page(const struct cgroup_dir *d, struct cgroup_hugetlb_use *use)
{
	char rsvd[64], plain[64];
	snprintf(rsvd, sizeof(rsvd), "%.32s.rsvd", use->size);
	snprintf(plain, sizeof(plain), "%.32s", use->size);
	char file[128];
	snprintf(file, sizeof(file), "hugetlb.%s.usage_in_bytes", rsvd);
	const char *name = cgroup_file_exists(d, file) ? rsvd : plain;
	use->usage = usage_number(d, "hugetlb.%s.usage_in_bytes", name);
	use->max = usage_number(d, "hugetlb.%s.max_usage_in_bytes", name);
	use->failcnt = usage_number(d, "hugetlb.%s.failcnt", name);
}

void cgroup_v1_usage(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	static const struct {
		enum cgroup_controller controller;
		void (*read)(const struct cgroup_dir *, struct cgroup_usage *);
	} readers[] = {
		{CTL_CPUACCT, cpuacct},
		{CTL_CPU, cpu},
		{CTL_CPUSET, cpuset},
		{CTL_MEMORY, memory},
		{CTL_PIDS, usage_pids},
		{CTL_BLKIO, blkio},
	};
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		if (cgroup_has(d, readers[i].controller))
			readers[i].read(d, out);
	}
	if (cgroup_has(d, CTL_HUGETLB))
		usage_hugetlb(d, ".limit_in_bytes", huge_page, out);
}
